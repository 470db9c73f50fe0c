"""Durable files: written whole or not at all, and locked by one process.

`writing` is for each file that a user names; it writes what is there as what it is:

| `path` | how it is written |
|---|---|
| missing, or a file | beside it, forced to the disk, renamed; a file keeps its mode and owner |
| a link | its target, in this way; the link stays |
| a device, a FIFO | as it is |
| `/dev/stdout`, `/dev/fd/N` | to the open descriptor |
| a file in a folder that takes no new file, or a mounted file | in place |
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
OTHERS: Final = 0o077
"""The permission bits of group and others."""
_MAX_LINKS: Final = 40


class Held(Exception):
    """Another process holds the lock; `holder` is its process id, empty if unknown."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is locked by process {holder or 'unknown'}")
        self.holder = holder


class Lock:
    """An exclusive lock, held until `close` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Acquire it without waiting. Raises Held, or OSError where the file cannot be made."""
        # A separate file: the guarded file is replaced at each write, and a lock is on the inode.
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Held(path, holder) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor: int | None = descriptor
        # Only for the error message of the next process: a full disk must not stop this one.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Release the lock; the file stays, because removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter; an existing one stays as it is."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        mode = PRIVATE_FOLDER if folder == path else 0o755
        try:
            folder.mkdir(mode)
        except FileExistsError:
            continue
        sync_folder(folder.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that nothing refers to yet; the caller syncs the folder. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_aside(path: Path, data: bytes, tag: str = "new") -> Path:
    """Write `data` beside `path` and force it to the disk; return the temporary file, for `commit`.

    Raises OSError; then no temporary file remains, and `path` is unchanged.
    """
    aside = path.with_name(f".{path.name}.{tag}")
    try:
        write_new(aside, data)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return aside


def commit(aside: Path, path: Path) -> None:
    """Move a file of `write_aside` to its place, and make that durable.

    Raises OSError; then the old or the new content survives a power cut.
    """
    os.replace(aside, path)  # noqa: PTH105 - as below
    sync_folder(path.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Write a private file whole or not at all; it is on the disk afterwards. Raises OSError."""
    # Processes that write one file at once do not share the temporary one.
    commit(write_aside(path, data, secrets.token_hex(8)), path)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk; otherwise a rename can be lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---- files that a user names


@contextmanager
def writing(path: Path, *, private: bool = False, new: bool = False) -> Iterator[BinaryIO]:
    """Yield a file whose content is at `path` once the block has ended without an exception.

    A `private` file is readable by its owner alone. Where `new` is set, a file that is there is
    kept: FileExistsError. Raises OSError, whose `filename` is `path`.
    """
    try:
        descriptor = _own_descriptor(path)
        if descriptor is not None:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                yield file
        elif path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
        else:
            with _replacing(Path(os.path.realpath(path)), private=private, new=new) as file:
                yield file
    except OSError as error:
        if error.errno is None or error.filename == str(path):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_file(path: Path, data: bytes, *, private: bool = False, new: bool = False) -> None:
    """Write a file as `writing` does. Raises OSError, whose `filename` is `path`."""
    with writing(path, private=private, new=new) as file:
        file.write(data)


@contextmanager
def _replacing(place: Path, *, private: bool, new: bool) -> Iterator[BinaryIO]:
    """Yield a file beside `place` that takes its place at the end."""
    old = _status(place)
    if old is not None and new:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
    aside = place.with_name(f".btt-{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(aside, flags, PRIVATE_FILE if private or old is not None else 0o666)
    except PermissionError:
        if old is None:
            raise
        with tempfile.TemporaryFile() as file:
            yield file
            _overwrite(place, file)
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None and not private:
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
            yield file
            file.flush()
            os.fsync(descriptor)
        _put(aside, place, new=new)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def _put(aside: Path, place: Path, *, new: bool) -> None:
    """Move a complete file to its place."""
    if new:
        try:
            os.link(aside, place)
        except PermissionError:  # a file system without links
            if place.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from None
        else:
            aside.unlink()
            return
    try:
        os.replace(aside, place)  # noqa: PTH105 - one module to watch, and to break in tests
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        with aside.open("rb") as source:
            _overwrite(place, source)
        aside.unlink()


def _overwrite(place: Path, source: BinaryIO) -> None:
    """Write into a file that cannot be replaced; its space is taken before its content changes."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    with place.open("r+b") as file:
        if size:
            os.posix_fallocate(file.fileno(), 0, size)
        shutil.copyfileobj(source, file)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _status(place: Path) -> os.stat_result | None:
    try:
        return place.stat()
    except FileNotFoundError:
        return None


def _own_descriptor(path: Path) -> int | None:
    """Return the open descriptor that a path names, such as /dev/stdout; None for other paths."""
    name = os.path.abspath(path)  # noqa: PTH100 - `Path.resolve` follows the link of the descriptor
    for _ in range(_MAX_LINKS):
        found = re.fullmatch(rf"/(?:dev|proc/self|proc/{os.getpid()})/fd/([0-9]{{1,9}})", name)
        if found is not None:
            return int(found[1])
        if not Path(name).is_symlink():
            return None
        name = os.path.normpath(Path(name).parent / Path(name).readlink())
    return None
