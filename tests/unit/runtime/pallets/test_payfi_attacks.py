"""Attacks on payments, cards and disputes: no hook fails, and no account gets money of another."""

from __future__ import annotations

from contextlib import suppress

import pytest

from runtime.constants import BTT
from runtime.frame import DispatchError, signed
from runtime.pallets.payfi import settlement
from support.payfi import ALICE, BUCKET, DAY, KIOSK, SHOP
from support.payfi_disputes import ANSWER, Court


@pytest.fixture
def court() -> Court:
    return Court()


def test_a_merchant_that_closes_and_registers_anew_after_a_stall_stops_no_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One batch a block: that of the second merchant is still due in the first block after a stall.
    monkeypatch.setattr(settlement, "MAX_SETTLED", 1)
    court = Court()
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
