"""Values of the flat state in memory: always those of the store, within a bound."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest

from storage import recent
from storage.columns import NODE, STATE
from storage.database import ChainStore
from storage.kv import StorageFailed
from storage.memory import MemoryKV
from storage.recent import ITEM_PREFIX, RecentValues
from unit.storage.storage_model import grow, make_header, new_chain

KEYS = [b"key %d" % number for number in range(12)]


class Counting(MemoryKV):
    """A store that counts reads of the flat state, and may fail to write."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.is_broken = False

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        self.reads += key.startswith(STATE)
        return super().get(key)

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write a batch, unless the store is broken."""
        if self.is_broken:
            raise StorageFailed("the disk is gone")
        super().write(batch, sync=sync)


def test_what_a_block_used_is_not_read_again_by_the_next() -> None:
    kv = Counting()
    store = new_chain(kv)
    grow(store, {KEYS[0]: b"1", KEYS[1]: None})
    before = kv.reads
    reader = store.state.reader(store.blocks.best.hash)
    assert (reader.get(KEYS[0]), reader.get(KEYS[1])) == (b"1", None)
    assert kv.reads == before
    assert reader.get(KEYS[2]) is None
    assert reader.get(KEYS[2]) is None
    assert kv.reads == before + 2  # queries keep nothing


class Searched(MemoryKV):
    """A store that lists the trie records that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        if key.startswith(NODE):
            self.nodes.append(key)
        return super().get(key)


def test_what_was_written_as_it_was_is_not_searched_again() -> None:
    kv = Searched()
    store = new_chain(kv)
    grow(store, dict.fromkeys(KEYS[1:], b"1" * 32))
    store.state.recent.clear()  # as after a start
    # Written without a read: as a value that is set and removed again within each block.
    changes = {KEYS[0]: None, KEYS[2]: b"1" * 32}
    searched = list[bool]()
    for salt in (b"1", b"2"):
        parent = store.blocks.best
        before = len(kv.nodes)
        pending = store.stage(parent.hash, changes, reads={})
        searched.append(len(kv.nodes) > before)
        assert not pending.changes
        header = make_header(parent.hash, parent.number + 1, pending.root, salt)
        store.commit_block(pending, header, [])
    assert searched == [True, False]
    stored(store, kv)


def stored(store: ChainStore, kv: MemoryKV) -> None:
    """Check that the head's state reads as the store has it."""
    reader = store.state.reader(store.blocks.best.hash)
    assert {key: reader.get(key) for key in KEYS} == {key: kv.get(STATE + key) for key in KEYS}


@pytest.mark.parametrize("pruning", [None, 256])
@pytest.mark.parametrize("seed", range(6))
def test_the_head_reads_as_the_store_after_every_move(seed: int, pruning: int | None) -> None:
    rng, kv = random.Random(seed), MemoryKV()
    store = new_chain(kv, pruning)
    for number in range(60):
        kind, best, salt = rng.random(), store.blocks.best, b"%d" % number
        changes = {key: rng.choice((None, salt, b"x")) for key in rng.sample(KEYS, 3)}
        parent = rng.choice([store.blocks.finalized.hash, *store.blocks.open])
        if kind < 0.5:
            grow(store, changes, salt=salt)
        elif kind < 0.7:
            grow(store, changes, parent, salt, make_best=rng.random() < 0.5)
        elif kind < 0.8:
            store.set_best(parent)
        elif kind < 0.9:
            store.finalize(parent)
        elif kind < 0.95 or pruning is not None:
            store.revert(rng.randint(1, 3))
        else:
            store.jump(store.blocks.hash_at(rng.randint(0, best.number)) or b"")
        stored(store, kv)


@pytest.mark.parametrize("size", [1, 40])
def test_a_move_of_the_head_keeps_what_blocks_used(size: int) -> None:
    kv = Counting()
    store = new_chain(kv)
    common = grow(store, {KEYS[0]: b"0" * size, KEYS[1]: b"1" * size, KEYS[2]: None}).hash
    one = grow(store, {KEYS[0]: b"2" * size, KEYS[3]: b"3" * size}).hash
    other = grow(store, {KEYS[1]: None}, common, b"other", make_best=False).hash
    for head in (other, one, other):
        store.set_best(head)
        before, reader = kv.reads, store.state.reader(head)
        found = [reader.get(key) for key in KEYS[:4]]
        assert kv.reads == before
        assert found == [kv.get(STATE + key) for key in KEYS[:4]]


def test_a_block_that_was_not_written_leaves_nothing_behind() -> None:
    kv = Counting()
    store = new_chain(kv)
    grow(store, {KEYS[0]: b"1"})
    kv.is_broken = True
    with pytest.raises(StorageFailed):
        grow(store, {KEYS[0]: b"2"})
    stored(store, kv)


def test_unused_values_go_and_used_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_KEYS", 4)
    values = RecentValues()
    for number in range(20):
        values.follow({b"often": b"1"}, {b"%d" % number: b"v"})
        assert len(values) <= 10
    assert (values.young | values.old)[b"often"] == b"1"
    assert b"0" not in values.young | values.old


def test_long_values_fill_a_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_BYTES", 100)
    values = RecentValues()
    for number in range(4):
        values.follow({}, {b"%d" % number: bytes(101)})
    assert len(values) == 1
    assert b"2" not in values.young | values.old


@pytest.mark.parametrize("seed", range(6))
def test_differences_of_a_block_do_not_depend_on_which_block_is_best(seed: int) -> None:
    rng, store = random.Random(seed), new_chain(MemoryKV())
    long = b"x" * 40
    first = {key: rng.choice((None, b"x", long)) for key in KEYS}
    child, parent = grow(store, {}, salt=b"a"), store.blocks.finalized.hash
    store.set_best(parent)
    grow(store, first, salt=b"b")
    held = store.blocks.best.hash
    changes = {key: rng.choice((None, b"x", b"y", long)) for key in KEYS}
    reads = {key: first[key] for key in rng.sample(KEYS, 6)}
    at_best = store.stage(held, changes, reads=reads)
    store.set_best(child.hash)
    beside = store.stage(held, changes, reads=reads)
    assert (at_best.root, at_best.changes, at_best.old) == (
        beside.root,
        beside.changes,
        beside.old,
    )
    assert at_best.sealed.inserted == beside.sealed.inserted
    assert at_best.sealed.retired == beside.sealed.retired
    short = {key for key in KEYS if changes[key] == first[key] and changes[key] != long}
    assert not short & set(at_best.changes)


class Iterating(MemoryKV):
    """A store that counts iterations over keys of the flat state."""

    def __init__(self) -> None:
        super().__init__()
        self.iterations = 0

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Yield keys of a range."""
        self.iterations += prefix.startswith(STATE)
        return super().keys(prefix, start=start, stop=stop, reverse=reverse)


ITEM, OTHER = b"i" * ITEM_PREFIX, b"o" * ITEM_PREFIX


def test_the_few_keys_of_an_item_are_listed_once_until_a_block_changes_one() -> None:
    kv = Iterating()
    store = new_chain(kv)
    grow(store, {ITEM + b"2": b"", ITEM + b"1": b"", OTHER: b""})

    def listed() -> tuple[list[bytes], int]:
        before = kv.iterations
        keys = list(store.state.reader(store.blocks.best.hash).keys(ITEM))
        return keys, kv.iterations - before

    assert listed() == ([ITEM + b"1", ITEM + b"2"], 1)
    assert listed() == ([ITEM + b"1", ITEM + b"2"], 0)
    grow(store, {OTHER: b"new"})
    assert listed() == ([ITEM + b"1", ITEM + b"2"], 0)
    grow(store, {ITEM + b"3": b"", ITEM + b"1": None})
    assert listed() == ([ITEM + b"2", ITEM + b"3"], 1)
    store.set_best(store.blocks.fields(store.blocks.best.hash).parent)
    assert listed() == ([ITEM + b"1", ITEM + b"2"], 1)


def test_neither_many_keys_nor_a_part_of_them_are_kept() -> None:
    kv = Iterating()
    store = new_chain(kv)
    many = {OTHER + bytes((number,)): b"" for number in range(recent.MAX_LISTED + 1)}
    grow(store, many | {ITEM + b"1": b"", ITEM + b"2": b""})
    reader = store.state.reader(store.blocks.best.hash)
    for _ in range(2):
        before = kv.iterations
        assert next(iter(reader.keys(ITEM))) == ITEM + b"1"
        assert list(reader.keys(OTHER)) == sorted(many)
        assert kv.iterations == before + 2
    # Keys of a head that has moved meanwhile are not kept.
    keys = reader.keys(ITEM)
    next(keys)
    grow(store, {ITEM + b"3": b""})
    list(keys)
    assert list(store.state.reader(store.blocks.best.hash).keys(ITEM))[-1] == ITEM + b"3"


def test_when_too_many_items_are_listed_all_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_LISTS", 2)
    values = RecentValues()
    for number in range(3):
        assert not list(values.listing(bytes((number,)) * ITEM_PREFIX, iter(())))
    assert list(values.lists) == [b"\2" * ITEM_PREFIX]


def test_absent_keys_of_an_item_with_few_are_not_read_any_more() -> None:
    kv = Counting()
    store = new_chain(kv)
    grow(store, {ITEM + b"1": b"one"})
    # Nothing of it is in memory: as after a start.
    store.state.recent.clear()
    reader = store.state.reader(store.blocks.best.hash)
    absent = [ITEM + b"absent %d" % number for number in range(recent.ABSENCES + 10)]
    before = kv.reads
    assert [reader.get(key) for key in absent] == [None] * len(absent)
    assert kv.reads == before + recent.ABSENCES
    assert reader.get(ITEM + b"1") == b"one"
    grow(store, {absent[-1]: b"here"})
    reader = store.state.reader(store.blocks.best.hash)
    assert (reader.get(absent[-1]), reader.get(absent[0])) == (b"here", None)


def test_absent_keys_of_an_item_with_many_are_read() -> None:
    kv = Counting()
    store = new_chain(kv)
    grow(store, {ITEM + bytes((number,)): b"" for number in range(recent.MAX_LISTED + 1)})
    reader = store.state.reader(store.blocks.best.hash)
    before, count = kv.reads, 2 * recent.ABSENCES + 1
    assert not any(reader.get(ITEM + b"absent %d" % number) for number in range(count))
    assert kv.reads == before + count


def test_counts_of_absent_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_LISTS", 2)
    monkeypatch.setattr(recent, "ABSENCES", 2)
    values = RecentValues()
    assert [values.must_list(prefix) for prefix in (b"a", b"b", b"a")] == [False, False, True]
    assert [values.must_list(prefix) for prefix in (b"c", b"b", b"b")] == [False, False, True]


def test_a_long_way_to_a_fork_leaves_no_larger_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_KEYS", 2)
    kv = MemoryKV()
    store = new_chain(kv, None)
    common = grow(store, {KEYS[0]: b"0"}).hash
    for number, key in enumerate(KEYS[1:8]):
        head = grow(store, {key: b"%d" % number}).hash
    for fork in (common, head, common):
        store.set_best(fork)
        assert len(store.state.recent) <= 4
        stored(store, kv)
