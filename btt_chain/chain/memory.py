"""Memory: when the garbage collector looks for cycles, and when it had better not.

What a block makes (events, records, trie nodes) holds no cycles and goes by reference counting.
A collector that wakes up in the middle walks it all in vain: with Python's own thresholds that
doubles the time of an import.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)


def look_rarely() -> None:
    """Tell the collector to look rarely from now on: start-up makes little that is not kept."""
    gc.set_threshold(*THRESHOLDS)


def settle_memory() -> None:
    """Tell the collector that what start-up made will stay, and to look rarely from now on."""
    gc.collect()
    gc.freeze()
    look_rarely()


class NoCollection:
    """`with NoCollection():` no cycles are looked for while a block is worked on."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
