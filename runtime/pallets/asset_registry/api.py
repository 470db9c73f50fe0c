"""Runtime API of registered assets and their holders. Amounts are in planck.

Every result is bounded: lists are paged.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, path, u32, u128
from runtime.frame.aliases import Balance
from runtime.frame.api import RuntimeApi
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import AssetInfo, Poll
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.assets.types import AssetStatus
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Listing

PAGE: Final = 100
"""Maximum number of records in one result."""


@path("btt_runtime::assets::AssetView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class AssetView:
    """The current state of an asset."""

    id: u32
    info: AssetInfo
    poll: Poll | None
    frozen: bool
    """True if its units cannot be transferred."""
    holders: u32
    """Number of accounts that hold units or keep a place for them."""
    distributed: Balance
    """Sum of all revenue set aside for holders."""
    listing: Listing | None
    """The asset's listing; None if it is not traded."""


@path("btt_runtime::assets::Holding", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Holding:
    """An account's holding of an asset."""

    id: u32
    units: Annotated[u128, TypeName("Units")]
    on_hold: Annotated[u128, TypeName("Units")]
    """Units on hold for sale."""
    revenue: Balance
    """Amount that `claimRevenue` would pay."""


class AssetsApi(RuntimeApi, version=1):
    """Registered assets and their holders."""

    def asset(self, id: u32) -> AssetView | None:
        """Return the asset of a number; None if there is none."""
        registry = self._runtime.pallet(AssetRegistry)
        info = registry.info(id)
        return None if info is None else self._view(registry, id, info)

    def assets(self, begin: u32, limit: u32) -> list[AssetView]:
        """Return the assets from number `begin` on, at most `PAGE`."""
        registry = self._runtime.pallet(AssetRegistry)
        end = min(int(registry.registrations.count.value), int(begin) + min(int(limit), PAGE))
        found = ((id, registry.info(id)) for id in map(u32, range(int(begin), end)))
        return [self._view(registry, id, info) for id, info in found if info is not None]

    def holdings(self, account: AccountId, begin: u32, limit: u32) -> list[Holding]:
        """Return an account's holdings of assets from number `begin` on; reads at most `PAGE`."""
        runtime = self._runtime
        registry, assets = runtime.pallet(AssetRegistry), runtime.pallet(Assets)
        end = min(int(registry.registrations.count.value), int(begin) + min(int(limit), PAGE))
        holdings = []
        for id in map(u32, range(int(begin), end)):
            units, due = assets.balance(id, account), registry.revenue_due(id, account)
            if units or due:
                holdings.append(Holding(id, units, assets.held[id, account], due))
        return holdings

    def _view(self, registry: AssetRegistry, id: u32, info: AssetInfo) -> AssetView:
        runtime = self._runtime
        details = runtime.pallet(Assets).asset.get(id)
        exchange = runtime.pallet(Exchange)
        return AssetView(
            id,
            info,
            registry.voting.polls.get(id),
            details is not None and details.status is AssetStatus.Frozen,
            u32(0) if details is None else details.accounts,
            registry.holders.revenue[id].fed,
            exchange.listings.get(id) if exchange.is_traded(id) else None,
        )
