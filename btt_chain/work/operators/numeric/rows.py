"""Operations on whole rows in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from btt_chain.work.model import Elements, Float64s
from btt_chain.work.operators.numeric import blocks


def by_rows(
    work: Callable[[Elements, Elements, Float64s], None], x: Elements, made: Elements
) -> None:
    """Process some rows at a time, each time in the same buffer."""
    rows, flat = x.reshape(-1, x.shape[-1]), made.reshape(-1, made.shape[-1])
    step = min(len(rows), max(1, blocks.BLOCK_ELEMENTS // x.shape[-1]))
    room = np.empty((step, x.shape[-1]))
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        work(part, flat[at : at + step], room[: len(part)])


def sums_of(rows: Float64s) -> Float64s:
    """Return each row's sum; by BLAS, since integers below 2^53 have one sum in every order."""
    return (rows @ np.ones(rows.shape[1]))[:, None]
