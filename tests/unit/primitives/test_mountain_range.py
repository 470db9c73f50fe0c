"""Old roots are proven against a few peaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import leaf_hash, node_hash
from btt_chain.primitives.mountain_range import (
    MountainRange,
    appended,
    mountain_of,
    verify,
)


def leaves(count: int) -> list[H256]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


@given(st.integers(1, 70))
def test_every_leaf_is_proven_at_its_place_and_at_no_other(count: int) -> None:
    whole = MountainRange(leaves(count))
    peaks = whole.peaks()
    assert len(peaks) == count.bit_count()
    for index, leaf in enumerate(leaves(count)):
        path = whole.proof(index)
        assert verify(count, peaks, index, leaf, path)
        assert not verify(count, peaks, (index + 1) % count, leaf, path) or count == 1
        assert not verify(count, peaks, index, leaf_hash(b"other"), path)


def test_peaks_are_the_roots_of_complete_trees_from_left_to_right() -> None:
    a, b, c, d, e, f, g = leaves(7)
    whole = MountainRange()
    for leaf in (a, b, c, d, e, f, g):
        whole.append(leaf)
    four = node_hash(node_hash(a, b), node_hash(c, d))
    assert whole.peaks() == [four, node_hash(e, f), g]
    assert whole.proof(2) == [d, node_hash(a, b)]
    assert whole.proof(5) == [e]
    assert whole.proof(6) == []
    assert appended(7, whole.peaks(), a) == MountainRange([*leaves(7), a]).peaks()
    assert mountain_of(7, 5) == (1, 1, 1)


def test_malformed_proofs_are_refused_without_an_error() -> None:
    whole = MountainRange(leaves(6))
    peaks, path, leaf = whole.peaks(), whole.proof(1), leaves(6)[1]
    assert verify(6, peaks, 1, leaf, path)
    assert not verify(6, peaks[:-1], 1, leaf, path)
    assert not verify(6, peaks, 1, leaf, path[:-1])
    assert not verify(6, peaks, 1, leaf[:31], path)
    assert not verify(6, peaks, 1, leaf, [path[0], b"short"])
    assert not verify(6, peaks, -1, leaf, path)
    assert not verify(6, peaks, 6, leaf, path)
    assert not verify(0, [], 0, leaf, [])
    with pytest.raises(IndexError):
        whole.proof(6)


def test_a_node_is_no_leaf_of_a_smaller_range() -> None:
    whole = MountainRange(leaves(4))
    left = node_hash(leaves(4)[0], leaves(4)[1])
    assert not verify(4, whole.peaks(), 0, left, whole.proof(0)[1:])
