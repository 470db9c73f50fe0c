"""A leaf under a root opens once, at one place and to one content; absence is provable.

Invariant I47, attack C17.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import (
    MAX_LEAVES,
    MIN_LEAVES,
    EvidenceTree,
    Opening,
    is_tree_size,
    leaf_hash,
    node_hash,
    padded_count,
    padding_leaf,
    verify,
    verify_absence,
    verify_opening,
)
from btt_chain.scale import codec, u32

SALT = bytes(range(32))


def leaves(count: int) -> list[H256]:
    return [leaf_hash(number.to_bytes(36, "big")) for number in range(count)]


def root_of(level: list[H256]) -> H256:
    """Return the root over leaves as they stand, sorted or not."""
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def openings_of(level: list[H256]) -> list[Opening]:
    """Return the openings of all leaves of a tree that is not built by `EvidenceTree`."""
    levels = [level]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below), 2)])
    return [
        Opening(u32(index), leaf, [row[(index >> up) ^ 1] for up, row in enumerate(levels[:-1])])
        for index, leaf in enumerate(level)
    ]


@given(st.integers(0, 150))
def test_every_leaf_of_a_tree_opens_at_its_place_and_at_no_other(count: int) -> None:
    tree = EvidenceTree(leaves(count), SALT)
    assert len(tree) == padded_count(count)
    assert list(tree.leaves) == sorted(set(tree.leaves))
    for index in range(0, len(tree), 7):
        opening = tree.opening(index)
        assert verify_opening(tree.root, len(tree), opening)
        assert tree.index_of(opening.leaf) == index
        elsewhere = (index + 1) % len(tree)
        assert not verify(tree.root, elsewhere, len(tree), opening.leaf, opening.path)
        assert not verify(tree.root, index, len(tree), leaf_hash(SALT), opening.path)


@given(st.integers(0, 130), st.binary(min_size=32, max_size=32))
def test_a_leaf_is_either_opened_or_shown_to_be_absent(count: int, probe: bytes) -> None:
    tree = EvidenceTree(leaves(count), SALT)
    for leaf in (H256(probe), H256(bytes(32)), H256(b"\xff" * 32)):
        assert verify_absence(tree.root, len(tree), leaf, tree.absence(leaf))
    for leaf in leaves(count)[:3]:
        with pytest.raises(ValueError, match="is in the tree"):
            tree.absence(leaf)


@given(st.integers(0, 63), st.data())
def test_no_choice_of_neighbours_shows_the_absence_of_a_leaf_that_is_there(
    place: int, data: st.DataObject
) -> None:
    tree = EvidenceTree(leaves(60), SALT)
    leaf = tree.leaves[place]
    chosen = data.draw(st.lists(st.integers(0, 63), max_size=3))
    assert not verify_absence(tree.root, len(tree), leaf, [tree.opening(index) for index in chosen])


@given(st.permutations(range(64)), st.binary(min_size=32, max_size=32))
def test_an_unsorted_tree_hides_no_absence(order: list[int], probe: bytes) -> None:
    sorted_leaves = EvidenceTree(leaves(64), SALT).leaves
    level = [sorted_leaves[at] for at in order]
    opened, root = openings_of(level), root_of(level)
    proofs = [[first, second] for first, second in pairwise(opened)]
    assert any(
        verify_absence(root, 64, probe, proof) for proof in [*proofs, [opened[0]], [opened[-1]]]
    )


def test_neighbours_must_be_next_to_each_other_and_at_the_end_of_the_row() -> None:
    tree = EvidenceTree(leaves(64), SALT)
    one, two, three = (tree.opening(index) for index in (10, 11, 12))
    between = H256((int.from_bytes(one.leaf, "big") + 1).to_bytes(32, "big"))
    below = H256(bytes(32))
    assert verify_absence(tree.root, 64, between, [one, two])
    assert not verify_absence(tree.root, 64, between, [one, three])
    assert not verify_absence(tree.root, 64, between, [two, one])
    assert not verify_absence(tree.root, 64, between, [one])
    assert not verify_absence(tree.root, 64, between, [one, two, three])
    assert not verify_absence(tree.root, 64, between, [])
    assert not verify_absence(tree.root, 64, below, [one])
    assert not verify_absence(tree.root, 64, b"short", [tree.opening(0)])


def test_padding_opens_to_no_content() -> None:
    tree = EvidenceTree(leaves(3), SALT)
    padding = [leaf for leaf in tree.leaves if leaf not in leaves(3)]
    assert sorted(padding) == sorted(padding_leaf(SALT, number) for number in range(61))
    claimed = SALT + (0).to_bytes(4, "little")
    assert leaf_hash(claimed) != padding_leaf(SALT, 0)
    assert tree.index_of(leaf_hash(claimed)) is None


def test_a_node_is_never_a_leaf() -> None:
    tree = EvidenceTree(leaves(100), SALT)
    left, right = tree.leaves[0], tree.leaves[1]
    node = node_hash(left, right)
    # Its content would be the 64 bytes below it; its path is one hash short of the tree's height.
    assert leaf_hash(left + right) != node
    shorter = tree.proof(0)[1:]
    assert verify(tree.root, 0, 64, node, shorter)
    assert not verify(tree.root, 0, 128, node, shorter)
    assert not verify(tree.root, 0, 128, node, [*shorter, shorter[0]])


def test_a_tree_without_domains_is_another_one() -> None:
    level = list(EvidenceTree(leaves(64), SALT).leaves)
    while len(level) > 1:
        level = [H256(blake2_256(level[at] + level[at + 1])) for at in range(0, len(level), 2)]
    assert level[0] != EvidenceTree(leaves(64), SALT).root


@pytest.mark.parametrize("count", [0, 1, 2, 32, 63, 65, 96, 127, 2 * MAX_LEAVES])
def test_the_number_of_leaves_is_a_power_of_two_within_the_bounds(count: int) -> None:
    tree = EvidenceTree(leaves(5), SALT)
    assert not is_tree_size(count)
    assert not verify(tree.root, 0, count, tree.leaves[0], tree.proof(0))


@pytest.mark.parametrize(
    ("count", "padded"), [(0, 64), (64, 64), (65, 128), (129, 256), (MAX_LEAVES, MAX_LEAVES)]
)
def test_a_tree_is_padded_to_the_next_power_of_two(count: int, padded: int) -> None:
    assert padded_count(count) == padded
    assert MIN_LEAVES <= padded <= MAX_LEAVES


def test_malformed_proofs_are_refused_without_an_error() -> None:
    tree = EvidenceTree(leaves(5), SALT)
    path, leaf = tree.proof(9), tree.leaves[9]
    assert verify(tree.root, 9, 64, leaf, path)
    assert not verify(tree.root, -1, 64, leaf, path)
    assert not verify(tree.root, 64 + 9, 64, leaf, path)
    assert not verify(tree.root, 9, 64, leaf[:31], path)
    assert not verify(tree.root, 9, 64, leaf, [*path[:-1], path[-1][:31]])
    assert not verify(tree.root, 9, 64, leaf, path[:-1])
    assert not verify(tree.root, 9, 64, leaf, [*path, path[0]])
    assert not verify(bytes(32), 9, 64, leaf, path)


def test_what_a_tree_may_not_be_built_from_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        EvidenceTree([*leaves(3), leaves(1)[0]], SALT)
    with pytest.raises(ValueError, match="32 bytes"):
        EvidenceTree([b"short"], SALT)
    with pytest.raises(ValueError, match="a salt has 32 bytes"):
        EvidenceTree(leaves(1), b"short")
    with pytest.raises(ValueError, match="at most"):
        padded_count(MAX_LEAVES + 1)
    with pytest.raises(IndexError):
        EvidenceTree(leaves(1), SALT).proof(64)


def test_an_opening_is_read_from_its_bytes() -> None:
    opening = EvidenceTree(leaves(1), SALT).opening(5)
    encoded = codec(Opening).encode(opening)
    assert len(encoded) == 4 + 32 + 1 + 6 * 32
    assert codec(Opening).decode(encoded, 0) == (opening, len(encoded))
