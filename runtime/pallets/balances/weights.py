"""Weights of Balances. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-25; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

TRANSFER_ALLOW_DEATH: Final = 160_000_000
"""2 keys written."""
FORCE_TRANSFER: Final = 218_000_000
"""3 keys written."""
TRANSFER_KEEP_ALIVE: Final = 84_700_000
"""1 key written."""
TRANSFER_ALL: Final = 94_100_000
"""1 key written."""
FORCE_UNRESERVE: Final = 85_000_000
"""1 key written."""
FORCE_SET_BALANCE: Final = 141_000_000
"""2 keys written."""
BURN: Final = 212_000_000
"""3 keys written."""
