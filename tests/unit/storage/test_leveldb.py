"""LevelDB opened with care: locks, full disks, failing disks, foreign directories."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import leveldb
from storage.columns import BATCH
from storage.kv import Corrupt, DiskFull, KeyValue, Locked, NotWritable, StorageError, StorageFailed
from storage.leveldb import GIB, LevelKV, open_database

plyvel = vars(leveldb)["plyvel"]
"""The binding of LevelDB that is installed here."""


def fine(_kv: KeyValue, _thorough: bool) -> None:
    """A self-check that has nothing to say."""


def open_plain(path: Path, *, create: bool = True, write_buffer: int = 64 << 20) -> LevelKV:
    return open_database(path, fine, create=create, min_free=0, write_buffer=write_buffer)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chains" / "dev" / "db"


def test_a_second_node_gets_an_error_that_names_the_first(path: Path) -> None:
    kv = open_plain(path)
    with pytest.raises(Locked, match=f"another node is using {path}"):
        open_plain(path)
    kv.close()
    open_plain(path).close()


def test_a_database_that_must_exist_is_not_made(path: Path) -> None:
    with pytest.raises(StorageError, match="there is no database at"):
        open_plain(path, create=False)
    assert not path.exists()


def test_a_file_is_not_taken_for_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(NotWritable, match="needs a directory"):
        open_plain(file)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotWritable, match=r"cannot be written: Not a directory.*--base-path"):
        open_plain(tmp_path / "file" / "db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    path.chmod(0o500)
    with pytest.raises(NotWritable, match="Permission denied"):
        open_plain(path)


def test_a_foreign_database_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    db = plyvel.DB(str(path), create_if_missing=True)
    db.put(b"another", b"else")
    db.close()
    with pytest.raises(Corrupt, match="not made by this program"):
        open_plain(path)


def test_a_failed_self_check_opens_nothing(path: Path) -> None:
    open_plain(path).close()

    def refuse(_kv: KeyValue, _thorough: bool) -> None:
        raise Corrupt("the chain does not hold together")

    with pytest.raises(Corrupt, match="hold together"):
        open_database(path, refuse, min_free=0)
    open_plain(path).close()  # and the lock is free again


# --- a full disk


def test_a_batch_is_not_begun_without_room_for_it(path: Path) -> None:
    left = 3 * GIB
    kv = open_database(path, fine, space=lambda _: left)
    kv.write({b"k": b"v"})
    left = GIB - 1
    with pytest.raises(DiskFull, match=r"only 1023 MiB are left .* 1024 MiB are needed"):
        kv.write({b"k": b"w"})
    assert kv.get(b"k") == b"v"
    left = GIB
    kv.write({b"k": b"w"})  # room was made: nothing is broken
    kv.close()


def test_a_large_batch_asks_for_twice_its_size(path: Path) -> None:
    left = 10_000
    kv = open_database(path, fine, min_free=1_000, space=lambda _: left)
    with pytest.raises(DiskFull):
        kv.write({b"k": bytes(6_000)})
    kv.write({b"k": bytes(4_000)})
    left = 7_000
    with pytest.raises(DiskFull):
        kv.write({b"k": b"v"})  # the last growth was 4,000
    kv.close()


def test_a_node_does_not_start_on_a_full_disk(path: Path) -> None:
    with pytest.raises(DiskFull, match="make room"):
        open_database(path, fine, space=lambda _: GIB - 1)


def test_a_full_disk_at_the_end_only_costs_the_mark_of_a_clean_stop(path: Path) -> None:
    left = 2 * GIB
    kv = open_database(path, fine, space=lambda _: left)
    kv.write({b"k": b"v"})
    left = 0
    kv.close()
    again = open_plain(path)
    assert not again.was_clean
    assert again.get(b"k") == b"v"
    again.close()


# --- a failing disk


class Broken:
    """Wraps a LevelDB handle, and fails where it is set to."""

    def __init__(self, close: Callable[[], None], error: Exception) -> None:
        self.close = close
        self.error = error

    def write_batch(self, *, sync: bool) -> object:
        raise self.error

    def raw_iterator(self, *, verify_checksums: bool, fill_cache: bool) -> "Broken":
        assert verify_checksums
        assert fill_cache
        return self

    def valid(self) -> bool:
        return True

    key = valid

    def seek(self, _key: bytes) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (plyvel.IOError("IO error: x.log: No space left on device"), "no space is left"),
        (plyvel.IOError("IO error: x.log: Input/output error"), "the disk reports"),
        (OSError(5, "Input/output error"), "the disk reports"),
    ],
)
def test_a_failed_write_is_the_last_one(path: Path, error: Exception, words: str) -> None:
    kv = open_plain(path)
    kv.write({b"k": b"v"}, sync=True)
    whole, kv._db = kv._db, Broken(kv._db.close, error)
    with pytest.raises(StorageFailed, match=rf"{words}.*must stop"):
        kv.write({b"k": b"w"})
    kv._db = whole
    with pytest.raises(StorageFailed, match="takes no more writes"):
        kv.write({b"k": b"w"})
    kv.close()
    again = open_plain(path)
    assert again.get(b"k") == b"v"
    assert not again.was_clean
    again.close()


def test_damage_that_a_write_meets_is_named_with_what_to_do(path: Path) -> None:
    kv = open_plain(path)
    whole = kv._db
    kv._db = Broken(whole.close, plyvel.CorruptionError(b"Corruption: block checksum mismatch"))
    with pytest.raises(Corrupt, match=f"{path} is damaged: .*checksum.*purge-chain"):
        kv.write({b"k": b"v"})
    kv._db = whole
    with pytest.raises(StorageFailed, match="takes no more"):
        kv.write({b"k": b"v"})
    kv.close()


@pytest.mark.parametrize(
    ("wrong", "kind"), [(plyvel.CorruptionError, Corrupt), (plyvel.IOError, StorageFailed)]
)
def test_a_failed_read_is_an_error_and_stops_writes(
    path: Path, wrong: type[Exception], kind: type[StorageError]
) -> None:
    kv, error = open_plain(path), wrong("a bad block")

    def fail(_key: bytes, *, verify_checksums: bool, fill_cache: bool = True) -> bytes:
        assert verify_checksums
        raise error

    reads: list[Callable[[], object]] = [
        lambda: kv.get(b"k"),
        lambda: kv.get_once(b"k"),
        lambda: list(kv.keys()),
    ]
    for read in reads:
        whole, kv._db, kv._get = kv._db, Broken(kv._db.close, error), fail
        with pytest.raises(kind, match=str(path)):
            read()
        kv._db = whole
    with pytest.raises(StorageFailed, match="takes no more"):
        kv.write({b"k": b"v"})
    kv.close()


# --- memory


def memory_of(kv: LevelKV) -> int:
    """Return the bytes of LevelDB's write buffer and of its cache of blocks."""
    found: bytes = kv._db.get_property(b"leveldb.approximate-memory-usage")
    return int(found)


def test_only_reads_that_are_repeated_take_memory(path: Path) -> None:
    # Values that Snappy shortens: other blocks stay in the mapped file.
    rows = {b"k%02d" % number: os.urandom(20_000) * 2 for number in range(50)}
    kv = open_plain(path)
    kv.write(rows)
    kv.close()
    kv = open_plain(path)
    before = memory_of(kv)
    assert {key: kv.get_once(key) for key in rows} == rows
    kv.scan()
    assert memory_of(kv) == before
    assert {key: kv.get(key) for key in rows} == rows
    assert memory_of(kv) - before > 40 * 40_000
    kv.close()


# --- batch records


def test_records_are_dropped_only_when_their_batch_left_the_log(path: Path) -> None:
    buffer = 64 << 10
    kv = open_plain(path, write_buffer=buffer)
    for number in range(400):
        kv.write({b"k%d" % number: os.urandom(4_000)})
    kept = list(kv.keys(BATCH))
    # At least four write buffers, at most twice that and a batch.
    assert 4 * buffer // 4_000 <= len(kept) <= 8 * buffer // 4_000 + 2
    kv.abandon()
    again = open_plain(path, write_buffer=buffer)
    assert len(list(again.keys(BATCH))) == 2  # the last of before, the first of now
    again.close()


def test_a_clean_stop_is_known_and_forgotten(path: Path) -> None:
    open_plain(path).close()
    kv = open_plain(path)
    assert kv.was_clean
    kv.abandon()
    assert not open_plain(path).was_clean
