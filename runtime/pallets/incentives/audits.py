"""Audits: three selected auditors check selected leaves of a facility's month.

When the time to close a month is over, the auditors that can audit it are stored with their keys.
The beacon after that selects the audits of all facilities at once: leaves and auditors follow from
it, the facility and the month, so nothing is stored of an audit until an auditor reports or the
facility answers. An account that knows the beacon early can neither join nor leave them.

| phase | event | next |
|---|---|---|
| FirstRound | two of three verdicts find no fault | ended: Audited |
| FirstRound | two verdicts find a fault, or leaves not opened | Answerable; the vouchers wait |
| FirstRound | the time is over without two equal verdicts | ended: Audited |
| Answerable | the facility answers | Waiting |
| Answerable | the time is over | ended: Failed, the bond is slashed |
| Waiting | the beacon selects three other auditors, for the same leaves | SecondRound |
| SecondRound | two verdicts find a fault | ended: Failed, the bond is slashed |
| SecondRound | any other result | ended: Audited |

A round ends when its three auditors have reported, or by `settle_audit` after its time. Absent
auditors are fined, and those that called a leaf wrong which two of the second round find right.
That nothing was opened cannot be checked later, so this verdict is not fined: a facility that opens
only in the second round would make honest auditors pay. For the same reason both rounds have the
same leaves: other ones would mostly miss the wrong leaf.
"""

from __future__ import annotations

from btt_chain.primitives import audit_selection
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.pallets.incentives import errors, events
from runtime.pallets.incentives.auditors import Auditors
from runtime.pallets.incentives.epochs import Epochs
from runtime.pallets.incentives.formulas import is_complete, is_fail, outcome
from runtime.pallets.incentives.months import MAX_BEACON_WAIT, Months
from runtime.pallets.incentives.types import (
    ANSWER_DAYS,
    AUDIT_DAYS,
    Audit,
    AuditPhase,
    EpochState,
    Fail,
    MonthPhase,
    NotOpened,
    Pass,
    Reselection,
)


class Audits(Component):
    """Audits of facilities' months."""

    months: Months
    epochs: Epochs
    auditors: Auditors

    audits = DoubleMap(
        AccountId, u32, Audit, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat)
    )
    """Audits of which something was reported, until they end."""
    reselections = Map(u32, Reselection, hasher=Hasher.Twox64Concat)
    """Second rounds that wait for a beacon, in the order of their requests."""
    reselection_ends = Value(tuple[u32, u32], default=(u32(0), u32(0)))
    """Number of the next reselect to be made, and of the next request."""

    # ---- public interface: calls

    def report(
        self, auditor: AccountId, facility: AccountId, month: int, verdict: Pass | Fail | NotOpened
    ) -> None:
        """Store the verdict of an auditor; the third one ends the round."""
        audit = self.get(facility, month)
        if audit.phase not in (AuditPhase.FirstRound, AuditPhase.SecondRound):
            raise errors.NotSelected
        if self._now() >= audit.until:
            raise errors.TooLate
        seat = next((each for each in audit.seats if each.auditor == auditor), None)
        if seat is None or seat.verdict is not None:
            raise errors.NotSelected
        if isinstance(verdict, Fail) and verdict.index >= self._leaves(facility, month):
            raise errors.BadTree
        seat.verdict = verdict
        self.deposit(events.AuditReported(facility, u32(month), auditor, verdict))
        if is_complete([each.verdict for each in audit.seats]):
            self._end_round(facility, month, audit, None)
        else:
            self.audits[facility, u32(month)] = audit

    def answer(self, facility: AccountId, month: int) -> None:
        """Ask for a second round."""
        audit = self.audits.get((facility, u32(month)))
        if audit is None or audit.phase is not AuditPhase.Answerable:
            raise errors.NotDisputable
        if self._now() >= audit.until:
            raise errors.TooLate
        audit.phase = AuditPhase.Waiting
        self.audits[facility, u32(month)] = audit
        first, last = self.reselection_ends.value
        self.reselections[last] = Reselection(facility, u32(month), u64(self._now()))
        self.reselection_ends.value = first, u32(int(last) + 1)
        self.deposit(events.AuditAnswered(facility, u32(month)))

    def settle(self, caller: AccountId, facility: AccountId, month: int) -> None:
        """End a phase whose time is over; half of the fines of absent auditors go to the caller."""
        audit = self.get(facility, month)
        if audit.phase is AuditPhase.Waiting or self._now() < audit.until:
            raise errors.TooEarly
        if audit.phase is AuditPhase.Answerable:
            self._fail(facility, month, audit)
        else:
            self._end_round(facility, month, audit, caller)

    def get(self, facility: AccountId, month: int) -> Audit:
        """Return an audit that has not ended. Raises NoAudit."""
        stored = self.audits.get((facility, u32(month)))
        if stored is not None:
            return stored
        record = self.months.get(month)
        epoch = self.epochs.epochs.get((facility, u32(month)))
        if (
            record.phase is not MonthPhase.Selected
            or epoch is None
            or epoch.state is not EpochState.Closed
        ):
            raise errors.NoAudit
        seed = audit_selection.seed_of(record.beacon, facility, month, 0)
        seats = self.auditors.first_round(seed, month, self._own(facility))
        until = u64(int(record.since) + self.months.days(AUDIT_DAYS))
        return Audit(AuditPhase.FirstRound, seed, until, seats)

    def is_last_report(self, facility: AccountId, month: int) -> bool:
        """Return True if the next verdict ends the present round of an audit."""
        audit = self.audits.get((facility, u32(month)))
        return audit is not None and sum(seat.verdict is None for seat in audit.seats) <= 1

    # ---- public interface: hooks

    def prepare(self) -> int:
        """Store the eligible auditors of the month just settled; return the number listed."""
        listed = len(self.auditors.auditors.peek())
        self.auditors.snapshot(int(self.months.progress.peek().settled) - 1)
        return listed

    def begin(self) -> None:
        """Announce the audits of the month just selected."""
        month = int(self.months.progress.peek().selected) - 1
        record = self.months.get(month)
        until = u64(int(record.since) + self.months.days(AUDIT_DAYS))
        self.deposit(events.AuditsSelected(u32(month), record.beacon, until))

    def reselect(self) -> bool:
        """Select the second round that waits longest, once there is a beacon; True if there was."""
        first, last = self.reselection_ends.peek()
        if first == last:
            return False
        request, now = self.reselections[first], self._now()
        months = self.months
        since = int(request.since)
        found = months.clock.randomness_after(since, months.beacon_delay, months.beacon_authors)
        if found is None:
            if now - since > MAX_BEACON_WAIT:
                request.since = u64(now)
                self.reselections[first] = request
            return True
        del self.reselections[first]
        self.reselection_ends.value = u32(int(first) + 1), last
        self._begin_second(request, H256(found.beacon), now)
        return True

    # ---- internals

    def _now(self) -> int:
        return self.months.clock.now()

    def _own(self, facility: AccountId) -> list[AccountId]:
        """Return the operators of a facility: when it was registered, and now."""
        found = self.auditors.registry.get(facility)
        present = self.auditors.operators.operator_of(facility)
        return [present] if found is None else [found.operator, present]

    def _leaves(self, facility: AccountId, month: int) -> int:
        return int(self.epochs.expect(facility, month).leaves)

    def _begin_second(self, request: Reselection, beacon: H256, now: int) -> None:
        facility, month = request.facility, int(request.month)
        audit = self.audits[facility, request.month]
        seed = audit_selection.seed_of(beacon, facility, month, 1)
        barred = [seat.operator for seat in audit.first] + self._own(facility)
        audit.second = self.auditors.second_round(seed, month, barred)
        audit.phase = AuditPhase.SecondRound
        audit.until = u64(now + self.months.days(AUDIT_DAYS))
        self.audits[facility, request.month] = audit
        self.deposit(events.AuditReselected(facility, request.month, audit.until))

    def _end_round(
        self, facility: AccountId, month: int, audit: Audit, caller: AccountId | None
    ) -> None:
        """Fine absent auditors, and apply the result of a round."""
        seats = audit.seats
        for seat in seats:
            if seat.verdict is None:
                self.auditors.fine(seat.auditor, caller if caller != seat.auditor else None)
        right = outcome([seat.verdict for seat in seats])
        if audit.phase is AuditPhase.SecondRound:
            if right is False:
                self._fail(facility, month, audit)
                return
            if right:
                for seat in audit.first:
                    if isinstance(seat.verdict, Fail):
                        self.auditors.fine(seat.auditor, None)
            self._pass(facility, month)
        elif right is False:
            audit.phase = AuditPhase.Answerable
            audit.until = u64(self._now() + self.months.days(ANSWER_DAYS))
            self.audits[facility, u32(month)] = audit
            self.epochs.set_state(facility, month, EpochState.Failed)
            self.deposit(events.AuditFailed(facility, u32(month), audit.until))
        else:
            self._pass(facility, month)

    def _pass(self, facility: AccountId, month: int) -> None:
        self.epochs.set_state(facility, month, EpochState.Audited)
        self._remove(facility, month, passed=True, slashed=u128(0))

    def _fail(self, facility: AccountId, month: int, audit: Audit) -> None:
        """End the vouchers of a month, and slash the bond: half to auditors, half burned."""
        epoch = self.epochs.end(facility, month)
        wanted = u128(2 * int(self.months.worth(int(epoch.points))))
        auditors = self.auditors
        taken = auditors.bonds.take_bond(facility, wanted)
        finders = [s.auditor for s in (*audit.first, *audit.second) if is_fail(s.verdict)]
        part = u128(int(taken) // 2 // len(finders))
        if part:
            for finder in finders:
                auditors.funds.pay_held(auditors.bonds.reason, facility, finder, part)
        auditors.burn(facility, u128(int(taken) - int(part) * len(finders)))
        self._remove(facility, month, passed=False, slashed=taken)

    def _remove(self, facility: AccountId, month: int, *, passed: bool, slashed: u128) -> None:
        del self.audits[facility, u32(month)]
        self.deposit(events.AuditEnded(facility, u32(month), passed, slashed))
