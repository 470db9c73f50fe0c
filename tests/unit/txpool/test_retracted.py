"""The queue of transactions from retracted blocks, and the tags of recent blocks."""

from __future__ import annotations

from btt_chain.txpool import Limit
from btt_chain.txpool.base_pool import RecentTags
from btt_chain.txpool.inclusion import Retracted, RetractedQueue


def entry(raw: bytes, *, known: bool = True) -> Retracted:
    return Retracted(raw, (), known)


def test_retracted_transactions_return_in_the_order_in_which_they_were_added() -> None:
    queue = RetractedQueue(Limit(3, 100))
    for name in (b"first", b"second", b"third"):
        assert queue.add(name, entry(name))

    assert queue.next_size() == len(b"first")
    assert [queue.take_next()[0] for _ in range(3)] == [b"first", b"second", b"third"]
    assert (len(queue), queue.bytes) == (0, 0)


def test_a_transaction_is_refused_beyond_the_number_or_the_bytes() -> None:
    queue = RetractedQueue(Limit(2, 10))
    assert queue.add(b"a", entry(b"12345"))
    assert not queue.add(b"b", entry(b"123456"))
    assert queue.add(b"b", entry(b"12345"))
    assert not queue.add(b"c", entry(b""))
    assert queue.bytes == 10


def test_a_transaction_that_is_in_the_queue_is_not_replaced_even_if_it_is_full() -> None:
    queue = RetractedQueue(Limit(1, 10))
    queue.add(b"a", entry(b"12345", known=False))
    assert queue.add(b"a", entry(b"1", known=True))
    assert queue.items() == [(b"a", entry(b"12345", known=False))]


def test_a_transaction_can_be_taken_out_of_the_middle() -> None:
    queue = RetractedQueue(Limit(3, 100))
    for name in (b"a", b"b", b"c"):
        queue.add(name, entry(name))

    assert queue.take(b"b") == entry(b"b")
    assert queue.take(b"b") is None
    assert b"b" not in queue
    assert b"c" in queue
    assert queue.bytes == 2


def test_tags_count_for_two_blocks() -> None:
    recent = RecentTags()
    recent.add(b"block 1", [b"one"])
    recent.add(b"block 2", [b"two"])
    assert b"one" in recent
    recent.add(b"block 3", [b"three"])
    assert b"one" not in recent
    assert b"two" in recent
    assert b"three" in recent


def test_tags_of_a_retracted_block_do_not_count() -> None:
    recent = RecentTags()
    recent.add(b"block 1", [b"one"])
    recent.remove(b"block 1")
    recent.remove(b"unknown")
    assert b"one" not in recent


def test_a_block_that_is_added_again_becomes_the_latest() -> None:
    recent = RecentTags()
    recent.add(b"block 1", [b"one"])
    recent.add(b"block 2", [b"two"])
    recent.add(b"block 1", [b"one"])
    recent.add(b"block 3", [b"three"])
    assert b"one" in recent
    assert b"two" not in recent
