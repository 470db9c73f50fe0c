"""Evidence trees: sorted Merkle trees over commitments to health records and to evidence of points.

    leaf      blake2_256(0x00 || content)         content begins with 32 random bytes, the salt
    padding   blake2_256(0x02 || salt || number)  number: u32, little endian
    node      blake2_256(0x01 || left || right)

A tree has a power of two of leaves, at least `MIN_LEAVES`, in ascending order and each once.
Padding is sorted in with the rest, so neither the root nor a proof reveals how many leaves have a
content. The first bytes differ, so no leaf is a node or padding at the same time; and a proof has
exactly as many hashes as the tree is high, so no node of the tree is taken for a leaf.

A proof of absence is the two neighbours between which a leaf would stand, or the first or last leaf
if it would stand before or after all. Such a proof exists for each leaf that is not below a root,
even if the leaves are not sorted: in any row that goes from below a value to above it, some
neighbours enclose the value. An unsorted tree may also have such proofs for leaves that it has,
which harms the one who committed to it.

Source of the domain bytes: RFC 9162, section 2.1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import MaxLen, path, u32

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
PADDING: Final = b"\x02"
"""First byte of what is hashed: a content, two nodes, a padding."""

SALT_SIZE: Final = 32
"""Bytes of a salt."""
MIN_HEIGHT: Final = 6
MAX_HEIGHT: Final = 20
"""Bounds of a tree's height, which is the number of hashes of a path."""
MIN_LEAVES: Final = 1 << MIN_HEIGHT
MAX_LEAVES: Final = 1 << MAX_HEIGHT
"""Bounds of the number of leaves."""
MAX_NEIGHBOURS: Final = 2
"""Maximum number of leaves that prove an absence."""


@path("btt_primitives::Opening")
@dataclass(slots=True)
class Opening:
    """A leaf of a tree with its proof."""

    index: u32
    """Place of the leaf, from 0."""
    leaf: H256
    path: Annotated[list[H256], MaxLen(MAX_HEIGHT)]
    """Hashes of the siblings, from the leaf's upwards."""


class EvidenceTree:
    """A tree with all its nodes, for the program that commits to it."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes], salt: bytes) -> None:
        """Build the tree over `leaves`, padded with leaves that are derived from `salt`.

        ValueError for a leaf that is given twice or is not of 32 bytes, for more than `MAX_LEAVES`
        of them, and for a salt that is not of 32 bytes. The salt has to be secret and of one tree.
        """
        if len(salt) != SALT_SIZE:
            raise ValueError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
        given = [H256(leaf) for leaf in leaves]
        count = padded_count(len(given))
        padding = (padding_leaf(salt, number) for number in range(count - len(given)))
        level = sorted([*given, *padding])
        if any(left == right for left, right in pairwise(level)):
            raise ValueError("a leaf is in the tree twice")
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [node_hash(left, right) for left, right in pairs]
            self._levels.append(level)

    @property
    def root(self) -> H256:
        """The commitment."""
        return self._levels[-1][0]

    @property
    def leaves(self) -> Sequence[H256]:
        """All leaves in ascending order, padding included."""
        return self._levels[0]

    def __len__(self) -> int:
        return len(self._levels[0])

    def index_of(self, leaf: bytes) -> int | None:
        """Return the place of a leaf; None if the tree has it not."""
        place = bisect_left(self.leaves, leaf)
        return place if place < len(self) and self.leaves[place] == leaf else None

    def proof(self, index: int) -> list[H256]:
        """Return the path of the leaf at `index`; IndexError if there is none."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return [level[(index >> height) ^ 1] for height, level in enumerate(self._levels[:-1])]

    def opening(self, index: int) -> Opening:
        """Return the leaf at `index` with its proof; IndexError if there is none."""
        return Opening(u32(index), self.leaves[index], self.proof(index))

    def absence(self, leaf: bytes) -> list[Opening]:
        """Return the neighbours that prove that `leaf` is not in the tree.

        ValueError if it is.
        """
        place = bisect_left(self.leaves, leaf)
        if place < len(self) and self.leaves[place] == leaf:
            raise ValueError("the leaf is in the tree")
        return [self.opening(index) for index in (place - 1, place) if 0 <= index < len(self)]


def leaf_hash(content: bytes) -> H256:
    """Return the leaf of a content, which begins with a salt."""
    return H256(blake2_256(LEAF + content))


def padding_leaf(salt: bytes, number: int) -> H256:
    """Return a leaf without content."""
    return H256(blake2_256(PADDING + salt + number.to_bytes(4, "little")))


def node_hash(left: bytes, right: bytes) -> H256:
    """Return the node over two."""
    return H256(blake2_256(NODE + left + right))


def padded_count(count: int) -> int:
    """Return the number of leaves of a tree with `count` contents; ValueError if too many."""
    if count > MAX_LEAVES:
        raise ValueError(f"a tree has at most {MAX_LEAVES} leaves, not {count}")
    return max(MIN_LEAVES, 1 << max(count - 1, 0).bit_length())


def is_tree_size(leaves: int) -> bool:
    """Return True if a tree may have this number of leaves."""
    return MIN_LEAVES <= leaves <= MAX_LEAVES and leaves & (leaves - 1) == 0


def verify(root: bytes, index: int, leaves: int, leaf: bytes, path: Sequence[bytes]) -> bool:
    """Return True if `leaf` is at place `index` of the tree with `leaves` leaves below `root`.

    False for malformed input.
    """
    if not is_tree_size(leaves) or not 0 <= index < leaves:
        return False
    if len(path) != leaves.bit_length() - 1 or len(leaf) != H256.SIZE:
        return False
    node = bytes(leaf)
    for height, sibling in enumerate(path):
        if len(sibling) != H256.SIZE:
            return False
        on_the_right = index >> height & 1
        node = node_hash(sibling, node) if on_the_right else node_hash(node, sibling)
    return node == root


def verify_opening(root: bytes, leaves: int, opening: Opening) -> bool:
    """Return True if the opened leaf is where it is said to be."""
    return verify(root, int(opening.index), leaves, opening.leaf, opening.path)


def verify_absence(root: bytes, leaves: int, leaf: bytes, neighbours: Sequence[Opening]) -> bool:
    """Return True if `neighbours` leave no place for `leaf` in the tree.

    They are the leaves before and after it, or the first or the last leaf alone if it would stand
    before or after all. False for malformed input.
    """
    if len(leaf) != H256.SIZE or not all(
        verify_opening(root, leaves, opening) for opening in neighbours
    ):
        return False
    match neighbours:
        case [only] if only.index == 0 and leaf < only.leaf:
            return True
        case [only]:
            return only.index == leaves - 1 and only.leaf < leaf
        case [before, after]:
            return before.index + 1 == after.index and before.leaf < leaf < after.leaf
    return False
