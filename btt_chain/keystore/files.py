"""Small durable files: written atomically, private, and locked by one process."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
OTHERS: Final = 0o077
"""The permission bits of group and others."""


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
    os.replace(aside, path)  # noqa: PTH105 - one module to watch, and to break in tests
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk; otherwise a rename can be lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
