"""Vouchers: each counts once, as it was signed (I42, C2); and what points are exchanged for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.point_voucher import Denomination, PointVoucher
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import block_weights as block
from runtime.accounts import HEALTH
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, signed
from runtime.pallets.incentives import errors
from runtime.pallets.incentives.types import CREDENTIAL_BOUND, CREDENTIAL_FEE
from support.incentives import (
    CLINIC,
    DAY,
    EDUCATOR,
    FRIEND,
    GENESIS,
    HOSPITAL,
    INSURER,
    PARTNER,
    PATIENT,
    POINT,
    CareRuntime,
    hashed,
)
from support.runtime import refused

OFFER = hashed("massage")
RULE = ActivityRule(
    u32(100), u32(1_500_000), u32(1_000_000), u32(500_000), u32(1_000_000), u8(4), u16(7), u8(2)
)


@pytest.fixture
def care() -> CareRuntime:
    return CareRuntime()


def test_vouchers_become_points_of_the_account_inside_from_any_sender(care: CareRuntime) -> None:
    care.balances.transfer(FRIEND, PATIENT, u128(BTT))
    month = care.closed(points=500)
    care.redeem(*care.vouchers(CLINIC, month, 131))
    assert care.points() == 131
    assert care.points(FRIEND) == 0
    assert care.epoch(CLINIC, month).redeemed == 131
    assert care.month(month).outstanding == 369


def test_a_redeemer_without_an_account_gets_its_first_point_in_btt(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.redeem(*care.vouchers(CLINIC, month, 5))
    assert (care.points(), care.free(PATIENT)) == (4, POINT)
    care.redeem(*care.vouchers(CLINIC, month, 5))
    assert (care.points(), care.free(PATIENT)) == (9, POINT)
    care.incentives.redeem_for_btt(signed(PATIENT), u64(9))
    assert (care.points(), care.free(PATIENT)) == (0, 10 * POINT)


def test_a_voucher_counts_once_within_a_call_and_ever(care: CareRuntime) -> None:
    month = care.closed()
    voucher = care.voucher(CLINIC, month)
    with refused(care, errors.AlreadySpent):
        care.redeem(voucher, voucher)
    care.redeem(voucher)
    with refused(care, errors.AlreadySpent):
        care.redeem(voucher)


def test_a_second_signature_over_the_same_message_is_the_same_voucher(care: CareRuntime) -> None:
    month = care.closed()
    voucher = care.voucher(CLINIC, month)
    other = care.signed(replace(voucher, prefix=bytes(32)), care.keys[CLINIC, month][0])
    assert other.signature != voucher.signature
    care.redeem(voucher)
    with refused(care, errors.AlreadySpent):
        care.redeem(other)


@pytest.mark.parametrize("field", ["redeemer", "nonce", "prefix", "denomination"])
def test_a_relayer_can_change_nothing(care: CareRuntime, field: str) -> None:
    month = care.closed()
    voucher = care.voucher(CLINIC, month)
    changed = {
        "redeemer": replace(voucher, redeemer=FRIEND),
        "nonce": replace(voucher, nonce=bytes(32)),
        "prefix": replace(voucher, prefix=bytes(32)),
        "denomination": replace(voucher, denomination=Denomination.Hundred),
    }
    with refused(care, errors.BadSignature):
        care.redeem(changed[field])


def test_a_voucher_is_for_its_facility_its_month_and_its_chain(care: CareRuntime) -> None:
    care.subscribe(CLINIC, months=2)
    care.subscribe(HOSPITAL)
    for who, number in ((CLINIC, 1), (HOSPITAL, 1), (CLINIC, 2)):
        care.publish(who, number)
    for number in (1, 2):
        care.to_month(number + 1)
        care.close(CLINIC, number, 50)
        if number == 1:
            care.close(HOSPITAL, number, 50)
    voucher = care.voucher(CLINIC, 1)
    for changed in (replace(voucher, facility=HOSPITAL), replace(voucher, month=u32(2))):
        with refused(care, errors.BadSignature):
            care.redeem(changed)
    care.system.block_hash[u32(0)] = hashed("another chain")
    with refused(care, errors.BadSignature):
        care.redeem(voucher)
    care.system.block_hash[u32(0)] = GENESIS
    care.redeem(voucher)


def test_vouchers_count_only_after_their_month_was_closed(care: CareRuntime) -> None:
    month = care.join()
    voucher = care.voucher(CLINIC, month)
    with refused(care, errors.MonthOpen):
        care.redeem(voucher)
    care.to_month(month + 1)
    with refused(care, errors.MonthOpen):
        care.redeem(voucher)
    with refused(care, errors.NoKeys):
        care.redeem(replace(voucher, facility=HOSPITAL))
    care.to_month(month + 1, day=3)
    with refused(care, errors.TooLate):
        care.redeem(voucher)


def test_a_stolen_key_makes_no_more_points_than_the_month_was_closed_with(
    care: CareRuntime,
) -> None:
    month = care.closed(points=109)
    hundred = care.vouchers(CLINIC, month, 100)
    care.redeem(*hundred)
    with refused(care, errors.OverRight):
        care.redeem(*care.vouchers(CLINIC, month, 10))
    care.redeem(*care.vouchers(CLINIC, month, 9))
    with refused(care, errors.OverRight):
        care.redeem(care.voucher(CLINIC, month))


def test_nothing_to_redeem_is_refused(care: CareRuntime) -> None:
    with refused(care, errors.NothingToRedeem):
        care.redeem()
    with refused(care, errors.NothingToRedeem):
        care.incentives.redeem_for_btt(signed(FRIEND), u64(0))
    with refused(care, errors.NotEnoughPoints):
        care.incentives.redeem_for_btt(signed(FRIEND), u64(1))


def test_vouchers_and_points_expire_after_24_months(care: CareRuntime) -> None:
    month = care.closed(points=500)
    first, second = care.voucher(CLINIC, month), care.voucher(CLINIC, month)
    care.redeem(*care.vouchers(CLINIC, month, 100))
    care.to_month(month + 24)
    care.redeem(first)
    assert care.points() == 100
    care.to_month(month + 25)
    assert care.points() == 0
    with refused(care, errors.TooLate):
        care.redeem(second)
    with refused(care, errors.NotEnoughPoints):
        care.incentives.redeem_for_btt(signed(PATIENT), u64(1))


def test_points_that_expired_are_not_revived_by_newer_ones(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.redeem(*care.vouchers(CLINIC, month, 100))
    care.to_month(month + 24)
    later = care.closed(points=500)
    pallet = care.incentives
    assert PATIENT not in pallet.points.points
    assert later == month + 25
    care.redeem(*care.vouchers(CLINIC, later, 5))
    assert care.points() == 5
    totals = pallet.points.totals.value
    assert (totals.redeemed, totals.spent, totals.expired) == (105, 1, 99)


def test_points_too_small_for_a_new_account_are_kept(care: CareRuntime) -> None:
    month = care.closed(points=500)
    care.balances.existential_deposit = u128(5 * POINT)
    care.redeem(*care.vouchers(CLINIC, month, 6))
    assert (care.points(), care.free(PATIENT)) == (6, 0)
    with refused(care, errors.TooSmall):
        care.incentives.redeem_for_btt(signed(PATIENT), u64(4))
    care.incentives.redeem_for_btt(signed(PATIENT), u64(6))
    assert care.free(PATIENT) == 6 * POINT


def placed(care: CareRuntime, points: int = 201) -> None:
    month = care.closed(points=500)
    care.redeem(*care.vouchers(CLINIC, month, points))
    care.incentives.place(signed(PARTNER), OFFER, u16(30))


def test_a_partner_is_paid_less_two_percent_which_stay_in_the_pool(care: CareRuntime) -> None:
    placed(care)
    pool, partner = care.free(HEALTH), care.free(PARTNER)
    care.incentives.redeem_at_partner(signed(PATIENT), Id(PARTNER), u64(200), OFFER)
    assert care.free(PARTNER) - partner == 200 * POINT * 98 // 100 == pool - care.free(HEALTH)
    assert care.points() == 0


def test_points_are_redeemed_at_partners_for_offers_in_place(care: CareRuntime) -> None:
    placed(care)
    redeem = care.incentives.redeem_at_partner
    with refused(care, errors.NotPartner):
        redeem(signed(PATIENT), Id(CLINIC), u64(1), OFFER)
    with refused(care, errors.OfferUnknown):
        redeem(signed(PATIENT), Id(PARTNER), u64(1), hashed("another"))
    care.to(care.time.now() + 30 * DAY)
    with refused(care, errors.OfferUnknown):
        redeem(signed(PATIENT), Id(PARTNER), u64(1), OFFER)


def test_a_placement_costs_by_the_day_half_for_the_pool(care: CareRuntime) -> None:
    pool, partner = care.free(HEALTH), care.free(PARTNER)
    care.incentives.place(signed(PARTNER), OFFER, u16(10))
    assert partner - care.free(PARTNER) == 50 * BTT == 2 * (care.free(HEALTH) - pool)
    care.incentives.place(signed(PARTNER), OFFER, u16(10))
    (offer,) = care.incentives.partners.offers[PARTNER]
    assert offer.until == care.time.now() + 20 * DAY
    with refused(care, errors.NotPartner):
        care.incentives.place(signed(CLINIC), OFFER, u16(10))
    for days in (0, 346, 366):
        with refused(care, errors.InvalidOffer):
            care.incentives.place(signed(PARTNER), OFFER, u16(days))


def test_a_partner_has_at_most_64_offers_and_ended_ones_make_room(care: CareRuntime) -> None:
    for number in range(64):
        care.incentives.place(signed(PARTNER), hashed(str(number)), u16(1))
    with refused(care, errors.InvalidOffer):
        care.incentives.place(signed(PARTNER), OFFER, u16(1))
    care.to(care.time.now() + DAY)
    care.incentives.place(signed(PARTNER), OFFER, u16(1))
    assert len(care.incentives.partners.offers[PARTNER]) == 1


def test_governance_sets_the_fee_of_placements(care: CareRuntime) -> None:
    care.incentives.set_placement_fee(ROOT, u128(0))
    before = care.free(PARTNER)
    care.incentives.place(signed(PARTNER), OFFER, u16(10))
    assert care.free(PARTNER) == before
    with refused(care, errors.InvalidFee):
        care.incentives.set_placement_fee(ROOT, u128(1_001 * BTT))
    with refused(care, BadOrigin):
        care.incentives.set_placement_fee(signed(PARTNER), u128(1))


def test_an_insurer_gives_savings_to_the_pool(care: CareRuntime) -> None:
    pool = care.free(HEALTH)
    care.incentives.contribute_savings(signed(INSURER), u128(BTT), OFFER)
    assert care.free(HEALTH) == pool + BTT
    with refused(care, errors.NotInsurer):
        care.incentives.contribute_savings(signed(CLINIC), u128(BTT), OFFER)
    with refused(care, errors.ZeroAmount):
        care.incentives.contribute_savings(signed(INSURER), u128(0), OFFER)


def test_a_credential_of_an_educator_counts_once(care: CareRuntime) -> None:
    attest = care.incentives.attest_credential
    before, pool = care.free(EDUCATOR), care.free(HEALTH)
    attest(signed(EDUCATOR), Id(FRIEND), OFFER, u16(8))
    assert care.stakers.counted == [(FRIEND, CREDENTIAL_BOUND)]
    assert before - care.free(EDUCATOR) == CREDENTIAL_FEE > CREDENTIAL_BOUND
    assert care.free(HEALTH) - pool == CREDENTIAL_FEE // 2
    with refused(care, errors.AlreadyAttested):
        attest(signed(EDUCATOR), Id(FRIEND), OFFER, u16(8))
    with refused(care, errors.NotEducator):
        attest(signed(CLINIC), Id(FRIEND), hashed("x"), u16(8))
    for hours in (0, 1_001):
        with refused(care, errors.InvalidCredential):
            attest(signed(EDUCATOR), Id(FRIEND), hashed("x"), u16(hours))
    care.people.operators[FRIEND] = EDUCATOR
    with refused(care, errors.OwnCredential):
        attest(signed(EDUCATOR), Id(FRIEND), hashed("x"), u16(8))
    del care.people.operators[FRIEND]
    care.incentives.credentials.attested[u32(0), EDUCATOR] = u16(1_000)
    with refused(care, errors.InvalidCredential):
        attest(signed(EDUCATOR), Id(FRIEND), hashed("x"), u16(8))


def test_the_vouchers_of_a_call_are_of_sixteen_facilities_months_at_most(care: CareRuntime) -> None:
    month, pallet = care.closed(), care.incentives.epochs
    clinics = [AccountId(bytes((0x70 + number,)) * 32) for number in range(16)]
    for who in clinics:
        pallet.epochs[who, u32(month)] = care.epoch(CLINIC, month)
        pallet.keys[who, u32(month)] = pallet.keys[CLINIC, u32(month)]
        care.keys[who, month] = care.keys[CLINIC, month]
    others = [care.voucher(who, month) for who in clinics]
    with refused(care, errors.TooManyMonths):
        care.redeem(care.voucher(CLINIC, month), *others)
    care.redeem(*others)
    assert care.points() == 15


def test_no_redemption_of_64_vouchers_is_declared_above_25_ms(care: CareRuntime) -> None:
    """All for new accounts, of as many facilities' months as a call may have."""
    blank = bytes(256)
    found = [
        PointVoucher(
            AccountId(bytes((number % 16,)) * 32), u32(number % 16), Denomination.One,
            AccountId(bytes((number,)) * 32), bytes(32), bytes(32), blank,
        )
        for number in range(64)
    ]  # fmt: skip
    weight = int(care.info(care.call("Incentives", "redeem", vouchers=found)).weight)
    length = len(care.call("Incentives", "redeem", vouchers=found).raw)
    whole = weight + block.BASE_EXTRINSIC + length * block.EXTRINSIC_BYTE
    print(f"64 vouchers: {whole / 10**9:.1f} ms of a block")
    assert whole <= 25 * 10**9


def test_credentials_are_removed_after_24_months(care: CareRuntime) -> None:
    care.incentives.attest_credential(signed(EDUCATOR), Id(FRIEND), OFFER, u16(8))
    care.to_month(26)
    assert not list(care.incentives.credentials.credentials.items())
    assert not list(care.incentives.credentials.attested.items())
    assert not list(care.incentives.expiries.expiring.items())


def test_rules_are_set_by_governance_within_their_bounds(care: CareRuntime) -> None:
    care.incentives.set_rule(ROOT, u16(7), RULE)
    assert care.incentives.rules[u16(7)] == RULE
    for bad in (
        replace(RULE, base=u32(0)),
        replace(RULE, base=u32(10_001)),
        replace(RULE, health_ppm=u32(3_000_001)),
        replace(RULE, floor_ppm=u32(1_000_001)),
        replace(RULE, per_patient_month=u8(0)),
        replace(RULE, evidence=u8(0)),
        replace(RULE, evidence=u8(8)),
    ):
        with refused(care, errors.InvalidRule):
            care.incentives.set_rule(ROOT, u16(7), bad)
    care.incentives.set_rule(ROOT, u16(7), None)
    with refused(care, errors.UnknownRule):
        care.incentives.set_rule(ROOT, u16(7), None)
    with refused(care, BadOrigin):
        care.incentives.set_rule(signed(FRIEND), u16(7), RULE)


def test_the_points_of_a_rule_follow_its_factors() -> None:
    assert RULE.points(1_000_000) == 150
    assert RULE.points(2_000_000) == 150
    assert RULE.points(0) == 75
    assert replace(RULE, health_ppm=u32(0)).points(1_000_000) == 0
