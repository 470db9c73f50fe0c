"""Quotes: the rules of keys, the values fed for them, and the prices that follow.

A key's median is computed at the end of each block in which it was fed, and at the beginning of
the next block after one of its values expired. So all calls of a block see the price of the block
before, in whatever order its author puts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64, u128
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.pallets.oracle import errors, events
from runtime.pallets.oracle.prices import Quote, advance, combine
from runtime.pallets.oracle.types import (
    MAX_FEEDERS,
    MAX_KEY,
    MAX_KEYS,
    MAX_VALUE,
    MIN_COUNT,
    Due,
    Key,
    Keys,
    Roster,
    Round,
    Rule,
    Time,
    TimestampedValue,
    Waiting,
)

NEVER: Final = u64(u64.MAX)
NOW: Final = u64(0)
"""Mark of a key whose median is computed at the end of this block."""


class Quotes(Component):
    """Rules, fed values and prices of all keys."""

    _roster: Value[Roster]
    _paused: Value[Roster]
    _time: Time

    rules = Map(Key, Rule, hasher=Hasher.Twox64Concat)
    """The rule of each key. A key is a pair of currencies: b"BTT/CNY"."""
    raw_values = DoubleMap(
        AccountId, Key, TimestampedValue, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """The newest value of each feeder for each key."""
    values = Map(Key, TimestampedValue, hasher=Hasher.Twox64Concat)
    """The value of each key: a median, with the time at which it was fed. It is no price while it
    is stale, or waits for a jump: read prices by the runtime API."""
    waiting = Map(Key, Waiting, hasher=Hasher.Twox64Concat)
    """Medians that are too far from the value of their key, until they have settled."""
    round = Map(Key, Round, default=Round(), hasher=Hasher.Twox64Concat)
    """The rest of the state of each key's price."""
    due = Value(Keys, default=[])
    """All keys with a rule, and when their medians must be computed again."""

    # ---- public interface

    def price(self, key: bytes) -> u128:
        """Return the price of a key; see `Oracle.price`."""
        rule, now = self.rules.peek(key) if len(key) <= MAX_KEY else None, self._time.moment()
        if rule is None:
            raise errors.UnknownKey
        value, current = self.values.peek(key), self.round.peek(key)
        enough_until = 0 if current is None else int(current.enough_until)
        if value is None or not enough_until:
            raise errors.Few
        if enough_until <= now:
            raise errors.Stale
        if key in self.waiting:
            raise errors.Jumping
        if int(value.timestamp) + rule.expires_ms <= now:
            raise errors.Stale
        return value.value

    def all_keys(self) -> list[bytes]:
        """Return all keys with a rule, in the order in which they were added."""
        return [bytes(each.key) for each in self.due.peek()]

    def feed(self, who: AccountId, values: Sequence[tuple[bytes, u128]]) -> None:
        """Store values of a feeder. Raises NothingFed, UnknownKey, KeyTwice, Zero or TooHigh."""
        if not values:
            raise errors.NothingFed
        known, fed = self.all_keys(), [key for key, _ in values]
        for place, (key, value) in enumerate(values):
            if key not in known:
                raise errors.UnknownKey
            if key in fed[:place]:
                raise errors.KeyTwice
            if not value:
                raise errors.Zero
            if value > MAX_VALUE:
                raise errors.TooHigh
        now = u64(self._time.moment())
        for key, value in values:
            self.raw_values[who, key] = TimestampedValue(value, now)
        self._mark(fed)

    def forget(self, who: AccountId) -> None:
        """Remove all values of a feeder that no longer counts."""
        held = [key for key in self.all_keys() if (who, key) in self.raw_values]
        for key in held:
            del self.raw_values[who, key]
        self._mark(held)

    def mark_all(self) -> None:
        """Have the medians of all keys computed at the end of the block."""
        self._mark(self.all_keys())

    def set_rule(self, key: bytes, rule: Rule | None) -> None:
        """Set the rule of a key; None removes the key. Raises an error for an invalid rule."""
        known = key in self.rules
        if rule is None:
            if not known:
                raise errors.UnknownKey
            self._remove(key)
            return
        ensure_valid(rule)
        if not known:
            if len(self.due.peek()) >= MAX_KEYS:
                raise errors.TooManyKeys
            self.due.value = [*self.due.value, Due(key, NEVER)]
        self.rules[key] = rule
        if known:
            self._mark([key])

    def longest_heartbeat(self) -> int:
        """Return the longest heartbeat of all rules in milliseconds; the default without a rule."""
        lengths = [int(self.rules[key].heartbeat_ms) for key in self.all_keys()]
        return max(lengths, default=int(Rule().heartbeat_ms))

    def marked(self) -> int:
        """Return the number of keys whose medians are computed at the end of this block."""
        return sum(each.at == NOW for each in self.due.peek())

    def combine_due(self) -> int:
        """Compute the medians of which a value has expired; return their number."""
        dates = self.due.peek()
        if not dates:
            return 0
        now = self._time.moment()
        return self._combine_all([bytes(each.key) for each in dates if NOW < each.at <= now])

    def combine_fed(self) -> int:
        """Compute the medians of the keys that were fed in this block; return their number."""
        return self._combine_all([bytes(each.key) for each in self.due.peek() if each.at == NOW])

    # ---- internals

    def _mark(self, keys: Sequence[bytes]) -> None:
        """Have the medians of these keys computed at the end of the block."""
        if keys:
            marked = self.due.value
            for each in marked:
                if bytes(each.key) in keys:
                    each.at = NOW
            self.due.value = marked

    def _remove(self, key: bytes) -> None:
        for item in (self.rules, self.values, self.waiting, self.round):
            del item[key]
        for who in self._roster.peek():
            del self.raw_values[who, key]
        self.due.value = [each for each in self.due.value if each.key != key]

    def _combine_all(self, keys: Sequence[bytes]) -> int:
        if keys:
            due = self.due.value
            for each in due:
                if bytes(each.key) in keys:
                    each.at = self._combine(bytes(each.key))
            self.due.value = due
        return len(keys)

    def _combine(self, key: bytes) -> u64:
        """Compute the median of a key and advance its price; return when to do so again."""
        rule, now, round_ = self.rules[key], self._time.moment(), self.round[key]
        paused = self._paused.peek()
        counted = [who for who in self._roster.peek() if who not in paused]
        found = (self.raw_values.get((who, key)) for who in counted)
        combined = combine([each for each in found if each is not None], now, rule)
        round_.enough_until = u64(combined.enough_until)
        if combined.median is not None:
            before = Quote(self.values.get(key), self.waiting.get(key), round_.history)
            after = advance(before, combined.median, now, rule)
            round_.history = after.history
            self._store(key, before, after, combined.median)
        self.round[key] = round_
        return NEVER if combined.next_expiry is None else u64(combined.next_expiry)

    def _store(self, key: bytes, before: Quote, after: Quote, median: TimestampedValue) -> None:
        """Store the value of a key, and emit its changes."""
        assert after.value is not None  # noqa: S101 - a median gives a value, or keeps one
        self.values[key] = after.value
        if after.waiting is None:
            del self.waiting[key]
            if before.waiting is not None:
                self.deposit(events.JumpEnded(key, after.value.value))
            elif before.value is None or before.value.value != after.value.value:
                self.deposit(events.PriceSet(key, after.value.value))
            return
        self.waiting[key] = after.waiting
        if before.waiting is None:
            self.deposit(events.JumpBegan(key, after.value.value, median.value))


def ensure_valid(rule: Rule) -> None:
    """Raise TooFew or InvalidRule unless all fields are within their bounds."""
    if not MIN_COUNT <= rule.min_count <= MAX_FEEDERS:
        raise errors.TooFew
    if rule.problem() is not None:
        raise errors.InvalidRule
