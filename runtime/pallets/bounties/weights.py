"""Weights of Bounties. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def propose_bounty(length: int) -> int:
    """5 keys written.

    `length` 0 to 16_384.
    """
    return 371_000_000 + 5_590 * length


APPROVE_BOUNTY: Final = 184_000_000
"""2 keys written."""
APPROVE_BOUNTY_WITH_CURATOR: Final = 192_000_000
"""2 keys written."""
PROPOSE_CURATOR: Final = 83_100_000
"""1 key written."""
UNASSIGN_CURATOR: Final = 313_000_000
"""4 keys written."""
ACCEPT_CURATOR: Final = 245_000_000
"""3 keys written."""
AWARD_BOUNTY: Final = 87_700_000
"""1 key written."""
CLAIM_BOUNTY: Final = 507_000_000
"""6 keys written."""
CLOSE_BOUNTY: Final = 485_000_000
"""6 keys written."""
EXTEND_BOUNTY_EXPIRY: Final = 87_500_000
"""1 key written."""
POKE_DEPOSIT: Final = 247_000_000
"""3 keys written."""


def fund(bounties: int) -> int:
    """207 keys written.

    `bounties` 0 to 100.
    """
    return 5_900_000 + 299_000_000 * bounties
