"""Voting power: of one account in each chamber, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.membership import Membership
from runtime.pallets.chambers.types import (
    SEAT_POWER,
    FacilityBonds,
    PollRecord,
    Releases,
    Schedules,
    Stakes,
    WorkDay,
)
from runtime.pallets.tier_staking.types import StakedMoney

NOTHING_STAKED: Final = StakedMoney(u128(0), u128(0))


class Kept(NamedTuple):
    """Money that stays in an account until a decision is over, in planck."""

    planck: int
    """Total."""
    long: int
    """Part of it with additional votes, from long stakes."""
    locked: int = 0
    """Part of it that the lock of the vote covers now."""


class Work(Component):
    """Verified work by account and day, in millionths of a unit."""

    clock: Clock
    day_slots: u32

    work = Map(AccountId, Bounded[list[WorkDay], formulas.KEPT], default=[])
    """Verified work by account and day, the oldest first."""
    total_work = Value(Bounded[list[WorkDay], formulas.KEPT], default=[])
    """Verified work of all accounts by day, the oldest first."""

    def today(self) -> int:
        """Return the number of the current day."""
        return self.clock.now() // int(self.day_slots)

    def of(self, who: AccountId, day: int) -> int:
        """Return the work of an account that counts on `day`."""
        return formulas.work_of(self.work[who], day)

    def total(self, day: int) -> int:
        """Return the work of all accounts that counts on `day`."""
        return formulas.work_of(self.total_work.peek(), day)

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Add verified work, in millionths of a unit, to a provider's votes from tomorrow on."""
        day = self.today()
        self.work[provider] = with_work(self.work[provider], day, parts)
        self.total_work.value = with_work(self.total_work.value, day, parts)

    def forget_work(self, provider: AccountId) -> None:
        """Remove all work of a provider from its votes, because some of it was invalid."""
        lost = {int(one.day): int(one.parts) for one in self.work[provider]}
        if not lost:
            return
        del self.work[provider]
        totals = self.total_work.value
        for one in totals:
            one.parts -= lost.get(int(one.day), 0)
        self.total_work.value = [one for one in totals if one.parts]


def with_work(days: list[WorkDay], day: int, parts: int) -> list[WorkDay]:
    """Return the work with `parts` added on `day`, the latest, and without outdated days."""
    kept = [one for one in days if int(one.day) + formulas.KEPT > day]
    if kept and kept[-1].day == day:
        kept[-1].parts += parts
        return kept
    return [*kept, WorkDay(u32(day), u128(parts))]


class Powers(Component):
    """Voting power of accounts, by chamber."""

    membership: Membership
    work: Work
    currency: Balances
    stakes: Stakes
    vesting: Schedules
    releases: Releases
    facilities: FacilityBonds
    pools: Sequence[AccountId]
    stake_lasts: u32

    def of(self, who: AccountId, locked: int, record: PollRecord | None = None) -> list[int]:
        """Return the power, by chamber, of an account that locks `locked` planck by its vote.

        The bond of a hospital votes among institutions, the rest of its money among holders.
        In the referendum of `record`, or in one whose decision starts now. Before the start, which
        may be much later, seats do not count, and stakes only as far as the vote locks them.
        """
        started = record is None or record.frozen
        day = self.work.today() if record is None or not record.frozen else int(record.day)
        seat = SEAT_POWER if self._sits(who, record) else 0
        work = self.work.of(who, day)
        allocation, kept = (
            self.membership.allocation_of(who),
            self._kept(who, locked, started=started),
        )
        if allocation is not None:
            return [min(allocation, kept.planck), work, 0, seat]
        unvested = min(int(self.vesting.unvested(who)), kept.locked)
        bond = min(int(self.facilities.voting_bond(who)), kept.locked)
        # Vesting money may be the bond; which part is, is unknown, so both are subtracted.
        rest = max(0, kept.planck - unvested - bond)
        return [bond, work, 2 * rest + kept.long, seat]

    def totals(self, day: int) -> list[int]:
        """Return the total power of each chamber, from sums alone.

        That of the holders is an upper bound: it includes long stakes that still warm up, and money
        that holders lock for each other by vesting schedules outside of the contractual rows.
        """
        total, seated = self.currency.total, self.membership.institutions.value
        held = [(one, int(total(one.who))) for one in seated]
        institutions = sum(min(int(one.allocation), has) for one, has in held)
        bond_of = self.facilities.voting_bond
        bonds = int(self.facilities.voting_bonds()) - sum(int(bond_of(one.who)) for one in seated)
        theirs = sum(int(self.vesting.unvested(one.who)) for one in seated)
        vesting = max(0, self.releases.unvested() - theirs)
        apart = sum(has for _, has in held) + sum(int(total(pool)) for pool in self.pools)
        money = max(0, int(self.currency.total_issuance.value) - apart - vesting - bonds)
        long = sum(int(self.stakes.staked_of(one.who).long) for one in seated)
        long = max(0, int(self.stakes.staked().long) - long)
        seats = len(self.membership.representatives.value) * SEAT_POWER
        work = self.work.total(day)
        return [institutions + bonds, work, 2 * money + long, seats]

    def may_delegate(self, who: AccountId) -> bool:
        """Return True if `who` may delegate: it votes as a holder alone, with all its money.

        Accounts with vesting money or an escrow may not: delegated money must be sure to stay.
        """
        staked = planck_of(self.stakes.staked_of(who))
        return not (
            self.membership.is_institution(who)
            or self.membership.is_representative(who)
            or self.work.of(who, self.work.today())
            or self.facilities.voting_bond(who)
            or self.vesting.unvested(who)
            or int(self.currency.lockable(who)) + staked < self.currency.total(who)
        )

    # ---- internals

    def _sits(self, who: AccountId, record: PollRecord | None) -> bool:
        """Return True if `who` had a seat at the start of `record`; if that is None, now."""
        return self.membership.is_representative(who) if record is None else who in record.seats

    def _kept(self, who: AccountId, locked: int, *, started: bool) -> Kept:
        """Return the money that stays in an account that locks `locked` planck by its vote.

        The lock covers money that is neither staked nor in escrow, then stakes that end soon;
        lasting stakes stay by themselves, but count only once the decision has started.
        """
        staked = self.stakes.staked_of(who)
        lasting = self.stakes.lasting(who, int(self.stake_lasts)) if started else NOTHING_STAKED
        stays, soon = planck_of(lasting), planck_of(staked) - planck_of(lasting)
        now = min(locked, int(self.currency.lockable(who)))
        later = min(locked - now, soon)
        long = min(later, int(staked.long) - int(lasting.long))
        return Kept(now + later + stays, int(lasting.long) + long, now)


def planck_of(staked: StakedMoney) -> int:
    """Return the sum of all stakes, in planck."""
    return int(staked.long) + int(staked.short)
