"""The queue of transactions that wait for others: no account can occupy it."""

from __future__ import annotations

import pytest

from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import u64
from btt_chain.txpool import (
    BlockRef,
    ImmediatelyDropped,
    Limit,
    Limits,
    Pool,
    SenderFutureLimit,
    SenderLimit,
    Validated,
    nonce_tag,
)

EXTERNAL = TransactionSource.External
AT = BlockRef(1, b"1")


def judge(raw: bytes, source: TransactionSource, at: BlockRef) -> Validated:
    """Judge a transaction of the account `raw[0]` with the nonce `raw[1]` and the tip `raw[2]`."""
    who, nonce = bytes([raw[0]]) * 32, raw[1]
    requires = [nonce_tag(who, nonce - 1)] if nonce else []
    valid = ValidTransaction(u64(raw[2]), requires, [nonce_tag(who, nonce)], u64(64))
    return Validated(valid, "kept", who)


def submit(pool: Pool, sender: int, nonce: int, *, tip: int = 1, size: int = 100) -> None:
    pool.submit(bytes([sender, nonce, tip]) + bytes(size - 3), EXTERNAL, 0.0, AT)


def waiting(pool: Pool) -> list[tuple[int, int]]:
    return sorted((tx.raw[0], tx.raw[1]) for tx in pool.futures())


def test_one_account_has_a_share_of_the_future_queue_only() -> None:
    pool = Pool(judge)
    for nonce in range(2, 66):
        submit(pool, 1, nonce, tip=9)
    with pytest.raises(SenderFutureLimit, match="64 transactions of this account"):
        submit(pool, 1, 66, tip=9)
    submit(pool, 2, 5)
    assert pool.status().future == 65
    assert issubclass(SenderFutureLimit, SenderLimit)
    # With the first nonces all of them are ready, and there is room for the next.
    submit(pool, 1, 0)
    submit(pool, 1, 1)
    submit(pool, 1, 100)
    assert waiting(pool) == [(1, 100), (2, 5)]


def test_one_account_has_an_eighth_of_the_future_queues_bytes() -> None:
    pool = Pool(judge)
    for nonce in range(2, 4):
        submit(pool, 1, nonce, size=64 << 10)
    with pytest.raises(SenderFutureLimit, match=r"\(131072 bytes\) may"):
        submit(pool, 1, 4)
    submit(pool, 2, 4, size=128 << 10)
    assert pool.status().future_bytes == Limits().future.bytes // 4


def test_a_newcomer_takes_the_place_of_the_newest_of_the_account_with_the_most() -> None:
    pool = Pool(judge, Limits(future=Limit(6, 10_000), future_sender=Limit(4, 10_000)))
    for nonce in range(2, 6):
        submit(pool, 1, nonce, tip=9)
    submit(pool, 2, 2, tip=9)
    submit(pool, 2, 3, tip=9)
    submit(pool, 3, 7)
    assert waiting(pool) == [(1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (3, 7)]
    with pytest.raises(ImmediatelyDropped):
        submit(pool, 1, 9, tip=50)
    submit(pool, 4, 7)
    assert waiting(pool) == [(1, 2), (1, 3), (2, 2), (2, 3), (3, 7), (4, 7)]


def test_bytes_count_as_transactions_do_when_the_queue_is_full() -> None:
    pool = Pool(judge, Limits(future=Limit(100, 1_000), future_sender=Limit(50, 800)))
    submit(pool, 1, 2, size=350)
    submit(pool, 1, 3, size=350)
    for nonce in range(2, 5):
        submit(pool, 2, nonce)
    submit(pool, 3, 2)
    assert waiting(pool) == [(1, 2), (2, 2), (2, 3), (2, 4), (3, 2)]


def test_where_no_account_has_several_the_cheapest_goes() -> None:
    pool = Pool(judge, Limits(future=Limit(3, 1_000)))
    for sender, tip in ((1, 5), (2, 3), (3, 4)):
        submit(pool, sender, 2, tip=tip)
    with pytest.raises(ImmediatelyDropped):
        submit(pool, 4, 2, tip=2)
    submit(pool, 5, 2, tip=4)
    assert waiting(pool) == [(1, 2), (3, 2), (5, 2)]


def test_ready_transactions_that_lose_their_first_push_no_others_out() -> None:
    pool = Pool(judge, Limits(future=Limit(20, 10_000), future_sender=Limit(8, 4_000)))
    for nonce in range(3):
        submit(pool, 2, nonce + 2)
    for nonce in range(60):
        submit(pool, 1, nonce)
    first = next(tx for tx in pool.ready() if tx.raw[:2] == b"\x01\x00")

    # The first nonce is dropped alone, as one that blocks made invalid: the others wait for it.
    assert pool.drop_outdated(lambda tx: tx is first, "gone") == 1
    assert pool.status().ready == 0
    submit(pool, 3, 2)
    assert pool.status().future <= 20
    assert {(2, 2), (2, 3), (2, 4), (3, 2)} <= set(waiting(pool))
    assert len(pool._base.future.shares) == 3


def test_many_accounts_are_trimmed_alike() -> None:
    pool = Pool(judge, Limits(future=Limit(20, 10_000)))
    for sender in range(1, 11):
        for nonce in range(7):
            submit(pool, sender, nonce)
    assert pool.drop_outdated(lambda tx: tx.raw[1] == 0, "gone") == 10
    submit(pool, 11, 2)
    left = waiting(pool)
    assert len(left) == 20
    counts = [sum(who == sender for who, _ in left) for sender in range(1, 12)]
    assert counts[-1] == 1
    assert sorted(counts) == [1, 1, *[2] * 9]
