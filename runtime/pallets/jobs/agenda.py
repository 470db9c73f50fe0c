"""Timer queues: due entries, found without reading the slots in between.

A pallet stores them in one double map from queue and key. Keys sort by time, so the first few keys
of a queue are due first, however many slots were empty; entries beyond a block's limit stay due.
A separate value holds the earliest due time of each queue: a block in which nothing is due reads
that, and no queue.

Times here are working time: the slots since genesis without those in which the chain stalled. So
a stall shifts all deadlines by its length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, TypeName, path, u8, u32
from runtime.frame import DoubleMap, Hasher, Value
from runtime.pallets.jobs.types import DueKey

MAX_LANES: Final = 8
NEVER: Final = u32(u32.MAX)

Due = DoubleMap[u8, DueKey, H256]


@path("btt_runtime::Ahead")
@dataclass(slots=True)
class Ahead:
    """Summary of the timer queues, read without reading the queues."""

    first: Annotated[Bounded[list[u32], MAX_LANES], TypeName("BoundedVec<u32, MaxLanes>")] = field(
        default_factory=lambda: [NEVER] * MAX_LANES
    )
    """For each queue, a time before which nothing in it is due."""
    entered: u32 = u32(0)
    """Number of entries made, modulo 2^32: orders entries of the same time."""


def agenda() -> Due:
    """Declare the storage of timer queues."""
    return DoubleMap(u8, DueKey, H256, hashers=(Hasher.Identity, Hasher.Identity))


def enter(due: Due, ahead: Value[Ahead], lane: int, time: int, what: H256) -> DueKey:
    """Add an entry that is due at `time`; return its key, which removes it again."""
    known = ahead.value
    key = DueKey(time.to_bytes(4, "big") + known.entered.to_bytes(4, "big"))
    due[u8(lane), key] = what
    known.entered = u32((int(known.entered) + 1) % (1 << 32))
    known.first[lane] = min(known.first[lane], u32(time))
    ahead.value = known
    return key


def take(due: Due, ahead: Value[Ahead], lane: int, now: int, limit: int) -> list[H256]:
    """Remove and return the entries due by now, at most `limit`, the oldest first."""
    if ahead.peek().first[lane] > now:
        return []
    keys = due.some_under(u8(lane), limit + 1)
    ripe = [key for key in keys[:limit] if time_of(key) <= now]
    found = [due[u8(lane), key] for key in ripe]
    for key in ripe:
        del due[u8(lane), key]
    known = ahead.value
    known.first[lane] = time_of(keys[len(ripe)]) if len(ripe) < len(keys) else NEVER
    ahead.value = known
    return found


def time_of(key: DueKey) -> u32:
    """Return the time at which the entry of a key is due."""
    return u32(int.from_bytes(key[:4], "big"))
