"""Bounties: grants for work, paid from the grants pool and judged by a curator."""

from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.bounties.types import (
    MAX_REASON,
    RESERVE_ID,
    Active,
    Approved,
    ApprovedWithCurator,
    AwaitsCurator,
    Awarded,
    Bounty,
    BountyStatus,
    Funded,
    Proposed,
)

__all__ = [
    "MAX_REASON",
    "RESERVE_ID",
    "Active",
    "Approved",
    "ApprovedWithCurator",
    "AwaitsCurator",
    "Awarded",
    "Bounties",
    "Bounty",
    "BountyStatus",
    "Funded",
    "Proposed",
]
