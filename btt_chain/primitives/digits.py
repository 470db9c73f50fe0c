"""Whole numbers and bytes in text that others typed or sent."""

from __future__ import annotations

from typing import Final

U32: Final = (1 << 32) - 1
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


def to_hex(raw: bytes) -> str:
    """Return 0x and lower-case hexadecimal digits, as every client expects."""
    return "0x" + raw.hex()


def hex_or_none(raw: bytes | None) -> str | None:
    """Return bytes as `to_hex` does, None for None."""
    return None if raw is None else to_hex(raw)


def from_hex(text: object, length: int | None = None, *, prefix: bool = False) -> bytes:
    """Return the bytes of hexadecimal text. Raises ValueError for anything else.

    `length` is the number of bytes. 0x in front may be missing, unless `prefix` is set.
    """
    if not isinstance(text, str):
        raise ValueError(f"expected text, not {type(text).__name__}")
    digits = text.removeprefix("0x")
    raw = bytes.fromhex(digits)
    # `bytes.fromhex` skips white space. Checking each digit would cost ten times as much.
    if 2 * len(raw) != len(digits) or (prefix and digits == text):
        raise ValueError("expected 0x and hexadecimal digits")
    if length is not None and len(raw) != length:
        raise ValueError(f"expected {length} bytes, got {len(raw)}")
    return raw
