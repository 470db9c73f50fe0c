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
from runtime.pallets.payfi import PayFi, PaymentState, Rates
from runtime.pallets.payfi.calendar import BUCKETS_PER_HOUR
from runtime.pallets.payfi.policies import Policy, Shared
from runtime.pallets.payfi.settlement import PLACES
from runtime.pallets.payfi.types import Batch, Cause
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
    Mall,
    NoPrice,
)
from support.runtime import refused

BOND = 1_000 * BTT
NET = 123_062_500_000_000_000_000
"""125 BTT, which 50.00 CNY are at 0.40, less 1.55 %."""


@pytest.fixture
def mall() -> Mall:
    return Mall()


def whole(mall: Mall) -> int:
    """Return all money there is, burned money included."""
    accounts = (*PEOPLE, FOUNDATION, PAYFI, DEVELOPMENT_FUND, OPERATIONS, TREASURY)
    return sum(map(mall.money, accounts)) + mall.burned()


# ---- payments and their settlement


def test_a_payment_is_settled_after_an_hour_less_its_fee(mall: Mall) -> None:
    before, issued = mall.money(SHOP), mall.balances.total_issuance.value
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    assert mall.money(ALICE) == RICH - 125 * BTT
    assert mall.money(PAYFI) == 125 * BTT
    assert mall.state_of(id) is PaymentState.Pending
    mall.run(HOUR - 1)
    assert mall.money(SHOP) == before

    mall.run(BUCKET + 1)
    assert mall.money(SHOP) == before + NET
    assert mall.money(PAYFI) == 0
    assert mall.state_of(id) is PaymentState.Settled
    assert mall.burned() == 9_687_500_000_000_000
    assert mall.money(DEVELOPMENT_FUND) == 963_906_250_000_000_001
    assert mall.money(FOUNDATION) == REST + 642_604_166_666_666_666
    assert mall.money(OPERATIONS) == 321_302_083_333_333_333
    assert mall.balances.total_issuance.value == issued - mall.burned()


def test_payments_of_a_merchant_settle_in_one_transfer(mall: Mall) -> None:
    first, second = mall.pay(ALICE), mall.pay(BOB)
    bucket = mall.payment(first).bucket
    assert mall.payment(second).bucket == bucket
    assert mall.due(bucket) == 1
    batch = mall.payfi.settlement.batches[bucket, SHOP]
    paid_ms = mall.payment(second).paid_ms
    assert batch == Batch(mall.legs(first).plus(mall.legs(second)), u32(2), paid_ms)
    mall.host.events.clear()
    mall.run(HOUR + BUCKET)
    settled = [event for event in mall.announced() if isinstance(event, PayFi.Settled)]
    net, fee = batch.legs.net, batch.legs.fee
    assert settled == [PayFi.Settled(SHOP, bucket, u128(net), u128(fee), batch.legs.burn, u32(2))]
    assert mall.due(bucket) == 0
    assert (bucket, SHOP) not in mall.payfi.settlement.batches


def test_what_a_payment_says_is_announced(mall: Mall) -> None:
    id = mall.pay(ALICE, SHOP, 5_000, CNY, reference=7)
    payment = mall.payment(id)
    fee = u128(payment.legs.fee)
    assert mall.announced()[-1] == PayFi.Paid(
        id, ALICE, SHOP, payment.reference, 125 * BTT, fee, payment.bucket
    )
    assert payment.units == 5_000
    assert payment.legs.gross == 125 * BTT
    assert mall.payfi.payments.references[SHOP, payment.invoice] == id


def test_an_invoice_is_paid_once(mall: Mall) -> None:
    mall.pay(ALICE, SHOP, reference=1)
    with refused(mall, PayFi.AlreadyPaid):
        mall.pay(BOB, SHOP, reference=1)
    mall.pay(BOB, KIOSK, reference=1)  # another merchant's invoices are others
    mall.settle_all()
    with refused(mall, PayFi.AlreadyPaid):
        mall.pay(BOB, SHOP, reference=1)


def test_a_payment_needs_a_merchant_that_accepts_it(mall: Mall) -> None:
    with refused(mall, PayFi.NotMerchant):
        mall.pay(ALICE, BOB)
    mall.payfi.suspend(ROOT, Id(SHOP), True)
    with refused(mall, PayFi.NotActive):
        mall.pay(ALICE, SHOP)
    mall.payfi.suspend(ROOT, Id(SHOP), False)
    mall.pay(ALICE, SHOP)


def test_a_payment_needs_a_price(mall: Mall) -> None:
    del mall.feeds.prices[b"BTT/CNY"]
    with refused(mall, NoPrice):
        mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.pay(ALICE, SHOP)  # in BTT it needs none


def test_a_merchant_takes_its_own_currency_and_btt(mall: Mall) -> None:
    for currency in (EUR, b"XAU"):
        with refused(mall, PayFi.WrongCurrency):
            mall.pay(ALICE, SHOP, 5_000, currency)


def test_the_payer_names_the_most_it_pays(mall: Mall) -> None:
    with refused(mall, PayFi.TooDear):
        mall.pay(ALICE, SHOP, 5_000, CNY, max_btt=125 * BTT - 1)
    mall.pay(ALICE, SHOP, 5_000, CNY, max_btt=125 * BTT)


def test_amounts_that_no_number_holds_are_refused(mall: Mall) -> None:
    mall.feeds.prices[b"BTT/CNY"] = u128(1)
    with refused(mall, PayFi.TooDear):
        mall.pay(ALICE, SHOP, u128.MAX, CNY)
    with refused(mall, TokenError(TokenErrorKind.FundsUnavailable)):
        mall.pay(ALICE, SHOP, u128.MAX)


def test_two_planck_are_the_least(mall: Mall) -> None:
    for units in (0, 1):
        with refused(mall, PayFi.NothingLeft):
            mall.pay(ALICE, SHOP, units)
    assert mall.legs(mall.pay(ALICE, SHOP, 2)).net == 1


def test_a_payment_leaves_the_payers_account_alive(mall: Mall) -> None:
    with refused(mall, TokenError(TokenErrorKind.NotExpendable)):
        mall.pay(ALICE, SHOP, RICH)


# ---- the queue


def test_a_payment_settles_within_two_hours_at_any_second_of_a_bucket(mall: Mall) -> None:
    for offset in range(0, BUCKET, 7):
        mall.run(BUCKET - mall.time.slot % BUCKET + offset)
        id, paid = mall.pay(), mall.time.moment()
        bucket_ms = mall.payfi.calendar.bucket_ms
        settles = int(mall.payment(id).bucket) * bucket_ms
        assert paid + 6 * bucket_ms <= settles < paid + 7 * bucket_ms


def fill(mall: Mall, buckets: int) -> int:
    """Fill the first buckets that a payment may go into; return the first."""
    first = mall.payfi.calendar.first_bucket()
    for bucket in range(first, first + buckets):
        mall.payfi.settlement.due_count[u32(bucket)] = u32(mall.payfi.settlement.capacity)
    return first


def test_a_bucket_has_room_for_what_half_of_its_slots_settle(mall: Mall) -> None:
    assert mall.payfi.settlement.capacity == mall.payfi.limits.batches * BUCKET // 2
    first = fill(mall, PLACES - 1)
    assert mall.payment(mall.pay()).bucket == first + PLACES - 1


def test_a_full_queue_refuses_and_moves_no_money(mall: Mall) -> None:
    fill(mall, PLACES)
    with refused(mall, PayFi.SettlementBusy):
        mall.pay()


def test_the_last_bucket_of_a_payment_ends_two_hours_after_it() -> None:
    # an hour, rounding up to a bucket, further places, and the bucket itself
    assert BUCKETS_PER_HOUR + 1 + (PLACES - 1) + 1 == 2 * BUCKETS_PER_HOUR


def test_any_account_settles_a_batch_from_the_start_of_its_bucket(mall: Mall) -> None:
    bucket = mall.payment(mall.pay()).bucket
    mall.time.slot = int(bucket) * BUCKET - 1
    with refused(mall, PayFi.NotDue):
        mall.payfi.settle(signed(BOB), bucket, Id(SHOP))
    mall.time.slot += 1
    mall.payfi.settle(signed(BOB), bucket, Id(SHOP))
    assert mall.state_of(0) is PaymentState.Settled
    with refused(mall, PayFi.NotDue):
        mall.payfi.settle(signed(BOB), bucket, Id(SHOP))


def test_a_merchant_with_a_batch_needs_no_further_room(mall: Mall) -> None:
    id = mall.pay()
    fill(mall, PLACES)
    assert mall.payment(mall.pay()).bucket == mall.payment(id).bucket
    with refused(mall, PayFi.SettlementBusy):
        mall.pay(ALICE, KIOSK)


def test_any_account_settles_what_is_due(mall: Mall) -> None:
    id, before = mall.pay(ALICE, SHOP, 5_000, CNY), mall.money(SHOP)
    bucket = mall.payment(id).bucket
    settle = mall.payfi.settle
    mall.time.slot += HOUR - 1
    with refused(mall, PayFi.NotDue):
        settle(signed(CAROL), bucket, Id(SHOP))
    mall.time.slot += BUCKET + 1
    with refused(mall, PayFi.NotDue):
        settle(signed(CAROL), bucket, Id(KIOSK))
    with refused(mall, BadOrigin):
        settle(ROOT, bucket, Id(SHOP))
    settle(signed(CAROL), bucket, Id(SHOP))
    assert mall.money(SHOP) == before + NET
    with refused(mall, PayFi.NotDue):
        settle(signed(CAROL), bucket, Id(SHOP))
    mall.run(1)
    assert mall.money(SHOP) == before + NET
    assert mall.money(PAYFI) == 0


def test_a_long_stall_settles_everything_once_there_are_blocks(mall: Mall) -> None:
    before = mall.money(SHOP)
    mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.run(10 * HOUR)
    mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.run(1_000 * DAY)
    assert mall.money(SHOP) == before + 2 * NET


# ---- awkward accounts


def test_a_merchant_may_pay_itself(mall: Mall) -> None:
    before, all_of_it = mall.money(SHOP), whole(mall)
    id = mall.pay(SHOP, SHOP, 5_000, CNY)
    mall.settle_all()
    assert mall.money(SHOP) == before - mall.legs(id).fee
    assert whole(mall) == all_of_it


def test_a_merchant_under_a_lock_is_paid_in_full(mall: Mall) -> None:
    before = mall.money(SHOP)
    mall.balances.lockable_currency.set_lock(b"vesting ", SHOP, u128(2 * before), Reasons.All)
    mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.settle_all()
    assert mall.money(SHOP) == before + NET


def test_a_payer_that_is_gone_gets_its_money_back(mall: Mall) -> None:
    id = mall.pay(CAROL, SHOP)
    mall.balances.transfer(CAROL, ALICE, mall.balances.free(CAROL))
    assert mall.money(CAROL) == 0
    mall.payfi.refund(signed(SHOP), id, 100 * BTT)
    assert mall.money(CAROL) == 100 * BTT


def test_an_amount_that_creates_no_account_is_not_returned_to_a_payer_that_is_gone(
    mall: Mall,
) -> None:
    id = mall.pay(CAROL, SHOP)
    mall.balances.transfer(CAROL, ALICE, mall.balances.free(CAROL))
    with refused(mall, TokenError(TokenErrorKind.BelowMinimum)):
        mall.payfi.refund(signed(SHOP), id, u128(10))
    mall.payfi.settlement.give_back(CAROL, u128(10))  # what a dispute decided must not fail
    assert mall.money(TREASURY) == 10


def test_a_pool_account_is_no_merchant(mall: Mall) -> None:
    with refused(mall, TokenError(TokenErrorKind.Unsupported)):
        mall.register(DEVELOPMENT_FUND)


# ---- returns and refunds


def test_a_return_before_settlement_costs_no_fee(mall: Mall) -> None:
    before = mall.money(SHOP)
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.payfi.refund(signed(SHOP), id, 25 * BTT)
    assert mall.announced()[-1] == PayFi.Refunded(id, ALICE, SHOP, 25 * BTT, False)
    payment = mall.payment(id)
    assert (payment.legs.gross, payment.returned) == (100 * BTT, 25 * BTT)
    assert payment.legs.fee == int(BTT) * 155 // 100
    assert mall.money(PAYFI) == 100 * BTT
    mall.payfi.refund(signed(SHOP), id, 100 * BTT)
    assert mall.state_of(id) is PaymentState.Returned
    assert mall.money(ALICE) == RICH
    assert mall.money(PAYFI) == mall.due(int(payment.bucket)) == 0
    with refused(mall, PayFi.TooMuch):
        mall.payfi.refund(signed(SHOP), id, u128(1))
    mall.settle_all()
    assert mall.money(SHOP) == before
    assert mall.burned() == 0


def test_a_return_must_leave_nothing_or_enough_for_the_fee(mall: Mall) -> None:
    id = mall.pay(ALICE, SHOP, 3)
    with refused(mall, PayFi.NothingLeft):
        mall.payfi.refund(signed(SHOP), id, u128(2))
    mall.payfi.refund(signed(SHOP), id, u128(1))
    mall.payfi.refund(signed(SHOP), id, u128(2))


def test_a_refund_after_settlement_comes_from_the_merchant_and_brings_no_fee_back(
    mall: Mall,
) -> None:
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    mall.settle_all()
    before, burned = mall.money(SHOP), mall.burned()
    mall.payfi.refund(signed(SHOP), id, 125 * BTT)
    assert mall.announced()[-1] == PayFi.Refunded(id, ALICE, SHOP, 125 * BTT, True)
    assert mall.money(SHOP) == before - 125 * BTT
    assert mall.money(ALICE) == RICH
    assert mall.burned() == burned
    with refused(mall, PayFi.TooMuch):
        mall.payfi.refund(signed(SHOP), id, u128(1))


def test_a_refund_is_for_the_merchant_and_its_tills(mall: Mall) -> None:
    id = mall.pay()
    for who in (ALICE, KIOSK, TILL):
        with refused(mall, PayFi.NotYours):
            mall.payfi.refund(signed(who), id, BTT)
    mall.configure(SHOP, tills=[TILL])
    mall.payfi.refund(signed(TILL), id, BTT)
    with refused(mall, PayFi.NoPayment):
        mall.payfi.refund(signed(SHOP), u64(id + 1), BTT)
    with refused(mall, PayFi.TooMuch):
        mall.payfi.refund(signed(SHOP), id, u128(0))


def test_a_settled_payment_can_be_refunded_for_15_days(mall: Mall) -> None:
    id = mall.pay()
    mall.settle_all()
    paid = int(mall.payment(id).paid_ms) // 6_000
    mall.time.slot = paid + 15 * DAY - 1
    mall.payfi.refund(signed(SHOP), id, BTT)
    mall.time.slot += 1
    with refused(mall, PayFi.TooLate):
        mall.payfi.refund(signed(SHOP), id, BTT)


def test_a_disputed_payment_is_decided_by_its_dispute(mall: Mall) -> None:
    id = mall.pay()
    payment = mall.payment(id)
    payment.state = PaymentState.Disputed
    mall.payfi.payments.payments[id] = payment
    with refused(mall, PayFi.PaymentDisputed):
        mall.payfi.refund(signed(SHOP), id, BTT)


def test_records_are_removed_after_15_days_in_order(mall: Mall) -> None:
    ids = [mall.pay(ALICE, SHOP, reference=n) for n in range(3)]
    mall.settle_all()
    disputed = mall.payment(ids[1])
    mall.payfi.payments.payments[ids[1]] = replace(disputed, state=PaymentState.Disputed)
    mall.run(15 * DAY)
    assert ids[0] not in mall.payfi.payments.payments
    assert (SHOP, disputed.invoice) in mall.payfi.payments.references
    assert ids[2] in mall.payfi.payments.payments  # a dispute ends, and then it goes on
    mall.payfi.payments.payments[ids[1]] = replace(disputed, state=PaymentState.Settled)
    mall.run(1)
    assert not list(mall.payfi.payments.payments.items())
    assert not list(mall.payfi.payments.references.items())
    assert mall.payfi.payments.oldest_payment.value == 3


# ---- rates


def test_rates_are_set_within_the_corridor_and_leave_payments_as_they_are(mall: Mall) -> None:
    id = mall.pay(ALICE, SHOP, 5_000, CNY)
    legs = mall.legs(id)
    with refused(mall, PayFi.OutOfCorridor):
        mall.payfi.set_rates(ROOT, Rates(low=u16(49)))
    with refused(mall, BadOrigin):
        mall.payfi.set_rates(signed(ALICE), Rates())
    mall.payfi.set_rates(ROOT, Rates(high=u16(50), conversion=u16(0)))
    assert mall.announced()[-1] == PayFi.RatesSet(Rates(high=u16(50), conversion=u16(0)))
    assert mall.legs(id) == legs
    assert mall.legs(mall.pay(ALICE, SHOP, 5_000, CNY)).fee == int(125 * BTT) // 200


def test_a_discount_is_that_of_the_merchants_stake(mall: Mall) -> None:
    mall.people.discounts[SHOP] = 2_000
    assert mall.legs(mall.pay(ALICE, SHOP, 5_000, CNY)).fee == 1_550_000_000_000_000_000


def test_volume_lowers_the_rate(mall: Mall) -> None:
    assert mall.payment(mall.pay(ALICE, SHOP, 50_000 * BTT)).terms.standard == 80
    assert mall.payment(mall.pay()).terms.standard == 80  # not settled yet
    mall.settle_all()
    assert mall.payment(mall.pay()).terms.standard == 65
    mall.run(31 * DAY)
    assert mall.payment(mall.pay()).terms.standard == 80


def test_suspension_has_a_cause_that_only_its_remedy_lifts(mall: Mall) -> None:
    merchants = mall.payfi.merchants
    merchants.suspend(SHOP, Cause.Bond)
    mall.payfi.bond_extra(signed(SHOP), BTT)
    merchants.active(SHOP)
    merchants.suspend(SHOP, Cause.Bond)
    merchants.suspend(SHOP, Cause.Disputes)  # a bond lifts it no more
    mall.payfi.bond_extra(signed(SHOP), BTT)
    with refused(mall, PayFi.NotActive):
        mall.pay()
    with refused(mall, PayFi.NotMerchant):
        mall.payfi.suspend(ROOT, Id(BOB), True)
    with refused(mall, BadOrigin):
        mall.payfi.suspend(signed(SHOP), Id(SHOP), False)
    mall.payfi.suspend(ROOT, Id(SHOP), False)
    assert mall.announced()[-1] == PayFi.Suspended(SHOP, False, Cause.Disputes)
    mall.pay()


# ---- merchants


def test_a_merchant_has_a_bond_on_hold(mall: Mall) -> None:
    mall.register(CAROL)
    assert mall.bond(CAROL) == BOND
    assert mall.announced()[-1] == PayFi.Registered(CAROL, u16(5912), CNY, BOND)
    with refused(mall, PayFi.AlreadyMerchant):
        mall.register(CAROL)
    with refused(mall, PayFi.WrongCurrency):
        mall.register(TILL, currency=b"XAU")
    with refused(mall, PayFi.UnknownPlan):
        mall.register(TILL, plan=2)
    mall.payfi.bond_extra(signed(CAROL), 5 * BTT)
    assert mall.bond(CAROL) == BOND + 5 * BTT
    with refused(mall, PayFi.NotMerchant):
        mall.payfi.bond_extra(signed(BOB), BTT)


def test_a_configuration_is_replaced_as_a_whole(mall: Mall) -> None:
    mall.payfi.set_policy(ROOT, Shared(u16(3)), Policy())
    mall.configure(SHOP, currency=EUR, plan=1, policy=u16(3), tills=[TILL])
    record = mall.payfi.merchants.get(SHOP)
    assert (record.currency, record.plan, record.policy) == (EUR, 1, 3)
    assert (record.till_keys, record.meta, record.bond) == ([TILL], META, BOND)
    with refused(mall, PayFi.NotMerchant):
        mall.configure(BOB)
    with refused(mall, PayFi.UnknownPlan):
        mall.configure(SHOP, plan=4)


def test_a_bond_is_released_15_days_after_the_last_payment(mall: Mall) -> None:
    mall.configure(SHOP, plan=1)
    mall.people.judged.clear()  # payments count for the day of a merchant without a judgement
    mall.pay()
    mall.payfi.close(signed(SHOP))
    until = mall.time.moment() + 15 * DAY * 6_000
    assert mall.announced()[-1] == PayFi.Closing(SHOP, u64(until))
    with refused(mall, PayFi.NotActive):
        mall.pay()
    mall.settle_all()
    assert mall.money(PAYFI) == 0
    mall.time.slot = until // 6_000 - 1
    with refused(mall, PayFi.NotDue):
        mall.payfi.close(signed(SHOP))
    mall.time.slot += 1
    mall.payfi.close(signed(SHOP))
    assert mall.announced()[-1] == PayFi.Closed(SHOP, BOND)
    assert mall.bond(SHOP) == 0
    with refused(mall, PayFi.NotMerchant):
        mall.payfi.close(signed(SHOP))
    for item in (mall.payfi.volumes.volumes, mall.payfi.volumes.reports):
        assert SHOP not in item
    assert SHOP not in mall.payfi.merchants.allowances
    mall.register(SHOP)


def test_a_bond_stays_while_a_dispute_is_open(mall: Mall) -> None:
    merchants = mall.payfi.merchants
    assert merchants.open_dispute(SHOP, 400 * BTT) == 400 * BTT
    assert merchants.open_dispute(SHOP, 900 * BTT) == 600 * BTT
    assert merchants.free_bond(SHOP) == 0
    mall.payfi.close(signed(SHOP))
    mall.run(16 * DAY)
    with refused(mall, PayFi.NotDue):
        mall.payfi.close(signed(SHOP))
    merchants.close_dispute(SHOP, 400 * BTT, ALICE, 100 * BTT)
    merchants.close_dispute(SHOP, 600 * BTT, CAROL, u128(0))
    assert merchants.free_bond(SHOP) == mall.bond(SHOP) == 900 * BTT
    assert mall.money(ALICE) == RICH + 100 * BTT
    mall.payfi.close(signed(SHOP))
    assert mall.bond(SHOP) == merchants.free_bond(SHOP) == 0
    assert merchants.open_dispute(SHOP, BTT) == 0
    merchants.close_dispute(SHOP, u128(0), ALICE, u128(0))


def test_a_bond_pays_what_creates_no_account_to_the_treasury(mall: Mall) -> None:
    mall.payfi.merchants.open_dispute(SHOP, u128(5))
    gone = SHOP.__class__(b"\x66" * 32)
    mall.payfi.merchants.close_dispute(SHOP, u128(5), gone, u128(5))
    assert mall.money(TREASURY) == 5


def test_a_merchant_without_a_judged_identity_has_limits(mall: Mall) -> None:
    with refused(mall, PayFi.OverLimit):
        mall.pay(ALICE, KIOSK, 1_000 * BTT + 1)
    for _ in range(10):
        mall.pay(ALICE, KIOSK, 1_000 * BTT)
    with refused(mall, PayFi.OverLimit):
        mall.pay(ALICE, KIOSK, 2)
    mall.run(DAY)
    mall.pay(ALICE, KIOSK, 1_000 * BTT)
    mall.people.judged.add(KIOSK)
    mall.pay(ALICE, KIOSK, 20_000 * BTT)


# ---- volumes and reports


def test_volume_is_settled_gross_less_refunds_of_30_days(mall: Mall) -> None:
    volumes = mall.payfi.volumes
    ids = []
    for _ in range(32):
        ids.append(mall.pay(ALICE, SHOP, 10 * BTT))
        mall.run(DAY)
    # Settled on 31 days after today's has begun; the ring has today and 29 before.
    assert volumes.volume(SHOP) == 30 * 10 * BTT
    mall.payfi.refund(signed(SHOP), ids[-2], 4 * BTT)
    assert volumes.volume(SHOP) == 296 * BTT
    mall.run(29 * DAY)
    assert volumes.volume(SHOP) == 6 * BTT
    mall.run(DAY)
    assert volumes.volume(SHOP) == 0
    assert volumes.volume(BOB) == 0


def test_a_return_before_settlement_is_no_volume(mall: Mall) -> None:
    id = mall.pay(ALICE, SHOP, 10 * BTT)
    mall.payfi.refund(signed(SHOP), id, 4 * BTT)
    mall.settle_all()
    assert mall.payfi.volumes.volume(SHOP) == 6 * BTT


@pytest.mark.parametrize("days", [30, 31, 45, 59, 60, 400])
def test_a_volume_ends_after_30_days_without_business(mall: Mall, days: int) -> None:
    for _ in range(30):
        mall.pay()
        mall.settle_all()
        mall.run(DAY)
    assert mall.payfi.volumes.volume(SHOP) > 2_000 * BTT
    mall.run(days * DAY)
    assert mall.payfi.volumes.volume(SHOP) == 0


def test_a_refund_that_outlives_its_payment_in_the_ring_is_no_debt(mall: Mall) -> None:
    id = mall.pay()
    mall.settle_all()
    mall.run(14 * DAY)
    mall.payfi.refund(signed(SHOP), id, u128(100 * BTT))
    mall.run(20 * DAY)
    assert mall.payfi.volumes.volume(SHOP) == 0
    assert mall.payment(mall.pay()).terms.standard == 80


def test_the_analytics_plan_keeps_a_report_of_each_day(mall: Mall) -> None:
    volumes = mall.payfi.volumes
    assert volumes.report(SHOP) is None
    mall.configure(SHOP, plan=1)
    ids = [mall.pay(ALICE, SHOP, 10 * BTT) for _ in range(3)]
    mall.payfi.refund(signed(SHOP), ids[0], 10 * BTT)
    mall.run(DAY)
    mall.payfi.refund(signed(SHOP), ids[1], BTT)
    volumes.disputed(SHOP)
    volumes.lost(SHOP)
    today = volumes.report(SHOP)
    assert today is not None
    day = today.days[0]
    assert (day.payments, day.gross, day.fees) == (2, 20 * BTT, 2 * mall.legs(ids[1]).fee)
    assert mall.legs(ids[1]).fee == int(10 * BTT) * 105 // 10_000
    assert (day.refunds, day.refunded, day.disputes, day.lost) == (1, BTT, 1, 1)
    before = today.days[1]
    assert (before.returns, before.returned) == (1, 10 * BTT)
    assert volumes.lost_of(SHOP) == (1, 2)
    mall.run(40 * DAY)
    late = volumes.report(SHOP)
    assert late is not None
    assert len(late.days) == 30
    assert not any(day.gross for day in late.days)
    mall.configure(SHOP)
    assert volumes.report(SHOP) is None
    volumes.returned(SHOP, u128(1))  # nothing is counted without the plan
    volumes.disputed(SHOP)
    assert volumes.report(SHOP) is None
