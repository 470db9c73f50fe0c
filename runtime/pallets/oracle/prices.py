"""Prices: the median of fed values, and when it becomes the value of a key. Pure functions.

| state of a key | median of the fresh values | next state |
|---|---|---|
| no value | any | value |
| value | within `jump_bps` of all values of the last `settle_ms` | value: the median |
| value | further away | waiting around the median |
| waiting | within `jump_bps` of all values of the last `settle_ms` | value: the median |
| waiting | within half of `jump_bps` of the center, since less than `settle_ms` | waiting |
| waiting | within half of `jump_bps` of the center, since `settle_ms` | value: the median |
| waiting | elsewhere, or after a gap in which all values expired | waiting around the median |

The comparison with the values of the whole last `settle_ms`, not only with the newest one, bounds
steps that are each below `jump_bps`: without a settled jump an hour of four settling times moves
the value at most to 1.1^4 or 0.9^4 of what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from btt_chain.lazyclass import dataclass
from btt_chain.scale import u64, u128
from runtime.pallets.oracle.types import (
    HISTORY_PARTS,
    MAX_BUCKETS,
    Bucket,
    Rule,
    TimestampedValue,
    Waiting,
)
from runtime.splits import BPS


@dataclass(frozen=True, slots=True)
class Combined:
    """The median of the fresh values of a key. Times are in milliseconds since 1970."""

    median: TimestampedValue | None
    """The median with the time at which it was fed; None if too few values are fresh."""
    enough_until: int
    """Time until which enough values are fresh; 0 if too few are."""
    next_expiry: int | None
    """Time at which the first of the fresh values expires; None if none is fresh."""


@dataclass(slots=True)
class Quote:
    """The price of a key."""

    value: TimestampedValue | None = None
    waiting: Waiting | None = None
    history: list[Bucket] = field(default_factory=list)
    """Values in force during the last settling time."""


def combine(values: Sequence[TimestampedValue], now: int, rule: Rule) -> Combined:
    """Return the median of the values that are not expired, if they are enough.

    The median of n sorted values is the one at n // 2. With at most (n - 1) // 2 liars it lies
    between two honest values. Source: orml_oracle::DefaultCombineData
    """
    expires = int(rule.expires_ms)
    fresh = [each for each in values if int(each.timestamp) + expires > now]
    times = sorted((int(each.timestamp) for each in fresh), reverse=True)
    next_expiry = times[-1] + expires if times else None
    if len(fresh) < rule.min_count:
        return Combined(None, 0, next_expiry)
    ordered = sorted(fresh, key=lambda each: (int(each.value), int(each.timestamp)))
    return Combined(
        ordered[len(ordered) // 2], times[int(rule.min_count) - 1] + expires, next_expiry
    )


def advance(quote: Quote, median: TimestampedValue, now: int, rule: Rule) -> Quote:
    """Return the price after a new median; see the table of this module."""
    if quote.value is None:
        return settled(median, now, rule)
    current, price = int(quote.value.value), int(median.value)
    recent = within_window(quote.history, now, rule)
    bounds = [current, *(int(each.low) for each in recent), *(int(each.high) for each in recent)]
    if all(is_near(price, bound, int(rule.jump_bps)) for bound in (min(bounds), max(bounds))):
        return Quote(median, None, recorded(recent, current, price, now, rule))
    waiting = quote.waiting
    if waiting is None or not is_confirmed(waiting, price, now, rule):
        center = TimestampedValue(u128(price), u64(now))
        return Quote(quote.value, Waiting(center, u64(now)), recent)
    if now - int(waiting.since) >= rule.settle_ms:
        return settled(median, now, rule)
    center = TimestampedValue(waiting.center.value, u64(now))
    return Quote(quote.value, Waiting(center, waiting.since), recent)


def settled(median: TimestampedValue, now: int, rule: Rule) -> Quote:
    """Return the price of a first median, or of a settled jump: its history begins anew."""
    price = int(median.value)
    return Quote(median, None, recorded([], price, price, now, rule))


def is_confirmed(waiting: Waiting, price: int, now: int, rule: Rule) -> bool:
    """Return True if a median continues the wait: near the center, and without a gap before."""
    gap = now - int(waiting.center.timestamp)
    half = int(rule.jump_bps) // 2
    return gap <= rule.expires_ms and is_near(price, int(waiting.center.value), half)


def is_near(price: int, base: int, bps: int) -> bool:
    """Return True if `price` is at most `bps` basis points of `base` away from it."""
    return abs(price - base) * BPS <= bps * base


# ---- history


def within_window(history: Sequence[Bucket], now: int, rule: Rule) -> list[Bucket]:
    """Return the parts of the history that reach into the last settling time."""
    reach = int(rule.settle_ms) + part_ms(rule)
    return [each for each in history if int(each.start) + reach > now]


def recorded(
    history: Sequence[Bucket], before: int, after: int, now: int, rule: Rule
) -> list[Bucket]:
    """Return the history with the change from one value to another at `now`."""
    start = now - now % part_ms(rule)
    low, high, kept = min(before, after), max(before, after), list(history)
    if kept and kept[-1].start >= start:
        last = kept.pop()
        start, low, high = int(last.start), min(low, int(last.low)), max(high, int(last.high))
    kept.append(Bucket(u64(start), u128(low), u128(high)))
    # After a change of the rule the parts may have another length: the oldest become one.
    while len(kept) > MAX_BUCKETS:
        first, second = kept[:2]
        low, high = min(first.low, second.low), max(first.high, second.high)
        kept[:2] = [Bucket(second.start, low, high)]
    return kept


def part_ms(rule: Rule) -> int:
    """Return the length of a part of the history, in milliseconds."""
    return int(rule.settle_ms) // HISTORY_PARTS
