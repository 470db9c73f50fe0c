"""A bounded queue between two threads that may drop the entries which can be lost.

Gossip and notes may be lost: another peer sends them again, or this node asks for them. When their
queue is full the oldest entry is dropped and counted. Everything else is kept and must be bounded
by the caller (a peer has only a few requests open). Entries are taken out in the order in which
they were put in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

LOSSY: Final = 4_096
"""Maximum number of entries of the lossy queue."""


class Mailbox(Generic[V]):
    """Two queues under one lock. `wake` is called, outside the lock, when both were empty."""

    def __init__(self, wake: Callable[[], None], capacity: int = LOSSY) -> None:
        self._wake = wake
        self._capacity = capacity
        self._lock = threading.Lock()
        self._count = 0
        self._sure: deque[tuple[int, V]] = deque()
        self._lossy: deque[tuple[int, V]] = deque()
        self.lost = 0
        """Number of entries that were dropped, ever."""

    def __len__(self) -> int:
        return len(self._sure) + len(self._lossy)

    def put(self, value: V, *, lossy: bool) -> None:
        """Add `value`; if the lossy queue is full, drop its oldest entry."""
        with self._lock:
            empty = not self._sure and not self._lossy
            self._count += 1
            queue = self._lossy if lossy else self._sure
            queue.append((self._count, value))
            if lossy and len(queue) > self._capacity:
                queue.popleft()
                self.lost += 1
        if empty:
            self._wake()

    def take(self) -> list[V]:
        """Remove and return all values, in the order in which they were put in."""
        with self._lock:
            entries = sorted((*self._sure, *self._lossy), key=_number)
            self._sure.clear()
            self._lossy.clear()
        return [value for _, value in entries]


def _number(entry: tuple[int, object]) -> int:
    return entry[0]
