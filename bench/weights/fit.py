"""From samples to a formula: non-negative least squares, relative to what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def fit(rows: Sequence[Sequence[int]], values: Sequence[int]) -> list[int]:
    """Return a constant and a slope for each component, none negative.

    `rows` are the components' values at each point, `values` what was measured there. Errors
    count relative to the value, so that the smallest point is met as well as the greatest. The
    least that explains the points is chosen among all subsets of the components; then all is
    raised until no point lies above.
    """
    matrix = np.array([[1, *row] for row in rows], dtype=float)
    target = np.array([max(1, value) for value in values], dtype=float)
    scaled = matrix / target[:, None]
    ones = np.ones(len(target))
    best: tuple[float, np.ndarray] | None = None
    count = matrix.shape[1]
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            found = np.linalg.lstsq(scaled[:, chosen], ones, rcond=None)[0]
            if (found < 0).any():
                continue
            full = np.zeros(count)
            full[list(chosen)] = found
            error = float(((scaled @ full - ones) ** 2).sum())
            if best is None or error < best[0] - 1e-9:
                best = error, full
    if best is None:  # not even a constant: nothing was measured
        raise ValueError("no formula without negative parts meets the samples")
    formula = best[1]
    raised = max(1.0, float((target / np.maximum(matrix @ formula, 1)).max()))
    return [int(part * raised) for part in formula]
