"""Emission: how much of the mining pool is there to be earned by when, and what work weighs.

The pool is issued in four bands of two years, 40, 30, 20 and 10 percent of it, evenly within each.
What is issued in a span of time is a difference of two values of one function, so that spans of
any length, in any number, add up: after eight years to the pool exactly, and not a planck before
its time. Whole numbers only; times in milliseconds since genesis, amounts in planck.

Source: `economy.md` 3.3 (bands) and 3.4 (score).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runtime.constants import YEAR_MS
from runtime.splits import PPM

BAND_PERCENT: Final = (40, 30, 20, 10)
"""The parts of the pool, in the order of the bands. The last band is what the others leave."""
BAND_MS: Final = 2 * YEAR_MS
"""How long each band lasts."""
EMISSION_MS: Final = len(BAND_PERCENT) * BAND_MS
"""From then on everything is issued."""


def bands(pool: int) -> tuple[int, ...]:
    """Return what each band issues of `pool`; together they are the pool."""
    rounded = [int(pool) * percent // 100 for percent in BAND_PERCENT[:-1]]
    return (*rounded, int(pool) - sum(rounded))


def emitted(pool: int, time_ms: int) -> int:
    """Return what of `pool` is issued from genesis to `time_ms`; all of it after eight years."""
    return sum(
        band * passed(time_ms, place * BAND_MS) // BAND_MS for place, band in enumerate(bands(pool))
    )


def issued(pool: int, since_ms: int, until_ms: int) -> int:
    """Return what is issued in a span. Adjoining spans add up to the span of both."""
    return emitted(pool, until_ms) - emitted(pool, since_ms)


def pace(pool: int, since_ms: int, until_ms: int) -> int:
    """Return the most that may be taken from what was left over, in a span.

    As much as is issued in it; after eight years at the rate of the last band, until nothing is
    left over.
    """
    if until_ms <= EMISSION_MS:
        return issued(pool, since_ms, until_ms)
    return bands(pool)[-1] * (until_ms - since_ms) // BAND_MS


def passed(time_ms: int, start_ms: int) -> int:
    """Return how much of the band that starts at `start_ms` is over at `time_ms`."""
    return min(max(int(time_ms) - start_ms, 0), BAND_MS)


def score(units: int, factors: Iterable[int]) -> int:
    """Return what `units` of work weigh by `factors` in parts per million.

    Each product is rounded down before the next: the order of the factors (uptime, quality,
    geography, energy) is part of the law. Work that is split weighs no more than in one piece.
    """
    weighed = int(units)
    for factor in factors:
        weighed = weighed * int(factor) // PPM
    return weighed
