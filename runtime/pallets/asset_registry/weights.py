"""Weights of AssetRegistry. Written by `make weights`: do not edit.

Measured on 2 x AMD EPYC, CPython 3.11.7,
on 2026-11-22; `git log` of this file names the commit.
Picoseconds, with a margin of 15 percent, and keys that are written.
"""

from __future__ import annotations

from typing import Final

REGISTER: Final = 467_000_000
"""6 keys written."""
VERIFY: Final = 506_000_000
"""6 keys written."""
VOTE: Final = 269_000_000
"""2 keys written."""
ISSUE: Final = 1_060_000_000
"""13 keys written."""
CLAIM_VOTE_REWARD: Final = 388_000_000
"""5 keys written."""
EXPIRE_VOTE_REWARD: Final = 315_000_000
"""4 keys written."""


def forget_votes(votes: int) -> int:
    """64 keys written.

    `votes` 1 to 64.
    """
    return 20_900_000 + 66_300_000 * votes


REQUEST_REVALUATION: Final = 611_000_000
"""8 keys written."""
SUBMIT_REVALUATION: Final = 301_000_000
"""3 keys written."""
FREEZE_ASSET: Final = 82_900_000
"""1 key written."""
THAW_ASSET: Final = 82_600_000
"""1 key written."""
DISTRIBUTE_REVENUE: Final = 242_000_000
"""3 keys written."""
CLAIM_REVENUE: Final = 412_000_000
"""5 keys written."""
OFFER_BUY_BACK: Final = 273_000_000
"""3 keys written."""
SELL_BACK: Final = 802_000_000
"""10 keys written."""
RETIRE: Final = 774_000_000
"""10 keys written."""
BOND_VERIFIER: Final = 224_000_000
"""3 keys written."""
APPOINT_VERIFIER: Final = 73_500_000
"""1 key written."""
LEAVE: Final = 76_000_000
"""1 key written."""
WITHDRAW_BOND: Final = 225_000_000
"""3 keys written."""
SLASH_VERIFIER: Final = 430_000_000
"""6 keys written."""
SET_PARAMS: Final = 71_700_000
"""1 key written."""
WITHDRAW: Final = 371_000_000
"""5 keys written."""
