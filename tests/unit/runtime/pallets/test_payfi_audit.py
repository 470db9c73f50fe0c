"""The audit of payments finds each planck that is wrong, and names the invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import PAYFI
from runtime.audits.payfi import payfi_findings
from runtime.pallets.payfi import Batch, Payment, PaymentState, Queue, Volume
from runtime.pallets.payfi.types import MerchantActive
from support.payfi import ALICE, BOB, BUCKET, CNY, HOUR, SHOP, Mall

FIRST = u64(0)


@pytest.fixture
def mall() -> Mall:
    """A settled payment, and one that waits."""
    made = Mall()
    made.pay(ALICE, SHOP, 5_000, CNY)
    made.run(HOUR + BUCKET)
    made.pay(BOB, SHOP, 5_000, CNY)
    return made


def findings(mall: Mall) -> list[str]:
    return sorted({one.invariant for one in payfi_findings(mall.payfi, mall.money(PAYFI))})


def change(mall: Mall, how: Callable[[Payment], Payment]) -> None:
    """Replace the record of the first payment."""
    payments = mall.payfi.payments.payments
    payments[FIRST] = how(payments[FIRST])


def lose_a_planck(mall: Mall) -> None:
    mall.balances.transfer(PAYFI, ALICE, u128(1))


def count_a_payment_twice(mall: Mall) -> None:
    batches = mall.payfi.settlement.batches
    for key, batch in batches.items():
        batches[key] = Batch(batch.legs, batch.count + 1)


def change_a_fee(mall: Mall) -> None:
    legs = mall.legs(0)
    change(mall, lambda one: replace(one, legs=replace(legs, burn=legs.burn + 1)))


def refund_too_much(mall: Mall) -> None:
    change(mall, lambda one: replace(one, refunded=mall.legs(0).gross + 1))


def forget_a_reference(mall: Mall) -> None:
    references = mall.payfi.payments.references
    payment = mall.payment(0)
    del references[payment.merchant, payment.invoice]


def return_a_payment_with_money(mall: Mall) -> None:
    change(mall, lambda one: replace(one, state=PaymentState.Returned))


def settle_late(mall: Mall) -> None:
    change(mall, lambda one: replace(one, paid_ms=u64(int(mall.payment(0).paid_ms) - 3_600_000)))


def settle_early(mall: Mall) -> None:
    change(mall, lambda one: replace(one, paid_ms=u64(int(mall.payment(0).paid_ms) + 600_000)))


def miscount_a_bucket(mall: Mall) -> None:
    mall.payfi.settlement.due_count[mall.payment(1).bucket] = u32(2)


def lose_the_queue(mall: Mall) -> None:
    mall.payfi.settlement.queue.value = Queue()


def lose_a_volume(mall: Mall) -> None:
    del mall.payfi.volumes.volumes[SHOP]


def invent_a_volume(mall: Mall) -> None:
    mall.payfi.volumes.volumes[BOB] = Volume()


def pay_for_a_report_that_is_not_kept(mall: Mall) -> None:
    record = mall.payfi.merchants.get(SHOP)
    record.plan = u8(1)
    mall.payfi.merchants.merchants[SHOP] = record


def reserve_more_than_the_bond(mall: Mall) -> None:
    record = mall.payfi.merchants.get(SHOP)
    record.reserved, record.state = record.bond + 1, MerchantActive()
    mall.payfi.merchants.merchants[SHOP] = record


def test_an_honest_state_has_no_findings(mall: Mall) -> None:
    assert findings(mall) == []
    mall.balances.transfer(ALICE, PAYFI, u128(7))  # a gift, which stays
    mall.settle_all()
    assert findings(mall) == []
    assert mall.money(PAYFI) == 7


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
    mall: Mall, tamper: Callable[[Mall], None], found: list[str]
) -> None:
    tamper(mall)
    assert findings(mall) == found


def test_a_bucket_with_more_than_it_settles_is_found(mall: Mall) -> None:
    mall.payfi.settlement.capacity = 0
    assert findings(mall) == ["I33"]
