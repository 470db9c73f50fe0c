"""Tokenomics: the pools, their releases, and burns."""

from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import (
    BurnId,
    BurnReason,
    CeilingMode,
    ContractualRow,
    Milestone,
    MilestoneBurn,
    MilestoneStatus,
    Pool,
    PoolId,
    PoolStatus,
    Programme,
    ReserveUnlock,
    Supply,
    YearRelease,
)

__all__ = [
    "BurnId",
    "BurnReason",
    "CeilingMode",
    "ContractualRow",
    "Milestone",
    "MilestoneBurn",
    "MilestoneStatus",
    "Pool",
    "PoolId",
    "PoolStatus",
    "Programme",
    "ReserveUnlock",
    "Supply",
    "Tokenomics",
    "YearRelease",
]
