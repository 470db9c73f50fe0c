"""Attacks on incentives: collusion, prices, invented evidence, lying auditors, floods."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives import audit_selection
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives import errors, formulas
from runtime.pallets.incentives.types import (
    AUDITOR_FINE,
    MAX_PRUNED,
    EpochState,
    Fail,
    Month,
    Pass,
    PointsAccount,
)
from support.incentives import (
    CLINIC,
    HOSPITAL,
    PATIENT,
    POINT,
    CareRuntime,
    hashed,
    modulus,
    rsa_key,
)
from support.payfi import NoPrice
from support.runtime import refused

AMOUNTS = st.integers(1, 10**26)


@pytest.fixture
def care() -> CareRuntime:
    return CareRuntime()


def patient(number: int) -> AccountId:
    return AccountId(b"patient" + number.to_bytes(25, "big"))


def test_a_facility_with_a_thousand_own_patients_gets_back_less_than_it_paid(
    care: CareRuntime,
) -> None:
    """C1: the facility and all its patients are one person, alone in a month with a full pool."""
    care.set_price(10**19)
    before = care.free(CLINIC)
    month = care.join(CLINIC)
    paid = before - care.free(CLINIC)
    right = int(care.incentives.subscriptions.right(CLINIC, month))
    care.to_month(month + 1)
    care.close(CLINIC, month, right)
    points, number, got = right, 0, 0
    while points >= 100 and number < 1_000:
        who = patient(number)
        care.redeem(care.voucher(CLINIC, month, Denomination.Hundred, who))
        care.incentives.redeem_for_btt(signed(who), u64(care.points(who)))
        points, number, got = points - 100, number + 1, got + care.free(who)
    assert number == right // 100
    assert got == number * 100 * POINT
    assert paid * 8 // 10 < got <= paid * 9 // 10
    with refused(care, errors.OverRight):
        care.redeem(care.voucher(CLINIC, month, Denomination.Hundred))


@given(paid=st.lists(AMOUNTS, min_size=1, max_size=12), budget=AMOUNTS)
def test_rights_are_worth_at_most_nine_tenths_and_together_the_budget(
    paid: list[int], budget: int
) -> None:
    """C1 for any payments: alone, together, and never more than was reserved."""
    month = Month(u128(budget), paid=u128(sum(paid)), payers=u32(len(paid)))
    rights = [formulas.right(each, month, int(POINT)) * int(POINT) for each in paid]
    assert all(right <= each * 9 // 10 for right, each in zip(rights, paid, strict=True))
    assert sum(rights) <= formulas.reservation(month) <= budget
    assert max(rights) <= budget // 5


@given(amount=st.integers(0, 10**30))
def test_a_fee_is_divided_without_a_remainder_and_half_is_for_the_pool(amount: int) -> None:
    pool, split = formulas.fee_of(amount)
    assert pool == amount // 2 == split.voters
    assert not split.burn
    assert int(pool) + split.development + split.foundation + split.reserve == amount


def test_a_price_that_moves_after_the_payment_changes_no_right(care: CareRuntime) -> None:
    """C20: a right follows from the planck that were really paid, at a spike as at a crash."""
    for who, price in ((CLINIC, 10**20), (HOSPITAL, 10**19)):
        care.set_price(price)
        care.subscribe(who, Size.Small, months=2)
    care.set_price(10**16)
    care.to_month(2)
    rights = care.incentives.subscriptions
    for month in (1, 2):
        assert int(rights.right(CLINIC, month)) == 30 * BTT * 9 // 10 // POINT
        assert int(rights.right(HOSPITAL, month)) == 300 * BTT * 9 // 10 // POINT


def test_without_a_price_there_is_no_subscription(care: CareRuntime) -> None:
    """C20: no old or guessed price is used."""
    care.feeds.prices.clear()
    with refused(care, NoPrice):
        care.subscribe(CLINIC)


def test_the_key_of_another_facility_signs_nothing_for_the_own_month(care: CareRuntime) -> None:
    """C2, C4: a copied modulus is of no use, because a voucher names its facility and month."""
    care.subscribe(HOSPITAL)
    care.subscribe(CLINIC)
    moduli = [modulus(rsa_key(place)) for place in range(4)]
    for who in (HOSPITAL, CLINIC):
        care.incentives.publish_keys(signed(who), u32(1), moduli)
        care.keys[who, 1] = [rsa_key(place) for place in range(4)]
    care.to_month(2)
    for who in (HOSPITAL, CLINIC):
        care.close(who, 1, 5)
    of_clinic = care.voucher(CLINIC, 1)
    with refused(care, errors.BadSignature):
        care.redeem(replace(of_clinic, facility=HOSPITAL))
    care.redeem(of_clinic)
    assert care.epoch(HOSPITAL, 1).redeemed == 0


def test_a_copied_modulus_does_not_keep_its_owner_from_publishing_it(care: CareRuntime) -> None:
    """C4: a rival sees the keys in the transaction pool, and is in a block first."""
    care.subscribe(HOSPITAL, months=2)
    care.subscribe(CLINIC, months=2)
    moduli = [modulus(rsa_key(place)) for place in range(4)]
    care.incentives.publish_keys(signed(HOSPITAL), u32(1), moduli)
    care.incentives.publish_keys(signed(CLINIC), u32(1), moduli)
    # A facility itself uses a key for one month and denomination only.
    with refused(care, errors.BadKey):
        care.incentives.publish_keys(signed(CLINIC), u32(2), moduli)


def test_a_root_of_invented_leaves_is_found_by_the_audit(care: CareRuntime) -> None:
    """C8: a fifth of the leaves are invented; the selected ones hit one with 97 percent."""
    leaves, invented, found = 1_024, range(1_024 // 5), 0
    for number in range(1_000):
        seed = H256(number.to_bytes(32, "big"))
        chosen = audit_selection.selected_leaves(seed, leaves)
        assert len(set(chosen)) == 16
        found += any(index in invented for index in chosen)
    assert 955 <= found <= 990
    month = care.selected(points=500)
    care.report(CLINIC, month, Fail(u32(1)), Fail(u32(1)), Fail(u32(1)))
    assert care.epoch(CLINIC, month).state is EpochState.Failed


def test_the_root_of_a_month_is_final(care: CareRuntime) -> None:
    """C8: a second root, and one that comes too late."""
    month = care.closed(points=500)
    with refused(care, errors.AlreadyClosed):
        care.incentives.close_month(signed(CLINIC), u32(month), hashed("b"), u32(64), u64(500))
    care.to_month(month + 1, day=3)
    with refused(care, errors.TooLate):
        care.incentives.close_month(signed(CLINIC), u32(month), hashed("b"), u32(64), u64(500))


def test_two_lying_auditors_lose_more_than_honest_ones(care: CareRuntime) -> None:
    """C9: a false failure costs the liars a fine, and the facility nothing."""
    month = care.selected(points=500)
    first = care.report(CLINIC, month, Fail(u32(1)), Fail(u32(1)), Pass())
    bond, money = care.bond(CLINIC), [care.free(who) for who in first]
    care.incentives.answer_audit(signed(CLINIC), u32(month))
    care.to(care.time.now() + 5)
    care.report(CLINIC, month, Pass(), Pass(), Pass())
    assert care.bond(CLINIC) == bond
    assert [care.free(who) for who in first] == money
    assert [500 * BTT - care.bond(who) for who in first] == [AUDITOR_FINE, AUDITOR_FINE, 0]


def test_points_that_expired_and_are_not_removed_yet_do_not_count(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.redeem(*care.vouchers(CLINIC, month, 100))
    # More vouchers than the next blocks remove: the points expire before their turn.
    for number in range(1_000):
        care.incentives.vouchers.spent[u32(month), hashed(str(number))] = ()
    care.to_month(month + 24)
    later = care.closed(points=500)
    assert care.points() == 0
    care.redeem(*care.vouchers(CLINIC, later, 5))
    stored = care.incentives.points.points[PATIENT]
    assert stored == PointsAccount(u64(5), u32(later))
    assert care.incentives.points.totals.value.expired == 99


def test_a_block_removes_a_bounded_number_of_a_million_vouchers(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.to_month(month + 25)
    pallet = care.incentives
    progress = pallet.months.progress.value
    progress.oldest = u32(month)
    pallet.months.progress.value = progress
    for number in range(10_000):
        pallet.vouchers.spent[u32(month), hashed(str(number))] = ()
    weights = []
    for left in range(10_000, 9_000, -MAX_PRUNED):
        before = len(care.state.data)
        weights.append(pallet.on_initialize(0))
        assert before - len(care.state.data) == MAX_PRUNED, left
    assert len(set(weights)) == 1


def test_the_beginning_of_a_month_costs_the_same_with_many_facilities(care: CareRuntime) -> None:
    def begin(facilities: int) -> int:
        fresh = CareRuntime()
        fresh.set_price(10**19)
        for number in range(facilities):
            who = AccountId(b"clinic" + number.to_bytes(26, "big"))
            fresh.incentives.subscriptions.payments[u32(1), who] = u128(BTT)
            fresh.incentives.months.pay(1, u128(BTT))
        fresh.time.slot += fresh.incentives.months.begins(1)
        before = len(fresh.state.data)
        weight = fresh.incentives.on_initialize(0)
        assert len(fresh.state.data) - before <= 2
        return weight

    assert begin(1) == begin(2_000)
