"""Pruning over a long time: old states go, their space is reused, requests are refused."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import storage.state
from btt_chain.client.errors import RpcError
from crash.chains import Victim, copy
from crash.process import running
from crash.wallet import ACCOUNTS, PEOPLE, Claims, account_key, open_wallet
from storage.database import ChainStore
from storage.leveldb import MIB
from storage.state import StateUnavailable
from unit.storage import storage_model

pytestmark = pytest.mark.crash

WINDOW = 256
STATE_DISCARDED = 4003


def size(path: Path) -> int:
    """Bytes that a database takes."""
    return sum(file.stat().st_size for file in path.iterdir())


def lengthen(path: Path, pruning: int | None, blocks: int) -> int:
    """Add blocks that each change twenty of two hundred values; the bytes on disk."""
    store = ChainStore.open(path, pruning=pruning, min_free=0)
    if not store.has_genesis:
        store.insert_genesis(storage_model.GENESIS_STATE, storage_model.genesis_header)
    rng = Random(store.blocks.best.number)
    for _ in range(blocks):
        changes: dict[bytes, bytes | None] = {
            b"account %d" % rng.randrange(200): rng.randbytes(160) for _ in range(20)
        }
        parent = store.blocks.best.hash
        storage_model.grow(store, changes, parent, rng.randbytes(4), finalize=True)
    assert store.blocks.finalized == store.blocks.best
    store.close()
    return size(path)


def compact(path: Path, pruning: int | None) -> int:
    """Give back whatever can be given back; the bytes on disk."""
    store = ChainStore.open(path, pruning=pruning, min_free=0)
    store.state.compact()
    store.close()
    return size(path)


@pytest.mark.full
def test_a_pruned_chain_stays_small_however_long_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Compaction is worth its time from 16 MiB on; this chain is smaller than a real one.
    monkeypatch.setattr(storage.state, "COMPACT_FROM", MIB // 2)
    pruned, archive = tmp_path / "pruned", tmp_path / "archive"
    lengthen(pruned, WINDOW, 2 * WINDOW)
    first = compact(pruned, WINDOW)
    grown = lengthen(pruned, WINDOW, 4 * WINDOW)
    last = compact(pruned, WINDOW)
    lengthen(archive, None, 6 * WINDOW)
    whole = compact(archive, None)
    print(f"pruned: {first}, later {grown}, compacted {last}; archive: {whole} bytes")
    # Headers and bodies stay for ever; states of `WINDOW` blocks are all that is kept of the rest.
    assert last < first * 3 // 2
    # The node compacts by itself, at moments of its own.
    assert grown < whole * 3 // 4
    store = ChainStore.open(pruned, pruning=WINDOW, min_free=0)
    oldest = store.blocks.best.number - WINDOW
    gone, kept = (store.blocks.hash_at(number) for number in (oldest - 1, oldest))
    assert gone is not None
    assert kept is not None
    with pytest.raises(StateUnavailable, match=f"holds the states from block {oldest} on"):
        store.state.reader(gone)
    assert dict(store.state.reader(kept).entries())
    assert store.blocks.header(gone) is not None
    store.close()


async def test_a_question_about_a_pruned_state_is_answered_with_the_reason(
    pruned: Victim, tmp_path: Path
) -> None:
    base = copy(pruned.clean, tmp_path)
    old, recent = 3, len(pruned.record.headers) - 2
    key = "0x" + account_key(PEOPLE[0]).hex()
    with running(base, pruning=str(pruned.pruning), sealing="manual") as node:
        async with open_wallet(node.port(), Claims()) as found:
            gone = await found.call("chain_getBlockHash", old)
            kept = await found.call("chain_getBlockHash", recent)
            for method, *asked in (
                ("state_getStorage", key),
                ("state_getKeysPaged", "0x" + ACCOUNTS.hex(), 10, None),
                ("state_getReadProof", [key]),
                ("state_call", "Core_version", "0x"),
                ("state_getRuntimeVersion",),
            ):
                with pytest.raises(RpcError) as refusal:
                    await found.call(method, *asked, gone)
                assert refusal.value.code == STATE_DISCARDED, method
                assert "State already discarded" in str(refusal.value), method
                assert await found.call(method, *asked, kept), method
            # Blocks stay.
            block = await found.call("chain_getBlock", gone)
            assert int(block["block"]["header"]["number"], 16) == old
        assert node.stop() == 0, node.text()
