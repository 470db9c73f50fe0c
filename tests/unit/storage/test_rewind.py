"""Jumps of the head past finality: the flat state follows, in one batch."""

from __future__ import annotations

import pytest

from storage.check import check_chain
from storage.database import ChainStore
from storage.kv import KeyValue, StorageFailed
from storage.memory import MemoryKV
from storage.trie import state_root


def header(parent: bytes, number: int, root: bytes) -> bytes:
    return parent + bytes([number << 2]) + root + bytes(32) + b"\0"


def chain(kv: KeyValue, blocks: int, *, pruning: int | None = None) -> list[bytes]:
    """Make a chain whose blocks write short and long values, and remove some; return hashes."""
    store = ChainStore(kv, pruning=pruning)
    genesis = {b"kept": b"1", b"long": b"x" * 40}
    store.insert_genesis(genesis, lambda root: header(bytes(32), 0, root))
    hashes = [store.blocks.best.hash]
    for number in range(1, blocks + 1):
        changes = {
            b"key%d" % number: b"v" * number * 9,
            b"key%d" % (number - 2): None,
            b"long": bytes([number]) * 50,
        }
        pending = store.stage(hashes[-1], changes)
        raw = header(hashes[-1], number, pending.root)
        hashes.append(store.commit_block(pending, raw, [], finalize=True).block.hash)
    return hashes


def check(store: ChainStore, kv: KeyValue, hash: bytes) -> None:
    reader = store.state.reader(hash)
    assert state_root(dict(reader.entries())) == reader.root
    check_chain(kv, thorough=True)


@pytest.mark.parametrize("target", [0, 1, 3, 5])
def test_the_head_leaves_final_blocks_and_returns(target: int) -> None:
    kv = MemoryKV()
    hashes = chain(kv, 5)
    store = ChainStore(kv, pruning=None)
    for goal in (target, 5, target):
        store.jump(hashes[goal])
        assert store.blocks.best == store.blocks.finalized == (hashes[goal], goal)
        assert store.blocks.hash_at(goal + 1) is None
        check(store, kv, hashes[goal])
    assert ChainStore(kv, pruning=None).blocks.best.hash == hashes[target]


def test_open_blocks_leave_the_tree_and_stay_readable() -> None:
    kv = MemoryKV()
    hashes = chain(kv, 2)
    store = ChainStore(kv, pruning=None)
    pending = store.stage(hashes[2], {b"open": b"1"})
    raw = header(hashes[2], 3, pending.root)
    opened = store.commit_block(pending, raw, []).block.hash
    store.jump(hashes[1])
    assert store.blocks.open == {}
    assert store.state.reader(opened).get(b"open") == b"1"
    check(store, kv, hashes[1])


def test_a_jump_that_is_not_written_did_not_happen() -> None:
    kv = MemoryKV()
    hashes = chain(kv, 3)

    class Failing(MemoryKV):
        def write(self, changes: object, *, sync: bool = False) -> None:
            raise StorageFailed("the disk is gone")

    failing = Failing()
    MemoryKV.write(failing, dict(kv.iterate(b"")))
    store = ChainStore(failing, pruning=None)
    with pytest.raises(StorageFailed):
        store.jump(hashes[0])
    assert store.blocks.best.hash == hashes[3]
    check(store, failing, hashes[3])


def test_a_store_that_prunes_states_keeps_its_final_blocks() -> None:
    kv = MemoryKV()
    hashes = chain(kv, 2, pruning=256)
    store = ChainStore(kv, pruning=256)
    with pytest.raises(ValueError, match="archive"):
        store.jump(hashes[0])
    assert store.blocks.best.hash == hashes[2]
