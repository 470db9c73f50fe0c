"""Verified work of providers, which votes for thirty days from the day after it was done."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u128
from runtime.frame import Component, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.types import WorkDay


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
