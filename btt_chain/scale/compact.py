"""Compact integers: one to sixty-seven bytes, always the shortest form.

The two low bits of the first byte say how many bytes follow: 0 none, 1 one, 2 three, 3 as many as
the six high bits, plus four. A longer form than needed is an error, because one value must have one
encoding.
"""

from __future__ import annotations

from btt_chain.scale.errors import DecodeError, EncodeError

LARGEST = (1 << 536) - 1
"""The largest number that the longest form can hold."""


def compact_encode(n: int) -> bytes:
    """Encode `n`, from 0 to 2^536 - 1; `EncodeError` otherwise."""
    if 0 <= n < 1 << 6:
        return bytes((n << 2,))
    if 0 <= n < 1 << 14:
        return (n << 2 | 1).to_bytes(2, "little")
    if 0 <= n < 1 << 30:
        return (n << 2 | 2).to_bytes(4, "little")
    if not 0 <= n <= LARGEST:
        raise EncodeError("Compact", f"{n} is out of range")
    size = (n.bit_length() + 7) // 8
    return bytes(((size - 4) << 2 | 3,)) + n.to_bytes(size, "little")


def compact_decode(raw: bytes, at: int) -> tuple[int, int]:
    """Decode the number that starts at `at`; return it with the offset after it."""
    try:
        first = raw[at]
        mode = first & 3
        if mode == 0:
            return first >> 2, at + 1
        if mode == 1:
            n = (first | raw[at + 1] << 8) >> 2
            if n < 1 << 6:
                raise DecodeError("Compact", at, "not the shortest form")
            return n, at + 2
    except IndexError:
        raise DecodeError("Compact", at, "the input ends too early") from None
    if mode == 2:
        size, start, shift, least = 4, at, 2, 1 << 14
    else:
        size, start, shift = (first >> 2) + 4, at + 1, 0
        least = 1 << 30 if size == 4 else 1 << 8 * (size - 1)
    end = start + size
    if end > len(raw):
        raise DecodeError("Compact", at, "the input ends too early")
    n = int.from_bytes(raw[start:end], "little") >> shift
    if n < least:
        raise DecodeError("Compact", at, "not the shortest form")
    return n, end
