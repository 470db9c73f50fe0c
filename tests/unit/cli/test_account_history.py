"""Rows of an account's history, from the events of a block."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from btt_chain.client.decoding import EventView, ExtrinsicView
from btt_chain.client.jsonrpc import Json
from btt_chain.client.values import CallView
from btt_chain.scale.portable import Plain
from cli.commands.history import Since, _csv
from cli.common.account_history import change_by, document, entries
from cli.common.block_scan import BATCH, BlockScan, RawBlock, ReadBlock, time_of
from cli.common.errors import Mistyped
from cli.common.explorer_index import ExplorerIndex

if TYPE_CHECKING:
    import aiohttp

    from btt_chain.client.chain import Chain

ME, OTHER = "5Me", "5Other"


def event(name: str, index: int | None = 1, **fields: Plain) -> EventView:
    named = {key.rstrip("_"): value for key, value in fields.items()}
    return EventView(index, name, named, "")


def extrinsic(call: str, signer: str | None = None, **arguments: Plain) -> ExtrinsicView:
    return ExtrinsicView(signer, None, {}, {}, CallView(call, dict(arguments), {}), "0x11")


@pytest.mark.parametrize(
    ("found", "change"),
    [
        (event("Balances.Transfer", from_=ME, to=OTHER, amount="7"), -7),
        (event("Balances.Transfer", from_=OTHER, to=ME, amount="7"), 7),
        (event("Balances.Transfer", from_=ME, to=ME, amount="7"), 0),
        (event("Balances.Deposit", who=ME, amount="7"), 7),
        (event("Balances.Withdraw", who=ME, amount="7"), -7),
        (event("Balances.BurnedHeld", reason="x", who=ME, amount="7"), -7),
        (event("Balances.TransferOnHold", source=ME, dest=OTHER, amount="7"), -7),
        (event("Balances.DustLost", account=ME, amount="7"), -7),
        (event("Balances.Held", reason="x", who=ME, amount="7"), 0),
        (event("Balances.Deposit", who=OTHER, amount="7"), 0),
        (event("Assets.Transfer", from_=ME, to=OTHER, amount="7"), 0),
    ],
)
def test_only_events_that_move_the_whole_balance_change_it(found: EventView, change: int) -> None:
    assert change_by(found, ME) == change


def test_rows_are_of_extrinsics_and_of_the_block_itself_the_last_first() -> None:
    block = ReadBlock(
        9, bytes(32), 1_800_000_000_000,
        [
            extrinsic("Timestamp.set", now="1800000000000"),
            extrinsic("Balances.transfer", ME),
            extrinsic("System.remark", OTHER),
            extrinsic("Balances.transfer", OTHER),
        ],
        [
            event("Balances.Withdraw", who=ME, amount="5"),
            event("TransactionPayment.TransactionFeePaid", who=ME, actual_fee="4", tip="1"),
            event("System.ExtrinsicFailed", dispatch_error="Other"),
            event("System.ExtrinsicSuccess", 2),
            event("Balances.Transfer", 3, from_=OTHER, to=ME, amount="100"),
            event("System.ExtrinsicSuccess", 3),
            event("TierStaking.RewardPaid", None, rows=[{"who": ME}]),
            event("Balances.Deposit", None, who=ME, amount="2"),
        ],
    )  # fmt: skip
    rows = list(entries(block, ME))
    assert [(row.index, row.success, row.fee, row.change) for row in rows] == [
        (3, True, None, 100), (1, False, 4, -5), (None, True, None, 2),
    ]  # fmt: skip
    assert rows[2].call == "TierStaking.RewardPaid, Balances.Deposit"
    assert document(rows[1])["change"] == "-5"
    assert sum(row.change or 0 for row in entries(block, OTHER)) == -100
    assert time_of(block.extrinsics) == 1_800_000_000_000
    assert time_of([]) == 0


def test_without_events_only_own_transactions_are_known() -> None:
    block = ReadBlock(9, bytes(32), 0, [extrinsic("A.b", ME), extrinsic("A.b", OTHER)], None)
    (row,) = entries(block, ME)
    assert (row.index, row.success, row.fee, row.change) == (0, None, None, None)
    assert _csv([row]).splitlines()[1] == "9,0,,A.b,5Me,,,,0x11"


def test_a_name_that_looks_like_a_formula_is_text_in_csv() -> None:
    block = ReadBlock(9, bytes(32), 0, [extrinsic("=1+1", ME)], [])
    assert _csv(list(entries(block, ME))).splitlines()[1].startswith("9,0,,'=1+1,")


def test_blocks_without_the_bytes_of_an_account_are_not_decoded() -> None:
    account = bytes(range(32))
    assert RawBlock(1, bytes(32), "0x", (b"x" + account,), None).names(account)
    assert RawBlock(1, bytes(32), "0x", (), b"y" + account + b"z").names(account)
    assert not RawBlock(1, bytes(32), "0x", (account[:31],), account[1:]).names(account)


FACTS = SimpleNamespace(spec_version=1)


class Forked:
    """A node whose best chain changes while its blocks are read: from blocks `a` to blocks `b`."""

    def __init__(self) -> None:
        self.asked = 0

    async def call(self, method: str, *params: str | int) -> Json:
        if method == "chain_getBlockHash":
            self.asked += 1
            return named("a" if self.asked <= BATCH else "b", int(params[0]))
        assert method == "chain_getBlock"
        hash = str(params[0])
        fork, number = bytes.fromhex(hash[2:])[:1].decode(), int(hash[-8:], 16)
        return {
            "block": {
                "header": {"parentHash": named(fork, number - 1)}, "extrinsics": [hash],
            }
        }  # fmt: skip


def named(fork: str, number: int) -> str:
    return "0x" + (fork.encode() + bytes(27) + number.to_bytes(4, "big")).hex()


def test_rows_are_of_one_fork_even_if_the_best_chain_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def decode(self: BlockScan, raw: RawBlock) -> RawBlock:
        return raw

    async def no_events(self: BlockScan, hash: bytes) -> None:
        return None

    monkeypatch.setattr(BlockScan, "decode", decode)
    monkeypatch.setattr(BlockScan, "_events", no_events)
    chain = SimpleNamespace(connection=Forked(), facts=FACTS)

    async def read() -> list[ReadBlock]:
        numbers = range(2 * BATCH, 0, -1)
        found = BlockScan(cast("Chain", chain)).find(bytes(20), numbers, lambda _: None)
        return [block async for block in found]

    # `decode` leaves the blocks as they came.
    seen = cast("list[RawBlock]", asyncio.run(read()))
    assert [each.number for each in seen] == list(range(2 * BATCH, 0, -1))
    assert {each.hash[:1] for each in seen} == {b"a"}


@pytest.mark.parametrize("first", [1, 2, 7, 20, 99, 100])
def test_the_oldest_block_of_a_node_is_found(first: int) -> None:
    """A fork has no blocks before the one at which it begins."""

    class Later:
        async def call(self, _: str, number: int) -> Json:
            return named("a", number) if number >= first else None

    scan = BlockScan(cast("Chain", SimpleNamespace(connection=Later(), facts=FACTS)))
    for wanted in (1, 5, 100):
        assert asyncio.run(scan.oldest(wanted, 100)) == max(first, wanted)


def test_a_page_of_an_explorer_may_come_in_parts() -> None:
    page = json.dumps({"hash": "0x12", "rows": "x" * 200_000}).encode()

    class Answer:
        status = 200
        url = "http://explorer"

        def __init__(self) -> None:
            self.content = self

        async def iter_any(self) -> AsyncIterator[bytes]:
            for at in range(0, len(page), 60_000):
                yield page[at : at + 60_000]

        async def read(self, _: int) -> bytes:
            return page[:60_000]

    class Pages:
        @asynccontextmanager
        async def get(self, *_: object, **__: object) -> AsyncIterator[Answer]:
            yield Answer()

    pages = cast("aiohttp.ClientSession", Pages())
    assert asyncio.run(ExplorerIndex(pages, "http://explorer").genesis()) == "0x12"


def test_a_time_with_an_offset_is_that_time() -> None:
    since = Since().convert("2026-11-22T02:00+02:00", None, None)
    assert since == Since().convert("2026-11-22", None, None)
    week, days = (Since().convert(text, None, None) for text in ("1w", "7d"))
    assert 0 <= days - week < 10_000


def test_an_explorer_is_named_by_a_web_address() -> None:
    pages = cast("aiohttp.ClientSession", None)
    with pytest.raises(Mistyped, match="'localhost' is not a web address: write it like http://"):
        ExplorerIndex(pages, "localhost")
