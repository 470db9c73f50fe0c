"""Disputes: who gets which money when, and what neither side can do to the other.

Attack P11, a panel that is related, known early or absent:
`test_a_panel_has_three_arbiters_without_the_operators_of_the_parties`,
`test_the_panel_is_unknown_until_the_beacon`, `test_absent_arbiters_are_fined_and_replaced_once`.
"""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import Id
from btt_chain.scale import u64, u128
from runtime.accounts import PAYFI, TREASURY
from runtime.audits.payfi import payfi_findings
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, DispatchError, signed
from runtime.pallets.payfi import errors, events, weights
from runtime.pallets.payfi.arbiters import BOND, FINE
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.dispute_types import Accept, DisputeReason, Resolution
from runtime.pallets.payfi.disputes import STALE_SLOTS, deposit_of, is_excessive
from runtime.pallets.payfi.types import (
    ANALYTICS,
    Cause,
    Legs,
    MerchantActive,
    MerchantSuspended,
    PaymentState,
)
from runtime.pallets.tokenomics.types import BurnReason
from support.payfi import ALICE, BOB, BUCKET, DAY, HOUR, KIOSK, RICH, SHOP, SLOT_MS, TILL
from support.payfi_disputes import ANSWER, ARBITERS, EVIDENCE, JUDGEMENT, REPLY, Court
from support.runtime import refused

SHOP_ID = Id(SHOP)
PAID = 100 * BTT
NET = int(PAID) - int(PAID) * 80 // 10_000
"""Net amount of 100 BTT at 0.8 %."""


@pytest.fixture
def court() -> Court:
    return Court()


def gone(court: Court) -> int:
    """Return the money of the payer that is neither free nor on hold."""
    return int(RICH) - court.money(ALICE)


# ---- opening


def test_a_disputed_payment_leaves_its_batch_and_stays_in_the_pool(court: Court) -> None:
    first, second = court.pay(), court.pay()
    court.open(first)
    assert court.state_of(first) is PaymentState.Disputed
    before = court.money(SHOP)
    court.settle_all()
    assert court.state_of(second) is PaymentState.Settled
    assert court.state_of(first) is PaymentState.Disputed
    assert court.money(SHOP) == before + NET
    assert court.money(PAYFI) == PAID


@pytest.mark.parametrize(
    ("amount", "deposit"),
    [(1, BTT), (100 * BTT, BTT), (101 * BTT, 101 * BTT // 100), (10_000 * BTT, 100 * BTT),
     (10**6 * BTT, 100 * BTT)],
)  # fmt: skip
def test_the_deposit_is_one_percent_within_bounds(amount: int, deposit: int) -> None:
    assert deposit_of(u128(amount)) == deposit


def test_only_the_payer_disputes_and_only_once(court: Court) -> None:
    id = court.pay()
    for who in (BOB, SHOP):
        with refused(court, errors.NotYours):
            court.open(id, payer=who)
    with refused(court, errors.NoPayment):
        court.open(99)
    for amount in (0, 100 * BTT + 1):
        with refused(court, errors.TooMuch):
            court.open(id, amount)
    court.open(id)
    with refused(court, errors.AlreadyDisputed):
        court.open(id)
    court.payfi.withdraw_dispute(signed(ALICE), id)
    with refused(court, errors.AlreadyDisputed):
        court.open(id)
    court.settle_all()
    with refused(court, errors.AlreadyDisputed):
        court.open(id)


def test_a_payment_is_disputed_within_14_days_and_kept_15(court: Court) -> None:
    first, second = court.pay(), court.pay()
    court.run(14 * DAY)
    court.open(first)
    court.run(1)
    with refused(court, errors.TooLate):
        court.open(second)
    court.run(DAY)
    assert second in court.payfi.payments.payments  # the first is disputed, and before it
    court.host.events.clear()
    court.run(2 * DAY)  # silence
    (resolved,) = (event for event in court.announced() if isinstance(event, events.Resolved))
    assert (resolved.payment, resolved.resolution) == (first, Resolution.NoAnswer)
    assert first not in court.payfi.payments.payments
    assert second not in court.payfi.payments.payments
    assert u64(first) not in court.disputes.disputes
    with refused(court, errors.NoPayment):
        court.open(second)


def test_reasons_begin_with_the_first_variant() -> None:
    assert [int(reason) for reason in DisputeReason] == list(range(8))


def test_a_returned_payment_has_nothing_to_dispute(court: Court) -> None:
    id = court.pay()
    court.payfi.refund(signed(SHOP), id, u128(PAID))
    with refused(court, errors.TooMuch):
        court.open(id, 1)


def test_a_disputed_payment_is_not_refunded_or_settled_by_hand(court: Court) -> None:
    id = court.disputed()
    bucket = court.payment(id).bucket
    with refused(court, errors.PaymentDisputed):
        court.payfi.refund(signed(SHOP), id, u128(1))
    court.run(2 * HOUR)
    with refused(court, errors.NotDue):
        court.payfi.settlement.settle(bucket, SHOP)


# ---- without a panel


def test_an_accepted_dispute_gives_the_payer_all_without_a_fee(court: Court) -> None:
    id = court.disputed()
    court.accept(id)
    assert gone(court) == court.deposit_of(ALICE) == 0
    assert court.state_of(id) is PaymentState.Returned
    assert court.resolution(id) is Resolution.Accepted
    assert court.burned() == 0


def test_what_is_not_disputed_settles_in_time(court: Court) -> None:
    # A dispute about one planck once held the whole payment, for ten days.
    before = court.money(SHOP)
    id = court.disputed(1)
    bucket = court.payment(id).bucket
    left = int(PAID) - 1
    assert court.payfi.settlement.batches[bucket, SHOP].legs.gross == left
    court.run(HOUR + BUCKET)
    fee = -(-left * 80 // 10_000)
    assert court.money(SHOP) == before + left - fee
    assert court.money(PAYFI) == 1
    assert court.state_of(id) is PaymentState.Disputed
    assert not list(payfi_findings(court.payfi, court.money(PAYFI)))
    court.accept(id)
    assert court.money(PAYFI) == 0
    assert gone(court) == left
    assert court.state_of(id) is PaymentState.Settled
    assert not list(payfi_findings(court.payfi, court.money(PAYFI)))


def test_what_the_payer_does_not_get_joins_the_rest_that_still_waits(court: Court) -> None:
    before = court.money(SHOP)
    id = court.disputed(int(40 * BTT))
    bucket = court.payment(id).bucket
    court.payfi.withdraw_dispute(signed(ALICE), id)
    assert court.state_of(id) is PaymentState.Pending
    assert court.payfi.settlement.batches[bucket, SHOP].legs == court.legs(id)
    assert court.payfi.settlement.batches[bucket, SHOP].count == 1
    assert court.legs(id).gross == PAID
    assert court.money(SHOP) == before
    court.settle_all()
    assert court.money(SHOP) == before + NET


@pytest.mark.parametrize("amount", [int(40 * BTT), int(PAID)])
def test_what_the_payer_does_not_get_is_paid_at_once_after_the_bucket(
    court: Court, amount: int
) -> None:
    before = court.money(SHOP)
    id = court.disputed(amount)
    court.run(3 * HOUR)
    part = int(PAID) - amount
    assert court.money(SHOP) == before + part - part * 80 // 10_000
    court.payfi.withdraw_dispute(signed(ALICE), id)
    assert court.money(SHOP) == before + NET
    assert court.money(PAYFI) == 0
    assert court.state_of(id) is PaymentState.Settled
    assert court.payfi.volumes.lost_of(SHOP) == (0, 1)  # one payment, in two parts
    assert court.payfi.volumes.volume(SHOP) == PAID
    assert court.payment(id).legs.gross == PAID
    settled = [event for event in court.announced() if isinstance(event, events.Settled)]
    assert sum(int(event.count) for event in settled) == 1
    assert not list(payfi_findings(court.payfi, court.money(PAYFI)))
    court.payfi.refund(signed(SHOP), id, u128(PAID))  # all of it, out of the merchant's money
    assert gone(court) == 0


def test_what_is_too_little_for_a_fee_settles_without_one(court: Court) -> None:
    before = court.money(SHOP)
    id = court.disputed(int(PAID) - 1)
    assert court.legs(id) == Legs(u128(1))
    assert not list(payfi_findings(court.payfi, court.money(PAYFI)))
    court.settle_all()
    assert court.money(SHOP) == before + 1
    court.accept(id)
    assert gone(court) == 1


def test_silence_of_the_merchant_gives_the_payer_the_amount_after_72_hours(court: Court) -> None:
    id = court.disputed()
    court.run(ANSWER - 1)
    assert court.dispute_of(id).outcome is None
    court.run(1)
    assert court.resolution(id) is Resolution.NoAnswer
    assert gone(court) == 0
    assert court.payfi.volumes.lost_of(SHOP) == (1, 0)
    with refused(court, errors.NoDispute):
        court.contest(id)


def test_clocks_stand_still_while_the_chain_makes_no_blocks(court: Court) -> None:
    id = court.disputed()
    planned = court.dispute_of(id).deadline_ms
    court.time.stalled += 500
    shown = court.disputes.dated(id)
    assert shown is not None
    assert shown.deadline_ms == planned + 500 * SLOT_MS
    court.run(ANSWER)
    assert court.dispute_of(id).outcome is None
    court.contest(id)
    assert court.dispute_of(id).phase is DisputePhase.Selecting


def test_an_answer_that_comes_too_late_is_refused_before_the_block_ends_the_phase(
    court: Court,
) -> None:
    id = court.disputed()
    court.time.slot += ANSWER  # no hook has run yet
    for answer in (court.accept, court.contest):
        with refused(court, errors.TooLate):
            answer(id)


def test_a_withdrawn_dispute_pays_the_merchant(court: Court) -> None:
    before = court.money(SHOP)
    id = court.disputed()
    with refused(court, errors.NotYours):
        court.payfi.withdraw_dispute(signed(BOB), id)
    court.payfi.withdraw_dispute(signed(ALICE), id)
    assert court.deposit_of(ALICE) == 0
    assert court.money(SHOP) == before + NET
    assert gone(court) == PAID
    assert court.payfi.volumes.lost_of(SHOP) == (0, 1)


def test_a_payer_who_sees_the_answers_cannot_save_the_deposit(court: Court) -> None:
    id = court.contested()
    court.judge(id, 0)
    before = court.money(SHOP)
    court.payfi.withdraw_dispute(signed(ALICE), id)
    assert court.money(SHOP) == before + NET + BTT
    assert gone(court) == PAID + BTT


def test_only_the_merchant_answers_and_only_once(court: Court) -> None:
    court.configure(SHOP, tills=[TILL])
    id = court.disputed()
    for who in (ALICE, TILL, BOB):
        with refused(court, errors.NotYours):
            court.accept(id, who)
    court.contest(id)
    for answer in (court.accept, court.contest):
        with refused(court, errors.AlreadyAnswered):
            answer(id)
    assert court.dispute_of(id).contested == REPLY
    undisputed = court.pay()
    with refused(court, errors.NoDispute):
        court.accept(undisputed)


# ---- panels


@pytest.mark.parametrize(
    ("answers", "to_payer"),
    [
        ((100, 100), 100),
        ((0, 0), 0),
        ((30, 70, 50), 50),
        ((0, 100, 100), 100),
        ((0, 100, 0), 0),
        ((25, 25), 25),
    ],
)
def test_a_panel_divides_the_amount(court: Court, answers: tuple[int, ...], to_payer: int) -> None:
    shop = court.money(SHOP)
    id = court.contested()
    court.judge(id, *(int(answer * BTT) for answer in answers))
    assert court.resolution(id) is Resolution.Panel
    rest = int((100 - to_payer) * BTT)
    forfeited = 0 if to_payer else int(BTT)
    assert gone(court) == rest + forfeited
    fee = -(-rest * 80 // 10_000)
    assert court.money(SHOP) == shop + rest - fee + forfeited
    assert court.money(PAYFI) == 0
    lost = 1 if to_payer >= 50 else 0
    assert court.payfi.volumes.lost_of(SHOP)[0] == lost
    assert all(court.payfi.arbiters.arbiter_bonds[who].seats == 0 for who in ARBITERS)


def test_a_rest_too_small_for_a_fee_is_the_merchants(court: Court) -> None:
    shop = court.money(SHOP)
    id = court.contested()
    court.judge(id, int(PAID) - 1, int(PAID) - 1)
    assert court.money(SHOP) == shop + 1
    assert court.money(PAYFI) == 0


def test_a_panel_has_three_arbiters_without_the_operators_of_the_parties(court: Court) -> None:
    court.people.operators[ARBITERS[0]] = SHOP
    court.people.operators[ARBITERS[1]] = ALICE
    for number in range(8):  # one panel could leave them out by chance
        court.time.salt = bytes([number])
        id = court.contested()
        assert sorted(court.panel(id)) == sorted(ARBITERS[2:])


def test_two_arbiters_of_one_operator_never_sit_together(court: Court) -> None:
    for who in ARBITERS[:4]:
        court.people.operators[who] = ARBITERS[0]
    id = court.contested()
    assert len(court.panel(id)) == 2


def test_the_panel_is_unknown_until_the_beacon(court: Court) -> None:
    court.time.dark = True
    id = court.disputed()
    court.contest(id)
    court.run_all(20)
    assert not court.panel(id)
    court.time.dark = False
    court.time.salt = b"another"
    court.run(1)
    assert len(court.panel(id)) == 3
    other = Court()
    assert other.panel(other.contested()) != court.panel(id)


def test_without_a_beacon_the_merchant_wins_after_seven_days(court: Court) -> None:
    court.time.dark = True
    id = court.disputed()
    court.contest(id)
    court.run_all(JUDGEMENT - 100, step=100)
    assert court.dispute_of(id).outcome is None
    court.run(100)
    court.run(1)
    assert court.resolution(id) is Resolution.NoPanel
    assert court.deposit_of(ALICE) == 0
    assert gone(court) == PAID


def test_a_request_for_randomness_is_repeated_before_the_chain_forgets_it(court: Court) -> None:
    court.time.dark = True
    id = court.disputed()
    court.contest(id)
    first = court.dispute_of(id).asked
    court.run_all(STALE_SLOTS + 10)
    assert court.dispute_of(id).asked >= first + STALE_SLOTS
    court.time.dark = False
    court.run(3)
    assert len(court.panel(id)) == 3


def test_the_second_panel_is_unknown_while_the_first_one_judges(court: Court) -> None:
    id = court.contested()
    court.run(JUDGEMENT // 2)
    assert court.dispute_of(id).phase is DisputePhase.Selecting
    assert court.dispute_of(id).asked == int(court.time.now())


def test_absent_arbiters_are_fined_and_replaced_once(court: Court) -> None:
    id = court.contested()
    first = list(court.panel(id))
    court.judge(id, int(PAID))
    assert court.dispute_of(id).seats[0].answer == PAID
    court.run(JUDGEMENT // 2)
    court.run(3)
    second = court.panel(id)
    assert second[0] == first[0]  # its answer stays
    assert sorted(second[1:]) == sorted(set(ARBITERS) - set(first))
    for who in ARBITERS:
        assert court.arbiter_bond(who) == BOND - (FINE if who in first[1:] else 0)
    assert court.tokenomics.burned_by[BurnReason.Slash] == 2 * FINE
    court.judge(id, int(PAID))
    assert court.resolution(id) is Resolution.Panel
    assert gone(court) == 0


def test_an_arbiter_with_many_seats_loses_its_bond_and_no_more(court: Court) -> None:
    court.payfi.set_arbiters(ROOT, ARBITERS[:3])
    for _ in range(int(BOND // FINE) + 1):
        court.contested(int(BTT))
    court.run(JUDGEMENT // 2)
    assert [court.arbiter_bond(who) for who in ARBITERS[:3]] == [0, 0, 0]
    court.run(3)
    id = court.disputed()
    court.contest(id)
    court.run(3)
    assert court.dispute_of(id).phase is DisputePhase.Judging
    assert not court.panel(id)  # no bond is left to lose


def test_two_absent_panels_let_the_merchant_win(court: Court) -> None:
    id = court.contested()
    court.run(JUDGEMENT // 2)
    court.run(3)
    assert len(court.panel(id)) == 2  # three of five were replaced
    court.run(JUDGEMENT)
    assert court.resolution(id) is Resolution.NoPanel
    assert court.deposit_of(ALICE) == 0
    assert gone(court) == PAID  # no arbiter refused the payer: the deposit came back
    assert sum(court.arbiter_bond(who) for who in ARBITERS) == 5 * (BOND - FINE)


def test_of_two_different_answers_the_lower_one_counts_in_the_end(court: Court) -> None:
    id = court.contested()
    court.judge(id, int(30 * BTT), int(80 * BTT))
    court.run(JUDGEMENT // 2)
    court.run(3)
    court.run(JUDGEMENT)
    assert court.outcome(id).to_payer == 30 * BTT


def test_without_arbiters_a_contested_dispute_ends_for_the_merchant(court: Court) -> None:
    court.payfi.set_arbiters(ROOT, [])
    id = court.disputed()
    court.contest(id)
    for _ in range(4):
        court.run(JUDGEMENT // 2 + 5)
    assert court.resolution(id) is Resolution.NoPanel
    assert gone(court) == PAID


def test_only_the_panel_answers_and_each_arbiter_once(court: Court) -> None:
    id = court.contested()
    outsider = next(who for who in ARBITERS if who not in court.panel(id))
    for who in (outsider, SHOP, ALICE):
        with refused(court, errors.NotPanel):
            court.payfi.resolve(signed(who), id, u128(0))
    judge = court.panel(id)[0]
    with refused(court, errors.TooMuch):
        court.payfi.resolve(signed(judge), id, u128(PAID + 1))
    court.payfi.resolve(signed(judge), id, u128(7))
    with refused(court, errors.AlreadyAnswered):
        court.payfi.resolve(signed(judge), id, u128(8))
    court.time.slot += JUDGEMENT
    with refused(court, errors.TooLate):
        court.payfi.resolve(signed(court.panel(id)[1]), id, u128(8))


def test_an_answer_of_an_arbiter_costs_no_fee(court: Court) -> None:
    id = court.contested()
    post = court.payfi.resolve(signed(court.panel(id)[0]), id, u128(0))
    assert not post.pays


# ---- late disputes


def test_a_late_dispute_is_paid_out_of_the_bond(court: Court) -> None:
    id = court.disputed(late=True)
    free = court.payfi.merchants.free_bond(SHOP)
    assert free == 900 * BTT
    shop = court.money(SHOP)
    court.contest(id)
    court.run(3)
    court.judge(id, int(PAID), int(PAID))
    assert gone(court) == 0  # no fee comes back to the merchant, all of it to the payer
    assert court.money(SHOP) == shop - PAID
    assert court.bond(SHOP) == 900 * BTT
    assert court.state_of(id) is PaymentState.Settled
    assert court.payment(id).refunded == PAID
    assert court.payfi.volumes.volume(SHOP) == 0
    with refused(court, errors.TooMuch):
        court.payfi.refund(signed(SHOP), id, u128(1))


def test_a_refused_late_dispute_frees_the_bond(court: Court) -> None:
    id = court.disputed(late=True)
    court.contest(id)
    court.run(3)
    court.judge(id, 0, 0)
    assert court.payfi.merchants.free_bond(SHOP) == court.bond(SHOP) == 1_000 * BTT
    assert gone(court) == PAID + BTT


def test_the_bond_of_a_merchant_that_vanished_covers_its_payers_in_their_order(
    court: Court,
) -> None:
    court.people.judged.add(KIOSK)
    first = court.pay(ALICE, KIOSK, int(700 * BTT))
    second = court.pay(BOB, KIOSK, int(700 * BTT))
    court.settle_all()
    court.open(first, int(700 * BTT))
    court.open(second, int(700 * BTT), payer=BOB)
    assert court.payfi.merchants.get(KIOSK).state == MerchantActive()
    court.run(ANSWER)
    assert court.outcome(first).to_payer == 700 * BTT
    assert court.outcome(second).to_payer == 300 * BTT
    assert court.outcome(second).unpaid == 400 * BTT
    assert court.bond(KIOSK) == 0
    assert court.money(BOB) == RICH - 400 * BTT
    assert events.Suspended(KIOSK, True, Cause.Bond) in court.announced()
    with refused(court, errors.NotActive):
        court.pay(ALICE, KIOSK)


def test_a_claim_above_the_bond_suspends_no_merchant_until_it_is_decided(court: Court) -> None:
    # A deposit of 100 BTT once stopped any merchant for the ten days of a dispute.
    claim = int(50_000 * BTT)
    id = court.pay(units=claim)
    court.settle_all()
    court.open(id, claim)
    assert court.deposit_of(ALICE) == 100 * BTT
    court.pay(BOB)
    court.contest(id)
    court.run(3)
    court.pay(BOB)
    court.judge(id, 0, 0)
    assert court.payfi.merchants.get(SHOP).state == MerchantActive()
    assert not any(isinstance(event, events.Suspended) for event in court.announced())
    assert gone(court) == claim + 100 * BTT


def test_a_suspension_for_a_missing_bond_ends_when_all_open_claims_are_covered(
    court: Court,
) -> None:
    court.people.judged.add(KIOSK)
    id = court.pay(ALICE, KIOSK, int(3_000 * BTT))
    lost = court.pay(BOB, KIOSK, int(1_001 * BTT))
    court.settle_all()
    court.open(id, int(3_000 * BTT))
    court.open(lost, int(1_001 * BTT), payer=BOB)
    court.accept(lost, KIOSK)  # the other claim has all of the bond
    assert court.outcome(lost).unpaid == 1_001 * BTT
    court.payfi.bond_extra(signed(KIOSK), u128(1_999 * BTT))
    with refused(court, errors.NotActive):
        court.pay(ALICE, KIOSK)
    court.payfi.bond_extra(signed(KIOSK), u128(BTT))
    court.pay(ALICE, KIOSK)
    court.accept(id, KIOSK)
    assert court.outcome(id).to_payer == 3_000 * BTT  # also what was added later
    record = court.payfi.merchants.get(KIOSK)
    assert (record.bond, record.reserved, record.uncovered, record.disputes) == (0, 0, 0, 0)


def test_a_missing_bond_is_made_full_before_its_suspension_ends(court: Court) -> None:
    court.people.judged.add(KIOSK)
    id = court.pay(ALICE, KIOSK, int(1_200 * BTT))
    court.settle_all()
    court.open(id, int(1_200 * BTT))
    court.accept(id, KIOSK)
    assert court.bond(KIOSK) == 0
    court.payfi.bond_extra(signed(KIOSK), u128(999 * BTT))
    with refused(court, errors.NotActive):
        court.pay(ALICE, KIOSK)
    court.payfi.bond_extra(signed(KIOSK), u128(BTT))
    court.pay(ALICE, KIOSK)


def test_the_end_of_the_last_claim_lifts_a_suspension_if_the_bond_is_full(court: Court) -> None:
    ids = [court.pay(units=int(1_001 * BTT)) for _ in range(2)]
    court.settle_all()
    for id in ids:
        court.open(id, int(1_001 * BTT))
    court.accept(ids[1])
    assert court.payfi.merchants.get(SHOP).state == MerchantSuspended(Cause.Bond)
    court.payfi.withdraw_dispute(signed(ALICE), u64(ids[0]))
    assert court.payfi.merchants.get(SHOP).state == MerchantActive()
    assert events.Suspended(SHOP, False, Cause.Bond) in court.announced()


def test_a_merchant_with_an_open_dispute_keeps_its_bond(court: Court) -> None:
    court.payfi.close(signed(SHOP))
    id = court.pay(ALICE, KIOSK)
    court.payfi.close(signed(KIOSK))
    court.run(14 * DAY)
    court.open(id)
    court.contest(id, KIOSK)
    court.run(2 * DAY)
    with refused(court, errors.NotDue):
        court.payfi.close(signed(KIOSK))
    court.judge(id, int(PAID), int(PAID))
    court.payfi.close(signed(KIOSK))
    assert court.bond(KIOSK) == 0


# ---- merchants that lose


@pytest.mark.parametrize(
    ("lost", "payments", "expected"),
    [
        (1, 20, False),
        (2, 19, False),
        (2, 20, True),
        (2, 199, True),
        (2, 200, False),
        (3, 200, True),
    ],
)
def test_too_many_lost_disputes_are_more_than_one_percent_of_twenty(
    lost: int, payments: int, expected: bool
) -> None:
    assert is_excessive(lost, payments) is expected


def test_a_merchant_that_loses_too_many_disputes_is_suspended_until_governance_lifts_it(
    court: Court,
) -> None:
    paid = [court.pay(units=int(BTT)) for _ in range(22)]
    court.settle_all()
    for id in paid[:2]:
        court.open(id, int(BTT))
    court.run(ANSWER)
    assert court.payfi.merchants.get(SHOP).state == MerchantSuspended(Cause.Disputes)
    court.payfi.bond_extra(signed(SHOP), u128(10 * BTT))
    with refused(court, errors.NotActive):
        court.pay()
    court.payfi.suspend(ROOT, SHOP_ID, False)
    court.pay()


def test_a_report_counts_disputes_and_what_they_gave_back(court: Court) -> None:
    court.configure(SHOP, plan=ANALYTICS)
    court.accept(court.disputed(int(40 * BTT)))
    court.disputed(late=True)
    court.run(ANSWER)
    report = court.payfi.volumes.report(SHOP)
    assert report is not None
    assert sum(day.disputes for day in report.days) == 2
    assert sum(day.lost for day in report.days) == 1
    assert [sum(int(day.returned) for day in report.days), report.days[0].refunded] == [
        40 * BTT, PAID,
    ]  # fmt: skip


def test_a_merchant_that_accepts_disputes_does_not_lose_them(court: Court) -> None:
    paid = [court.pay(units=int(BTT)) for _ in range(22)]
    court.settle_all()
    for id in paid[:5]:
        court.open(id, int(BTT))
        court.accept(id)
    assert court.payfi.merchants.get(SHOP).state == MerchantActive()
    assert court.payfi.volumes.lost_of(SHOP) == (0, 22)


# ---- arbiters


def test_arbiters_need_a_bond_and_a_judged_identity(court: Court) -> None:
    with refused(court, errors.NotArbiter):
        court.payfi.set_arbiters(ROOT, [*ARBITERS, BOB])
    court.people.judged.add(BOB)
    court.payfi.bond_arbiter(signed(BOB), BOND)
    id = court.pay()
    court.payfi.arbiters.fine(id, court.payment(id), BOB)
    with refused(court, errors.NotArbiter):
        court.payfi.set_arbiters(ROOT, [*ARBITERS, BOB])
    court.payfi.bond_arbiter(signed(BOB), FINE)
    court.people.judged.remove(BOB)
    with refused(court, errors.NotArbiter):
        court.payfi.set_arbiters(ROOT, [*ARBITERS, BOB])
    court.people.judged.add(BOB)
    with refused(court, BadOrigin):
        court.payfi.set_arbiters(signed(BOB), [BOB])
    court.payfi.set_arbiters(ROOT, [BOB, *ARBITERS, BOB])
    assert court.payfi.arbiters.arbiters.value == sorted([*ARBITERS, BOB])


def test_no_record_of_an_arbiter_is_stored_without_the_bond(court: Court) -> None:
    for amount in (0, BOND - 1):
        with refused(court, errors.NotArbiter):
            court.payfi.bond_arbiter(signed(BOB), u128(amount))
    court.payfi.bond_arbiter(signed(BOB), BOND)
    court.payfi.bond_arbiter(signed(BOB), u128(1))
    assert court.arbiter_bond(BOB) == BOND + 1


def test_an_arbiter_leaves_without_a_seat_and_has_its_bond_back(court: Court) -> None:
    id = court.contested()
    seated = court.panel(id)[0]
    with refused(court, errors.StillSeated):
        court.payfi.unbond_arbiter(signed(seated))
    court.judge(id, 0, 0)
    court.payfi.unbond_arbiter(signed(seated))
    assert court.arbiter_bond(seated) == 0
    assert seated not in court.payfi.arbiters.arbiters.value
    with refused(court, errors.NotArbiter):
        court.payfi.unbond_arbiter(signed(seated))


def test_an_arbiter_without_bond_or_identity_is_not_selected(court: Court) -> None:
    court.people.judged -= {ARBITERS[0], ARBITERS[1]}
    id = court.contested()
    assert sorted(court.panel(id)) == sorted(ARBITERS[2:])


def test_each_step_has_an_event(court: Court) -> None:
    id = court.contested()
    court.judge(id, 5, 5)
    names = [type(event).__name__ for event in court.announced()]
    steps = ["Disputed", "Contested", "PanelSelected", "Judged", "Judged", "Resolved"]
    assert [name for name in names if name in steps] == steps
    resolved = events.Resolved(
        id, ALICE, SHOP, False, Resolution.Panel, u128(5), u128(int(PAID) - 5), u128(0)
    )
    assert resolved in court.announced()
    assert events.Contested(id, ALICE, SHOP, REPLY) in court.announced()


def test_the_hook_is_charged_with_the_dearest_end_of_a_phase(court: Court) -> None:
    nothing = court.payfi.on_initialize(0)
    court.disputed()
    court.time.slot += ANSWER
    used = court.payfi.on_initialize(0) - nothing
    ends = (weights.end_phases, weights.end_answers, weights.end_judgements)
    assert used == max(each(1) for each in ends)


def test_a_block_ends_a_bounded_number_of_disputes(court: Court) -> None:
    court.payfi.limits = court.payfi.limits._replace(disputes=16)
    ids = [court.pay(units=int(BTT)) for _ in range(40)]
    for id in ids:
        court.open(id, int(BTT))
    court.run(ANSWER)
    ended = [id for id in ids if court.dispute_of(id).outcome is not None]
    assert ended == ids[:16]
    court.run(1)
    court.run(1)
    assert all(court.dispute_of(id).outcome is not None for id in ids)
    assert court.money(TREASURY) == 0


@pytest.mark.parametrize("late", [False, True])
def test_no_money_appears_or_is_lost(court: Court, late: bool) -> None:
    issued = court.total()
    id = court.contested(int(60 * BTT), late=late)
    court.judge(id, int(20 * BTT), int(20 * BTT))
    court.settle_all()
    assert court.money(PAYFI) == 0
    assert issued - court.total() == court.burned()


def test_a_call_of_a_dispute_is_decoded_from_its_bytes(court: Court) -> None:
    id = court.pay()
    call = court.call(
        "PayFi", "dispute", payment=id, amount=u128(PAID), reason=DisputeReason.Other,
        evidence=EVIDENCE,
    )  # fmt: skip
    court.dispatch(signed(ALICE), call)
    court.dispatch(signed(SHOP), court.call("PayFi", "answer", payment=id, answer=Accept()))
    assert court.resolution(id) is Resolution.Accepted
    with pytest.raises(DispatchError):
        court.dispatch(signed(ALICE), call)
