"""Weights of Assets. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

TRANSFER: Final = 700_000_000
"""8 keys written."""
TRANSFER_KEEP_ALIVE: Final = 634_000_000
"""7 keys written."""
TOUCH: Final = 298_000_000
"""4 keys written."""
REFUND: Final = 353_000_000
"""5 keys written."""
TRANSFER_ALL: Final = 715_000_000
"""8 keys written."""
