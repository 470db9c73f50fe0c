"""New keys in a batch: added to encoded branches, beside leaves that are in the database."""

from __future__ import annotations

import random

import pytest

from storage.trie import EMPTY_ROOT, Trie
from storage.trie.cache import TrieCache
from storage.trie.node import hash_256
from unit.storage.storage_model import plain_root

SIZES = (1, 8, 28, 32, 33, 60)
"""Lengths of values, about the limits of values in leaves and of leaves in branches."""


def name(rng: random.Random) -> bytes:
    """Return a key that shares its beginning with others, and may be the beginning of some."""
    stem = rng.choice((b"", b"payments" * 4, b"payments" * 4 + b"one", b"references" * 3))
    return stem + bytes(rng.choice((0, 1, 16, 17, 255)) for _ in range(rng.choice((0, 2, 4, 20))))


@pytest.mark.parametrize("seed", range(40))
def test_new_keys_give_the_records_of_single_changes(seed: int) -> None:
    rng = random.Random(seed)
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get, limit=rng.choice((1, 8, 1000)))
    root, state = EMPTY_ROOT, dict[bytes, bytes]()
    for _ in range(8):
        trie, singly = cache.trie(root), Trie(records.get, root)
        for _ in range(rng.choice((1, 1, 3))):
            pool = [name(rng) for _ in range(rng.choice((1, 4, 60)))] + list(state)[:10]
            changes: dict[bytes, bytes | None] = {
                key: None if rng.random() < 0.1 else rng.randbytes(rng.choice(SIZES))
                for key in pool
            }
            known = {key: state.get(key) for key in changes if rng.random() < 0.8}
            held: dict[bytes, object] = {}
            for key, value in changes.items():
                held[key] = singly.delete(key) if value is None else singly.put(key, value)
            assert trie.update(changes, 1, known) == held
            state = {key: value for key, value in (state | changes).items() if value is not None}
        one, other = trie.seal(), singly.seal()
        assert (one.root, one.inserted, one.retired) == (other.root, other.inserted, other.retired)
        assert one.root == plain_root(state)
        assert not one.inserted.keys() & records.keys()
        assert one.retired <= records.keys()
        records.update(one.inserted)
        for gone in one.retired:
            del records[gone]
        cache.keep(one)
        root = one.root


def test_a_new_key_loads_no_more_than_the_leaf_beside_it() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get)
    keys = [b"payments" * 4 + hash_256(b"%d" % number) for number in range(600)]
    trie = cache.trie(EMPTY_ROOT)
    trie.update({key: bytes(40) for key in keys[:500]})
    sealed = trie.seal()
    records.update(sealed.inserted)
    cache.keep(sealed)
    trie = cache.trie(sealed.root)
    assert set(trie.update({key: bytes(40) for key in keys[500:]}).values()) == {None}
    # About every third key is put beside a leaf; the others into a branch that is in memory.
    assert 10 < trie.loads < 60


def test_what_a_batch_added_is_not_retired_by_the_next() -> None:
    records: dict[bytes, bytes] = {}
    trie = Trie(records.get, EMPTY_ROOT)
    keys = [hash_256(b"%d" % number) for number in range(64)]
    trie.update({key: bytes(40) for key in keys[:32]})
    sealed = trie.seal()
    records.update(sealed.inserted)
    trie = Trie(records.get, sealed.root)
    trie.update({key: bytes(40) for key in keys[32:]})
    trie.update({key: bytes(41) for key in keys[32:]})
    trie.update(dict.fromkeys(keys[32:]))
    again = trie.seal()
    assert (again.root, again.inserted, again.retired) == (sealed.root, {}, set())
