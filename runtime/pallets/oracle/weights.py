"""Weights of Oracle. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def feed_values(values: int) -> int:
    """36 keys written.

    `values` 1 to 32.
    """
    return 373_000_000 + 67_700_000 * values


JOIN: Final = 226_000_000
"""3 keys written."""
LEAVE: Final = 2_460_000_000
"""35 keys written."""
WITHDRAW: Final = 223_000_000
"""3 keys written."""
SET_RULE: Final = 2_400_000_000
"""36 keys written."""
ADMIT: Final = 2_450_000_000
"""35 keys written."""
SLASH: Final = 2_820_000_000
"""40 keys written."""
ATTEST: Final = 179_000_000
"""2 keys written."""
COMBINE: Final = 494_000_000
"""4 keys written."""
CLOSE_PERIOD: Final = 4_580_000_000
"""34 keys written."""
LOOK: Final = 8_480_000
"""0 keys written."""
