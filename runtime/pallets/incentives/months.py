"""The months: budgets, what is reserved, and the removal of expired months.

| phase of a month | what happens | next phase |
|---|---|---|
| Planned | it begins: its budget is fixed, and the worth of all rights reserved | Running |
| Running | the next month begins | Closing |
| Closing | the time to close it is over: what no facility closed returns | Settled |
| Settled | a beacon is found: it selects the audits | Selected |
| Selected | 24 months later its vouchers expire, and what is reserved returns | none |

The amount reserved is the sum over months, and the worth of all accounts' points. It never exceeds
the pool's balance, so every point that can exist is backed. One month changes its phase in a block
at most, and a block removes a bounded number of expired entries.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.accounts import HEALTH
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.traits import Inspect
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.incentives import events, formulas
from runtime.pallets.incentives.types import (
    CLOSE_DAYS,
    LIFE_MONTHS,
    MONTH_DAYS,
    Month,
    MonthPhase,
    PoolEntries,
    Progress,
)

MAX_BEACON_WAIT: Final = 200
"""Slots after which another beacon is asked for: those of old blocks are not stored."""


class Step(IntEnum):
    """A step of the months."""

    NONE = 0
    MOVED = 1
    SETTLED = 2
    """The month before `Progress.settled` was settled."""
    SELECTED = 3
    """The audits of the month before `Progress.selected` were selected."""


class Months(Component):
    """The months and their money."""

    clock: BeaconClock
    currency: Inspect
    pools: PoolEntries
    genesis_supply: Value[u128]
    day_slots: int
    beacon_delay: int
    beacon_authors: int

    months = Map(u32, Month, hasher=Hasher.Twox64Concat)
    """Months by number, from the first payment for them until everything of them is removed."""
    progress = Value(Progress, default=Progress())
    """The months by what is next to be done with them."""
    reserved = Value(u128, default=u128(0))
    """Amount of the pool that is reserved for rights, vouchers and points, in planck."""

    # ---- public interface: queries

    def current(self) -> int:
        """Return the number of the current month."""
        return int(self.progress.peek().current)

    def get(self, month: int) -> Month:
        """Return a month; an empty one if there is no payment for it so far."""
        return self.months.get(u32(month)) or Month()

    def point_value(self) -> u128:
        """Return the planck that a point is worth."""
        return formulas.point_value(int(self.genesis_supply.value))

    def worth(self, points: int) -> u128:
        """Return the planck that so many points are worth."""
        return u128(int(points) * int(self.point_value()))

    def is_expired(self, month: int) -> bool:
        """Return True if points earned in a month count no longer."""
        return int(month) + LIFE_MONTHS < self.current()

    def days(self, number: int) -> int:
        """Return the slots of so many days."""
        return number * self.day_slots

    def begins(self, month: int) -> int:
        """Return the slot in which a month begins."""
        return int(month) * self.days(MONTH_DAYS)

    # ---- public interface: changes

    def pay(self, month: int, amount: u128) -> None:
        """Count a facility's payment for a month that has not begun."""
        record = self.get(month)
        record.paid += amount
        record.payers += 1
        self.months[u32(month)] = record

    def reserve(self, amount: int) -> None:
        """Change the reserved amount by `amount`, which may be negative."""
        if amount:
            self.reserved.value = u128(int(self.reserved.value) + amount)

    def end_points(self, month: int, points: int) -> None:
        """Return the money reserved for points of a closed month that will not be redeemed."""
        if self.is_expired(month):
            return
        record = self.get(month)
        record.outstanding -= points
        if record.phase in (MonthPhase.Settled, MonthPhase.Selected):
            worth = self.worth(points)
            record.committed -= worth
            self.reserve(-int(worth))
        self.months[u32(month)] = record

    # ---- public interface: hooks

    def advance(self) -> Step:
        """Take the next step of the months, at most one, and return it."""
        progress, now = self.progress.peek(), self.clock.now()
        if now >= self.begins(int(progress.current) + 1):
            # A stall may have swallowed the time to close the month before.
            if progress.settled < progress.current:
                return self._settle(now)
            self._open_next(now)
            return Step.MOVED
        if progress.settled < progress.current and now >= progress.close_until:
            return self._settle(now)
        if progress.selected < progress.settled:
            return self._select(now)
        return Step.NONE

    def expire_next(self) -> bool:
        """End the reservation of the next expired month; return True if there is one."""
        progress = self.progress.peek()
        if int(progress.expired) + LIFE_MONTHS >= int(progress.current):
            return False
        progress = self.progress.value
        record = self.months.get(progress.expired)
        if record is not None:
            self.reserve(-int(record.committed))
            record.committed, record.outstanding = u128(0), u64(0)
            self.months[progress.expired] = record
        progress.expired += 1
        self.progress.value = progress
        return True

    def next_removed(self) -> int | None:
        """Return the oldest month of which entries may be left; None if it has not expired."""
        progress = self.progress.peek()
        return int(progress.oldest) if progress.oldest < progress.expired else None

    def remove(self, month: int) -> None:
        """Remove the record of a month of which nothing else is left."""
        progress = self.progress.value
        if u32(month) in self.months:
            del self.months[u32(month)]
            self.deposit(events.MonthRemoved(u32(month)))
        progress.oldest += 1
        self.progress.value = progress

    # ---- internals

    def _open_next(self, now: int) -> None:
        progress = self.progress.value
        last = self.months.get(progress.current)
        if last is not None:
            last.phase, last.since = MonthPhase.Closing, u64(now)
            self.months[progress.current] = last
        progress.current += 1
        progress.close_until = u64(now + self.days(CLOSE_DAYS))
        self.progress.value = progress

        month = int(progress.current)
        record = self.get(month)
        balance = int(self.currency.free(HEALTH)) - int(self.currency.existential_deposit)
        initial = int(self.pools.entry(HEALTH).allocated)
        record.budget = u128(formulas.budget(balance, int(self.reserved.value), initial, month))
        record.committed = u128(formulas.reservation(record))
        record.phase, record.since = MonthPhase.Running, u64(now)
        self.months[progress.current] = record
        self.reserve(int(record.committed))
        self.deposit(events.MonthOpened(progress.current, record.budget, record.committed))

    def _settle(self, now: int) -> Step:
        progress = self.progress.value
        month = progress.settled
        progress.settled += 1
        self.progress.value = progress
        record = self.months.get(month)
        if record is None:
            return Step.MOVED
        kept = self.worth(int(record.outstanding))
        returned = record.committed - kept
        record.committed, record.phase, record.since = kept, MonthPhase.Settled, u64(now)
        self.months[month] = record
        self.reserve(-int(returned))
        self.deposit(events.MonthSettled(month, returned))
        return Step.SETTLED

    def _select(self, now: int) -> Step:
        """Select the audits of the next settled month, once there is a beacon."""
        progress = self.progress.peek()
        record = self.months.get(progress.selected)
        if record is None:
            self._selected()
            return Step.MOVED
        since = int(record.since)
        found = self.clock.randomness_after(since, self.beacon_delay, self.beacon_authors)
        if found is None:
            if now - since > MAX_BEACON_WAIT:
                record.since = u64(now)
                self.months[progress.selected] = record
            return Step.NONE
        record.beacon = H256(found.beacon)
        record.phase, record.since = MonthPhase.Selected, u64(now)
        self.months[progress.selected] = record
        self._selected()
        return Step.SELECTED

    def _selected(self) -> None:
        progress = self.progress.value
        progress.selected += 1
        self.progress.value = progress
