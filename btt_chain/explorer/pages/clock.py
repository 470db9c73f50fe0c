"""The clock of a chain: dates of its slots, which runtime APIs count from block 1."""

from __future__ import annotations

from btt_chain.explorer import apis
from btt_chain.explorer.context import Context
from btt_chain.explorer.pages.forms import Fields, Json, NoSuchPage


async def slot_clock(context: Context) -> Json:
    """Return the slot of the last final block, its time, and the length of a slot.

    None if the chain counts no slots. Raises NodeGone.
    """
    block = context.index.block(context.index.final()[0])
    if block is None or not block.ms:
        return None
    try:
        first = await apis.stored(context, "Babe.GenesisSlot")
        current = await apis.stored(context, "Babe.CurrentSlot")
        length = await apis.constant(context, "Babe.ExpectedBlockTime")
    except NoSuchPage:
        return None
    slot = max(apis.whole(current) - apis.whole(first), 0)
    return {"slot": slot, "time": block.ms, "slotMs": apis.whole(length)}


def time_of_slot(clock: Json, slot: int | None) -> int | None:
    """Return the time of a slot in milliseconds since 1970; None if it is not known."""
    if slot is None or not isinstance(clock, dict):
        return None
    fields: Fields = clock
    now, time, length = (apis.number(fields, name) for name in ("slot", "time", "slotMs"))
    return time + (slot - now) * length
