"""Weights of Preimage. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def note_preimage(length: int) -> int:
    """4 keys written.

    `length` 0 to 4_194_304.
    """
    return 291_000_000 + 8_640 * length


UNNOTE_PREIMAGE: Final = 876_000_000
"""4 keys written."""
REQUEST_PREIMAGE: Final = 82_800_000
"""1 key written."""
UNREQUEST_PREIMAGE: Final = 684_000_000
"""2 keys written."""


def ensure_updated(hashes: int) -> int:
    """0 keys written.

    `hashes` 1 to 1_024.
    """
    return 7_630_000 + 285_000 * hashes
