"""Fees: worked out, taken, given back, shared; and the multiplier that moves them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal, getcontext
from fractions import Fraction
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import FixedU128
from btt_chain.primitives.extrinsic import bare, opaque, unwrap
from btt_chain.scale import codec, u8, u16, u32, u64, u128
from btt_chain.txpool import TransactionInvalid
from runtime.block_weights import BASE_EXTRINSIC
from runtime.constants import BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    Call,
    DispatchClass,
    DispatchInfo,
    PostInfo,
    TokenError,
    Weight,
    signed,
)
from runtime.pallets.balances import events as balances_events
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.system.pallet import System
from runtime.pallets.transaction_payment.pallet import (
    FLOOR,
    ONE,
    FeeDetails,
    RuntimeDispatchInfo,
    TransactionPayment,
    next_multiplier,
)
from runtime.pallets.utility.pallet import Utility
from runtime.schedules import VestingInfo
from support.chain import ALICE, BOB, CHARLIE, START, DevChain, account, address

A = TypeVar("A")

getcontext().prec = 80
V = Fraction(75, 10**6)
QUARTER = Fraction(1, 4)


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


def pay(chain: DevChain, amount: int) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


def u32_bytes(number: int) -> bytes:
    return number.to_bytes(4, "little")


def paid(events: Sequence[object]) -> TransactionPayment.TransactionFeePaid:
    kind = TransactionPayment.TransactionFeePaid
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


# ---- the multiplier


def exact(multiplier: int, used: int, capacity: int) -> Fraction:
    """The slow adjustment, without rounding."""
    distance = Fraction(min(used, capacity), capacity) - QUARTER
    change = V * distance + (V * distance) ** 2 / 2
    return max(Fraction(ONE), multiplier * (1 + change))


@given(
    multiplier=st.integers(ONE, 10**6 * ONE),
    used=st.integers(0, 2 * 10**12),
    capacity=st.integers(1, 10**12),
)
def test_the_multiplier_follows_the_formula(multiplier: int, used: int, capacity: int) -> None:
    got = next_multiplier(multiplier, used, capacity)
    want = exact(multiplier, used, capacity)
    # Each of the few divisions rounds by less than one unit of 1e-18 of the change.
    assert abs(got - want) <= 3 * Fraction(multiplier, ONE) + 1


@given(multiplier=st.integers(ONE, u128.MAX), share=st.fractions(0, 1))
def test_the_multiplier_is_never_below_one(multiplier: int, share: Fraction) -> None:
    capacity = 10**12
    after = next_multiplier(multiplier, int(capacity * share), capacity)
    assert ONE <= after <= u128.MAX


def test_full_blocks_for_a_day_raise_fees_by_the_compound_step() -> None:
    blocks = 14_400
    multiplier = ONE
    for _ in range(blocks):
        multiplier = next_multiplier(multiplier, 1_000, 1_000)
    step = Decimal(75) / 10**6 * 3 / 4
    want = (1 + step + step**2 / 2) ** blocks
    assert abs(Decimal(multiplier) / ONE - want) < Decimal("1e-12")
    assert Decimal("2.2") < want < Decimal("2.3")


def test_the_multiplier_lasts_in_the_state_and_empty_blocks_bring_it_down(chain: DevChain) -> None:
    overlay = chain.client.overlay(chain.client.best().hash)
    runtime = chain.runtime
    runtime.enter(overlay)
    fees = runtime.fees
    fees.next_fee_multiplier.value = FixedU128(2 * ONE)
    fees.on_finalize(1)
    assert int(fees.next_fee_multiplier.value) == next_multiplier(2 * ONE, 0, 1)
    limit = runtime.system.block_weights.per_class.normal.max_total
    assert limit is not None
    runtime.host.weights[DispatchClass.Normal] = int(limit.ref_time)
    fees.on_finalize(2)
    assert fees.next_fee_multiplier.value > next_multiplier(2 * ONE, 0, 1)


# ---- the fee


def test_a_fee_is_base_and_bytes_and_weight_times_the_multiplier(chain: DevChain) -> None:
    fees = chain.at().fees
    info = DispatchInfo(40_000_000)
    parts = fees.inclusion_fee(info, 143)
    assert parts is not None
    assert (parts.base_fee, parts.len_fee) == (BASE_EXTRINSIC * 10**6, 143 * 10**12)
    assert parts.adjusted_weight_fee == 40_000_000 * 10**6
    fees.next_fee_multiplier.value = FixedU128(ONE * 3 // 2)
    dearer = fees.inclusion_fee(info, 143)
    assert dearer is not None
    assert dearer.adjusted_weight_fee == 60_000_000 * 10**6
    assert (dearer.base_fee, dearer.len_fee) == (parts.base_fee, 143 * 15 * 10**11)
    assert fees.length_to_fee(143) == parts.len_fee, "as in Substrate: before the multiplier"


def test_the_multiplier_rises_while_blocks_are_full_by_length_alone(chain: DevChain) -> None:
    fees = chain.at().fees
    most = int(fees.system.block_length.max.normal)
    host = fees.host
    for length, is_dearer in ((most // 5, False), (most // 2, True), (most, True)):
        host.length, host.weights = length, [0, 0, 0]
        fees.next_fee_multiplier.value = FixedU128(2 * ONE)
        fees.on_finalize(1)
        assert (int(fees.next_fee_multiplier.value) > 2 * ONE) == is_dearer
        assert int(fees.next_fee_multiplier.value) == next_multiplier(2 * ONE, length, most)


FULL = DevChain()


@given(length=st.integers(0, 5 << 20), weight=st.integers(0, 3 * 10**12))
def test_the_multiplier_follows_the_fuller_of_weight_and_length(length: int, weight: int) -> None:
    fees = FULL.at().fees
    limit = fees.system.block_weights.per_class.normal.max_total
    assert limit is not None
    room, most = int(limit.ref_time), int(fees.system.block_length.max.normal)
    fees.host.length, fees.host.weights = length, [weight, 0, 0]
    fees.next_fee_multiplier.value = FixedU128(3 * ONE)
    fees.on_finalize(1)
    assert int(fees.next_fee_multiplier.value) == max(
        next_multiplier(3 * ONE, length, most), next_multiplier(3 * ONE, weight, room)
    )


def test_blocks_filled_with_remarks_raise_what_bytes_cost(chain: DevChain) -> None:
    remark = chain.call("System", "remark", remark=bytes(900_000))
    for _ in range(2):
        before = chain.at().fees.bytes_fee(10**6)
        for pair in (BOB, CHARLIE):
            chain.send(pair, remark)
        chain.seal()
        assert chain.at().fees.bytes_fee(10**6) > before
    chain.seal()
    dear = chain.at().fees.bytes_fee(10**6)
    chain.seal()
    assert chain.at().fees.bytes_fee(10**6) < dear


def test_an_author_pays_the_whole_price_for_bytes_of_its_own(chain: DevChain) -> None:
    wire = chain.sign(ALICE, chain.call("System", "remark", remark=bytes(10**6)))
    before = int(chain.account(ALICE).data.free)
    chain.pool.submit(wire)
    chain.seal()
    per_byte, runtime = len(wire) * 10**12, chain.at()
    assert before - int(runtime.balances.free(account(ALICE))) >= per_byte
    assert runtime.balances.free(runtime.fees.development_fund) >= per_byte


@pytest.mark.parametrize("price", [10**11, 3 * 10**13, 10**14])
def test_the_price_of_a_byte_is_set_by_a_decision_within_its_bounds(
    chain: DevChain, price: int
) -> None:
    call = chain.call("TransactionPayment", "set_byte_price", price=u128(price))
    events = chain.run(ALICE, chain.call("Sudo", "sudo", call=call))
    assert TransactionPayment.BytePriceSet(u128(price)) in events
    wire = chain.sign(BOB, pay(chain, 1))
    parts = chain.at().fees.inclusion_fee(DispatchInfo(5), len(wire))
    assert parts is not None
    assert parts.len_fee == len(wire) * price
    estimate = estimated(chain, wire)
    for _ in range(2):  # the second one by what is remembered of the first
        assert paid(chain.run(BOB, pay(chain, 1))).actual_fee == estimate


@pytest.mark.parametrize("price", [0, 10**11 - 1, 10**14 + 1, u128.MAX])
def test_a_price_of_a_byte_out_of_its_bounds_is_refused(chain: DevChain, price: int) -> None:
    fees = chain.at().fees
    with pytest.raises(TransactionPayment.BytePriceOutOfBounds):
        fees.set_byte_price(ROOT, u128(price))
    with pytest.raises(BadOrigin):
        fees.set_byte_price(signed(account(BOB)), u128(10**12))
    assert fees.byte_price.value == 10**12


def estimated(chain: DevChain, wire: bytes) -> int:
    asked = wire + u32_bytes(len(wire))
    raw = chain.client.call(chain.client.best().hash, "TransactionPaymentApi_query_info", asked)
    return int(codec(RuntimeDispatchInfo).decode_all(raw).partial_fee)


def test_a_transfer_costs_less_than_a_thousandth(chain: DevChain) -> None:
    fee = int(paid(chain.run(BOB, pay(chain, 1))).actual_fee)
    assert 10**14 <= fee <= 10**15


@given(weight=st.integers(0, 10**12), used=st.integers(0, 2 * 10**12), tip=st.integers(0, 10**20))
def test_a_refund_never_costs_and_never_pays(weight: int, used: int, tip: int) -> None:
    fees = FEES
    info = DispatchInfo(weight)
    declared = fees.fee(info, 100, u128(tip))
    actual = fees.fee(info, 100, u128(tip), PostInfo(weight=used))
    assert tip <= actual <= declared
    assert declared - actual == max(0, weight - used) * 10**6


def test_who_pays_no_fee_still_pays_the_tip(chain: DevChain) -> None:
    fees = chain.at().fees
    assert fees.fee(DispatchInfo(5, pays=False), 100, u128(7)) == 7
    assert fees.fee(DispatchInfo(5), 100, u128(7), PostInfo(pays=False)) == 7
    assert fees.inclusion_fee(DispatchInfo(5, pays=False), 100) is None


CHAIN = DevChain()
FEES = CHAIN.at().fees


# ---- priority


@given(tip=st.integers(0, 10**30), length=st.integers(0, 10**7), weight=st.integers(0, 10**13))
def test_a_higher_tip_is_never_less_urgent(tip: int, length: int, weight: int) -> None:
    low = FEES.priority(DispatchInfo(weight), length, u128(tip), u128(0))
    high = FEES.priority(DispatchInfo(weight), length, u128(tip + 1), u128(0))
    assert low <= high <= u64.MAX


def test_a_smaller_transaction_is_more_urgent_at_the_same_tip() -> None:
    def priority(length: int, weight: int) -> int:
        return int(FEES.priority(DispatchInfo(weight), length, u128(10), u128(0)))

    assert priority(100, 10**8) > priority(200_000, 10**8)
    assert priority(100, 10**8) > priority(100, 10**11)


def test_every_tip_that_an_account_may_give_makes_more_urgent() -> None:
    def priority(tip: int) -> int:
        return int(FEES.priority(DispatchInfo(2_000_000), 110, u128(tip), u128(0)))

    tips = (0, 10**10, 10**14, 10**15, 10**16, 10**18, 5 * 10**18, 10**21, 10**24)
    priorities = [priority(tip) for tip in tips]
    assert priorities == sorted(set(priorities))
    assert priorities[-1] < u64.MAX


def test_an_operational_transaction_goes_before_ordinary_ones() -> None:
    ordinary = DispatchInfo(10**8)
    operational = DispatchInfo(10**8, DispatchClass.Operational)
    fee = u128(10**14)
    assert FEES.priority(operational, 100, u128(0), fee) > FEES.priority(
        ordinary, 100, u128(4 * 10**14), fee
    )


# ---- who gets it


def test_the_estimate_is_the_fee_paid(chain: DevChain) -> None:
    wire = chain.sign(BOB, pay(chain, 1))
    transaction = chain.client.runtime_at(
        chain.client.best().hash
    ).queries.decoder.decode_unchecked(unwrap(wire))
    estimate = chain.at().fees.fee(transaction.info, len(wire), u128(0))
    chain.pool.submit(wire)
    events = [record.event.event for record in chain.events(chain.seal())]
    assert paid(events).actual_fee == estimate


def test_what_a_batch_did_not_use_is_given_back(chain: DevChain) -> None:
    calls = [pay(chain, START * 9), *[pay(chain, 1)] * 20]
    batch = chain.call("Utility", "batch", calls=calls)
    declared = chain.at().info(batch).weight
    wire = chain.sign(BOB, batch)
    most = chain.at().fees.fee(DispatchInfo(declared), len(wire), u128(0))
    events = chain.run(BOB, batch)
    fee = paid(events).actual_fee
    outcome = events[-1]
    assert isinstance(outcome, System.ExtrinsicSuccess)
    used = int(outcome.dispatch_info.weight.ref_time) - BASE_EXTRINSIC
    assert used < declared
    assert fee == most - (declared - used) * 10**6
    assert int(chain.account(BOB).data.free) == START - int(fee)


def test_a_free_call_gives_the_fee_back_and_keeps_the_tip(chain: DevChain) -> None:
    inner = chain.call("System", "remark", remark=b"")
    events = chain.run(ALICE, chain.call("Sudo", "sudo", call=inner), tip=1_000)
    assert (paid(events).actual_fee, paid(events).tip) == (1_000, 1_000)
    assert int(chain.account(ALICE).data.free) == START  # the tip went to the author: herself


VESTED = 500 * int(BTT)


def with_locked_money() -> DevChain:
    """A chain on which an account has 2 BTT, and 500 more that come free much later."""
    chain = DevChain(extra={LOCKED.account_id: 2 * int(BTT)}, shared=True)
    schedule = VestingInfo(u128(VESTED), u128(BTT), u32(1_000_000))
    given = chain.call("Vesting", "vested_transfer", target=address(LOCKED), schedule=schedule)
    assert isinstance(chain.run(BOB, given)[-1], System.ExtrinsicSuccess)
    return chain


LOCKED = KeyPair.from_uri("//Locked")


def test_a_tip_is_never_of_locked_money() -> None:
    chain = with_locked_money()
    remark = chain.call("System", "remark", remark=b"")
    before = chain.storage()
    for tip in (VESTED, 3 * int(BTT), 2 * int(BTT) + 1):
        with pytest.raises(TransactionInvalid) as refused:
            chain.send(LOCKED, remark, tip=tip)
        assert isinstance(refused.value.reason, validity.Payment)
    assert chain.storage() == before
    runtime, who = chain.at(), account(LOCKED)
    info, tip = runtime.system.account[who], u128(VESTED)
    assert not runtime.fees.charge_record(who, runtime.system.account.raw(who) or b"", tip)
    with pytest.raises(TokenError):
        runtime.fees.charge(who, tip, tip, info)

    chain.run(LOCKED, remark, tip=2 * int(BTT))

    data = chain.account(LOCKED).data
    assert VESTED - int(BTT) // 1_000 < data.free < VESTED, "the fee itself may be"


def test_who_has_nothing_but_locked_money_still_pays_fees() -> None:
    chain = with_locked_money()
    everything = chain.call("Balances", "transfer_all", dest=address(CHARLIE), keep_alive=True)
    chain.run(LOCKED, everything)
    assert chain.at().balances.reducible_balance(account(LOCKED)) == 0
    events = chain.run(LOCKED, chain.call("System", "remark", remark=b""))
    assert isinstance(events[-1], System.ExtrinsicSuccess)


def test_a_closed_account_is_not_opened_again_by_a_refund() -> None:
    chain = DevChain(extra={LOCKED.account_id: START}, shared=True)
    first = chain.sign(LOCKED, pay(chain, 1))
    chain.pool.submit(first)
    chain.seal()
    leave = chain.call("Balances", "transfer_all", dest=address(BOB), keep_alive=False)
    remark = chain.call("System", "remark", remark=b"")
    heavy = chain.call("Utility", "with_weight", call=remark, weight=Weight(u64(10**12)))
    total = chain.total()

    events = chain.run(LOCKED, chain.call("Utility", "if_else", main=leave, fallback=heavy))

    assert Utility.IfElseMainSuccess() in events
    withdrawn = next(event for event in events if isinstance(event, balances_events.Withdraw))
    assert paid(events).actual_fee == withdrawn.amount, "nothing comes back"
    assert account(LOCKED) not in chain.at().system.account
    assert chain.total() == total
    with pytest.raises(TransactionInvalid):
        chain.pool.submit(first)


def test_a_batch_of_nothing_is_an_ordinary_transaction(chain: DevChain) -> None:
    for name in ("batch", "batch_all", "force_batch"):
        info = chain.at().info(chain.call("Utility", name, calls=[]))
        assert info.dispatch_class is DispatchClass.Normal


def test_a_fee_may_not_close_the_account() -> None:
    poor = KeyPair.from_uri("//Poor")
    chain = DevChain(extra={poor.account_id: 10**15 + 10**13}, shared=True)
    with pytest.raises(TransactionInvalid) as refused:
        chain.send(poor, pay(chain, 0))
    assert isinstance(refused.value.reason, validity.Payment)


def test_no_account_pays_for_an_inherent(chain: DevChain) -> None:
    records = chain.events(chain.seal())
    assert [type(record.event.event) for record in records] == [System.ExtrinsicSuccess]


def test_without_an_author_the_fund_gets_everything(chain: DevChain) -> None:
    overlay = chain.client.overlay(chain.client.best().hash)
    runtime = chain.runtime
    runtime.enter(overlay)
    runtime.babe.sealer.kill()
    who, fees = account(BOB), runtime.fees
    taken = fees.fee(DispatchInfo(10**7), 100, u128(5))
    fees.charge(who, taken, u128(5), runtime.system.account[who])
    fees.settle(who, taken, taken, u128(5))
    assert runtime.balances.free(fees.development_fund) == taken
    assert runtime.balances.free(account(ALICE)) == START


@given(fee=st.integers(1, 10**18), tip=st.integers(0, 10**18 // 2), back=st.integers(0, 10**18))
def test_a_fee_is_shared_to_the_last_planck(fee: int, tip: int, back: int) -> None:
    runtime = CHAIN.at()
    who, author, fund = account(BOB), account(ALICE), runtime.fees.development_fund
    balances = runtime.balances
    before = [int(balances.free(one)) for one in (who, author, fund)]
    taken, actual = fee + tip + back, fee + tip
    balances.withdraw_fee(who, u128(taken), u128(tip))
    runtime.fees.settle(who, u128(taken), u128(actual), u128(tip))
    after = [int(balances.free(one)) for one in (who, author, fund)]
    assert after[0] == before[0] - actual
    assert after[1] == before[1] + fee // 2 + tip
    assert after[2] == before[2] + fee - fee // 2


# ---- the limit of an era


def test_authors_get_no_more_than_the_limit_of_an_era_and_the_fund_gets_the_rest() -> None:
    runtime = CHAIN.at()
    fees, balances, who, author = runtime.fees, runtime.balances, account(BOB), account(ALICE)
    fund = fees.development_fund
    assert fees.era_limit.value == FLOOR
    reached = TransactionPayment.AuthorLimitReached(u32(0))
    got: list[tuple[int, int, int]] = []
    for _ in range(4):
        before, count = (balances.free(author), balances.free(fund)), len(runtime.host.events)
        taken, tip = u128(6 * BTT // 10), u128(BTT // 10)
        balances.withdraw_fee(who, taken, tip)
        fees.settle(who, taken, taken, tip)
        events = [one.event for one in runtime.host.happened(count)]
        parts = int(balances.free(author) - before[0]), int(balances.free(fund) - before[1])
        got.append((*parts, events.count(reached)))
    tenth = int(BTT) // 10
    half = tenth * 5 // 2
    share = half + tenth
    assert got == [
        (share, half, 0),
        (share, half, 0),
        (10 * tenth - 2 * share, 2 * share - 4 * tenth, 1),
        (0, 6 * tenth, 0),
    ]
    assert fees.era_paid.value == fees.era_limit.value


def test_the_limit_is_four_times_the_decayed_mean_and_one_btt() -> None:
    fees, paid = CHAIN.at().fees, [random.Random(era).randrange(10**20) for era in range(40)]
    for era in range(1, 40):
        fees.era_paid.value = u128(paid[era - 1])
        fees.begin_era(era)
        assert fees.era_paid.value == 0
        ended = [(u32(past), u128(paid[past])) for past in range(max(0, era - 16), era)]
        assert fees.era_fees.value == ended
        # Shares of blocks in force were planned in the era before, with the snapshot two eras
        # older; the same eras decide the limit.
        weights = [Fraction(8, 10) ** age for age in range(14)]
        newest = era - 3
        mean = sum(
            (weight * paid[newest - age] for age, weight in enumerate(weights) if age <= newest),
            Fraction(0),
        ) / sum(weights)
        assert int(fees.era_limit.value) == int(BTT) + int(4 * mean)
        assert fees.limit_at(newest) == fees.era_limit.value


def test_the_event_of_the_limit_names_the_era() -> None:
    runtime = CHAIN.at()
    runtime.fees.begin_era(7)
    runtime.balances.withdraw_fee(account(BOB), u128(3 * BTT), u128(0))
    runtime.fees.settle(account(BOB), u128(3 * BTT), u128(3 * BTT), u128(0))
    reached = TransactionPayment.AuthorLimitReached(u32(7))
    assert reached in [one.event for one in runtime.host.happened()]


def test_the_event_reports_the_whole_fee_and_the_tip_in_it(chain: DevChain) -> None:
    events = chain.run(BOB, pay(chain, 1), tip=9)
    reported = paid(events)
    withdrawn = next(event for event in events if isinstance(event, balances_events.Withdraw))
    assert (reported.who, reported.tip) == (account(BOB), 9)
    assert reported.actual_fee == withdrawn.amount


# ---- the discount


class Favour:
    """A fifth off for Bob while he is rich, as a stake would do; counts how often it is asked."""

    asked = 0

    def __init__(self, balances: Balances) -> None:
        self._balances = balances

    def discount_bps(self, who: AccountId) -> int:
        self.asked += 1
        rich = self._balances.free(who) > START // 2
        return 2_000 if who == account(BOB) and rich else 0


def favouring() -> tuple[DevChain, list[Favour]]:
    """Return a chain on which Bob pays less, and what blocks, pool and queries ask for it."""
    chain = DevChain()
    runtime = chain.client.runtime_at(chain.client.best().hash)
    favours = []
    for executive in (runtime.blocks, runtime.pool, runtime.queries):
        favour = Favour(executive.runtime.pallet(Balances))
        executive.fees.connect(favour)
        favours.append(favour)
    return chain, favours


def test_a_discount_is_off_what_weight_costs_and_neither_bytes_nor_tip() -> None:
    chain, _ = favouring()
    length = len(chain.sign(BOB, pay(chain, 1), tip=10**15)) * 10**12
    whole = chain.run(CHARLIE, pay(chain, 1), tip=10**15)
    less = chain.run(BOB, pay(chain, 1), tip=10**15)
    full = int(paid(whole).actual_fee) - 10**15 - length
    assert paid(less).actual_fee == full - full * 2_000 // 10_000 + length + 10**15
    assert paid(less).tip == 10**15
    withdrawn = next(event for event in less if isinstance(event, balances_events.Withdraw))
    assert withdrawn.amount == paid(less).actual_fee
    assert int(chain.account(BOB).data.free) == START - int(paid(less).actual_fee) - 1
    credited = [event for event in less if isinstance(event, balances_events.Deposit)]
    author, fund = (int(event.amount) for event in credited)
    fee = int(paid(less).actual_fee) - 10**15 - length
    assert (author - 10**15, fund - length) == (fee // 2, fee - fee // 2)


def test_the_estimate_knows_who_asks() -> None:
    chain, _ = favouring()
    runtime, at = chain.client.runtime_at(chain.client.best().hash), chain.client.best().hash

    def ask(name: str, wire: bytes, kind: type[A]) -> A:
        asked = wire + u32_bytes(len(wire))
        reported = chain.client.call(at, f"TransactionPaymentApi_{name}", asked)
        return codec(kind).decode_all(reported)

    fees = {}
    for pair in (BOB, CHARLIE):
        wire = chain.sign(pair, pay(chain, 1))
        info = ask("query_info", wire, RuntimeDispatchInfo)
        parts = ask("query_fee_details", wire, FeeDetails).inclusion_fee
        assert parts is not None
        assert info.partial_fee == int(parts.base_fee + parts.len_fee) + parts.adjusted_weight_fee
        fees[pair.account_id] = info.partial_fee
    assert runtime.queries.fees.length_to_fee(1) == 10**12
    length = len(chain.sign(BOB, pay(chain, 1))) * 10**12
    assert (fees[BOB.account_id] - length) * 10 == (fees[CHARLIE.account_id] - length) * 8
    for pair in (BOB, CHARLIE):
        assert paid(chain.run(pair, pay(chain, 1))).actual_fee == fees[pair.account_id]


def test_a_call_without_a_sender_has_no_accounts_discount() -> None:
    chain, _ = favouring()
    call = pay(chain, 1)
    reported = chain.client.call(
        chain.client.best().hash,
        "TransactionPaymentCallApi_query_call_info",
        call.raw + u32_bytes(150),
    )
    fee = codec(RuntimeDispatchInfo).decode_all(reported).partial_fee
    assert fee == chain.at().fees.fee(chain.at().info(call), 150, u128(0))


def test_what_comes_back_is_reckoned_with_the_discount_that_was_charged() -> None:
    chain, _ = favouring()
    # The batch makes Bob poor, so that he would have no discount afterwards, and stops early.
    calls = [pay(chain, START * 3 // 5), pay(chain, START), *[pay(chain, 1)] * 20]
    batch = chain.call("Utility", "batch", calls=calls)
    wire = chain.sign(BOB, batch)
    declared = chain.at().info(batch).weight

    events = chain.run(BOB, batch)

    outcome = events[-1]
    assert isinstance(outcome, System.ExtrinsicSuccess)
    used = int(outcome.dispatch_info.weight.ref_time) - BASE_EXTRINSIC
    assert used < declared
    full = chain.at().fees.fee(DispatchInfo(used), 0, u128(0))
    discounted = full - full * 2_000 // 10_000
    assert paid(events).actual_fee == discounted + len(wire) * 10**12
    spent = START - int(chain.account(BOB).data.free) - START * 3 // 5
    assert spent == paid(events).actual_fee
    assert chain.total() == 4 * START


def test_a_free_call_gives_a_discounted_fee_back_whole() -> None:
    chain = DevChain()
    runtime = chain.client.runtime_at(chain.client.best().hash)
    for executive in (runtime.blocks, runtime.pool, runtime.queries):
        executive.fees.connect(DiscountForAll())
    inner = chain.call("System", "remark", remark=b"")
    events = chain.run(ALICE, chain.call("Sudo", "sudo", call=inner), tip=5)
    assert (paid(events).actual_fee, paid(events).tip) == (5, 5)
    assert int(chain.account(ALICE).data.free) == START


class DiscountForAll:
    """A fifth off for all."""

    def discount_bps(self, who: AccountId) -> int:
        return 2_000


def test_who_can_pay_no_more_than_the_discounted_fee_may_send() -> None:
    remark = CHAIN.call("System", "remark", remark=b"")
    size = len(CHAIN.sign(LOCKED, remark))
    full = int(CHAIN.at().fees.fee(CHAIN.at().info(remark), size, u128(0)))
    chain = DevChain(extra={LOCKED.account_id: 10**15 + full - 1})
    with pytest.raises(TransactionInvalid):
        chain.send(LOCKED, remark)
    runtime = chain.client.runtime_at(chain.client.best().hash)
    for executive in (runtime.blocks, runtime.pool, runtime.queries):
        executive.fees.connect(DiscountForAll())
    events = chain.run(LOCKED, remark)
    assert isinstance(events[-1], System.ExtrinsicSuccess)


def test_a_block_asks_for_the_discount_once_a_transaction() -> None:
    chain, (blocks, pool, _) = favouring()
    chain.run(BOB, pay(chain, 1))  # the first one creates the accounts that get the fee
    asked = blocks.asked
    before = pool.asked
    chain.send(BOB, pay(chain, 1))
    assert pool.asked == before + 1
    chain.seal()
    assert blocks.asked == asked + 1


@given(
    weight=st.integers(0, 10**13),
    used=st.integers(0, 10**13),
    length=st.integers(0, 5 * 2**20),
    tip=st.integers(0, 10**20),
    discount=st.integers(0, 10_000),
    multiplier=st.integers(ONE, 10**24),
)
def test_a_discounted_fee_is_shown_charged_and_given_back_by_one_rule(
    weight: int, used: int, length: int, tip: int, discount: int, multiplier: int
) -> None:
    fees = CHAIN.at().fees
    fees.next_fee_multiplier.value = FixedU128(multiplier)
    info = DispatchInfo(weight)
    full, per_byte = int(fees.fee(info, 0, u128(0))), fees.bytes_fee(length)
    less = int(fees.fee(info, length, u128(tip), discount=discount))
    assert less == full - full * discount // 10_000 + per_byte + tip
    parts = fees.inclusion_fee(info, length, discount)
    whole = fees.inclusion_fee(info, length)
    assert parts is not None
    assert whole is not None
    assert int(parts.base_fee) + int(parts.len_fee) + int(parts.adjusted_weight_fee) == less - tip
    assert parts.base_fee <= whole.base_fee
    assert parts.len_fee == whole.len_fee == per_byte
    assert parts.adjusted_weight_fee <= whole.adjusted_weight_fee
    actual = fees.fee(info, length, u128(tip), PostInfo(weight=used), discount=discount)
    assert tip <= actual <= less
    assert fees.fee(info, length, u128(tip), PostInfo(pays=False), discount=discount) == tip


def test_an_unsigned_transaction_has_no_fee(chain: DevChain) -> None:
    call = chain.call("System", "remark", remark=b"")
    executive = chain.client.runtime_at(chain.client.best().hash).queries
    wire = opaque(bare(call.raw))
    assert executive.decoder.decode_unchecked(unwrap(wire)).signer is None


def test_the_table_of_fees_is_what_the_metadata_says() -> None:
    assert FEES.operational_fee_multiplier == u8(5)
    assert isinstance(FEES.development_fund, AccountId)
    assert CHAIN.runtime.system.ss58_prefix == u16(42)
    assert FEES.weight_fee * 100_000_000 == BTT // 10_000
