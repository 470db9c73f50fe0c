"""Auditors: those that can be selected, the rounds that they are selected for, and their fines."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives import audit_selection
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.traits import Operators
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.penalties import Penalties
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives import errors, events
from runtime.pallets.incentives.types import (
    AUDITOR_FINE,
    MAX_AUDITORS,
    SEATS,
    AuditorEntry,
    AuditorRoster,
    EligibleAuditor,
    EligibleRoster,
    Seat,
)
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason


class Auditors(Component):
    """The enlisted auditors."""

    registry: Facilities
    bonds: Penalties
    operators: Operators
    funds: Tokenomics

    auditors = Value(AuditorRoster, default=[])
    """The enlisted auditors, in the order of their enlistment."""
    eligible = Map(u32, EligibleRoster, default=[], hasher=Hasher.Twox64Concat)
    """The active auditors with their keys when a month was settled, before its beacon."""

    # ---- public interface

    def enlist(self, who: AccountId, key: bytes) -> None:
        """Enlist an active auditor, or change its key for the months not settled so far."""
        if not self.registry.is_active(who, Kind.Auditor):
            raise errors.NotAuditor
        if not self.bonds.is_bonded(who):
            raise errors.LowBond
        others = [each for each in self.auditors.value if each.who != who]
        if len(others) >= MAX_AUDITORS:
            raise errors.AuditorsFull
        self.auditors.value = [*others, AuditorEntry(who, key)]
        self.deposit(events.AuditorEnlisted(who))

    def retire(self, who: AccountId) -> None:
        """Remove an auditor from the list; rounds that it was selected for stay its duty."""
        others = [each for each in self.auditors.peek() if each.who != who]
        if len(others) == len(self.auditors.peek()):
            raise errors.NotEnlisted
        self.auditors.value = others
        self.deposit(events.AuditorRetired(who))

    def snapshot(self, month: int) -> None:
        """Store the active auditors, for the audits of a month; inactive ones are retired.

        Who retires or changes its key later keeps its duty, and its key, for this month.
        """
        listed = self.auditors.value
        active = [each for each in listed if self.registry.is_active(each.who, Kind.Auditor)]
        if len(active) < len(listed):
            self.auditors.value = active
        self.eligible[u32(month)] = [
            EligibleAuditor(each.who, self.operators.operator_of(each.who), each.key)
            for each in active
        ]

    def first_round(self, seed: H256, month: int, barred: Sequence[AccountId]) -> list[Seat]:
        """Return the seats of a first round for a facility of these operators."""
        return seats_of(seed, self.eligible.peek(u32(month)) or [], barred)

    def second_round(self, seed: H256, month: int, barred: Sequence[AccountId]) -> list[Seat]:
        """Return the seats of a second round, from the same auditors, without these operators."""
        return seats_of(seed, self.eligible.peek(u32(month)) or [], barred)

    def fine(self, who: AccountId, to: AccountId | None) -> None:
        """Fine an auditor: half goes to `to`, the rest is burned; all of it without `to`."""
        taken = self.bonds.take_bond(who, AUDITOR_FINE)
        if not taken:
            return
        part = u128(0 if to is None else int(taken) // 2)
        if to is not None and part:
            self.funds.pay_held(self.bonds.reason, who, to, part)
        self.burn(who, taken - part)
        self.deposit(events.AuditorFined(who, taken))

    def burn(self, who: AccountId, amount: u128) -> None:
        """Burn a part of a bond that was taken."""
        if amount:
            self.funds.destroy_held(self.bonds.reason, who, amount, BurnReason.Slash, force=True)


def seats_of(
    seed: H256, roster: Sequence[EligibleAuditor], barred: Sequence[AccountId]
) -> list[Seat]:
    """Return three random auditors with distinct operators, none of them in `barred`."""
    seen, found = list(barred), list[Seat]()
    for place in audit_selection.in_random_order(seed, [bytes(each.who) for each in roster]):
        if len(found) == SEATS:
            break
        auditor = roster[place]
        if auditor.operator not in seen:
            seen.append(auditor.operator)
            found.append(Seat(auditor.who, auditor.operator, auditor.key))
    return found
