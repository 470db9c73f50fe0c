"""The audit of prices holds in random histories, and finds what is wrong: invariant I45."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from btt_chain.scale import u8, u16, u64, u128
from runtime.audits.payments import feeders, price_problems
from runtime.constants import DAY_MS
from runtime.frame import ROOT, DispatchError, signed
from runtime.pallets.oracle.prices import is_near
from runtime.pallets.oracle.types import MIN_BOND, Bucket, FeederState, Rule, TimestampedValue
from support.oracle import CNY, FEEDERS, MINUTE, START, USD, OracleRuntime
from support.tiers import amount

NEAR = st.sampled_from((1000, 1000, 1005, 1040, 1090, 1099, 1101, 950, 910, 890, 400, 1, 10**36))
PLACES = st.integers(0, 6)


class Prices(RuleBasedStateMachine):
    """Feeders that feed, lie, leave and are slashed, and a clock that runs and stands."""

    @initialize(count=st.integers(0, 6))
    def begin(self, count: int) -> None:
        self.runtime = OracleRuntime(count)
        self.before: int | None = None

    def try_(self, call: Callable[[], object]) -> None:
        """Make a call, which may be refused."""
        self.runtime.state.begin()
        try:
            call()
            self.runtime.state.commit()
        except DispatchError:
            self.runtime.state.rollback()

    @rule(prices=st.lists(NEAR, max_size=7), after=st.sampled_from((1, 60, 300, 900, 3_600)))
    def a_block_with_feeds(self, prices: list[int], after: int) -> None:
        oracle = self.runtime.oracle
        self.runtime.clock.now += after * 1_000
        oracle.on_initialize(1)
        self.before = self.price()
        for who, price in zip(FEEDERS, prices, strict=False):
            self.try_(partial(self.runtime.feed, who, price))
            assert self.price() == self.before, "a call of the block changed the price"
        oracle.on_finalize(1)
        now = self.price()
        if now is not None and self.before is not None:
            assert is_near(now, self.before, 1_000)

    @rule(place=PLACES, bps=st.sampled_from((1, 100, 10_000)))
    def a_feeder_is_slashed(self, place: int, bps: int) -> None:
        self.try_(lambda: self.runtime.oracle.slash(ROOT, FEEDERS[place], u16(bps)))

    @rule(place=PLACES)
    def a_feeder_joins_and_is_admitted(self, place: int) -> None:
        who = FEEDERS[place]
        self.try_(lambda: self.runtime.oracle.join(signed(who), MIN_BOND))
        self.try_(lambda: self.runtime.oracle.admit(ROOT, who, admitted=True))

    @rule(place=PLACES)
    def a_feeder_leaves(self, place: int) -> None:
        self.try_(lambda: self.runtime.oracle.leave(signed(FEEDERS[place])))

    @rule(place=PLACES)
    def a_feeder_takes_its_bond(self, place: int) -> None:
        self.runtime.clock.now += 7 * DAY_MS
        self.runtime.oracle.on_initialize(1)
        self.try_(lambda: self.runtime.oracle.withdraw(signed(FEEDERS[place])))
        self.runtime.oracle.on_finalize(1)

    @rule(count=st.integers(3, 5), jump=st.sampled_from((100, 1_000)))
    def the_rule_changes(self, count: int, jump: int) -> None:
        changed = Rule(min_count=u8(count), jump_bps=u16(jump))
        self.runtime.oracle.set_rule(ROOT, CNY, changed)
        self.runtime.oracle.on_finalize(1)

    @rule()
    def a_key_is_removed_and_added(self) -> None:
        for wanted in (None, Rule()):
            self.runtime.oracle.set_rule(ROOT, CNY, wanted)
        self.runtime.oracle.on_finalize(1)

    @rule()
    def heartbeats_are_missed(self) -> None:
        for _ in range(16):
            self.runtime.clock.now += 20 * MINUTE
            self.runtime.oracle.on_initialize(1)
            self.runtime.oracle.on_finalize(1)

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        oracle = self.runtime.oracle
        oracle.on_finalize(1)
        assert not [problem for key in (CNY, USD) for problem in price_problems(oracle, key)]
        assert not list(feeders(oracle))
        held = {who: self.runtime.bond(who) for who in FEEDERS if self.runtime.bond(who)}
        bonds = {who: int(each.bond) for who, each in oracle.feeders.feeders.items() if each.bond}
        assert held == bonds

    def price(self) -> int | None:
        """Return the price; None if there is none."""
        try:
            return self.runtime.price()
        except DispatchError:
            return None


Prices.TestCase.settings = settings(max_examples=amount(12, 100))
TestPrices = Prices.TestCase


# ---- what the audit finds


@pytest.fixture
def runtime() -> OracleRuntime:
    made = OracleRuntime(4)
    made.block([1000, 1001, 1002, 1003])
    assert not list(price_problems(made.oracle, CNY))
    return made


def found(runtime: OracleRuntime) -> str:
    problems = [*price_problems(runtime.oracle, CNY)]
    return " ".join([*problems, *(each.text for each in feeders(runtime.oracle))])


def test_an_old_price_is_found(runtime: OracleRuntime) -> None:
    quotes = runtime.oracle.quotes
    quotes.rules[CNY] = Rule(expires_ms=u64(DAY_MS))
    round_ = quotes.round[CNY]
    round_.enough_until = u64(START + DAY_MS)
    quotes.round[CNY] = round_
    runtime.clock.now += 61 * MINUTE
    assert "a price 3660000 ms old" in found(runtime)
    assert "a price of 0 feeders" in found(runtime)


def test_a_price_of_too_few_feeders_is_found(runtime: OracleRuntime) -> None:
    for who in FEEDERS[:2]:
        del runtime.oracle.quotes.raw_values[who, CNY]
    assert "a price of 2 feeders" in found(runtime)


def test_a_price_that_is_not_the_median_is_found(runtime: OracleRuntime) -> None:
    runtime.oracle.quotes.values[CNY] = TimestampedValue(u128(1001), u64(START))
    assert "a price of 1001, the median is 1002" in found(runtime)


def test_a_price_that_moved_too_far_is_found(runtime: OracleRuntime) -> None:
    round_ = runtime.oracle.quotes.round[CNY]
    round_.history = [Bucket(u64(START), u128(900), u128(1002))]
    runtime.oracle.quotes.round[CNY] = round_
    assert "a price of 1002, lately 900" in found(runtime)


def test_lists_of_feeders_that_differ_from_their_records_are_found(runtime: OracleRuntime) -> None:
    oracle = runtime.oracle
    oracle.roster.value = FEEDERS[:3]
    oracle.paused.value = FEEDERS[:1]
    assert "3 feeders listed, 4 admitted" in found(runtime)
    assert "the list of paused feeders" in found(runtime)
    feeder = oracle.feeders.feeders[FEEDERS[3]]
    feeder.state = FeederState.Candidate
    oracle.feeders.feeders[FEEDERS[3]] = feeder
    assert "of no admitted feeder" in found(runtime)
