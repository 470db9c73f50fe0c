"""The layout of a commitment: rows in leaves, and no leaf with the end of a row and more.

A leaf holds as many whole rows as fit; a row that is longer than a leaf begins a new leaf and has
as many as it needs. So as few leaves as possible are opened for one row.
"""

from __future__ import annotations

from btt_chain.lazyclass import dataclass
from btt_chain.work.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of equal length, cut into leaves of at most `leaf` bytes; all sizes in bytes."""

    rows: int
    row: int
    leaf: int

    @property
    def rows_in_leaf(self) -> int:
        """Rows that share a leaf; 1 also for rows that need several."""
        return max(1, self.leaf // self.row)

    @property
    def leaves_of_row(self) -> int:
        """Leaves that one row needs; 1 also for rows that share one."""
        return -(-self.row // self.leaf)

    @property
    def count(self) -> int:
        """Number of leaves."""
        if self.row > self.leaf:
            return self.rows * self.leaves_of_row
        return -(-self.rows // self.rows_in_leaf)

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.rows * self.row

    @property
    def step(self) -> int | None:
        """Length of all leaves but the last, if they have one."""
        if self.row <= self.leaf:
            return self.rows_in_leaf * self.row
        return None if self.row % self.leaf else self.leaf

    def leaf_at(self, offset: int) -> int:
        """Return the leaf of a byte."""
        if self.row > self.leaf:
            row, within = divmod(offset, self.row)
            return row * self.leaves_of_row + within // self.leaf
        return offset // (self.rows_in_leaf * self.row)

    def span(self, index: int) -> tuple[int, int]:
        """Return the start and the end of a leaf."""
        if self.row > self.leaf:
            row, part = divmod(index, self.leaves_of_row)
            start = row * self.row + part * self.leaf
            return start, min(start + self.leaf, (row + 1) * self.row)
        step = self.rows_in_leaf * self.row
        return index * step, min((index + 1) * step, self.nbytes)

    def most_leaves(self, length: int) -> int:
        """Return the maximum number of leaves of `length` bytes from the start of a row."""
        rows = -(-length // self.row)
        if self.row > self.leaf:
            return min(self.count, rows * self.leaves_of_row)
        return min(self.count, (rows + self.rows_in_leaf - 2) // self.rows_in_leaf + 1)


def tensor_layout(tensor: Tensor) -> Layout:
    """Return the layout of one item's tensor."""
    return Layout(tensor.rows, tensor.row_bytes, int(tensor.leaf))


def flat(position: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """Return the number of an element by its position."""
    number = 0
    for at, size in zip(position, dims, strict=True):
        number = number * size + at
    return number


def position(number: int, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the position of an element by its number."""
    found: list[int] = []
    for size in reversed(dims):
        number, at = divmod(number, size)
        found.append(at)
    return tuple(reversed(found))
