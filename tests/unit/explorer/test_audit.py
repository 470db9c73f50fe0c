"""Audits: an honest node's index passes, and each lie of a node fails the check of its subject."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

import pytest

from btt_chain.client.errors import InvalidAnswer, RpcError
from btt_chain.client.jsonrpc import Json
from btt_chain.explorer.audit import BAD, GOOD, OPEN, Report
from btt_chain.explorer.index.machine import Contradiction
from btt_chain.explorer.index.source import EVENT_COUNT, EVENTS, ISSUANCE, account_key
from btt_chain.explorer.open_items import KINDS
from btt_chain.scale import u128
from support.chain import ALICE, BOB, DevChain, address
from support.explorer import ChainConnection, audit_chain, hex_of, index_chain, pages_of, unhex

PAID = 123_456_789_000_000_000


def chain_of(blocks: int) -> DevChain:
    chain = DevChain(shared=True)
    for _ in range(blocks):
        call = chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(PAID))
        chain.send(ALICE, call)
        chain.seal()
    return chain


def failed(report: Report) -> list[str]:
    return [check.name for check in report if check.result == BAD]


class Changed:
    """A node that changes the value under a key of the state, in its answers without proofs."""

    def __init__(self, key: bytes, change: dict[bytes, bytes]) -> None:
        self.key = hex_of(key)
        self.change = change

    def __call__(self, method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        if method != "state_queryStorageAt" or not isinstance(answer, list):
            return answer
        for found in answer:
            assert isinstance(found, dict)
            changes = found["changes"]
            assert isinstance(changes, list)
            for pair in changes:
                assert isinstance(pair, list)
                if pair[0] == self.key and isinstance(pair[1], str):
                    raw = unhex(pair[1])
                    for old, new in self.change.items():
                        raw = raw.replace(old, new)
                    pair[1] = hex_of(raw)
        return answer


async def test_the_index_of_an_honest_node_passes_every_check(tmp_path: Path) -> None:
    connection, file = ChainConnection(chain_of(4)), tmp_path / "index.db"
    await index_chain(connection, file)
    report = await audit_chain(connection, file)
    assert [(check.name, check.result) for check in report] == [
        (name, GOOD) for name in ("E1", "E2", "E3", "E4", "E5", "E6")
    ]


async def test_a_wrong_balance_fails_the_sum_and_the_proof(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"
    free = int(chain.account(BOB).data.free)
    rich = (free + 10**18).to_bytes(16, "little")
    lie = Changed(account_key(BOB.account_id), {free.to_bytes(16, "little"): rich})
    await index_chain(ChainConnection(chain, lie=lie), file)
    assert failed(await audit_chain(ChainConnection(chain, lie=lie), file)) == ["E3", "E4"]


async def test_a_wrong_balance_and_an_issuance_to_match_fail_the_proof(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"
    free, issued = int(chain.account(BOB).data.free), chain.total()
    balance = Changed(
        account_key(BOB.account_id),
        {free.to_bytes(16, "little"): (free + 10**18).to_bytes(16, "little")},
    )
    supply = Changed(
        ISSUANCE, {issued.to_bytes(16, "little"): (issued + 10**18).to_bytes(16, "little")}
    )

    def both(method: str, params: tuple[Json, ...], answer: Json) -> Json:
        return balance(method, params, supply(method, params, answer))

    await index_chain(ChainConnection(chain, lie=both), file)
    assert failed(await audit_chain(ChainConnection(chain, lie=both), file)) == ["E4"]


async def test_a_changed_event_fails_the_check_of_events(tmp_path: Path) -> None:
    chain, file = chain_of(3), tmp_path / "index.db"
    lie = Changed(EVENTS, {PAID.to_bytes(16, "little"): (PAID + 1).to_bytes(16, "little")})
    await index_chain(ChainConnection(chain, lie=lie), file)
    assert failed(await audit_chain(ChainConnection(chain, lie=lie), file)) == ["E2"]


async def test_a_wrong_number_of_events_fails_the_check_of_events(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"
    lie = Changed(EVENT_COUNT, {b"\7\0\0\0": b"\6\0\0\0", b"\x0b\0\0\0": b"\6\0\0\0"})
    await index_chain(ChainConnection(chain, lie=lie), file)
    assert failed(await audit_chain(ChainConnection(chain, lie=lie), file)) == ["E2"]


async def test_a_left_out_extrinsic_fails_the_check_of_extrinsics(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"

    def leave_out(method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        if method == "chain_getBlock" and isinstance(answer, dict):
            block = answer["block"]
            assert isinstance(block, dict)
            assert isinstance(block["extrinsics"], list)
            block["extrinsics"] = block["extrinsics"][:1]
        return answer

    await index_chain(ChainConnection(chain, lie=leave_out), file)
    assert failed(await audit_chain(ChainConnection(chain), file)) == ["E2", "E5"]


async def test_a_skipped_block_stops_the_index(tmp_path: Path) -> None:
    chain, file = chain_of(4), tmp_path / "index.db"
    third = chain.client.block_hash(3)
    assert third is not None

    def skip(method: str, params: tuple[Json, ...], answer: Json) -> Json:
        return hex_of(third) if method == "chain_getBlockHash" and params == (2,) else answer

    with pytest.raises(Contradiction, match="gave block 3 where 2 was requested"):
        await index_chain(ChainConnection(chain, lie=skip), file)


async def test_a_changed_header_stops_the_index(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"

    def change(method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        if method == "chain_getBlock" and isinstance(answer, dict):
            block = answer["block"]
            assert isinstance(block, dict)
            assert isinstance(block["header"], dict)
            block["header"]["stateRoot"] = "0x" + "11" * 32
        return answer

    with pytest.raises(InvalidAnswer, match="not the one with its hash"):
        await index_chain(ChainConnection(chain, lie=change), file)


async def test_the_foot_of_every_page_names_the_checks_that_failed(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"
    lie = Changed(EVENTS, {PAID.to_bytes(16, "little"): (PAID + 1).to_bytes(16, "little")})
    await index_chain(ChainConnection(chain, lie=lie), file)
    await audit_chain(ChainConnection(chain), file)
    async with pages_of(ChainConnection(chain), file) as (client, _):
        page = await (await client.get("/blocks")).text()
        assert 'class="tag bad">index complete to #2, audited #2' in page
        assert "failed: E2" in page
        audit = await (await client.get("/audit")).text()
        assert "has other events in its state" in audit


async def test_open_jobs_referenda_and_orders_by_events_are_those_of_the_chain(
    economy_index: Path, economy: ChainConnection, tmp_path: Path
) -> None:
    file = tmp_path / "index.db"
    copyfile(economy_index, file)
    report = await audit_chain(economy, file)
    (check,) = (check for check in report if check.name == "E6")
    assert (check.result, check.detail) == (GOOD, "open: 1 jobs, 1 referenda, 1 orders")


async def test_a_hidden_referendum_fails_the_check_of_open_items(
    economy_index: Path, economy: ChainConnection, tmp_path: Path
) -> None:
    def hide(method: str, params: tuple[Json, ...], answer: Json) -> Json:
        is_list = method == "state_call" and params[0] == "GovernanceApi_referenda"
        return "0x00" if is_list else answer

    file = tmp_path / "index.db"
    copyfile(economy_index, file)
    report = await audit_chain(ChainConnection(economy.chain, lie=hide), file)
    assert failed(report) == ["E6"]
    (check,) = (check for check in report if check.name == "E6")
    assert check.detail == "1 referenda are open in the index, 0 on the chain; they differ in 0"


def test_orders_are_replayed_by_their_units() -> None:
    ledger: dict[str, int] = {}
    changes = {kind.name: kind.events for kind in KINDS}["orders"]
    for id in (1, 2, 3):
        changes["Exchange.OrderPlaced"](ledger, {"id": id, "units": 10})
    changes["Exchange.OrderFilled"](ledger, {"buy": 1, "sell": 2, "units": 4})
    assert ledger == {"1": 6, "2": 6, "3": 10}
    changes["Exchange.OrderFilled"](ledger, {"buy": 1, "sell": 3, "units": 6})
    changes["Exchange.OrderCancelled"](ledger, {"id": 2, "units": 6})
    assert ledger == {"3": 4}


async def test_a_check_that_the_node_does_not_answer_stays_open(tmp_path: Path) -> None:
    chain, file = chain_of(2), tmp_path / "index.db"
    await index_chain(ChainConnection(chain), file)

    def mute(method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        if method in {"state_call", "state_getReadProof"}:
            raise RpcError(method, -32_000, "State is pruned", None)
        return answer

    report = await audit_chain(ChainConnection(chain, lie=mute), file)
    results = {check.name: check.result for check in report}
    assert results == {
        "E1": GOOD, "E2": GOOD, "E3": GOOD, "E4": OPEN, "E5": GOOD, "E6": OPEN,
    }  # fmt: skip
