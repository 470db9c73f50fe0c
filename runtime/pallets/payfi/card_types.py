"""Types of cards and authorisations. Amounts are in planck, times in ms since 1970."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import CardKey
from btt_chain.scale import Bounded, Fixed, TypeName, path, u16, u32, u64, u128
from runtime.frame.aliases import Account, Balance, MomentOf
from runtime.frame.timers import NO_TIMER, DueKey
from runtime.pallets.payfi.types import NOTHING, Currency, Reference

MAX_CATEGORIES: Final = 16
"""Maximum number of categories of a card."""
MAX_AUTHS: Final = 16
"""Maximum number of open authorisations of a card."""

CardId = Annotated[H256, TypeName("CardId")]
AuthId = Annotated[u64, TypeName("AuthId")]
Signature = Annotated[bytes, Fixed(64), TypeName("[u8; 64]")]
SomeCardKey = CardKey
"""A card's key as an argument of a call."""
Guardian = Annotated[AccountId | None, TypeName("Option<T::AccountId>")]


@path("pallet_payfi::Limits", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a card."""

    payment: Balance
    """Maximum of one payment."""
    day: Balance
    """Maximum of all payments of one day of the chain."""
    categories: Annotated[
        Bounded[list[u16], MAX_CATEGORIES], TypeName("BoundedVec<Category, MaxCategories>")
    ]
    """Categories of merchants that it can pay; empty: all."""
    expires_ms: MomentOf
    """Moment from which it pays nothing."""


@path("pallet_payfi::Proof")
@dataclass(frozen=True, slots=True)
class Proof:
    """Signature of a card's key that agrees to its registration by one owner."""

    expires_ms: MomentOf
    """Moment from which it is not accepted any more."""
    signature: Signature


@path("pallet_payfi::Retired", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class Retired:
    """A card that was dropped."""

    owner: Account
    """Account that has its deposit back."""
    until_ms: MomentOf
    """Moment from which its key can be registered again."""


@path("pallet_payfi::CardState")
class CardState(IntEnum):
    """State of a card."""

    Active = 0
    Frozen = 1


@path("pallet_payfi::Spent", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Spent:
    """Amount that a card spent on a day, open authorisations included."""

    day: u32 = u32(0)
    amount: Balance = NOTHING


@path("pallet_payfi::Card", params={"AccountId": AccountId})
@dataclass(slots=True)
class Card:
    """A key in a secure element that can make bounded payments of its owner."""

    owner: Account
    key: CardKey
    guardian: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """Account that may freeze the card, and nothing else."""
    limits: Limits
    spent: Spent = Spent()
    high: u64 = u64(0)
    """Highest counter of a voucher so far."""
    window: u64 = u64(0)
    """Used counters below `high`: bit n is `high - 1 - n`."""
    auths: u32 = u32(0)
    """Number of open authorisations."""
    state: CardState = CardState.Active


@path("pallet_payfi::Auth", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Auth:
    """An authorised amount, on hold in the owner's account, that a merchant can capture."""

    card: CardId
    owner: Account
    merchant: Account
    held: Balance
    """Amount still on hold."""
    expires_ms: MomentOf
    reference: Reference
    """Reference of the first captured part; later parts have references made from it."""
    currency: Currency
    units: u128
    """Amount of the voucher, in minor units of `currency`."""
    day: u32
    """Day of the chain on which it was authorised, in whose limit it counts."""
    captured: Balance = NOTHING
    parts: u32 = u32(0)
    """Number of captured parts."""
    timer: DueKey = NO_TIMER
