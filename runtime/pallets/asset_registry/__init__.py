"""AssetRegistry: real-world assets, verified by bonded verifiers, owned in units."""

from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import (
    ONE,
    AssetInfo,
    AssetKind,
    BuyBack,
    Mode,
    Params,
    Poll,
    Report,
    Request,
    Revenue,
    RightKind,
    Role,
    Share,
    State,
    Valuation,
    Verifier,
    Vote,
)

__all__ = [
    "ONE",
    "AssetInfo",
    "AssetKind",
    "AssetRegistry",
    "BuyBack",
    "Mode",
    "Params",
    "Poll",
    "Report",
    "Request",
    "Revenue",
    "RightKind",
    "Role",
    "Share",
    "State",
    "Valuation",
    "Verifier",
    "Vote",
]
