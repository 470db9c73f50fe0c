"""The clock of a chain: dates of its slots, which runtime APIs count from block 1."""

from __future__ import annotations

from typing import TypedDict

from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import NoSuchPage
from btt_chain.scale import u64


class Clock(TypedDict):
    """The slot of the last final block, counted from block 1, and its time; in milliseconds."""

    slot: int
    time: int
    slotMs: int


async def slot_clock(context: Context) -> Clock | None:
    """Return the clock; None if the chain counts no slots. Raises NodeGone."""
    block = context.index.block(context.index.final()[0])
    if block is None or not block.ms:
        return None
    try:
        first = await apis.stored(context, u64, "Babe.GenesisSlot")
        current = await apis.stored(context, u64, "Babe.CurrentSlot")
        length = await apis.constant(context, u64, "Babe.ExpectedBlockTime")
    except NoSuchPage:
        return None
    slot = max(int(current or 0) - int(first or 0), 0)
    return {"slot": slot, "time": block.ms, "slotMs": int(length)}


def time_of_slot(clock: Clock | None, slot: int | None) -> int | None:
    """Return the time of a slot in milliseconds since 1970; None if it is not known."""
    if slot is None or clock is None:
        return None
    return clock["time"] + (int(slot) - clock["slot"]) * clock["slotMs"]
