"""A payment costs the payer the gross, and pays the merchant the net one to two hours later.

* P1, one invoice paid twice: `test_an_invoice_is_paid_once`
* P4, the queue filled to delay a rival: `test_a_full_queue_refuses_and_moves_no_money`,
  `test_a_merchant_with_a_batch_needs_no_further_room`
* P7, prices: `test_a_payment_needs_a_price`, `test_the_payer_names_the_most_it_pays`
* P8, awkward accounts: `test_a_payer_that_is_gone_gets_its_money_back`,
  `test_a_merchant_under_a_lock_is_paid_in_full`, `test_a_merchant_may_pay_itself`,
  `test_a_pool_account_is_no_merchant`
* P20, the clocks of refunds and of removal: `test_a_settled_payment_can_be_refunded_for_15_days`
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.account import Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, PAYFI, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, TokenError, TokenErrorKind, signed
from runtime.frame.traits import Reasons
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.calendar import BUCKETS_PER_HOUR
from runtime.pallets.payfi.policies import Policy, Shared
from runtime.pallets.payfi.settlement import PLACES
from runtime.pallets.payfi.types import Batch, Cause, PaymentState, Rates
from support.payfi import (
    ALICE,
    BOB,
    BUCKET,
    CAROL,
    CNY,
    DAY,
    EUR,
    FOUNDATION,
    HOUR,
    KIOSK,
    META,
    PEOPLE,
    REST,
    RICH,
    SHOP,
    TILL,
    NoPrice,
    PayFiRuntime,
)
from support.runtime import refused

BOND = 1_000 * BTT
NET = 123_062_500_000_000_000_000
"""125 BTT, which 50.00 CNY are at 0.40, less 1.55 %."""


@pytest.fixture
def runtime() -> PayFiRuntime:
    return PayFiRuntime()


def whole(runtime: PayFiRuntime) -> int:
    """Return all money there is, burned money included."""
    accounts = (*PEOPLE, FOUNDATION, PAYFI, DEVELOPMENT_FUND, OPERATIONS, TREASURY)
    return sum(map(runtime.money, accounts)) + runtime.burned()


# ---- payments and their settlement


def test_a_payment_is_settled_after_an_hour_less_its_fee(runtime: PayFiRuntime) -> None:
    before, issued = runtime.money(SHOP), runtime.balances.total_issuance.value
    id = runtime.pay(ALICE, SHOP, 5_000, CNY)
    assert runtime.money(ALICE) == RICH - 125 * BTT
    assert runtime.money(PAYFI) == 125 * BTT
    assert runtime.state_of(id) is PaymentState.Pending
    runtime.run(HOUR - 1)
    assert runtime.money(SHOP) == before

    runtime.run(BUCKET + 1)
    assert runtime.money(SHOP) == before + NET
    assert runtime.money(PAYFI) == 0
    assert runtime.state_of(id) is PaymentState.Settled
    assert runtime.burned() == 9_687_500_000_000_000
    assert runtime.money(DEVELOPMENT_FUND) == 963_906_250_000_000_001
    assert runtime.money(FOUNDATION) == REST + 642_604_166_666_666_666
    assert runtime.money(OPERATIONS) == 321_302_083_333_333_333
    assert runtime.balances.total_issuance.value == issued - runtime.burned()


def test_payments_of_a_merchant_settle_in_one_transfer(runtime: PayFiRuntime) -> None:
    first, second = runtime.pay(ALICE), runtime.pay(BOB)
    bucket = runtime.payment(first).bucket
    assert runtime.payment(second).bucket == bucket
    assert runtime.due(bucket) == 1
    batch = runtime.payfi.settlement.batches[bucket, SHOP]
    paid_ms = runtime.payment(second).paid_ms
    assert batch == Batch(runtime.legs(first).plus(runtime.legs(second)), u32(2), paid_ms)
    runtime.host.events.clear()
    runtime.run(HOUR + BUCKET)
    settled = [event for event in runtime.announced() if isinstance(event, events.Settled)]
    net, fee = batch.legs.net, batch.legs.fee
    assert settled == [events.Settled(SHOP, bucket, u128(net), u128(fee), batch.legs.burn, u32(2))]
    assert runtime.due(bucket) == 0
    assert (bucket, SHOP) not in runtime.payfi.settlement.batches


def test_what_a_payment_says_is_announced(runtime: PayFiRuntime) -> None:
    id = runtime.pay(ALICE, SHOP, 5_000, CNY, reference=7)
    payment = runtime.payment(id)
    fee = u128(payment.legs.fee)
    assert runtime.announced()[-1] == events.Paid(
        id, ALICE, SHOP, payment.reference, 125 * BTT, fee, payment.bucket
    )
    assert payment.units == 5_000
    assert payment.legs.gross == 125 * BTT
    assert runtime.payfi.payments.references[SHOP, payment.invoice] == id


def test_an_invoice_is_paid_once(runtime: PayFiRuntime) -> None:
    runtime.pay(ALICE, SHOP, reference=1)
    with refused(runtime, errors.AlreadyPaid):
        runtime.pay(BOB, SHOP, reference=1)
    runtime.pay(BOB, KIOSK, reference=1)  # another merchant's invoices are others
    runtime.settle_all()
    with refused(runtime, errors.AlreadyPaid):
        runtime.pay(BOB, SHOP, reference=1)


def test_a_payment_needs_a_merchant_that_accepts_it(runtime: PayFiRuntime) -> None:
    with refused(runtime, errors.NotMerchant):
        runtime.pay(ALICE, BOB)
    runtime.payfi.suspend(ROOT, Id(SHOP), True)
    with refused(runtime, errors.NotActive):
        runtime.pay(ALICE, SHOP)
    runtime.payfi.suspend(ROOT, Id(SHOP), False)
    runtime.pay(ALICE, SHOP)


def test_a_payment_needs_a_price(runtime: PayFiRuntime) -> None:
    del runtime.feeds.prices[b"BTT/CNY"]
    with refused(runtime, NoPrice):
        runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.pay(ALICE, SHOP)  # in BTT it needs none


def test_a_merchant_takes_its_own_currency_and_btt(runtime: PayFiRuntime) -> None:
    for currency in (EUR, b"XAU"):
        with refused(runtime, errors.WrongCurrency):
            runtime.pay(ALICE, SHOP, 5_000, currency)


def test_the_payer_names_the_most_it_pays(runtime: PayFiRuntime) -> None:
    with refused(runtime, errors.TooDear):
        runtime.pay(ALICE, SHOP, 5_000, CNY, max_btt=125 * BTT - 1)
    runtime.pay(ALICE, SHOP, 5_000, CNY, max_btt=125 * BTT)


def test_amounts_that_no_number_holds_are_refused(runtime: PayFiRuntime) -> None:
    runtime.feeds.prices[b"BTT/CNY"] = u128(1)
    with refused(runtime, errors.TooDear):
        runtime.pay(ALICE, SHOP, u128.MAX, CNY)
    with refused(runtime, TokenError(TokenErrorKind.FundsUnavailable)):
        runtime.pay(ALICE, SHOP, u128.MAX)


def test_two_planck_are_the_least(runtime: PayFiRuntime) -> None:
    for units in (0, 1):
        with refused(runtime, errors.NothingLeft):
            runtime.pay(ALICE, SHOP, units)
    assert runtime.legs(runtime.pay(ALICE, SHOP, 2)).net == 1


def test_a_payment_leaves_the_payers_account_alive(runtime: PayFiRuntime) -> None:
    with refused(runtime, TokenError(TokenErrorKind.NotExpendable)):
        runtime.pay(ALICE, SHOP, RICH)


# ---- the queue


def test_a_payment_settles_within_two_hours_at_any_second_of_a_bucket(
    runtime: PayFiRuntime,
) -> None:
    for offset in range(0, BUCKET, 7):
        runtime.run(BUCKET - runtime.time.slot % BUCKET + offset)
        id, paid = runtime.pay(), runtime.time.moment()
        bucket_ms = runtime.payfi.calendar.bucket_ms
        settles = int(runtime.payment(id).bucket) * bucket_ms
        assert paid + 6 * bucket_ms <= settles < paid + 7 * bucket_ms


def fill(runtime: PayFiRuntime, buckets: int) -> int:
    """Fill the first buckets that a payment may go into; return the first."""
    first = runtime.payfi.calendar.first_bucket()
    for bucket in range(first, first + buckets):
        runtime.payfi.settlement.due_count[u32(bucket)] = u32(runtime.payfi.settlement.capacity)
    return first


def test_a_bucket_has_room_for_what_half_of_its_slots_settle(runtime: PayFiRuntime) -> None:
    assert runtime.payfi.settlement.capacity == runtime.payfi.limits.batches * BUCKET // 2
    first = fill(runtime, PLACES - 1)
    assert runtime.payment(runtime.pay()).bucket == first + PLACES - 1


def test_a_full_queue_refuses_and_moves_no_money(runtime: PayFiRuntime) -> None:
    fill(runtime, PLACES)
    with refused(runtime, errors.SettlementBusy):
        runtime.pay()


def test_the_last_bucket_of_a_payment_ends_two_hours_after_it() -> None:
    # an hour, rounding up to a bucket, further places, and the bucket itself
    assert BUCKETS_PER_HOUR + 1 + (PLACES - 1) + 1 == 2 * BUCKETS_PER_HOUR


def test_a_merchant_with_a_batch_needs_no_further_room(runtime: PayFiRuntime) -> None:
    id = runtime.pay()
    fill(runtime, PLACES)
    assert runtime.payment(runtime.pay()).bucket == runtime.payment(id).bucket
    with refused(runtime, errors.SettlementBusy):
        runtime.pay(ALICE, KIOSK)


def test_any_account_settles_a_batch_from_the_start_of_its_bucket(runtime: PayFiRuntime) -> None:
    id, before = runtime.pay(ALICE, SHOP, 5_000, CNY), runtime.money(SHOP)
    bucket = runtime.payment(id).bucket
    settle = runtime.payfi.settle
    runtime.time.slot = int(bucket) * BUCKET - 1
    with refused(runtime, errors.NotDue):
        settle(signed(CAROL), bucket, Id(SHOP))
    runtime.time.slot += 1
    with refused(runtime, errors.NotDue):
        settle(signed(CAROL), bucket, Id(KIOSK))
    with refused(runtime, BadOrigin):
        settle(ROOT, bucket, Id(SHOP))
    settle(signed(CAROL), bucket, Id(SHOP))
    assert runtime.money(SHOP) == before + NET
    with refused(runtime, errors.NotDue):
        settle(signed(CAROL), bucket, Id(SHOP))
    runtime.run(1)
    assert runtime.money(SHOP) == before + NET
    assert runtime.money(PAYFI) == 0


def test_a_long_stall_settles_everything_once_there_are_blocks(runtime: PayFiRuntime) -> None:
    before = runtime.money(SHOP)
    runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.run(10 * HOUR)
    runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.run(1_000 * DAY)
    assert runtime.money(SHOP) == before + 2 * NET


# ---- awkward accounts


def test_a_merchant_may_pay_itself(runtime: PayFiRuntime) -> None:
    before, all_of_it = runtime.money(SHOP), whole(runtime)
    id = runtime.pay(SHOP, SHOP, 5_000, CNY)
    runtime.settle_all()
    assert runtime.money(SHOP) == before - runtime.legs(id).fee
    assert whole(runtime) == all_of_it


def test_a_merchant_under_a_lock_is_paid_in_full(runtime: PayFiRuntime) -> None:
    before = runtime.money(SHOP)
    runtime.balances.lockable_currency.set_lock(b"vesting ", SHOP, u128(2 * before), Reasons.All)
    runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.settle_all()
    assert runtime.money(SHOP) == before + NET


def test_a_payer_that_is_gone_gets_its_money_back(runtime: PayFiRuntime) -> None:
    id = runtime.pay(CAROL, SHOP)
    runtime.balances.transfer(CAROL, ALICE, runtime.balances.free(CAROL))
    assert runtime.money(CAROL) == 0
    runtime.payfi.refund(signed(SHOP), id, 100 * BTT)
    assert runtime.money(CAROL) == 100 * BTT


def test_an_amount_that_creates_no_account_is_not_returned_to_a_payer_that_is_gone(
    runtime: PayFiRuntime,
) -> None:
    id = runtime.pay(CAROL, SHOP)
    runtime.balances.transfer(CAROL, ALICE, runtime.balances.free(CAROL))
    with refused(runtime, TokenError(TokenErrorKind.BelowMinimum)):
        runtime.payfi.refund(signed(SHOP), id, u128(10))
    runtime.payfi.settlement.give_back(CAROL, u128(10))  # what a dispute decided must not fail
    assert runtime.money(TREASURY) == 10


def test_a_pool_account_is_no_merchant(runtime: PayFiRuntime) -> None:
    with refused(runtime, TokenError(TokenErrorKind.Unsupported)):
        runtime.register(DEVELOPMENT_FUND)


# ---- returns and refunds


def test_a_return_before_settlement_costs_no_fee(runtime: PayFiRuntime) -> None:
    before = runtime.money(SHOP)
    id = runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.payfi.refund(signed(SHOP), id, 25 * BTT)
    assert runtime.announced()[-1] == events.Refunded(id, ALICE, SHOP, 25 * BTT, False)
    payment = runtime.payment(id)
    assert (payment.legs.gross, payment.returned) == (100 * BTT, 25 * BTT)
    assert payment.legs.fee == int(BTT) * 155 // 100
    assert runtime.money(PAYFI) == 100 * BTT
    runtime.payfi.refund(signed(SHOP), id, 100 * BTT)
    assert runtime.state_of(id) is PaymentState.Returned
    assert runtime.money(ALICE) == RICH
    assert runtime.money(PAYFI) == runtime.due(int(payment.bucket)) == 0
    with refused(runtime, errors.TooMuch):
        runtime.payfi.refund(signed(SHOP), id, u128(1))
    runtime.settle_all()
    assert runtime.money(SHOP) == before
    assert runtime.burned() == 0


def test_a_return_must_leave_nothing_or_enough_for_the_fee(runtime: PayFiRuntime) -> None:
    id = runtime.pay(ALICE, SHOP, 3)
    with refused(runtime, errors.NothingLeft):
        runtime.payfi.refund(signed(SHOP), id, u128(2))
    runtime.payfi.refund(signed(SHOP), id, u128(1))
    runtime.payfi.refund(signed(SHOP), id, u128(2))


def test_a_refund_after_settlement_comes_from_the_merchant_and_brings_no_fee_back(
    runtime: PayFiRuntime,
) -> None:
    id = runtime.pay(ALICE, SHOP, 5_000, CNY)
    runtime.settle_all()
    before, burned = runtime.money(SHOP), runtime.burned()
    runtime.payfi.refund(signed(SHOP), id, 125 * BTT)
    assert runtime.announced()[-1] == events.Refunded(id, ALICE, SHOP, 125 * BTT, True)
    assert runtime.money(SHOP) == before - 125 * BTT
    assert runtime.money(ALICE) == RICH
    assert runtime.burned() == burned
    with refused(runtime, errors.TooMuch):
        runtime.payfi.refund(signed(SHOP), id, u128(1))


def test_a_refund_is_for_the_merchant_and_its_tills(runtime: PayFiRuntime) -> None:
    id = runtime.pay()
    for who in (ALICE, KIOSK, TILL):
        with refused(runtime, errors.NotYours):
            runtime.payfi.refund(signed(who), id, BTT)
    runtime.configure(SHOP, tills=[TILL])
    runtime.payfi.refund(signed(TILL), id, BTT)
    with refused(runtime, errors.NoPayment):
        runtime.payfi.refund(signed(SHOP), u64(id + 1), BTT)
    with refused(runtime, errors.TooMuch):
        runtime.payfi.refund(signed(SHOP), id, u128(0))


def test_a_settled_payment_can_be_refunded_for_15_days(runtime: PayFiRuntime) -> None:
    id = runtime.pay()
    runtime.settle_all()
    paid = int(runtime.payment(id).paid_ms) // 6_000
    runtime.time.slot = paid + 15 * DAY - 1
    runtime.payfi.refund(signed(SHOP), id, BTT)
    runtime.time.slot += 1
    with refused(runtime, errors.TooLate):
        runtime.payfi.refund(signed(SHOP), id, BTT)


def test_a_disputed_payment_is_decided_by_its_dispute(runtime: PayFiRuntime) -> None:
    id = runtime.pay()
    payment = runtime.payment(id)
    payment.state = PaymentState.Disputed
    runtime.payfi.payments.payments[id] = payment
    with refused(runtime, errors.PaymentDisputed):
        runtime.payfi.refund(signed(SHOP), id, BTT)


def test_records_are_removed_after_15_days_in_order(runtime: PayFiRuntime) -> None:
    ids = [runtime.pay(ALICE, SHOP, reference=n) for n in range(3)]
    runtime.settle_all()
    disputed = runtime.payment(ids[1])
    runtime.payfi.payments.payments[ids[1]] = replace(disputed, state=PaymentState.Disputed)
    runtime.run(15 * DAY)
    assert ids[0] not in runtime.payfi.payments.payments
    assert (SHOP, disputed.invoice) in runtime.payfi.payments.references
    assert ids[2] in runtime.payfi.payments.payments  # a dispute ends, and then it goes on
    runtime.payfi.payments.payments[ids[1]] = replace(disputed, state=PaymentState.Settled)
    runtime.run(1)
    assert not list(runtime.payfi.payments.payments.items())
    assert not list(runtime.payfi.payments.references.items())
    assert runtime.payfi.payments.oldest_payment.value == 3


# ---- rates


def test_rates_are_set_within_the_corridor_and_leave_payments_as_they_are(
    runtime: PayFiRuntime,
) -> None:
    id = runtime.pay(ALICE, SHOP, 5_000, CNY)
    legs = runtime.legs(id)
    with refused(runtime, errors.OutOfCorridor):
        runtime.payfi.set_rates(ROOT, Rates(low=u16(49)))
    with refused(runtime, BadOrigin):
        runtime.payfi.set_rates(signed(ALICE), Rates())
    runtime.payfi.set_rates(ROOT, Rates(high=u16(50), conversion=u16(0)))
    assert runtime.announced()[-1] == events.RatesSet(Rates(high=u16(50), conversion=u16(0)))
    assert runtime.legs(id) == legs
    assert runtime.legs(runtime.pay(ALICE, SHOP, 5_000, CNY)).fee == int(125 * BTT) // 200


def test_a_discount_is_that_of_the_merchants_stake(runtime: PayFiRuntime) -> None:
    runtime.people.discounts[SHOP] = 2_000
    assert runtime.legs(runtime.pay(ALICE, SHOP, 5_000, CNY)).fee == 1_550_000_000_000_000_000


def test_volume_lowers_the_rate(runtime: PayFiRuntime) -> None:
    assert runtime.payment(runtime.pay(ALICE, SHOP, 50_000 * BTT)).terms.standard == 80
    assert runtime.payment(runtime.pay()).terms.standard == 80  # not settled yet
    runtime.settle_all()
    assert runtime.payment(runtime.pay()).terms.standard == 65
    runtime.run(31 * DAY)
    assert runtime.payment(runtime.pay()).terms.standard == 80


def test_suspension_has_a_cause_that_only_its_remedy_lifts(runtime: PayFiRuntime) -> None:
    merchants = runtime.payfi.merchants
    merchants.suspend(SHOP, Cause.Bond)
    runtime.payfi.bond_extra(signed(SHOP), BTT)
    merchants.active(SHOP)
    merchants.suspend(SHOP, Cause.Bond)
    merchants.suspend(SHOP, Cause.Disputes)  # a bond lifts it no more
    runtime.payfi.bond_extra(signed(SHOP), BTT)
    with refused(runtime, errors.NotActive):
        runtime.pay()
    with refused(runtime, errors.NotMerchant):
        runtime.payfi.suspend(ROOT, Id(BOB), True)
    with refused(runtime, BadOrigin):
        runtime.payfi.suspend(signed(SHOP), Id(SHOP), False)
    runtime.payfi.suspend(ROOT, Id(SHOP), False)
    assert runtime.announced()[-1] == events.Suspended(SHOP, False, Cause.Disputes)
    runtime.pay()


# ---- merchants


def test_a_merchant_has_a_bond_on_hold(runtime: PayFiRuntime) -> None:
    runtime.register(CAROL)
    assert runtime.bond(CAROL) == BOND
    assert runtime.announced()[-1] == events.Registered(CAROL, u16(5912), CNY, BOND)
    with refused(runtime, errors.AlreadyMerchant):
        runtime.register(CAROL)
    with refused(runtime, errors.WrongCurrency):
        runtime.register(TILL, currency=b"XAU")
    with refused(runtime, errors.UnknownPlan):
        runtime.register(TILL, plan=2)
    runtime.payfi.bond_extra(signed(CAROL), 5 * BTT)
    assert runtime.bond(CAROL) == BOND + 5 * BTT
    with refused(runtime, errors.NotMerchant):
        runtime.payfi.bond_extra(signed(BOB), BTT)


def test_a_configuration_is_replaced_as_a_whole(runtime: PayFiRuntime) -> None:
    runtime.payfi.set_policy(ROOT, Shared(u16(3)), Policy())
    runtime.configure(SHOP, currency=EUR, plan=1, policy=u16(3), tills=[TILL])
    record = runtime.payfi.merchants.get(SHOP)
    assert (record.currency, record.plan, record.policy) == (EUR, 1, 3)
    assert (record.till_keys, record.meta, record.bond) == ([TILL], META, BOND)
    with refused(runtime, errors.NotMerchant):
        runtime.configure(BOB)
    with refused(runtime, errors.UnknownPlan):
        runtime.configure(SHOP, plan=4)


def test_a_bond_is_released_15_days_after_the_last_payment(runtime: PayFiRuntime) -> None:
    runtime.configure(SHOP, plan=1)
    runtime.people.judged.clear()  # payments count for the day of a merchant without a judgement
    runtime.pay()
    runtime.payfi.close(signed(SHOP))
    until = runtime.time.moment() + 15 * DAY * 6_000
    assert runtime.announced()[-1] == events.Closing(SHOP, u64(until))
    with refused(runtime, errors.NotActive):
        runtime.pay()
    runtime.settle_all()
    assert runtime.money(PAYFI) == 0
    runtime.time.slot = until // 6_000 - 1
    with refused(runtime, errors.NotDue):
        runtime.payfi.close(signed(SHOP))
    runtime.time.slot += 1
    runtime.payfi.close(signed(SHOP))
    assert runtime.announced()[-1] == events.Closed(SHOP, BOND)
    assert runtime.bond(SHOP) == 0
    with refused(runtime, errors.NotMerchant):
        runtime.payfi.close(signed(SHOP))
    for item in (runtime.payfi.volumes.volumes, runtime.payfi.volumes.reports):
        assert SHOP not in item
    assert SHOP not in runtime.payfi.merchants.allowances
    runtime.register(SHOP)


def test_a_bond_stays_while_a_dispute_is_open(runtime: PayFiRuntime) -> None:
    merchants = runtime.payfi.merchants
    assert merchants.open_dispute(SHOP, 400 * BTT) == 400 * BTT
    assert merchants.open_dispute(SHOP, 900 * BTT) == 600 * BTT
    assert merchants.free_bond(SHOP) == 0
    runtime.payfi.close(signed(SHOP))
    runtime.run(16 * DAY)
    with refused(runtime, errors.NotDue):
        runtime.payfi.close(signed(SHOP))
    merchants.close_dispute(SHOP, 400 * BTT, ALICE, 100 * BTT)
    merchants.close_dispute(SHOP, 600 * BTT, CAROL, u128(0))
    assert merchants.free_bond(SHOP) == runtime.bond(SHOP) == 900 * BTT
    assert runtime.money(ALICE) == RICH + 100 * BTT
    runtime.payfi.close(signed(SHOP))
    assert runtime.bond(SHOP) == merchants.free_bond(SHOP) == 0
    assert merchants.open_dispute(SHOP, BTT) == 0
    merchants.close_dispute(SHOP, u128(0), ALICE, u128(0))


def test_a_bond_pays_what_creates_no_account_to_the_treasury(runtime: PayFiRuntime) -> None:
    runtime.payfi.merchants.open_dispute(SHOP, u128(5))
    gone = SHOP.__class__(b"\x66" * 32)
    runtime.payfi.merchants.close_dispute(SHOP, u128(5), gone, u128(5))
    assert runtime.money(TREASURY) == 5


def test_a_merchant_without_a_judged_identity_has_limits(runtime: PayFiRuntime) -> None:
    with refused(runtime, errors.OverLimit):
        runtime.pay(ALICE, KIOSK, 1_000 * BTT + 1)
    for _ in range(10):
        runtime.pay(ALICE, KIOSK, 1_000 * BTT)
    with refused(runtime, errors.OverLimit):
        runtime.pay(ALICE, KIOSK, 2)
    runtime.run(DAY)
    runtime.pay(ALICE, KIOSK, 1_000 * BTT)
    runtime.people.judged.add(KIOSK)
    runtime.pay(ALICE, KIOSK, 20_000 * BTT)


# ---- volumes and reports


def test_volume_is_settled_gross_less_refunds_of_30_days(runtime: PayFiRuntime) -> None:
    volumes = runtime.payfi.volumes
    ids = []
    for _ in range(32):
        ids.append(runtime.pay(ALICE, SHOP, 10 * BTT))
        runtime.run(DAY)
    # Settled on 31 days after today's has begun; the ring has today and 29 before.
    assert volumes.volume(SHOP) == 30 * 10 * BTT
    runtime.payfi.refund(signed(SHOP), ids[-2], 4 * BTT)
    assert volumes.volume(SHOP) == 296 * BTT
    runtime.run(29 * DAY)
    assert volumes.volume(SHOP) == 6 * BTT
    runtime.run(DAY)
    assert volumes.volume(SHOP) == 0
    assert volumes.volume(BOB) == 0


def test_a_return_before_settlement_is_no_volume(runtime: PayFiRuntime) -> None:
    id = runtime.pay(ALICE, SHOP, 10 * BTT)
    runtime.payfi.refund(signed(SHOP), id, 4 * BTT)
    runtime.settle_all()
    assert runtime.payfi.volumes.volume(SHOP) == 6 * BTT


@pytest.mark.parametrize("days", [30, 31, 45, 59, 60, 400])
def test_a_volume_ends_after_30_days_without_business(runtime: PayFiRuntime, days: int) -> None:
    for _ in range(30):
        runtime.pay()
        runtime.settle_all()
        runtime.run(DAY)
    assert runtime.payfi.volumes.volume(SHOP) > 2_000 * BTT
    runtime.run(days * DAY)
    assert runtime.payfi.volumes.volume(SHOP) == 0


def test_a_refund_that_outlives_its_payment_in_the_ring_is_no_debt(runtime: PayFiRuntime) -> None:
    id = runtime.pay()
    runtime.settle_all()
    runtime.run(14 * DAY)
    runtime.payfi.refund(signed(SHOP), id, u128(100 * BTT))
    runtime.run(20 * DAY)
    assert runtime.payfi.volumes.volume(SHOP) == 0
    assert runtime.payment(runtime.pay()).terms.standard == 80


def test_the_analytics_plan_keeps_a_report_of_each_day(runtime: PayFiRuntime) -> None:
    volumes = runtime.payfi.volumes
    assert volumes.report(SHOP) is None
    runtime.configure(SHOP, plan=1)
    ids = [runtime.pay(ALICE, SHOP, 10 * BTT) for _ in range(3)]
    runtime.payfi.refund(signed(SHOP), ids[0], 10 * BTT)
    runtime.run(DAY)
    runtime.payfi.refund(signed(SHOP), ids[1], BTT)
    volumes.disputed(SHOP)
    volumes.lost(SHOP)
    today = volumes.report(SHOP)
    assert today is not None
    day = today.days[0]
    assert (day.payments, day.gross, day.fees) == (2, 20 * BTT, 2 * runtime.legs(ids[1]).fee)
    assert runtime.legs(ids[1]).fee == int(10 * BTT) * 105 // 10_000
    assert (day.refunds, day.refunded, day.disputes, day.lost) == (1, BTT, 1, 1)
    before = today.days[1]
    assert (before.returns, before.returned) == (1, 10 * BTT)
    assert volumes.lost_of(SHOP) == (1, 2)
    runtime.run(40 * DAY)
    late = volumes.report(SHOP)
    assert late is not None
    assert len(late.days) == 30
    assert not any(day.gross for day in late.days)
    runtime.configure(SHOP)
    assert volumes.report(SHOP) is None
    volumes.returned(SHOP, u128(1))  # nothing is counted without the plan
    volumes.disputed(SHOP)
    assert volumes.report(SHOP) is None
