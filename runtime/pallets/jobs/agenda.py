"""Agendas: what is due when, found without looking at the slots in between.

A pallet keeps one as a double map from lane and key. Keys sort by time, so the first few keys of
a lane are what is due first, however many slots were empty; what a block leaves over stays due.
"""

from __future__ import annotations

from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32
from runtime.frame import DoubleMap, Hasher, Value
from runtime.pallets.jobs.types import DueKey

Due = DoubleMap[u8, DueKey, H256]


def agenda() -> Due:
    """Declare an agenda's storage."""
    return DoubleMap(u8, DueKey, H256, hashers=(Hasher.Identity, Hasher.Identity))


def enter(due: Due, count: Value[u32], lane: int, slot: int, what: H256) -> DueKey:
    """Note that something is due in `slot`; return its key, which takes it off again."""
    number = int(count.value)
    count.value = u32((number + 1) % (1 << 32))
    key = DueKey(slot.to_bytes(4, "big") + number.to_bytes(4, "big"))
    due[u8(lane), key] = what
    return key


def take(due: Due, lane: int, now: int, limit: int) -> list[H256]:
    """Take what is due by now off the agenda, at most `limit`, the oldest first."""
    ripe = [key for key in due.some_under(u8(lane), limit) if int.from_bytes(key[:4], "big") <= now]
    found = [due[u8(lane), key] for key in ripe]
    for key in ripe:
        del due[u8(lane), key]
    return found
