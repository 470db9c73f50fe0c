"""The explorer's index, row by row against one that an independent client makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from btt_chain.client.chain import Chain
from btt_chain.client.errors import DispatchFailed
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.queries import Index
from btt_chain.explorer.index.reading import OF_BLOCK
from btt_chain.explorer.index.source import Source
from btt_chain.explorer.index.store import Writer
from btt_chain.scale.portable import Plain
from compat.client import ClientRun, Script, python_script
from support.instant_node import instant_node

pytestmark = [pytest.mark.compat, pytest.mark.full]

PAY: Plain = {"Balances": {"transfer_keep_alive": {"dest": "//Bob", "value": 10**18}}}
ALICE, BOB = KeyPair.from_uri("//Alice"), KeyPair.from_uri("//Bob")


async def make_blocks(url: str) -> int:
    """Fill some blocks; return the height of the last."""
    async with Chain.connect(url) as chain:
        pay = chain.compose("Balances.transfer_keep_alive", dest="//Bob", value=5 * 10**18)
        await chain.transactions.send(pay, ALICE)
        await chain.transactions.send(chain.compose("Utility.batch", calls=[PAY] * 2), ALICE)
        burn = chain.compose("Balances.burn", value=10**30, keep_alive=True)
        with pytest.raises(DispatchFailed):
            await chain.transactions.send(burn, BOB)
        remark = chain.compose("System.remark_with_event", remark="0x00ff")
        await chain.transactions.send(remark, BOB)
        return (await chain.finalized()).number


async def index_node(url: str, file: Path, last: int) -> ChainData:
    writer = Writer(file)
    async with await WebSocket.connect(url) as connection:
        await Indexer(writer, Progress()).follow(connection, until=last)
        names = await Source(connection).names()
    writer.close()
    return ChainData(Index(file), names)


def ours(data: ChainData, index: Index, number: int) -> dict[str, object]:
    row, body = index.block(number), index.body(number)
    assert row is not None
    assert body is not None
    places = index.extrinsics_of(number, 0, 1_000)
    parts = data.spec(row.spec).split_events(body.events)
    return {
        "hash": "0x" + row.hash.hex(),
        "parent": "0x" + row.parent.hex(),
        "extrinsics": [
            {
                "hash": "0x" + blake2_256(wire).hex(),
                "signer": None if place.signer is None else data.address(place.signer),
                "nonce": place.nonce,
                "call": data.call_name(row.spec, place.pallet, place.call),
            }
            for place, wire in zip(places, body.extrinsics, strict=True)
        ],
        "events": [
            [
                None if part.extrinsic == OF_BLOCK else part.extrinsic,
                data.event_name(row.spec, part.pallet, part.event),
            ]
            for part in parts
        ],
    }


def test_the_index_is_that_of_async_substrate_interface_row_by_row(tmp_path: Path) -> None:
    script = python_script("slow_index", "py2")
    with instant_node(tmp_path / "node") as url:
        last = asyncio.run(make_blocks(url))
        data = asyncio.run(index_node(url, tmp_path / "index.db", last))
        slow = read(Script([*script.command, url, str(last)], script.cwd))
    index = Index(tmp_path / "index.db")
    assert len(slow.facts["blocks"]) == last >= 4
    for number, theirs in enumerate(slow.facts["blocks"], 1):
        assert ours(data, index, number) == theirs
    held = {
        data.address(row.key): [row.balance.free, row.balance.reserved]
        for row in index.accounts_after(0, 10_000)
        if row.balance.total
    }
    assert held == {who: each for who, each in slow.facts["balances"].items() if any(each)}
    index.close()


def read(script: Script) -> ClientRun:
    run = script.run([])
    assert run.complete, run.ending
    return run
