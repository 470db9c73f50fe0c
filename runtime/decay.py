"""Decay: sums over past eras, each of which counts for eight tenths of the one after it.

Shares of blocks that are planned in an era use its snapshot: the fourteen eras before the last one.
So nothing counts that was done while the randomness of the planned epoch was being made. Work and
the income of authors are compared, hence decay alike. (docs/staking.md)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

WINDOW: Final = 14
"""Number of eras that count."""
AGE: Final = 2
"""Distance in eras of the newest of them from the era in which shares are planned."""
DECAY: Final = 8
"""Weight of an era relative to the next one, in tenths."""
KEPT: Final = WINDOW + AGE
"""Number of eras stored: those that count, and those that will."""
WEIGHTS: Final[tuple[int, ...]] = tuple(
    DECAY**age * 10 ** (WINDOW - 1 - age) for age in range(WINDOW)
)
"""Weights of the eras that count, the newest first. So scaled, each is a whole number."""
SCORE_UNIT: Final = WEIGHTS[0]
"""Weight of the newest era that counts."""
DECAY_SUM: Final = sum(WEIGHTS)
"""Sum of the weights of all eras that count: 4.78 times `SCORE_UNIT`."""


def decayed(amounts: Iterable[tuple[int, int]], snapshot: int) -> int:
    """Return the sum of amounts in the snapshot of an era, in parts of `SCORE_UNIT`.

    `amounts` are pairs of an era and what it adds; `snapshot` is the newest era that counts.
    """
    ages = ((snapshot - era, amount) for era, amount in amounts)
    return sum(amount * WEIGHTS[age] for age, amount in ages if 0 <= age < WINDOW)
