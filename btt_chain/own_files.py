"""Folders and files in a place that another user may have prepared, such as a folder in /tmp.

A name that this program is about to write may be there already: as a link to a file of this user,
as a pipe, or as a file whose owner can change it later. So links are not followed, and what belongs
to another user is refused. All functions raise OSError that names the path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from btt_chain.primitives.files import PRIVATE_FILE


def own_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and its parents, unless it is there: as a folder of this user, not a link."""
    with suppress(FileExistsError):
        path.mkdir(mode, parents=True)
    _check(path, path.lstat(), stat.S_ISDIR, "a folder")


def own_tree(path: Path) -> None:
    """Make a folder as `own_folder` does; what is in it must be files and folders of this user."""
    own_folder(path)
    for folder, folders, files in os.walk(path):
        for place in (Path(folder, name) for name in (*folders, *files)):
            _check(place, place.lstat(), _is_file_or_folder, "a file or a folder")


def own_link(path: Path) -> Path:
    """Return a path without links; the last name may be a link that this user made."""
    found = path.lstat() if path.is_symlink() else None
    if found is not None and found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it is a link of another user", str(path))
    return path.resolve()


def open_own(path: Path, flags: int, mode: int = PRIVATE_FILE) -> int:
    """Open a plain file of this user, or a new one, by the `flags` of `os.open`."""
    # Without O_NONBLOCK a pipe would block; it has no effect on files.
    safe = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags | safe, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link: remove it", str(path)) from None
        raise
    try:
        _check(path, os.fstat(descriptor), stat.S_ISREG, "a file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_own(path: Path) -> str:
    """Read a file of this user."""
    with os.fdopen(open_own(path, os.O_RDONLY)) as file:
        return file.read()


def replace_own(path: Path, text: str, mode: int = PRIVATE_FILE) -> None:
    """Write a file whole or not at all. A link in its place is replaced, not followed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        with os.fdopen(open_own(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _is_file_or_folder(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _check(path: Path, found: os.stat_result, is_right: Callable[[int], bool], what: str) -> None:
    if not is_right(found.st_mode):
        raise OSError(errno.EINVAL, f"it is not {what}: remove it", str(path))
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user", str(path))
