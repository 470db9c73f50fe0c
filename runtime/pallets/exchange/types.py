"""What the exchange keeps, and what it asks of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Fixed, TypeName, path, u16, u32, u64, u128
from runtime.frame import Reason
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import BPS, PlatformSplit, ceil_div

MAX_OWN_ORDERS: Final = 32
"""Open orders that one account may have for one asset."""
MAX_TRADES: Final = 64
"""Trades of one asset that are remembered."""
MAX_IMMEDIATE: Final = 256
"""Orders of one block that end with its auction."""
LEAST_FEE_BPS, MOST_FEE_BPS = 50, 100
"""Between these the documents put the fee of trading, in hundredths of a percent."""
LEVEL_BYTES: Final = 17
KEY_BYTES: Final = LEVEL_BYTES + 8

Balance = Annotated[u128, TypeName("Balance")]
Units = Annotated[u128, TypeName("Units")]
Slot = Annotated[u64, TypeName("Slot")]
Bps = Annotated[u16, TypeName("Bps")]
LevelKey = Annotated[bytes, Fixed(LEVEL_BYTES), TypeName("LevelKey")]
BookKey = Annotated[bytes, Fixed(KEY_BYTES), TypeName("BookKey")]


@path("pallet_exchange::Side")
class Side(IntEnum):
    """What an order wants."""

    Buy = 0
    Sell = 1


@path("pallet_exchange::TimeInForce")
class TimeInForce(IntEnum):
    """How long an order stays."""

    UntilCancelled = 0
    Immediate = 1
    """What the auction of its block leaves of it is cancelled."""


@path("pallet_exchange::Order", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Order:
    """An open order."""

    owner: Annotated[AccountId, TypeName("AccountId")]
    asset: u32
    side: Side
    price: Balance
    """Planck for one unit: at most, or at least."""
    slot: Slot
    units: Units
    """What is left of it."""
    escrow: Balance
    """What is on hold for it, in planck; a sale has units on hold instead."""
    maker_bps: Bps
    taker_bps: Bps
    """The fees that it was placed under."""
    until: Slot | None
    """From this slot on anybody may cancel it."""
    charged: u128 = u128(0)
    """The fees of all it traded so far, in 10^-8 planck: they round up once, not at each trade."""


@path("pallet_exchange::Total")
@dataclass(slots=True)
class Total:
    """What all orders of one side at one price want together."""

    units: Units = u128(0)
    orders: u32 = u32(0)


@path("pallet_exchange::Crossing")
@dataclass(frozen=True, slots=True)
class Crossing:
    """Orders of an asset meet, and wait for an auction."""

    since: Slot
    """Who came in this slot or later is a taker."""
    turn: Slot
    """When it last had an auction, or began to wait: who waited longest comes first."""


@path("pallet_exchange::Trade", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Trade:
    """What an auction did."""

    slot: Slot
    price: Balance
    units: Units


@path("pallet_exchange::Listing", params={})
@dataclass(slots=True)
class Listing:
    """An asset that is traded."""

    since: Slot
    premium_until: Slot = u64(0)
    """Until this slot it is shown before others."""


@path("pallet_exchange::Params", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Params:
    """What governance may change. Rates in hundredths of a percent."""

    maker_bps: Bps = u16(50)
    taker_bps: Bps = u16(100)
    premium_bps: Bps = u16(50)
    """What being shown first costs, of an asset's value."""
    least_notional: Balance = u128(10**18)
    """What an order is worth at least, in planck."""

    def problem(self) -> str | None:
        """Tell what does not go together; None if all does."""
        if not LEAST_FEE_BPS <= self.maker_bps <= self.taker_bps <= MOST_FEE_BPS:
            return f"fees are {LEAST_FEE_BPS} to {MOST_FEE_BPS} bps, a taker's not the smaller"
        if self.premium_bps > MOST_FEE_BPS:
            return f"a premium listing costs at most {MOST_FEE_BPS} bps"
        return None if self.least_notional else "an order is worth at least a planck"


OwnOrders = Bounded[list[u64], MAX_OWN_ORDERS]
Trades = Bounded[list[Trade], MAX_TRADES]
Immediate = Bounded[list[u64], MAX_IMMEDIATE]


class Clock(Protocol):
    """Protocol time; Babe satisfies it."""

    def now(self) -> int:
        """Slots since genesis."""


class Money(Protocol):
    """What orders are paid with; Balances satisfies it. Amounts in planck."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free money on hold."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is on hold free again."""

    def transfer_on_hold(
        self,
        reason: Reason,
        source: AccountId,
        dest: AccountId,
        amount: u128,
        *,
        on_hold: bool,
        force: bool = False,
    ) -> None:
        """Move what is on hold."""


class Registry(Protocol):
    """What is traded; AssetRegistry satisfies it."""

    def is_issued(self, asset: u32) -> bool:
        """Tell whether an asset has units."""

    def issuer_of(self, asset: u32) -> AccountId | None:
        """Return who issued it."""

    def value_of(self, asset: u32) -> u128:
        """Return what it is worth, in planck."""


class Fees(Protocol):
    """Where fees go; Tokenomics satisfies it."""

    def take(self, who: AccountId, split: PlatformSplit, reason: BurnReason) -> None:
        """Take the legs of a fee."""

    def threshold(self) -> u128:
        """The value from which a fee's burn is at its highest."""


class Stakers(Protocol):
    """Who pays less; TierStaking satisfies it."""

    def discount_bps(self, who: AccountId) -> int:
        """What part of a fee an account does not pay."""


def level_key(side: Side, price: int) -> bytes:
    """Return where a price stands among all of its side, the best one first.

    One byte for the side, 16 for the price (from above for bids).
    """
    place = u128.MAX - int(price) if side is Side.Buy else int(price)
    return bytes((side,)) + place.to_bytes(16, "big")


def book_key(side: Side, price: int, id: int) -> bytes:
    """Return where an order stands in the book: the best price first, then the oldest.

    That is its level, and eight bytes for its number.
    """
    return level_key(side, price) + int(id).to_bytes(8, "big")


def number_in(key: bytes) -> u64:
    """Return the number of the order that stands at a place in the book."""
    return u64(int.from_bytes(key[LEVEL_BYTES:], "big"))


def price_in(key: bytes) -> int:
    """Return the price of a level, or of the order that stands at a place in the book."""
    place = int.from_bytes(key[1:LEVEL_BYTES], "big")
    return u128.MAX - place if key[0] == Side.Buy else place


def most_fee(value: int, bps: int) -> u128:
    """Return what the fees of an order can be at most, in planck."""
    return u128(ceil_div(int(value) * int(bps), BPS))
