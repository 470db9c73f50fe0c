"""Weights of Balances. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 671e9fc4.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

TRANSFER_ALLOW_DEATH: Final = 273_000_000
"""3 keys written."""
FORCE_TRANSFER: Final = 267_000_000
"""3 keys written."""
TRANSFER_KEEP_ALIVE: Final = 176_000_000
"""2 keys written."""
TRANSFER_ALL: Final = 183_000_000
"""2 keys written."""
FORCE_UNRESERVE: Final = 102_000_000
"""1 key written."""
FORCE_SET_BALANCE: Final = 174_000_000
"""2 keys written."""
BURN: Final = 330_000_000
"""4 keys written."""
