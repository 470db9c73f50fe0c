"""Curves: exact against fractions, falling, and turned around without a gap."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import codec, i64
from runtime.pallets.referenda.curves import (
    AnyCurve,
    Curve,
    FixedI64,
    LinearDecreasing,
    Reciprocal,
    SteppedDecreasing,
    delay,
    flat,
    passing,
)

WHOLE = Perbill.WHOLE
PARTS = st.integers(0, WHOLE)
SOME = st.integers(1, WHOLE)


def linear(length: int, low: int, high: int) -> LinearDecreasing:
    return LinearDecreasing(Perbill(length), Perbill(low), Perbill(high))


CURVES = st.one_of(
    st.tuples(SOME, PARTS, PARTS).map(lambda t: linear(t[0], min(t[1:]), max(t[1:]))),
    st.tuples(PARTS, PARTS, SOME, SOME).map(
        lambda t: SteppedDecreasing(
            Perbill(max(t[:2])), Perbill(min(t[:2])), Perbill(t[2]), Perbill(t[3])
        )
    ),
    st.tuples(st.integers(0, 2 * WHOLE), st.integers(1, 2 * WHOLE), st.integers(-WHOLE, WHOLE)).map(
        lambda t: Reciprocal(FixedI64(t[0]), FixedI64(t[1]), FixedI64(t[2]))
    ),
)


@given(SOME, PARTS, PARTS, PARTS)
def test_a_line_is_exact(length: int, one: int, other: int, x: int) -> None:
    low, high = sorted((one, other))
    done = Fraction(floor(Fraction(min(x, length), length) * WHOLE), WHOLE)
    assert linear(length, low, high).threshold(x) == high - floor(done * (high - low))


@given(PARTS, PARTS, SOME, SOME, PARTS)
def test_steps_are_exact(one: int, other: int, step: int, period: int, x: int) -> None:
    low, high = sorted((one, other))
    curve = SteppedDecreasing(Perbill(high), Perbill(low), Perbill(step), Perbill(period))
    assert curve.threshold(x) == max(low, high - step * floor(Fraction(x, period)))


@given(st.integers(0, 10 * WHOLE), st.integers(1, WHOLE), st.integers(-WHOLE, WHOLE), PARTS)
def test_a_reciprocal_is_exact(factor: int, right: int, up: int, x: int) -> None:
    curve = Reciprocal(FixedI64(factor), FixedI64(right), FixedI64(up))
    value = floor(Fraction(factor * WHOLE, x + right)) + up
    assert curve.threshold(x) == min(max(value, 0), WHOLE)


@given(CURVES, PARTS, PARTS)
def test_no_curve_rises(curve: AnyCurve, one: int, other: int) -> None:
    early, late = sorted((one, other))
    assert curve.threshold(early) >= curve.threshold(late)
    assert 0 <= curve.threshold(late) <= WHOLE


@given(CURVES, PARTS)
def test_delay_is_the_first_moment_that_is_enough(curve: AnyCurve, y: int) -> None:
    x = delay(curve, y)
    if passing(curve, WHOLE, y):
        assert passing(curve, x, y)
        assert x == 0 or not passing(curve, x - 1, y)
    else:
        assert x == WHOLE


def test_a_level_curve_needs_the_same_at_all_times() -> None:
    curve = flat(66)
    for x in (0, 1, WHOLE // 2, WHOLE):
        assert curve.threshold(x) == 660_000_000
    assert passing(curve, 0, 660_000_000)
    assert not passing(curve, WHOLE, 659_999_999)


def test_a_curve_without_a_value_needs_all() -> None:
    curve = Reciprocal(FixedI64(WHOLE), FixedI64(-5), FixedI64(0))
    assert curve.threshold(5) == WHOLE


def test_curves_of_polkadots_root_track() -> None:
    """min_support of track 0 falls from 50 % to 0, min_approval by a reciprocal from 100 to 50."""
    support = linear(WHOLE, 0, WHOLE // 2)
    assert [support.threshold(WHOLE * n // 4) for n in range(5)] == [
        500_000_000,
        375_000_000,
        250_000_000,
        125_000_000,
        0,
    ]
    approval = Reciprocal(FixedI64(222_222_224), FixedI64(333_333_335), FixedI64(333_333_332))
    assert approval.threshold(0) == WHOLE
    assert approval.threshold(WHOLE) == 499_999_999


@pytest.mark.parametrize(
    ("curve", "raw"),
    [
        (linear(1, 2, 3), b"\0\1\0\0\0\2\0\0\0\3\0\0\0"),
        (
            Reciprocal(FixedI64(1), FixedI64(-1), FixedI64(0)),
            b"\2\1" + bytes(7) + b"\xff" * 8 + bytes(8),
        ),
    ],
)
def test_a_curve_is_written_as_wallets_read_it(curve: AnyCurve, raw: bytes) -> None:
    assert codec(Curve).encode(curve) == raw
    assert codec(Curve).decode_all(raw) == curve
    assert issubclass(FixedI64, i64)
