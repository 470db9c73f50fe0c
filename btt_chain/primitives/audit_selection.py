"""The selection of an audit: the seed of a facility's month, and the leaves that must be opened.

    seed   = blake2_256("BTT-AUDIT-1" || beacon || facility || month || round)
    leaves = the first 16 different numbers blake2_256(seed || counter) modulo the tree's size

Besides the selected leaves, the facility opens all leaves with the tags of the first two of them.
The leaves follow from the seed of the first round; that of round 1 selects auditors only.
"""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256

CONTEXT: Final = b"BTT-AUDIT-1"
SELECTED_LEAVES: Final = 16
FOLLOWED_TAGS: Final = 2
"""Number of selected leaves of whose tags all leaves are opened."""


def seed_of(beacon: bytes, facility: bytes, month: int, round_: int) -> H256:
    """Return the seed of an audit's round: 0, or 1 after a dispute."""
    place = month.to_bytes(4, "little") + bytes((round_,))
    return H256(blake2_256(CONTEXT + beacon + facility + place))


def selected_leaves(seed: bytes, leaves: int) -> list[int]:
    """Return the indices of the selected leaves, in the order of their selection."""
    found: list[int] = []
    counter = 0
    while len(found) < SELECTED_LEAVES:
        digest = blake2_256(seed + counter.to_bytes(4, "little"))
        index = int.from_bytes(digest, "little") % leaves
        if index not in found:
            found.append(index)
        counter += 1
    return found


def in_random_order(seed: bytes, names: list[bytes]) -> list[int]:
    """Return the places of `names` in a random order that depends on the seed and each name."""
    keys = [blake2_256(seed + name) for name in names]
    return sorted(range(len(names)), key=keys.__getitem__)
