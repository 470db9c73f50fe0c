"""Runtime APIs of assets and their exchange: what is registered, who holds it, what it trades at.

Amounts are in planck, times in slots. Every answer is bounded: lists come in pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, path, u32, u64, u128
from runtime.api_base import RuntimeApi
from runtime.pallets.asset_registry import AssetInfo, AssetRegistry, Poll
from runtime.pallets.assets import Assets, AssetStatus
from runtime.pallets.exchange import Exchange, Listing, Order, Side, Trade
from runtime.pallets.vaults import Vault, Vaults

PAGE: Final = 100
"""Records that are answered at once."""
MAX_LEVELS: Final = 50


@path("btt_runtime::assets::AssetView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class AssetView:
    """An asset, as it is now."""

    id: u32
    info: AssetInfo
    poll: Poll | None
    frozen: bool
    """Whether its units stand still."""
    holders: u32
    """How many accounts hold units, or a place for them."""
    distributed: Annotated[u128, TypeName("Balance")]
    """All revenue that was set aside for holders."""
    listing: Listing | None
    """Whether and since when it is traded."""


@path("btt_runtime::assets::Holding", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of an asset."""

    id: u32
    units: Annotated[u128, TypeName("Units")]
    on_hold: Annotated[u128, TypeName("Units")]
    """For sale."""
    revenue: Annotated[u128, TypeName("Balance")]
    """What `claimRevenue` would pay."""


@path("btt_runtime::assets::PriceLevel", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PriceLevel:
    """All orders of one side at one price."""

    price: Annotated[u128, TypeName("Balance")]
    units: Annotated[u128, TypeName("Units")]
    orders: u32


@path("btt_runtime::assets::Book")
@dataclass(frozen=True, slots=True)
class Book:
    """What is wanted and offered, the best prices first, and the last auction."""

    bids: list[PriceLevel]
    asks: list[PriceLevel]
    last: Trade | None


@path("btt_runtime::assets::VaultView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class VaultView:
    """A vault, and what lies in it."""

    vault: Vault
    account: AccountId
    money: Annotated[u128, TypeName("Balance")]
    units: Annotated[u128, TypeName("Units")]


class AssetsApi(RuntimeApi, version=1):
    """What is registered, and who holds it."""

    def asset(self, id: u32) -> AssetView | None:
        """Return an asset by its number."""
        registry = self._executive.runtime.pallet(AssetRegistry)
        info = registry.registered.get(id)
        return None if info is None else self._view(registry, id, info)

    def assets(self, begin: u32, limit: u32) -> list[AssetView]:
        """Return the assets from a number on, `PAGE` at most."""
        registry = self._executive.runtime.pallet(AssetRegistry)
        end = min(int(registry.count.value), int(begin) + min(int(limit), PAGE))
        found = ((u32(id), registry.registered.get(u32(id))) for id in range(int(begin), end))
        return [self._view(registry, id, info) for id, info in found if info is not None]

    def holdings(self, account: AccountId, begin: u32, limit: u32) -> list[Holding]:
        """Return what an account has of the assets from a number on; it looks at `PAGE` at most."""
        runtime = self._executive.runtime
        registry, assets = runtime.pallet(AssetRegistry), runtime.pallet(Assets)
        end = min(int(registry.count.value), int(begin) + min(int(limit), PAGE))
        holdings = []
        for id in map(u32, range(int(begin), end)):
            units, due = assets.balance(id, account), registry.revenue_due(id, account)
            if units or due:
                holdings.append(Holding(id, units, assets.held[id, account], due))
        return holdings

    def _view(self, registry: AssetRegistry, id: u32, info: AssetInfo) -> AssetView:
        runtime = self._executive.runtime
        details = runtime.pallet(Assets).asset.get(id)
        exchange = runtime.pallet(Exchange)
        return AssetView(
            id,
            info,
            registry.polls.get(id),
            details is not None and details.status is AssetStatus.Frozen,
            u32(0) if details is None else details.accounts,
            registry.revenue[id].fed,
            exchange.listings.get(id) if exchange.is_traded(id) else None,
        )


class ExchangeApi(RuntimeApi, version=1):
    """What assets trade at."""

    def book(self, asset: u32, levels: u32) -> Book:
        """Return the best price levels of both sides, `MAX_LEVELS` at most."""
        most, trades = min(int(levels), MAX_LEVELS), self._exchange.trades[asset]
        bids, asks = (self._levels(asset, side, most) for side in (Side.Buy, Side.Sell))
        return Book(bids, asks, trades[-1] if trades else None)

    def trades(self, asset: u32) -> list[Trade]:
        """Return what the last auctions did, the newest last."""
        return self._exchange.trades[asset]

    def orders(self, account: AccountId, asset: u32) -> list[tuple[u64, Order]]:
        """Return an account's open orders for an asset, by their numbers."""
        exchange = self._exchange
        return [(id, exchange.orders[id]) for id in exchange.own[asset, account]]

    def order(self, id: u64) -> Order | None:
        """Return an open order."""
        return self._exchange.orders.get(id)

    def listings(self) -> list[tuple[u32, Listing]]:
        """Return what is traded, what paid for it first; `PAGE` at most."""
        now = self._exchange.clock.now()
        listed = self._exchange.listings.items()
        traded = (entry for entry in listed if self._exchange.is_traded(entry[0]))
        return nsmallest(PAGE, traded, key=lambda entry: (entry[1].premium_until <= now, entry[0]))

    def vault(self, id: u32) -> VaultView | None:
        """Return a vault and what lies in it."""
        vaults = self._executive.runtime.pallet(Vaults)
        vault = vaults.vaults.get(id)
        if vault is None:
            return None
        money, units = vaults.holdings(id, vault)
        return VaultView(vault, vaults.account_of(id), u128(money), u128(units))

    def _levels(self, asset: u32, side: Side, most: int) -> list[PriceLevel]:
        return [
            PriceLevel(u128(level.price), u128(level.units), u32(level.orders))
            for level in self._exchange.depth(asset, side, most)
        ]

    @property
    def _exchange(self) -> Exchange:
        return self._executive.runtime.pallet(Exchange)


ASSET_APIS = (AssetsApi, ExchangeApi)
