"""Types of Jobs, and the interfaces it needs. Times are slots since genesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives import job_tier
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import LINES, LOWER_NAMES, means
from btt_chain.scale import Bounded, Fixed, TypeName, path, u8, u16, u32, u64, u128
from runtime.frame import Reason
from runtime.frame.aliases import Balance, BlockNumber, SlotCount, SlotNumber
from runtime.frame.timers import NO_TIMER, DueKey
from runtime.pallets.tokenomics.traits import FeeScale, HeldBurns, HeldPayments
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ComputeSplit

NO_HASH: Final = H256(bytes(32))
MAX_ITEMS: Final = 4_096
MAX_ATTEMPTS: Final = 3
MAX_DEADLINE: Final = 100_800
MAX_SETS: Final = 16
"""Constants of `Jobs`, described there."""

JobId = Annotated[H256, TypeName("JobId")]
SetIndex = Annotated[u32, TypeName("SetIndex")]
Endpoints = Annotated[Bounded[bytes, 256], TypeName("BoundedVec<u8, MaxEndpoints>"), LINES]
"""Addresses where blobs are fetched: ASCII multiaddresses, one a line."""
PublicKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
"""An X25519 key that content is sealed to."""


@means(LOWER_NAMES)
@path("pallet_jobs::JobState")
class JobState(IntEnum):
    """The state of a job."""

    Posted = 0
    """No provider is assigned yet."""
    Assigned = 1
    """A provider was selected, and has not accepted yet."""
    Computing = 2
    """The provider has accepted."""
    Committed = 3
    """A receipt was committed; its committee is not selected yet."""
    Checking = 4
    """Verifiers check the receipt, or a dispute about it is open."""
    Pending = 5
    """The receipt was found valid, and can still be disputed."""
    Finalized = 6
    """The provider is paid."""
    Refunded = 7
    """The requester got its money back; no fraud was proven."""
    Slashed = 8
    """The receipt was proven wrong; the requester got its money back."""


ENDED: Final = (JobState.Finalized, JobState.Refunded, JobState.Slashed)


@means(LOWER_NAMES)
@path("pallet_jobs::Outcome")
class Outcome(IntEnum):
    """The reason why a job ended."""

    Done = 0
    """The work was done and found valid."""
    Fraud = 1
    """The receipt was proven wrong."""
    NoProvider = 2
    """No provider could take the job, or none that could did."""
    Cancelled = 3
    """The requester cancelled it."""
    BadPayload = 4
    """The requester delivered no payload that the provider could open; its deposit is burned."""
    Late = 5
    """The last provider that accepted it did not deliver in time."""
    Unverified = 6
    """No quorum found it valid in any round; provider and requester are not to blame."""
    Withheld = 7
    """The provider did not disclose its results, and was fined."""
    Unpaid = 8
    """A job of the chain: the work was valid, but could not be paid for two epochs."""


Tier = job_tier.Tier


@means(LOWER_NAMES)
@path("pallet_jobs::Check")
class Check(IntEnum):
    """The part of the work that each verifier checks."""

    Sampled = 0
    """One item in sixteen, at least one; of a job of the chain one in eight."""
    Full = 1
    """All items."""


@means(LOWER_NAMES)
@path("pallet_jobs::Urgency")
class Urgency(IntEnum):
    """The order in which jobs are assigned, and its price."""

    Routine = 0
    """The base price."""
    Urgent = 1
    """A quarter above the base price."""
    Emergency = 2
    """Half above the base price."""


BOND_FACTOR: Final = 10
"""A constant of `Jobs`."""


@path("pallet_jobs::Job", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Job:
    """A job: its order, its escrow and its state."""

    requester: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """None: the chain itself."""
    model: H256
    model_class: u16
    items: u32
    input_root: H256
    """Root over the roots of all items' inputs (`btt_chain.work.commit.roots_tree`)."""
    tier: Tier
    check: Check
    urgency: Urgency
    price: Balance
    """Price of the job, in planck, without the verifiers' fees."""
    verification: Balance
    """Amount for all verifiers together, in planck."""
    deposit: Balance
    """Amount that the requester loses if its payload is missing or bad, in planck."""
    work: u64
    """Work in 10^9 multiplications."""
    data_bytes: u64
    deadline: SlotCount
    """Slots that a provider has after the time for delivering the payload."""
    reply_key: PublicKey
    """Key that the result is sealed to."""
    endpoints: Endpoints
    """Addresses where the payload is fetched."""
    posted: SlotNumber
    state: JobState = JobState.Posted
    since: SlotNumber = u32(0)
    """Start of this state; for a job without a provider, of the wait for its next beacon."""
    asked: SlotNumber = u32(0)
    """Start of its wait: for a provider while it has none, at the end for its pay."""
    due: SlotNumber = u32(0)
    """End of this state without further action; 0: the receipt decides."""
    stalled: SlotCount = u32(0)
    """Stalled slots of the chain up to the storing of `asked` and `due`; see `shifted`."""
    attempt: u8 = u8(0)
    """Number of assignments that failed before."""
    provider: Annotated[AccountId | None, TypeName("Option<AccountId>")] = None
    refused: Annotated[
        Bounded[list[AccountId], MAX_ATTEMPTS], TypeName("BoundedVec<AccountId, MaxAttempts>")
    ] = field(default_factory=list)
    """Providers of earlier attempts."""
    seed: H256 = NO_HASH
    """Seed of the provider's selection (`ids.assign_seed`)."""
    scores: bool = False
    """True if the work counts once it is verified."""
    accepted: SlotNumber = u32(0)
    took: SlotCount = u32(0)
    """Slots from there to the provider's receipt, or until it gave up, without stalls."""
    receipt: Annotated[H256 | None, TypeName("Option<H256>")] = None
    outcome: Annotated[Outcome | None, TypeName("Option<Outcome>")] = None
    paid: Balance = u128(0)
    """Payment to the provider, in planck."""
    queue: u8 = u8(0)
    timer: DueKey = NO_TIMER
    """Its key in that timer queue; zeros: it has none."""

    def shifted(self, stalled: int) -> Job:
        """Shift its times by the stalls since they were stored; `stalled`: all until now."""
        more, self.stalled = stalled - int(self.stalled), u32(stalled)
        if self.asked:
            self.asked += more
        if self.due:
            self.due += more
        return self

    @property
    def assignee(self) -> AccountId:
        """Provider of a job in a state that has one; ValueError otherwise."""
        if self.provider is None:
            raise ValueError("a job in this state has a provider")
        return self.provider

    @property
    def escrow(self) -> int:
        """Amount on hold of the requester for it, in planck."""
        if self.requester is None:
            return 0
        return int(self.price) + int(self.verification) + int(self.deposit)

    @property
    def promise(self) -> int:
        """Maximum cost to the unallocated emission, in planck: 0 if a requester's escrow pays."""
        return int(self.price) + int(self.verification) if self.requester is None else 0


@path("pallet_jobs::Pace")
@dataclass(slots=True)
class Pace:
    """The last block's slot, and the stalls of the chain."""

    last: BlockNumber = u32(0)
    """Slot of the last block."""
    stalled: BlockNumber = u32(0)
    """Number of slots, all together, in which the chain stalled."""


@path("pallet_jobs::ProtocolSet")
@dataclass(slots=True)
class ProtocolSet:
    """A job that the chain posts itself, once in each era, while `Mining.Carry` can pay it."""

    model: H256
    items: u32
    input_root: H256
    data_bytes: u64
    deadline: BlockNumber
    endpoints: Endpoints


@path("pallet_jobs::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """Parameters of jobs, set by governance; amounts in planck."""

    price_mib: Balance = u128(10**13)
    """Price of each started mebibyte of data."""
    min_fee: Balance = u128(10**15)
    """Minimum fee of a verifier for a receipt."""
    min_price: Balance = u128(10**15)
    """Minimum price of a job: each part of the payment is at least the existential deposit."""


@path("pallet_jobs::Market", params={"Balance": u128})
@dataclass(slots=True)
class Market:
    """Price of work of a class, and the amount sold in the current era."""

    base: Balance
    """Planck per unit of work."""
    sold: u64 = u64(0)
    """Units of work that providers accepted in this era."""


@path("pallet_jobs::Quote", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Quote:
    """Current price of a job, in planck."""

    work: u64
    """Work in 10^9 multiplications."""
    price: Balance
    """Price of the provider's side."""
    verification: Balance
    """Maximum payment to verifiers; the unearned part is returned."""
    deposit: Balance
    """Deposit, which is returned unless the payload is bad."""

    @property
    def total(self) -> int:
        """Total amount on hold, in planck."""
        return int(self.price) + int(self.verification) + int(self.deposit)


# ---- interfaces that Jobs needs


class Payer(HeldPayments, HeldBurns, FeeScale, Protocol):
    """Payments and burns out of holds; Tokenomics implements it."""

    def take_held(
        self,
        reason: Reason,
        who: AccountId,
        split: ComputeSplit,
        why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:
        """Take the legs of a fee out of a hold."""


class Share(Protocol):
    """A share in basis points that governance sets, as a stored value."""

    def peek(self) -> u32:
        """Return it."""


class NoDividends:
    """Share of the stakers of a chain without stakes."""

    def peek(self) -> u32:
        """Return it: zero."""
        return u32(0)


class JobFees(NamedTuple):
    """Parts of the price of a paid job besides the pay for the work, in planck."""

    price: int
    lost: int
    """Burn and the legs of development, Foundation and reserve."""
    mining: int
    """Maximum of the emission that the receipt can earn."""
    dividends: int
    """Stakers' share of the leg of development."""

    @property
    def value(self) -> int:
        """The value of the work in block production: half of what comes back to no account.

        A referral returns at most the other half, and blocks earn less than this by work: an owner
        of everything always loses. (docs/economy.md)
        """
        return max(0, self.lost - self.mining - self.dividends) // 2


class Usage(Protocol):
    """Receiver of what requesters paid; Referral implements it."""

    def count_job(self, requester: AccountId, fees: JobFees) -> None:
        """Count a paid job."""


class NoopUsage:
    """A receiver that counts nothing."""

    def count_job(self, requester: AccountId, fees: JobFees) -> None:
        """Do nothing."""


class NoopIdentities:
    """Identities of a chain without any judged identity."""

    def verified(self, who: AccountId) -> bool:
        """Return True if the identity was judged: never."""
        return False

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the account itself."""
        return account


class Benefit(Protocol):
    """The benefits of an account's stakes."""

    @property
    def priority(self) -> bool:
        """True if jobs go before others of their urgency."""


class Benefits(Protocol):
    """Benefits by account; TierStaking implements it."""

    def benefits(self, who: AccountId) -> Benefit:
        """Return the current benefits of an account's stakes."""


class Requesters(Protocol):
    """Facilities whose jobs have priority; Facilities implements it."""

    def is_requester(self, who: AccountId) -> bool:
        """Return True if the account, or its operator, is such a facility."""


class NoRequesters:
    """Facilities of a chain without any."""

    def is_requester(self, who: AccountId) -> bool:
        """Return True if the account is such a facility: never."""
        return False


@dataclass(frozen=True, slots=True)
class NoBenefit:
    """No benefits."""

    priority: bool = False


class NoBenefits:
    """Benefits of a chain without stakes."""

    def benefits(self, who: AccountId) -> NoBenefit:
        """Return no benefits."""
        return NoBenefit()
