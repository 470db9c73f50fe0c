"""A queue of messages of several peers, bounded in bytes per peer and in total. Pure.

`take` serves the peer that has had the least of the receiver's time; with a slack, the oldest entry
of the peers that had at most so much more than that. When the queue is full, the newest entry of
the peer with the most bytes in it is dropped, so that a peer which sends too much loses only its
own messages.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field
from typing import Final, Generic, NamedTuple, TypeVar

from btt_chain.lazyclass import dataclass

V = TypeVar("V")

OVERHEAD: Final = 256
"""Bytes counted for an entry in addition to its content."""


class Bounds(NamedTuple):
    """Maximum number of bytes of one peer, and of all."""

    peer: int
    total: int


class _Entry(NamedTuple, Generic[V]):
    number: int
    size: int
    value: V


@dataclass(slots=True)
class _Sender(Generic[V]):
    had: float
    """Its account: time that was spent on it, or on others while it sent nothing."""
    entries: deque[_Entry[V]] = field(default_factory=deque)
    size: int = 0


class FairQueue(Generic[V]):
    """Entries by sender."""

    def __init__(self, bounds: Bounds, slack: float = 0.0) -> None:
        """`slack` is in the unit of `spent`."""
        self._bounds = bounds
        self._slack = slack
        self._senders: dict[str, _Sender[V]] = {}
        self._size = 0
        self._count = 0
        self._level = 0.0
        self._number = 0
        self.lost = 0
        """Number of entries that were dropped because the queue was full."""

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Number of bytes of all entries."""
        return self._size

    def put(self, peer: str, value: V, size: int, number: int | None = None) -> bool:
        """Add an entry of a peer. Return True if it is in the queue, False if it was dropped.

        `number` is its place among the entries of other queues (`drain`), in ascending order.
        """
        size += OVERHEAD
        sender = self._senders.get(peer)
        if sender is not None and sender.size + size > self._bounds.peer:
            self.lost += 1
            return False
        if sender is None:
            sender = self._senders[peer] = _Sender(self._level)
        if not sender.entries:
            # A peer that sent nothing for a time saves up no advantage over those that did.
            sender.had = max(sender.had, self._level)
        self._number = self._number + 1 if number is None else number
        entry = _Entry(self._number, size, value)
        sender.entries.append(entry)
        self._add(sender, 1, size)
        while self._size > self._bounds.total:
            greediest = max(self._senders.values(), key=lambda one: one.size)
            last = greediest.entries.pop()
            self._add(greediest, -1, -last.size)
            self.lost += 1
            if last is entry:
                return False
        return True

    def take(self) -> tuple[str, V] | None:
        """Remove and return the next entry and its sender, or None. Then `spent` is due."""
        waiting = [(sender, name) for name, sender in self._senders.items() if sender.entries]
        if not waiting:
            return None
        self._level = min(sender.had for sender, _ in waiting)
        most = self._level + self._slack
        if self._slack:
            _, name = min((one.entries[0].number, name) for one, name in waiting if one.had <= most)
        else:
            _, name = min((one.had, name) for one, name in waiting)
        sender = self._senders[name]
        entry = sender.entries.popleft()
        self._add(sender, -1, -entry.size)
        return name, entry.value

    def spent(self, peer: str, amount: float) -> None:
        """Add the cost of an entry to its peer's account."""
        sender = self._senders.get(peer)
        if sender is not None:
            sender.had += amount

    def gone(self, peer: str) -> None:
        """Drop the entries of a peer that has left."""
        sender = self._senders.pop(peer, None)
        if sender is not None:
            self._count -= len(sender.entries)
            self._size -= sender.size

    def drain(self) -> list[tuple[int, V]]:
        """Remove and return all entries, with their numbers, in the order of their numbers."""
        entries = [entry for sender in self._senders.values() for entry in sender.entries]
        self._senders.clear()
        self._size = self._count = 0
        entries.sort(key=lambda entry: entry.number)
        return [(entry.number, entry.value) for entry in entries]

    def _add(self, sender: _Sender[V], count: int, size: int) -> None:
        sender.size += size
        self._size += size
        self._count += count
