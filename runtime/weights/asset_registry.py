"""Weights of AssetRegistry. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22, at commit 1cb4f7f9.
Picoseconds, with a margin of 30 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 767_000_000
"""6 keys written."""
VERIFY: Final = 840_000_000
"""6 keys written."""
VOTE: Final = 469_000_000
"""2 keys written."""
ISSUE: Final = 1_740_000_000
"""13 keys written."""
CLAIM_VOTE_REWARD: Final = 636_000_000
"""5 keys written."""
EXPIRE_VOTE_REWARD: Final = 516_000_000
"""4 keys written."""


def forget_votes(votes: int) -> int:
    """64 keys written.

    `votes` 1 to 64.
    """
    return 32_900_000 + 109_000_000 * votes


REQUEST_REVALUATION: Final = 984_000_000
"""8 keys written."""
SUBMIT_REVALUATION: Final = 542_000_000
"""3 keys written."""
FREEZE_ASSET: Final = 138_000_000
"""1 key written."""
THAW_ASSET: Final = 144_000_000
"""1 key written."""
DISTRIBUTE_REVENUE: Final = 411_000_000
"""3 keys written."""
CLAIM_REVENUE: Final = 704_000_000
"""5 keys written."""
OFFER_BUY_BACK: Final = 486_000_000
"""3 keys written."""
SELL_BACK: Final = 1_370_000_000
"""10 keys written."""
RETIRE: Final = 1_320_000_000
"""10 keys written."""
BOND_VERIFIER: Final = 373_000_000
"""3 keys written."""
APPOINT_VERIFIER: Final = 123_000_000
"""1 key written."""
LEAVE: Final = 126_000_000
"""1 key written."""
WITHDRAW_BOND: Final = 387_000_000
"""3 keys written."""
SLASH_VERIFIER: Final = 723_000_000
"""6 keys written."""
SET_PARAMS: Final = 120_000_000
"""1 key written."""
WITHDRAW: Final = 639_000_000
"""5 keys written."""
