"""Trees bind every byte, its place and their number; openings show some leaves and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from btt_chain.work.commit import TensorKey, tree_of
from btt_chain.work.errors import ProofRefused
from btt_chain.work.layout import Layout
from btt_chain.work.merkle import Leaf, Opening, Tree, check_opening, leaf_hash

LAYOUTS = st.builds(Layout, st.integers(1, 40), st.integers(1, 700), st.sampled_from([256, 512]))


def data_of(layout: Layout) -> bytes:
    return bytes(at * 7 % 251 for at in range(layout.nbytes))


def opened(layout: Layout, indices: list[int]) -> tuple[Tree, Opening]:
    data = data_of(layout)
    tree = tree_of(layout, data)
    leaves = [Leaf(u32(at), None, data[slice(*layout.span(at))]) for at in indices]
    return tree, Opening(leaves, tree.siblings(indices))


@given(LAYOUTS)
def test_leaves_cover_all_bytes_once_and_hold_whole_rows(layout: Layout) -> None:
    spans = [layout.span(index) for index in range(layout.count)]

    assert spans[0][0] == 0
    assert spans[-1][1] == layout.nbytes
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    for index, (start, end) in enumerate(spans):
        assert 0 < end - start <= layout.leaf
        assert layout.leaf_at(start) == layout.leaf_at(end - 1) == index
        # A row may be cut, but no leaf holds the end of one and a piece of the next.
        assert start % layout.row == 0 or start // layout.row == (end - 1) // layout.row


@given(LAYOUTS, st.data())
def test_no_row_touches_more_leaves_than_foreseen(layout: Layout, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, layout.rows - 1))
    length = data.draw(st.integers(1, layout.nbytes - row * layout.row))

    first = layout.leaf_at(row * layout.row)
    last = layout.leaf_at(row * layout.row + length - 1)

    assert last - first + 1 <= layout.most_leaves(length)


@given(LAYOUTS, st.data())
def test_any_leaves_can_be_opened_together(layout: Layout, data: st.DataObject) -> None:
    indices = data.draw(st.sets(st.integers(0, layout.count - 1), min_size=1, max_size=6))

    tree, opening = opened(layout, sorted(indices))

    check_opening(opening, tree.root, layout.count)


@given(st.integers(1, 40), st.data())
def test_no_altered_opening_passes(count: int, data: st.DataObject) -> None:
    layout = Layout(count, 256, 256)
    indices = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=4)))
    tree, opening = opened(layout, indices)
    at = data.draw(st.integers(0, len(indices) - 1))
    leaf = opening.leaves[at]
    other_byte = replace(leaf, data=bytes([leaf.data[0] ^ 1]) + leaf.data[1:])
    elsewhere = replace(leaf, index=u32(leaf.index + 1))
    with_key = replace(leaf, key=H256(bytes(32)))

    for altered in (other_byte, elsewhere, with_key):
        leaves = [*opening.leaves[:at], altered, *opening.leaves[at + 1 :]]
        with pytest.raises(ProofRefused):
            check_opening(replace(opening, leaves=leaves), tree.root, count)
    for siblings in ([*opening.siblings, H256(bytes(32))], opening.siblings[:-1]):
        if siblings != opening.siblings:
            with pytest.raises(ProofRefused):
                check_opening(replace(opening, siblings=siblings), tree.root, count)
    with pytest.raises(ProofRefused):
        check_opening(opening, tree.root, count + 1)
    with pytest.raises(ProofRefused):
        check_opening(replace(opening, leaves=[]), tree.root, count)


def test_trees_of_other_sizes_have_other_roots() -> None:
    same = leaf_hash(b"same")

    roots = [Tree([same] * count).root for count in range(1, 9)]

    assert len(set(roots)) == len(roots)


def test_an_inner_node_is_no_leaf() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")

    assert Tree([leaf_hash(left + right)]).root != Tree([left, right]).root


def test_a_keyed_leaf_cannot_be_guessed_without_its_key() -> None:
    layout = Layout(1, 1, 256)
    key = TensorKey(b"k" * 32, item=3, tensor=1)
    root = tree_of(layout, b"\x01", key).root

    guesses = [tree_of(layout, bytes([guess])).root for guess in range(256)]
    other = tree_of(layout, b"\x01", TensorKey(b"k" * 32, item=4, tensor=1)).root

    assert root not in guesses
    assert root != other
    assert tree_of(layout, b"\x01", key).root == root


def test_a_key_does_not_show_up_where_it_is_printed() -> None:
    assert "secret" not in repr(TensorKey(b"secret" * 5 + b"!!", 0, 0))


def test_a_tree_over_the_wrong_number_of_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="layout has 256"):
        tree_of(Layout(2, 128, 256), bytes(255))
    with pytest.raises(ValueError, match="no root"):
        Tree([])
