"""Weights of Bounties. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 281f74ca.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def propose_bounty(length: int) -> int:
    """5 keys written.

    `length` 0 to 16_384.
    """
    return 531_000_000 + 7_380 * length


APPROVE_BOUNTY: Final = 252_000_000
"""2 keys written."""
APPROVE_BOUNTY_WITH_CURATOR: Final = 255_000_000
"""2 keys written."""
PROPOSE_CURATOR: Final = 115_000_000
"""1 key written."""
UNASSIGN_CURATOR: Final = 438_000_000
"""4 keys written."""
ACCEPT_CURATOR: Final = 345_000_000
"""3 keys written."""
AWARD_BOUNTY: Final = 122_000_000
"""1 key written."""
CLAIM_BOUNTY: Final = 700_000_000
"""6 keys written."""
CLOSE_BOUNTY: Final = 669_000_000
"""6 keys written."""
EXTEND_BOUNTY_EXPIRY: Final = 124_000_000
"""1 key written."""
POKE_DEPOSIT: Final = 342_000_000
"""3 keys written."""


def fund(bounties: int) -> int:
    """207 keys written.

    `bounties` 0 to 100.
    """
    return 6_720_000 + 369_000_000 * bounties
