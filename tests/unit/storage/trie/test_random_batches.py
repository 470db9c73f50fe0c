"""Random batches of changes: the root by its definition, and exactly the records that it needs."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.columns import node_key, value_key
from storage.trie import EMPTY_ROOT, Trie
from storage.trie.cache import TrieCache
from storage.trie.node import compact, hash_256, pack

SIZES = (0, 1, 2, 8, 20, 27, 28, 29, 30, 31, 32, 33, 34, 60, 300)
"""Lengths of values, about the limits of values in leaves and of leaves in branches."""
STEMS = (
    b"", b"\0", b"payments", b"payments" * 4, b"payments" * 4 + b"one", b"deep" * 12, b"x" * 31,
    b"x" * 95, b"x" * 97, b"x" * 140,
)  # fmt: skip
"""Beginnings of keys: to about the depth at which branches are not patched, and with partial keys
that have a header of several bytes."""

Values = dict[bytes, tuple[bytes, int]]
"""Values by key, with the state version in which each was written."""


def rebuilt(values: Mapping[bytes, tuple[bytes, int]]) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the root of a trie by its definition, and all records that it consists of."""
    records: dict[bytes, bytes] = {}
    if not values:
        return EMPTY_ROOT, records
    items = sorted((key.hex(), *stored(key, *values[key], records)) for key in values)
    raw = _encode(items, 0, records)
    root = hash_256(raw)
    records[node_key("", root)] = raw
    return root, records


def stored(
    key: bytes, value: bytes, version: int, records: dict[bytes, bytes]
) -> tuple[bytes, bool]:
    """Return a value as a node has it, and True if that is its hash."""
    if version == 0 or len(value) < 33:
        return value, False
    hash = hash_256(value)
    records[value_key(key, hash)] = value
    return hash, True


def _encode(items: list[tuple[str, bytes, bool]], depth: int, records: dict[bytes, bytes]) -> bytes:
    first, last = items[0][0], items[-1][0]
    end = depth
    while end < min(len(first), len(last)) and first[end] == last[end]:
        end += 1
    value, hashed = items[0][1:] if len(first) == end else (None, False)
    groups: dict[str, list[tuple[str, bytes, bool]]] = {}
    for item in items if value is None else items[1:]:
        groups.setdefault(item[0][end], []).append(item)
    if groups:
        kind = (0x80, 6) if value is None else (0x10, 4) if hashed else (0xC0, 6)
    else:
        kind = (0x20, 5) if hashed else (0x40, 6)
    out = bytearray(_header(*kind, end - depth)) + pack(first[depth:end])
    if groups:
        out += sum(1 << int(digit, 16) for digit in groups).to_bytes(2, "little")
    if value is not None:
        out += value if hashed else compact(len(value)) + value
    for digit in sorted(groups):
        child = _encode(groups[digit], end + 1, records)
        if len(child) >= 32:
            hash = hash_256(child)
            records[node_key(first[:end] + digit, hash)] = child
            child = hash
        out += compact(len(child)) + child
    return bytes(out)


def _header(prefix: int, bits: int, count: int) -> bytes:
    full = (1 << bits) - 1
    if count < full:
        return bytes((prefix | count,))
    whole, rest = divmod(count - full, 255)
    return bytes((prefix | full,)) + b"\xff" * whole + bytes((rest,))


class Story:
    """A trie that is changed, sealed and changed again, beside a dictionary."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        self.records: dict[bytes, bytes] = {}
        self.values: Values = {}
        self.sealed: Values = {}
        """Those of the last block."""
        self.root = EMPTY_ROOT
        self.stems = rng.sample(STEMS, rng.randint(1, 4))
        self.is_usual = rng.random() < 0.6
        """True if keys end in hashes, values are long and few are removed, as in a real state."""
        self.digits = rng.sample(range(256), rng.choice((2, 3, 17, 200)))
        self.trie: Trie | None = None
        """The last one, which goes on after it was sealed."""
        self.cache = TrieCache(self.records.get, limit=rng.choice((1, 4, 1_000)))

    def key(self) -> bytes:
        """Return a key that shares its beginning with others, or is that of some."""
        rng = self.random
        there = self.values or self.sealed
        if there and rng.random() < 0.4:
            known = rng.choice(list(self.sealed if self.sealed and rng.random() < 0.3 else there))
            way = rng.random()
            if way < 0.6:
                return known
            return known[: rng.randrange(len(known) + 1)] if way < 0.8 else known + b"\1"
        if self.is_usual and rng.random() < 0.9:
            return rng.choice(self.stems) + hash_256(b"%d" % rng.randrange(400))
        end = bytes(rng.choice(self.digits) for _ in range(rng.choice((0, 1, 2, 4, 32))))
        return rng.choice(self.stems) + end

    def batch(self) -> dict[bytes, bytes | None]:
        """Return some changes."""
        rng, gone = self.random, self.random.choice((0.0, 0.1, 0.5, 0.95))
        sizes = rng.sample(SIZES, rng.choice((1, 2, 8)))
        if self.is_usual:
            gone, sizes = rng.choice((0.0, 0.0, 0.02, 0.2)), [*sizes, 32, 40, 40, 40, 60]
        keys = [self.key() for _ in range(rng.choice((1, 1, 2, 5, 40, 200)))]
        if rng.random() < 0.05:
            keys += list(self.values)
        return {
            key: None if rng.random() < gone else self.value(key, rng.choice(sizes)) for key in keys
        }

    def value(self, key: bytes, size: int) -> bytes:
        """Return a value: sometimes the one that is there, or was, or that of many others."""
        rng = self.random
        for there in (self.values, self.sealed):
            if key in there and rng.random() < 0.15:
                return there[key][0]
        return rng.randbytes(size) if rng.random() < 0.8 else bytes(size)

    def known(self, changes: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
        """Return values as a caller may have read them: mostly right, but it may be wrong."""
        rng, found = self.random, dict[bytes, bytes | None]()
        for key in changes:
            there, way = self.values.get(key), rng.random()
            if way < 0.8:
                found[key] = None if there is None else there[0]
            elif way < 0.85:
                found[key] = rng.randbytes(rng.choice(SIZES))
            elif way < 0.9:
                found[key] = None
        return found

    def change(self, trie: Trie) -> None:
        """Apply changes; the previous values are those of the dictionary."""
        rng, changes = self.random, self.batch()
        version = int(rng.random() < 0.8)
        before = {
            key: None if (there := self.values.get(key)) is None else stored(key, *there, {})
            for key in changes
        }
        if rng.random() < 0.85:
            assert trie.update(changes, version, self.known(changes)) == before
        else:
            for key, value in changes.items():
                old = trie.delete(key) if value is None else trie.put(key, value, version)
                assert old == before[key]
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value, version

    def block(self) -> None:
        """Change the trie one to three times, seal it, and write its records."""
        if self.trie is None or self.random.random() < 0.7:
            self.trie = self.cache.trie(self.root)
        trie = self.trie
        before = dict(self.records)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.change(trie)
            if self.random.random() < 0.2:  # readers load nodes, which changes must not share
                for key in self.random.sample(sorted(self.values), min(4, len(self.values))):
                    assert trie.get(key) == self.values[key][0]
        sealed = trie.seal()
        root, records = rebuilt(self.values)
        assert sealed.root == root
        assert not sealed.inserted.keys() & before.keys()
        assert sealed.retired <= before.keys()
        for gone in sealed.retired:
            del self.records[gone]
        self.records.update(sealed.inserted)
        assert self.records == records
        if self.random.random() < 0.8:
            self.cache.keep(sealed)
        if self.random.random() < 0.1:
            self.cache.clear()
        self.root, self.sealed = root, dict(self.values)


@pytest.mark.fuzz
@given(st.integers(0, 2**40))
def test_batches_leave_the_records_of_a_trie_that_is_built_anew(seed: int) -> None:
    story = Story(seed)
    for _ in range(story.random.choice((2, 6, 12))):
        story.block()
