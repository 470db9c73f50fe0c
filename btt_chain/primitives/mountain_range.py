"""Mountain ranges: logs of hashes that only grow, of which a state keeps the peaks.

    leaf      blake2_256(0x00 || content)
    node      blake2_256(0x01 || left || right)

The first leaves form the largest complete tree, those after them the next one, and so on, by the
binary digits of their number. The peaks are the roots of these trees, from left to right. A proof
has the siblings of a leaf up to its peak. Adding a leaf changes few peaks, so a chain keeps 32
bytes for each doubling; a program that keeps all leaves can prove each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import node_hash

MAX_PEAKS: Final = 32
"""Maximum number of peaks: a range has less than 2^32 leaves."""


class Mountain(NamedTuple):
    """The tree of a range that has a certain leaf."""

    peak: int
    """Place of its root among the peaks, from 0."""
    height: int
    place: int
    """Place of the leaf in it."""


def appended(count: int, peaks: Sequence[H256], leaf: H256) -> list[H256]:
    """Return the peaks of a range of `count` leaves after `leaf` is added."""
    left, node = list(peaks), leaf
    while count & 1:
        node = node_hash(left.pop(), node)
        count >>= 1
    return [*left, node]


def mountain_of(count: int, index: int) -> Mountain:
    """Return the tree of the leaf `index` in a range of `count`; IndexError if there is none."""
    if not 0 <= index < count:
        raise IndexError(index)
    peak, begin = 0, 0
    for height in range(count.bit_length() - 1, -1, -1):
        size = count & (1 << height)
        if index < begin + size:
            return Mountain(peak, height, index - begin)
        begin += size
        peak += bool(size)
    raise IndexError(index)


def verify(
    count: int, peaks: Sequence[bytes], index: int, leaf: bytes, path: Sequence[bytes]
) -> bool:
    """Return True if `leaf` is number `index` of the range; False for malformed input."""
    if not 0 <= index < count or len(peaks) != count.bit_count():
        return False
    mountain = mountain_of(count, index)
    if len(path) != mountain.height or any(len(each) != H256.SIZE for each in (leaf, *path)):
        return False
    node = bytes(leaf)
    for height, sibling in enumerate(path):
        on_the_right = mountain.place >> height & 1
        node = node_hash(sibling, node) if on_the_right else node_hash(node, sibling)
    return node == peaks[mountain.peak]


class MountainRange:
    """A range with all its leaves, for the programs that prove them."""

    __slots__ = ("_leaves",)

    def __init__(self, leaves: Iterable[H256] = ()) -> None:
        self._leaves = list(leaves)

    def __len__(self) -> int:
        return len(self._leaves)

    def append(self, leaf: H256) -> None:
        """Add a leaf."""
        self._leaves.append(leaf)

    def peaks(self) -> list[H256]:
        """Return the peaks, from left to right."""
        peaks: list[H256] = []
        for count, leaf in enumerate(self._leaves):
            peaks = appended(count, peaks, leaf)
        return peaks

    def proof(self, index: int) -> list[H256]:
        """Return the path of leaf `index` up to its peak; IndexError if there is none."""
        mountain = mountain_of(len(self), index)
        begin = index - mountain.place
        level = self._leaves[begin : begin + (1 << mountain.height)]
        path, place = list[H256](), mountain.place
        while len(level) > 1:
            path.append(level[place ^ 1])
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [node_hash(left, right) for left, right in pairs]
            place >>= 1
        return path
