"""Types of Incentives. Amounts are in planck, times in slots since genesis."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import SLOT
from btt_chain.primitives.point_voucher import Denomination, Modulus, PointVoucher
from btt_chain.scale import (
    Array,
    Bounded,
    Fixed,
    Path,
    TypeName,
    Variant,
    path,
    u16,
    u32,
    u64,
    u128,
)
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, SlotOf
from runtime.frame.traits import Inspect, Mutate
from runtime.pallets.facilities.types import Kind, Size
from runtime.pallets.tokenomics.types import NO_HASH, Pool

MONTH_DAYS: Final = 30
CLOSE_DAYS: Final = 3
"""Days of the next month in which a month is closed."""
AUDIT_DAYS: Final = 7
ANSWER_DAYS: Final = 3
POOL_MONTHS: Final = 96
"""Number of months over which the pool's genesis funds are distributed."""
LIFE_MONTHS: Final = 24
"""Number of months after which vouchers and points expire."""
AHEAD_MONTHS: Final = 12
"""Maximum number of months for which a facility pays ahead."""
KAPPA_BPS: Final = 9_000
"""Maximum part of its payment that a facility's points are worth."""
SHARE: Final = 5
"""Part of the budget that one facility gets at most: a fifth."""
REDEMPTION_BPS: Final = 200
"""Fee of redemption at a partner, which stays in the pool."""
POOL_BPS: Final = 5_000
"""Part of subscriptions and placements that the pool gets."""
MAX_VOUCHERS: Final = 64
MAX_EPOCHS: Final = 16
"""Maximum number of facilities' months that the vouchers of one call are of."""
MAX_OFFERS: Final = 64
MAX_OFFER_DAYS: Final = 365
MAX_CREDENTIALS: Final = 1_000
MAX_HOURS: Final = 1_000
MAX_AUDITORS: Final = 256
MAX_PRUNED: Final = 32
"""Maximum number of expired entries that one block removes."""
SEATS: Final = 3
QUORUM: Final = 2
"""Number of equal verdicts that decide an audit."""
AUDITOR_FINE: Final = u128(50 * BTT)
"""Fine of an auditor that is absent, or called a leaf wrong that the second round finds right."""
PLACEMENT_FEE: Final = u128(5 * BTT)
MAX_PLACEMENT_FEE: Final = u128(1_000 * BTT)
"""The fee of a placement a day, and the maximum that governance may set."""
CREDENTIAL_FEE: Final = u128(20 * BTT)
CREDENTIAL_BOUND: Final = u128(15 * BTT)
"""The fee of an educator for a credential, and the maximum that its contribution points earn: less
than the fee, so that an owner of educator and staker gains nothing."""
SUBSCRIPTIONS: Final = {Size.Small: 3_000, Size.Medium: 10_000, Size.Large: 25_000}
"""Price of a month in CNY, by size."""
CURRENCY: Final = b"CNY"
PRICE_KEY: Final = b"BTT/CNY"
PROVIDERS: Final = (Kind.Hospital, Kind.Clinic, Kind.Pharmacy, Kind.Laboratory, Kind.Issuer)
"""Kinds of facilities that subscribe and issue points."""

Keys = Annotated[list[Modulus], Array(len(Denomination)), TypeName("[RsaModulus; 4]")]
"""The moduli of a month, in the order of denominations."""
Vouchers = Annotated[
    Bounded[list[PointVoucher], MAX_VOUCHERS], TypeName("BoundedVec<PointVoucher, MaxVouchers>")
]
SealingKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
OptionalRule = Annotated[ActivityRule | None, TypeName("Option<ActivityRule>")]


@path("pallet_incentives::MonthPhase")
class MonthPhase(IntEnum):
    """The phase of a month."""

    Planned = 0
    """Facilities pay for it, and publish their keys."""
    Running = 1
    """It is the current month: points are earned."""
    Closing = 2
    """It is over, and facilities close it."""
    Settled = 3
    """It can no longer be closed; what no facility closed has returned to the pool."""
    Selected = 4
    """The beacon has selected its audits."""


@path("pallet_incentives::Month", params={"Balance": u128})
@dataclass(slots=True)
class Month:
    """The money of a month."""

    budget: Balance = u128(0)
    """Amount that rights of the month may use."""
    committed: Balance = u128(0)
    """Amount reserved for points of the month that are not redeemed yet."""
    paid: Balance = u128(0)
    """Sum of what facilities paid for the month."""
    payers: u32 = u32(0)
    """Number of facilities that paid for the month."""
    outstanding: u64 = u64(0)
    """Points with which the month was closed, without those redeemed and ended."""
    phase: MonthPhase = MonthPhase.Planned
    since: SlotOf = u64(0)
    """Slot in which the phase began, or in which a beacon was last asked for."""
    beacon: H256 = NO_HASH
    """Randomness of the month's audits, once they are selected."""


@path("pallet_incentives::Progress")
@dataclass(slots=True)
class Progress:
    """The months by what is next to be done with them."""

    current: u32 = u32(0)
    """The current month."""
    settled: u32 = u32(0)
    """All months before this one are settled."""
    selected: u32 = u32(0)
    """The audits of all months before this one are selected."""
    oldest: u32 = u32(0)
    """Everything of the months before this one is removed."""
    expired: u32 = u32(0)
    """The money reserved for vouchers of the months before this one has returned."""
    close_until: u64 = u64(0)
    """Slot from which the month before the current one is settled."""


@path("pallet_incentives::EpochState")
class EpochState(IntEnum):
    """The state of a facility's month."""

    Open = 0
    """Its keys are published."""
    Closed = 1
    """It is closed by a root; its vouchers count."""
    Audited = 2
    """An audit found it right, or ended without a result."""
    Failed = 3
    """An audit found it wrong; its vouchers do not count."""


@path("pallet_incentives::Epoch")
@dataclass(slots=True)
class Epoch:
    """A facility's month; its keys are in `Keys`."""

    right: u64 = u64(0)
    """Maximum points of the month; known when the month is closed."""
    root: H256 = NO_HASH
    """Root of the evidence tree."""
    leaves: u32 = u32(0)
    """Number of leaves of the tree, padded ones included."""
    points: u64 = u64(0)
    """Sum of the points of all leaves."""
    redeemed: u64 = u64(0)
    """Points of redeemed vouchers."""
    state: EpochState = EpochState.Open


@path("pallet_incentives::PointsAccount")
@dataclass(slots=True)
class PointsAccount:
    """The points of an account."""

    balance: u64
    newest: u32
    """Month in which its newest points were earned; all expire 24 months after it."""


@path("pallet_incentives::Totals")
@dataclass(slots=True)
class Totals:
    """Sums over all accounts' points, since genesis."""

    redeemed: u64 = u64(0)
    """Points credited for vouchers."""
    spent: u64 = u64(0)
    """Points exchanged for BTT, or at partners."""
    expired: u64 = u64(0)


@path("pallet_incentives::Offer")
@dataclass(slots=True)
class Offer:
    """An offer of a partner."""

    hash: H256
    """Hash of its description, which is not stored here."""
    until: Annotated[u64, SLOT]
    """Slot from which it is in place no longer."""


@path("pallet_incentives::Credential", params={"AccountId": AccountId})
@dataclass(slots=True)
class Credential:
    """An attested credential of continuing education."""

    educator: Account
    hours: u16
    month: u32


class ExpiringPoints(Variant, index=0, name="Points"):
    """The points of an account whose newest ones were earned in the month."""

    who: AccountId


class ExpiringCredential(Variant, index=1, name="Credential"):
    """A credential attested in the month."""

    who: AccountId
    credential: H256


class ExpiringCount(Variant, index=2, name="Count"):
    """The number of credentials of an educator in the month."""

    who: AccountId


Expiring = Annotated[
    ExpiringPoints | ExpiringCredential | ExpiringCount, Path("pallet_incentives::Expiring")
]
ExpiringList = Annotated[
    Bounded[list[Expiring], MAX_PRUNED], TypeName("BoundedVec<Expiring, MaxPruned>")
]
"""Entries that were stored together."""


@path("pallet_incentives::Group")
@dataclass(frozen=True, slots=True)
class Group:
    """Facilities of one country and kind."""

    region: u16
    kind: Kind


@path("pallet_incentives::GroupTally")
@dataclass(slots=True)
class GroupTally:
    """Sums over the facilities of a group that closed a month."""

    facilities: u32 = u32(0)
    points: u64 = u64(0)


# ---- audits


class Pass(Variant, index=0):
    """All opened leaves are right."""


class Fail(Variant, index=1):
    """A leaf is wrong: it follows from no evidence, or breaks its rule."""

    index: u32


class NotOpened(Variant, index=2):
    """The facility did not open the selected leaves."""


Verdict = Annotated[Pass | Fail | NotOpened, Path("pallet_incentives::Verdict")]
"""An auditor's finding."""


@path("pallet_incentives::AuditorEntry")
@dataclass(slots=True)
class AuditorEntry:
    """An enlisted auditor."""

    who: Account
    key: SealingKey
    """X25519 key to which facilities seal what they open."""


@path("pallet_incentives::EligibleAuditor")
@dataclass(slots=True)
class EligibleAuditor:
    """An auditor that could be selected for a month, as it was when the month was settled."""

    who: Account
    operator: Account
    key: SealingKey


@path("pallet_incentives::Seat")
@dataclass(slots=True)
class Seat:
    """A place of an audit's round."""

    auditor: Account
    operator: Account
    key: SealingKey
    """X25519 key to which the facility seals what it opens."""
    verdict: Annotated[Verdict | None, TypeName("Option<Verdict>")] = None


@path("pallet_incentives::AuditPhase")
class AuditPhase(IntEnum):
    """The phase of an audit."""

    FirstRound = 0
    """The auditors selected with the month report."""
    Answerable = 1
    """The first round found the month wrong; the facility may ask for a second one."""
    Waiting = 2
    """The second round waits for its beacon."""
    SecondRound = 3
    """Three other auditors report; their verdict is final."""


Seats = Annotated[Bounded[list[Seat], SEATS], TypeName("BoundedVec<Seat, ConstU32<3>>")]


@path("pallet_incentives::Audit")
@dataclass(slots=True)
class Audit:
    """The audit of a facility's month."""

    phase: AuditPhase
    seed: H256
    """Seed of the first round: it determines the leaves to open, in both rounds."""
    until: SlotOf
    """Slot in which the phase ends."""
    first: Seats = field(default_factory=list)
    """Auditors of the first round."""
    second: Seats = field(default_factory=list)
    """Auditors of the second round."""

    @property
    def seats(self) -> list[Seat]:
        """The auditors of the present round."""
        return self.second if self.phase is AuditPhase.SecondRound else self.first


@path("pallet_incentives::Reselection", params={"AccountId": AccountId})
@dataclass(slots=True)
class Reselection:
    """A second round that waits for its beacon."""

    facility: Account
    month: u32
    since: SlotOf


AuditorRoster = Annotated[
    Bounded[list[AuditorEntry], MAX_AUDITORS], TypeName("BoundedVec<AuditorEntry, MaxAuditors>")
]
EligibleRoster = Annotated[
    Bounded[list[EligibleAuditor], MAX_AUDITORS],
    TypeName("BoundedVec<EligibleAuditor, MaxAuditors>"),
]
Offers = Annotated[Bounded[list[Offer], MAX_OFFERS], TypeName("BoundedVec<Offer, MaxOffers>")]


# ---- interfaces that Incentives needs


class Currency(Inspect, Mutate, Protocol):
    """Balances."""


class PoolEntries(Protocol):
    """The accounting state of pools; `PoolLedger` implements it."""

    def entry(self, pool: AccountId) -> Pool:
        """Return the accounting state of a pool."""


class Credits(Protocol):
    """Contributions of stakers; `Contributions` implements it."""

    def count_credential(self, who: AccountId, bound: u128) -> None:
        """Count a credential that another operator attested; it earns at most `bound` planck."""
