"""Read proofs hold for their state root, and for no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.trie import (
    EMPTY_ROOT,
    MissingNode,
    ProofError,
    Trie,
    read_proof,
    state_root,
    verify_proof,
)

KEYS = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0xFF]), max_size=4).map(bytes)
VALUES = st.sampled_from([b"", b"v", b"v" * 32, b"v" * 33, b"w" * 90])


def stored(pairs: dict[bytes, bytes], version: int = 1) -> tuple[bytes, dict[bytes, bytes]]:
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value, version)
    sealed = trie.seal()
    return sealed.root, sealed.inserted


@given(st.dictionaries(KEYS, VALUES), st.lists(KEYS, min_size=1), st.sampled_from([0, 1]))
def test_a_proof_shows_presence_and_absence(
    pairs: dict[bytes, bytes], keys: list[bytes], version: int
) -> None:
    root, records = stored(pairs, version)
    proof = read_proof(records.get, root, keys)
    assert proof == sorted(set(proof))
    assert verify_proof(root, proof, keys) == {key: pairs.get(key) for key in keys}


@given(st.dictionaries(KEYS, VALUES, min_size=1), st.lists(KEYS, min_size=1), st.data())
def test_no_node_of_a_proof_can_be_left_out_or_changed(
    pairs: dict[bytes, bytes], keys: list[bytes], data: st.DataObject
) -> None:
    root, records = stored(pairs)
    proof = read_proof(records.get, root, keys)
    place = data.draw(st.integers(0, len(proof) - 1))
    without = proof[:place] + proof[place + 1 :]
    with pytest.raises(ProofError, match="incomplete"):
        verify_proof(root, without, keys)
    changed = bytearray(proof[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ProofError):
        verify_proof(root, [*without, bytes(changed)], keys)


def test_a_repeated_node_is_refused() -> None:
    root, records = stored({b"a": b"1", b"b": b"2"})
    proof = read_proof(records.get, root, [b"a"])
    with pytest.raises(ProofError, match="twice"):
        verify_proof(root, proof * 2, [b"a"])


def test_a_node_that_no_key_needs_does_no_harm() -> None:
    root, records = stored({b"a": b"1", b"b": b"2"})
    proof = read_proof(records.get, root, [b"a"])
    assert verify_proof(root, [*proof, b"chaff"], [b"a"]) == {b"a": b"1"}


def test_the_root_of_nothing_proves_that_nothing_is_there() -> None:
    assert verify_proof(state_root({}), read_proof(lambda _: None, EMPTY_ROOT, []), [b"a"]) == {
        b"a": None
    }


def test_a_proof_of_a_state_that_is_gone_says_so() -> None:
    root, _ = stored({b"a": b"1"})
    with pytest.raises(MissingNode):
        read_proof(lambda _: None, root, [b"a"])
