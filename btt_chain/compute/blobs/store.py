"""Blobs on the disk, by name: written whole or not at all, private, within limits.

A file begins with the SHA-256 of what follows, so that size and hash of a blob are known without
reading it. Names never become paths: a name has a narrow alphabet, and its slashes are written as
another sign, so all blobs lie in one folder. The rest of an unfinished blob after a crash is
removed when the store is opened again.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from btt_chain.primitives.files import PRIVATE_FILE, make_private_folder, sync_folder

HEADER: Final = 32
"""Bytes before a blob: its SHA-256."""
READ: Final = 1 << 20
"""Bytes in memory while a whole blob is read."""

_NAME: Final = re.compile(r"(?!.*//)[a-z0-9](?:[a-z0-9_./-]{0,126}[a-z0-9_-])?")
_SLASH: Final = "+"
_UNFINISHED: Final = ".new-"


class Blob(NamedTuple):
    """Size and hash of a blob."""

    size: int
    sha256: bytes


class BlobError(Exception):
    """An operation on a blob failed."""


class BadName(BlobError):
    """The name is not allowed: use 1 to 128 of a-z, 0-9, `_`, `.`, `-` and `/`."""


class NoSuchBlob(BlobError):
    """No blob has this name; it was never stored, or it was dropped."""


class StoreFull(BlobError):
    """The blob would exceed a limit: drop unneeded blobs, or raise the limit."""


class BlobDamaged(BlobError):
    """A blob is not what was written: the disk is at fault. Drop it and fetch it again."""


class BlobStore:
    """A folder of blobs. Safe for several threads of one process."""

    def __init__(
        self, folder: Path, *, most_bytes: int = 64 << 30, most_blobs: int = 100_000
    ) -> None:
        """Open a folder, created if it is missing. `most_bytes` bounds all blobs together.

        Raises OSError.
        """
        self.folder: Final = folder
        self._most_bytes: Final = most_bytes
        self._most_blobs: Final = most_blobs
        self._lock: Final = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._total = 0
        """Bytes of all blobs, unfinished ones included."""
        make_private_folder(folder)
        for entry in list(os.scandir(folder)):
            if entry.name.startswith(_UNFINISHED):
                os.unlink(entry.path)  # noqa: PTH108 - an entry, not a path
            elif entry.is_file(follow_symlinks=False):
                name = entry.name.replace(_SLASH, "/")
                if _NAME.fullmatch(name) and entry.stat().st_size >= HEADER:
                    self._sizes[name] = entry.stat().st_size - HEADER
                    self._total += self._sizes[name]

    @property
    def total_bytes(self) -> int:
        """Bytes of all blobs, unfinished ones included."""
        return self._total

    def has(self, name: str) -> bool:
        """Return True if a blob is here. Raises BadName."""
        self._path(name)
        return name in self._sizes

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with a prefix, in order."""
        with self._lock:
            return sorted(name for name in self._sizes if name.startswith(prefix))

    def put(self, name: str, data: bytes | Iterable[bytes], *, durable: bool = True) -> Blob:
        """Store a blob; one of the same name is replaced. It is on the disk when this returns.

        Without `durable` it is so only after `sync`, which is quicker for many small ones.
        Raises BadName, StoreFull; OSError if writing fails. Nothing changes then.
        """
        with self.writer(name) as writer:
            for piece in [data] if isinstance(data, bytes) else data:
                writer.write(piece)
            return writer.commit(durable=durable)

    def rename(self, name: str, to: str) -> None:
        """Rename a blob; one of that name is replaced. Not `durable`, as in `put`.

        Raises BadName, NoSuchBlob, OSError.
        """
        source, target = self._path(name), self._path(to)
        with self._lock:
            try:
                os.replace(source, target)  # noqa: PTH105 - as primitives/files.py does
            except FileNotFoundError:
                raise NoSuchBlob(f"there is no blob {name} in {self.folder}") from None
            self._total -= self._sizes.get(to, 0)
            self._sizes[to] = self._sizes.pop(name)

    def sync(self, names: Iterable[str]) -> None:
        """Force blobs to the disk. Raises BadName, NoSuchBlob, OSError."""
        for name in names:
            with self._file(name) as file:
                os.fsync(file.fileno())
        sync_folder(self.folder)

    def writer(self, name: str) -> Writer:
        """Begin a blob that is written in pieces. Raises BadName, StoreFull, OSError."""
        path = self._path(name)
        with self._lock:
            if name not in self._sizes and len(self._sizes) >= self._most_blobs:
                raise StoreFull(f"the store in {self.folder} holds {self._most_blobs} blobs")
        return Writer(self, name, path)

    def open(self, name: str) -> Blob:
        """Return size and hash of a blob. Raises BadName, NoSuchBlob, OSError."""
        with self._file(name) as file:
            return _blob(file.fileno())

    def find(self, name: str) -> tuple[int, bytes] | None:
        """Return size and hash of a blob; None if it is not here (`p2p.protocols.work.Shelf`)."""
        try:
            return self.open(name)
        except BlobError:
            return None

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Return bytes of a blob, fewer at its end. Raises BadName, OSError, NoSuchBlob."""
        with self._file(name) as file:
            return os.pread(file.fileno(), max(0, length), HEADER + max(0, offset))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a whole blob in pieces. Raises as `read`; BlobDamaged at its end."""
        with self._file(name) as file:
            blob, hasher = _blob(file.fileno()), sha256()
            file.seek(HEADER)
            while piece := file.read(READ):
                hasher.update(piece)
                yield piece
        if hasher.digest() != blob.sha256:
            raise BlobDamaged(f"the blob {name} in {self.folder} is not what was written")

    def load(self, name: str, most: int) -> bytes:
        """Return a whole blob of at most `most` bytes. Raises as `pieces`; StoreFull if larger."""
        if self.open(name).size > most:
            raise StoreFull(f"the blob {name} has more than {most} bytes")
        return b"".join(self.pieces(name))

    def drop(self, name: str) -> None:
        """Delete a blob; a missing one is ignored. Raises BadName, OSError."""
        path = self._path(name)
        with self._lock, suppress(FileNotFoundError):
            self._total -= self._sizes.pop(name, 0)
            path.unlink()

    # ---- for the writer

    def grow(self, more: int) -> None:
        """Count bytes of an unfinished blob. Raises StoreFull."""
        with self._lock:
            if self._total + more > self._most_bytes:
                raise StoreFull(
                    f"the store in {self.folder} would pass {self._most_bytes} bytes: drop blobs, "
                    "or raise its limit"
                )
            self._total += more

    def shrink(self, less: int) -> None:
        """Undo the count of bytes."""
        with self._lock:
            self._total -= less

    def settle(self, aside: Path, name: str, size: int, *, durable: bool) -> None:
        """Put a finished file in its place. Raises OSError."""
        with self._lock:
            os.replace(aside, self._path(name))  # noqa: PTH105 - as primitives/files.py does
            # Its counted bytes stay counted; those of a replaced blob do not.
            self._total -= self._sizes.get(name, 0)
            self._sizes[name] = size
            if durable:
                sync_folder(self.folder)

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise BadName(f"{name[:160]!r} is not a name of a blob")
        return self.folder / name.replace("/", _SLASH)

    def _file(self, name: str) -> BinaryIO:
        path = self._path(name)
        try:
            # Never a link that leads out of the store.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NoSuchBlob(f"there is no blob {name} in {self.folder}") from None
        return os.fdopen(descriptor, "rb", buffering=0)


class Writer:
    """An unfinished blob; without `commit` it is removed."""

    def __init__(self, store: BlobStore, name: str, path: Path) -> None:
        self._store = store
        self._name = name
        self._aside = path.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor: int | None = os.open(self._aside, flags, PRIVATE_FILE)
        self._hasher = sha256()
        self.size = 0
        try:
            _write(self._descriptor, bytes(HEADER))
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Add bytes. Raises StoreFull, OSError."""
        if self._descriptor is None:
            raise ValueError("this blob is finished")
        self._store.grow(len(data))
        self.size += len(data)
        _write(self._descriptor, data)
        self._hasher.update(data)

    def digest(self) -> bytes:
        """Return the SHA-256 of the written bytes."""
        return self._hasher.digest()

    def rewind(self) -> None:
        """Discard the written bytes, and begin again. Raises OSError."""
        if self._descriptor is None:
            raise ValueError("this blob is finished")
        os.ftruncate(self._descriptor, HEADER)
        os.lseek(self._descriptor, HEADER, os.SEEK_SET)
        self._store.shrink(self.size)
        self._hasher, self.size = sha256(), 0

    def commit(self, *, durable: bool = True) -> Blob:
        """Finish the blob: it is on the disk under its name. Raises OSError."""
        if self._descriptor is None:
            raise ValueError("this blob is finished")
        os.pwrite(self._descriptor, self.digest(), 0)
        if durable:
            os.fsync(self._descriptor)
        blob = Blob(self.size, self.digest())
        self._store.settle(self._aside, self._name, self.size, durable=durable)
        self.size = 0  # the store counts it from now on
        self.close()
        return blob

    def close(self) -> None:
        """Close the file; an uncommitted blob is removed."""
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        self._store.shrink(self.size)
        with suppress(OSError):
            self._aside.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _blob(descriptor: int) -> Blob:
    return Blob(max(0, os.fstat(descriptor).st_size - HEADER), os.pread(descriptor, HEADER, 0))
