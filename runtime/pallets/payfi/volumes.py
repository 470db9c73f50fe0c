"""Volumes: a merchant's business of the last 30 days, and the reports of the analytics plan.

Both are rings of days. `Volumes` exists for every merchant, `Reports` for those with the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.frame import Component, Map
from runtime.frame.items import PEEK_CACHE_SIZE
from runtime.pallets.payfi.calendar import Calendar
from runtime.pallets.payfi.types import RING_DAYS, DayReport, DayVolume, Legs, Report, Volume

D = TypeVar("D")


class Volumes(Component):
    """Volumes and reports of merchants, by day."""

    calendar: Calendar

    volumes = Map(AccountId, Volume)
    """Business of merchants in the last 30 days."""
    reports = Map(AccountId, Report)
    """Reports of merchants with the analytics plan, of the last 30 days."""

    def setup(self) -> None:
        """Start without sums of volumes."""
        self._sums: dict[AccountId, tuple[Volume, int, int]] = {}
        """Volumes by merchant, each with the decoded ring and the day that it was summed for."""

    # ---- public interface: queries

    def volume(self, who: AccountId, now: int | None = None) -> int:
        """Return the settled gross of 30 days less the refunds; 0 for others than merchants.

        `now` is the present time, if the caller has read it.
        """
        ring = self.volumes.peek(who)
        if ring is None:
            return 0
        today, known = self.calendar.day(now), self._sums.get(who)
        if known is None or known[0] is not ring or known[1] != today:
            counted = ring.days[: max(0, RING_DAYS - (today - int(ring.day)))]
            volume = max(0, sum([int(day.gross) - int(day.refunds) for day in counted]))
            if len(self._sums) >= PEEK_CACHE_SIZE:
                self._sums.clear()
            known = self._sums[who] = (ring, today, volume)
        return known[2]

    def fees_of(self, who: AccountId) -> u128:
        """Return the fees of all settled payments of a merchant; 0 for others."""
        ring = self.volumes.peek(who)
        return u128(0) if ring is None else ring.fees

    def lost_of(self, who: AccountId) -> tuple[int, int]:
        """Return the number of disputes lost in 30 days, and that of settled payments."""
        days = self.current(who).days
        return sum(int(day.lost) for day in days), sum(int(day.payments) for day in days)

    def current(self, who: AccountId) -> Volume:
        """Return the ring of volumes with today's entry in front."""
        return self._volume(self.volumes.get(who) or Volume())

    def report(self, who: AccountId) -> Report | None:
        """Return the ring of reports with today's entry in front; None without the plan."""
        report = self.reports.get(who)
        return None if report is None else self._report(report)

    # ---- public interface: changes

    def open(self, who: AccountId, *, analytics: bool) -> None:
        """Begin the rings of a new merchant."""
        self.volumes[who] = Volume()
        self.set_plan(who, analytics=analytics)

    def set_plan(self, who: AccountId, *, analytics: bool) -> None:
        """Begin or end the reports of a merchant; reports that exist go on."""
        if not analytics:
            del self.reports[who]
        elif who not in self.reports:
            self.reports[who] = Report()

    def remove(self, who: AccountId) -> None:
        """Remove the rings of a merchant."""
        del self.volumes[who]
        del self.reports[who]

    def settled(self, who: AccountId, legs: Legs, count: int) -> None:
        """Count a settled batch."""
        volume = self.volumes.get(who)
        if volume is not None:
            volume = self._volume(volume)
            volume.days[0].gross += legs.gross
            volume.days[0].payments += count
            volume.fees += legs.fee
            self.volumes[who] = volume
        report = self.report(who)
        if report is not None:
            report.days[0].payments += count
            report.days[0].gross += legs.gross
            report.days[0].fees += legs.fee
            self.reports[who] = report

    def refunded(self, who: AccountId, amount: u128) -> None:
        """Count a refund of a settled payment, also by a late dispute."""
        volume = self.volumes.get(who)
        if volume is not None:
            volume = self._volume(volume)
            volume.days[0].refunds += amount
            self.volumes[who] = volume
        report = self.report(who)
        if report is not None:
            report.days[0].refunds += 1
            report.days[0].refunded += amount
            self.reports[who] = report

    def returned(self, who: AccountId, amount: u128) -> None:
        """Count a return before settlement: it never was volume."""
        report = self.report(who)
        if report is not None:
            report.days[0].returns += 1
            report.days[0].returned += amount
            self.reports[who] = report

    def disputed(self, who: AccountId) -> None:
        """Count an opened dispute."""
        report = self.report(who)
        if report is not None:
            report.days[0].disputes += 1
            self.reports[who] = report

    def lost(self, who: AccountId) -> None:
        """Count a dispute that the merchant lost; see `lost_of`."""
        volume = self.volumes.get(who)
        if volume is not None:
            volume = self._volume(volume)
            volume.days[0].lost += 1
            self.volumes[who] = volume
        report = self.report(who)
        if report is not None:
            report.days[0].lost += 1
            self.reports[who] = report

    # ---- internals

    def _volume(self, ring: Volume) -> Volume:
        today = self.calendar.day()
        days = rolled(ring.days, today - int(ring.day), DayVolume)
        return Volume(u32(today), days, ring.fees)

    def _report(self, ring: Report) -> Report:
        today = self.calendar.day()
        return Report(u32(today), rolled(ring.days, today - int(ring.day), DayReport))


def rolled(days: list[D], passed: int, empty: Callable[[], D]) -> list[D]:
    """Return a ring of days after some have passed: today in front, at most `RING_DAYS`."""
    new = [empty() for _ in range(min(passed, RING_DAYS))] if days else [empty()]
    return [*new, *days][:RING_DAYS]
