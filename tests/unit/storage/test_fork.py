"""The state of a fork: another node's below, the changes made here on top."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.check import check_chain
from storage.database import ChainStore
from storage.fork import ForkProvesNothing, local, plain
from storage.memory import MemoryKV

GENESIS = b"\7" * 32

KEYS = st.sampled_from([b"a", b"aa", b"ab", b"b", b"ba", b"c", b"cc", b"d"])
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=40), max_size=6)


class Below:
    """A state that counts its reads."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return self.values.get(key)

    def keys(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        self.reads += 1
        for key in sorted(self.values):
            if key.startswith(prefix) and (after is None or key > after):
                yield key

    def apart(self) -> Below:
        return self


def header(parent: bytes, number: int, root: bytes) -> bytes:
    return parent + bytes([number << 2]) + root + bytes(32) + b"\0"


def forked(kv: MemoryKV, below: Below, first: dict[bytes, bytes | None]) -> ChainStore:
    """Begin a fork at block 9 of another chain."""
    store = ChainStore(kv, pruning=None)
    if not store.has_genesis:
        store.insert_fork(GENESIS, header(b"\1" * 32, 9, b"\2" * 32), [b"x"], first)
    store.read_beneath(below)
    return store


def extend(store: ChainStore, changes: dict[bytes, bytes | None]) -> bytes:
    best = store.blocks.best
    pending = store.stage(best.hash, changes)
    raw = header(best.hash, best.number + 1, pending.root)
    return store.commit_block(pending, raw, [], finalize=True).block.hash


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=40), max_size=6), st.lists(CHANGES, max_size=4))
def test_a_fork_reads_as_the_whole_state_would(
    values: dict[bytes, bytes], blocks: list[dict[bytes, bytes | None]]
) -> None:
    kv, model, states = MemoryKV(), dict(values), [dict(values)]
    store = forked(kv, Below(values), {})
    hashes = [store.blocks.best.hash]
    for changes in blocks:
        hashes.append(extend(store, changes))
        for key, value in changes.items():
            model.pop(key, None)
            if value is not None:
                model[key] = value
        states.append(dict(model))
    for hash, state in zip(hashes, states, strict=True):
        reader = store.state.reader(hash)
        assert list(reader.entries()) == sorted(state.items())
        assert list(reader.keys(b"a", b"a")) == sorted(
            key for key in state if key.startswith(b"a") and key > b"a"
        )
        assert all(reader.get(key) == state.get(key) for key in (b"a", b"ab", b"d", b"zz"))
    check_chain(kv, thorough=True)


def test_what_was_changed_here_is_not_asked_below() -> None:
    below = Below({b"a": b"old", b"b": b"old"})
    store = forked(MemoryKV(), below, {b"a": b"new", b"b": None})
    reader = store.state.reader(store.blocks.best.hash)
    assert (reader.get(b"a"), reader.get(b"b"), below.reads) == (b"new", None, 0)


def test_a_fork_goes_on_after_a_restart_and_back_to_its_beginning() -> None:
    kv, below = MemoryKV(), Below({b"a": b"1"})
    store = forked(kv, below, {b"first": b"1"})
    start = store.blocks.best
    extend(store, {b"a": None, b"long": b"x" * 50})
    again = forked(kv, below, {})
    assert again.blocks.best.number == start.number + 1
    assert again.state.reader(again.blocks.best.hash).get(b"a") is None
    again.jump(start.hash)
    check_chain(kv, thorough=True)
    assert dict(again.state.reader(start.hash).entries()) == {b"a": b"1", b"first": b"1"}


def test_blocks_before_the_fork_are_not_here() -> None:
    store = forked(MemoryKV(), Below({}), {})
    assert (store.blocks.genesis, store.blocks.hash_at(0)) == (GENESIS, GENESIS)
    assert store.blocks.hash_at(8) is None
    assert store.blocks.body(store.blocks.best.hash) == [b"x"]
    with pytest.raises(ValueError, match="holds a chain already"):
        store.insert_fork(GENESIS, header(bytes(32), 9, bytes(32)), [], {})


def test_a_fork_proves_nothing() -> None:
    reader = forked(MemoryKV(), Below({}), {}).state.reader
    best = forked(MemoryKV(), Below({}), {}).blocks.best.hash
    for ask in (
        lambda: reader(best).proof([b"a"]),
        lambda: reader(best).prove_range(None, 100),
        lambda: reader(best).merkle_value(b"a"),
    ):
        with pytest.raises(ForkProvesNothing, match="proves nothing"):
            ask()


def test_local_values_differ_from_removed_keys() -> None:
    stored = local({b"a": b"", b"b": None})
    assert [plain(value or b"") for value in stored.values()] == [b"", None]
