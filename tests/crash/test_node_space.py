"""Disks that are full, fail or may not be written: one plain line, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from btt_chain.client.errors import RpcError
from crash.chains import Yard, audit, database, grow, settled, store_of
from crash.process import running
from crash.wallet import Claims, Wallet, open_wallet
from storage.check import check_chain
from storage.database import ChainStore
from storage.kv import DiskFull, StorageFailed
from storage.leveldb import GIB, MIB, free_space, open_database

pytestmark = pytest.mark.crash


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[Path]:
    """A file system of its own in memory; skips where it cannot be made."""
    at.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("a small file system of its own needs root (mount -t tmpfs)")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Take the space of a disk but for so many bytes; the file that does."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free_space(disk) - leave)
    return filler


# ---- a node that runs out of space


async def test_a_node_stops_before_the_disk_is_full_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    claims = Claims()
    with small_disk(tmp_path / "disk", GIB + 200 * MIB) as disk:
        with running(disk) as node:
            async with open_wallet(node.port(), claims) as found:
                spending = asyncio.create_task(found.spend("full"))
                await claims.reach(3, spending)
                # The node writes while the disk is filled: it may stop at any MiB below 1024.
                filler = fill(disk, leave=GIB - 8 * MIB)
                line = await asyncio.to_thread(node.refusal)
                await spending
        assert re.search(r"only 10[12]\d MiB are left .* 1024 MiB are needed", line), line
        assert "only 1024" not in line
        for part in ("Nothing is lost", str(database(disk))):
            assert part in line
        with running(disk) as node:
            assert "Nothing is lost" in node.refusal()
        filler.unlink()
        await goes_on(disk, claims)


async def goes_on(base: Path, claims: Claims) -> None:
    """A node starts over this database, keeps every promise and makes blocks."""
    with running(base) as node:
        async with open_wallet(node.port(), claims) as found:
            await found.check()
            spending = asyncio.create_task(found.spend("again"))
            await claims.reach(claims.height + 2, spending)
            assert node.stop() == 0, node.text()
            await spending
    audit(base, claims, None)


async def test_a_node_whose_write_fails_halfway_says_so_and_loses_nothing(tmp_path: Path) -> None:
    """Files stop growing in the middle of a record of LevelDB's log: as on a full disk."""
    claims = Claims()
    with running(tmp_path, file_limit=3 * MIB) as node:
        async with open_wallet(node.port(), claims) as found:
            await found.spend("limit")
        line = node.refusal()
    for part in ("writing to the database", str(database(tmp_path)), "The node must stop"):
        assert part in line
    assert claims.height > 0
    await goes_on(tmp_path, claims)


async def test_a_node_stops_when_a_block_on_demand_cannot_be_written(tmp_path: Path) -> None:
    with running(tmp_path, sealing="manual", file_limit=300_000) as node:
        async with open_wallet(node.port(), Claims()) as found:
            with pytest.raises(RpcError, match="writing to the database"):
                await seal_for_ever(found)
        assert "writing to the database" in node.refusal()


async def seal_for_ever(found: Wallet) -> None:
    """Ask for one block after another."""
    while True:
        await found.call("engine_createBlock", True, True)


# ---- the same in one process, where every step can be seen


def test_a_chain_is_whole_after_each_failed_write(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6 * MIB) as disk:
        grow(disk, 5)
        for round_ in range(6):
            filler = fill(disk, leave=20_000 + 7_777 * round_)
            kv = open_database(
                database(disk), check_chain, min_free=0, space=lambda _: GIB, write_buffer=64 << 10
            )
            store = settled(ChainStore(kv, pruning=None))
            before = store.blocks.best
            with pytest.raises(StorageFailed, match=r"no space is left|takes no more"):
                Yard(store, f"full {round_}").grow(200)
            held = store.blocks.best
            assert held.number >= before.number
            # Memory has not run ahead of the disk, and the handle is done for.
            with pytest.raises(StorageFailed):
                Yard(store, f"more {round_}").grow(1)
            store.close()
            filler.unlink()
            claims = Claims({held.number: "0x" + held.hash.hex()})
            audit(disk, claims, None)


def test_a_chain_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    left = 2 * GIB
    grow(tmp_path, 5)
    kv = open_database(database(tmp_path), check_chain, space=lambda _: left)
    store = settled(ChainStore(kv, pruning=None))
    yard = Yard(store, "room")
    yard.grow(2)
    best = store.blocks.best
    left = GIB - 1
    with pytest.raises(DiskFull, match="make room and start the node again"):
        yard.grow(1)
    assert store.blocks.best == best == store.blocks.finalized
    store.close()
    with pytest.raises(DiskFull, match="make room"):
        open_database(database(tmp_path), check_chain, space=lambda _: left)
    audit(tmp_path, Claims({best.number: "0x" + best.hash.hex()}), None)


# ---- a directory that cannot be written, and one that is taken


@contextmanager
def read_only(base: Path) -> Iterator[Path]:
    """The same files, unwritable: by permission, and for root by mounting them so."""
    if os.geteuid():
        folder = database(base)
        folder.chmod(0o555)
        yield base
        folder.chmod(0o755)
        return
    with small_disk(base.parent / "sealed", 64 * MIB) as disk:
        shutil.copytree(base, disk, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        yield disk


def test_a_database_that_may_not_be_written_is_left_alone(tmp_path: Path) -> None:
    base = tmp_path / "node"
    grow(base, 3)
    with read_only(base) as sealed, running(sealed) as node:
        line = node.refusal()
    for part in ("cannot be written", "--base-path", "permissions"):
        assert part in line
    with store_of(base) as store:
        assert store.blocks.best.number == 3


async def test_a_second_node_on_the_same_database_is_turned_away(tmp_path: Path) -> None:
    claims = Claims()
    with running(tmp_path) as first:
        async with open_wallet(first.port(), claims) as found:
            spending = asyncio.create_task(found.spend("lock"))
            await claims.reach(2, spending)
            with running(tmp_path) as second:
                assert "another node is using" in await asyncio.to_thread(second.refusal)
            await claims.reach(claims.height + 2, spending)
            assert first.stop() == 0, first.text()
            await spending
    audit(tmp_path, claims, None)
