"""The decisions of a feeder: what to feed, when, and when to keep silent. No I/O.

A key is fed if at least `MIN_SOURCES` of its sources have a price, and

1. the feeder has no value on the chain, or
2. the median moved by `deviation_bps` since its value, or
3. its value is almost as old as `heartbeat_ms`, or
4. a jump waits to settle, and its value is older than a third of `settle_ms`: the jump settles only
   while feeders confirm it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from btt_chain.feeder.values import median

MIN_SOURCES: Final = 3
BPS: Final = 10_000
CONFIRMATIONS: Final = 3
"""Number of times that a feeder confirms a waiting jump while it settles."""
PAUSE_MS: Final = 10_000
MAX_PAUSE_MS: Final = 300_000
"""Pause after a failed feed; it doubles with each further one, up to the maximum."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The part of a key's rule that a feeder needs. Times are in milliseconds."""

    heartbeat_ms: int
    deviation_bps: int
    settle_ms: int


@dataclass(frozen=True, slots=True)
class OnChain:
    """The state of a key on the chain."""

    rule: Rule
    is_waiting: bool
    """True while a jump waits to settle."""
    value: int | None = None
    """The feeder's own newest value; None if there is none."""
    fed_at: int = 0
    """Its time, in milliseconds of the chain's clock."""


@dataclass(frozen=True, slots=True)
class Polled:
    """Event: sources and chain were read."""

    now: int
    """Time of the newest block, in milliseconds."""
    chain: Mapping[str, OnChain]
    """The keys that the chain has."""
    readings: Mapping[str, tuple[int, ...]]
    """The prices that the sources of each key had."""


@dataclass(frozen=True, slots=True)
class Fed:
    """Event: the last feed is in a block."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Event: the last feed was refused."""

    now: int
    why: str


@dataclass(frozen=True, slots=True)
class Feed:
    """Action: feed these values."""

    values: tuple[tuple[str, int], ...]
    reasons: tuple[str, ...]
    """Why each of them is fed."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Action: report that a key is not fed, and why."""

    key: str
    why: str


Event = Polled | Fed | Failed
Action = Feed | Silent


@dataclass(slots=True)
class Machine:
    """The state of a feeder. `interval_ms` is the time between two polls."""

    interval_ms: int
    silent: dict[str, str] = field(default_factory=dict)
    """Why keys are silent: each reason is reported once."""
    failures: int = 0
    not_before: int = 0
    """Time before which nothing is fed, after a failure."""

    def on(self, event: Event) -> list[Action]:
        """Return the actions that follow from an event."""
        match event:
            case Polled():
                return self._on_polled(event)
            case Fed():
                self.failures = self.not_before = 0
            case Failed():
                self.failures += 1
                pause = min(PAUSE_MS << min(self.failures - 1, 10), MAX_PAUSE_MS)
                self.not_before = event.now + pause
        return []

    def _on_polled(self, event: Polled) -> list[Action]:
        actions: list[Action] = []
        due: list[tuple[str, int, str]] = []
        for key, prices in event.readings.items():
            problem = problem_of(event, key)
            if problem is not None:
                if self.silent.get(key) != problem:
                    actions.append(Silent(key, problem))
                self.silent[key] = problem
                continue
            self.silent.pop(key, None)
            price = median(prices)
            why = reason(event.chain[key], price, event.now, self.interval_ms)
            if why is not None:
                due.append((key, price, why))
        if due and event.now >= self.not_before:
            values = tuple((key, price) for key, price, _ in due)
            actions.append(Feed(values, tuple(why for _, _, why in due)))
        return actions


def problem_of(event: Polled, key: str) -> str | None:
    """Return why a key cannot be fed; None if it can."""
    if key not in event.chain:
        return f"the chain has no such key; it has {', '.join(sorted(event.chain)) or 'none'}"
    count = len(event.readings[key])
    if count < MIN_SOURCES:
        return f"{count} sources have a price, {MIN_SOURCES} are the least"
    return None


def reason(state: OnChain, price: int, now: int, interval_ms: int) -> str | None:
    """Return why a price must be fed now; None if it need not."""
    if state.value is None:
        return "first value"
    rule, age = state.rule, now - state.fed_at
    moved = abs(price - state.value) * BPS
    if moved >= rule.deviation_bps * state.value:
        return f"moved by {moved // state.value} basis points"
    # The next poll and the next block must not come too late.
    if age + 2 * interval_ms >= rule.heartbeat_ms:
        return "heartbeat"
    if state.is_waiting and age >= rule.settle_ms // CONFIRMATIONS:
        return "confirms a jump"
    return None
