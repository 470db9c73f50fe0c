"""Weights of Evaluation. Written by `make weights`: do not edit.

Measured on 2 x Intel(R) Xeon(R) Processor, CPython 3.11.2,
on 2026-11-27; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def add_set(parts: int) -> int:
    """3 keys written.

    `parts` 1 to 256.
    """
    return 292_000_000 + 1_170_000 * parts


REQUEST: Final = 4_860_000_000
"""4 keys written."""


def report(items: int) -> int:
    """3 keys written.

    `items` 1 to 4_096.
    """
    return 894_000_000 + 82_900 * items


def dispute(items: int) -> int:
    """7 keys written.

    `items` 1 to 4_096.
    """
    return 940_000_000 + 77_200 * items


RETIRE_SET: Final = 88_100_000
"""1 key written."""


def finish(parts: int) -> int:
    """772 keys written.

    `parts` 1 to 256.
    """
    return 513_000_000 + 213_000_000 * parts


REVOKE_SET: Final = 502_000_000
"""7 keys written."""
REMOVE_SET: Final = 236_000_000
"""3 keys written."""
