"""Assets: units of registered assets, in the layout of Substrate's `pallet_assets`."""

from runtime.pallets.assets.pallet import Assets
from runtime.pallets.assets.types import (
    RESERVE_ID,
    STRING_LIMIT,
    AssetStatus,
    Consumer,
    DepositHeld,
)

__all__ = [
    "RESERVE_ID",
    "STRING_LIMIT",
    "AssetStatus",
    "Assets",
    "Consumer",
    "DepositHeld",
]
