"""The hooks of payments: bounded by a part of a block, and still in time."""

from __future__ import annotations

import itertools
import random

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import PAYFI
from runtime.constants import BTT
from runtime.limits import NORMAL_PERCENT, PAYMENT_HOOKS_PERCENT, block_weights, payment_hooks
from runtime.pallets.payfi import events, weights
from runtime.pallets.payfi.hook_limits import IDLE, PRUNE_COSTS, end_weight, hook_limits
from runtime.pallets.payfi.settlement import Place
from runtime.pallets.payfi.types import Legs, PaymentState
from support.payfi import ALICE, BUCKET, DAY, SHOP, START, PayFiRuntime, Time
from support.tiers import amount

SLOTS = (500, 1_000, 2_000, 6_000, 12_000)
RATE = 400
"""Payments a second that the chain makes final."""


def shop(number: int) -> AccountId:
    return SHOP.__class__(b"\x77" + number.to_bytes(31, "big"))


@pytest.fixture
def runtime() -> PayFiRuntime:
    return PayFiRuntime()


# ---- the limits


@pytest.mark.parametrize("slot_ms", SLOTS)
def test_the_worst_hooks_take_their_part_of_a_block_at_any_length_of_a_slot(slot_ms: int) -> None:
    room = int(payment_hooks(slot_ms).ref_time)
    limits = hook_limits(room)
    worst = (
        IDLE
        + weights.settle_due(limits.batches)
        + end_weight(limits.disputes)
        + weights.void_expired(limits.holds)
        + weights.end_retired(limits.cards)
        + weights.prune(0, 0)
    )
    assert 0.9 * room < worst <= room
    assert min(limits) >= 2
    block = block_weights(slot_ms)
    most, base = int(block.max_block.ref_time), int(block.base_block.ref_time)
    assert room <= most * PAYMENT_HOOKS_PERCENT // 100
    # What remains is all that normal transactions may use, but for the opening of short blocks.
    assert NORMAL_PERCENT + PAYMENT_HOOKS_PERCENT <= 95
    assert slot_ms < 1_000 or most - room - base >= most * NORMAL_PERCENT // 100


@pytest.mark.parametrize("slot_ms", SLOTS)
def test_a_quiet_block_removes_more_records_than_the_bar_adds(slot_ms: int) -> None:
    room = int(payment_hooks(slot_ms).ref_time) - IDLE
    assert room // PRUNE_COSTS.payment >= RATE * slot_ms / 1_000


def test_hooks_without_room_still_make_one_step() -> None:
    assert min(hook_limits(0)) == 1


# ---- the steps


def test_a_block_settles_a_bounded_number_of_batches_the_oldest_first(
    runtime: PayFiRuntime,
) -> None:
    settlement, limit = runtime.payfi.settlement, 20
    legs = Legs(u128(10**18))
    shops = [shop(number) for number in range(limit + 5)]
    early = runtime.payfi.calendar.first_bucket()
    for who in shops:
        settlement.join(Place(u32(early), None), who, legs, u64(0))
    settlement.join(Place(u32(early + 1), None), SHOP, legs, u64(0))
    runtime.balances.transfer(ALICE, PAYFI, u128((len(shops) + 1) * 10**18))
    runtime.time.slot = (early + 2) * BUCKET
    assert settlement.settle_due(limit) == limit
    assert runtime.due(early) == 5
    assert settlement.is_pending(u32(early + 1), SHOP)
    assert settlement.settle_due(limit) == 6
    assert settlement.settle_due(limit) == 0
    assert runtime.money(PAYFI) == 0
    assert all(runtime.money(who) == 10**18 for who in shops)


def test_a_block_removes_records_as_far_as_the_other_steps_leave_room(
    runtime: PayFiRuntime,
) -> None:
    for _ in range(8):
        runtime.pay()
    runtime.run(DAY)
    payments, forget = runtime.payfi.payments, runtime.payfi.disputes.forget
    runtime.time.slot += 15 * DAY
    assert payments.prune(forget, 3 * PRUNE_COSTS.payment) == (3, 0)
    assert payments.prune(forget, PRUNE_COSTS.payment - 1) == (0, 0)
    assert payments.oldest_payment.value == 3
    runtime.run(1)
    assert payments.oldest_payment.value == 8


def test_a_disputed_record_needs_the_room_of_its_dispute(runtime: PayFiRuntime) -> None:
    first, _ = runtime.pay(), runtime.pay()
    runtime.run(DAY)
    payments, forgotten = runtime.payfi.payments, list[u64]()
    record = runtime.payment(first)
    record.disputed, record.state = True, PaymentState.Settled
    payments.payments[first] = record
    runtime.time.slot += 15 * DAY
    assert payments.prune(forgotten.append, PRUNE_COSTS.disputed - 1) == (0, 0)
    assert forgotten == []
    both = PRUNE_COSTS.disputed + PRUNE_COSTS.payment
    assert payments.prune(forgotten.append, both) == (1, 1)
    assert forgotten == [first]


def test_hooks_are_charged_with_what_they_do(runtime: PayFiRuntime) -> None:
    assert runtime.payfi.on_initialize(0) == IDLE
    bucket = runtime.payment(runtime.pay()).bucket
    runtime.time.slot = int(bucket) * BUCKET
    assert runtime.payfi.on_initialize(0) == IDLE + weights.settle_due(1)
    runtime.time.slot += 16 * DAY
    assert runtime.payfi.on_initialize(0) == IDLE + weights.prune(1, 0)


# ---- the promise


class ShortTime(Time):
    """Slots of half a second."""

    def moment(self) -> int:
        return self.slot * ShortPayFiRuntime.slot_ms


class ShortPayFiRuntime(PayFiRuntime):
    """A chain with slots of half a second, and hours of a minute."""

    slot_ms, hour_ms = 500, 60_000
    hook_weight = payment_hooks(500)
    time_kind = ShortTime


@pytest.mark.hypothesis
def test_at_the_load_of_the_bar_each_payment_settles_in_one_to_two_hours() -> None:
    runtime, rng = ShortPayFiRuntime(), random.Random(14)
    settlement, calendar = runtime.payfi.settlement, runtime.payfi.calendar
    shops = [shop(number) for number in range(4 * settlement.capacity)]
    runtime.balances.transfer(ALICE, PAYFI, u128(1_000 * BTT))
    legs = Legs(u128(10**15))
    paid: dict[tuple[u32, AccountId], list[int]] = {}
    made, settled, minutes = 0, 0, amount(90, 180)
    for pair in itertools.count(START // 2):
        # One slot of two has a block, which takes the payments of both.
        runtime.time.slot = 2 * pair + rng.randrange(2)
        now = runtime.time.moment()
        runtime.host.events.clear()
        assert runtime.payfi.on_initialize(0) <= int(runtime.hook_weight.ref_time)
        for event in runtime.announced():
            if isinstance(event, events.Settled):
                for moment in paid.pop((event.bucket, event.merchant)):
                    settled += 1
                    assert calendar.hour_ms <= now - moment <= 2 * calendar.hour_ms
        for _ in range(RATE if made < minutes * RATE else 0):
            who = rng.choice(shops)
            place = settlement.place(who, calendar.first_bucket())
            settlement.join(place, who, legs, u64(now))
            paid.setdefault((place.bucket, who), []).append(now)
            made += 1
        if not paid:
            break
    assert settled == made == minutes * RATE
    assert runtime.payfi.settlement.queue.value.first > runtime.payfi.settlement.queue.value.last
