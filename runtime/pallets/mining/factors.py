"""Factors of a score: uptime, quality, geography and energy, in parts per million.

Each is a function of measured or attested values; unknown values are neutral, except that energy
without an attestation gives the minimum. Their product is at most 2.16. Described in
`docs/economy.md`.
"""

from __future__ import annotations

from typing import Final

from runtime.splits import PPM

NEUTRAL: Final = PPM

UPTIME_FLOOR: Final = 500_000
QUALITY_RANGE: Final = (500_000, 1_200_000)
GEOGRAPHY_RANGE: Final = (1_000_000, 1_500_000)
ENERGY_RANGE: Final = (800_000, 1_200_000)
PRICE_STEP: Final = 8
"""Constants of `Mining`, described there."""
HIGHEST: Final = 2_160_000
"""Maximum product of the four."""


def uptime(answered: int, expected: int) -> int:
    """Return the part of the expected heartbeats that was answered; 0 for less than half."""
    part = min(answered, expected) * PPM // expected
    return 0 if part < UPTIME_FLOOR else part


def quality(target: int, p95: int, good: int, all_: int) -> int:
    """Return the factor for the speed and success of jobs.

    `p95` is the time within which 95 of 100 jobs were done, `target` the expected one (both in
    one unit), `good` of `all_` jobs were done well.
    """
    speed = clamp(target * PPM // p95 if p95 else QUALITY_RANGE[1], QUALITY_RANGE)
    return clamp(speed * good * PPM // all_ // PPM, QUALITY_RANGE)


def geography(target: int, done: int, of: int) -> int:
    """Return a region's factor: its wanted share (ppm) over its share of the work, `done` of `of`.

    Neutral if there was no work, and for a region that has enough already.
    """
    if not of:
        return NEUTRAL
    actual = done * PPM // of
    if not actual:
        return GEOGRAPHY_RANGE[1] if target else NEUTRAL
    return clamp(target * PPM // actual, GEOGRAPHY_RANGE)


def energy(units_per_kwh: int, median: int) -> int:
    """Return the factor for work per kilowatt-hour, against the median; the minimum if 0."""
    return clamp(units_per_kwh * PPM // median, ENERGY_RANGE)


def clamp(value: int, between: tuple[int, int]) -> int:
    """Return the number in the range that is nearest to `value`."""
    low, high = between
    return min(max(value, low), high)


def towards(price: int, target: int, least: int) -> int:
    """Return `price` moved towards `target`, by an eighth at most, and never below `least`."""
    step = price // PRICE_STEP
    return max(clamp(target, (price - step, price + step)), least)
