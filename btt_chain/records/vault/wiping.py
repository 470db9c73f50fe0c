"""Files that are replaced and removed without leaving their old content in them.

A file system frees the blocks of a removed or replaced file without clearing them. So an old file
is overwritten before it is freed: it keeps a second name (`.NAME.old`) until that is done, and
`finish` completes after a crash what was not. The overwriting reaches the blocks only where the
file system writes in place: docs/records.md lists those that do not.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.primitives.files import commit, sync_folder, write_aside

OLD: Final = "old"
NEW: Final = "new"
_PIECE: Final = 1 << 20


def replace(path: Path, data: bytes) -> None:
    """Write a file atomically, and overwrite the content that it had. Raises OSError."""
    aside = write_aside(path, data, NEW)
    old = path.with_name(f".{path.name}.{OLD}")
    _release(old, path)
    with suppress(FileNotFoundError):
        os.link(path, old)
    commit(aside, path)
    wipe(old)


def wipe(path: Path) -> None:
    """Overwrite a file with random bytes, force it to the disk, and remove it; missing is fine."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        left = os.fstat(descriptor).st_size
        while left > 0:
            left -= os.write(descriptor, secrets.token_bytes(min(left, _PIECE)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


def finish(folder: Path) -> None:
    """Complete what a crash interrupted: wipe unfinished and replaced files of a folder."""
    for path in sorted(folder.glob(".*")):
        if path.name.endswith(f".{NEW}"):
            wipe(path)
        elif path.name.endswith(f".{OLD}"):
            _release(path, path.with_name(path.name[1 : -len(f".{OLD}")]))


def _release(old: Path, path: Path) -> None:
    """Remove the second name of a file; wipe its content unless it is still the current one."""
    if old.exists() and path.exists() and old.samefile(path):
        old.unlink()
        sync_folder(old.parent)
    else:
        wipe(old)
