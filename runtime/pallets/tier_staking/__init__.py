"""TierStaking: stakes locked for a term, their rewards and benefits."""

from runtime.pallets.tier_staking.formulas import (
    ONE,
    QUARTER_MS,
    TIERS,
    WARM_UP_MS,
    YEAR365_MS,
    accrued,
    affordable_bps,
)
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.tier_staking.types import (
    MAX_STAKES,
    Benefit,
    Benefits,
    Contribution,
    ContributionPoints,
    Holdings,
    PoolState,
    Position,
    Quarter,
    Stake,
    StakedMoney,
    Tier,
    Window,
)

__all__ = [
    "MAX_STAKES",
    "ONE",
    "QUARTER_MS",
    "TIERS",
    "WARM_UP_MS",
    "YEAR365_MS",
    "Benefit",
    "Benefits",
    "Contribution",
    "ContributionPoints",
    "Holdings",
    "PoolState",
    "Position",
    "Quarter",
    "Stake",
    "StakedMoney",
    "Tier",
    "TierStaking",
    "Window",
    "accrued",
    "affordable_bps",
]
