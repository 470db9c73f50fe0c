"""Whole numbers in text: ASCII digits up to a maximum, and nothing else."""

from __future__ import annotations

import pytest

from btt_chain.primitives.digits import U128, whole_number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1_0", " 1", "0x1", "١", "²", "1" * 10_000, "17", str(U128 + 1)]
)
def test_a_text_that_is_no_number_in_range_is_none(text: str) -> None:
    assert whole_number(text, 16) is None


def test_digits_are_a_number_whatever_zeros_stand_in_front() -> None:
    assert [whole_number(text) for text in ("0", "00", "16", "0" * 9_000 + "7")] == [0, 0, 16, 7]
    assert whole_number(str(U128)) == U128
