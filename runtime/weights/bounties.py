"""Weights of Bounties. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit ad301d81.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final


def propose_bounty(length: int) -> int:
    """5 keys written.

    `length` 0 to 16_384.
    """
    return 660_000_000 + 12_600 * length


APPROVE_BOUNTY: Final = 302_000_000
"""2 keys written."""
APPROVE_BOUNTY_WITH_CURATOR: Final = 312_000_000
"""2 keys written."""
PROPOSE_CURATOR: Final = 141_000_000
"""1 key written."""
UNASSIGN_CURATOR: Final = 537_000_000
"""4 keys written."""
ACCEPT_CURATOR: Final = 424_000_000
"""3 keys written."""
AWARD_BOUNTY: Final = 145_000_000
"""1 key written."""
CLAIM_BOUNTY: Final = 827_000_000
"""6 keys written."""
CLOSE_BOUNTY: Final = 791_000_000
"""6 keys written."""
EXTEND_BOUNTY_EXPIRY: Final = 147_000_000
"""1 key written."""
POKE_DEPOSIT: Final = 434_000_000
"""3 keys written."""


def fund(bounties: int) -> int:
    """207 keys written.

    `bounties` 0 to 100.
    """
    return 6_980_000 + 494_000_000 * bounties
