"""The heap of a queue: the smallest member among those that are left, at any moment."""

from __future__ import annotations

import random

from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool.heap import LazyHeap, oldest_first
from btt_chain.txpool.types import Transaction


def transaction(number: int, valid_till: int) -> Transaction:
    name = number.to_bytes(4, "big")
    source = TransactionSource.External
    return Transaction(name, name, source, 5, (), (name,), valid_till, True, number, b"block")


def test_the_first_is_the_smallest_of_those_that_are_left() -> None:
    rng, members = random.Random(7), dict[bytes, Transaction]()
    heap = LazyHeap(members, oldest_first)
    for number in range(3_000):
        tx = transaction(number, rng.randrange(1_000))
        members[tx.hash] = tx
        heap.push(tx)
        while members and rng.random() < 0.49:
            del members[rng.choice(list(members))]
        if rng.random() < 0.3:
            assert heap.first() is min(members.values(), key=oldest_first, default=None)
        assert len(heap) <= 2 * len(members) + 200


def test_what_is_never_asked_for_costs_nothing() -> None:
    members = dict[bytes, Transaction]()
    heap = LazyHeap(members, oldest_first)
    for number in range(100):
        members[number.to_bytes(4, "big")] = tx = transaction(number, 100 - number)
        heap.push(tx)
    assert len(heap) == 0
    assert heap.first() is tx
    assert len(heap) == 100
    members.clear()
    assert heap.first() is None
    assert len(heap) == 0
