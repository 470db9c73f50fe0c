"""A node that lies: amounts keep their meaning, and nothing is sent that was not shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from btt_chain.client.chain import read_properties
from btt_chain.client.errors import InvalidAnswer, RpcError, TransactionRefused, printable
from btt_chain.client.extrinsics import without_signature
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import Call, ChainFacts, Transactions
from btt_chain.client.wire import integer_of
from btt_chain.crypto.keypair import KeyPair

ALICE = KeyPair.from_uri("//Alice")
WIRE = bytes.fromhex("a50184") + b"\0" + ALICE.account_id + b"\1" + b"\7" * 64 + b"extra and call"


class LyingNode:
    """A connection that keeps each transaction, and says that its nonce is taken."""

    def __init__(self, *, pooled: bool) -> None:
        self.pooled = pooled
        self.sent: list[Json] = []
        self.answers: dict[str, Json] = {}

    async def call(self, method: str, *params: Json) -> Json:
        self.sent += [params[0]] if params else []
        return self.answers[method]

    @asynccontextmanager
    async def subscribe(
        self, method: str, _: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        self.sent.append(params[0])
        if not self.pooled:
            raise RpcError(method, 1014, "priority is too low", None)

        async def statuses() -> AsyncIterator[Json]:
            yield {"usurped": "0x" + "11" * 32}

        yield statuses()


def transactions(node: LyingNode) -> Transactions:
    # Signed transactions are given, so that no metadata is read.
    metadata = cast("ChainMetadata", None)
    return Transactions(cast("Connection", node), metadata, ChainFacts(bytes(32), 100, 1))


@pytest.mark.parametrize("pooled", [True, False])
async def test_a_transaction_that_was_shown_is_never_followed_by_another(pooled: bool) -> None:
    node = LyingNode(pooled=pooled)
    with pytest.raises(TransactionRefused, match=r"nothing (is sent again|else was sent)"):
        await transactions(node).deliver(Call(b""), ALICE, first=WIRE)
    assert node.sent == ["0x" + WIRE.hex()]


async def test_an_estimate_hands_over_no_valid_signature() -> None:
    node = LyingNode(pooled=True)
    node.answers["payment_queryInfo"] = {"partialFee": "42"}
    assert await transactions(node).fee(WIRE) == 42
    assert len(without_signature(WIRE)) == len(WIRE)
    assert node.sent == ["0x" + without_signature(WIRE).hex()]
    assert b"\7" not in without_signature(WIRE)[37:101]
    assert without_signature(WIRE).endswith(b"extra and call")


@pytest.mark.parametrize("fee", [None, "x", "-5", "inf", 1.5, "1" * 50, "\u0661"])
async def test_a_fee_that_is_no_amount_is_refused(fee: Json) -> None:
    node = LyingNode(pooled=True)
    node.answers["payment_queryInfo"] = {"partialFee": fee}
    with pytest.raises(InvalidAnswer, match="where a fee was expected"):
        await transactions(node).fee(WIRE)


def test_properties_give_the_currency_and_the_prefix() -> None:
    nothing: list[Json] = [None, {}, {"tokenSymbol": None}]
    for none in nothing:
        currency, prefix = read_properties(none)
        assert (currency.symbol, currency.decimals, prefix) == ("BTT", 18, 42)
    currency, prefix = read_properties(
        {"tokenSymbol": ["DOT"], "tokenDecimals": [10], "ss58Format": 0}
    )
    assert (currency.symbol, currency.decimals, prefix) == ("DOT", 10, 0)


@pytest.mark.parametrize(
    "properties",
    [
        {"tokenDecimals": 20},
        {"tokenDecimals": -5},
        {"tokenDecimals": 10**9, "tokenSymbol": "X"},
        {"tokenDecimals": True},
        {"tokenSymbol": "planck"},
        {"tokenSymbol": "B\x1b[2J"},
        {"tokenSymbol": "\ud800"},
        {"tokenSymbol": ""},
        {"ss58Format": -1},
        {"ss58Format": 99_999},
    ],
)
def test_properties_that_change_the_meaning_of_amounts_are_refused(properties: Json) -> None:
    with pytest.raises(InvalidAnswer, match="the node"):
        read_properties(properties)


@pytest.mark.parametrize("answer", [-1, 1e300, float("nan"), "0x" + "f" * 40, "7", None, "0x-1"])
def test_numbers_out_of_range_are_refused(answer: Json) -> None:
    with pytest.raises(InvalidAnswer, match="where a number was expected"):
        integer_of(answer)


def test_control_characters_of_a_node_are_escaped() -> None:
    assert printable("BTT \x1b[2J\x07\ud800") == "BTT \\x1b[2J\\x07\\ud800"
