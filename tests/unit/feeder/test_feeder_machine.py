"""A feeder feeds by deviation, heartbeat and jump, and is silent without three sources."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.feeder.machine import (
    MAX_PAUSE_MS,
    Failed,
    Fed,
    Feed,
    Machine,
    OnChain,
    Polled,
    Rule,
    Silent,
)
from runtime.pallets.oracle.types import MIN_COUNT
from runtime.pallets.oracle.types import Rule as RuntimeRule

MINUTE = 60_000
RULE = Rule(20 * MINUTE, 50, 15 * MINUTE)
FRESH = OnChain(RULE, is_waiting=False, value=10_000, fed_at=0)
KEY = "BTT/CNY"
INTERVAL = 30_000


def polled(state: OnChain, prices: tuple[int, ...], now: int = MINUTE) -> Polled:
    return Polled(now, {KEY: state}, {KEY: prices})


def on(state: OnChain, *prices: int, now: int = MINUTE) -> list[object]:
    return list(Machine(INTERVAL).on(polled(state, prices, now)))


def test_a_first_value_is_fed_at_once() -> None:
    assert on(OnChain(RULE, is_waiting=False), 3, 1, 2) == [Feed(((KEY, 2),), ("first value",))]


def test_a_value_that_stays_is_not_fed_before_its_heartbeat() -> None:
    assert on(FRESH, 10_000, 10_049, 9_951) == []
    late = 20 * MINUTE - 2 * INTERVAL
    assert on(FRESH, 10_000, 10_000, 10_000, now=late - 1) == []
    feed = Feed(((KEY, 10_000),), ("heartbeat",))
    assert on(FRESH, 10_000, 10_000, 10_000, now=late) == [feed]


def test_a_deviation_is_fed_at_once() -> None:
    assert on(FRESH, 1, 10_050, 99_999) == [Feed(((KEY, 10_050),), ("moved by 50 basis points",))]
    assert on(FRESH, 1, 9_950, 99_999) == [Feed(((KEY, 9_950),), ("moved by 50 basis points",))]


def test_a_waiting_jump_is_confirmed_three_times() -> None:
    waiting = replace(FRESH, is_waiting=True)
    assert on(waiting, 10_000, 10_000, 10_000, now=5 * MINUTE - 1) == []
    feed = Feed(((KEY, 10_000),), ("confirms a jump",))
    assert on(waiting, 10_000, 10_000, 10_000, now=5 * MINUTE) == [feed]


def test_with_two_sources_a_feeder_is_silent_and_says_so_once() -> None:
    machine, state = Machine(INTERVAL), OnChain(RULE, is_waiting=False)
    silent = Silent(KEY, "2 sources have a price, 3 are the least")
    assert machine.on(polled(state, (1, 1))) == [silent]
    assert machine.on(polled(state, (1, 1))) == []
    assert machine.on(polled(state, (1,))) == [
        Silent(KEY, "1 sources have a price, 3 are the least")
    ]
    assert machine.on(polled(state, (1, 1, 1))) == [Feed(((KEY, 1),), ("first value",))]
    assert machine.silent == {}
    assert machine.on(polled(state, (1, 1))) == [silent]


def test_a_key_that_the_chain_does_not_have_is_named() -> None:
    event = Polled(0, {}, {KEY: (1, 1, 1)})
    reason = "the chain has no such key; it has "
    assert Machine(INTERVAL).on(event) == [Silent(KEY, f"{reason}none")]
    chain = {other: OnChain(RULE, is_waiting=False) for other in ("BTT/USD", "BTT/EUR")}
    event = Polled(0, chain, {KEY: (1, 1, 1)})
    assert Machine(INTERVAL).on(event) == [Silent(KEY, f"{reason}BTT/EUR, BTT/USD")]


def test_all_keys_that_are_due_are_fed_in_one_call() -> None:
    chain = {"BTT/A": OnChain(RULE, is_waiting=False), "BTT/B": FRESH,
             "BTT/C": replace(FRESH, value=1)}  # fmt: skip
    readings = dict.fromkeys(chain, (10_000, 10_000, 10_000))
    (feed,) = Machine(INTERVAL).on(Polled(MINUTE, chain, readings))
    assert isinstance(feed, Feed)
    assert [key for key, _ in feed.values] == ["BTT/A", "BTT/C"]


def test_after_failures_a_feeder_pauses_longer_and_longer() -> None:
    machine, state, now = Machine(INTERVAL), OnChain(RULE, is_waiting=False), 0
    pauses = []
    for _ in range(8):
        assert machine.on(polled(state, (1, 1, 1), now))
        machine.on(Failed(now, "the pool is full"))
        begin = now
        while not machine.on(polled(state, (1, 1, 1), now)):
            now += 1_000
        pauses.append(now - begin)
    assert pauses == [10_000, 20_000, 40_000, 80_000, 160_000, *[MAX_PAUSE_MS] * 3]
    machine.on(Fed())
    assert machine.on(polled(state, (1, 1, 1), now))


@given(
    st.lists(st.integers(1, 10**36), min_size=3, max_size=9),
    st.integers(1, 10**36),
    st.integers(0, 10**7),
    st.booleans(),
)
def test_a_fed_price_is_between_those_of_the_sources(
    prices: list[int], own: int, age: int, is_waiting: bool
) -> None:
    state = OnChain(RULE, is_waiting, own, 0)
    for action in Machine(INTERVAL).on(polled(state, tuple(prices), age)):
        assert isinstance(action, Feed)
        ((_, value),) = action.values
        assert min(prices) <= value <= max(prices)


def test_a_feeder_of_the_default_rule_is_never_paused_for_a_missed_heartbeat() -> None:
    rule = RuntimeRule()
    assert MIN_COUNT == 3
    own = Rule(int(rule.heartbeat_ms), int(rule.deviation_bps), int(rule.settle_ms))
    machine, fed_at, gaps = Machine(INTERVAL), 0, []
    for now in range(0, 24 * 60 * MINUTE, INTERVAL):
        state = OnChain(own, is_waiting=False, value=100, fed_at=fed_at)
        if machine.on(polled(state, (100, 100, 100), now)):
            gaps.append(now - fed_at)
            fed_at = now
    assert max(gaps) <= rule.heartbeat_ms
