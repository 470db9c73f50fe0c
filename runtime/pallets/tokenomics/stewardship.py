"""The Foundation's seat at the treasury: in the first year it approves payments, up to a limit.

The documents 002 and 004 have the treasury "initially managed by the Foundation with progressive
transition to community governance". Their treasury holds what their tables give to no holder. The
Foundation may approve 1 % of that in a spend period, for a year at most: less in all than the
institutions' part of the votes in that year, which is 70 %. Referenda may spend beside it, may
revoke what it approved before it is paid, and may end the seat.
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import BadOrigin, Component, Value
from runtime.frame.traits import Clock
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.types import TreasurySeat


class Stewardship(Component):
    """The Foundation's right to approve payments of the treasury."""

    releases: ReleaseControl
    clock: Clock
    foundation: Value[AccountId]

    treasury_seat = Value(TreasurySeat)
    """The Foundation's seat at the treasury; none where the document gives it none."""

    def limit_of(self, who: AccountId) -> u128:
        """Return the most that `who` may approve in one spend period, in planck.

        Raises BadOrigin for others than the Foundation and after its time; Paused.
        """
        seat = self.treasury_seat.get()
        if seat is None or who != self.foundation.get() or self.clock.now() >= seat.until:
            raise BadOrigin
        self.releases.ensure_not_paused()
        return seat.limit

    def end(self) -> None:
        """End the seat before its time. Raises NoSeat."""
        if self.treasury_seat.get() is None:
            raise errors.NoSeat
        self.treasury_seat.kill()
        self.deposit(events.TreasurySeatEnded())
