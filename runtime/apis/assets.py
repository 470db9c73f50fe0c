"""Runtime APIs of assets and their exchange: registrations, holders and prices.

Amounts are in planck, times in slots. Every result is bounded: lists are paged.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, path, u32, u64, u128
from runtime.apis.base import RuntimeApi
from runtime.frame.aliases import Balance
from runtime.pallets.asset_registry import AssetInfo, AssetRegistry, Poll
from runtime.pallets.assets import Assets, AssetStatus
from runtime.pallets.exchange import Exchange, Listing, Order, Side, Trade
from runtime.pallets.vaults import Vault, Vaults

PAGE: Final = 100
"""Maximum number of records in one result."""
MAX_LEVELS: Final = 50


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


@path("btt_runtime::assets::PriceLevel", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class PriceLevel:
    """Sum of the orders of one side at one price."""

    price: Balance
    units: Annotated[u128, TypeName("Units")]
    orders: u32


@path("btt_runtime::assets::Book")
@dataclass(frozen=True, slots=True)
class Book:
    """Price levels of both sides, the best first, and the last auction."""

    bids: list[PriceLevel]
    asks: list[PriceLevel]
    last: Trade | None


@path("btt_runtime::assets::VaultView", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class VaultView:
    """A vault and its holdings."""

    vault: Vault
    account: AccountId
    money: Balance
    units: Annotated[u128, TypeName("Units")]


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


class ExchangeApi(RuntimeApi, version=1):
    """Order books, trades and vaults of assets."""

    def book(self, asset: u32, levels: u32) -> Book:
        """Return the best price levels of both sides, at most `MAX_LEVELS`."""
        most, trades = min(int(levels), MAX_LEVELS), self._exchange.auctions.trades[asset]
        bids, asks = (self._levels(asset, side, most) for side in (Side.Buy, Side.Sell))
        return Book(bids, asks, trades[-1] if trades else None)

    def trades(self, asset: u32) -> list[Trade]:
        """Return the results of the last auctions, the newest last."""
        return self._exchange.auctions.trades[asset]

    def orders(self, account: AccountId, asset: u32) -> list[tuple[u64, Order]]:
        """Return an account's open orders for an asset, with their numbers."""
        exchange = self._exchange
        return [
            (id, exchange.order_book.orders[id]) for id in exchange.order_book.own[asset, account]
        ]

    def order(self, id: u64) -> Order | None:
        """Return an open order; None if there is none of this number."""
        return self._exchange.order_book.orders.get(id)

    def listings(self) -> list[tuple[u32, Listing]]:
        """Return the traded assets, premium listings first; at most `PAGE`."""
        now = self._exchange.clock.now()
        listed = self._exchange.listings.items()
        traded = (entry for entry in listed if self._exchange.is_traded(entry[0]))
        return nsmallest(PAGE, traded, key=lambda entry: (entry[1].premium_until <= now, entry[0]))

    def vault(self, id: u32) -> VaultView | None:
        """Return a vault and its holdings; None if there is none of this number."""
        vaults = self._runtime.pallet(Vaults)
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
        return self._runtime.pallet(Exchange)


ASSET_APIS = (AssetsApi, ExchangeApi)
