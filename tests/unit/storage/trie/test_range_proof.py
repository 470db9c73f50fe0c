"""Ranges of a state convince those who know the root; nothing about them can be changed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.trie import EMPTY_ROOT, ProofError, Trie
from storage.trie.range_proof import prove_range, verify_range

KEYS = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0xFF]), max_size=5).map(bytes)
VALUES = st.sampled_from([b"", b"v", b"v" * 32, b"v" * 33, b"w" * 90])
STATES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=40)


def stored(pairs: dict[bytes, bytes], version: int = 1) -> tuple[bytes, dict[bytes, bytes]]:
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value, version)
    sealed = trie.seal()
    return sealed.root, sealed.inserted


@given(STATES, st.sampled_from([0, 1]), st.integers(1, 400))
def test_ranges_give_the_whole_state_and_all_its_records(
    pairs: dict[bytes, bytes], version: int, size: int
) -> None:
    root, records = stored(pairs, version)
    entries: list[tuple[bytes, bytes]] = []
    found: dict[bytes, bytes] = {}
    after: bytes | None = None
    for _ in range(len(pairs) + 1):
        nodes, last = prove_range(records.get, root, after, size)
        range_ = verify_range(root, after, nodes, last)
        assert range_.entries or range_.complete
        entries += range_.entries
        found |= range_.records
        after = range_.last
        if range_.complete:
            break
    assert entries == sorted(pairs.items())
    assert found == records


@given(STATES, st.integers(1, 300), st.data())
def test_no_tampering_with_a_range_goes_unseen(
    pairs: dict[bytes, bytes], size: int, data: st.DataObject
) -> None:
    root, records = stored(pairs)
    after = data.draw(st.none() | KEYS)
    nodes, last = prove_range(records.get, root, after, size)
    place = data.draw(st.integers(0, len(nodes) - 1))
    without = nodes[:place] + nodes[place + 1 :]
    with pytest.raises(ProofError):
        verify_range(root, after, without, last)
    with pytest.raises(ProofError):
        verify_range(root, after, [*nodes, b"chaff"], last)
    with pytest.raises(ProofError):
        verify_range(root, after, [*nodes, nodes[place]], last)
    changed = bytearray(nodes[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ProofError):
        verify_range(root, after, [*without, bytes(changed)], last)


@given(STATES, st.integers(1, 300), KEYS)
def test_a_range_that_is_said_to_end_elsewhere_is_refused_or_as_true(
    pairs: dict[bytes, bytes], size: int, other: bytes
) -> None:
    root, records = stored(pairs)
    nodes, last = prove_range(records.get, root, None, size)
    try:
        found = verify_range(root, None, nodes, other)
    except ProofError:
        return
    # The same nodes may show a shorter range as well: then that one is true.
    assert found.entries == [(k, v) for k, v in sorted(pairs.items()) if k <= other]
    if last is not None and last != max(pairs):
        # Small records lie within the node above them, and may be shown without being asked for.
        with suppress(ProofError):
            whole = verify_range(root, None, nodes, None)
            assert whole.entries == sorted(pairs.items())


def test_a_range_of_another_state_is_refused() -> None:
    root, records = stored({b"a": b"1", b"b": b"2"})
    other, _ = stored({b"a": b"1", b"b": b"3"})
    nodes, last = prove_range(records.get, root, None, 1_000)
    with pytest.raises(ProofError):
        verify_range(other, None, nodes, last)


def test_an_empty_state_is_shown_by_its_empty_node() -> None:
    nodes, last = prove_range(lambda _: None, EMPTY_ROOT, None, 100)
    assert verify_range(EMPTY_ROOT, None, nodes, last).complete
    with pytest.raises(ProofError):
        verify_range(EMPTY_ROOT, None, [], None)
