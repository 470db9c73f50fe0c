"""Disputes in the state: deposits, money, timers, and the effects of the life cycle.

`dispute_phases` has the life cycle with its table of transitions, `disputed_money` the payouts.
After the settlement the merchant's bond is reserved, as far as it is free. A claim suspends no
merchant, whatever its amount: a decision for the payer does that the bond does not pay, or that
leaves less than half of the bond.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Component, Constant, Hasher, Map, ReasonOf
from runtime.frame.timers import NO_TIMER
from runtime.frame.traits import MutateHold
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.payfi import errors, events, panel
from runtime.pallets.payfi.arbiters import Arbiters
from runtime.pallets.payfi.calendar import DISPUTES, Calendar, Deadlines, key_of
from runtime.pallets.payfi.dispute_phases import (
    Clocks,
    DisputePhase,
    Effect,
    State,
    Trigger,
    advance,
    opened,
)
from runtime.pallets.payfi.dispute_types import (
    Accept,
    Contest,
    Dispute,
    DisputeReason,
    Outcome,
    Resolution,
    Seat,
)
from runtime.pallets.payfi.disputed_money import DisputedMoney
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.payments import Payments
from runtime.pallets.payfi.types import NOTHING, Cause, HoldReason, Payment, PaymentState
from runtime.pallets.payfi.volumes import Volumes
from runtime.splits import BPS, charge

ANSWER_HOURS: Final = 72
JUDGEMENT_DAYS: Final = 7
LATE_DAYS: Final = 14
MIN_DEPOSIT: Final = BTT
MAX_DEPOSIT: Final = 100 * BTT
DEPOSIT_BPS: Final = 100
MIN_PAYMENTS: Final = 20
MIN_LOST: Final = 2
LOST_BPS: Final = 100
STALE_SLOTS: Final = 900
"""Slots after which the beacons of a request may not be stored any more: it asks again."""


class Disputes(Component):
    """Disputes of payments."""

    answer_hours = Constant(u32(ANSWER_HOURS))
    """Number of hours for a merchant's answer; without one the payer wins."""
    judgement_days = Constant(u32(JUDGEMENT_DAYS))
    """Number of days for arbiters; without any of their answers the merchant wins."""
    late_days = Constant(u32(LATE_DAYS))
    """Number of days after a payment in which it can be disputed."""
    min_dispute_deposit = Constant(MIN_DEPOSIT)
    """Minimum deposit of a payer, which is 1 % of the disputed amount, in planck."""
    max_dispute_deposit = Constant(MAX_DEPOSIT)
    """Maximum deposit of a payer, in planck."""

    payments: Payments
    merchants: Merchants
    volumes: Volumes
    arbiters: Arbiters
    calendar: Calendar
    deadlines: Deadlines
    clock: BeaconClock
    beacon_delay: int
    beacon_authors: int
    currency: MutateHold
    reason = ReasonOf(HoldReason.DisputeDeposit)
    money: DisputedMoney
    slot_ms: int

    disputes = Map(u64, Dispute, hasher=Hasher.Twox64Concat)
    """Disputes by payment, as long as the payment is stored."""

    def setup(self) -> None:
        """Compute the lengths of the phases."""
        self.clocks = Clocks(
            answer=ANSWER_HOURS * self.calendar.hour_ms,
            judgement=JUDGEMENT_DAYS * self.calendar.day_ms,
            beacon=(self.beacon_delay + 1) * self.slot_ms,
        )

    # ---- calls

    def open(
        self, who: AccountId, id: u64, amount: u128, reason: DisputeReason, evidence: H256
    ) -> None:
        """Open a dispute of a payment; see `PayFi.dispute`."""
        payment = self.payments.get(id)
        if payment.payer != who:
            raise errors.NotYours
        if payment.disputed:
            raise errors.AlreadyDisputed
        if not 0 < amount <= payment.legs.gross - payment.refunded:
            raise errors.TooMuch
        late = self.payments.state_of(payment) is PaymentState.Settled
        if late and self.calendar.now() > int(payment.paid_ms) + self.late_ms:
            raise errors.TooLate
        deposit = deposit_of(amount)
        self.currency.hold(self.reason, who, deposit)
        if not late:
            self.money.take_out(payment, amount)
        reserved = self.merchants.open_dispute(payment.merchant, amount if late else NOTHING)
        state = opened(self.deadlines.now(), self.clocks)
        dispute = Dispute(
            reason, evidence, amount, deposit, u64(self.calendar.now()), late, reserved,
            state.phase, u64(state.until), u64(0),
        )  # fmt: skip
        payment.state, payment.disputed = PaymentState.Disputed, True
        self.payments.payments[id] = payment
        self._store(id, dispute)
        self.volumes.disputed(payment.merchant)
        self.deposit(
            events.Disputed(
                id, payment.merchant, who, amount, deposit, reason, evidence, late,
                self.deadlines.date(int(dispute.deadline_ms)),
            )
        )  # fmt: skip

    def answer(self, who: AccountId, id: u64, answer: Accept | Contest) -> None:
        """Answer a dispute as the merchant; see `PayFi.answer`."""
        payment, dispute = self._open(id)
        if payment.merchant != who:
            raise errors.NotYours
        if dispute.phase is not DisputePhase.Answering:
            raise errors.AlreadyAnswered
        self._ensure_in_time(dispute)
        if isinstance(answer, Accept):
            self._advance(id, payment, dispute, Trigger.ACCEPTED, Resolution.Accepted)
            return
        dispute.contested, dispute.asked = answer.evidence, u32(self.clock.now())
        self.deposit(events.Contested(id, payment.payer, payment.merchant, answer.evidence))
        self._advance(id, payment, dispute, Trigger.CONTESTED)

    def withdraw(self, who: AccountId, id: u64) -> None:
        """Withdraw a dispute as the payer; see `PayFi.withdraw_dispute`."""
        payment, dispute = self._open(id)
        if payment.payer != who:
            raise errors.NotYours
        self._advance(id, payment, dispute, Trigger.WITHDRAWN, Resolution.Withdrawn)

    def judge(self, who: AccountId, id: u64, to_payer: u128) -> None:
        """Give the answer of an arbiter; see `PayFi.resolve`."""
        payment, dispute = self._open(id)
        seat = next((seat for seat in dispute.seats if seat.arbiter == who), None)
        if seat is None:
            raise errors.NotPanel
        if seat.answer is not None:
            raise errors.AlreadyAnswered
        self._ensure_in_time(dispute)
        if to_payer > dispute.amount:
            raise errors.TooMuch
        seat.answer = to_payer
        self.deposit(events.Judged(id, payment.payer, payment.merchant, who, to_payer))
        if panel.decision(dispute.answers()) is None:
            self.disputes[id] = dispute
        else:
            self._advance(id, payment, dispute, Trigger.DECIDED, Resolution.Panel)

    # ---- hooks

    def end_phases(self, limit: int) -> int:
        """Process disputes whose phase ends now, at most `limit`; return their number."""
        due = self.deadlines.take_numbers(DISPUTES, limit)
        for id in due:
            payment, dispute = self._open(id)
            dispute.timer = NO_TIMER
            match dispute.phase:
                case DisputePhase.Answering:
                    self._advance(id, payment, dispute, Trigger.NO_ANSWER, Resolution.NoAnswer)
                case DisputePhase.Selecting:
                    self._select(id, payment, dispute)
                case _:
                    answered = Resolution.Panel if dispute.answers() else Resolution.NoPanel
                    self._advance(id, payment, dispute, Trigger.ABSENT, answered)
        return len(due)

    # ---- public interface

    @property
    def late_ms(self) -> int:
        """Time after a payment in which it can be disputed, in ms."""
        return LATE_DAYS * self.calendar.day_ms

    def dated(self, id: u64) -> Dispute | None:
        """Return a dispute with its deadlines as times since 1970; None if there is none."""
        dispute = self.disputes.get(id)
        if dispute is not None:
            dispute.deadline_ms = self.deadlines.date(int(dispute.deadline_ms))
            if dispute.judged_by_ms:
                dispute.judged_by_ms = self.deadlines.date(int(dispute.judged_by_ms))
        return dispute

    def forget(self, id: u64) -> None:
        """Remove the dispute of a payment that is removed."""
        del self.disputes[id]

    # ---- internals: the life cycle

    def _open(self, id: u64) -> tuple[Payment, Dispute]:
        payment, dispute = self.payments.get(id), self.disputes.get(id)
        if dispute is None or dispute.phase is DisputePhase.Ended:
            raise errors.NoDispute
        return payment, dispute

    def _ensure_in_time(self, dispute: Dispute) -> None:
        if self.deadlines.now() >= dispute.deadline_ms:
            raise errors.TooLate

    def _select(self, id: u64, payment: Payment, dispute: Dispute) -> None:
        """Select a panel if its randomness exists, or wait."""
        beacon = self.clock.randomness_after(
            int(dispute.asked), self.beacon_delay, self.beacon_authors
        )
        if beacon is None:
            if self.clock.now() - int(dispute.asked) >= STALE_SLOTS:
                dispute.asked = u32(self.clock.now())
            self._advance(id, payment, dispute, Trigger.NO_BEACON, Resolution.NoPanel)
            return
        seated = [seat.arbiter for seat in dispute.seats]
        found = self.arbiters.select(
            H256(beacon.beacon),
            id,
            int(dispute.round),
            parties=(payment.payer, payment.merchant),
            used=(*seated, *dispute.absent),
            wanted=panel.SEATS - len(seated),
        )
        dispute.seats = [*dispute.seats, *(Seat(who) for who in found)]
        self._advance(id, payment, dispute, Trigger.PANEL_SELECTED)

    def _advance(
        self,
        id: u64,
        payment: Payment,
        dispute: Dispute,
        trigger: Trigger,
        resolution: Resolution = Resolution.Panel,
    ) -> None:
        """Carry out a transition; `resolution` is what it means if it ends the dispute."""
        before = State(
            dispute.phase, int(dispute.deadline_ms), int(dispute.judged_by_ms), int(dispute.round)
        )
        after, effects = advance(before, trigger, self.deadlines.now(), self.clocks)
        dispute.phase, dispute.deadline_ms = after.phase, u64(after.until)
        dispute.judged_by_ms, dispute.round = u64(after.judged_by), u8(after.round)
        for effect in effects:
            match effect:
                case Effect.STORE:
                    self._store(id, dispute)
                case Effect.ANNOUNCE_PANEL:
                    names = [seat.arbiter for seat in dispute.seats]
                    until = self.deadlines.date(int(dispute.deadline_ms))
                    self.deposit(
                        events.PanelSelected(id, payment.payer, payment.merchant, names, until)
                    )
                case Effect.FINE_ABSENT:
                    self._fine_absent(id, payment, dispute)
                case Effect.PAYER_GETS_ALL:
                    self._end(id, payment, dispute, int(dispute.amount), resolution)
                case Effect.PAYER_GETS_NOTHING:
                    self._end(id, payment, dispute, 0, resolution)
                case Effect.PAYER_GETS_DECISION:
                    self._end_by_panel(id, payment, dispute, resolution)
                case Effect.RETURN_DEPOSIT:
                    self.currency.release(self.reason, payment.payer, dispute.deposit)
                case Effect.FORFEIT_DEPOSIT:
                    self._forfeit(payment, dispute)
                case Effect.COUNT_LOSS:
                    self._count_loss(payment.merchant)

    def _store(self, id: u64, dispute: Dispute) -> None:
        """Store a dispute with a timer for the end of its phase."""
        self.deadlines.timers.remove(DISPUTES, dispute.timer)
        left = int(dispute.deadline_ms) - self.deadlines.now()
        dispute.timer = self.deadlines.enter(DISPUTES, left, key_of(id))
        self.disputes[id] = dispute

    def _fine_absent(self, id: u64, payment: Payment, dispute: Dispute) -> None:
        """Fine arbiters without an answer, and take their seats away."""
        absent = [seat.arbiter for seat in dispute.seats if seat.answer is None]
        for who in absent:
            self.arbiters.fine(id, payment, who)
        self.arbiters.release(absent)
        dispute.seats = [seat for seat in dispute.seats if seat.answer is not None]
        dispute.absent, dispute.asked = absent, u32(self.clock.now())

    # ---- internals: money

    def _end_by_panel(
        self, id: u64, payment: Payment, dispute: Dispute, resolution: Resolution
    ) -> None:
        answers = dispute.answers()
        to_payer = panel.final_decision(answers)
        self._end(id, payment, dispute, to_payer, resolution)
        if answers and not to_payer:
            self._forfeit(payment, dispute)
        else:
            self.currency.release(self.reason, payment.payer, dispute.deposit)
        if 2 * to_payer >= dispute.amount:
            self._count_loss(payment.merchant)

    def _end(
        self, id: u64, payment: Payment, dispute: Dispute, to_payer: int, resolution: Resolution
    ) -> None:
        """Pay both sides, and store the end of a dispute."""
        self.deadlines.timers.remove(DISPUTES, dispute.timer)
        given = self.money.pay(payment, dispute, u128(to_payer))
        kept, unpaid = dispute.amount - given, u128(to_payer) - given
        self.payments.payments[id] = payment
        self.arbiters.release([seat.arbiter for seat in dispute.seats])
        dispute.timer, dispute.outcome = NO_TIMER, Outcome(resolution, given, unpaid)
        self.disputes[id] = dispute
        self.deposit(
            events.Resolved(
                id, payment.payer, payment.merchant, dispute.late, resolution, given, kept, unpaid
            )
        )
        # Otherwise a merchant could take its bond back by a dispute with itself, and go on.
        used_up = dispute.late and given and self.merchants.lacks_bond(payment.merchant)
        if (unpaid or used_up) and payment.merchant in self.merchants.merchants:
            self.merchants.suspend(payment.merchant, Cause.Bond)

    def _forfeit(self, payment: Payment, dispute: Dispute) -> None:
        self.currency.transfer_on_hold(
            self.reason, payment.payer, payment.merchant, dispute.deposit, on_hold=False
        )

    def _count_loss(self, merchant: AccountId) -> None:
        """Count a lost dispute; suspend a merchant that lost too many."""
        self.volumes.lost(merchant)
        lost, payments = self.volumes.lost_of(merchant)
        if is_excessive(lost, payments):
            self.merchants.suspend(merchant, Cause.Disputes)


def deposit_of(amount: u128) -> u128:
    """Return the deposit of a payer who disputes `amount`: 1 %, from 1 to 100 BTT."""
    return u128(min(max(int(charge(amount, DEPOSIT_BPS)), int(MIN_DEPOSIT)), int(MAX_DEPOSIT)))


def is_excessive(lost: int, payments: int) -> bool:
    """Return True if a merchant lost too many disputes: more than 1 % of at least 20 payments.

    A single lost dispute is never too many.
    """
    return payments >= MIN_PAYMENTS and lost >= MIN_LOST and lost * BPS > payments * LOST_BPS
