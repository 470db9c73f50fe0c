"""What makes the same work weigh more or less: four factors in parts per million.

Each is a function of what was measured or attested; what is not known is neutral, except that
nobody gets more than the least for energy without an attestation. Their product is at most 2.16.
Source: `economy.md` 3.4.
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
"""Constants of `Mining`: what each decides is told there."""
HIGHEST: Final = 2_160_000
"""What the four together are at most."""


def uptime(answered: int, expected: int) -> int:
    """Return the part of the expected heartbeats that was answered; 0 for less than half."""
    part = min(answered, expected) * PPM // expected
    return 0 if part < UPTIME_FLOOR else part


def quality(target: int, p95: int, good: int, all_: int) -> int:
    """Return how fast and how well jobs were done.

    `p95` is the time that 95 of 100 jobs kept to, `target` what is expected of it (both in one
    unit), `good` of `all_` jobs were done well.
    """
    speed = clamp(target * PPM // p95 if p95 else QUALITY_RANGE[1], QUALITY_RANGE)
    return clamp(speed * good * PPM // all_ // PPM, QUALITY_RANGE)


def geography(target: int, done: int, of: int) -> int:
    """Return how much a region is wanted: its wanted share (ppm) over that of its work, `done`.

    `of` is all work done. Neutral if there was none, and for what has enough already.
    """
    if not of:
        return NEUTRAL
    actual = done * PPM // of
    if not actual:
        return GEOGRAPHY_RANGE[1] if target else NEUTRAL
    return clamp(target * PPM // actual, GEOGRAPHY_RANGE)


def energy(units_per_kwh: int, median: int) -> int:
    """Return how much work a kilowatt-hour gives, against the median; the least if unattested."""
    return clamp(units_per_kwh * PPM // median, ENERGY_RANGE)


def clamp(value: int, between: tuple[int, int]) -> int:
    """Return the nearest number to `value` that is in the range."""
    low, high = between
    return min(max(value, low), high)


def towards(price: int, target: int, least: int) -> int:
    """Return `price` moved towards `target`, by an eighth at most, and never below `least`."""
    step = price // PRICE_STEP
    return max(clamp(target, (price - step, price + step)), least)
