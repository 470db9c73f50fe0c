"""Branches kept in memory: the bound of their bytes, and what a written trie replaces."""

from __future__ import annotations

import random

from storage.trie.cache import ENTRY_BYTES, NODE_BYTES, Branches
from storage.trie.node import Branch
from storage.trie.trie import EMPTY_ROOT, Sealed

LIMIT = 64 * NODE_BYTES


def _branch(size: int) -> Branch:
    return bytes(size), "", 0, 0, None


def _sealed(added: dict[bytes, Branch], stale: list[bytes] | None = None) -> Sealed:
    return Sealed(EMPTY_ROOT, None, {}, branches=added, stale=stale or [])


def test_a_generation_stays_within_its_bytes() -> None:
    rng = random.Random(5)
    kept = Branches(LIMIT)
    known: dict[bytes, Branch] = {}
    most = 0
    for place in range(400):
        added = {b"%d %d" % (place, at): _branch(rng.randrange(30, 560)) for at in range(7)}
        known |= added
        if place % 3:
            kept.follow(_sealed(added))
        else:
            for key, branch in added.items():
                kept.put(key, branch)
        for generation in (kept._young, kept._old):
            size = sum(ENTRY_BYTES + len(branch[0]) for branch in generation.values())
            assert size <= LIMIT
            most = max(most, size)
        some = rng.choice(list(known))
        assert kept.get(some) in {None, known[some]}
    assert most > 0.9 * LIMIT


def test_a_written_trie_drops_the_branches_that_it_replaces() -> None:
    kept = Branches(LIMIT)
    kept.put(b"old", _branch(100))
    kept.put(b"other", _branch(100))
    kept.follow(_sealed({b"new": _branch(120)}, [b"old", b"unknown"]))
    assert [kept.get(key) is not None for key in (b"old", b"new", b"other")] == [False, True, True]
    kept.clear()
    assert len(kept) == 0
