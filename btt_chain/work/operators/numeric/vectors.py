"""Products with random vectors, in float64 (`btt_chain.work.freivalds`)."""

from __future__ import annotations

from typing import Final

import numpy as np

from btt_chain.work.model import Constants, Elements, Float64s

BLOCK: Final = 1 << 16
"""Number of elements that are multiplied at a time, so that they stay in the cache."""


class Vectors:
    """Random vectors for one node, and the products of its constants with them."""

    def __init__(self, random: Float64s, constants: Constants | None, parts: int = 1) -> None:
        """`parts` is that of the node: each part of a sum is a product with its own columns."""
        self.random = random
        if constants is None:
            self.of_weights = self.of_bias = np.zeros((0, random.shape[1]))
            return
        # Columns are stored as rows: their transpose multiplies an input.
        self.of_weights = np.concatenate(
            [
                constants.columns[at::parts].T.astype(np.float64) @ random[at::parts]
                for at in range(parts)
            ]
        )
        self.of_bias = constants.first.astype(np.float64)[None, :] @ random


def times(rows: Elements, vectors: Float64s, zero: int = 0) -> Float64s:
    """Return rows, minus the zero, times vectors; in blocks that stay in the cache."""
    product = np.empty((len(rows), vectors.shape[1]))
    step = max(1, BLOCK // max(rows.shape[1], 1))
    for at in range(0, len(rows), step):
        part = rows[at : at + step].astype(np.float64)
        if zero:
            part -= zero
        np.matmul(part, vectors, out=product[at : at + step])
    return product
