"""Types of the exchange, and the interfaces of the pallets it uses."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Compact, Fixed, TypeName, path, u16, u32, u64, u128
from runtime.frame.aliases import Account, Balance, SlotOf
from runtime.splits import BPS, ceil_div

MAX_OWN_ORDERS: Final = 32
"""Maximum number of open orders of one account for one asset."""
MAX_TRADES: Final = 64
"""Number of remembered trades per asset."""
MAX_IMMEDIATE: Final = 256
"""Maximum number of orders of one block that end with its auction."""
MIN_FEE_BPS, MAX_FEE_BPS = 50, 100
"""Bounds of the fee of trading, in hundredths of a percent."""
LEVEL_BYTES: Final = 17
KEY_BYTES: Final = LEVEL_BYTES + 8
NOTHING: Final = u128(0)

Units = Annotated[u128, TypeName("Units")]
CompactUnits = Annotated[Compact[u128], TypeName("Units")]
AssetId = Annotated[u32, TypeName("AssetId")]
OrderId = Annotated[u64, TypeName("OrderId")]
Bps = Annotated[u16, TypeName("Bps")]
LevelKey = Annotated[bytes, Fixed(LEVEL_BYTES), TypeName("LevelKey")]
BookKey = Annotated[bytes, Fixed(KEY_BYTES), TypeName("BookKey")]


class HoldReason(IntEnum):
    """Reasons for holds."""

    Order = 0
    """Maximum cost of a buy order, fees included."""


@path("pallet_exchange::Side")
class Side(IntEnum):
    """Side of an order."""

    Buy = 0
    Sell = 1


@path("pallet_exchange::TimeInForce")
class TimeInForce(IntEnum):
    """Lifetime of an order."""

    UntilCancelled = 0
    Immediate = 1
    """The part not filled in the auction of its block is cancelled."""


@path("pallet_exchange::Order", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Order:
    """An open order."""

    owner: Account
    asset: u32
    side: Side
    price: Balance
    """Maximum price of a buy order, minimum price of a sell order, in planck per unit."""
    slot: SlotOf
    units: Units
    """Units not filled yet."""
    escrow: Balance
    """Money on hold for a buy order, in planck; a sell order has units on hold instead."""
    maker_bps: Bps
    taker_bps: Bps
    """Fee rates at the time it was placed."""
    until: SlotOf | None
    """First slot in which any account may cancel it; None: never expires."""
    charged: u128 = u128(0)
    """Accumulated fees, in 10^-8 planck: rounded up once per order, not per trade."""


@path("pallet_exchange::Total")
@dataclass(slots=True)
class Total:
    """Sum of all orders of one side at one price."""

    units: Units = u128(0)
    orders: u32 = u32(0)


@path("pallet_exchange::Crossing")
@dataclass(frozen=True, slots=True)
class Crossing:
    """An asset with crossing orders that waits for an auction."""

    since: SlotOf
    """Orders placed in this slot or later are takers."""
    turn: SlotOf
    """Slot of the last auction or of the start of waiting: the longest wait comes first."""


@path("pallet_exchange::Trade", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Trade:
    """Result of an auction."""

    slot: SlotOf
    price: Balance
    units: Units


@path("pallet_exchange::Listing", params={})
@dataclass(slots=True)
class Listing:
    """A listed asset."""

    since: SlotOf
    premium_until: SlotOf = u64(0)
    """End slot of the premium listing."""


@path("pallet_exchange::Params", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the pallet, set by governance. Rates in hundredths of a percent."""

    maker_bps: Bps = u16(50)
    taker_bps: Bps = u16(100)
    premium_bps: Bps = u16(50)
    """Fee of a premium listing, of the asset's value."""
    least_notional: Balance = u128(10**18)
    """Minimum value of an order, in planck."""

    def problem(self) -> str | None:
        """Return a description of the first violated bound; None if the parameters are valid."""
        if not MIN_FEE_BPS <= self.maker_bps <= self.taker_bps <= MAX_FEE_BPS:
            return f"fees are {MIN_FEE_BPS} to {MAX_FEE_BPS} bps, a taker's not the smaller"
        if self.premium_bps > MAX_FEE_BPS:
            return f"a premium listing costs at most {MAX_FEE_BPS} bps"
        return None if self.least_notional else "an order is worth at least a planck"


OwnOrders = Bounded[list[u64], MAX_OWN_ORDERS]
Trades = Bounded[list[Trade], MAX_TRADES]
Immediate = Bounded[list[u64], MAX_IMMEDIATE]


def level_key(side: Side, price: int) -> bytes:
    """Return the sort key of a price level: the best price of a side first.

    One byte for the side, 16 for the price (its complement for bids).
    """
    place = u128.MAX - int(price) if side is Side.Buy else int(price)
    return bytes((side,)) + place.to_bytes(16, "big")


def book_key(side: Side, price: int, id: int) -> bytes:
    """Return the sort key of an order in the book: the best price first, then the oldest.

    The key of its level, and eight bytes for its number.
    """
    return level_key(side, price) + int(id).to_bytes(8, "big")


def number_in(key: bytes) -> u64:
    """Return the number of the order with this key."""
    return u64(int.from_bytes(key[LEVEL_BYTES:], "big"))


def price_in(key: bytes) -> int:
    """Return the price of the level or order with this key."""
    place = int.from_bytes(key[1:LEVEL_BYTES], "big")
    return u128.MAX - place if key[0] == Side.Buy else place


def meets(side: Side, price: int, other: int) -> bool:
    """Return True if an order at `price` would trade with one of the other side at `other`."""
    return price >= other if side is Side.Buy else price <= other


def max_fee(value: int, bps: int) -> u128:
    """Return the maximum of an order's fees, in planck."""
    return u128(ceil_div(int(value) * int(bps), BPS))
