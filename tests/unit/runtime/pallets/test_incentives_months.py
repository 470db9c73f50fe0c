"""Months: a budget, rights that are backed before a point exists, and money that returns."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.accounts import DEVELOPMENT_FUND, HEALTH, OPERATIONS
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.facilities.types import Kind, Size
from runtime.pallets.incentives import errors
from runtime.pallets.incentives.types import MAX_PRUNED, EpochState, MonthPhase
from runtime.pallets.tokenomics.types import BurnReason
from support.incentives import (
    AUDITORS,
    CLINIC,
    DAY,
    FOUNDATION,
    FRIEND,
    HOSPITAL,
    ISSUER,
    MONTH,
    PATIENT,
    POINT,
    POOL,
    ROOT_HASH,
    CareRuntime,
    foreign_modulus,
    hashed,
)
from support.runtime import refused

SMALL = 7_500 * BTT
"""A small subscription at 0.40 CNY for 1 BTT: 7,500 BTT."""


@pytest.fixture
def care() -> CareRuntime:
    return CareRuntime()


def reserved(care: CareRuntime) -> int:
    return int(care.incentives.months.reserved.value)


def test_a_subscription_is_paid_by_the_price_of_the_oracle_half_to_the_pool(
    care: CareRuntime,
) -> None:
    accounts = (CLINIC, HEALTH, DEVELOPMENT_FUND, FOUNDATION, OPERATIONS)
    before = [care.free(who) for who in accounts]
    care.subscribe(CLINIC)
    after = [care.free(who) for who in accounts]
    paid, pool, development, foundation, reserve = (
        abs(a - b) for a, b in zip(after, before, strict=True)
    )
    assert paid == SMALL == 7_500 * BTT
    assert pool == paid // 2
    assert (development, foundation, reserve) == (paid // 4, paid // 6, paid // 12)


@pytest.mark.parametrize(
    ("size", "cny"), [(Size.Small, 3_000), (Size.Medium, 10_000), (Size.Large, 25_000)]
)
def test_the_price_follows_the_size(care: CareRuntime, size: Size, cny: int) -> None:
    care.set_price(10**18)
    before = care.free(CLINIC)
    care.subscribe(CLINIC, size)
    assert before - care.free(CLINIC) == cny * BTT


def test_months_are_paid_one_after_the_other_up_to_a_year_ahead(care: CareRuntime) -> None:
    care.subscribe(CLINIC, months=5)
    care.subscribe(CLINIC, months=7)
    paid = care.incentives.subscriptions.payments
    assert all(paid[u32(month), CLINIC] == SMALL for month in range(1, 13))
    for months in (0, 1):
        with refused(care, errors.TooManyMonths):
            care.subscribe(CLINIC, months=months)


def test_who_may_subscribe(care: CareRuntime) -> None:
    with refused(care, errors.NotProvider):
        care.subscribe(AUDITORS[0])
    with refused(care, errors.NotProvider):
        care.subscribe(PATIENT)
    care.people.unknown.add(CLINIC)
    with refused(care, errors.NotProvider):
        care.subscribe(CLINIC)


def test_a_facility_pays_at_least_for_its_own_size(care: CareRuntime) -> None:
    care.facilities.update(signed(CLINIC), Size.Medium, ROOT_HASH)
    with refused(care, errors.WrongSize):
        care.subscribe(CLINIC, Size.Small)
    care.subscribe(CLINIC, Size.Medium)


def test_a_facility_of_a_sensitive_field_uses_an_issuer(care: CareRuntime) -> None:
    care.found(FRIEND, Kind.Clinic, sensitive=True)
    with refused(care, errors.UseIssuer):
        care.subscribe(FRIEND)
    care.subscribe(ISSUER)


def test_a_facility_whose_bond_was_taken_restores_it_first(care: CareRuntime) -> None:
    taken = care.facilities.penalties.take_bond(CLINIC, BTT)
    slash = BurnReason.Slash
    care.tokenomics.destroy_held(care.facilities.reason, CLINIC, taken, slash, force=True)
    with refused(care, errors.LowBond):
        care.subscribe(CLINIC)
    care.facilities.top_up(signed(CLINIC))
    assert care.bond(CLINIC) == 1_000 * BTT
    care.subscribe(CLINIC)


def test_the_budget_is_a_part_of_the_pool_and_what_came_in(care: CareRuntime) -> None:
    care.subscribe(CLINIC)
    care.to_month(1)
    month = care.month(1)
    deposit = int(care.balances.existential_deposit)
    assert month.phase is MonthPhase.Running
    assert month.budget == 2 * (POOL // 96) + SMALL // 2 - deposit
    assert POOL // 96 == 7_875 * BTT
    assert month.committed == month.budget // 5 == reserved(care)


def test_a_right_is_the_least_of_three_bounds(care: CareRuntime) -> None:
    care.set_price(10**20)
    care.subscribe(CLINIC)
    care.subscribe(HOSPITAL, Size.Large)
    care.to_month(1)
    rights = care.incentives.subscriptions
    assert int(rights.right(CLINIC, 1)) == 30 * BTT * 9 // 10 // POINT
    assert int(rights.right(HOSPITAL, 1)) == 250 * BTT * 9 // 10 // POINT
    assert int(rights.right(ISSUER, 1)) == 0
    care.set_price(10**16)
    care.subscribe(CLINIC)
    care.to_month(2)
    assert int(rights.right(CLINIC, 2)) == int(care.month(2).budget) // 5 // POINT


def test_rights_share_a_budget_that_is_too_small_for_all(care: CareRuntime) -> None:
    care.set_price(10**17)
    for number in range(10):
        who = AccountId(bytes((0x70 + number,)) * 32)
        care.balances.transfer(CLINIC, who, 40_000 * BTT)
        care.found(who, Kind.Clinic)
        care.subscribe(who)
    care.to_month(1)
    month, rights = care.month(1), care.incentives.subscriptions
    total = sum(int(rights.right(AccountId(bytes((0x70 + n,)) * 32), 1)) for n in range(10))
    assert month.budget - 10 * POINT <= total * POINT <= month.budget


def test_keys_are_published_before_the_month_and_only_once(care: CareRuntime) -> None:
    with refused(care, errors.NotSubscribed):
        care.publish_foreign(CLINIC, 1)
    care.subscribe(CLINIC)
    with refused(care, errors.TooLate):
        care.publish_foreign(CLINIC, 0)
    with refused(care, errors.NotSubscribed):
        care.publish_foreign(CLINIC, 2)
    care.publish_foreign(CLINIC, 1)
    with refused(care, errors.AlreadyPublished):
        care.publish_foreign(CLINIC, 1)
    care.to_month(1)
    care.subscribe(HOSPITAL)
    with refused(care, errors.TooLate):
        care.publish_foreign(HOSPITAL, 1)


def test_a_weak_or_known_modulus_is_no_key(care: CareRuntime) -> None:
    care.subscribe(CLINIC, months=2)
    good = [foreign_modulus() for _ in range(4)]
    even = (int.from_bytes(good[0], "big") - 1).to_bytes(256, "big")
    low = (3 * ((1 << 2_047) // 3 | 1) + 6).to_bytes(256, "big")
    short = b"\x7f" + good[0][1:]
    for bad in (even, low, short, good[1]):
        with refused(care, errors.BadKey):
            care.incentives.publish_keys(signed(CLINIC), u32(1), [bad, *good[1:]])
    care.incentives.publish_keys(signed(CLINIC), u32(1), good)
    with refused(care, errors.BadKey):
        others = [foreign_modulus() for _ in range(3)]
        care.incentives.publish_keys(signed(CLINIC), u32(2), [*others, good[2]])


def test_a_month_is_closed_once_within_three_days_and_within_the_right(care: CareRuntime) -> None:
    month = care.join(keys=False)
    right = int(care.incentives.subscriptions.right(CLINIC, month))
    with refused(care, errors.MonthOpen):
        care.close(CLINIC, month, 1)
    care.to_month(month + 1)
    with refused(care, errors.NoKeys):
        care.close(HOSPITAL, month, 1)
    with refused(care, errors.NotProvider):
        care.close(PATIENT, month, 1)
    with refused(care, errors.OverRight):
        care.close(CLINIC, month, right + 1)
    for leaves in (0, 32, 65, 1 << 25):
        with refused(care, errors.BadTree):
            care.close(CLINIC, month, 1, leaves)
    care.close(CLINIC, month, right)
    with refused(care, errors.AlreadyClosed):
        care.close(CLINIC, month, right)
    assert care.epoch(CLINIC, month).state is EpochState.Closed


def test_a_month_that_no_facility_closed_in_time_returns_to_the_pool(care: CareRuntime) -> None:
    month = care.join(keys=False)
    assert reserved(care)
    care.to_month(month + 1, day=3)
    with refused(care, errors.TooLate):
        care.close(CLINIC, month, 1)
    assert care.month(month).committed == 0
    assert reserved(care) == care.month(month + 1).committed == 0


def test_only_what_is_closed_stays_reserved(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.to_month(month + 1, day=3)
    assert care.month(month).committed == 500 * POINT == reserved(care)


def test_a_suspended_facility_closes_and_one_that_left_does_not(care: CareRuntime) -> None:
    month = care.join(keys=False)
    care.join(HOSPITAL, keys=False)
    care.suspend(CLINIC)
    care.to_month(month + 1)
    care.close(CLINIC, month, 1)
    care.facilities.leave(signed(HOSPITAL))
    care.to_month(month + 2)
    with refused(care, errors.NotProvider):
        care.close(HOSPITAL, month + 1, 1)


def test_after_96_months_the_genesis_funds_are_distributed(care: CareRuntime) -> None:
    care.to_month(97)
    assert care.month(97).budget == POOL - int(care.balances.existential_deposit)
    assert care.month(96).budget == care.month(97).budget


def test_a_stall_over_months_opens_and_settles_each_of_them(care: CareRuntime) -> None:
    month = care.join(keys=False)
    care.to((month + 3) * MONTH)
    for _ in range(20):
        care.to(care.time.now() + 1)
    progress = care.incentives.months.progress.value
    assert (progress.current, progress.settled) == (month + 3, month + 2)
    assert care.month(month).phase is MonthPhase.Selected
    assert care.month(month + 2).phase is MonthPhase.Closing


def test_a_stale_beacon_is_asked_for_anew(care: CareRuntime) -> None:
    month = care.closed()
    care.time.dark = True
    care.to_month(month + 1, day=25)
    assert care.month(month).phase is MonthPhase.Settled
    care.time.dark = False
    care.to_month(month + 1, day=26)
    assert care.month(month).phase is MonthPhase.Selected


def test_expired_months_are_removed_a_few_entries_a_block(care: CareRuntime) -> None:
    month = care.closed(points=500)
    pallet = care.incentives
    care.redeem(*care.vouchers(CLINIC, month, 100))
    for number in range(300):
        pallet.vouchers.spent[u32(month), hashed(str(number))] = ()
    care.to_month(month + 25)
    assert reserved(care) == 99 * POINT
    left = len(list(pallet.vouchers.spent.under(u32(month))))
    assert left > 2 * MAX_PRUNED
    while left:
        now = len(list(pallet.vouchers.spent.under(u32(month))))
        assert left - now <= MAX_PRUNED
        left = now
        pallet.on_initialize(0)
    for _ in range(3):
        pallet.on_initialize(0)
    assert reserved(care) == 0
    assert pallet.points.points.get(PATIENT) is None
    assert pallet.months.progress.value.oldest == month + 1
    assert not list(pallet.epochs.keys.items())
    assert not list(pallet.epochs.moduli.items())
    assert not list(pallet.subscriptions.payments.items())
    assert pallet.points.totals.value.expired == 99


def test_a_day_has_the_slots_of_the_chain(care: CareRuntime) -> None:
    assert care.incentives.months.days(30) == MONTH == 30 * DAY
    assert care.incentives.months.worth(3) == 3 * POINT
