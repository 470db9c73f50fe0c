"""The token bucket, with any unit of time."""

from __future__ import annotations

from btt_chain.primitives.token_bucket import TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(0.002, 3, 0)  # two a second, in milliseconds

    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1_000) for _ in range(3)] == [True, True, False]


def test_a_bucket_fills_with_time_and_never_overflows() -> None:
    bucket = TokenBucket(10, 10, 0.0)
    assert bucket.take(0.0, 10)
    assert not bucket.take(0.05)
    assert bucket.take(0.2)
    assert not bucket.take(100.0, 11)
    assert bucket.take(100.0, 10)


def test_a_refused_number_of_tokens_takes_none() -> None:
    bucket = TokenBucket(1, 5, 0)
    assert not bucket.take(0, 6)
    assert bucket.refill(0) == 5


def test_a_clock_that_goes_back_refills_nothing() -> None:
    bucket = TokenBucket(1, 5, 100)
    assert bucket.take(100, 5)
    assert bucket.refill(50) == 0
    assert not bucket.take(50)
    assert bucket.refill(52) == 2


def test_spent_tokens_may_be_owed_and_are_refilled_first() -> None:
    bucket = TokenBucket(2, 10, 0)
    assert bucket.spend(0, 14) == -4
    assert not bucket.take(1)
    assert bucket.refill(2) == 0
    assert bucket.take(3, 2)


def test_a_bucket_may_begin_with_fewer_tokens_than_its_burst() -> None:
    bucket = TokenBucket(1, 10, 0, 4)
    assert bucket.refill(0) == 4
    assert bucket.refill(20) == 10
