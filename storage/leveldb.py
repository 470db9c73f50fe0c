"""LevelDB, with checks at opening and on each read.

    kv = open_database(path, self_check)      # the only way to open
    kv.note                                   # None, or the repairs made: for the log

Guarantees

* A batch is whole or absent. LevelDB writes it as one record of its log, under a checksum.
* A lost batch below a kept one is found at every start. Each batch is numbered by a record of
  its own (column `00 b`), which holds the lowest number that must still be there. Records are
  dropped only once LevelDB must have moved their batch into a table file (4 write buffers
  later, or after a restart). So damage to the log, at any place and of any cause, leaves
  either a shorter history, which is consistent, or a gap in the numbers, which is refused.
* Data of a damaged table file are never used: every read checks block checksums, compaction too.
  Missing table files are refused by LevelDB at the start.
* Hence flat state, trie, journals and head pointers, which share their batches, agree. The
  caller's self-check confirms it for the newest blocks at every start, and thoroughly (flat
  state against the state root) after a repair.

Not guaranteed: a log cut at its end is a shorter history, which cannot be distinguished from an
earlier moment. Such a node continues from an older consistent state, and syncs the lost blocks
again.

Opening is paranoid first. If LevelDB refuses, the log files are copied aside and the tables are
read separately; then it is opened with default options, which drop the unreadable part of the log,
closed, opened paranoid again, and all checks must pass. (The tables come first since an open with
default options may compact at once, and would give a damaged block a new checksum.) `repair_db` is
never used: it makes gaps that no check finds.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

try:
    import plyvel
except ModuleNotFoundError:
    # The same interface, where plyvel has no wheel: pyproject.toml says where.
    import plyvel_next as plyvel

from storage.columns import BATCH, CLEAN, after
from storage.kv import Corrupt, DiskFull, KeyValue, Locked, NotWritable, StorageError, StorageFailed

T = TypeVar("T")

GIB: Final = 1 << 30
MIB: Final = 1 << 20

MARK: Final = "BTT-CHAIN"
"""A file that is created with the first batch: an empty database beside it has lost its data."""

REMEDY: Final = (
    "Restore the directory from a snapshot, or run `btt-chain purge-chain` and sync again; "
    "keys and the signing record are not touched by that."
)

CACHE: Final = 16 * MIB
"""Bytes of LevelDB's blocks in memory. It fills sooner or later: a compaction writes blocks anew,
and those of the files that it removed stay until others need their place."""

SelfCheck = Callable[[KeyValue, bool], None]
"""Raises Corrupt if the stored chain is inconsistent. The flag requests the thorough check."""

# LevelDB's table format: footer length, its last bytes, length of each block's trailer.
FOOTER: Final = 48
MAGIC: Final = bytes.fromhex("57fb808b247547db")
TRAILER: Final = 5

_RECORD = struct.Struct(">QQ")  # lowest number kept, bytes written so far


def free_space(path: Path) -> int:
    """Return the number of bytes an ordinary process may still write to this file system."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def open_database(
    path: Path,
    self_check: SelfCheck,
    *,
    create: bool = True,
    min_free: int = GIB,
    write_buffer: int = 64 * MIB,
    cache: int = CACHE,
    scan_limit: int = 256 * MIB,
    space: Callable[[Path], int] = free_space,
) -> LevelKV:
    """Open the database, repair it if necessary, check it, and return it.

    After an unclean stop all table files are read completely, if together they are no larger than
    `scan_limit` bytes; after a repair always. Raises Locked, NotWritable, DiskFull, Corrupt,
    StorageFailed, or StorageError if there is no database and `create` is false.
    """
    _prepare(path, create)
    kv, note = _open(path, min_free, write_buffer, cache, space)
    try:
        healed = note is not None
        kv.check_batches()
        if healed or (not kv.was_clean and kv.approximate_size(b"", b"\xff") <= scan_limit):
            kv.scan()
        self_check(kv, healed)
        kv.start(note)
    except BaseException:
        kv.abandon()
        raise
    return kv


class LevelKV:
    """The store of a node. Made by `open_database`; one process, one writing thread."""

    def __init__(
        self,
        db: plyvel.DB,
        path: Path,
        min_free: int,
        write_buffer: int,
        space: Callable[[Path], int],
    ) -> None:
        self.path = path
        self.note: str | None = None
        self._db = db
        self._min_free = min_free
        self._write_buffer = write_buffer
        self._space = space
        self._failed: str | None = None
        self._closed = False
        self._growth = 0
        # Number of the newest batch, the lowest whose record is kept, bytes written up to each.
        self._number = self._floor = self._written = self._floor_written = 0
        self._get: Callable[..., bytes | None] = db.get
        self.was_clean = self._get(CLEAN, verify_checksums=True) is not None

    # --- reading

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, its checksum verified. Raises Corrupt or StorageFailed."""
        try:
            return self._get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self._read_failed(error) from error

    def get_once(self, key: bytes) -> bytes | None:
        """Return the value of a key, verified as by `get`, without a place in LevelDB's cache.

        A journal or a body is a block of LevelDB of its own: 90 KiB for 400 transfers, where other
        blocks have 4.
        """
        try:
            return self._get(key, verify_checksums=True, fill_cache=False)
        except plyvel.Error as error:
            raise self._read_failed(error) from error

    def iterate(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values of a range, as they are now."""
        return self._walk(self._db_iterator(), prefix, start, stop, reverse, _item)

    def keys(
        self,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Yield keys of a range, as they are now."""
        return self._walk(self._db_iterator(), prefix, start, stop, reverse, _key)

    def approximate_size(self, start: bytes, stop: bytes) -> int:
        """Return the bytes of table files in this range; what is still in the log is left out."""
        return int(self._db.approximate_size(start, stop))

    # --- writing

    def write(self, batch: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        """Write a batch.

        Raises DiskFull before anything is written, StorageFailed if LevelDB could not write: then
        it is unknown whether the batch is stored, and this handle refuses further writes. Corrupt
        if LevelDB has found a damaged table while it compacted.
        """
        if self._closed:
            raise StorageFailed(f"the database at {self.path} is closed")
        if self._failed is not None:
            raise StorageFailed(
                f"the database at {self.path} failed before ({self._failed}) and takes no more "
                "writes: stop the node, look at the disk, start again"
            )
        size = sum(map(len, batch)) + sum(map(len, filter(None, batch.values())))
        self._require_space(size)
        floor, dropped = self._next_floor()
        written = self._written + min(size, self._write_buffer)
        try:
            pending = self._db.write_batch(sync=sync)
            put, delete = pending.put, pending.delete
            for key, value in batch.items():
                if value is None:
                    delete(key)
                else:
                    put(key, value)
            for number in dropped:
                delete(_batch_key(number))
            put(_batch_key(self._number + 1), _RECORD.pack(floor, written))
            pending.write()
        except plyvel.CorruptionError as error:
            raise self._read_failed(error) from error
        except (plyvel.Error, OSError) as error:
            self._failed = _plain(error)
            raise StorageFailed(
                f"writing to the database at {self.path} failed: {_plain(error)}. "
                "The node must stop; what was written before is safe"
            ) from error
        self._number += 1
        self._written = written
        if dropped:
            self._floor_written = self._written_at(floor)
        self._floor = floor
        self._growth = size

    def compact_range(self, start: bytes, stop: bytes | None) -> None:
        """Rewrite the tables of a range without removed keys, beside reads and writes."""
        try:
            self._db.compact_range(start=start, stop=stop)
        except plyvel.Error as error:
            raise self._read_failed(error) from error

    def close(self) -> None:
        """Mark the stop as clean, write the log to a table, and close the files."""
        if self._closed:
            return
        try:
            if self._failed is None and self._number:
                self.write({CLEAN: b""}, sync=True)
                # A range without keys: LevelDB writes its memory out and has nothing to compact.
                # The next start has no log to replay.
                self.compact_range(b"\xff\xff", b"\xff\xff\xff")
        except DiskFull:
            self._failed = "the disk is full"  # the mark is optional, the data are complete
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the files and leave the stop unclean."""
        self._closed = True
        self._db.close()

    # --- opening

    def check_batches(self) -> None:
        """Raise Corrupt for a history with a gap; see the top of this file."""
        newest = next(self.iterate(BATCH, reverse=True), None)
        if newest is None:
            if (self.path / MARK).exists() or next(self.keys(), None) is not None:
                raise Corrupt(
                    f"the database at {self.path} has lost its content: its log is missing or "
                    f"unreadable, or it was not made by this program. {REMEDY}"
                )
            return
        key, record = newest
        self._number = _batch_number(key)
        self._floor, self._written = _RECORD.unpack(record)
        expected = self._floor
        for found in map(_batch_number, self.keys(BATCH, start=_batch_key(self._floor))):
            if found != expected:
                break
            expected += 1
        if expected != self._number + 1:
            raise Corrupt(
                f"the database at {self.path} has a hole: batch {expected} of {self._number} is "
                f"missing (a log file is damaged or gone). {REMEDY}"
            )
        self._floor_written = self._written_at(self._floor)

    def scan(self) -> None:
        """Read all table files completely, checksums verified."""
        rows = self._db_iterator(fill_cache=False)
        for _ in self._walk(rows, b"", None, None, False, _key):
            pass

    def start(self, note: str | None) -> None:
        """Start a session: earlier batches are in table files, so their records may go."""
        self.note = note
        dropped = range(self._floor, self._number) if self._number else ()
        batch: dict[bytes, bytes | None] = {_batch_key(number): None for number in dropped}
        batch[CLEAN] = None
        self._floor = max(self._number, 1)
        self._floor_written = self._written
        self.write(batch)
        (self.path / MARK).touch()

    # --- internals

    def _db_iterator(self, *, fill_cache: bool = True) -> plyvel.RawIterator:
        # The raw one: plyvel's ordinary iterator ends silently at an unreadable last block.
        return self._db.raw_iterator(verify_checksums=True, fill_cache=fill_cache)

    def _walk(
        self,
        rows: plyvel.RawIterator,
        prefix: bytes,
        start: bytes | None,
        stop: bytes | None,
        reverse: bool,
        take: Callable[[plyvel.RawIterator], T],
    ) -> Iterator[T]:
        low = prefix if start is None else max(prefix, start)
        ends = [end for end in (after(prefix), stop) if end is not None]
        high = min(ends) if ends else None
        try:
            valid, key = rows.valid, rows.key
            if reverse:
                _seek_below(rows, high)
                while valid() and key() >= low:
                    yield take(rows)
                    rows.prev()
            else:
                rows.seek(low)
                while valid() and (high is None or key() < high):
                    yield take(rows)
                    rows.next()
        except plyvel.Error as error:
            raise self._read_failed(error) from error
        finally:
            rows.close()

    def _read_failed(self, error: plyvel.Error) -> StorageError:
        self._failed = _plain(error)
        if _is_damage(error):
            return Corrupt(f"the database at {self.path} is damaged: {_plain(error)}. {REMEDY}")
        return StorageFailed(f"reading the database at {self.path} failed: {_plain(error)}")

    def _require_space(self, size: int) -> None:
        _require_space(self.path, max(self._min_free, 2 * max(size, self._growth)), self._space)

    def _next_floor(self) -> tuple[int, list[int]]:
        """Return the lowest record to keep from now on, and the records to drop."""
        keep = 4 * self._write_buffer
        # Records are dropped only at twice the amount: so in bulk, and rarely.
        if self._written - self._floor_written < 2 * keep:
            return self._floor or 1, []
        dropped: list[int] = []
        for key, record in self.iterate(BATCH, start=_batch_key(self._floor)):
            number = _batch_number(key)
            if self._written - _RECORD.unpack(record)[1] < keep or number == self._number:
                return number, dropped
            dropped.append(number)
        return self._floor, []

    def _written_at(self, number: int) -> int:
        record = self.get(_batch_key(number))
        return self._written if record is None else _RECORD.unpack(record)[1]


def _prepare(path: Path, create: bool) -> None:
    """Refuse a database without its CURRENT file, of which LevelDB would make a new one."""
    if path.exists() and not path.is_dir():
        raise NotWritable(f"{path} is a file; the database needs a directory")
    files = {entry.name for entry in path.iterdir()} if path.exists() else set()
    if "CURRENT" not in files:
        if any(name == MARK or name.startswith("MANIFEST") or name[:1].isdigit() for name in files):
            raise Corrupt(f"the database at {path} has lost its file CURRENT. {REMEDY}")
        if not create:
            raise StorageError(f"there is no database at {path}")
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(f"no space is left on the device of {path}") from error
        raise NotWritable(
            f"the database directory {path} cannot be written: {error.strerror}. "
            "Check its owner and its permissions, or choose another with --base-path"
        ) from error


def _open(
    path: Path, min_free: int, write_buffer: int, cache: int, space: Callable[[Path], int]
) -> tuple[LevelKV, str | None]:
    _require_space(path, min_free, space)
    for table in path.glob("*.ldb"):
        _check_footer(table)

    def attempt(*, paranoid: bool) -> LevelKV:
        db = plyvel.DB(
            os.fsencode(path),  # a path need not be UTF-8
            create_if_missing=True,
            paranoid_checks=paranoid,
            write_buffer_size=write_buffer,
            max_open_files=256,
            lru_cache_size=cache,
            bloom_filter_bits=10,
        )
        try:
            return LevelKV(db, path, min_free, write_buffer, space)
        except BaseException:
            db.close()
            raise

    try:
        return attempt(paranoid=True), None
    except plyvel.Error as error:
        if isinstance(error, plyvel.IOError) and "IO error: lock " in str(error):
            raise Locked(
                f"another node is using {path}: stop it, or use another --base-path"
            ) from error
        refusal = error
    if not _is_damage(refusal):
        raise StorageFailed(
            f"the database at {path} cannot be opened: {_plain(refusal)}. {REMEDY}"
        ) from refusal
    aside = _copy_logs(path)
    try:
        _read_tables(path, aside / "tables")
        attempt(paranoid=False).abandon()
        kv = attempt(paranoid=True)
    except (plyvel.Error, StorageError) as error:
        shutil.rmtree(aside)
        raise Corrupt(f"the database at {path} is damaged: {_plain(refusal)}. {REMEDY}") from error
    return kv, (
        f"the database at {path} had a damaged log ({_plain(refusal)}); its unreadable end was "
        f"dropped. Copies of the log files are in {aside}"
    )


def _check_footer(table: Path) -> None:
    """Refuse a table whose footer points outside the file.

    The footer is the only part without a checksum. LevelDB trusts the lengths in it, allocates that
    much memory, and ends the process if there is too little. A file without the magic number is
    left to LevelDB: it refuses one that is in use, and a crash leaves unfinished ones.
    """
    size = table.stat().st_size
    with table.open("rb") as file:
        file.seek(max(size - FOOTER, 0))
        raw = file.read(FOOTER)
    if len(raw) < FOOTER or not raw.endswith(MAGIC):
        return
    at = 0
    sound = True
    for _ in range(2):  # the handles of meta index and index: offset and length of each
        offset, at = _varint(raw, at)
        length, at = _varint(raw, at)
        sound = sound and offset + length + TRAILER <= size - FOOTER
    if not sound:
        raise Corrupt(f"the database has a damaged table file, {table}. {REMEDY}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for place in range(at, min(at + 10, len(raw))):
        number |= (raw[place] & 0x7F) << shift
        shift += 7
        if raw[place] < 0x80:
            return number, place + 1
    return 1 << 64, len(raw)


def _read_tables(path: Path, scratch: Path) -> None:
    """Read all table files, through links in a directory where LevelDB finds no log."""
    scratch.mkdir()
    for file in path.iterdir():
        if file.suffix in {".ldb", ".sst"} or file.name.startswith(("MANIFEST", "CURRENT")):
            try:
                (scratch / file.name).hardlink_to(file)
            except OSError:
                shutil.copy2(file, scratch)  # a file system without links
    db = plyvel.DB(str(scratch), paranoid_checks=True)
    try:
        rows = db.raw_iterator(verify_checksums=True)
        rows.seek_to_first()
        while rows.valid():
            rows.next()
    finally:
        db.close()
    shutil.rmtree(scratch)


def _copy_logs(path: Path) -> Path:
    number = 1
    while (aside := path / f"damaged-{number}").exists():
        number += 1
    try:
        aside.mkdir()
        for log in path.glob("*.log"):
            shutil.copy2(log, aside)
    except OSError as error:
        raise StorageFailed(
            f"the log files of {path} could not be copied aside: {_plain(error)}"
        ) from error
    return aside


def _require_space(path: Path, needed: int, space: Callable[[Path], int]) -> None:
    left = space(path)
    if left < needed:
        raise DiskFull(
            f"only {left // MIB} MiB are left on the disk of {path}, {-(-needed // MIB)} MiB "
            "are needed to go on. Nothing is lost: make room and start the node again"
        )


def _item(rows: plyvel.RawIterator) -> tuple[bytes, bytes]:
    item: tuple[bytes, bytes] = rows.item()
    return item


def _key(rows: plyvel.RawIterator) -> bytes:
    key: bytes = rows.key()
    return key


def _seek_below(rows: plyvel.RawIterator, high: bytes | None) -> None:
    """Go to the last key below `high`."""
    if high is None:
        rows.seek_to_last()
        return
    rows.seek(high)
    if rows.valid():
        rows.prev()
    else:
        rows.seek_to_last()


def _batch_key(number: int) -> bytes:
    return BATCH + number.to_bytes(8, "big")


def _batch_number(key: bytes) -> int:
    return int.from_bytes(key[len(BATCH) :], "big")


def _is_damage(error: plyvel.Error) -> bool:
    """Return True if the files are damaged, rather than the disk or the system at fault."""
    if isinstance(error, plyvel.CorruptionError):
        return True
    # A file that is missing, or shorter than LevelDB expects.
    return any(sign in str(error) for sign in ("No such file", "Invalid argument", "too short"))


def _plain(error: Exception) -> str:
    """Return the text of an error for the operator."""
    detail = error.args[0] if error.args else error
    text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(error)
    if "No space left" in text:
        return f"no space is left on the device ({text})"
    if "Input/output error" in text:
        return f"the disk reports an input/output error ({text})"
    return text
