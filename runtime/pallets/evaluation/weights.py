"""Weights of Evaluation, in picoseconds of the reference machine."""

from __future__ import annotations

from typing import Final

REQUEST: Final = 20_000_000_000
"""4 keys written."""
RETIRE_SET: Final = 75_000_000
"""1 key written."""
REVOKE_SET: Final = 330_000_000
"""5 keys written."""
REMOVE_SET: Final = 330_000_000
"""5 keys written."""


def add_set(parts: int) -> int:
    """5 keys written.

    `parts` 1 to 256.
    """
    return 420_000_000 + 3_000_000 * parts


def report(items: int) -> int:
    """5 keys written.

    `items` 1 to 4096.
    """
    return 700_000_000 + 400_000 * items


def dispute(items: int) -> int:
    """7 keys written.

    `items` 1 to 4096.
    """
    return 900_000_000 + 400_000 * items


def finish(parts: int) -> int:
    """4 keys written, and 4 for each part.

    `parts` 0 to 256.
    """
    return 500_000_000 + 320_000_000 * parts
