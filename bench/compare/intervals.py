"""Ratios of two programs that were measured in turn, with an interval that the noise allows.

A figure is the processor time of one unit of work. The programs are started several times (a
launch), and measured several times in each launch. Figures of one launch are not independent: hash
seeds, memory layout and the machine's other load are the same for all of them. So launches are
resampled as a whole (cluster bootstrap, percentile method).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Final

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95
SEED: Final = 12
"""Seed of the bootstrap: equal measurements give an equal interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of speeds, above 1 where the second program is faster, with its 95 % interval."""

    ratio: float
    low: float
    high: float
    pairs: int = 0
    """Number of pairs of measurements that were made one after the other."""
    faster: int = 0
    """Number of pairs in which the second program was faster."""

    @property
    def chance(self) -> float:
        """Probability of so one-sided a split of the pairs between equal programs (sign test).

        It takes pairs for independent, which those of one launch are not: the interval decides.
        """
        return sign_test(self.faster, self.pairs)

    @property
    def significant(self) -> bool:
        """True if the interval excludes 1."""
        return not self.low <= 1 <= self.high

    def __str__(self) -> str:
        return f"{self.ratio:.3f}  [{self.low:.3f}, {self.high:.3f}]"


def speed_ratio(
    base: Sequence[Sequence[float]], other: Sequence[Sequence[float]], *, seed: int = SEED
) -> Interval:
    """Return the speed of `other` divided by that of `base`.

    Both hold processor times by launch; figures at the same place were measured one after the
    other. ValueError if there are none, if shapes differ, or if a time is not positive.
    """
    launches = [
        [_ratio(first, second) for first, second in zip(these, those, strict=True)]
        for these, those in zip(base, other, strict=True)
    ]
    if not launches or not all(launches):
        raise ValueError("no ratio without measurements: every launch needs at least one pair")
    rng = random.Random(seed)
    resampled = sorted(
        median(ratio for launch in rng.choices(launches, k=len(launches)) for ratio in launch)
        for _ in range(RESAMPLES)
    )
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    every = [ratio for launch in launches for ratio in launch]
    return Interval(
        median(every),
        resampled[tail],
        resampled[-1 - tail],
        len(every),
        sum(ratio > 1 for ratio in every),
    )


def sign_test(successes: int, trials: int) -> float:
    """Return the two-sided probability of a split at least as uneven as this one, if both sides
    are equally likely.
    """
    rarer = min(successes, trials - successes)
    tail = sum(comb(trials, count) for count in range(rarer + 1))
    return min(1.0, 2 * tail / (1 << trials))


def _ratio(base: float, other: float) -> float:
    if base <= 0 or other <= 0:
        raise ValueError(f"a processor time is not positive: {base}, {other}")
    return base / other
