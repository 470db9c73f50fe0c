from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.arithmetic import (
    FixedU128,
    Perbill,
    Permill,
    Rounding,
    mul_div,
)
from btt_chain.scale import DivisionByZero, Overflow, codec, u128

amounts = st.integers(0, 2**128 - 1)


@given(amounts, amounts, st.integers(1, 2**128 - 1))
def test_mul_div_rounds_in_the_given_direction(a: int, b: int, c: int) -> None:
    exact = Fraction(a * b, c)
    assert mul_div(u128(a), u128(b), u128(c)) == floor(exact)
    assert mul_div(a, b, c, Rounding.UP) == ceil(exact)


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(DivisionByZero):
        mul_div(1, 1, 0)
    with pytest.raises(DivisionByZero):
        Perbill.from_rational(1, 0)


@pytest.mark.parametrize("kind", [Perbill, Permill])
def test_a_share_is_at_most_the_whole(kind: type[Perbill | Permill]) -> None:
    assert kind.from_rational(1, 2) == kind.WHOLE // 2
    assert kind.from_rational(7, 2) == kind.WHOLE
    assert kind(kind.WHOLE).of(10**30) == 10**30
    assert kind.from_rational(1, 2).of(7) == 3
    assert kind.from_rational(1, 2).of(7, Rounding.UP) == 4
    with pytest.raises(Overflow):
        kind(kind.WHOLE + 1)
    raw = codec(kind).encode(kind(5))
    assert codec(kind).decode_all(raw) == 5
    with pytest.raises(ValueError, match="out of range"):
        codec(kind).decode_all(b"\xff" * len(raw))


def test_a_fixed_point_number_has_eighteen_decimals() -> None:
    half = FixedU128.from_rational(1, 2)
    assert half == 5 * 10**17
    assert half.of(7) == 3
    assert FixedU128(FixedU128.ONE).of(7) == 7
    assert FixedU128.from_rational(2, 3, Rounding.UP) - FixedU128.from_rational(2, 3) == 1
    with pytest.raises(Overflow):
        FixedU128.from_rational(10**21, 1)
    assert codec(FixedU128).shape.path == "sp_arithmetic::fixed_point::FixedU128"
