"""Weights of Bounties. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit a5bb4641.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def propose_bounty(length: int) -> int:
    """5 keys written.

    `length` 0 to 16_384.
    """
    return 368_000_000 + 6_160 * length


APPROVE_BOUNTY: Final = 197_000_000
"""2 keys written."""
APPROVE_BOUNTY_WITH_CURATOR: Final = 173_000_000
"""2 keys written."""
PROPOSE_CURATOR: Final = 76_600_000
"""1 key written."""
UNASSIGN_CURATOR: Final = 291_000_000
"""4 keys written."""
ACCEPT_CURATOR: Final = 271_000_000
"""3 keys written."""
AWARD_BOUNTY: Final = 95_500_000
"""1 key written."""
CLAIM_BOUNTY: Final = 523_000_000
"""6 keys written."""
CLOSE_BOUNTY: Final = 484_000_000
"""6 keys written."""
EXTEND_BOUNTY_EXPIRY: Final = 96_300_000
"""1 key written."""
POKE_DEPOSIT: Final = 265_000_000
"""3 keys written."""


def fund(bounties: int) -> int:
    """207 keys written.

    `bounties` 0 to 100.
    """
    return 8_340_000 + 360_000_000 * bounties
