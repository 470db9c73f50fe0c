"""Weights of Referral. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REFER: Final = 264_000_000
"""3 keys written."""
ACCEPT: Final = 338_000_000
"""4 keys written."""
ATTEST_IMPLEMENTATION: Final = 74_200_000
"""1 key written."""
CLAIM: Final = 702_000_000
"""8 keys written."""
WITHDRAW: Final = 225_000_000
"""3 keys written."""
SET_TERMS: Final = 72_600_000
"""1 key written."""
