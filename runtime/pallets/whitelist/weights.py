"""Weights of Whitelist. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

WHITELIST_CALL: Final = 142_000_000
"""2 keys written."""
REMOVE_WHITELISTED_CALL: Final = 725_000_000
"""3 keys written."""


def dispatch_whitelisted_call(length: int) -> int:
    """2 keys written.

    `length` 0 to 1_048_576.
    """
    return 166_000_000 + 154 * length


def dispatch_whitelisted_call_with_preimage(length: int) -> int:
    """2 keys written.

    `length` 0 to 1_048_576.
    """
    return 151_000_000 + 7_150 * length
