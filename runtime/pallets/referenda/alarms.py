"""Alarms: calls that the scheduler makes when a referendum has to be checked."""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u16, u32
from runtime.frame import Component
from runtime.pallets.origins import RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import Inline
from runtime.pallets.referenda.types import ReferendumStatus
from runtime.pallets.scheduler.pallet import Scheduler

ALARM_PRIORITY: Final = 128
NUDGE: Final = 5
ONE_FEWER: Final = 6
"""Indices of the calls made by alarms."""
ROOT_CALLER: Final = SystemOrigin(RawRoot())


class Alarms(Component):
    """The alarms of referenda; at most one of each."""

    scheduler: Scheduler
    alarm_interval: int

    def setup(self) -> None:
        """Round all alarms up to multiples of the interval, in slots."""
        self.interval = max(1, self.alarm_interval)

    def set(self, index: u32, status: ReferendumStatus, at: int) -> None:
        """Set the alarm of the referendum to slot `at`, in place of the former one."""
        at = -(-at // self.interval) * self.interval
        if status.alarm is not None and status.alarm[0] == at:
            return
        self.cancel(status)
        nudge = Inline(bytes((self.index, NUDGE)) + index.to_bytes(4, "little"))
        # Any account can submit thousands; referenda being decided may use all places of a slot.
        address = self.scheduler.put(
            u32(at), nudge, ROOT_CALLER, ALARM_PRIORITY, modest=status.deciding is None
        )
        status.alarm = (u32(at), address)

    def cancel(self, status: ReferendumStatus) -> None:
        """Cancel the alarm of a referendum, if it has one."""
        if status.alarm is not None:
            self.scheduler.cancel_at(status.alarm[1])
            status.alarm = None

    def free_place(self, track: u16, at: int) -> None:
        """Give a place of a track to the next queued referendum in slot `at`."""
        fewer = Inline(bytes((self.index, ONE_FEWER)) + track.to_bytes(2, "little"))
        self.scheduler.put(u32(at), fewer, ROOT_CALLER, ALARM_PRIORITY)
