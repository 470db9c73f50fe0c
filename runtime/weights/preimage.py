"""Weights of Preimage. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def note_preimage(length: int) -> int:
    """4 keys written.

    `length` 0 to 4_194_304.
    """
    return 438_000_000 + 10_900 * length


UNNOTE_PREIMAGE: Final = 1_080_000_000
"""4 keys written."""
REQUEST_PREIMAGE: Final = 114_000_000
"""1 key written."""
UNREQUEST_PREIMAGE: Final = 835_000_000
"""2 keys written."""


def ensure_updated(hashes: int) -> int:
    """0 keys written.

    `hashes` 1 to 1_024.
    """
    return 7_680_000 + 287_000 * hashes
