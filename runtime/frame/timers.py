"""Timer queues: due entries, found without reading the slots in between.

A pallet's queues are one double map from queue and key. Keys sort by time, so the first few keys of
a queue are due first, however many slots were empty; entries beyond a block's limit stay due. A
separate value holds the earliest due time of each queue: a block in which nothing is due reads
that, and no queue.

Entries are stored by working time: the slots since genesis without those in which the chain
stalled. So a stall shifts all deadlines by its length.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, FixedBytes, TypeName, path, u8, u32
from runtime.frame.items import DoubleMap, Hasher, Value
from runtime.frame.part import Component
from runtime.frame.traits import Clock, Stalls

MAX_QUEUES: Final = 8
NEVER: Final = u32(u32.MAX)


class DueKey(FixedBytes, size=8, path="btt_runtime::DueKey"):
    """The time of a timer queue's entry, and its place among entries of that time.

    Two numbers, highest byte first, so that keys sort by time.
    """


NO_TIMER: Final = DueKey(bytes(8))
"""The key of no entry."""


@path("btt_runtime::Ahead")
@dataclass(slots=True)
class Ahead:
    """Summary of the timer queues, read without reading the queues."""

    first: Annotated[Bounded[list[u32], MAX_QUEUES], TypeName("BoundedVec<u32, MaxQueues>")] = (
        field(default_factory=lambda: [NEVER] * MAX_QUEUES)
    )
    """For each queue, a time before which nothing in it is due."""
    entered: u32 = u32(0)
    """Number of entries made, modulo 2^32: orders entries of the same time."""


class TimerQueues(Component):
    """The timer queues of a pallet. Times given to its methods are slots."""

    _clock: Clock

    due = DoubleMap(u8, DueKey, H256, hashers=(Hasher.Identity, Hasher.Identity))
    """The timer queues."""
    ahead = Value(Ahead, default=Ahead())
    """For each timer queue, a time before which nothing in it is due."""

    def stalled(self) -> int:
        """Return the total number of slots without a block in stalls; 0 if they are not counted."""
        return 0

    def enter(self, queue: int, slot: int, what: H256) -> DueKey:
        """Add an entry that is due in `slot`; return its key, which removes it again."""
        time = slot - self.stalled()
        ahead = self.ahead.value
        key = DueKey(time.to_bytes(4, "big") + ahead.entered.to_bytes(4, "big"))
        self.due[u8(queue), key] = what
        ahead.entered = u32((int(ahead.entered) + 1) % (1 << 32))
        ahead.first[queue] = min(ahead.first[queue], u32(time))
        self.ahead.value = ahead
        return key

    def remove(self, queue: int, key: DueKey) -> None:
        """Remove an entry; `NO_TIMER` and an entry that is gone change nothing."""
        if key != NO_TIMER:
            del self.due[u8(queue), key]

    def nothing_due(self) -> bool:
        """Return True if no queue has an entry that is due: one read for all queues."""
        first = min(self.ahead.peek().first)
        return first == NEVER or first > self._clock.now() - self.stalled()

    def take(self, queue: int, limit: int) -> list[H256]:
        """Remove and return the entries due by now, at most `limit`, the oldest first."""
        first = self.ahead.peek().first[queue]
        if first == NEVER:
            return []  # most queues are empty in most blocks: they need no clock
        now = self._clock.now() - self.stalled()
        if first > now:
            return []
        keys = self.due.some_under(u8(queue), limit + 1)
        due = [key for key in keys[:limit] if time_of(key) <= now]
        found = [self.due[u8(queue), key] for key in due]
        for key in due:
            del self.due[u8(queue), key]
        ahead = self.ahead.value
        ahead.first[queue] = time_of(keys[len(due)]) if len(due) < len(keys) else NEVER
        self.ahead.value = ahead
        return found


class ShiftedQueues(TimerQueues):
    """Timer queues whose entries are due later by the length of stalls."""

    _stalls: Stalls

    def stalled(self) -> int:
        """Return the total number of slots without a block in stalls."""
        return self._stalls.stalled_slots()


def time_of(key: DueKey) -> u32:
    """Return the working time at which the entry of a key is due."""
    return u32(int.from_bytes(key[:4], "big"))
