"""Guessing records from their leaves (C13): impossible with salts, easy without."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from btt_chain.primitives.evidence_tree import EvidenceTree
from btt_chain.primitives.record_leaves import record_leaf
from btt_chain.records.canonical import canonical
from btt_chain.records.keys import new_secret
from support.records import plausible

GUESSES = int(os.environ.get("BTT_GUESSES", "5000"))
"""Number of records that are tried; `BTT_GUESSES=1000000` is the whole attack."""
KNOWN = 50
WEAK_SALTS = [bytes(32), b"\1" * 32, bytes(range(32))]


def contents(seed: int, count: int) -> Iterator[bytes]:
    """Records, as a hospital has and as an attacker writes them."""
    return (canonical(each) for each in islice(plausible(seed), count))


def found(leaves: set[bytes], guesses: Iterable[bytes], salts: list[bytes]) -> set[bytes]:
    """The leaves that guesses hit with one of the salts."""
    return {
        leaf for guess in guesses for salt in salts
        if (leaf := bytes(record_leaf(salt, guess, 1))) in leaves
    }  # fmt: skip


def test_no_plausible_record_matches_a_leaf_without_its_salt() -> None:
    records = set(contents(1, KNOWN))
    # The attacker's list has all of them: only the salts are unknown.
    guesses = chain(records, contents(2, GUESSES))
    tree = EvidenceTree((record_leaf(new_secret(), each, 1) for each in records), new_secret())
    assert found(set(tree.leaves), guesses, WEAK_SALTS) == set()


def test_the_same_guesses_find_every_record_under_a_weak_salt() -> None:
    records = set(contents(1, KNOWN))
    guesses = chain(contents(2, GUESSES // 10), records)
    tree = EvidenceTree((record_leaf(WEAK_SALTS[1], each, 1) for each in records), new_secret())
    assert len(found(set(tree.leaves), guesses, WEAK_SALTS)) == len(records) > KNOWN // 2


def test_one_record_under_two_salts_has_two_leaves() -> None:
    record = next(contents(1, 1))
    assert record_leaf(new_secret(), record, 1) != record_leaf(new_secret(), record, 1)
