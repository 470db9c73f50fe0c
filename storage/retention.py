"""Retention: of states, whose mode never changes (all, or a window), and of blocks."""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from storage.columns import META_PRUNING
from storage.kv import KeyValue, StorageError

WINDOW: Final = 256
"""Default number of finalized blocks whose state is kept."""


@dataclass(frozen=True, slots=True)
class BlockRetention:
    """Retention of blocks. Another start may have another one: what is gone stays so."""

    bodies: int | None = None
    """Number of final blocks that keep their bodies; None for all. Headers and justifications of
    final blocks always stay."""
    forks: bool = False
    """True to keep blocks that finality discards."""


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
