"""Sizes of the pieces in which kernels work, so that they stay in the cache."""

from __future__ import annotations

from typing import Final

BLOCK_ELEMENTS: Final = 1 << 16
"""Number of elements that are processed at a time, so that they stay in the cache."""
MIN_ROW: Final = 1 << 12
"""Length below which several rows are processed together: numpy is slow with short rows."""
MATRIX_ROWS: Final = 1 << 10
"""Rows that are multiplied at a time: with fewer, BLAS would mostly wait for the weights."""
MIN_MATRIX: Final = 1 << 18
"""Minimum elements of a matrix, for which short rows may be more."""
MAX_MATRIX: Final = 1 << 23
"""Maximum elements of a matrix, for which long rows must be fewer."""


def evenly(count: int, most: int) -> int:
    """Return the length of parts of at most `most`, the last not much shorter than the others."""
    return -(-count // -(-count // most))


def matrix_rows(length: int) -> int:
    """Return the number of rows of such a length that are multiplied at a time."""
    return max(1, MIN_MATRIX // length, min(MATRIX_ROWS, MAX_MATRIX // length))
