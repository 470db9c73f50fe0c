"""Facts about a gossip message that are read from a few bytes, before anything is decoded.

The cost is the same for the largest message and for the smallest.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.primitives.limits import MAX_LOGS
from btt_chain.scale import DecodeError
from btt_chain.scale.compact import compact_decode

HASH_BYTES: Final = 32
_U32: Final = 1 << 32


class AnnouncePeek(NamedTuple):
    """Facts about an announced header."""

    number: int
    logs: int
    """Number of items in its digest."""


def peek_announce(raw: bytes) -> AnnouncePeek:
    """Return the height and the number of digest items of an announced header.

    Raises DecodeError if the bytes end early or a number is out of range.
    """
    number, at = compact_decode(raw, HASH_BYTES)
    if number >= _U32:
        raise DecodeError("Announce", HASH_BYTES, f"height {number} is out of range")
    logs, at = compact_decode(raw, at + 2 * HASH_BYTES)
    if logs > MAX_LOGS:
        raise DecodeError("Announce", at, f"{logs} digest items, {MAX_LOGS} allowed")
    return AnnouncePeek(number, logs)
