"""The index: equal to the chain, whatever happened on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from btt_chain.client.jsonrpc import Json
from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.machine import Contradiction
from btt_chain.explorer.index.queries import END, Index
from btt_chain.explorer.index.reading import Role
from btt_chain.explorer.index.store import IndexRefused, Writer
from btt_chain.store import StoreError
from support.chain import ALICE, BOB, CHARLIE, DevChain
from support.explorer import ChainConnection, dump, follow, index_chain, is_complete, pages_of
from support.explorer_chains import chain_of, grow
from support.programs import planned


def fork(chain: DevChain, depth: int) -> None:
    """Replace the last blocks by a longer fork, with blocks a slot later than those."""
    parent = chain.client.block_hash(chain.client.best().number - depth)
    for _ in range(depth + 1):
        parent = chain.seal(parent=parent, finalize=False)


async def test_an_index_has_the_blocks_extrinsics_fees_and_balances_of_the_chain(
    tmp_path: Path,
) -> None:
    chain, file = chain_of(5), tmp_path / "index.db"
    await index_chain(ChainConnection(chain), file)
    index = Index(file)
    assert index.final() == (5, chain.client.best().hash)
    place = index.extrinsic(3, 1)
    assert place is not None
    assert (place.signer, place.nonce, place.ok) == (ALICE.account_id, 2, True)
    row = index.block(3)
    assert row is not None
    assert row.fees == sum(each.fee for each in index.extrinsics_of(3, 0, 10)) > 0
    assert row.events == row.event_count == len(chain.events(row.hash))
    for pair in (ALICE, BOB, CHARLIE):
        found, held = index.account(pair.account_id), chain.account(pair).data
        assert found is not None
        assert (found.balance.free, found.balance.reserved) == (held.free, held.reserved)
    total = sum(each.balance.total for each in index.accounts_after(0, 1_000))
    assert total == chain.total() == row.issuance
    bob = index.account(BOB.account_id)
    assert bob is not None
    history = index.touches_below(bob.id, END, END, 100)
    assert [(t.height, t.i) for t in history[:2]] == [(5, 2), (5, 1)]
    assert history[0].role & Role.SIGNER
    assert history[1].role & Role.TO
    assert not history[1].role & Role.SIGNER
    index.close()


@pytest.mark.parametrize("depth", [1, 6])
async def test_no_row_of_a_dead_fork_stays(tmp_path: Path, depth: int) -> None:
    chain = chain_of(3)
    grow(chain, depth, final=False)
    connection = ChainConnection(chain)
    writer = Writer(tmp_path / "followed.db")
    await follow(connection, writer, chain.client.best().hash)
    before = chain.client.best().hash
    fork(chain, depth)
    assert chain.client.best().hash != before
    await follow(connection, writer, chain.client.best().hash)
    writer.close()
    await index_chain(ChainConnection(chain), tmp_path / "fresh.db")
    assert set(dump(tmp_path / "followed.db")) ^ set(dump(tmp_path / "fresh.db")) == set()


async def test_a_reorganization_while_blocks_are_fetched_leaves_the_new_chain(
    tmp_path: Path,
) -> None:
    chain = chain_of(2)
    grow(chain, 6, final=False)
    seen = 0

    def reorganize(method: str, _params: tuple[Json, ...], answer: Json) -> Json:
        nonlocal seen
        seen += method == "chain_getBlock"
        if seen == 5 and method == "chain_getBlock":
            fork(chain, 5)
            connection.announce()
        return answer

    connection = ChainConnection(chain, lie=reorganize)
    writer = Writer(tmp_path / "followed.db")
    task = asyncio.create_task(Indexer(writer, Progress()).follow(connection))
    async with asyncio.timeout(30):
        while seen < 5 or not is_complete(connection, writer, chain.client.best().hash):
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    await index_chain(ChainConnection(chain), tmp_path / "fresh.db")
    assert set(dump(tmp_path / "followed.db")) ^ set(dump(tmp_path / "fresh.db")) == set()


async def test_finality_of_blocks_that_were_read_before_marks_them_and_reads_the_balances(
    tmp_path: Path,
) -> None:
    chain = chain_of(2)
    grow(chain, 3, final=False)
    connection, writer = ChainConnection(chain), Writer(tmp_path / "index.db")
    await follow(connection, writer, chain.client.best().hash)
    assert writer.final() == (2, chain.client.block_hash(2))
    hash = chain.client.block_hash(4)
    assert hash is not None
    chain.client.finalize(hash)
    task = asyncio.create_task(Indexer(writer, Progress()).follow(connection))
    async with asyncio.timeout(30):
        while not is_complete(connection, writer, chain.client.best().hash):
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    await index_chain(ChainConnection(chain), tmp_path / "fresh.db")
    assert dump(tmp_path / "index.db") == dump(tmp_path / "fresh.db")


async def test_a_block_is_decoded_by_the_runtime_that_executed_it(tmp_path: Path) -> None:
    chain = planned(new=True)
    for _ in range(14):
        chain.seal()
    file = tmp_path / "index.db"
    await index_chain(ChainConnection(chain), file)
    index = Index(file)
    specs = dict(index.specs())
    assert set(specs) == {100, 101}
    for row in index.blocks_above(-1, 100):
        assert row.spec == (101 if row.height >= specs[101] else 100)
        assert not row.complaint
        assert row.events == row.event_count
    index.close()


async def test_an_upgrade_of_a_chain_that_is_being_followed_changes_the_reader_of_its_blocks(
    tmp_path: Path,
) -> None:
    chain = planned(new=True)
    connection, writer = ChainConnection(chain, kind="Development"), Writer(tmp_path / "index.db")
    chain.seal()
    task = asyncio.create_task(Indexer(writer, Progress()).follow(connection))
    async with asyncio.timeout(60):
        for _ in range(14):
            while not is_complete(connection, writer, chain.client.best().hash):
                assert not task.done()
                await asyncio.sleep(0.002)
            chain.seal()
            connection.announce()
        while not is_complete(connection, writer, chain.client.best().hash):
            await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    await index_chain(connection, tmp_path / "fresh.db")
    assert dump(tmp_path / "index.db") == dump(tmp_path / "fresh.db")
    async with pages_of(connection, tmp_path / "index.db") as (client, _):
        found = await (await client.get("/upgrades.json")).json()
        assert [each["version"] for each in found["versions"]] == [101, 100]
        hashes = {each["codeHash"] for each in found["versions"]}
        assert len(hashes) == 2
        assert None not in hashes
        (updated,) = (each for each in found["decisions"] if each["what"].startswith("in force"))
        assert updated["height"] == found["versions"][0]["first"] - 1


async def test_a_reorganization_of_the_first_block_of_a_version_keeps_its_metadata(
    tmp_path: Path,
) -> None:
    chain = planned(new=True)
    for _ in range(13):
        chain.seal(finalize=False)
    connection, writer = ChainConnection(chain), Writer(tmp_path / "followed.db")
    indexer = Indexer(writer, Progress())
    task = asyncio.create_task(indexer.follow(connection))
    async with asyncio.timeout(60):
        while not is_complete(connection, writer, chain.client.best().hash):
            await asyncio.sleep(0.002)
        assert sorted(writer.specs()) == [100, 101]
        fork(chain, 8)
        connection.announce()
        while not is_complete(connection, writer, chain.client.best().hash):
            assert not task.done(), task.exception()
            await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(writer.specs()) == [100, 101]
    assert indexer._metadata == {}
    writer.close()
    await index_chain(ChainConnection(chain), tmp_path / "fresh.db")
    assert set(dump(tmp_path / "followed.db")) ^ set(dump(tmp_path / "fresh.db")) == set()


async def test_an_index_of_another_chain_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    await index_chain(ChainConnection(chain_of(1)), file)
    other = DevChain(shared=True, extra={bytes(32): 10**18})
    other.seal()
    with pytest.raises(IndexRefused, match="choose another --base-path"):
        await index_chain(ChainConnection(other), file)


async def test_a_node_with_another_final_block_contradicts_the_index(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    await index_chain(ChainConnection(chain_of(3)), file)
    other = DevChain(shared=True)
    for _ in range(4):
        other.seal()
    with pytest.raises(Contradiction, match="another block"):
        await index_chain(ChainConnection(other), file)


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    file.write_bytes(b"this is not a database, but a text of some length" * 40)
    with pytest.raises(StoreError, match="not a database"):
        Writer(file)
