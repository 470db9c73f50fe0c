"""Timestamp: the time of the block, as set by its author.

Every block sets the time exactly once, never back, and within the block's slot.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from btt_chain.scale import Compact, TypeName, u64
from runtime.frame import Const, DispatchClass, InvalidBlock, Origin, Pallet, Value, call
from runtime.pallets.timestamp import weights


class SlotClock(Protocol):
    """The slot of the current block; Babe implements it."""

    def check_timestamp(self, moment: int) -> None:
        """Raise InvalidBlock if `moment`, in milliseconds, does not lie in the block's slot."""


class Timestamp(Pallet):
    """The time of the block, in milliseconds since 1970."""

    # ---- constants

    minimum_period: Const[u64]
    """Minimum time between two blocks, in milliseconds: half a slot."""

    # ---- dependencies

    slot_clock: SlotClock

    # ---- storage

    now = Value(u64, default=u64(0))
    did_update = Value(bool, default=False)

    # ---- hooks

    def on_finalize(self, number: int) -> None:
        """Reset the mark that the time was set. Raises InvalidBlock if it was not."""
        if not self.did_update.take():
            raise InvalidBlock(f"block {number} does not set the time")

    # ---- calls

    @call(0, weight=weights.SET, dispatch_class=DispatchClass.Mandatory)
    def set(self, origin: Origin, now: Annotated[Compact[u64], TypeName("T::Moment")]) -> None:
        """Set the time of this block, in milliseconds since 1970. Only for the block's author."""
        origin.none()
        if self.did_update.value:
            raise InvalidBlock(f"the time is set twice, the second time to {now}")
        earliest = self.earliest()
        if now < earliest:
            raise InvalidBlock(f"the time is set to {now}, but cannot be before {earliest}")
        self.slot_clock.check_timestamp(int(now))
        self.now.value = now
        self.did_update.value = True

    # ---- public interface

    def moment(self) -> int:
        """Return the block's time in milliseconds since 1970; before it is set, the parent's."""
        return int(self.now.value)

    def earliest(self) -> u64:
        """Return the earliest time in milliseconds that the next block may set."""
        before = self.now.value
        return before + self.minimum_period if before else u64(0)
