"""Weights of Balances. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

TRANSFER_ALLOW_DEATH: Final = 366_000_000
"""3 keys written."""
FORCE_TRANSFER: Final = 366_000_000
"""3 keys written."""
TRANSFER_KEEP_ALIVE: Final = 243_000_000
"""2 keys written."""
TRANSFER_ALL: Final = 254_000_000
"""2 keys written."""
FORCE_UNRESERVE: Final = 140_000_000
"""1 key written."""
FORCE_SET_BALANCE: Final = 241_000_000
"""2 keys written."""
BURN: Final = 456_000_000
"""4 keys written."""
