"""The chain store's manners: what it refuses, what it reports, what survives."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from storage.blocks import BlockRef, decode_body, encode_body, header_hash, read_header
from storage.check import check_chain
from storage.columns import BODY, DEATHS, JOURNAL, META_VERSION, NODE, VALUE
from storage.database import ChainStore
from storage.kv import DiskFull, StorageError
from storage.leveldb import MIB
from storage.memory import MemoryKV
from storage.retention import WINDOW, BlockRetention
from storage.state import StateUnavailable
from storage.trie import EMPTY_ROOT, verify_proof
from unit.storage.storage_model import (
    GENESIS_STATE,
    genesis_header,
    grow,
    make_header,
    new_chain,
    plain_root,
)


@pytest.fixture
def store() -> ChainStore:
    return new_chain(MemoryKV())


def test_genesis_is_best_and_final_and_readable(store: ChainStore) -> None:
    blocks = store.blocks
    assert blocks.best == blocks.finalized == BlockRef(blocks.best.hash, 0)
    assert blocks.genesis == blocks.best.hash == blocks.hash_at(0)
    assert blocks.leaves() == [blocks.best]
    reader = store.state.reader(blocks.best.hash)
    assert reader.root == plain_root(GENESIS_STATE)
    assert dict(reader.entries()) == GENESIS_STATE
    assert blocks.body(blocks.best.hash) == []


class _Disk(MemoryKV):
    """Remembers which writes waited for the disk, and may refuse the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[bool] = []
        self.is_full = False

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        if self.is_full:
            raise DiskFull("no space")
        super().write(batch, sync=sync)
        self.waited.append(sync)


class _Cached(MemoryKV):
    """Remembers the columns whose values a cache would keep."""

    def __init__(self) -> None:
        super().__init__()
        self.cached: set[bytes] = set()
        self.once: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        self.cached.add(key[:1])
        return super().get(key)

    def get_once(self, key: bytes) -> bytes | None:
        self.once.add(key[:1])
        return super().get_once(key)


def test_journals_and_bodies_take_no_room_in_a_cache() -> None:
    kv = _Cached()
    store = new_chain(kv, 2)
    first = grow(store, {b"k": b"1"}, finalize=True)
    grow(store, {b"k": b"2"})
    fork = grow(store, {b"k": b"3"}, first.hash, b"salt", make_best=False)
    store.set_best(fork.hash)
    for turn in range(8):
        grow(store, {b"k": b"%d" % turn}, finalize=True)
    assert store.state.base.number > first.number
    assert store.blocks.body(first.hash) == [b"an extrinsic"]
    assert kv.once == {DEATHS, JOURNAL, BODY}
    assert not kv.once & kv.cached


def test_what_is_on_the_disk_is_not_waited_for_again() -> None:
    disk = _Disk()
    store = new_chain(disk)
    store.aux_put({}, sync=True)
    disk.waited.clear()

    store.aux_put({}, sync=True)
    store.aux_put({})
    assert disk.waited == []
    grow(store, {b"k": b"v"})
    store.aux_put({}, sync=True)
    store.aux_put({}, sync=True)
    assert disk.waited == [False, True]
    store.aux_put({b"a": b"1"})
    store.aux_put({}, sync=True)
    assert disk.waited[2:] == [False, True]
    store.aux_put({b"a": b"2"}, sync=True)
    assert disk.waited[4:] == [True]

    disk.is_full = True
    with pytest.raises(StorageError):
        store.aux_put({b"a": b"3"})
    disk.is_full = False
    store.aux_put({}, sync=True)
    assert disk.waited[5:] == [True]


def test_a_new_store_does_not_know_what_is_on_the_disk() -> None:
    disk = _Disk()
    new_chain(disk)
    disk.waited.clear()
    ChainStore(disk).aux_put({}, sync=True)
    assert disk.waited == [True]


def test_there_is_one_genesis(store: ChainStore) -> None:
    with pytest.raises(ValueError, match="already"):
        store.insert_genesis({}, genesis_header)


def test_an_interrupted_genesis_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.GENESIS_CHUNK", 2)
    kv = MemoryKV()
    store = ChainStore(kv)

    def stop(root: bytes) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.insert_genesis({b"another": b"state", **GENESIS_STATE}, stop)
    again = ChainStore(kv)
    assert not again.has_genesis
    ref = again.insert_genesis(GENESIS_STATE, genesis_header)
    assert dict(again.state.reader(ref.hash).entries()) == GENESIS_STATE
    assert again.state.reader(ref.hash).root == plain_root(GENESIS_STATE)


def test_a_chain_may_begin_with_nothing() -> None:
    store = new_chain(MemoryKV(), state={})
    assert store.state.reader(store.blocks.best.hash).root == EMPTY_ROOT
    grow(store, {b"k": b"v"})
    grow(store, {b"k": None})
    assert store.state.reader(store.blocks.best.hash).root == EMPTY_ROOT


def test_a_block_brings_header_body_state_and_proofs(store: ChainStore) -> None:
    parent = store.blocks.best.hash
    pending = store.stage(parent, {b"dave": b"d" * 50, b"bob": None})
    header = make_header(parent, 1, pending.root)
    done = store.commit_block(
        pending, header, [b"", b"x" * 70], justifications=[(b"FRNK", b"proof")], aux={b"w": b"1"}
    )
    assert done.block == (header_hash(header), 1)
    assert (done.retracted, done.enacted) == ([], [done.block])
    assert store.blocks.header(done.block.hash) == header
    body = store.blocks.body(done.block.hash)
    assert body == [b"", b"x" * 70]
    body.clear()  # a copy
    assert store.blocks.body(done.block.hash) == [b"", b"x" * 70]
    assert store.blocks.justifications(done.block.hash) == [(b"FRNK", b"proof")]
    assert store.aux_get(b"w") == b"1"
    assert store.blocks.children(parent) == [done.block.hash]
    reader = store.state.reader(done.block.hash)
    assert reader.get(b"dave") == b"d" * 50
    assert list(reader.keys(b"", b"alice")) == [b"carol", b"dave"]
    proof = reader.proof([b"dave", b"bob"])
    assert verify_proof(pending.root, proof, [b"dave", b"bob"]) == {
        b"dave": b"d" * 50,
        b"bob": None,
    }


def test_a_staged_state_that_is_dropped_leaves_no_trace(store: ChainStore) -> None:
    kv = store._kv
    before = dict(kv.iterate())
    pending = store.stage(store.blocks.best.hash, {b"alice": None, b"new": b"v" * 40})
    assert pending.root != store.state.reader(store.blocks.best.hash).root
    assert dict(kv.iterate()) == before
    grow(store, {b"alice": b"other"})
    assert store.state.reader(store.blocks.best.hash).get(b"alice") == b"other"


def test_a_fork_is_staged_on_its_own_parent(store: ChainStore) -> None:
    genesis = store.blocks.best.hash
    grow(store, {b"alice": b"main"})
    overlay = store.state.reader(genesis).overlay()
    assert overlay.get(b"alice") == GENESIS_STATE[b"alice"]
    assert overlay.next_key(b"alice") == b"bob"
    fork = grow(store, {b"bob": b"fork"}, genesis, b"2", make_best=False)
    assert store.blocks.best.hash != fork.hash
    assert store.state.reader(fork.hash).get(b"alice") == GENESIS_STATE[b"alice"]
    assert store.state.reader(fork.hash).get(b"bob") == b"fork"


def test_a_reorganisation_reports_what_left_and_what_came(store: ChainStore) -> None:
    genesis = store.blocks.best.hash
    a1 = grow(store, {b"alice": b"a1"}, salt=b"a1")
    a2 = grow(store, {b"alice": None}, salt=b"a2")
    b1 = grow(store, {b"bob": b"b1"}, genesis, b"b1", make_best=False)
    route = store.set_best(b1.hash)
    assert route == ([a2, a1], [b1])
    assert store.blocks.hash_at(2) is None
    assert {tip.hash for tip in store.blocks.leaves()} == {a2.hash, b1.hash}
    assert dict(store.state.reader(b1.hash).entries()) == {**GENESIS_STATE, b"bob": b"b1"}
    assert store.blocks.is_ancestor(a1.hash, a2.hash)
    assert not store.blocks.is_ancestor(a1.hash, b1.hash)
    assert store.blocks.is_ancestor(genesis, b1.hash)
    assert store.blocks.is_ancestor(b1.hash, b1.hash)


def test_finality_discards_the_forks_it_cuts_off(store: ChainStore) -> None:
    genesis = store.blocks.best.hash
    a1 = grow(store, {b"alice": b"a1"}, salt=b"a1")
    b1 = grow(store, {b"bob": b"b1"}, genesis, b"b1", make_best=False)
    b2 = grow(store, {b"bob": b"b2"}, b1.hash, b"b2")
    assert store.finalize(a1.hash, (b"FRNK", b"p")) == [b2, b1]
    assert store.blocks.best == store.blocks.finalized == a1
    assert store.blocks.header(b1.hash) is None
    assert store.blocks.body(b2.hash) is None
    assert store.blocks.justifications(a1.hash) == [(b"FRNK", b"p")]
    with pytest.raises(KeyError, match="not known"):
        store.state.reader(b2.hash)
    with pytest.raises(ValueError, match="descendant"):
        store.finalize(genesis)
    store.finalize(a1.hash, (b"BEEF", b"q"))
    assert store.blocks.justifications(a1.hash) == [(b"BEEF", b"q"), (b"FRNK", b"p")]


def test_an_archive_keeps_retracted_blocks_readable() -> None:
    store = new_chain(MemoryKV(), pruning=None)
    genesis = store.blocks.best.hash
    a1 = grow(store, {b"alice": b"a1"}, salt=b"a1")
    b1 = grow(store, {b"bob": b"b1"}, genesis, b"b1", make_best=False)
    assert store.finalize(a1.hash) == [b1]
    assert store.blocks.header(b1.hash) is not None
    assert store.state.reader(b1.hash).get(b"bob") == b"b1"
    assert not store.blocks.is_canonical(b1.hash)
    assert not store.blocks.is_ancestor(a1.hash, b1.hash)
    assert store.blocks.leaves() == [a1]


def test_a_pinned_block_outlives_finality_and_pruning() -> None:
    store = new_chain(MemoryKV(), pruning=1)
    genesis = store.blocks.best.hash
    fork = grow(store, {b"bob": b"fork"}, genesis, b"fork", make_best=False)
    store.state.pin(fork.hash)
    for number in range(4):
        grow(store, {b"alice": b"%d" % number}, finalize=True)
    assert store.state.reader(fork.hash).get(b"bob") == b"fork"
    store.state.unpin(fork.hash)
    grow(store, {b"alice": b"last"}, finalize=True)
    assert store.blocks.header(fork.hash) is None
    assert store.state.base.number == 4


def test_pinned_forks_are_reported_once_when_they_die_not_when_they_are_deleted() -> None:
    store = new_chain(MemoryKV(), pruning=1)
    genesis = store.blocks.best.hash
    a1 = grow(store, {b"alice": b"a1"}, salt=b"a1")
    b1 = grow(store, {b"bob": b"b1"}, genesis, b"b1", make_best=False)
    b2 = grow(store, {b"bob": b"b2"}, b1.hash, b"b2", make_best=False)
    c1 = grow(store, {b"bob": b"c1"}, genesis, b"c1", make_best=False)
    store.state.pin(b1.hash)
    assert store.finalize(a1.hash) == [b2, b1, c1]
    assert store.blocks.header(b1.hash) is not None
    assert store.blocks.header(b2.hash) is None
    a2 = grow(store, {b"alice": b"a2"})
    assert store.finalize(a2.hash) == []
    store.state.unpin(b1.hash)
    a3 = grow(store, {b"alice": b"a3"})
    d3 = grow(store, {b"bob": b"d3"}, a2.hash, b"d3", make_best=False)
    assert store.finalize(a3.hash) == [d3]
    assert store.blocks.header(b1.hash) is None
    assert store.state.base == a2


def test_a_block_that_does_not_fit_is_refused(store: ChainStore) -> None:
    genesis = store.blocks.best.hash
    pending = store.stage(genesis, {b"k": b"v"})
    with pytest.raises(ValueError, match="staged state"):
        store.commit_block(pending, make_header(genesis, 1, bytes(32)), [])
    with pytest.raises(ValueError, match="staged state"):
        store.commit_block(pending, make_header(bytes(32), 1, pending.root), [])
    with pytest.raises(ValueError, match="height"):
        store.commit_block(pending, make_header(genesis, 2, pending.root), [])
    header = make_header(genesis, 1, pending.root)
    store.commit_block(pending, header, [])
    with pytest.raises(ValueError, match="stored already"):
        store.commit_block(store.stage(genesis, {b"k": b"v"}), header, [])
    late = store.stage(genesis, {b"late": b"v"})
    store.finalize(header_hash(header))
    with pytest.raises(ValueError, match="below the last finalized"):
        store.commit_block(late, make_header(genesis, 1, late.root), [])


def test_revert_stops_at_finality(store: ChainStore) -> None:
    first = grow(store, {b"alice": b"1"})
    store.finalize(first.hash)
    second = grow(store, {b"alice": b"2"})
    third = grow(store, {b"alice": b"3"})
    assert store.revert(1) == [third]
    assert store.state.reader(second.hash).get(b"alice") == b"2"
    assert store.revert(10) == [second]
    assert store.revert(1) == []
    assert store.blocks.best == first
    assert grow(store, {b"alice": b"2"}) == second


def test_a_reader_keeps_its_block_when_the_head_moves_on(store: ChainStore) -> None:
    reader = store.state.reader(store.blocks.best.hash)
    grow(store, {b"alice": b"new", b"carol": None})
    assert reader.get(b"alice") == GENESIS_STATE[b"alice"]
    assert list(reader.keys(b"", b"bob")) == [b"carol"]


@pytest.mark.parametrize("pruning", [None, 256])
def test_a_final_block_stays_in_memory_until_the_next_one(
    pruning: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv = MemoryKV()
    store = new_chain(kv, pruning)
    assert store.blocks.header(b"") is None
    first, second = grow(store, {b"a": b"1"}), grow(store, {b"b": b"2"})
    headers = {ref: store.blocks.header(ref.hash) for ref in (first, second)}
    stored, read = kv.get, list[bytes]()

    def get(key: bytes) -> bytes | None:
        read.append(key)
        return stored(key)

    for final in (first, second):
        store.finalize(final.hash)
        with monkeypatch.context() as patch:
            patch.setattr(store.blocks, "_get", get)
            header = store.blocks.header(final.hash)
            assert header == headers[final]
            assert store.blocks.fields(final.hash) == read_header(header or b"")
            assert store.state.reader(final.hash).number == final.number
            assert not read
            assert store.blocks.header(bytes(32)) is None
            read.clear()
    assert store.blocks.header(first.hash) == headers[first]


def test_a_reader_whose_state_is_pruned_says_so() -> None:
    store = new_chain(MemoryKV(), pruning=1)
    reader = store.state.reader(store.blocks.best.hash)
    for number in range(3):
        grow(store, {b"alice": b"%d" % number}, finalize=True)
    for read in (
        lambda: reader.get(b"alice"),
        lambda: list(reader.keys()),
        lambda: reader.proof([b"a"]),
    ):
        with pytest.raises(StateUnavailable, match="pruned"):
            read()


def test_a_database_of_another_pruning_mode_is_refused() -> None:
    kv = MemoryKV()
    new_chain(kv, pruning=None)
    with pytest.raises(StorageError, match="--pruning archive"):
        ChainStore(kv, pruning=256)


@pytest.mark.parametrize(("made", "asked", "found"), [(None, 256, None), (300, None, WINDOW)])
def test_a_database_stays_as_it_was_made_unless_opened_otherwise(
    made: int | None, asked: int | None, found: int | None
) -> None:
    kv = MemoryKV()
    new_chain(kv, pruning=made)
    assert ChainStore(kv, pruning=asked, as_made=True).state.window == found


def test_a_database_of_another_layout_is_refused(tmp_path: Path) -> None:
    store = ChainStore.open(tmp_path, min_free=0)
    store.insert_genesis(GENESIS_STATE, genesis_header)
    store._kv.write({META_VERSION: (2).to_bytes(4, "big")})
    store.close()
    with pytest.raises(StorageError, match="layout 2, this program reads layout 1"):
        ChainStore.open(tmp_path, min_free=0)


def test_a_full_disk_loses_nothing_and_memory_agrees_with_the_disk() -> None:
    class Full(MemoryKV):
        full = False

        def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
            if self.full:
                raise DiskFull("no space")
            super().write(batch, sync=sync)

    kv = Full()
    store = new_chain(kv, pruning=2)
    for number in range(4):
        grow(store, {b"alice": b"%d" % number}, finalize=True)
    heads = store.blocks.best, store.blocks.finalized, store.state.base
    pending = store.stage(store.blocks.best.hash, {b"alice": b"x"})
    lost = make_header(store.blocks.best.hash, store.blocks.best.number + 1, pending.root)
    for finalize in (True, False):
        kv.full = True
        with pytest.raises(DiskFull):
            store.commit_block(pending, lost, [], finalize=finalize)
        assert (store.blocks.best, store.blocks.finalized, store.state.base) == heads
        kv.full = False
        assert store.blocks.header(header_hash(lost)) is None
        assert store.blocks.hash_at(heads[0].number + 1) is None
    grow(store, {b"alice": b"x"}, finalize=True)
    assert store.state.reader(store.blocks.best.hash).get(b"alice") == b"x"


def test_pruning_empties_the_disk_by_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.state.COMPACT_FROM", 1)
    store = ChainStore.open(tmp_path, pruning=1, min_free=0)
    store.insert_genesis({b"%d" % n: b"v" * 2000 for n in range(300)}, genesis_header)
    for number in range(4):
        grow(store, {b"%d" % n: b"%d" % number * 2000 for n in range(300)}, finalize=True)
    store.state.compact()
    size = store._kv.approximate_size(NODE, VALUE + b"\xff")
    assert size < 3 * 300 * 2000
    store.close()


@pytest.mark.parametrize("pruning", [None, 2])
def test_bodies_below_the_retained_final_blocks_are_removed_and_nothing_else(
    pruning: int | None,
) -> None:
    kv = MemoryKV()
    store = ChainStore(kv, pruning=pruning, retention=BlockRetention(3))
    store.insert_genesis(GENESIS_STATE, genesis_header)
    for number in range(1, 10):
        made = grow(store, {b"n": b"%d" % number})
        store.finalize(made.hash, (b"FRNK", b"proof"))
    blocks = store.blocks
    whole = [ref.number for ref in blocks.canonical(0) if blocks.body(ref.hash) is not None]
    assert whole == [0, 7, 8, 9]
    for ref in blocks.canonical(1):
        assert blocks.header(ref.hash) is not None
        assert blocks.justification(ref.hash, b"FRNK") == b"proof"
    assert len(list(kv.keys(BODY))) == 4

    more = ChainStore(kv, pruning=pruning, retention=BlockRetention(5))
    assert more.blocks.bodies_from == more.state_import.lowest == 7
    assert store.state_import.lowest == 7
    grow(more, {b"n": b"10"}, finalize=True)
    assert more.blocks.bodies_from == 7, "a larger number keeps what is there"
    less = ChainStore(kv, pruning=pruning, retention=BlockRetention(1))
    grow(less, {b"n": b"11"}, finalize=True)
    assert less.blocks.bodies_from == 11
    everything = ChainStore(kv, pruning=pruning, retention=BlockRetention())
    grow(everything, {b"n": b"12"}, finalize=True)
    check_chain(kv, thorough=True)
    assert everything.blocks.bodies_from == 11


def test_a_long_row_of_bodies_is_removed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.blocks.PRUNED_BLOCKS", 4)
    kv = MemoryKV()
    store = new_chain(kv)
    for number in range(1, 11):
        grow(store, {b"n": b"%d" % number}, finalize=True, body=[bytes(number)])
    store = ChainStore(kv, retention=BlockRetention(2))
    for expected in (5, 9, 12, 13):
        grow(store, {b"n": b"%d" % expected}, finalize=True)
        assert store.blocks.bodies_from == expected
        check_chain(kv, thorough=True)
    assert store.blocks.removed_bytes > sum(range(1, 11))


def test_removed_bodies_empty_the_disk_by_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.state.COMPACT_FROM", MIB)
    store = ChainStore.open(tmp_path, retention=BlockRetention(2), min_free=0)
    assert store._compaction is not None
    store.insert_genesis(GENESIS_STATE, genesis_header)
    rng = Random(1)
    for number in range(60):
        grow(store, {b"n": b"%d" % number}, finalize=True, body=[rng.randbytes(200_000)])
        # One that still runs puts the next off: on a slow disk until after the last block.
        store._compaction.wait()
    store.close()
    ChainStore.open(tmp_path, min_free=0).close()  # LevelDB may leave files that it deletes then
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 60 * 200_000 // 3


@pytest.mark.parametrize("forks", [False, True])
@pytest.mark.parametrize("pruning", [None, 2])
def test_discarded_forks_are_kept_by_an_archive_of_blocks_alone(
    pruning: int | None, forks: bool
) -> None:
    store = ChainStore(MemoryKV(), pruning=pruning, retention=BlockRetention(forks=forks))
    genesis = store.insert_genesis(GENESIS_STATE, genesis_header)
    side = grow(store, {b"side": b"1"}, genesis.hash, b"side", make_best=False)
    made = grow(store, {b"n": b"1"}, genesis.hash)
    assert store.finalize(made.hash) == [side]
    assert (store.blocks.body(side.hash) is not None) == forks
    assert (store.blocks.header(side.hash) is not None) == forks


def test_the_chain_is_there_after_a_restart(tmp_path: Path) -> None:
    store = ChainStore.open(tmp_path, min_free=0)
    store.insert_genesis(GENESIS_STATE, genesis_header)
    final = grow(store, {b"alice": b"1"}, finalize=True)
    best = grow(store, {b"alice": b"2"})
    side = grow(store, {b"alice": b"3"}, final.hash, b"side", make_best=False)
    store.close()
    again = ChainStore.open(tmp_path, min_free=0)
    assert again.note is None
    assert (again.blocks.best, again.blocks.finalized) == (best, final)
    assert {tip.hash for tip in again.blocks.leaves()} == {best.hash, side.hash}
    again.set_best(side.hash)
    assert again.state.reader(side.hash).get(b"alice") == b"3"
    again.close()


@pytest.mark.parametrize("number", [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, 1 << 40])
def test_headers_are_read_at_any_height(number: int) -> None:
    header = make_header(b"p" * 32, number, b"r" * 32)
    assert read_header(header) == (b"p" * 32, number, b"r" * 32)
    for cut in (0, 32, 33, 64, len(header) - 2):
        with pytest.raises(ValueError, match="cut short"):
            read_header(header[:cut])


def test_a_body_is_a_list_of_byte_strings() -> None:
    for body in ([], [b""], [b"x" * 63, b"y" * 64, b"z" * 20_000]):
        assert decode_body(encode_body(body)) == body
