"""Schedules of vesting: amounts that are released slot by slot. Time is slots since genesis."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.lazyclass import dataclass
from btt_chain.scale import path, u32, u128
from runtime.frame.aliases import Balance, BlockNumber
from runtime.splits import ceil_div


@path("pallet_vesting::vesting_info::VestingInfo", params={"Balance": u128, "BlockNumber": u32})
@dataclass(slots=True)
class VestingInfo:
    """A schedule in the wallets' form: `per_block` planck per slot from `starting_block` on."""

    locked: Balance
    per_block: Balance
    starting_block: BlockNumber


@path("pallet_vesting::schedule::Schedule")
@dataclass(slots=True)
class Schedule:
    """`locked` planck are released evenly over `length` slots from `start`, none before `cliff`.

    Invariant: `length` is at least one, and `start <= cliff <= start + length`.
    """

    locked: Balance
    start: BlockNumber
    length: BlockNumber
    cliff: BlockNumber

    @property
    def end(self) -> int:
        """The first slot at which everything is released."""
        return int(self.start) + int(self.length)

    def vested(self, now: int) -> u128:
        """Return the amount released at slot `now`, in planck."""
        return u128(vested(self.locked, self.start, self.length, self.cliff, now))

    def unvested(self, now: int) -> u128:
        """Return the amount still locked at slot `now`, in planck."""
        return self.locked - self.vested(now)

    def info(self) -> VestingInfo:
        """Return the wallets' form; whole planck per slot, rounded up so that the end is kept."""
        return VestingInfo(self.locked, u128(ceil_div(self.locked, self.length)), self.start)


def vested(locked: int, start: int, length: int, cliff: int, now: int) -> int:
    """Return the released part of `locked` planck at slot `now`, rounded down.

    A lock-up before a vesting that begins at its end is `start = cliff = lock-up`; a lock-up at
    whose end the part since genesis is released at once is `start = 0, cliff = lock-up`.
    """
    if now < cliff or now < start:
        return 0
    # Plain integers: the product may pass 128 bits, the result cannot.
    passed = int(now) - int(start)
    if passed >= length:
        return locked
    return int(locked) * passed // int(length)


def total_unvested(schedules: Sequence[Schedule], now: int) -> u128:
    """Return the sum that `schedules` lock at slot `now`, in planck."""
    return u128(sum(int(schedule.unvested(now)) for schedule in schedules))
