"""The queue of events from the network's thread to the engine's.

Gossip and notes may be lost; they wait in a queue that is bounded in bytes per peer and in total
(`fair_queue.py`), and are dropped when their peer disconnects. Everything else is kept and must be
bounded by the caller (a peer has only a few requests open). Events are taken out in the order in
which they were put in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from p2p.fair_queue import Bounds, FairQueue
from p2p.network import MIB, Disconnected, Event, GossipReceived, NoteReceived

BOUNDS: Final = Bounds(peer=2 * MIB, total=16 * MIB)


class EventBox:
    """Two queues under one lock. `wake` is called, outside the lock, when both were empty."""

    def __init__(self, wake: Callable[[], None], bounds: Bounds = BOUNDS) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._count = 0
        self._sure: list[tuple[int, Event]] = []
        self._lossy: FairQueue[Event] = FairQueue(bounds)

    @property
    def lost(self) -> int:
        """Number of events that were dropped because their queue was full."""
        return self._lossy.lost

    def __len__(self) -> int:
        return len(self._sure) + len(self._lossy)

    def put(self, event: Event) -> None:
        """Add an event; gossip and notes may be lost."""
        with self._lock:
            empty = not self._sure and not self._lossy
            self._count += 1
            if isinstance(event, GossipReceived | NoteReceived):
                self._lossy.put(event.peer, event, len(event.data), self._count)
            else:
                if isinstance(event, Disconnected):
                    self._lossy.gone(event.peer)
                self._sure.append((self._count, event))
        if empty:
            self._wake()

    def take(self) -> list[Event]:
        """Remove and return all events, in the order in which they were put in."""
        with self._lock:
            entries = self._sure + self._lossy.drain()
            self._sure.clear()
        entries.sort(key=_number)
        return [event for _, event in entries]


def _number(entry: tuple[int, Event]) -> int:
    return entry[0]
