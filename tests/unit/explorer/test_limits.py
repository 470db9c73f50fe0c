"""Limits of an index and of the server: what is kept, a full disk, many and slow readers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from btt_chain.explorer.audit import GOOD
from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.queries import Index, first_body
from btt_chain.explorer.index.store import Writer
from btt_chain.explorer.live import MAX_LISTENERS
from btt_chain.store import StoreError
from cli.program import program
from support.explorer import ChainConnection, audit_chain, dump, index_chain, pages_of
from support.explorer_chains import chain_of


async def index_keeping(connection: ChainConnection, file: Path, keep_ms: int) -> None:
    """Index a chain whose last block is final, and keep so much of it."""
    writer = Writer(file)
    try:
        indexer = Indexer(writer, Progress(), keep_ms=keep_ms)
        await indexer.follow(connection, until=connection.view.finalized().number)
    finally:
        writer.close()


async def test_old_bodies_are_deleted_and_the_rest_stays(tmp_path: Path) -> None:
    connection, file = ChainConnection(chain_of(8)), tmp_path / "index.db"
    await index_chain(connection, tmp_path / "all.db")
    whole = Index(tmp_path / "all.db")
    last = [block.ms for block in whole.blocks_above(6, 2)]
    await index_keeping(connection, file, 3 * (last[1] - last[0]))
    index = Index(file)
    final = index.final()[0]
    assert first_body(index) == final - 3
    assert index.body(final - 4) is None
    assert index.body(final - 3) is not None
    assert index.account_count() == whole.account_count()
    assert index.blocks_above(-1, 99) == whole.blocks_above(-1, 99)
    index.close()
    whole.close()
    async with pages_of(connection, file) as (client, _):
        answer = await client.get("/tx/1-1")
        assert answer.status == 404
        assert "not in the index" in await answer.text()
        assert (await client.get("/accounts")).status == 200
    report = await audit_chain(connection, file)
    assert {check.result for check in report} == {GOOD}


@pytest.mark.parametrize("text", ["0d", "x", "-1d", "1.5d", "99999d", "\u0663d"])
def test_a_time_to_keep_is_a_number_of_days(text: str) -> None:
    run = CliRunner().invoke(program, ["explorer", "--keep", text])
    assert run.exit_code == 2
    assert "write it like 30d" in run.output


async def test_a_full_disk_leaves_the_index_of_an_earlier_block(tmp_path: Path) -> None:
    chain = chain_of(6)
    file = tmp_path / "index.db"
    writer = Writer(file)
    (pages,) = writer._store.execute("PRAGMA page_count").fetchone()
    writer._store.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(StoreError, match="full"):
        await Indexer(writer, Progress()).follow(ChainConnection(chain), until=6)
    writer.close()
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await index_chain(ChainConnection(chain), file)
    await index_chain(ChainConnection(chain), tmp_path / "fresh.db")
    assert dump(file) == dump(tmp_path / "fresh.db")


async def test_a_full_disk_is_said_in_words_and_the_index_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, progress = ChainConnection(chain_of(2)), Progress()
    writer = Writer(tmp_path / "index.db")
    indexer = Indexer(writer, progress)
    is_full = True
    write: Callable[..., None] = Writer.write

    def limited(*args: object, **named: object) -> None:
        if is_full:
            raise StoreError(tmp_path / "index.db", "database or disk is full")
        write(*args, **named)

    @asynccontextmanager
    async def opened() -> AsyncIterator[ChainConnection]:
        yield connection

    async def connect(_url: str, _timeout: float) -> AbstractAsyncContextManager[ChainConnection]:
        return opened()

    monkeypatch.setattr(Writer, "write", limited)
    monkeypatch.setattr("btt_chain.daemon.WebSocket.connect", connect)
    monkeypatch.setattr("btt_chain.daemon.FIRST_PAUSE", 0.01)
    task = asyncio.create_task(indexer.run("ws://nowhere"))
    async with asyncio.timeout(30):
        while not progress.fault:
            await asyncio.sleep(0.01)
        assert progress.fault == "the index cannot be written: database or disk is full"
        is_full = False
        while progress.final < 2:
            await asyncio.sleep(0.01)
    assert progress.fault == ""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()


# ---- many readers


async def test_ten_thousand_listeners_are_bounded_and_others_are_served(
    economy_index: Path, economy: ChainConnection
) -> None:
    async with pages_of(economy, economy_index, burst=1e9) as (client, server):
        boxes = [server.hub.join() for _ in range(10_000)]
        assert sum(box is not None for box in boxes) == MAX_LISTENERS
        refused = await client.get("/live")
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        for _ in range(40):  # no listener reads: all are cut
            server.announce()
        assert len(server.hub) == 0
        assert (await client.get("/blocks")).status == 200


async def test_a_listener_that_leaves_gives_its_place_back(
    economy_index: Path, economy: ChainConnection
) -> None:
    async with pages_of(economy, economy_index) as (client, server):
        url = client.make_url("/live")
        async with ClientSession() as session, session.get(url) as stream:
            assert stream.status == 200
            assert len(server.hub) == 1
        async with asyncio.timeout(10):
            while len(server.hub):
                server.announce()
                await asyncio.sleep(0.01)
