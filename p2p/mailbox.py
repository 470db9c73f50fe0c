"""The queues between two threads: actions to the network's, events to the engine's.

Gossip and notes may be lost: another peer sends them again, or this node asks for them. They lie in
a bounded queue of their own, which drops and counts entries when it is full. Everything else is
kept and must be bounded by the caller (a peer has only a few requests open). Entries are taken out
in the order in which they were put in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from p2p.fair_queue import Bounds, FairQueue
from p2p.network import MIB, Disconnected, Event, GossipReceived, NoteReceived

V = TypeVar("V")

CAPACITY: Final = 4_096
"""Maximum number of entries of `Newest`."""
BOUNDS: Final = Bounds(peer=2 * MIB, total=16 * MIB)
"""Maximum number of bytes of `FairEvents`."""


class Lossy(Protocol[V]):
    """A bounded queue of the entries that may be lost."""

    lost: int
    """Number of entries that were dropped because the queue was full."""

    def __len__(self) -> int: ...

    def offer(self, value: V, number: int) -> bool:
        """Return True if the value may be lost: it is in the queue now, or was dropped."""

    def drain(self) -> list[tuple[int, V]]:
        """Remove and return all entries with their numbers."""


class Newest(Generic[V]):
    """The newest entries of some types: the oldest one is dropped."""

    def __init__(self, types: tuple[type, ...], capacity: int = CAPACITY) -> None:
        self._types = types
        self._entries: deque[tuple[int, V]] = deque()
        self._capacity = capacity
        self.lost = 0

    def __len__(self) -> int:
        return len(self._entries)

    def offer(self, value: V, number: int) -> bool:
        """Add a value of the types. Return True if it is of them."""
        if not isinstance(value, self._types):
            return False
        self._entries.append((number, value))
        if len(self._entries) > self._capacity:
            self._entries.popleft()
            self.lost += 1
        return True

    def drain(self) -> list[tuple[int, V]]:
        """Remove and return all entries with their numbers."""
        entries = [*self._entries]
        self._entries.clear()
        return entries


class FairEvents(FairQueue[Event]):
    """Gossip and notes, bounded in bytes; those of a peer are dropped when it disconnects."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        super().__init__(bounds)

    def offer(self, event: Event, number: int) -> bool:
        """Add gossip or a note. Return True if the event is one of them."""
        if isinstance(event, GossipReceived | NoteReceived):
            self.put(event.peer, event, len(event.data), number)
            return True
        if isinstance(event, Disconnected):
            self.gone(event.peer)
        return False


class Mailbox(Generic[V]):
    """Two queues under one lock. `wake` is called, outside the lock, when both were empty."""

    def __init__(self, wake: Callable[[], None], lossy: Lossy[V]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._count = 0
        self._sure: list[tuple[int, V]] = []
        self._lossy = lossy

    @property
    def lost(self) -> int:
        """Number of entries that were dropped because their queue was full."""
        return self._lossy.lost

    def __len__(self) -> int:
        return len(self._sure) + len(self._lossy)

    def put(self, value: V) -> None:
        """Add an entry."""
        with self._lock:
            empty = len(self) == 0
            self._count += 1
            if not self._lossy.offer(value, self._count):
                self._sure.append((self._count, value))
        if empty:
            self._wake()

    def take(self) -> list[V]:
        """Remove and return all entries, in the order in which they were put in."""
        with self._lock:
            entries = self._sure + self._lossy.drain()
            self._sure.clear()
        entries.sort(key=_number)
        return [value for _, value in entries]


def _number(entry: tuple[int, object]) -> int:
    return entry[0]
