"""The cache of a fork: bounded in bytes, the least recently used rows go first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.node.dev.cache import PREFIX, ROW_BYTES, ForkCache, MemoryStore

ROW = ROW_BYTES + len(PREFIX) + 1 + 10
"""Bytes of a row of these tests."""


def row(name: str) -> dict[bytes, bytes]:
    return {name.encode(): b"0123456789"}


def test_the_row_that_was_not_used_for_the_longest_time_is_removed() -> None:
    cache = ForkCache(MemoryStore(), 3 * ROW)
    for name in "abc":
        cache.put(row(name))
    assert cache.get(b"a") is not None
    cache.put(row("d"))
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [
        True, False, True, True,
    ]  # fmt: skip
    assert (cache.removed, len(cache), cache.size) == (1, 3, 3 * ROW)


def test_rows_of_an_earlier_run_count_and_are_used_again() -> None:
    store = MemoryStore()
    cache = ForkCache(store, 4 * ROW)
    for name in "abcd":
        cache.put(row(name))
    store.aux_put({b"of another module": b"x" * 1_000})
    again = ForkCache(store, 2 * ROW)
    assert (len(again), again.size) == (2, 2 * ROW)
    assert store.aux_get(b"of another module") is not None
    assert len(store.rows) == 3


def test_a_row_that_is_put_again_counts_once() -> None:
    cache = ForkCache(MemoryStore(), 2 * ROW)
    cache.put(row("a"))
    cache.put(row("a"))
    assert (len(cache), cache.size, cache.removed) == (1, ROW, 0)


@given(st.lists(st.dictionaries(st.binary(max_size=3), st.binary(max_size=400), max_size=4)))
def test_the_size_is_that_of_the_rows_and_within_the_limit(
    puts: list[dict[bytes, bytes]],
) -> None:
    store = MemoryStore()
    cache = ForkCache(store, 2_000)
    for rows in puts:
        cache.put(rows)
        size = sum(ROW_BYTES + len(key) + len(value) for key, value in store.rows.items())
        assert cache.size == size <= 2_000
