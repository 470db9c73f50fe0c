"""Emission: the schedule of the mining pool, and the score of work.

The pool is issued in four bands of two years, 40, 30, 20 and 10 percent of it, evenly within each.
The emission of a period is a difference of two values of one function, so that periods of any
length, in any number, add up: after eight years to the pool exactly, and never a planck too early.
Integers only; times in milliseconds since genesis, amounts in planck.

Source: `economy.md` 3.3 (bands) and 3.4 (score).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from runtime.constants import YEAR_MS
from runtime.splits import PPM

BAND_PERCENT: Final = (40, 30, 20, 10)
"""Parts of the pool by band. The last band is the remainder."""
BAND_MS: Final = 2 * YEAR_MS
"""Length of each band."""
EMISSION_MS: Final = len(BAND_PERCENT) * BAND_MS
"""Length of the whole emission."""


def bands(pool: int) -> tuple[int, ...]:
    """Return the amount of `pool` that each band issues; they add up to the pool."""
    rounded = [int(pool) * percent // 100 for percent in BAND_PERCENT[:-1]]
    return (*rounded, int(pool) - sum(rounded))


def emitted(pool: int, time_ms: int) -> int:
    """Return the part of `pool` issued from genesis to `time_ms`; all of it after eight years."""
    return sum(
        band * passed(time_ms, place * BAND_MS) // BAND_MS for place, band in enumerate(bands(pool))
    )


def issued(pool: int, since_ms: int, until_ms: int) -> int:
    """Return the amount issued in a period. Adjacent periods add up to their union."""
    return emitted(pool, until_ms) - emitted(pool, since_ms)


def pace(pool: int, since_ms: int, until_ms: int) -> int:
    """Return the maximum amount of carried-over emission that may be paid in a period.

    As much as is issued in it; after eight years at the rate of the last band, until nothing is
    left.
    """
    if until_ms <= EMISSION_MS:
        return issued(pool, since_ms, until_ms)
    return bands(pool)[-1] * (until_ms - since_ms) // BAND_MS


def passed(time_ms: int, start_ms: int) -> int:
    """Return the time of the band starting at `start_ms` that has passed at `time_ms`."""
    return min(max(int(time_ms) - start_ms, 0), BAND_MS)


def score(units: int, factors: Iterable[int]) -> int:
    """Return the score of `units` of work with `factors` in parts per million.

    Each product is rounded down before the next: the order of the factors (uptime, quality,
    geography, energy) is part of the protocol. Divided work scores no more than in one piece.
    """
    weighed = int(units)
    for factor in factors:
        weighed = weighed * int(factor) // PPM
    return weighed
