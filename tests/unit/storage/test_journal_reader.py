"""States beside the head: read from the flat state and the journals, and from the trie."""

from __future__ import annotations

import random

import msgpack
import pytest

from storage.columns import JOURNAL, number_key
from storage.database import ChainStore
from storage.journal_reader import MAX_MOVES, JournalReader
from storage.memory import MemoryKV
from storage.overlay import Overlay
from storage.state import Pending, StateReader
from unit.storage.storage_model import grow, new_chain

KEYS = [bytes((a, b)) + bytes(c) for a in range(4) for b in range(3) for c in (0, 1, 40)]


def _value(rng: random.Random) -> bytes | None:
    return None if rng.random() < 0.3 else rng.randbytes(rng.choice((0, 1, 5, 32, 33, 70)))


def _changes(rng: random.Random) -> dict[bytes, bytes | None]:
    return {key: _value(rng) for key in rng.sample(KEYS, rng.randrange(6))}


def _stage(store: ChainStore, reader: StateReader, rng: random.Random) -> Pending:
    """Read and write some keys of a state, and stage the result."""
    overlay = Overlay(reader.get, reader.keys)
    for key in rng.sample(KEYS, 8):
        overlay.get(key)
    for key in rng.sample(KEYS, 8):
        overlay.put(key, rng.choice((overlay.get(key), _value(rng))))
    for key, value in _changes(rng).items():
        overlay.put(key, value)
    return store.stage(reader.hash, overlay.changes(), reads=overlay.base_reads)


def _compare(store: ChainStore, hash: bytes, seed: int) -> bool:
    """Compare a state, and a block on it, read in both ways; return True if journals were read."""
    by_journals, trie = store.parent_state(hash), store.state.reader(hash).apart()
    assert [by_journals.get(key) for key in KEYS] == [trie.get(key) for key in KEYS]
    rng = random.Random(seed)
    for _ in range(10):
        prefix, after = rng.choice(KEYS)[: rng.randrange(4)], rng.choice([None, *KEYS])
        assert list(by_journals.keys(prefix, after)) == list(trie.keys(prefix, after))
    mine, theirs = (_stage(store, reader, random.Random(seed)) for reader in (by_journals, trie))
    assert (mine.parent, mine.root, mine.changes, mine.old) == (
        theirs.parent, theirs.root, theirs.changes, theirs.old
    )  # fmt: skip
    assert list(mine.changes) == list(theirs.changes)
    assert mine.sealed.inserted == theirs.sealed.inserted
    assert mine.sealed.retired == theirs.sealed.retired
    return isinstance(by_journals, JournalReader)


def _kept(store: ChainStore) -> list[bytes]:
    """Return the last final block, and those that are not final."""
    return [store.blocks.finalized.hash, *store.blocks.open]


@pytest.mark.parametrize("pruning", [None, 3])
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=() if seed < 1 else pytest.mark.full) for seed in range(12)]
)
def test_a_state_beside_the_head_is_that_of_the_trie(seed: int, pruning: int | None) -> None:
    rng = random.Random(seed)
    start = {key: value for key in KEYS if (value := _value(rng)) is not None}
    store = new_chain(MemoryKV(), pruning=pruning, state=start)
    compared = 0
    for step in range(40):
        parent, is_best = rng.choice(_kept(store)[-6:]), rng.random() < 0.6
        grow(store, _changes(rng), parent, bytes((step,)), make_best=is_best)
        if rng.random() < 0.1:
            store.set_best(rng.choice(store.blocks.leaves()).hash)
        final = store.blocks.route(store.blocks.finalized.hash, store.blocks.best.hash).enacted
        if final and rng.random() < 0.15:
            store.finalize(final[0].hash)
        for hash in _kept(store):
            compared += _compare(store, hash, rng.randrange(1 << 30))
    assert compared > 40


def test_a_state_is_read_right_when_the_head_moves_meanwhile() -> None:
    store = new_chain(MemoryKV(), state={b"a": b"1", b"b": b"2"})
    genesis = store.blocks.best.hash
    main = grow(store, {b"a": b"3", b"c": b"4"}).hash
    reader = store.parent_state(genesis)
    assert isinstance(reader, JournalReader)
    assert (reader.get(b"a"), list(reader.keys())) == (b"1", [b"a", b"b"])
    rival = grow(store, {b"a": b"5", b"b": None}, genesis, b"rival", make_best=False).hash
    for head in (rival, genesis, main):
        store.set_best(head)
        assert [reader.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]
        assert list(reader.keys()) == [b"a", b"b"]


def test_no_route_is_searched_for_a_block_far_below_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = new_chain(MemoryKV())
    genesis = store.blocks.best.hash
    for number in range(MAX_MOVES + 1):
        grow(store, {b"n": b"%d" % number})
    monkeypatch.setattr(store.blocks, "route", None)  # it would raise TypeError
    assert not isinstance(store.parent_state(genesis), JournalReader)


def test_a_block_far_from_the_head_or_final_is_read_in_the_trie() -> None:
    store = new_chain(MemoryKV())
    genesis = store.blocks.best.hash
    blocks = [genesis, *(grow(store, {b"n": b"%d" % n}).hash for n in range(MAX_MOVES + 1))]
    by_journals = [isinstance(store.parent_state(hash), JournalReader) for hash in blocks]
    assert by_journals == [False, *(True for _ in range(MAX_MOVES)), False]
    store.finalize(blocks[2])
    by_journals = [isinstance(store.parent_state(hash), JournalReader) for hash in blocks]
    assert by_journals == [False, False, *(True for _ in range(MAX_MOVES - 1)), False]


def test_a_journal_has_its_changes_and_records() -> None:
    for pruning in (None, 3):
        store = new_chain(MemoryKV(), pruning=pruning)
        ref = grow(store, {b"alice": None, b"new": b"x" * 40})
        raw = store._kv.get(number_key(JOURNAL, ref.number, ref.hash))
        assert raw is not None
        rows, records = msgpack.unpackb(raw)
        assert {key: value for key, _, value in rows} == {b"alice": None, b"new": b"x" * 40}
        assert bool(records) is (pruning is not None)
        assert raw == msgpack.packb((rows, records))
