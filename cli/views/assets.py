"""Views of assets, their exchange and their vaults. Amounts are in planck, times in slots."""

from __future__ import annotations

from typing import Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """A registered asset."""

    issuer: AccountId
    kind: str
    right: str
    documents: bytes
    """Hash of the documents."""
    name: bytes
    symbol: bytes
    units: int
    value: int
    restricted: bool
    """True if only accounts with a judged identity may receive units."""
    state: str


@dataclass(frozen=True, slots=True)
class Poll:
    """The stakers' votes on an asset."""

    ends: int
    ayes: int
    nays: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A listed asset."""

    since: int


@dataclass(frozen=True, slots=True)
class AssetView:
    """The current state of an asset."""

    id: int
    info: AssetInfo
    poll: Poll | None
    frozen: bool
    holders: int
    distributed: int
    """Sum of all revenue set aside for holders."""
    listing: Listing | None


@dataclass(frozen=True, slots=True)
class Holding:
    """An account's holding of an asset."""

    id: int
    units: int
    on_hold: int
    revenue: int


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """Sum of the orders of one side at one price."""

    price: int
    units: int
    orders: int


@dataclass(frozen=True, slots=True)
class Trade:
    """Result of an auction."""

    slot: int
    price: int
    units: int


@dataclass(frozen=True, slots=True)
class Book:
    """Price levels of both sides, the best first, and the last auction."""

    bids: list[PriceLevel]
    asks: list[PriceLevel]
    last: Trade | None


@dataclass(frozen=True, slots=True)
class Order:
    """An open order."""

    side: str
    """`Buy` or `Sell`."""
    price: int
    units: int
    escrow: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault's rules and shares."""

    asset: int
    manager: AccountId
    fee_bps: int
    shares: int


@dataclass(frozen=True, slots=True)
class VaultView:
    """A vault and its holdings."""

    vault: Vault
    account: AccountId
    money: int
    units: int


class AssetsApi(Protocol):
    """Registered assets and their holders."""

    def asset(self, id: int) -> AssetView | None:
        """Return the asset of a number; None if there is none."""

    def assets(self, begin: int, limit: int) -> list[AssetView]:
        """Return the assets from number `begin` on."""

    def holdings(self, account: AccountId, begin: int, limit: int) -> list[Holding]:
        """Return an account's holdings of assets from number `begin` on."""


class ExchangeApi(Protocol):
    """Order books, trades and vaults of assets."""

    def book(self, asset: int, levels: int) -> Book:
        """Return the best price levels of both sides."""

    def trades(self, asset: int) -> list[Trade]:
        """Return the results of the last auctions, the newest last."""

    def orders(self, account: AccountId, asset: int) -> list[tuple[int, Order]]:
        """Return an account's open orders for an asset, with their numbers."""

    def vault(self, id: int) -> VaultView | None:
        """Return a vault and its holdings; None if there is none of this number."""


# ---- events


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event about a new asset, order or vault."""

    id: int


@dataclass(frozen=True, slots=True)
class AssetIssued:
    """Units of an asset were made."""

    units: int
    fee: int
    burned: int


@dataclass(frozen=True, slots=True)
class RevenuePaid:
    """A holder got revenue."""

    amount: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Money and units went into a vault or came out of it, for shares."""

    id: int
    money: int
    units: int
    shares: int
