"""Whole numbers in text that others typed or sent."""

from __future__ import annotations

from typing import Final

U64: Final = (1 << 64) - 1
U128: Final = (1 << 128) - 1


def whole_number(text: str, maximum: int = U128) -> int | None:
    """Return the number that ASCII digits are; None for another text, and above `maximum`.

    Python's `int` takes digits of all scripts, and raises its own error for thousands of them.
    """
    digits = text.lstrip("0") or text[-1:]
    if not (text.isascii() and text.isdecimal()) or len(digits) > len(str(maximum)):
        return None
    number = int(digits)
    return number if number <= maximum else None
