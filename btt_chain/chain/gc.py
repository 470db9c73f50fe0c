"""Settings of the garbage collector.

The objects of a block (events, records, trie nodes) hold no cycles and are freed by reference
counting. A collection meanwhile walks them all in vain: Python's own thresholds double the time of
an import.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)


def look_rarely() -> None:
    """Make collections rare from now on: most of what start-up makes is kept."""
    gc.set_threshold(*THRESHOLDS)


def settle_memory() -> None:
    """Exempt the objects of start-up from collection, and make collections rare."""
    gc.collect()
    gc.freeze()
    look_rarely()


class NoCollection:
    """`with NoCollection():` disable cyclic garbage collection while a block is processed."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
