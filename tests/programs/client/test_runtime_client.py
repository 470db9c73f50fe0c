"""The client with this repository's runtime, on a real node."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.client import typed
from btt_chain.client.errors import (
    ClientError,
    Disconnected,
    DispatchFailed,
    NotIncluded,
)
from btt_chain.client.typed import Executed, Head, RuntimeClient, open_runtime
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import EncodeError, u128
from runtime.apis.core import AccountNonceApi
from runtime.constants import BTT
from runtime.pallets.balances import events
from runtime.pallets.jobs.api import WorkApi
from support.node import Node, dev_node

ALICE, EVE = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Eve")
BOB = AccountId(KeyPair.from_uri("//Bob").account_id)
UNUSED = AccountId(b"\x11" * 32)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with dev_node(tmp_path_factory.mktemp("chain"), "node", "--sealing", "interval:200") as found:
        yield found


async def send(chain: RuntimeClient, amount: int) -> Executed:
    return await chain.submit(
        "Balances", "transfer_allow_death", signer=ALICE, dest=Id(BOB), value=u128(amount)
    )


async def test_a_call_is_carried_out_and_its_events_come_back(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        done = await send(chain, int(BTT))
        moved = [event for event in done.events if isinstance(event, events.Transfer)]
        assert [(event.to, int(event.amount)) for event in moved] == [(BOB, int(BTT))]
        assert len(done.block) == 32


async def test_calls_of_one_account_go_out_side_by_side(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        before = await chain.api(AccountNonceApi.account_nonce, AccountId(ALICE.account_id))
        done = await asyncio.gather(*(send(chain, int(BTT) + number) for number in range(8)))
        after = await chain.api(AccountNonceApi.account_nonce, AccountId(ALICE.account_id))
        assert int(after) - int(before) == 8
        assert len({one.block for one in done}) < 8  # several in one block: none waited for another


async def test_what_fails_in_its_block_is_named(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        with pytest.raises(DispatchFailed) as refused:
            await send(chain, 10**35)
        assert refused.value.name == "Token.FundsUnavailable"
        with pytest.raises(DispatchFailed) as refused:
            await chain.submit("Jobs", "cancel", signer=ALICE, job=H256(bytes(32)))
        assert refused.value.name == "Jobs.UnknownJob"
        assert "Jobs.UnknownJob: " in str(refused.value)


def no_method(_: object) -> None:
    """Stand for a function that is not a method of a runtime API."""


async def test_a_call_that_there_is_not_is_a_mistake_of_the_program(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        with pytest.raises(KeyError):
            await chain.submit("Balances", "mint", signer=ALICE)
        with pytest.raises(EncodeError):
            await chain.submit("Balances", "burn", signer=ALICE, value=u128(1))
        with pytest.raises(ClientError, match="no no_method"):
            await chain.api(no_method)
        with pytest.raises(ClientError, match="with 2 arguments"):
            typed.encode_arguments(AccountNonceApi.account_nonce, BOB, BOB)


async def test_heads_come_one_after_the_other_with_the_final_one(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        seen: list[Head] = []
        async for head in chain.heads():
            seen.append(head)
            if len(seen) == 3:
                break
        assert [head.number for head in seen] == sorted({head.number for head in seen})
        assert [head.slot for head in seen] == sorted({head.slot for head in seen})
        finals = [head.final_number for head in seen]
        assert finals == sorted(finals)
        assert finals[-1] > 0
        now = await chain.head()
        assert now.number >= seen[-1].number
        assert chain.slot_ms == 1_000
        assert len(chain.genesis) == 32


async def test_a_client_of_an_older_runtime_must_connect_again(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        transactions = chain.chain.transactions
        transactions._facts = replace(transactions._facts, spec_version=99)
        with pytest.raises(Disconnected, match="from version 99 to 100"):
            await chain.head()
        with pytest.raises(Disconnected, match="from version 99"):
            await send(chain, int(BTT))
        with pytest.raises(Disconnected, match="from version 99"):
            await anext(chain.heads())


async def test_a_state_may_be_named(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        nonce = await chain.api(
            AccountNonceApi.account_nonce, AccountId(ALICE.account_id), at=chain.genesis
        )
        assert nonce == 0
        with pytest.raises(ClientError):
            await chain.api(AccountNonceApi.account_nonce, UNUSED, at=b"\x99" * 32)


async def test_views_of_useful_work_are_read(node: Node) -> None:
    async with open_runtime(node.ws) as chain:
        rules = await chain.api(WorkApi.rules)
        assert bytes(rules.genesis) == chain.genesis
        assert await chain.api(WorkApi.job, H256(bytes(32))) is None


async def test_a_node_that_is_killed_fails_what_waits(tmp_path: Path) -> None:
    manager = dev_node(tmp_path, "node", "--sealing", "manual")
    other = manager.__enter__()
    async with open_runtime(other.ws) as chain:
        waiting = asyncio.create_task(send(chain, int(BTT)))
        heads = chain.heads()
        await anext(heads)
        await asyncio.sleep(0.2)
        os.kill(other.process.pid, signal.SIGKILL)
        with pytest.raises(Disconnected):
            await waiting
        with pytest.raises(Disconnected):
            await anext(heads)
        with pytest.raises(Disconnected):
            await chain.head()
    assert other.process.wait(30)
    with pytest.raises(AssertionError, match="ended by itself"):
        manager.__exit__(None, None, None)


async def test_what_comes_into_no_block_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "PATIENCE", 0.5)
    with dev_node(tmp_path, "node", "--sealing", "manual") as other:
        async with open_runtime(other.ws) as chain:
            with pytest.raises(NotIncluded, match="in no block"):
                await send(chain, int(BTT))
