"""Types of PayFi. Amounts are in planck, times in milliseconds since 1970, rates in basis points.

Types of disputes, cards and policies are in `dispute_types`, `card_types` and `policies`.
"""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import CODE
from btt_chain.scale import Bounded, Fixed, Path, TypeName, Variant, path, u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, MomentOf
from runtime.frame.traits import Inspect, InspectHold, Mutate, MutateHold
from runtime.splits import PlatformSplit

NOTHING: Final = u128(0)
MAX_TILLS: Final = 16
"""Maximum number of till keys of one merchant."""
RING_DAYS: Final = 30
"""Number of days over which a merchant's volume counts, today included."""
ANALYTICS: Final = 1
"""Bit of `Merchant.plan`: the chain keeps a report of each day, for the analytics rate."""
PLANS: Final = ANALYTICS
"""All plans that exist."""

Bps = Annotated[u16, TypeName("Bps")]
Bucket = Annotated[u32, TypeName("Bucket")]
PaymentId = Annotated[u64, TypeName("PaymentId")]
Currency = Annotated[bytes, Fixed(3), TypeName("Currency"), CODE]
Reference = Annotated[bytes, Fixed(16), TypeName("Reference")]
Tills = Bounded[list[AccountId], MAX_TILLS]
Category = Annotated[u16, TypeName("Category")]
PolicyId = Annotated[u16, TypeName("PolicyId")]


class HoldReason(IntEnum):
    """Reasons for holds."""

    Bond = 0
    """Bond of a merchant."""
    DisputeDeposit = 1
    """Deposit of a payer for a dispute."""
    Card = 2
    """Amount authorised by a card."""
    ArbiterBond = 3
    """Bond of an arbiter."""
    CardDeposit = 4
    """Deposit for the record of a card."""


# ---- merchants


class MerchantActive(Variant, index=0, name="Active"):
    """It accepts payments."""


@path("pallet_payfi::Cause")
class Cause(IntEnum):
    """Cause of a suspension."""

    Governance = 0
    """A decision of governance, which also lifts it."""
    Disputes = 1
    """Too many lost disputes; governance lifts it."""
    Bond = 2
    """Decided disputes left too little of the bond; a full bond lifts it."""


class MerchantSuspended(Variant, index=1, name="Suspended"):
    """It accepts no payments; what is pending settles."""

    cause: Cause


class MerchantClosing(Variant, index=2, name="Closing"):
    """It accepts no payments, and has its bond back from `until` on."""

    until: MomentOf


MerchantState = Annotated[
    MerchantActive | MerchantSuspended | MerchantClosing, Path("pallet_payfi::MerchantState")
]


@path("pallet_payfi::Merchant", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Merchant:
    """A registered merchant."""

    category: Category
    """Category of its business (ISO 18245)."""
    currency: Currency
    """Currency of its invoices; it takes BTT as well."""
    plan: u8
    """Chosen services, one bit each: 1 analytics."""
    policy: Annotated[u16 | None, TypeName("Option<PolicyId>")]
    """Policy that its payers must satisfy."""
    bond: Balance
    """Money on hold for it; `reserved` is a part of it."""
    till_keys: Annotated[Tills, TypeName("BoundedVec<AccountId, MaxTills>")]
    """Keys of its tills: they sign invoices, refund, and charge cards."""
    meta: Annotated[H256, TypeName("Hash")]
    """Hash of its public description."""
    state: MerchantState = field(default_factory=MerchantActive)
    reserved: Balance = NOTHING
    """Part of the bond that open late disputes claim."""
    uncovered: Balance = NOTHING
    """Amount of open late disputes that the bond did not cover when they were opened."""
    disputes: u32 = u32(0)
    """Number of open disputes."""


@path("pallet_payfi::DayVolume", params={"Balance": u128})
@dataclass(slots=True)
class DayVolume:
    """A merchant's business on one day."""

    gross: Balance = NOTHING
    """Settled gross."""
    refunds: Balance = NOTHING
    """Refunds of settled payments, won late disputes included."""
    payments: u32 = u32(0)
    """Number of settled payments."""
    lost: u32 = u32(0)
    """Number of disputes that the merchant lost."""


@path("pallet_payfi::Volume", params={"Balance": u128})
@dataclass(slots=True)
class Volume:
    """A merchant's business of the last days; `days[0]` is `day`, the others are before it."""

    day: u32 = u32(0)
    """Number of days since 1970, in days of the chain."""
    days: Bounded[list[DayVolume], RING_DAYS] = field(default_factory=list)
    fees: Balance = NOTHING
    """Fees of all settled payments since the registration, in planck."""


@path("pallet_payfi::DayReport", params={"Balance": u128})
@dataclass(slots=True)
class DayReport:
    """Figures of one day for a merchant with the analytics plan."""

    payments: u32 = u32(0)
    """Number of settled payments."""
    gross: Balance = NOTHING
    fees: Balance = NOTHING
    returns: u32 = u32(0)
    """Number of returns before settlement."""
    returned: Balance = NOTHING
    refunds: u32 = u32(0)
    """Number of refunds after settlement."""
    refunded: Balance = NOTHING
    disputes: u32 = u32(0)
    """Number of disputes that were opened."""
    lost: u32 = u32(0)
    """Number of disputes that the merchant lost."""


@path("pallet_payfi::Report")
@dataclass(slots=True)
class Report:
    """Reports of the last days; `days[0]` is `day`, the others are before it."""

    day: u32 = u32(0)
    days: Bounded[list[DayReport], RING_DAYS] = field(default_factory=list)


@path("pallet_payfi::Allowance", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Allowance:
    """Amount that a merchant without a judged identity accepted on a day."""

    day: u32 = u32(0)
    used: Balance = NOTHING


# ---- rates and rules


@path("pallet_payfi::Rates", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of fees and rules for merchants, set by governance within `problem`."""

    low: Bps = u16(50)
    """Standard rate at the full volume."""
    high: Bps = u16(80)
    """Standard rate without volume."""
    conversion: Bps = u16(75)
    """Rate for invoices in other currencies than BTT."""
    analytics: Bps = u16(25)
    """Rate of the analytics plan."""
    full_volume_parts: u32 = u32(210)
    """The full volume of 30 days is this part of the genesis supply: one 210th."""
    bond: Balance = u128(1_000 * BTT)
    """Bond of a merchant."""
    unjudged_payment: Balance = u128(1_000 * BTT)
    """Maximum payment to a merchant without a judged identity."""
    unjudged_day: Balance = u128(10_000 * BTT)
    """Maximum of all payments of one day to a merchant without a judged identity."""

    def problem(self) -> str | None:
        """Return a description of the first violated bound; None if the rates are valid."""
        if not MIN_STANDARD <= self.low <= self.high <= MAX_STANDARD:
            return f"standard rates lie between {MIN_STANDARD} and {MAX_STANDARD} bps, low first"
        if self.conversion > MAX_CONVERSION or self.analytics > MAX_ANALYTICS:
            return f"conversion is at most {MAX_CONVERSION} bps, analytics {MAX_ANALYTICS} bps"
        if not MIN_PARTS <= self.full_volume_parts <= MAX_PARTS:
            return f"the full volume is one {MIN_PARTS}th to {MAX_PARTS}th of the supply"
        if not MIN_BOND <= self.bond <= MAX_BOND:
            return "the bond is 100 to 10,000 BTT"
        if not BTT <= self.unjudged_payment <= self.unjudged_day <= MAX_UNJUDGED:
            return "limits of unjudged merchants are 1 to 100,000 BTT, a payment's first"
        return None


MIN_STANDARD, MAX_STANDARD = 50, 80
MAX_CONVERSION, MAX_ANALYTICS = 75, 25
MIN_PARTS, MAX_PARTS = 21, 2_100
MIN_BOND, MAX_BOND = 100 * BTT, 10_000 * BTT
MAX_UNJUDGED: Final = 100_000 * BTT


# ---- payments and settlement


@path("pallet_payfi::Terms")
@dataclass(frozen=True, slots=True)
class Terms:
    """Rates of one payment, fixed when it is made."""

    standard: Bps
    conversion: Bps
    analytics: Bps
    discount: Bps
    """Discount on the sum of the three fees."""


@path("pallet_payfi::Legs", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Legs:
    """An amount to settle, and the parts of its fee; the rest is the merchant's."""

    gross: Balance = NOTHING
    burn: Balance = NOTHING
    development: Balance = NOTHING
    foundation: Balance = NOTHING
    reserve: Balance = NOTHING

    @property
    def fee(self) -> int:
        """Sum of the parts of the fee."""
        return int(self.burn) + int(self.development) + int(self.foundation) + int(self.reserve)

    @property
    def net(self) -> int:
        """Part of the merchant."""
        return int(self.gross) - self.fee

    def plus(self, other: Legs) -> Legs:
        """Return the sum of two, part by part."""
        add, part = int.__add__, int.__new__
        return Legs(
            self.gross + other.gross,  # raises Overflow; the other parts are less
            part(u128, add(self.burn, other.burn)),
            part(u128, add(self.development, other.development)),
            part(u128, add(self.foundation, other.foundation)),
            part(u128, add(self.reserve, other.reserve)),
        )

    def minus(self, other: Legs) -> Legs:
        """Return the difference of two, part by part. Raises Underflow."""
        return Legs(
            self.gross - other.gross,
            self.burn - other.burn,
            self.development - other.development,
            self.foundation - other.foundation,
            self.reserve - other.reserve,
        )

    def split(self) -> PlatformSplit:
        """Return the parts of the fee, for the collection of fees."""
        return PlatformSplit(self.burn, NOTHING, self.development, self.foundation, self.reserve)


@path("pallet_payfi::Invoice")
@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of a merchant as the chain stores it: it is paid once.

    The amount is a part of it. Otherwise any account that learns a reference could use it up with
    a payment of one planck.
    """

    reference: Reference
    currency: Currency
    units: u128
    """Amount in minor units of `currency`."""


@path("pallet_payfi::PaymentState")
class PaymentState(IntEnum):
    """State of a payment."""

    Pending = 0
    """Its money waits for settlement. In storage also: it was settled with its batch."""
    Disputed = 1
    """A dispute is open. The part that is not disputed settles with its batch meanwhile."""
    Settled = 2
    """The merchant was paid. In storage only where a dispute came in between."""
    Returned = 3
    """The payer has everything back."""


@path("pallet_payfi::Payment", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Payment:
    """A payment.

    The sum of `legs.gross`, `returned`, and of what an open dispute took out of its batch is what
    the payer paid.
    """

    payer: Account
    merchant: Account
    reference: Reference
    legs: Legs
    """Amount that settles or settled, and its fees."""
    terms: Terms
    currency: Currency
    units: u128
    """Amount in minor units of `currency`."""
    bucket: Bucket
    """Bucket of its settlement."""
    paid_ms: MomentOf
    memo: Annotated[H256 | None, TypeName("Option<Hash>")]
    """Hash of a document that merchant and payer exchange off chain."""
    returned: Balance = NOTHING
    """Amount given back before settlement, without fees."""
    refunded: Balance = NOTHING
    """Amount given back after settlement, by the merchant or its bond."""
    state: PaymentState = PaymentState.Pending
    disputed: bool = False
    """True if it was disputed: it cannot be disputed again."""
    part_of: Annotated[u128 | None, TypeName("Option<u128>")] = None
    """Amount of the invoice, in minor units, of which a card's capture took this part first."""

    @property
    def invoice(self) -> Invoice:
        """The invoice that it paid."""
        return Invoice(self.reference, self.currency, self.part_of or self.units)


@path("pallet_payfi::Batch")
@dataclass(frozen=True, slots=True)
class Batch:
    """Payments that one merchant receives together."""

    legs: Legs = Legs()
    """Sum of the payments' legs."""
    count: u32 = u32(0)
    """Number of payments."""
    last_ms: MomentOf = u64(0)
    """Time of the last payment."""


@path("pallet_payfi::Queue")
@dataclass(frozen=True, slots=True)
class Queue:
    """Range of the buckets with batches; empty if `first` is after `last`."""

    first: Bucket = u32(1)
    last: Bucket = u32(0)


# ---- interfaces of other pallets


class Money(Inspect, Mutate, InspectHold, MutateHold, Protocol):
    """Free money and holds; Balances implements it."""
