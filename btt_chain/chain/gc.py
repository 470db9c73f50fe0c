"""Settings of the garbage collector.

The objects of a block (events, records, trie nodes) hold no cycles and are freed by reference
counting. A collection meanwhile walks them all in vain: Python's own thresholds double the time of
an import.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

THRESHOLDS: Final = (50_000, 20, 100)


def hold_off() -> None:
    """Disable collections until `settle_memory`: nearly all that start-up makes is kept."""
    gc.disable()


def collect_rarely() -> None:
    """Make collections rare: nearly all that a command makes is kept until its end."""
    gc.set_threshold(*THRESHOLDS)


def leave_memory() -> None:
    """Exempt all objects from the collections that Python makes as it ends.

    They free each module and class on its own, in half the processor time of a short command.
    """
    gc.freeze()


def settle_memory() -> None:
    """Exempt the objects of start-up from collection, and make collections rare.

    Without a collection before: of 150,000 objects it frees 80, in as many milliseconds.
    """
    gc.freeze()
    collect_rarely()
    gc.enable()


class NoCollection:
    """`with NoCollection():` disable cyclic garbage collection while a block is processed."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()


def without_collection(function: Callable[P, R]) -> Callable[P, R]:
    """Disable cyclic garbage collection during `function`.

    The collection that is due afterwards finds the local objects of the call freed: inside of a
    `with` it would walk all objects of a block, as long as a quarter of its execution.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        # As `with NoCollection()`, of which each block has several.
        was_on = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if was_on:
                gc.enable()

    return call
