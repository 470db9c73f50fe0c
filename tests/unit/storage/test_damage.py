"""A damaged database is healed to an older consistent state, or refused: never served."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage import leveldb
from storage.check import check_chain
from storage.columns import (
    BATCH,
    BODY,
    DEATHS,
    HEADER,
    JOURNAL,
    META_BASE,
    META_BEST,
    META_FINALIZED,
    META_GENESIS,
    NODE,
    NUMBER,
    OPEN_BLOCK,
    STATE,
)
from storage.database import ChainStore
from storage.kv import Corrupt, StorageError
from storage.leveldb import LevelKV, open_database
from storage.memory import MemoryKV
from storage.retention import BlockRetention
from unit.storage.storage_model import GENESIS_STATE, genesis_header, grow

pytestmark = pytest.mark.crash

State = dict[bytes, bytes]
RETENTION = BlockRetention(6)
SOME = {
    count: [
        pytest.param(number, marks=() if number % 3 == 0 else pytest.mark.full)
        for number in range(count)
    ]
    for count in (15, 48, 50)
}
"""Seeds and places, of which CI takes every third."""


@dataclass
class Made:
    """A database, and everything that was ever true of it."""

    path: Path
    states: dict[bytes, State] = field(default_factory=dict)
    heads: set[tuple[bytes, bytes]] = field(default_factory=set)


def open_kv(path: Path) -> LevelKV:
    # The smallest write buffer: table files and several logs come about in a small chain.
    return open_database(path, check_chain, create=False, min_free=0, write_buffer=64 << 10)


def make(path: Path, seed: int, blocks: int, *, stop: bool) -> Made:
    rng = random.Random(seed)
    made = Made(path)
    kv = open_database(path, check_chain, min_free=0, write_buffer=64 << 10)
    store = ChainStore(kv, pruning=4, retention=RETENTION)
    state = {**GENESIS_STATE, **{b"%d" % n: rng.randbytes(40) for n in range(30)}}
    made.states[store.insert_genesis(state, genesis_header).hash] = state

    def note() -> None:
        made.heads.add((store.blocks.best.hash, store.blocks.finalized.hash))

    note()
    for number in range(blocks):
        changes: dict[bytes, bytes | None] = {
            b"%d" % rng.randrange(40): rng.choice([None, b"x", rng.randbytes(100)])
            for _ in range(8)
        }
        side = rng.random() < 0.2
        parent = store.blocks.finalized.hash if side else store.blocks.best.hash
        ref = grow(
            store,
            changes,
            parent,
            b"%d" % number,
            make_best=not side or rng.random() < 0.5,
            body=[rng.randbytes(700)],
        )
        after = {**made.states[parent], **changes}
        made.states[ref.hash] = {k: v for k, v in after.items() if v is not None}
        note()
        if rng.random() < 0.4:
            way = store.blocks.route(store.blocks.finalized.hash, store.blocks.best.hash)
            if way.enacted:
                store.finalize(rng.choice(way.enacted).hash)
                note()
    if stop:
        kv.close()
    else:
        kv.abandon()
    return made


@pytest.fixture(scope="module", params=["log", "tables"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("made") / "db"
    # 25 blocks stay in the log; 150 are in tables and log.
    return make(path, 7, 25 if request.param == "log" else 150, stop=False)


def examine(made: Made, path: Path) -> str:
    """`refused`, or `served` after everything served was found true."""
    try:
        kv = open_kv(path)
    except StorageError as refusal:
        # It says what is wrong with what.
        return "refused" if "the database" in str(refusal) else str(refusal)
    if kv.get(META_GENESIS) is None:
        kv.close()
        return "empty"
    store = ChainStore(kv, pruning=4, retention=RETENTION)
    blocks = store.blocks
    assert (blocks.best.hash, blocks.finalized.hash) in made.heads
    for ref in [*blocks.canonical(store.state.base.number), *blocks.leaves()]:
        assert dict(store.state.reader(ref.hash).entries()) == made.states[ref.hash]
        assert blocks.body(ref.hash) is not None
    for tip in blocks.leaves():  # every journal works
        store.set_best(tip.hash)
        assert dict(store.state.reader(tip.hash).entries()) == made.states[tip.hash]
    grow(store, {b"goes": b"on"}, finalize=True)
    kv.close()
    return "served"


def copy(made: Made, to: Path) -> Path:
    path = to / "db"
    shutil.copytree(made.path, path)
    return path


def logs(path: Path) -> list[Path]:
    return sorted(path.glob("*.log"))


def test_an_undamaged_database_is_served(made: Made, tmp_path: Path) -> None:
    assert examine(made, copy(made, tmp_path)) == "served"


@pytest.mark.parametrize("seed", SOME[15])
def test_a_cut_tail_is_an_older_state(made: Made, tmp_path: Path, seed: int) -> None:
    path = copy(made, tmp_path)
    log = logs(path)[-1]
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(size - random.Random(seed).randrange(1, size))
    # Cut before the genesis was complete, it is begun again; cut to nothing, it is refused.
    assert examine(made, path) in {"served", "empty", "refused"}


@pytest.mark.parametrize("seed", SOME[15])
def test_a_zeroed_tail_is_healed_with_a_note(made: Made, tmp_path: Path, seed: int) -> None:
    path = copy(made, tmp_path)
    log = logs(path)[-1]
    size = log.stat().st_size
    start = random.Random(seed).randrange(size // 2, size)
    with log.open("r+b") as file:
        file.seek(start)
        file.write(bytes(size - start))
    assert examine(made, path) in {"served", "empty"}


@pytest.mark.parametrize("seed", SOME[50])
def test_a_flipped_bit_is_refused_or_healed(made: Made, tmp_path: Path, seed: int) -> None:
    path = copy(made, tmp_path)
    rng = random.Random(seed)
    files = sorted(
        file
        for file in path.iterdir()
        # The crash may have left an empty table.
        if file.name not in {"LOCK", "LOG", "LOG.old", "BTT-CHAIN"} and file.stat().st_size
    )
    file = rng.choice(files)
    damage(file, rng, lambda old: bytes((old[0] ^ 1 << rng.randrange(8),)), 1)
    assert examine(made, path) in {"served", "empty", "refused"}


@pytest.mark.parametrize("seed", SOME[15])
def test_zeros_in_the_middle_are_refused_or_healed(made: Made, tmp_path: Path, seed: int) -> None:
    path = copy(made, tmp_path)
    rng = random.Random(seed)
    damage(rng.choice(logs(path)), rng, lambda old: bytes(len(old)), 4096)
    assert examine(made, path) in {"served", "empty", "refused"}


def damage(file: Path, rng: random.Random, change: Callable[[bytes], bytes], size: int) -> None:
    with file.open("r+b") as handle:
        place = rng.randrange(max(file.stat().st_size - size, 1))
        handle.seek(place)
        old = handle.read(size)
        handle.seek(place)
        handle.write(change(old))


def test_each_missing_file_is_refused_or_leaves_an_older_state(made: Made, tmp_path: Path) -> None:
    outcomes: dict[str, set[str]] = {}
    for file in sorted(made.path.iterdir()):
        if file.name in {"LOCK", "LOG", "LOG.old", "BTT-CHAIN"}:
            continue
        path = copy(made, tmp_path / file.name)
        (path / file.name).unlink()
        kind = file.suffix or file.name.partition("-")[0]
        outcomes.setdefault(kind, set()).add(examine(made, path))
    assert outcomes["CURRENT"] == outcomes["MANIFEST"] == {"refused"}
    assert outcomes[".log"] <= {"served", "empty", "refused"}
    # A table that a compaction had replaced when the process ended is not missed.
    tables = outcomes.get(".ldb", {"refused"})
    assert "refused" in tables
    assert tables <= {"served", "refused"}


@pytest.mark.parametrize("place", SOME[48])
def test_a_flipped_bit_in_a_footer_is_refused_or_harmless(
    made: Made, tmp_path: Path, place: int
) -> None:
    path = copy(made, tmp_path)
    for table in path.glob("*.ldb"):
        raw = bytearray(table.read_bytes())
        if len(raw) >= 48:  # the crash may have left an empty one
            raw[place - 48] ^= 0x80
        table.write_bytes(raw)
    assert examine(made, path) in {"served", "refused"}


def test_an_unfinished_table_of_a_crash_is_not_damage(made: Made, tmp_path: Path) -> None:
    path = copy(made, tmp_path)
    whole = max(path.glob("*.ldb"), key=lambda file: file.stat().st_size, default=None)
    (path / "000998.ldb").write_bytes(b"")
    (path / "000999.ldb").write_bytes(b"unfinished" if whole is None else whole.read_bytes()[:999])
    assert examine(made, path) == "served"


def test_a_lost_older_log_is_a_hole(tmp_path: Path) -> None:
    made = make(tmp_path / "db", 3, 20, stop=False)
    # What a lost log leaves behind: a batch is gone, later ones are there.
    db = vars(leveldb)["plyvel"].DB(str(made.path))
    numbers = list(db.iterator(prefix=BATCH, include_value=False))
    db.delete(numbers[len(numbers) // 2])
    db.close()
    with pytest.raises(Corrupt, match=r"has a hole: batch \d+ of \d+ is missing"):
        open_kv(made.path)


def test_a_healed_start_is_reported_and_keeps_the_damaged_log(tmp_path: Path) -> None:
    made = make(tmp_path / "db", 5, 20, stop=False)
    log = logs(made.path)[-1]
    damaged = bytearray(log.read_bytes())
    damaged[-40:] = bytes(40)
    log.write_bytes(damaged)
    kv = open_kv(made.path)
    assert kv.note is not None
    assert "its unreadable end was dropped" in kv.note
    assert (made.path / "damaged-1" / log.name).read_bytes() == damaged
    kv.close()
    again = open_kv(made.path)
    assert again.note is None
    again.close()


def test_a_walk_that_ends_in_an_unreadable_block_says_so(tmp_path: Path) -> None:
    kv = open_database(tmp_path, lambda _kv, _thorough: None, min_free=0)
    values = [random.Random(number).randbytes(400) for number in range(200)]
    kv.write({b"k%03d" % number: value for number, value in enumerate(values)})
    kv.compact_range(b"", None)
    kv.close()
    table = max(tmp_path.glob("*.ldb"), key=lambda file: file.stat().st_size)
    raw = bytearray(table.read_bytes())
    raw[raw.index(values[-1][100:200])] ^= 1
    table.write_bytes(raw)
    kv = open_database(tmp_path, lambda _kv, _thorough: None, min_free=0)
    assert kv.was_clean  # nothing was read through
    for walk in (kv.keys(b"k"), kv.iterate(b"k", reverse=True), kv.keys(start=b"k199")):
        with pytest.raises(Corrupt, match="damaged"):
            list(walk)
    kv.abandon()


# --- the self-check, on a store that loses single rows


def small_chain() -> MemoryKV:
    kv = MemoryKV()
    store = ChainStore(kv, pruning=2)
    store.insert_genesis(GENESIS_STATE, genesis_header)
    for number in range(6):
        grow(store, {b"alice": b"%d" % number, b"long": b"%d" % number * 40}, finalize=number < 4)
    grow(store, {b"bob": None}, store.blocks.finalized.hash, b"side", make_best=False)
    return kv


@pytest.mark.parametrize(
    "column",
    [HEADER, BODY, NUMBER, META_BEST, META_FINALIZED, META_GENESIS, META_BASE, JOURNAL, DEATHS],
)
def test_the_self_check_misses_no_row_it_promises(column: bytes) -> None:
    kv = small_chain()
    for key in list(kv.keys(column)):
        kept = kv.get(key)
        kv.write({key: None})
        with pytest.raises(Corrupt, match="hold together"):
            check_chain(kv, thorough=False)
        kv.write({key: kept})
    check_chain(kv, thorough=True)


def test_the_self_check_wants_the_tree_entries_of_the_best_chain() -> None:
    kv = small_chain()
    canonical = set(dict(kv.iterate(NUMBER)).values())
    entries = [key for key in kv.keys(OPEN_BLOCK) if key[9:] in canonical]
    assert len(entries) == 2
    for key in entries:
        kv.write({key: None})
        with pytest.raises(Corrupt, match="tree entry"):
            check_chain(kv, thorough=False)
        kv.write({key: b""})


def test_the_self_check_wants_state_roots_and_thoroughly_every_key() -> None:
    kv = small_chain()
    roots = [key for key in kv.keys(NODE) if len(key) == 34]
    for key in roots:
        kept = kv.get(key)
        kv.write({key: None})
        with pytest.raises(Corrupt, match="state root"):
            check_chain(kv, thorough=False)
        kv.write({key: kept})
    for key, value in list(kv.iterate(STATE)):
        for wrong in (None, value + b"!"):
            kv.write({key: wrong})
            with pytest.raises(Corrupt, match=r"state|trie"):
                check_chain(kv, thorough=True)
        kv.write({key: value})
    kv.write({STATE + b"more": b"x"})
    with pytest.raises(Corrupt, match="its trie has not"):
        check_chain(kv, thorough=True)


def test_a_changed_header_or_index_is_found() -> None:
    kv = small_chain()
    headers = dict(kv.iterate(HEADER))
    for key, header in headers.items():
        kv.write({key: header[:-1] + b"\x04"})
        with pytest.raises(Corrupt, match="another hash"):
            check_chain(kv, thorough=False)
        kv.write({key: header})
    heights = dict(kv.iterate(NUMBER))
    other = next(iter(headers))[1:]
    for key, hash in heights.items():
        if hash != other:
            kv.write({key: other})
            with pytest.raises(Corrupt):
                check_chain(kv, thorough=False)
            kv.write({key: hash})
    check_chain(kv, thorough=True)
