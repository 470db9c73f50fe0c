"""Audits: who checks a month, what fails it, and what that costs whom."""

from __future__ import annotations

import pytest

from btt_chain.primitives import audit_selection
from btt_chain.scale import u32
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.incentives import errors
from runtime.pallets.incentives.types import (
    AuditPhase,
    EpochState,
    Fail,
    MonthPhase,
    NotOpened,
    Pass,
    Verdict,
)
from support.incentives import AUDITORS, CLINIC, DAY, FRIEND, HOSPITAL, PATIENT, POINT, CareRuntime
from support.runtime import refused

BAD = Fail(u32(3))


@pytest.fixture
def care() -> CareRuntime:
    return CareRuntime()


def later(care: CareRuntime, days: int) -> None:
    care.to(care.time.now() + days * DAY)


def failed(care: CareRuntime, *, points: int = 500) -> int:
    """Let a first round fail a month; return the month."""
    month = care.selected(points=points)
    care.report(CLINIC, month, BAD, NotOpened(), Pass())
    return month


def second_round(care: CareRuntime, *, points: int = 500) -> int:
    """Let the facility answer a failed month, and the second round be selected."""
    month = failed(care, points=points)
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    care.to(care.time.now() + 5)
    return month


def test_three_auditors_with_different_operators_are_selected(care: CareRuntime) -> None:
    for who in AUDITORS[1:4]:
        care.people.operators[who] = AUDITORS[0]
    month = care.selected()
    seats = care.incentives.audits.get(CLINIC, month).seats
    assert len(seats) == 3
    assert len({seat.operator for seat in seats}) == 3


def test_an_operator_does_not_audit_itself(care: CareRuntime) -> None:
    for who in AUDITORS:
        care.people.operators[who] = CLINIC
    month = care.selected()
    assert not care.incentives.audits.get(CLINIC, month).seats
    later(care, 7)
    care.settle(CLINIC, month)
    assert care.epoch(CLINIC, month).state is EpochState.Audited


def test_an_operator_that_a_facility_joined_later_does_not_audit_it(care: CareRuntime) -> None:
    """The facility is still registered under the operator that it had then."""
    care.people.operators[CLINIC] = AUDITORS[0]
    for who in AUDITORS[:5]:
        care.people.operators[who] = AUDITORS[0]
    month = care.selected()
    seats = {seat.auditor for seat in care.incentives.audits.get(CLINIC, month).seats}
    assert seats == set(AUDITORS[5:])


def test_a_facility_that_opens_only_in_the_second_round_costs_honest_auditors_nothing(
    care: CareRuntime,
) -> None:
    month = care.selected()
    first = care.report(CLINIC, month, NotOpened(), NotOpened(), NotOpened())
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    care.to(care.time.now() + 5)
    care.report(CLINIC, month, Pass(), Pass(), Pass())
    assert care.epoch(CLINIC, month).state is EpochState.Audited
    assert [care.bond(who) for who in first] == [500 * BTT] * 3


def test_audits_of_two_facilities_select_different_leaves(care: CareRuntime) -> None:
    care.subscribe(HOSPITAL)
    care.publish_foreign(HOSPITAL, 1)
    month = care.closed()
    care.close(HOSPITAL, month, 1)
    care.to_month(month + 1, day=3)
    care.to(care.time.now() + 5)
    seeds = [care.incentives.audits.get(who, month).seed for who in (CLINIC, HOSPITAL)]
    selected = [audit_selection.selected_leaves(seed, 4_096) for seed in seeds]
    assert selected[0] != selected[1]
    assert all(len(set(leaves)) == 16 and max(leaves) < 4_096 for leaves in selected)


def test_the_last_report_of_a_round_is_charged_for_its_end(care: CareRuntime) -> None:
    month = care.selected()
    seats = [seat.auditor for seat in care.incentives.audits.get(CLINIC, month).seats]
    found = []
    for who in seats:
        args = {"facility": CLINIC, "month": u32(month), "verdict": Pass()}
        made = care.call("Incentives", "report_audit", **args)
        found.append(int(care.info(made).weight))
        care.dispatch(signed(who), made)
    assert found[0] == found[1] < found[2]


def test_two_of_three_verdicts_without_fault_end_the_audit(care: CareRuntime) -> None:
    month = care.selected()
    care.report(CLINIC, month, Pass(), BAD, Pass())
    assert care.epoch(CLINIC, month).state is EpochState.Audited
    assert care.bond(CLINIC) == 1_000 * BTT
    with refused(care, errors.NoAudit):
        care.settle(CLINIC, month)


@pytest.mark.parametrize("verdicts", [(BAD, BAD, Pass()), (NotOpened(), Pass(), NotOpened())])
def test_two_verdicts_against_it_stop_the_vouchers_of_a_month(
    care: CareRuntime, verdicts: tuple[Verdict, ...]
) -> None:
    month = care.selected()
    care.report(CLINIC, month, *verdicts)
    assert care.epoch(CLINIC, month).state is EpochState.Failed
    with refused(care, errors.EpochFailed):
        care.redeem(care.voucher(CLINIC, month))


def test_a_failed_month_costs_twice_its_points_half_to_the_auditors(care: CareRuntime) -> None:
    month = care.selected(points=500)
    care.redeem(*care.vouchers(CLINIC, month, 100))
    seats = care.report(CLINIC, month, BAD, NotOpened(), Pass())
    before = [care.free(who) for who in seats]
    issuance = int(care.balances.total_issuance.value)
    with refused(care, errors.TooEarly):
        care.settle(CLINIC, month)
    later(care, 3)
    care.settle(CLINIC, month)
    slashed = 2 * 500 * POINT
    assert care.bond(CLINIC) == 1_000 * BTT - slashed
    gains = [care.free(who) - old for who, old in zip(seats, before, strict=True)]
    assert gains == [slashed // 4, slashed // 4, 0]
    assert issuance - int(care.balances.total_issuance.value) == slashed // 2
    assert not care.month(month).outstanding
    assert not care.month(month).committed
    assert care.points() == 99
    with refused(care, errors.EpochFailed):
        care.redeem(care.voucher(CLINIC, month))


def test_a_slash_takes_no_more_than_the_bond(care: CareRuntime) -> None:
    care.set_price(10**17)
    month = failed(care, points=200_000)
    later(care, 3)
    care.settle(CLINIC, month)
    assert care.bond(CLINIC) == 0


def test_points_redeemed_before_a_month_failed_stay(care: CareRuntime) -> None:
    month = care.selected()
    care.redeem(*care.vouchers(CLINIC, month, 100))
    care.report(CLINIC, month, BAD, BAD, BAD)
    later(care, 3)
    care.settle(CLINIC, month)
    assert care.points() == 99
    assert int(care.incentives.months.reserved.value) == 99 * POINT


def test_the_second_round_has_three_other_auditors_and_the_same_leaves(care: CareRuntime) -> None:
    """C9: other leaves would mostly miss the wrong one, and the honest finders would be fined."""
    month = failed(care)
    seed = care.incentives.audits.get(CLINIC, month).seed
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    care.to(care.time.now() + 5)
    audit = care.incentives.audits.get(CLINIC, month)
    assert audit.seed == seed
    assert audit.phase is AuditPhase.SecondRound
    assert len(audit.second) == 3
    operators = {seat.operator for seat in (*audit.first, *audit.second)}
    assert len(operators) == 6
    with refused(care, errors.NotSelected):
        care.incentives.report_audit(signed(audit.first[0].auditor), CLINIC, u32(month), Pass())


def test_a_false_failure_is_overturned_and_its_auditors_are_fined(care: CareRuntime) -> None:
    month = second_round(care)
    first = [seat.auditor for seat in care.incentives.audits.get(CLINIC, month).first]
    care.report(CLINIC, month, Pass(), Pass(), BAD)
    assert care.epoch(CLINIC, month).state is EpochState.Audited
    # The second one said that nothing was opened to it: that can be true.
    assert [care.bond(who) for who in first] == [450 * BTT, 500 * BTT, 500 * BTT]
    assert care.bond(CLINIC) == 1_000 * BTT
    care.redeem(care.voucher(CLINIC, month))


def test_the_second_round_is_final_and_shares_the_bond_among_all_finders(care: CareRuntime) -> None:
    month = second_round(care)
    first = [seat.auditor for seat in care.incentives.audits.get(CLINIC, month).first]
    before = care.free(first[0])
    care.report(CLINIC, month, BAD, BAD, BAD)
    assert care.bond(CLINIC) == 990 * BTT
    assert care.free(first[0]) - before == BTT
    with refused(care, errors.NotDisputable):
        care.incentives.answer_audit(signed(CLINIC), u32(month))


def test_a_second_round_without_a_result_finds_for_the_facility(care: CareRuntime) -> None:
    month = second_round(care)
    first = [seat.auditor for seat in care.incentives.audits.get(CLINIC, month).first]
    care.report(CLINIC, month, BAD)
    later(care, 7)
    care.settle(CLINIC, month)
    assert care.epoch(CLINIC, month).state is EpochState.Audited
    assert [care.bond(who) for who in first] == [500 * BTT] * 3


def test_absent_auditors_are_fined_half_to_who_ends_the_round(care: CareRuntime) -> None:
    month = care.selected()
    seats = care.report(CLINIC, month, Pass())
    before = care.free(FRIEND)
    later(care, 7)
    care.settle(CLINIC, month)
    assert [care.bond(who) for who in seats] == [500 * BTT, 450 * BTT, 450 * BTT]
    assert care.free(FRIEND) - before == 50 * BTT
    assert care.epoch(CLINIC, month).state is EpochState.Audited


def test_an_absent_auditor_gets_nothing_of_its_own_fine(care: CareRuntime) -> None:
    month = care.selected()
    seats = care.report(CLINIC, month)
    before = care.free(seats[0])
    later(care, 7)
    care.settle(CLINIC, month, seats[0])
    assert care.free(seats[0]) - before == 2 * 25 * BTT
    assert care.bond(seats[0]) == 450 * BTT


def test_a_month_that_no_auditor_checked_in_time_can_still_be_ended(care: CareRuntime) -> None:
    month = care.selected()
    care.to_month(month + 3)
    care.settle(CLINIC, month)
    assert care.epoch(CLINIC, month).state is EpochState.Audited


def test_reports_are_for_selected_auditors_once_and_in_time(care: CareRuntime) -> None:
    month = care.closed()
    report = care.incentives.report_audit
    with refused(care, errors.NoAudit):
        report(signed(AUDITORS[0]), CLINIC, u32(month), Pass())
    care.to_month(month + 1, day=3)
    care.to(care.time.now() + 5)
    seats = [seat.auditor for seat in care.incentives.audits.get(CLINIC, month).seats]
    other = next(who for who in AUDITORS if who not in seats)
    for who in (other, FRIEND):
        with refused(care, errors.NotSelected):
            report(signed(who), CLINIC, u32(month), Pass())
    with refused(care, errors.BadTree):
        report(signed(seats[0]), CLINIC, u32(month), Fail(u32(64)))
    with refused(care, errors.TooEarly):
        care.settle(CLINIC, month)
    report(signed(seats[0]), CLINIC, u32(month), Pass())
    with refused(care, errors.NotSelected):
        report(signed(seats[0]), CLINIC, u32(month), Pass())
    later(care, 7)
    with refused(care, errors.TooLate):
        report(signed(seats[1]), CLINIC, u32(month), Pass())


def test_a_failure_is_answered_within_three_days_and_once(care: CareRuntime) -> None:
    month = failed(care)
    with refused(care, errors.NotSelected):
        care.incentives.report_audit(signed(AUDITORS[0]), CLINIC, u32(month), Pass())
    with refused(care, errors.NotDisputable):
        care.incentives.answer_audit(signed(HOSPITAL), u32(month))
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    with refused(care, errors.TooEarly):
        care.settle(CLINIC, month)
    with refused(care, errors.NotDisputable):
        care.incentives.answer_audit(signed(CLINIC), u32(month))


def test_a_late_answer_is_refused(care: CareRuntime) -> None:
    month = failed(care)
    later(care, 3)
    with refused(care, errors.TooLate):
        care.incentives.answer_audit(signed(CLINIC), u32(month))


def test_a_second_round_waits_for_a_beacon_and_asks_again(care: CareRuntime) -> None:
    month = failed(care)
    care.time.dark = True
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    later(care, 25)
    assert care.incentives.audits.get(CLINIC, month).phase is AuditPhase.Waiting
    care.time.dark = False
    later(care, 1)
    assert care.incentives.audits.get(CLINIC, month).phase is AuditPhase.SecondRound


def test_auditors_enlist_with_a_full_bond_and_retire(care: CareRuntime) -> None:
    listed = care.incentives.auditors.auditors
    with refused(care, errors.NotAuditor):
        care.incentives.enlist(signed(CLINIC), bytes(32))
    care.incentives.enlist(signed(AUDITORS[0]), b"\7" * 32)
    assert [each.key for each in listed.value if each.who == AUDITORS[0]] == [b"\7" * 32]
    care.incentives.retire(signed(AUDITORS[0]))
    with refused(care, errors.NotEnlisted):
        care.incentives.retire(signed(AUDITORS[0]))
    care.incentives.auditors.fine(AUDITORS[0], None)
    with refused(care, errors.LowBond):
        care.incentives.enlist(signed(AUDITORS[0]), bytes(32))
    entry = listed.value[0]
    listed.value = [entry] * 256
    care.facilities.top_up(signed(AUDITORS[0]))
    with refused(care, errors.AuditorsFull):
        care.incentives.enlist(signed(AUDITORS[0]), bytes(32))


def test_a_selected_auditor_neither_retires_nor_changes_its_key(care: CareRuntime) -> None:
    """C9: the auditors and their keys are those of the settled month, before its beacon."""
    month = care.closed()
    care.time.dark = True
    care.to_month(month + 1, day=3)
    assert care.month(month).phase is MonthPhase.Settled
    # Who foresees the beacon leaves the list, replaces its key, or comes back with another one.
    for who in AUDITORS[:3]:
        care.incentives.retire(signed(who))
    for who in AUDITORS[2:5]:
        care.incentives.enlist(signed(who), b"\7" * 32)
    care.time.dark = False
    care.to(care.time.now() + 5)
    seats = care.incentives.audits.get(CLINIC, month).seats
    eligible = care.incentives.auditors.eligible[u32(month)]
    assert [each.who for each in eligible] == list(AUDITORS)
    assert [each.key for each in eligible] == [bytes(who) for who in AUDITORS]
    assert [seat.key for seat in seats] == [bytes(seat.auditor) for seat in seats]
    for who in AUDITORS:
        if who not in {each.who for each in care.incentives.auditors.auditors.value}:
            care.incentives.enlist(signed(who), b"\7" * 32)
    care.report(CLINIC, month, Pass(), Pass(), Pass())
    assert care.epoch(CLINIC, month).state is EpochState.Audited


def test_a_suspended_auditor_is_not_selected(care: CareRuntime) -> None:
    for who in AUDITORS[:5]:
        care.suspend(who)
    month = care.selected()
    seats = {seat.auditor for seat in care.incentives.audits.get(CLINIC, month).seats}
    assert seats == set(AUDITORS[5:])
    assert len(care.incentives.auditors.auditors.value) == 2


def test_an_auditor_that_left_has_no_bond_to_lose(care: CareRuntime) -> None:
    month = care.selected()
    seats = care.report(CLINIC, month, Pass(), Pass())
    del care.facilities.facilities[seats[2]]
    later(care, 7)
    care.settle(CLINIC, month)
    assert care.epoch(CLINIC, month).state is EpochState.Audited
    assert PATIENT not in care.incentives.points.points
