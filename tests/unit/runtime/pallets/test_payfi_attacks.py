"""Attacks on payments, cards and disputes: no hook fails, and no account gets money of another."""

from __future__ import annotations

from contextlib import suppress

import pytest

from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import DispatchError, signed
from runtime.pallets.payfi import errors as payfi_errors
from runtime.pallets.payfi import events as payfi_events
from runtime.pallets.payfi.dispute_types import Resolution
from runtime.pallets.payfi.fees import fee_of, terms_of
from runtime.pallets.payfi.policies import DenyList, Policy
from runtime.pallets.payfi.types import Cause, PaymentState, Rates
from runtime.pallets.tier_staking import errors as tier_staking_errors
from support.payfi import ALICE, BOB, BTT_CODE, BUCKET, CAROL, CNY, DAY, KIOSK, SHOP
from support.payfi_disputes import ANSWER, Court
from support.runtime import refused
from support.tier_staking import ALICE as STAKER
from support.tier_staking import World


@pytest.fixture
def court() -> Court:
    return Court()


def test_a_merchant_that_closes_and_registers_anew_after_a_stall_stops_no_block() -> None:
    court = Court()
    # One batch a block: that of the second merchant is still due in the first block after a stall.
    court.payfi.limits = court.payfi.limits._replace(batches=1)
    payfi, payments = court.payfi, court.payfi.payments.payments
    ids = {court.pay(ALICE, merchant): merchant for merchant in (SHOP, KIOSK)}
    for merchant in (SHOP, KIOSK):
        payfi.close(signed(merchant))
    court.run(16 * DAY)
    (id,) = (id for id in ids if id in payments)
    merchant = ids[id]
    with suppress(DispatchError):  # the record went, and with it the number of its disputes
        payfi.close(signed(merchant))
    court.open(id)
    with suppress(DispatchError):
        court.register(merchant)
    before = court.money(ALICE)
    court.run(ANSWER)
    court.run(BUCKET)
    assert court.money(ALICE) == before + int(100 * BTT)
    assert court.deposit_of(ALICE) == 0
    payfi.close(signed(merchant))
    assert merchant not in payfi.merchants.merchants


@pytest.mark.parametrize(
    ("currency", "units"), [(BTT_CODE, 2), (BTT_CODE, int(99 * BTT)), (CNY, 5_000)]
)
def test_another_payment_does_not_use_up_the_reference_of_an_invoice(
    court: Court, currency: bytes, units: int
) -> None:
    # The reference stands in every invoice and QR code; 2 planck once made it useless.
    court.pay(BOB, SHOP, units, currency, reference=7)
    id = court.pay(ALICE, SHOP, int(100 * BTT), reference=7)
    assert court.state_of(id) is PaymentState.Pending
    with refused(court, payfi_errors.AlreadyPaid):
        court.pay(BOB, SHOP, int(100 * BTT), reference=7)
    references = court.payfi.payments.references
    assert references[SHOP, court.payment(id).invoice] == id
    court.run(16 * DAY)  # both records go, with both references
    court.run(1)
    assert not list(references.items())


def test_a_discount_for_one_payment_costs_a_stake_for_half_a_year() -> None:
    """P21: it is allowed, and it costs 10,000 BTT that stay locked."""
    world, gross = World(), int(1_000 * BTT)

    def fee() -> int:
        discount = world.staking.positions.discount_bps(STAKER)
        return int(fee_of(gross, terms_of(
            Rates(), plan=0, currency=BTT_CODE, volume=0, full=1, discount=discount
        )))  # fmt: skip

    whole = fee()
    with refused(world, tier_staking_errors.BelowMinimum):
        world.stake(STAKER, 9_999, 2)
    number = world.stake(STAKER, 10_000, 2)
    assert fee() == whole, "a payment in the block of the stake has no discount"
    for _ in range(179):
        world.wait(1)
        assert fee() == whole * 4 // 5
        with refused(world, tier_staking_errors.StillLocked):
            world.staking.unstake(signed(STAKER), number)
    world.wait(1)
    assert fee() == whole, "the discount ends before the stake can leave"
    world.staking.unstake(signed(STAKER), number)


def test_a_payment_keeps_the_discount_that_it_was_made_with(court: Court) -> None:
    court.people.discounts[SHOP] = 2_000
    with_discount = court.pay()
    court.people.discounts[SHOP] = 0
    without = court.pay()
    court.payfi.refund(signed(SHOP), with_discount, u128(50 * BTT))
    fees = [court.legs(id).fee for id in (with_discount, without)]
    assert fees == [50 * BTT * 64 // 10_000, 100 * BTT * 80 // 10_000]


def test_what_waits_for_a_merchant_is_out_of_reach_of_its_creditors(court: Court) -> None:
    """P8: a slash takes all that the account has, and not the payment that waits."""
    court.pay(ALICE, KIOSK)
    court.balances.fungible.burn_from(KIOSK, court.balances.reducible_balance(KIOSK))
    left = court.balances.free(KIOSK)
    court.settle_all()
    assert court.balances.free(KIOSK) - left == 100 * BTT - 100 * BTT * 80 // 10_000


def test_disputing_everything_costs_the_payer_and_ends_with_a_ban(court: Court) -> None:
    """P9: each refused dispute costs its deposit, which the merchant gets."""
    before = court.money(ALICE), court.money(SHOP)
    for _ in range(5):
        id = court.contested()
        court.judge(id, 0, 0)
    paid, fees = 5 * 100 * BTT, 5 * 100 * BTT * 80 // 10_000
    assert court.money(ALICE) == before[0] - paid - 5 * BTT
    assert court.money(SHOP) == before[1] + paid - fees + 5 * BTT
    assert court.payfi.volumes.lost_of(SHOP)[0] == 0
    court.payfi.set_own_policy(signed(SHOP), Policy(DenyList([ALICE])))
    with refused(court, payfi_errors.Denied):
        court.pay()


def test_a_merchant_that_takes_its_bond_back_by_a_dispute_with_itself_sells_no_more(
    court: Court,
) -> None:
    # Nothing was unpaid, so it once went on without a bond.
    court.people.judged.add(KIOSK)
    half = court.pay(CAROL, KIOSK, int(500 * BTT))
    rest = court.pay(CAROL, KIOSK, 2)
    court.settle_all()
    court.open(half, int(500 * BTT), payer=CAROL)
    court.accept(half, KIOSK)
    court.pay(BOB, KIOSK)  # half of the bond is left
    court.open(rest, 1, payer=CAROL)
    court.accept(rest, KIOSK)
    with refused(court, payfi_errors.NotActive):
        court.pay(BOB, KIOSK)
    assert payfi_events.Suspended(KIOSK, True, Cause.Bond) in court.announced()
    court.payfi.bond_extra(signed(KIOSK), u128(500 * BTT + 1))
    court.pay(BOB, KIOSK)


def test_a_merchant_that_vanishes_takes_no_more_than_its_limits(court: Court) -> None:
    """P10: the bond is paid out to the planck, and the first decision it cannot pay ends it."""
    ids = [court.pay(ALICE, KIOSK, int(1_000 * BTT)) for _ in range(10)]
    with refused(court, payfi_errors.OverLimit):
        court.pay(BOB, KIOSK, 2)
    court.settle_all()
    court.balances.transfer(KIOSK, CAROL, court.balances.reducible_balance(KIOSK))
    for id in ids:
        court.open(id, int(1_000 * BTT))
    court.run(ANSWER)
    outcomes = [court.outcome(id) for id in ids]
    assert {one.resolution for one in outcomes} == {Resolution.NoAnswer}
    assert sum(one.to_payer for one in outcomes) == 1_000 * BTT
    assert sum(one.unpaid for one in outcomes) == 9_000 * BTT
    assert court.bond(KIOSK) == 0
    assert court.deposit_of(ALICE) == 0
    with refused(court, payfi_errors.NotActive):
        court.pay(BOB, KIOSK)
