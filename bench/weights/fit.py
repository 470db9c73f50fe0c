"""Fit a formula to samples: non-negative least squares, relative to the measured values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def fit(rows: Sequence[Sequence[int]], values: Sequence[int]) -> list[int]:
    """Return a constant and a slope for each component, none negative.

    `rows` are the components' values at each point, `values` the measurements there. The formula is
    exact at the point with the smallest components; the slopes explain by how much the others
    exceed it, chosen among all subsets of the components, errors relative to the value. Then the
    slopes are raised until no point lies above.
    """
    places = sorted(range(len(rows)), key=lambda place: sum(rows[place]))
    points = np.array([rows[place] for place in places], dtype=float)
    target = np.array([values[place] for place in places], dtype=float)
    if not rows[0]:
        return [max(values)]
    steps, excess = points - points[0], np.maximum(target - target[0], 0.0)
    scale = np.maximum(target, 1.0)
    slopes = _slopes(steps / scale[:, None], excess / scale)
    fitted = steps @ slopes
    reached = fitted > 0
    if reached.any():
        slopes *= max(1.0, float((excess[reached] / fitted[reached]).max()))
    # The constant takes what no slope explains.
    constant = float((target - points @ slopes).max())
    return [max(0, round(constant)), *(round(slope) for slope in slopes)]


def _slopes(steps: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Return the non-negative slopes with the least error."""
    count = steps.shape[1]
    best, least = np.zeros(count), float((excess**2).sum())
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            found = np.linalg.lstsq(steps[:, chosen], excess, rcond=None)[0]
            if (found < 0).any():
                continue
            error = float(((steps[:, chosen] @ found - excess) ** 2).sum())
            if error < least - 1e-12:
                best, least = np.zeros(count), error
                best[list(chosen)] = found
    return best
