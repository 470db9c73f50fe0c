"""The audit of payments finds each planck that is wrong, and names the invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.pallets.payfi.types import Batch, MerchantActive, Payment, PaymentState, Queue, Volume
from support.payfi import ALICE, BOB, BUCKET, CNY, HOUR, SHOP, PayFiRuntime

FIRST = u64(0)


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


def change(runtime: PayFiRuntime, how: Callable[[Payment], Payment]) -> None:
    """Replace the record of the first payment."""
    payments = runtime.payfi.payments.payments
    payments[FIRST] = how(payments[FIRST])


def lose_a_planck(runtime: PayFiRuntime) -> None:
    runtime.balances.transfer(PAYFI, ALICE, u128(1))


def count_a_payment_twice(runtime: PayFiRuntime) -> None:
    batches = runtime.payfi.settlement.batches
    for key, batch in batches.items():
        batches[key] = Batch(batch.legs, batch.count + 1)


def change_a_fee(runtime: PayFiRuntime) -> None:
    legs = runtime.legs(0)
    change(runtime, lambda one: replace(one, legs=replace(legs, burn=legs.burn + 1)))


def refund_too_much(runtime: PayFiRuntime) -> None:
    change(runtime, lambda one: replace(one, refunded=runtime.legs(0).gross + 1))


def forget_a_reference(runtime: PayFiRuntime) -> None:
    references = runtime.payfi.payments.references
    payment = runtime.payment(0)
    del references[payment.merchant, payment.invoice]


def return_a_payment_with_money(runtime: PayFiRuntime) -> None:
    change(runtime, lambda one: replace(one, state=PaymentState.Returned))


def settle_late(runtime: PayFiRuntime) -> None:
    change(
        runtime, lambda one: replace(one, paid_ms=u64(int(runtime.payment(0).paid_ms) - 3_600_000))
    )


def settle_early(runtime: PayFiRuntime) -> None:
    change(
        runtime, lambda one: replace(one, paid_ms=u64(int(runtime.payment(0).paid_ms) + 600_000))
    )


def miscount_a_bucket(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.due_count[runtime.payment(1).bucket] = u32(2)


def lose_the_queue(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.queue.value = Queue()


def lose_a_volume(runtime: PayFiRuntime) -> None:
    del runtime.payfi.volumes.volumes[SHOP]


def invent_a_volume(runtime: PayFiRuntime) -> None:
    runtime.payfi.volumes.volumes[BOB] = Volume()


def pay_for_a_report_that_is_not_kept(runtime: PayFiRuntime) -> None:
    record = runtime.payfi.merchants.get(SHOP)
    record.plan = u8(1)
    runtime.payfi.merchants.merchants[SHOP] = record


def reserve_more_than_the_bond(runtime: PayFiRuntime) -> None:
    record = runtime.payfi.merchants.get(SHOP)
    record.reserved, record.state = record.bond + 1, MerchantActive()
    runtime.payfi.merchants.merchants[SHOP] = record


def test_an_honest_state_has_no_findings(runtime: PayFiRuntime) -> None:
    assert findings(runtime) == []
    runtime.balances.transfer(ALICE, PAYFI, u128(7))  # a gift, which stays
    runtime.settle_all()
    assert findings(runtime) == []
    assert runtime.money(PAYFI) == 7


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lose_a_planck, ["I30"]),
        (count_a_payment_twice, ["I31"]),
        (change_a_fee, ["I32"]),
        (refund_too_much, ["I35"]),
        (forget_a_reference, ["I32"]),
        (return_a_payment_with_money, ["I32"]),
        (settle_late, ["I33"]),
        (settle_early, ["I33"]),
        (miscount_a_bucket, ["I33"]),
        (lose_the_queue, ["I33"]),
        (lose_a_volume, ["I37"]),
        (invent_a_volume, ["I37"]),
        (pay_for_a_report_that_is_not_kept, ["I37"]),
        (reserve_more_than_the_bond, ["I35"]),
    ],
)
def test_what_was_tampered_with_is_found(
    runtime: PayFiRuntime, tamper: Callable[[PayFiRuntime], None], found: list[str]
) -> None:
    tamper(runtime)
    assert findings(runtime) == found


def test_a_bucket_with_more_than_it_settles_is_found(runtime: PayFiRuntime) -> None:
    runtime.payfi.settlement.capacity = 0
    assert findings(runtime) == ["I33"]
