"""A queue between two threads that cannot grow without end, and knows what may be lost.

Gossip and notes may be lost: somebody will say it again, or we will ask. When their lane is full
the oldest goes, counted. Everything else is kept; those who put it there bound it (a peer has a
few requests open, not any number). What comes out is in the order in which it was put in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

LOSSY: Final = 4_096
"""Entries of a lane that may lose its oldest."""


class Mailbox(Generic[V]):
    """Two lanes under one lock. `wake` is called, outside the lock, when it was empty before."""

    def __init__(self, wake: Callable[[], None], capacity: int = LOSSY) -> None:
        self._wake = wake
        self._capacity = capacity
        self._lock = threading.Lock()
        self._count = 0
        self._sure: deque[tuple[int, V]] = deque()
        self._lossy: deque[tuple[int, V]] = deque()
        self.lost = 0
        """Entries that were pushed out, ever."""

    def __len__(self) -> int:
        return len(self._sure) + len(self._lossy)

    def put(self, value: V, *, lossy: bool) -> None:
        """Add `value`; in the lossy lane the oldest may have to go."""
        with self._lock:
            empty = not self._sure and not self._lossy
            self._count += 1
            lane = self._lossy if lossy else self._sure
            lane.append((self._count, value))
            if lossy and len(lane) > self._capacity:
                lane.popleft()
                self.lost += 1
        if empty:
            self._wake()

    def take(self) -> list[V]:
        """Take everything out, in the order in which it came."""
        with self._lock:
            entries = sorted((*self._sure, *self._lossy), key=_number)
            self._sure.clear()
            self._lossy.clear()
        return [value for _, value in entries]


def _number(entry: tuple[int, object]) -> int:
    return entry[0]
