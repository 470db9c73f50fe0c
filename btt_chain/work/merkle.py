"""SHA-256 trees of leaves, and openings of several leaves at once.

Leaves, inner nodes and roots are hashed under tags of their own, and the root binds the number of
leaves, so no leaf can pass for a node and no tree for a larger one. A node without a sibling moves
up unchanged. A keyed leaf can be recognised only with its key (docs/useful-work.md, 4.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, path, u32
from btt_chain.work.errors import ProofRefused
from btt_chain.work.tensors import LEAF_BYTES

LEAF_TAG: Final = b"\x00"
_NODE: Final = b"\x01"
_ROOT: Final = b"\x02"
_KEYED: Final = b"\x03"
_LEAF_HASHER: Final = sha256(LEAF_TAG)


@path("btt_work::Leaf")
@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf with its place, and the key that it was hashed with, if any."""

    index: u32
    key: H256 | None
    data: Bounded[bytes, LEAF_BYTES]


@path("btt_work::Opening")
@dataclass(frozen=True, slots=True)
class Opening:
    """Some leaves of a tree in ascending order, and the hashes from them to its root.

    Hashes are ordered by level from the leaves up, from left to right.
    """

    leaves: Bounded[list[Leaf], 256]
    siblings: Bounded[list[H256], 1024]


def leaf_hash(data: bytes | memoryview, key: bytes | None = None) -> bytes:
    """Return the hash of a leaf; `key` has 32 bytes."""
    # A copy of a hasher that has absorbed the tag: a fifth faster than joining tag and data.
    hasher = _LEAF_HASHER.copy() if key is None else sha256(_KEYED + key)
    hasher.update(data)
    return hasher.digest()


class Tree:
    """All levels of a tree; ValueError if it has no leaf."""

    __slots__ = ("_levels", "root")

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree without a leaf has no root")
        level = list(leaves)
        self._levels = [level]
        while len(level) > 1:
            pairs = [
                sha256(_NODE + level[at] + level[at + 1]).digest()
                for at in range(0, len(level) - 1, 2)
            ]
            level = pairs + level[len(pairs) * 2 :]
            self._levels.append(level)
        self.root = H256(_root(len(leaves), level[0]))

    @property
    def leaves(self) -> Sequence[bytes]:
        """The hashes of the leaves."""
        return self._levels[0]

    def siblings(self, indices: Sequence[int]) -> list[H256]:
        """Return the hashes of an opening of these leaves, which must ascend."""
        needed: list[H256] = []
        known = list(indices)
        for level in self._levels[:-1]:
            above: list[int] = []
            for at in known:
                if above and above[-1] == at // 2:
                    continue
                above.append(at // 2)
                partner = at ^ 1
                if partner < len(level) and partner not in known:
                    needed.append(H256(level[partner]))
            known = above
        return needed


def check_opening(opening: Opening, root: bytes, count: int, *, keyed: bool = False) -> None:
    """Raise ProofRefused unless these leaves are in the tree of `count` leaves with this root."""
    level: list[tuple[int, bytes]] = []
    for leaf in opening.leaves:
        if level and leaf.index <= level[-1][0]:
            raise ProofRefused("the leaves of an opening do not ascend")
        if (leaf.key is not None) != keyed:
            raise ProofRefused(f"leaf {int(leaf.index)} has a key where it must not, or lacks one")
        level.append((int(leaf.index), leaf_hash(leaf.data, leaf.key)))
    if not level:
        raise ProofRefused("an opening without leaves")
    if level[-1][0] >= count:
        raise ProofRefused(f"leaf {level[-1][0]} of a tree with {count}")
    siblings = iter(opening.siblings)
    width = count
    while width > 1:
        level = _level_above(level, width, siblings)
        width = (width + 1) // 2
    if next(siblings, None) is not None:
        raise ProofRefused("an opening has more hashes than it needs")
    if _root(count, level[0][1]) != root:
        raise ProofRefused(f"an opening does not lead to the root {bytes(root).hex()}")


def _level_above(
    level: list[tuple[int, bytes]], width: int, siblings: Iterator[H256]
) -> list[tuple[int, bytes]]:
    above: list[tuple[int, bytes]] = []
    position = 0
    while position < len(level):
        at, known = level[position]
        position += 1
        if at ^ 1 >= width:
            above.append((at // 2, known))
            continue
        if position < len(level) and level[position][0] == at ^ 1:
            partner = level[position][1]
            position += 1
        else:
            sibling = next(siblings, None)
            if sibling is None:
                raise ProofRefused("an opening has fewer hashes than it needs")
            partner = sibling
        left, right = (known, partner) if at % 2 == 0 else (partner, known)
        above.append((at // 2, sha256(_NODE + left + right).digest()))
    return above


def _root(count: int, top: bytes) -> bytes:
    return sha256(_ROOT + count.to_bytes(8, "little") + top).digest()
