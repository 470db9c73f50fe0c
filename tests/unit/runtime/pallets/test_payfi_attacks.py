"""Attacks on payments, cards and disputes: no hook fails, and no account gets money of another."""

from __future__ import annotations

from contextlib import suppress

import pytest

from runtime.constants import BTT
from runtime.frame import DispatchError, signed
from runtime.pallets.payfi import PayFi, PaymentState, Terms
from support.payfi import ALICE, BOB, BTT_CODE, BUCKET, CNY, DAY, KIOSK, SHOP
from support.payfi_disputes import ANSWER, Court
from support.runtime import refused


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
    with refused(court, PayFi.AlreadyPaid):
        court.pay(BOB, SHOP, int(100 * BTT), reference=7)
    references = court.payfi.payments.references
    assert references[SHOP, court.payment(id).invoice] == id
    court.run(16 * DAY)  # both records go, with both references
    court.run(1)
    assert not list(references.items())


def test_a_discount_for_one_payment_costs_a_stake_that_stays_locked(court: Court) -> None:
    # P21: it is allowed. The saving of a payment at the limit of the discount is a fifth of its
    # fee, and the stake it needs is worth more than that for its whole term.
    whole = int(court.payfi.payments.legs(int(1_000 * BTT), terms_of(court, 0)).fee)
    less = int(court.payfi.payments.legs(int(1_000 * BTT), terms_of(court, 2_000)).fee)
    assert whole - less == whole // 5


def terms_of(court: Court, discount: int) -> Terms:
    court.people.discounts[SHOP] = discount
    return court.payfi.payments.terms(SHOP, court.payfi.merchants.get(SHOP), BTT_CODE)
