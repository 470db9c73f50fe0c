"""Benchmarks of Oracle: the maximum number of keys and feeders, with values of all of them."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.mining import operator
from bench.weights.state import Bench
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64, u128
from runtime.pallets.oracle import weights
from runtime.pallets.oracle.prices import part_ms
from runtime.pallets.oracle.types import (
    MAX_BUCKETS,
    MAX_FEEDERS,
    MAX_KEYS,
    MIN_BOND,
    Bucket,
    Due,
    EnergyClass,
    Feeder,
    FeederState,
    Round,
    Rule,
    Statement,
    TimestampedValue,
    Waiting,
    Watch,
)

PRICE = 4 * 10**17
NEVER = u64(u64.MAX)


def key(place: int) -> bytes:
    """Return one of the keys, of the maximum length."""
    return b"BTT/%012d" % place


def feeders(b: Bench) -> list[AccountId]:
    """Bond and admit the maximum number of feeders; return them."""
    found = [b.account(place) for place in range(MAX_FEEDERS)]
    oracle, now = b.runtime.oracle, b.runtime.timestamp.now.value
    for who in found:
        b.runtime.balances.fungible_hold.hold(oracle.reason, who, MIN_BOND)
        oracle.feeders.feeders[who] = Feeder(MIN_BOND, now, FeederState.Active, now)
    oracle.roster.value = found
    return found


def keys(b: Bench, fed: int = 0) -> list[AccountId]:
    """Add the maximum number of keys; the first `fed` of them have values, and wait to settle."""
    who, quotes, rule = feeders(b), b.runtime.oracle.quotes, Rule()
    now = b.runtime.timestamp.now.value
    quotes.due.value = [Due(key(place), NEVER) for place in range(MAX_KEYS)]
    part = part_ms(rule)
    history = [
        Bucket(u64(int(now) - part * (MAX_BUCKETS - 1 - place)), u128(PRICE), u128(PRICE))
        for place in range(MAX_BUCKETS)
    ]
    for place in range(MAX_KEYS):
        quotes.rules[key(place)] = rule
        quotes.round[key(place)] = Round(u64(int(now) + 1), history)
        quotes.values[key(place)] = TimestampedValue(u128(PRICE), now)
        quotes.waiting[key(place)] = Waiting(TimestampedValue(u128(2 * PRICE), now), now)
    for place in range(fed):
        for each, account in enumerate(who):
            value = TimestampedValue(u128(PRICE + (each * 7919) % 31), now)
            quotes.raw_values[account, key(place)] = value
    return who


def combined(case: Case) -> Case:
    """Return the case of a call that pays for new medians of all keys."""
    return replace(case, prepaid=MAX_KEYS * weights.COMBINE)


@benchmark("Oracle.feed_values", values=(1, MAX_KEYS))
def feed_values(b: Bench, values: int) -> Case:
    """Feed that many keys: as the last feeder of the block, which was paused."""
    who, oracle = keys(b), b.runtime.oracle
    oracle.has_dispatched.value = who[:-1]
    feeder = oracle.feeders.feeders[who[-1]]
    feeder.state = FeederState.Paused
    oracle.paused.value = who
    oracle.feeders.feeders[who[-1]] = feeder
    fed = [(key(place), u128(PRICE + place)) for place in range(values)]
    case = b.signed(who[-1], "Oracle", "feed_values", values=fed)
    return replace(case, prepaid=2 * values * weights.COMBINE)  # in this block, and once expired


@benchmark("Oracle.join")
def join(b: Bench) -> Case:
    """Bond as a feeder."""
    return b.signed(b.account(0), "Oracle", "join", bond=MIN_BOND)


@benchmark("Oracle.leave")
def leave(b: Bench) -> Case:
    """Leave, as an admitted feeder with values of all keys."""
    who = keys(b, MAX_KEYS)
    return combined(b.signed(who[-1], "Oracle", "leave"))


@benchmark("Oracle.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw the bond of a feeder that left."""
    who = feeders(b)[0]
    oracle = b.runtime.oracle
    oracle.feeders.feeders[who] = Feeder(MIN_BOND, u64(0), FeederState.Leaving)
    return b.signed(who, "Oracle", "withdraw")


@benchmark("Oracle.set_rule")
def set_rule(b: Bench) -> Case:
    """Remove a key with the values of all feeders."""
    keys(b, 1)
    return b.root("Oracle", "set_rule", key=key(0), rule=None)


@benchmark("Oracle.admit")
def admit(b: Bench) -> Case:
    """Withdraw the admission of a feeder with values of all keys."""
    who = keys(b, MAX_KEYS)
    return combined(b.root("Oracle", "admit", who=who[-1], admitted=False))


@benchmark("Oracle.slash")
def slash(b: Bench) -> Case:
    """Burn the whole bond of a feeder with values of all keys."""
    who = keys(b, MAX_KEYS)
    return combined(b.root("Oracle", "slash", who=who[-1], bps=u16(10_000)))


@benchmark("Oracle.attest")
def attest(b: Bench) -> Case:
    """Make the statement with which a majority agrees; the others disagree."""
    who, provider, mining = feeders(b), operator(b), b.runtime.mining
    params = mining.params.value
    params.regions = [u32(7)] * 64
    mining.params.value = params
    half = MAX_FEEDERS // 2
    b.runtime.oracle.attestations.statements[provider] = [
        Statement(each, u16(1 if place < half else 2), EnergyClass.A)
        for place, each in enumerate(who[:-1])
    ]
    return b.signed(
        who[-1], "Oracle", "attest", provider=provider, region=u16(1), energy=EnergyClass.A
    )


@benchmark("Oracle.combine")
def combine(b: Bench) -> Case:
    """Compute the median of one key, of which all feeders have values."""
    keys(b, 1)
    quotes = b.runtime.oracle.quotes
    due = quotes.due.value
    due[0].at = u64(0)
    quotes.due.value = due
    return Case(run=quotes.combine_fed)


@benchmark("Oracle.close_period")
def close_period(b: Bench) -> Case:
    """End a period after which all feeders are paused, each with values of all keys."""
    who, oracle = keys(b, MAX_KEYS), b.runtime.oracle
    now, length = b.runtime.timestamp.now.value, u64(1_200_000)
    for each in who:
        feeder = oracle.feeders.feeders[each]
        feeder.fed_at, feeder.missed = u64(0), u32(1_000)
        oracle.feeders.feeders[each] = feeder
    oracle.feeders.watch.value = Watch(now, now - length, length)
    return Case(run=lambda: oracle.feeders.close_period(oracle.quotes.longest_heartbeat()))


@benchmark("Oracle.look")
def look(b: Bench) -> Case:
    """Begin a block in which nothing is due."""
    keys(b)
    now = b.runtime.timestamp.now.value
    b.runtime.oracle.feeders.watch.value = Watch(now, now, u64(1_000_000))
    return Case(run=lambda: b.runtime.oracle.on_initialize(1))
