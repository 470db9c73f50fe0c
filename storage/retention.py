"""The mode of a database: an archive, or a window of the latest states. It never changes."""

from __future__ import annotations

from typing import Final

from storage.columns import META_PRUNING
from storage.kv import KeyValue, StorageError

WINDOW: Final = 256
"""Default number of finalized blocks whose state is kept."""


def mode_of(window: int | None) -> bytes:
    """Return the mark of a database with this window; None is an archive."""
    return b"archive" if window is None else b"window"


def window_of(kv: KeyValue, default: int | None) -> int | None:
    """Return the window of an existing database; `default` if it is new or of that mode."""
    made = kv.get(META_PRUNING)
    if made == b"archive":
        return None
    return WINDOW if made == b"window" and default is None else default


def check_mode(kv: KeyValue, window: int | None) -> None:
    """Refuse a database of the other mode. Raises StorageError."""
    made = kv.get(META_PRUNING)
    if made is not None and made != mode_of(window):
        kind, flag = ("an archive", "archive") if made == b"archive" else ("a window", "N")
        raise StorageError(
            f"this database was made as {kind} and cannot be used otherwise: start with "
            f"--pruning {flag}, or purge the chain and sync again"
        )
