"""Runtime API of order books, trades and vaults: prices in planck, times in slots.

Every result is bounded.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, path, u32, u64, u128
from runtime.frame.aliases import Balance
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Listing, Order, Side, Trade
from runtime.pallets.vaults.pallet import Vault, Vaults

PAGE: Final = 100
"""Maximum number of records in one result."""


MAX_LEVELS: Final = 50


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


class ExchangeApi(RuntimeApi, version=1):
    """Order books, trades and vaults of assets."""

    _exchange = PalletOf(Exchange)

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
