"""Numbers and bytes in text: ASCII digits up to a maximum, hexadecimal digits, and nothing else."""

from __future__ import annotations

import pytest

from btt_chain.primitives.digits import U128, from_hex, hex_or_none, to_hex, whole_number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1_0", " 1", "0x1", "١", "²", "1" * 10_000, "17", str(U128 + 1)]
)
def test_a_text_that_is_no_number_in_range_is_none(text: str) -> None:
    assert whole_number(text, 16) is None


def test_digits_are_a_number_whatever_zeros_stand_in_front() -> None:
    assert [whole_number(text) for text in ("0", "00", "16", "0" * 9_000 + "7")] == [0, 0, 16, 7]
    assert whole_number(str(U128)) == U128


def test_bytes_in_hex_are_read_with_and_without_a_prefix() -> None:
    assert from_hex(to_hex(b"\0\xab")) == from_hex("00AB") == b"\0\xab"
    assert from_hex("0x", prefix=True) == from_hex("") == b""
    assert from_hex("0xab", 1) == b"\xab"
    assert (hex_or_none(b"\xab"), hex_or_none(None)) == ("0xab", None)


@pytest.mark.parametrize(
    "text", ["0xa", "0xzz", "0Xab", "0x0xab", "ab cd", "0x ab", " 0xab", "ab\n", "\u0661\u0662",
             None, 12, b"ab", ["ab"]],
)  # fmt: skip
def test_anything_else_than_hex_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"hex|expected"):
        from_hex(text)


def test_a_missing_prefix_or_another_length_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match="expected 0x"):
        from_hex("ab", prefix=True)
    with pytest.raises(ValueError, match="expected 2 bytes, got 1"):
        from_hex("0xab", 2)
