"""Vesting schedules: their reading, and what they release when.

Times are slots since the first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btt_chain.client.views import shaped
from runtime.pallets.balances.types import BalanceLock
from runtime.pallets.vesting.pallet import LOCK_ID
from runtime.schedules import Schedule

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain


@dataclass(frozen=True, slots=True)
class Vested:
    """The schedules of an account, and its lock."""

    schedules: tuple[Schedule, ...]
    lock: int
    """Amount that the lock holds: more than is unvested until `vest` updates it."""

    def unvested(self, slot: int) -> int:
        """Return the amount that all schedules lock at a slot."""
        return sum(int(schedule.unvested(slot)) for schedule in self.schedules)

    def claimable(self, slot: int) -> int:
        """Return the amount that was released since the lock was last updated."""
        return max(0, self.lock - self.unvested(slot))


def first_release(schedule: Schedule) -> int:
    """Return the slot of a schedule's first release."""
    return max(int(schedule.start), int(schedule.cliff))


def next_dates(schedules: Sequence[Schedule], slot: int, step: int, count: int) -> list[int]:
    """Return the next slots to show: every `step` from now on, all cliffs, and the last end.

    At most `count` of the steps; none after the end.
    """
    end = max((each.end for each in schedules), default=slot)
    steps = {slot + step * n for n in range(1, count + 1) if slot + step * n < end}
    cliffs = {first for first in map(first_release, schedules) if first > slot}
    return sorted(steps | cliffs | ({end} if end > slot else set()))


async def read_vested(chain: Chain, who: bytes) -> Vested:
    """Read the schedules of an account; none if nothing of it is vesting."""
    account = "0x" + who.hex()
    schedules = await chain.storage("Vesting.SchedulesExt", account)
    locks = await chain.storage("Balances.Locks", account)
    own = [lock for lock in shaped(list[BalanceLock], locks or []) if lock.id == LOCK_ID]
    return Vested(
        tuple(shaped(list[Schedule], schedules or [])), sum(int(lock.amount) for lock in own)
    )
