"""Attack C10: liars, creeping prices, crashes, silence and front-running.

The series below are prices in thousandths, one a minute, as three honest feeders would feed them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u8, u16, u64, u128
from runtime.pallets.oracle import errors
from runtime.pallets.oracle.prices import (
    Quote,
    advance,
    combine,
    is_near,
    part_ms,
    recorded,
    within_window,
)
from runtime.pallets.oracle.types import MAX_BUCKETS, Bucket, Rule, TimestampedValue, Waiting
from support.oracle import CNY, FEEDERS, MINUTE, ONE, START, OracleRuntime
from support.runtime import refused

RULE = Rule()
SETTLE = int(RULE.settle_ms)

FLASH_CRASH = [1000, 995, 990, 700, 450, 400, 400, 430, 600, 850, 940, 990, 1000, 1005, 1000]
"""Minus 60 percent within five minutes, and back: as single markets have had it."""
CRASH = [1000, 980, 900, 700, 500, 420, 400, 405, 398, 401, 400, 402, 399, 400, 401, 400, 403, 400,
         399, 400, 401, 402, 400, 400, 399, 401, 400]  # fmt: skip
"""Minus 60 percent that stays."""
CREEP = [1000 * 109**step // 100**step for step in range(40)]
"""Plus 9 percent a minute."""
SLOW_RISE = [1000 + 5 * step for step in range(60)]
"""Plus half a percent a minute: 30 percent in an hour."""


def price_of(runtime: OracleRuntime) -> int | None:
    """Return the price, or None if there is none."""
    try:
        return runtime.price()
    except (errors.Few, errors.Stale, errors.Jumping):
        return None


def replay(series: Sequence[int]) -> list[int | None]:
    """Return the price after each minute of a series that three feeders feed."""
    runtime, prices = OracleRuntime(), []
    for value in series:
        runtime.block([value * ONE] * 3, after=MINUTE)
        price = price_of(runtime)
        prices.append(None if price is None else price // ONE)
    return prices


# ---- liars


def honest_and_lies() -> st.SearchStrategy[tuple[list[int], list[int]]]:
    """Return honest values and at most as many lies as make n >= 2f + 1."""
    honest = st.lists(st.integers(1, 10**30), min_size=2, max_size=16)
    return honest.flatmap(
        lambda values: st.tuples(
            st.just(values), st.lists(st.integers(1, 10**36), max_size=len(values) - 1)
        )
    )


@given(honest_and_lies(), st.randoms(use_true_random=False))
def test_with_fewer_liars_than_half_the_median_is_between_two_honest_values(
    values: tuple[list[int], list[int]], rng: object
) -> None:
    honest, lies = values
    every = [TimestampedValue(u128(value), u64(START)) for value in (*honest, *lies)]
    getattr(rng, "shuffle")(every)  # noqa: B009 - hypothesis gives its own class
    median = combine(every, START, RULE).median
    if len(every) < RULE.min_count:
        assert median is None
    else:
        assert median is not None
        assert min(honest) <= median.value <= max(honest)


@pytest.mark.parametrize(("feeders", "liars"), [(3, 1), (5, 2), (31, 15)])
@pytest.mark.parametrize("lie", [1, 50 * ONE, 10**36])
def test_a_minority_of_liars_neither_moves_the_price_nor_stops_it(
    feeders: int, liars: int, lie: int
) -> None:
    runtime = OracleRuntime(feeders)
    for minute in range(20):
        honest = [100 * ONE + (minute + place) * ONE // 100 for place in range(feeders - liars)]
        runtime.block([lie] * liars + honest, after=MINUTE)
        assert min(honest) <= runtime.price() <= max(honest)


# ---- movement

STEPS = st.lists(
    st.tuples(st.integers(0, 20 * MINUTE), st.integers(1, 40_000)), min_size=1, max_size=60
)


def walk(steps: list[tuple[int, int]]) -> list[tuple[int, Quote, Quote]]:
    """Feed medians, each a factor of the last value in basis points; return time and quotes."""
    now, quote, found = START, Quote(TimestampedValue(u128(10**18), u64(START))), []
    for after, factor in steps:
        now += after
        assert quote.value is not None
        median = max(1, int(quote.value.value) * factor // 10_000)
        before, quote = quote, advance(quote, TimestampedValue(u128(median), u64(now)), now, RULE)
        found.append((now, before, quote))
    return found


@given(STEPS)
def test_without_a_settled_jump_the_price_moves_at_most_ten_percent_in_a_settling_time(
    steps: list[tuple[int, int]],
) -> None:
    in_force: list[tuple[int, int]] = [(START, 10**18)]
    for now, before, after in walk(steps):
        assert before.value is not None
        assert after.value is not None
        value = int(after.value.value)
        has_settled = after.waiting is None and before.waiting is not None
        if has_settled and not is_near(value, int(before.value.value), 1_000):
            in_force = [(now, value)]
            continue
        # The values in force at some time of the last settling time, that at its start included.
        recent = [one for at, one in in_force if at > now - SETTLE]
        earlier = [one for at, one in in_force if at <= now - SETTLE]
        for one in (*earlier[-1:], *recent):
            assert is_near(value, one, 1_000)
        in_force.append((now, value))


@given(STEPS)
def test_a_jump_settles_only_after_a_settling_time_near_its_first_median(
    steps: list[tuple[int, int]],
) -> None:
    for now, before, after in walk(steps):
        assert before.value is not None
        assert after.value is not None
        if is_near(int(after.value.value), int(before.value.value), 1_000):
            continue
        waiting = before.waiting
        assert waiting is not None
        assert now - int(waiting.since) >= SETTLE
        assert now - int(waiting.center.timestamp) <= RULE.expires_ms
        assert is_near(int(after.value.value), int(waiting.center.value), 500)


@given(STEPS)
def test_the_history_is_bounded(steps: list[tuple[int, int]]) -> None:
    assert all(len(after.history) <= MAX_BUCKETS for _, _, after in walk(steps))


def test_a_history_under_a_longer_rule_stays_bounded_and_forgets_nothing() -> None:
    long, history = Rule(settle_ms=u64(60 * MINUTE)), list[Bucket]()
    for minute in range(80):
        rule = RULE if minute < 20 else long
        now = START + minute * MINUTE
        history = recorded(within_window(history, now, rule), 100 + minute, 101 + minute, now, rule)
        assert len(history) <= MAX_BUCKETS
        span = min(minute, int(rule.settle_ms) // MINUTE, minute if minute < 20 else 60)
        if minute >= 20:
            span = min(span, minute - 5)
        assert min(int(each.low) for each in history) <= 100 + minute - span
        assert max(int(each.high) for each in history) == 101 + minute
    assert part_ms(long) == 4 * part_ms(RULE)


def test_creeping_below_the_limit_is_stopped_at_the_limit() -> None:
    prices = replay(CREEP)
    assert prices[:2] == [1000, 1090]
    assert prices[2:] == [None] * 38, "the second step waits, and so does each further one"


def test_many_steps_in_one_block_are_one() -> None:
    runtime = OracleRuntime()
    runtime.block([100] * 3)
    for place, value in enumerate((109, 118, 129)):
        runtime.feed(FEEDERS[place], value)
        assert runtime.price() == 100
    runtime.end_block()
    assert price_of(runtime) is None, "the median is 118"


def test_a_flash_crash_is_no_price_and_leaves_none() -> None:
    prices = replay(FLASH_CRASH)
    assert prices == [1000, 995, 990, *[None] * 7, 940, 990, 1000, 1005, 1000]


def test_a_crash_that_stays_becomes_the_price_after_the_settling_time() -> None:
    prices = replay(CRASH)
    assert prices[:3] == [1000, 980, 900]
    # All medians from 398 on, at minute 8, are within five percent of it.
    assert prices[3:23] == [None] * 20
    assert prices[23:] == CRASH[23:]


def test_a_slow_rise_is_followed_within_its_bound() -> None:
    prices = replay(SLOW_RISE)
    assert all(price is not None for price in prices)
    for place in range(15, 60):
        before, price = prices[place - 15], prices[place]
        assert before is not None
        assert price is not None
        assert price * 10 <= before * 11


def test_an_hour_of_the_fastest_accepted_rise_stays_below_its_bound() -> None:
    runtime, prices = OracleRuntime(), [10**9]
    runtime.block([10**9] * 3)
    for _ in range(60):
        # The attacker controls all feeders, and goes as far as is accepted at once.
        window = prices[-16:]
        runtime.block([min(window) * 11 // 10] * 3, after=MINUTE)
        prices.append(runtime.price())
    assert 14 * 10**8 < prices[60] <= 11**4 * 10**9 // 10**4


# ---- silence


def test_silent_feeders_give_no_price_and_no_settled_jump() -> None:
    runtime = OracleRuntime()
    runtime.block([1000] * 3)
    runtime.block([400] * 3, after=MINUTE)
    with refused(runtime, errors.Jumping):
        runtime.price()
    runtime.clock.now += 60 * MINUTE
    runtime.end_block()
    with refused(runtime, errors.Few):
        runtime.price()
    # After the gap no feeder confirmed the jump: the wait begins anew.
    runtime.block([400] * 3, after=MINUTE)
    with refused(runtime, errors.Jumping):
        runtime.price()
    runtime.block([400] * 3, after=15 * MINUTE)
    assert runtime.price() == 400


def test_a_jump_waits_for_a_feed_after_its_settling_time() -> None:
    runtime = OracleRuntime()
    runtime.block([1000] * 3)
    runtime.block([400] * 3, after=MINUTE)
    runtime.end_block(20 * MINUTE)
    with refused(runtime, errors.Jumping):
        runtime.price()
    runtime.feed(FEEDERS[0], 400)
    runtime.end_block()
    assert runtime.price() == 400


def test_a_median_elsewhere_begins_the_wait_anew() -> None:
    waiting = Waiting(TimestampedValue(u128(400), u64(START)), u64(START))
    quote = Quote(TimestampedValue(u128(1000), u64(START)), waiting)
    now = START + SETTLE
    after = advance(quote, TimestampedValue(u128(421), u64(now)), now, RULE)
    assert after.waiting == Waiting(TimestampedValue(u128(421), u64(now)), u64(now))
    after = advance(quote, TimestampedValue(u128(420), u64(now)), now, RULE)
    assert (after.waiting, after.value) == (None, TimestampedValue(u128(420), u64(now)))


# ---- front-running


def test_a_feeder_gains_nothing_by_the_order_of_calls_in_a_block() -> None:
    runtime = OracleRuntime()
    runtime.block([1000] * 3)
    runtime.clock.now += MINUTE
    seen = [runtime.price()]
    for who in FEEDERS[:3]:
        runtime.feed(who, 1090)
        seen.append(runtime.price())
    assert seen == [1000] * 4
    runtime.end_block()
    assert runtime.price() == 1090


def test_bounds_of_rules_keep_the_promise_for_every_rule() -> None:
    loosest = Rule(u8(3), u64(60 * MINUTE), u16(1_000), u64(15 * MINUTE))
    assert loosest.problem() is None
    assert loosest == RULE
    assert Rule(jump_bps=u16(1_001)).problem() is not None
    assert Rule(settle_ms=u64(15 * MINUTE - 1)).problem() is not None
    assert OracleRuntime().oracle.quotes.rules[CNY] == RULE
