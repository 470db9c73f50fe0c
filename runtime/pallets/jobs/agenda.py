"""Agendas: what is due when, found without looking at the slots in between.

A pallet keeps one as a double map from lane and key. Keys sort by time, so the first few keys of
a lane are what is due first, however many slots were empty; what a block leaves over stays due.
Beside it stands from when on each lane can have something due: a block in which nothing is reads
that, and no lane.

Times here are working time: the slots since genesis less those in which the chain stood still. So
whatever is open when it stops is open for as long again when it goes on.
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
    """What is known of an agenda without looking at it."""

    first: Annotated[Bounded[list[u32], MAX_LANES], TypeName("BoundedVec<u32, MaxLanes>")] = field(
        default_factory=lambda: [NEVER] * MAX_LANES
    )
    """For each lane, a time before which nothing in it is due."""
    entered: u32 = u32(0)
    """How many entries there were: those of one time are in this order."""


def agenda() -> Due:
    """Declare an agenda's storage."""
    return DoubleMap(u8, DueKey, H256, hashers=(Hasher.Identity, Hasher.Identity))


def enter(due: Due, ahead: Value[Ahead], lane: int, time: int, what: H256) -> DueKey:
    """Note that something is due at `time`; return its key, which takes it off again."""
    known = ahead.value
    key = DueKey(time.to_bytes(4, "big") + known.entered.to_bytes(4, "big"))
    due[u8(lane), key] = what
    known.entered = u32((int(known.entered) + 1) % (1 << 32))
    known.first[lane] = min(known.first[lane], u32(time))
    ahead.value = known
    return key


def take(due: Due, ahead: Value[Ahead], lane: int, now: int, limit: int) -> list[H256]:
    """Take what is due by now off the agenda, at most `limit`, the oldest first."""
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
    """Return when the entry of a key is due."""
    return u32(int.from_bytes(key[:4], "big"))
