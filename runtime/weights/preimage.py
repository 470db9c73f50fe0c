"""Weights of Preimage. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 50de7bc0.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def note_preimage(length: int) -> int:
    """4 keys written.

    `length` 0 to 4_194_304.
    """
    return 312_000_000 + 10_200 * length


UNNOTE_PREIMAGE: Final = 1_090_000_000
"""4 keys written."""
REQUEST_PREIMAGE: Final = 80_700_000
"""1 key written."""
UNREQUEST_PREIMAGE: Final = 857_000_000
"""2 keys written."""


def ensure_updated(hashes: int) -> int:
    """0 keys written.

    `hashes` 1 to 1_024.
    """
    return 10_600_000 + 307_000 * hashes
