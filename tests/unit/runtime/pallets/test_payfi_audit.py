"""The audit of payments finds each planck that is wrong, and names the invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.pallets.payfi.types import Batch, MerchantActive, PaymentState, Queue, Volume
from support.payfi import ALICE, BOB, BUCKET, CNY, HOUR, SHOP, PayFiRuntime
from support.tampering import alter, shift

FIRST = u64(0)
Tamper = Callable[[PayFiRuntime], None]
"""Makes the state of payments wrong."""


@pytest.fixture
def runtime() -> PayFiRuntime:
    """A settled payment, and one that waits."""
    made = PayFiRuntime()
    made.pay(ALICE, SHOP, 5_000, CNY)
    made.run(HOUR + BUCKET)
    made.pay(BOB, SHOP, 5_000, CNY)
    return made


def findings(runtime: PayFiRuntime) -> list[str]:
    return sorted({one.invariant for one in payfi_findings(runtime.payfi, runtime.money(PAYFI))})


def first_with(**fields: object) -> Tamper:
    """Return a change of the first payment's record."""
    return lambda runtime: alter(runtime.payfi.payments.payments, FIRST, **fields)


def paid_later(ms: int) -> Tamper:
    """Return a change of the time at which the first payment was made."""
    return lambda runtime: shift(runtime.payfi.payments.payments, FIRST, paid_ms=ms)


def shop_with(**fields: object) -> Tamper:
    """Return a change of the record of a merchant."""
    return lambda runtime: alter(runtime.payfi.merchants.merchants, SHOP, **fields)


def lose_a_planck(runtime: PayFiRuntime) -> None:
    runtime.balances.transfer(PAYFI, ALICE, u128(1))


def count_a_payment_twice(runtime: PayFiRuntime) -> None:
    batches = runtime.payfi.settlement.batches
    for key, batch in batches.items():
        batches[key] = Batch(batch.legs, batch.count + 1)


def change_a_fee(runtime: PayFiRuntime) -> None:
    legs = runtime.legs(0)
    first_with(legs=replace(legs, burn=legs.burn + 1))(runtime)


def refund_too_much(runtime: PayFiRuntime) -> None:
    first_with(refunded=runtime.legs(0).gross + 1)(runtime)


def forget_a_reference(runtime: PayFiRuntime) -> None:
    references = runtime.payfi.payments.references
    payment = runtime.payment(0)
    del references[payment.merchant, payment.invoice]


def miscount_a_bucket(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.due_count[runtime.payment(1).bucket] = u32(2)


def lose_the_queue(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.queue.value = Queue()


def lose_a_volume(runtime: PayFiRuntime) -> None:
    del runtime.payfi.volumes.volumes[SHOP]


def invent_a_volume(runtime: PayFiRuntime) -> None:
    runtime.payfi.volumes.volumes[BOB] = Volume()


def reserve_more_than_the_bond(runtime: PayFiRuntime) -> None:
    bond = runtime.payfi.merchants.get(SHOP).bond
    shop_with(reserved=bond + 1, state=MerchantActive())(runtime)


TAMPERING: dict[str, tuple[Tamper, str]] = {
    "a planck lost": (lose_a_planck, "I30"),
    "a payment counted twice": (count_a_payment_twice, "I31"),
    "a fee changed": (change_a_fee, "I32"),
    "too much refunded": (refund_too_much, "I35"),
    "a reference forgotten": (forget_a_reference, "I32"),
    "returned with money": (first_with(state=PaymentState.Returned), "I32"),
    "settled late": (paid_later(-3_600_000), "I33"),
    "settled early": (paid_later(600_000), "I33"),
    "a bucket miscounted": (miscount_a_bucket, "I33"),
    "the queue lost": (lose_the_queue, "I33"),
    "a volume lost": (lose_a_volume, "I37"),
    "a volume made up": (invent_a_volume, "I37"),
    "a report paid for and not kept": (shop_with(plan=u8(1)), "I37"),
    "more reserved than the bond": (reserve_more_than_the_bond, "I35"),
}


def test_an_honest_state_has_no_findings(runtime: PayFiRuntime) -> None:
    assert findings(runtime) == []
    runtime.balances.transfer(ALICE, PAYFI, u128(7))  # a gift, which stays
    runtime.settle_all()
    assert findings(runtime) == []
    assert runtime.money(PAYFI) == 7


@pytest.mark.parametrize(("tamper", "broken"), TAMPERING.values(), ids=TAMPERING)
def test_what_was_tampered_with_is_found(
    runtime: PayFiRuntime, tamper: Tamper, broken: str
) -> None:
    tamper(runtime)
    assert findings(runtime) == [broken]


def test_a_bucket_with_more_than_it_settles_is_found(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.capacity = 0
    assert findings(runtime) == ["I33"]
