from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import (
    DivisionByZero,
    Integer,
    Overflow,
    Underflow,
    codec,
    i8,
    i16,
    i32,
    i64,
    i128,
    u8,
    u16,
    u32,
    u64,
    u128,
    u256,
)

KINDS: tuple[type[Integer], ...] = (u8, u16, u32, u64, u128, u256, i8, i16, i32, i64, i128)


class Share(u32, path="tests::Share", top=1_000):
    """Parts of a thousand."""

    __slots__ = ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_holds_the_ends_of_its_range_and_nothing_beyond(kind: type[Integer]) -> None:
    assert (int(kind(kind.MAX)), int(kind(kind.MIN))) == (kind.MAX, kind.MIN)
    with pytest.raises(Overflow):
        kind(kind.MAX + 1)
    with pytest.raises(Underflow):
        kind(kind.MIN - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_arithmetic_stays_in_the_type_or_raises(kind: type[Integer]) -> None:
    top, bottom = kind(kind.MAX), kind(kind.MIN)
    assert type(kind(3) + 4) is type(4 + kind(3)) is kind
    with pytest.raises(Overflow):
        top + 1
    with pytest.raises(Overflow):
        top * 2
    with pytest.raises(Underflow):
        bottom - 1
    with pytest.raises(DivisionByZero):
        top // 0
    with pytest.raises(DivisionByZero):
        top % kind(0)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_checked_arithmetic_equals_plain_arithmetic_where_it_fits(a: int, b: int) -> None:
    cases: tuple[tuple[Callable[[], int], int], ...] = (
        (lambda: u128(a) + b, a + b),
        (lambda: a - u128(b), a - b),
        (lambda: u128(a) - u128(b), a - b),
        (lambda: u128(a) * b, a * b),
        (lambda: u128(a) // (b or 1), a // (b or 1)),
        (lambda: a % u128(b or 1), a % (b or 1)),
    )
    for checked, plain in cases:
        if 0 <= plain <= u128.MAX:
            result = checked()
            assert result == plain
            assert type(result) is u128
        else:
            with pytest.raises(Overflow if plain > 0 else Underflow):
                checked()


def test_a_number_compares_and_hashes_like_an_int() -> None:
    assert u128(5) == 5 < u8(6)
    assert hash(u32(7)) == hash(7)
    assert sum([u64(1), u64(2)]) == 3
    assert divmod(u64(7), 2) == (3, 1)
    assert [0] * u8(3) == [0, 0, 0]


@pytest.mark.parametrize("wrong", [1.5, "12", None])
def test_a_number_is_made_of_whole_numbers_only(wrong: object) -> None:
    with pytest.raises(TypeError):
        u128(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        u128(1) + wrong  # type: ignore[operator]


def test_a_saturated_number_stops_at_the_end_of_its_range() -> None:
    assert u8.saturated(300) == 255
    assert u8.saturated(-1) == 0
    assert type(u8.saturated(7)) is u8


def test_a_newtype_with_a_top_refuses_more_in_both_directions() -> None:
    with pytest.raises(Overflow):
        Share(1_001)
    assert codec(Share).decode_all(b"\xe8\3\0\0") == 1_000
    with pytest.raises(ValueError, match="1001 is out of range"):
        codec(Share).decode_all(b"\xe9\3\0\0")
    with pytest.raises(ValueError, match="1001 is out of range"):
        codec(Share).encode(1_001)  # type: ignore[arg-type]
