"""Whole-number formulas against the machine's own IEEE arithmetic, and at their edges."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from btt_chain.work.arithmetic import (
    MAX_EXPONENT,
    MIN_EXPONENT,
    normalised,
    requantised,
    scaled,
    shares,
    shifted,
    usable_scale,
)
from unit.work.work_world import requantise

ACCUMULATORS = st.integers(-(2**31), 2**31 - 1) | st.integers(-(2**20), 2**20)
SCALES = st.integers(MIN_EXPONENT << 23, (MAX_EXPONENT << 23) + 2**23 - 1) | st.integers(
    100 << 23, 130 << 23
)
HALF = 126 << 23
QUARTER = 125 << 23
ONE = 127 << 23


def by_numpy(accumulator: int, bits: int, zero: int, low: int, high: int) -> int:
    scale = np.array([bits], np.uint32).view(np.float32)
    numbers = np.rint(np.array([accumulator], np.int32).astype(np.float32) * scale)
    return int(np.clip(numbers + np.float32(zero), low, high)[0])


@given(ACCUMULATORS, SCALES, st.integers(-128, 127))
@example(1, HALF, 0)
@example(3, HALF, 0)
@example(-1, HALF, 0)
@example(-3, HALF, 0)
@example(2**24 + 1, ONE, 0)
@example(2**24 + 3, ONE, 0)
@example(-(2**31), MAX_EXPONENT << 23, 127)
@example(2**31 - 1, MIN_EXPONENT << 23, 0)
@example(0, ONE, -128)
def test_requantising_in_integers_equals_numpy_and_doubles(
    accumulator: int, bits: int, zero: int
) -> None:
    made = requantised(accumulator, bits, zero, -128, 127)

    assert made == by_numpy(accumulator, bits, zero, -128, 127)
    assert made == requantise(accumulator, bits, zero, -128, 127)


@given(ACCUMULATORS, SCALES)
def test_what_is_scaled_equals_numpy_before_it_is_clipped(accumulator: int, bits: int) -> None:
    scale = np.array([bits], np.uint32).view(np.float32)
    right = np.rint(np.array([accumulator], np.int32).astype(np.float32) * scale)

    assert scaled(accumulator, bits) == int(right[0])


def test_halves_go_to_even() -> None:
    assert [scaled(number, HALF) for number in (-5, -3, -1, 1, 3, 5)] == [-2, -2, 0, 0, 2, 2]
    assert [scaled(number, QUARTER) for number in (2, 6, 10)] == [0, 2, 2]
    assert [shifted(number, 1) for number in (-5, -3, -1, 1, 3, 5)] == [-2, -2, 0, 0, 2, 2]


def test_scales_beyond_what_is_exact_are_not_usable() -> None:
    assert usable_scale(ONE)
    assert usable_scale((MAX_EXPONENT << 23) + 2**23 - 1)
    for bits in (
        0,
        1,
        (MIN_EXPONENT << 23) - 1,
        (MAX_EXPONENT + 1) << 23,
        1 << 31 | ONE,
        255 << 23,
    ):
        assert not usable_scale(bits)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=64))
def test_shares_of_a_row_are_close_to_its_softmax(row: list[int]) -> None:
    table = [round(32768 * float(np.exp(-below / 16))) for below in range(256)]
    weights = np.exp((np.array(row) - max(row)) / 16)

    made = shares(row, table)

    assert np.abs(np.array(made) - np.minimum(256 * weights / weights.sum(), 255)).max() < 0.52


@given(st.lists(st.integers(-128, 127), min_size=2, max_size=64))
def test_a_normalised_row_is_close_to_the_real_one(row: list[int]) -> None:
    deviation = float(np.std(row))
    right = (np.array(row) - np.mean(row)) / (deviation or 1.0) * 16

    # A gain of 16 with 12 bits behind it, in 2^-24.
    made = [normalised(row, at, 0, 16 << 12, 0, 24) for at in range(len(row))]

    assert np.abs(np.array(made) - right).max() < 0.6 + 0.1 * np.abs(right).max() / 16


def test_a_row_of_equal_elements_is_its_offset() -> None:
    assert normalised([7, 7, 7], 1, 0, 1 << 20, 5 << 24, 24) == 5
