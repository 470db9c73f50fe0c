"""The two queues of the pool, without validation: moves between them, and the events of each."""

from __future__ import annotations

import pytest

from btt_chain.primitives.validity import TransactionSource
from btt_chain.txpool import BlockRef, Limit, Limits, Status, StatusEvent, Transaction
from btt_chain.txpool.admission import Rules
from btt_chain.txpool.base_pool import NO_FUTURE_ROOM, NO_READY_ROOM, BasePool, Dropped
from btt_chain.txpool.errors import Unactionable

BLOCK = b"block"


class Queues:
    """A base pool, its events, and transactions that are named by one letter."""

    def __init__(self, limits: Limits | None = None, *, authors: bool = True) -> None:
        self.events: list[StatusEvent] = []
        self.base = BasePool(Rules(limits or Limits(), authors=authors), self.events.append)
        self.count = 0

    def tx(
        self,
        name: str,
        requires: str = "",
        *,
        provides: str = "",
        priority: int = 5,
        valid_till: int = 1_000,
        propagate: bool = True,
    ) -> Transaction:
        self.count += 1
        raw = name.encode()
        return Transaction(
            raw,
            raw,
            TransactionSource.External,
            priority,
            tuple(tag.encode() for tag in requires),
            tuple(tag.encode() for tag in provides or name),
            valid_till,
            propagate,
            self.count,
            BLOCK,
        )

    def admit(
        self,
        name: str,
        requires: str = "",
        *,
        provides: str = "",
        priority: int = 5,
        valid_till: int = 1_000,
    ) -> Transaction:
        tx = self.tx(name, requires, provides=provides, priority=priority, valid_till=valid_till)
        self.base.admit(tx)
        return tx

    def ready(self) -> list[bytes]:
        return [tx.hash for tx in self.base.ready]

    def future(self) -> list[bytes]:
        return list(self.base.future.members)

    def news(self) -> list[str]:
        events, self.events[:] = [*self.events], []
        return [f"{event.hash.decode()} {event.status}" for event in events]


@pytest.fixture
def pool() -> Queues:
    return Queues()


def test_a_transaction_waits_until_its_required_tag_is_provided(pool: Queues) -> None:
    pool.admit("b", "a")
    assert (pool.ready(), pool.future()) == ([], [b"b"])
    pool.admit("a")
    assert (pool.ready(), pool.future()) == ([b"a", b"b"], [])
    assert pool.news() == ["b future", "a ready", "b ready"]


def test_a_refused_transaction_changes_nothing() -> None:
    pool = Queues(authors=False)
    with pytest.raises(Unactionable):
        pool.base.admit(pool.tx("a", propagate=False))
    assert pool.news() == []
    assert not pool.base.members


def test_dependants_of_a_removed_transaction_wait(pool: Queues) -> None:
    first = pool.admit("a")
    pool.admit("b", "a")
    pool.news()
    pool.base.remove(first, Status.INVALID, "its account is empty")
    assert (pool.ready(), pool.future()) == ([], [b"b"])
    assert pool.news() == ["a invalid", "b future"]


def test_a_subtree_is_removed_with_its_dependants(pool: Queues) -> None:
    first = pool.admit("a")
    for name, required in (("b", "a"), ("c", "b"), ("d", "")):
        pool.admit(name, required)
    assert sorted(pool.base.remove_subtree(first, "a bad signature")) == [b"a", b"b", b"c"]
    assert pool.ready() == [b"d"]


def test_an_included_transaction_leaves_without_an_event_and_its_dependants_stay(
    pool: Queues,
) -> None:
    pool.admit("a")
    pool.admit("b", "a")
    pool.news()
    assert pool.base.take_included(b"a")
    assert not pool.base.take_included(b"a")
    pool.base.prune_tags(BLOCK, {b"a": b"a"})
    assert pool.ready() == [b"b"]
    assert pool.news() == []


def test_tags_of_a_block_usurp_rivals_and_make_others_ready(pool: Queues) -> None:
    pool.admit("x", provides="a")
    pool.admit("b", "c")
    pool.news()
    pool.base.prune_tags(BLOCK, {b"a": b"another", b"c": b"another"})
    assert pool.ready() == [b"b"]
    assert pool.news() == ["x usurped", "b ready"]


def test_tags_of_a_retracted_block_are_required_again(pool: Queues) -> None:
    pool.base.prune_tags(BLOCK, {b"a": b"another"})
    pool.admit("b", "a")
    pool.news()
    pool.base.recent.remove(BLOCK)
    pool.base.withdraw_tags([b"a"])
    assert pool.news() == ["b future"]


def test_full_queues_return_what_they_drop_with_the_reason() -> None:
    pool = Queues(Limits(ready=Limit(1, 100), future=Limit(1, 100)))
    cheap = pool.tx("a", priority=1)
    pool.base.admit(cheap)
    newest = pool.admit("b", priority=2)
    assert pool.base.enforce_limits(newest) == [Dropped(b"a", NO_READY_ROOM)]
    pool.admit("d", "z", priority=1)
    newest = pool.admit("e", "z", priority=2)
    assert pool.base.enforce_limits(newest) == [Dropped(b"d", NO_FUTURE_ROOM)]


def test_outdated_transactions_of_both_queues_are_found(pool: Queues) -> None:
    pool.admit("a", valid_till=20)
    waiting = pool.admit("b", "z", valid_till=10)
    assert pool.base.first_outdated(9) is None
    assert pool.base.first_outdated(10) is waiting


def test_a_transaction_with_a_new_requirement_moves_to_the_other_queue(pool: Queues) -> None:
    before = pool.admit("a")
    after = pool.tx("a", "z")
    pool.base.replace(before, after, BlockRef(1, b"next"))
    assert (pool.ready(), pool.future()) == ([], [b"a"])
    assert pool.base.members[b"a"] is after
    assert pool.news() == ["a ready", "a future"]
