"""A card's number is accepted once, in order or at most 64 late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.pallets.payfi.limits import WINDOW, Counters, accepted


def use(*numbers: int) -> list[bool]:
    counters, found = Counters(), list[bool]()
    for number in numbers:
        after = accepted(counters, number)
        found.append(after is not None)
        counters = after or counters
    return found


def test_a_number_is_accepted_once() -> None:
    assert use(1, 1, 2, 2, 1) == [True, False, True, False, False]


def test_the_first_number_is_one() -> None:
    assert use(0, 1, 0) == [False, True, False]


def test_a_late_number_is_accepted_within_the_window() -> None:
    assert use(100, 36, 36, 35, 99) == [True, True, False, False, True]


@pytest.mark.parametrize("jump", [1, 2, 63, 64, 65, 66, 200, 1 << 40])
def test_used_numbers_stay_used_after_a_jump(jump: int) -> None:
    high = 70
    used = list(range(high - WINDOW, high + 1))
    assert use(*used, high + jump, *used) == [*[True] * len(used), True, *[False] * len(used)]


@pytest.mark.parametrize("jump", [1, 2, 63, 64, 65])
def test_unused_numbers_in_the_window_stay_open_after_a_jump(jump: int) -> None:
    start = 1_000
    late = list(range(start + jump - 80, start + jump))
    found = use(start, start + jump, *late)
    assert found[2:] == [start + jump - n <= WINDOW and n != start for n in late]


@given(st.lists(st.integers(0, 300), max_size=200))
def test_the_window_agrees_with_a_set_of_used_numbers(numbers: list[int]) -> None:
    used, high, expected = set[int](), 0, list[bool]()
    for number in numbers:
        fresh = number > 0 and number not in used and number >= high - WINDOW
        expected.append(fresh)
        if fresh:
            used.add(number)
            high = max(high, number)
    assert use(*numbers) == expected


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=50))
def test_the_window_fits_into_64_bits(numbers: list[int]) -> None:
    counters = Counters()
    for number in numbers:
        counters = accepted(counters, number) or counters
        assert 0 <= counters.window < 1 << 64
        assert 0 <= counters.high < 1 << 64
