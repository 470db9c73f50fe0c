"""The Merkle value of a prefix: what light clients compare to know that nothing below changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.trie.root import state_root
from storage.trie.trie import EMPTY_ROOT, Trie


def trie_of(pairs: dict[bytes, bytes]) -> Trie:
    records: dict[bytes, bytes] = {}
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value)
    sealed = trie.seal()
    records.update(sealed.inserted)
    return Trie(records.get, sealed.root)


def test_the_whole_trie_has_its_root() -> None:
    pairs = {b"ab": b"1" * 40, b"ac": b"2" * 40, b"b": b"3" * 40}
    trie = trie_of(pairs)
    assert trie.merkle_value(b"") == state_root(pairs)


def test_a_prefix_of_no_key_has_none() -> None:
    trie = trie_of({b"ab": b"1" * 40, b"ac": b"2" * 40})
    assert trie.merkle_value(b"b") is None
    assert trie.merkle_value(b"abc") is None
    assert trie_of({}).merkle_value(b"") is None


@given(
    st.dictionaries(st.binary(max_size=4), st.binary(max_size=40), min_size=1, max_size=12),
    st.binary(max_size=3),
)
def test_it_exists_exactly_where_a_key_has_the_prefix(
    pairs: dict[bytes, bytes], prefix: bytes
) -> None:
    found = trie_of(pairs).merkle_value(prefix)
    assert (found is not None) == any(key.startswith(prefix) for key in pairs)


@given(
    st.dictionaries(st.binary(max_size=4), st.binary(max_size=40), min_size=1, max_size=12),
    st.binary(max_size=3),
    st.binary(max_size=40),
    st.data(),
)
def test_it_changes_exactly_when_something_below_changes(
    pairs: dict[bytes, bytes], prefix: bytes, value: bytes, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    changed = pairs | {key: value}
    before, after = trie_of(pairs).merkle_value(prefix), trie_of(changed).merkle_value(prefix)
    moved = key.startswith(prefix) and pairs[key] != value
    assert (before != after) == moved
