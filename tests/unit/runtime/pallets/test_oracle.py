"""Prices are medians of bonded feeders; feeders are admitted, paused, slashed and released.

Attack C11: `test_a_second_feed_in_a_block_is_refused`, `test_zero_is_no_price`,
`test_a_value_above_the_maximum_is_refused`. Attack C10 has a file of its own,
`test_oracle_attacks.py`.
"""

from __future__ import annotations

import pytest

from btt_chain.primitives import ss58
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT, DAY_MS
from runtime.frame import ROOT, BadOrigin, GenesisError, signed
from runtime.frame.traits import Reasons
from runtime.pallets.mining import errors as mining_errors
from runtime.pallets.oracle import errors as oracle_errors
from runtime.pallets.oracle import events as oracle_events
from runtime.pallets.oracle import weights
from runtime.pallets.oracle.feeders import is_too_many, quorum
from runtime.pallets.oracle.pallet import by_values
from runtime.pallets.oracle.types import (
    MAX_FEEDERS,
    MAX_KEYS,
    MAX_VALUE,
    MIN_BOND,
    EnergyClass,
    FeederState,
    Rule,
    TimestampedValue,
)
from support.oracle import (
    CNY,
    FEEDERS,
    MINUTE,
    ONE,
    OUTSIDER,
    PROVIDER,
    START,
    USD,
    A,
    B,
    C,
    D,
    E,
    OracleRuntime,
)
from support.runtime import refused

HEARTBEAT = 20 * MINUTE


@pytest.fixture
def runtime() -> OracleRuntime:
    return OracleRuntime()


# ---- prices


def test_the_price_is_the_median_of_three_feeders(runtime: OracleRuntime) -> None:
    runtime.block([3 * ONE, ONE, 2 * ONE])
    assert runtime.price() == 2 * ONE
    assert runtime.oracle.quotes.values[CNY] == TimestampedValue(u128(2 * ONE), u64(START))
    assert oracle_events.PriceSet(CNY, u128(2 * ONE)) in runtime.announced()


def test_of_an_even_number_of_values_the_upper_middle_one_is_the_price() -> None:
    runtime = OracleRuntime(4)
    runtime.block([100, 101, 102, 103])
    assert runtime.price() == 102


def test_a_price_needs_three_values(runtime: OracleRuntime) -> None:
    runtime.block([ONE, ONE])
    with refused(runtime, oracle_errors.Few):
        runtime.price()
    runtime.feed(C, ONE)
    runtime.end_block()
    assert runtime.price() == ONE


def test_a_key_without_a_rule_has_no_price(runtime: OracleRuntime) -> None:
    for key in (b"BTT/XXX", b"", b"x" * 17):
        with refused(runtime, oracle_errors.UnknownKey):
            runtime.price(key)


def test_a_price_is_stale_once_too_few_values_are_fresh(runtime: OracleRuntime) -> None:
    runtime.block([100, 102])
    runtime.block([], after=10 * MINUTE)
    runtime.feed(C, 101)  # the median itself does not expire
    runtime.oracle.on_finalize(1)
    assert runtime.price() == 101
    runtime.clock.now += 50 * MINUTE - 1
    assert runtime.price() == 101
    runtime.clock.now += 1
    with refused(runtime, oracle_errors.Stale):
        runtime.price()


def test_the_hook_takes_expired_values_out_of_the_median() -> None:
    runtime = OracleRuntime(4)
    runtime.block([103, 103, 100])
    runtime.clock.now += 30 * MINUTE
    for who, value in ((C, 100), (D, 100)):
        runtime.feed(who, value)
    runtime.end_block()
    assert runtime.price() == 103
    runtime.feed(A, 101)
    runtime.end_block()
    assert runtime.price() == 101
    runtime.end_block(30 * MINUTE)
    assert runtime.price() == 100, "the value of B has expired"


def test_a_price_stays_while_enough_values_are_fresh() -> None:
    runtime = OracleRuntime(4)
    runtime.block([100])
    runtime.clock.now += MINUTE
    for who, value in ((B, 101), (C, 102), (D, 103)):
        runtime.feed(who, value)
    runtime.end_block()
    runtime.clock.now = START + 60 * MINUTE  # that of A has expired, and no hook has run
    assert runtime.price() == 102


def test_a_price_with_an_expired_median_is_stale_until_the_next_block() -> None:
    runtime = OracleRuntime(5)
    runtime.block([102])
    runtime.clock.now += MINUTE
    for who, value in ((B, 100), (C, 101), (D, 103), (E, 104)):
        runtime.feed(who, value)
    runtime.end_block()
    assert runtime.price() == 102
    runtime.clock.now = START + 60 * MINUTE
    with refused(runtime, oracle_errors.Stale):
        runtime.price()
    runtime.oracle.on_initialize(3)
    assert runtime.price() == 103


def test_a_feed_counts_at_the_end_of_its_block(runtime: OracleRuntime) -> None:
    runtime.block([100, 100, 100])
    runtime.clock.now += MINUTE
    for who in (A, B, C):
        runtime.feed(who, 105)
        assert runtime.price() == 100, "calls of one block have one price"
    runtime.end_block()
    assert runtime.price() == 105


def test_an_unchanged_value_emits_no_event(runtime: OracleRuntime) -> None:
    runtime.block([100, 100, 100])
    runtime.host.events.clear()
    runtime.block([100, 100, 100], after=MINUTE)
    assert [type(each) for each in runtime.announced()] == [oracle_events.NewFeedData] * 3


# ---- feeds


def test_a_valid_feed_costs_no_fee(runtime: OracleRuntime) -> None:
    assert runtime.feed(A, ONE).pays is False


def test_a_feed_is_charged_with_the_medians_that_it_causes(runtime: OracleRuntime) -> None:
    one, two = ([(key, ONE) for key in keys] for keys in ([CNY], [CNY, USD]))
    more = by_values(runtime.oracle, two).weight - by_values(runtime.oracle, one).weight
    assert more >= 2 * weights.COMBINE  # now, and when the value expires


def test_a_second_feed_in_a_block_is_refused(runtime: OracleRuntime) -> None:
    runtime.feed(A, ONE)
    with refused(runtime, oracle_errors.AlreadyFed):
        runtime.feed(A, ONE, USD)
    runtime.end_block()
    runtime.feed(A, ONE, USD)
    assert runtime.oracle.has_dispatched.value == [A]


def test_zero_is_no_price(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.Zero):
        runtime.feed(A, 0)


def test_a_value_above_the_maximum_is_refused(runtime: OracleRuntime) -> None:
    runtime.feed(A, int(MAX_VALUE))
    for value in (int(MAX_VALUE) + 1, u128.MAX):
        with refused(runtime, oracle_errors.TooHigh):
            runtime.feed(B, value)


def test_an_unknown_key_refuses_the_whole_feed(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.UnknownKey):
        runtime.oracle.feed_values(signed(A), [(CNY, u128(1)), (b"BTT/XXX", u128(1))])


def test_a_key_is_fed_once_in_a_call(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.KeyTwice):
        runtime.oracle.feed_values(signed(A), [(CNY, u128(1)), (CNY, u128(2))])


def test_a_feed_without_values_is_refused(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.NothingFed):
        runtime.oracle.feed_values(signed(A), [])


def test_only_admitted_feeders_feed(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.NotFeeder):
        runtime.feed(OUTSIDER, ONE)
    runtime.oracle.join(signed(D), MIN_BOND)
    with refused(runtime, oracle_errors.NotFeeder):
        runtime.feed(D, ONE)


# ---- bonds and admission


def test_a_bond_is_on_hold_until_seven_days_after_leaving(runtime: OracleRuntime) -> None:
    runtime.oracle.leave(signed(A))
    assert runtime.bond(A) == MIN_BOND
    with refused(runtime, oracle_errors.StillBonded):
        runtime.oracle.withdraw(signed(A))
    with refused(runtime, oracle_errors.AlreadyLeft):
        runtime.oracle.leave(signed(A))
    with refused(runtime, oracle_errors.AlreadyLeft):
        runtime.oracle.join(signed(A), MIN_BOND)
    runtime.clock.now += 7 * DAY_MS
    runtime.oracle.withdraw(signed(A))
    assert runtime.bond(A) == 0
    assert runtime.oracle.feeders.feeders.get(A) is None
    with refused(runtime, oracle_errors.NotJoined):
        runtime.oracle.withdraw(signed(A))


def test_an_active_feeder_cannot_withdraw(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.StillBonded):
        runtime.oracle.withdraw(signed(A))


def test_a_feeder_bonds_at_least_a_thousand(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.LowBond):
        runtime.oracle.join(signed(D), MIN_BOND - 1)
    runtime.oracle.join(signed(D), MIN_BOND)
    runtime.oracle.join(signed(D), u128(5 * BTT))
    assert runtime.bond(D) == 1_005 * BTT


def test_money_under_a_lock_can_be_bonded_and_slashed(runtime: OracleRuntime) -> None:
    free = runtime.balances.free(D)
    runtime.balances.lockable_currency.set_lock(b"vesting ", D, free, Reasons.All)
    runtime.oracle.join(signed(D), MIN_BOND)
    runtime.oracle.slash(ROOT, D, u16(10_000))
    assert runtime.burns.burned == [(D, MIN_BOND)]


def test_leaving_removes_the_values_of_a_feeder(runtime: OracleRuntime) -> None:
    runtime.block([ONE, ONE, ONE])
    runtime.oracle.leave(signed(B))
    runtime.end_block(1)
    assert (B, CNY) not in runtime.oracle.quotes.raw_values
    with refused(runtime, oracle_errors.Few):
        runtime.price()


def test_the_technical_track_admits_and_removes(runtime: OracleRuntime) -> None:
    runtime.oracle.join(signed(D), MIN_BOND)
    with refused(runtime, BadOrigin):
        runtime.oracle.admit(signed(D), D, admitted=True)
    runtime.oracle.admit(ROOT, D, admitted=True)
    with refused(runtime, oracle_errors.NothingChanges):
        runtime.oracle.admit(ROOT, D, admitted=True)
    runtime.oracle.admit(ROOT, D, admitted=False)
    assert runtime.oracle.roster.value == [A, B, C]
    with refused(runtime, oracle_errors.NothingChanges):
        runtime.oracle.admit(ROOT, D, admitted=False)
    with refused(runtime, oracle_errors.NotJoined):
        runtime.oracle.admit(ROOT, OUTSIDER, admitted=True)


def test_the_number_of_admitted_feeders_is_bounded() -> None:
    runtime = OracleRuntime(MAX_FEEDERS)
    last = FEEDERS[MAX_FEEDERS]
    runtime.oracle.join(signed(last), MIN_BOND)
    with refused(runtime, oracle_errors.FeedersFull):
        runtime.oracle.admit(ROOT, last, admitted=True)


def test_a_slash_burns_a_part_and_removes_who_is_below_the_minimum(runtime: OracleRuntime) -> None:
    runtime.block([ONE, ONE, ONE])
    with refused(runtime, BadOrigin):
        runtime.oracle.slash(signed(B), A, u16(1))
    runtime.oracle.slash(ROOT, A, u16(2_500))
    assert runtime.burns.burned == [(A, 250 * BTT)]
    assert runtime.bond(A) == 750 * BTT
    assert runtime.oracle.roster.value == [B, C]
    with refused(runtime, oracle_errors.LowBond):
        runtime.oracle.admit(ROOT, A, admitted=True)
    runtime.oracle.join(signed(A), u128(250 * BTT))
    runtime.oracle.admit(ROOT, A, admitted=True)
    with refused(runtime, oracle_errors.NotJoined):
        runtime.oracle.slash(ROOT, OUTSIDER, u16(1))


def test_a_feeder_that_left_can_still_be_slashed(runtime: OracleRuntime) -> None:
    runtime.oracle.leave(signed(A))
    runtime.oracle.slash(ROOT, A, u16(65_535))
    assert runtime.bond(A) == 0
    runtime.clock.now += 7 * DAY_MS
    runtime.oracle.withdraw(signed(A))


# ---- heartbeats


def pass_periods(runtime: OracleRuntime, count: int, feeding: list[int]) -> None:
    """Let that many periods pass, in each of which the feeders of these places feed."""
    for _ in range(count):
        runtime.clock.now += HEARTBEAT
        runtime.oracle.on_initialize(1)
        for place in feeding:
            runtime.feed(FEEDERS[place], ONE)
        runtime.oracle.on_finalize(1)


def test_a_feeder_that_misses_a_fifth_of_a_day_is_paused_until_it_feeds() -> None:
    runtime = OracleRuntime(4)
    runtime.end_block()
    pass_periods(runtime, 15, [0, 1, 2])
    assert runtime.oracle.feeders.feeders[D].state is FeederState.Active
    pass_periods(runtime, 1, [0, 1, 2])
    assert runtime.oracle.feeders.feeders[D].state is FeederState.Paused
    assert runtime.oracle.paused.value == [D]
    assert runtime.oracle.feeders.feeders[A].state is FeederState.Active
    runtime.feed(D, ONE)
    assert runtime.oracle.feeders.feeders[D].state is FeederState.Active
    assert (runtime.oracle.paused.value, runtime.oracle.feeders.feeders[D].missed) == ([], 0)
    assert oracle_events.Resumed(D) in runtime.announced()


@pytest.mark.parametrize(
    ("missed", "length", "expected"),
    [(14, HEARTBEAT, False), (15, HEARTBEAT, True), (288, MINUTE, False), (289, MINUTE, True)],
)
def test_a_fifth_of_the_heartbeats_of_a_day_may_be_missed(
    missed: int, length: int, expected: bool
) -> None:
    assert is_too_many(missed, length) is expected


def test_the_values_of_a_paused_feeder_do_not_count() -> None:
    runtime = OracleRuntime(4)
    runtime.end_block()
    runtime.block([100, 101, 102, 103])
    feeder = runtime.oracle.feeders.feeders[D]
    feeder.missed = u32(14)
    runtime.oracle.feeders.feeders[D] = feeder
    pass_periods(runtime, 1, [])
    assert runtime.price() == 102
    pass_periods(runtime, 1, [])
    assert runtime.oracle.paused.value == [D]
    assert (D, CNY) in runtime.oracle.quotes.raw_values
    assert runtime.price() == 101


def test_a_new_day_forgets_missed_heartbeats(runtime: OracleRuntime) -> None:
    runtime.end_block()
    pass_periods(runtime, 10, [0])
    assert runtime.oracle.feeders.feeders[B].missed == 9
    pass_periods(runtime, 63, [0, 1, 2])
    assert runtime.oracle.feeders.feeders[B].missed == 0


def test_a_pause_of_the_chain_is_one_missed_heartbeat(runtime: OracleRuntime) -> None:
    runtime.end_block()
    pass_periods(runtime, 1, [0, 1, 2])
    runtime.end_block(3 * HEARTBEAT)
    assert runtime.oracle.feeders.feeders[A].missed == 0
    runtime.end_block(3 * HEARTBEAT)
    assert runtime.oracle.feeders.feeders[A].missed == 1


def test_removing_a_paused_feeder_leaves_no_trace_of_it(runtime: OracleRuntime) -> None:
    runtime.end_block()
    pass_periods(runtime, 17, [0, 1])
    assert runtime.oracle.paused.value == [C]
    runtime.oracle.admit(ROOT, C, admitted=False)
    assert (runtime.oracle.paused.value, runtime.oracle.roster.value) == ([], [A, B])


# ---- rules


def test_rules_are_set_within_bounds(runtime: OracleRuntime) -> None:
    good = Rule(u8(5), u64(30 * MINUTE), u16(500), u64(20 * MINUTE), u64(5 * MINUTE), u16(20))
    with refused(runtime, BadOrigin):
        runtime.oracle.set_rule(signed(A), CNY, good)
    runtime.oracle.set_rule(ROOT, CNY, good)
    assert runtime.oracle.quotes.rules[CNY] == good
    for count in (0, 2, 32):
        with refused(runtime, oracle_errors.TooFew):
            runtime.oracle.set_rule(ROOT, CNY, Rule(min_count=u8(count)))
    for wrong in (
        Rule(expires_ms=u64(61 * MINUTE)),
        Rule(expires_ms=u64(9 * MINUTE)),
        Rule(expires_ms=u64(39 * MINUTE)),
        Rule(jump_bps=u16(1_001)),
        Rule(jump_bps=u16(99)),
        Rule(settle_ms=u64(14 * MINUTE)),
        Rule(settle_ms=u64(61 * MINUTE)),
        Rule(heartbeat_ms=u64(MINUTE - 1)),
        Rule(heartbeat_ms=u64(31 * MINUTE)),
        Rule(deviation_bps=u16(0)),
        Rule(deviation_bps=u16(501)),
    ):
        with refused(runtime, oracle_errors.InvalidRule):
            runtime.oracle.set_rule(ROOT, CNY, wrong)


def test_a_higher_minimum_of_feeders_takes_the_price_away(runtime: OracleRuntime) -> None:
    runtime.block([ONE, ONE, ONE])
    runtime.oracle.set_rule(ROOT, CNY, Rule(min_count=u8(4)))
    runtime.end_block()
    with refused(runtime, oracle_errors.Few):
        runtime.price()


def test_a_removed_key_leaves_nothing(runtime: OracleRuntime) -> None:
    runtime.block([ONE, ONE, ONE])
    runtime.block([9 * ONE] * 3, after=MINUTE)
    runtime.oracle.set_rule(ROOT, CNY, None)
    runtime.end_block()
    quotes = runtime.oracle.quotes
    assert [quotes.all_keys(), list(quotes.raw_values.items())] == [[USD], []]
    assert not any(CNY in item for item in (quotes.values, quotes.waiting, quotes.round))
    with refused(runtime, oracle_errors.UnknownKey):
        runtime.oracle.set_rule(ROOT, CNY, None)


def test_the_number_of_keys_is_bounded(runtime: OracleRuntime) -> None:
    for place in range(MAX_KEYS - 2):
        runtime.oracle.set_rule(ROOT, b"BTT/%d" % place, Rule())
    with refused(runtime, oracle_errors.TooManyKeys):
        runtime.oracle.set_rule(ROOT, b"BTT/ZZZ", Rule())


# ---- attestations


def test_a_majority_of_the_feeders_attests_a_provider() -> None:
    runtime = OracleRuntime(5)
    for who, region in ((A, 1), (B, 2), (C, 1)):
        runtime.oracle.attest(signed(who), PROVIDER, u16(region), EnergyClass.B)
    assert runtime.providers.attested == []
    runtime.oracle.attest(signed(B), PROVIDER, u16(1), EnergyClass.B)
    assert runtime.providers.attested == [(PROVIDER, 1, 1_100_000)]
    assert runtime.oracle.attestations.statements[PROVIDER] == []


def test_the_statement_of_a_removed_feeder_does_not_count() -> None:
    runtime = OracleRuntime(5)
    for who in (A, B):
        runtime.oracle.attest(signed(who), PROVIDER, u16(1), EnergyClass.A)
    runtime.oracle.leave(signed(A))
    runtime.oracle.attest(signed(C), PROVIDER, u16(1), EnergyClass.A)
    assert runtime.providers.attested == []
    runtime.oracle.attest(signed(D), PROVIDER, u16(1), EnergyClass.A)
    assert runtime.providers.attested == [(PROVIDER, 1, 1_200_000)]


def test_one_feeder_alone_attests_nothing() -> None:
    assert [quorum(count) for count in (0, 1, 3, 4, 5, 6, 31)] == [3, 3, 3, 3, 3, 4, 16]
    runtime = OracleRuntime(1)
    for _ in range(3):
        runtime.oracle.attest(signed(A), PROVIDER, u16(1), EnergyClass.A)
    assert runtime.providers.attested == []


def test_only_feeders_attest_and_only_what_mining_has(runtime: OracleRuntime) -> None:
    with refused(runtime, oracle_errors.NotFeeder):
        runtime.oracle.attest(signed(OUTSIDER), PROVIDER, u16(1), EnergyClass.A)
    with refused(runtime, mining_errors.NotOperator):
        runtime.oracle.attest(signed(A), OUTSIDER, u16(1), EnergyClass.A)
    with refused(runtime, mining_errors.UnknownRegion):
        runtime.oracle.attest(signed(A), PROVIDER, u16(4), EnergyClass.A)


# ---- genesis


def test_genesis_has_rules_and_feeders() -> None:
    runtime = OracleRuntime(0)
    runtime.oracle.genesis(
        {
            "rules": [["BTT/EUR", {"minCount": 4, "jumpBps": 500}]],
            "feeders": [[ss58.encode(A), str(int(MIN_BOND))]],
        }
    )
    assert runtime.oracle.quotes.rules[b"BTT/EUR"] == Rule(min_count=u8(4), jump_bps=u16(500))
    assert runtime.oracle.roster.value == [A]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"rules": [["BTT/EUR", {"minCount": 2}]]}, r"rules\[0\]: expected a valid rule"),
        ({"rules": [["", {}]]}, r"rules\[0\]\[0\]: expected 1 to 16 bytes"),
        ({"rules": [["BTT/EUR", {"jump": 1}]]}, r"rules\[0\]\[1\]\.jump: unknown field"),
        ({"rules": [["BTT/EUR", {"minCount": 999}]]}, "from 0 to 255"),
        ({"feeders": [[ss58.encode(A), "1"]]}, r"feeders\[0\]: expected an account"),
        ({"prices": []}, "oracle.prices: unknown field"),
    ],
)
def test_a_wrong_genesis_names_its_place(config: dict[str, object], message: str) -> None:
    with pytest.raises(GenesisError, match=message):
        OracleRuntime(0).oracle.genesis(config)
