"""What Jobs stores and tells, and what it leans on. Times are slots since genesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Fixed, FixedBytes, TypeName, path, u8, u16, u32, u64, u128
from runtime.frame import Reason
from runtime.pallets.babe import Drawn
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import ComputeSplit

NO_HASH: Final = H256(bytes(32))
MAX_ITEMS: Final = 4_096
MAX_ATTEMPTS: Final = 3
MAX_DEADLINE: Final = 100_800
MAX_SETS: Final = 16
"""Constants of `Jobs`: what each decides is told there."""

Balance = Annotated[u128, TypeName("Balance")]
Slots = Annotated[u32, TypeName("BlockNumber")]
Endpoints = Annotated[Bounded[bytes, 256], TypeName("BoundedVec<u8, MaxEndpoints>")]
"""Where blobs are fetched from: ASCII multiaddresses, each on a line of its own."""
PublicKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
"""An X25519 key that something is sealed to."""


@path("pallet_jobs::JobState")
class JobState(IntEnum):
    """How far a job is."""

    Posted = 0
    """Nobody is assigned yet."""
    Assigned = 1
    """Somebody was drawn, and has not accepted yet."""
    Computing = 2
    """The provider has accepted."""
    Committed = 3
    """There is a receipt; its committee is not drawn yet."""
    Checking = 4
    """Verifiers look at it, or a dispute about it goes on."""
    Pending = 5
    """It was found valid, and can still be disputed."""
    Finalised = 6
    """The provider is paid."""
    Refunded = 7
    """The requester got its money back; nobody is guilty of fraud."""
    Slashed = 8
    """The receipt was proven wrong; the requester got its money back."""


ENDED: Final = (JobState.Finalised, JobState.Refunded, JobState.Slashed)


@path("pallet_jobs::Outcome")
class Outcome(IntEnum):
    """Why a job ended."""

    Done = 0
    """The work was done and stood."""
    Fraud = 1
    """The receipt was proven wrong."""
    NoProvider = 2
    """Nobody could take the job, or nobody who could did."""
    Cancelled = 3
    """The requester cancelled it."""
    BadPayload = 4
    """The requester did not deliver what the provider could open; its deposit is burned."""
    Late = 5
    """The last provider that took it did not deliver in time."""
    Unverified = 6
    """Too few verifiers voted, more than once; nobody is to blame but them."""
    Withheld = 7
    """The provider did not show what it computed, and was fined."""
    Unpaid = 8
    """The work stood, but Carry had no money for a job of the chain for two epochs."""


@path("pallet_jobs::Tier")
class Tier(IntEnum):
    """Who may see what is computed."""

    Open = 0
    """A committee checks the work and sees it."""
    Confidential = 1
    """Only provider and requester see it; the requester checks. It scores nothing."""


@path("pallet_jobs::Check")
class Check(IntEnum):
    """How much of the work each verifier checks."""

    Sampled = 0
    """One item in sixteen, at least one."""
    Full = 1
    """All items."""


@path("pallet_jobs::Urgency")
class Urgency(IntEnum):
    """Which jobs are assigned first, and what that costs."""

    Routine = 0
    """The price as it is."""
    Urgent = 1
    """A quarter more."""
    Emergency = 2
    """Half more."""


class DueKey(FixedBytes, size=8, path="btt_runtime::DueKey"):
    """When something is due, and its place among what is due then: two numbers, highest byte first.

    So keys sort by time.
    """


BOND_FACTOR: Final = 10
"""A constant of `Jobs`."""
NO_TASK: Final = DueKey(bytes(8))
"""The key of nothing."""


@path("pallet_jobs::Job", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Job:
    """A job: what was asked for, what is held for it, and how far it is."""

    requester: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """None: the chain itself."""
    model: H256
    klass: u16
    items: u32
    input_root: H256
    """Over the roots of all items' inputs (`btt_chain.work.commit.roots_tree`)."""
    tier: Tier
    check: Check
    urgency: Urgency
    price: Balance
    """What the job costs, in planck; what verifiers get comes on top."""
    verification: Balance
    """What is held for all verifiers together, in planck."""
    deposit: Balance
    """What the requester loses if its payload is missing or bad, in planck."""
    work: u64
    """Thousand million multiplications."""
    data_bytes: u64
    deadline: Slots
    """How many slots a provider has, once the time for delivering the payload is over."""
    reply_key: PublicKey
    """What the result is sealed to."""
    endpoints: Endpoints
    """Where the payload is fetched from."""
    posted: Slots
    state: JobState = JobState.Posted
    since: Slots = u32(0)
    """When this state began; for a job without a provider, when its next draw was asked for."""
    asked: Slots = u32(0)
    """Since when it has waited: for a provider while it has none, at the end for its pay."""
    due: Slots = u32(0)
    """When this state ends by itself; 0: the receipt tells."""
    still: Slots = u32(0)
    """For how long the chain had stood still when `asked` and `due` were told; see `put_off`."""
    attempt: u8 = u8(0)
    """How often it was given to somebody who did not deliver."""
    provider: Annotated[AccountId | None, TypeName("Option<AccountId>")] = None
    refused: Annotated[
        Bounded[list[AccountId], MAX_ATTEMPTS], TypeName("BoundedVec<AccountId, MaxAttempts>")
    ] = field(default_factory=list)
    """Who had it before."""
    seed: H256 = NO_HASH
    """What drew the provider (`ids.assign_seed`)."""
    scores: bool = False
    """Whether the work counts, if it is verified."""
    accepted: Slots = u32(0)
    took: Slots = u32(0)
    """How long the provider took from there to its receipt, or until it gave up."""
    receipt: Annotated[H256 | None, TypeName("Option<H256>")] = None
    outcome: Annotated[Outcome | None, TypeName("Option<Outcome>")] = None
    paid: Balance = u128(0)
    """What the provider got, in planck."""
    lane: u8 = u8(0)
    task: DueKey = NO_TASK
    """Its place on the agenda; zeros: it has none."""

    def put_off(self, still: int) -> Job:
        """Put its times off by what the chain stood still since; `still`: in all, until now."""
        more, self.still = still - int(self.still), u32(still)
        if self.asked:
            self.asked += more
        if self.due:
            self.due += more
        return self

    @property
    def escrow(self) -> int:
        """What is held of the requester for it, in planck."""
        if self.requester is None:
            return 0
        return int(self.price) + int(self.verification) + int(self.deposit)

    @property
    def promise(self) -> int:
        """What it may cost Carry, in planck: nothing if somebody's escrow pays."""
        return int(self.price) + int(self.verification) if self.requester is None else 0


@path("pallet_jobs::Pace")
@dataclass(slots=True)
class Pace:
    """How the chain went on."""

    last: Slots = u32(0)
    """The slot of the last block."""
    still: Slots = u32(0)
    """In how many slots, all together, the chain stood still."""


@path("pallet_jobs::ProtocolSet")
@dataclass(slots=True)
class ProtocolSet:
    """A job that the chain posts itself, once in each era, while Carry has the money."""

    model: H256
    items: u32
    input_root: H256
    data_bytes: u64
    deadline: Slots
    endpoints: Endpoints


@path("pallet_jobs::Params", params={"Balance": u128})
@dataclass(slots=True)
class Params:
    """What governance decides about jobs; amounts in planck."""

    price_mib: Balance = u128(10**13)
    """What each begun mebibyte of data costs."""
    least_fee: Balance = u128(10**15)
    """What a verifier gets for a receipt at least."""
    least_price: Balance = u128(10**15)
    """What a job costs at least: a payment that opens an account with its smallest leg."""


@path("pallet_jobs::Market", params={"Balance": u128})
@dataclass(slots=True)
class Market:
    """What work of a class costs, and how much of it was sold in the era that runs."""

    base: Balance
    """Planck per unit of work."""
    sold: u64 = u64(0)
    """Units of work that providers took on in it."""


@path("pallet_jobs::Quote", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Quote:
    """What a job would cost now, in planck."""

    work: u64
    """Thousand million multiplications."""
    price: Balance
    """What the provider's side costs."""
    verification: Balance
    """What verifiers are paid at most; what they do not earn comes back."""
    deposit: Balance
    """What is held besides, and comes back unless the payload is bad."""

    @property
    def total(self) -> int:
        """All that is held, in planck."""
        return int(self.price) + int(self.verification) + int(self.deposit)


# ---- what Jobs leans on


class Currency(Protocol):
    """Escrows; Balances satisfies it."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free balance on hold. Raises TokenError."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is held free again. Raises TokenError."""


class Payer(Protocol):
    """What becomes of held money; Tokenomics satisfies it."""

    def take_held(
        self,
        reason: Reason,
        who: AccountId,
        split: ComputeSplit,
        why: BurnReason,
        earners: Sequence[tuple[AccountId, u128]],
    ) -> None:
        """Take the legs of a fee out of what is held."""

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay somebody out of what is held."""

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool
    ) -> None:
        """Destroy what is held."""

    def threshold(self) -> u128:
        """Return the value from which fees burn at their highest rate."""


class Clock(Protocol):
    """What time it is, and the chain's luck; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""

    def luck_after(self, time: int, delay: int, authors: int) -> Drawn | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`.

        Only once `authors` made blocks in between. None if there is none yet, or none any more.
        """


class Providers(Protocol):
    """Who does the work; the registry of providers satisfies it."""

    def draw(
        self,
        seed: bytes,
        klass: int,
        need: int,
        requester: AccountId | None,
        refused: Sequence[AccountId],
        protocol: bool,
    ) -> tuple[AccountId | None, int]:
        """Return who does a job, and how many operators could have."""

    def reserve(self, provider: AccountId, job: H256, amount: u128) -> u128:
        """Set a part of the bond aside for a job, which takes one of the provider's places."""

    def release(self, provider: AccountId, job: H256) -> None:
        """End that."""

    def note_decline(self, provider: AccountId) -> u128:
        """Count an offer that was not taken; return what that was fined."""

    def charge(self, provider: AccountId, amount: u128) -> u128:
        """Burn so much of the bond, as far as no job needs it; return how much."""

    def note_done(self, provider: AccountId, took: int, ok: bool) -> None:
        """Count a job that was done, or was not."""

    def hold_pay(self, provider: AccountId, amount: u128) -> u128:
        """Keep what it was paid as its bond, as far as that is too small; return what was kept."""

    def is_bonded(self, provider: AccountId) -> bool:
        """Tell whether it has the least bond."""

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return who earns by its work; None for one that may not earn."""

    def credit_score(self, provider: AccountId, units: int) -> None:
        """Count work towards the making of blocks."""

    def offers(self, klass: int) -> Sequence[int]:
        """Return how many jobs at a time each member of a class could do."""

    def members_of(self, klass: int) -> int:
        """Return how many members a class has."""


class ModelRecord(Protocol):
    """What Jobs needs to know of a model."""

    klass: u16
    macs: u64

    @property
    def usable(self) -> bool:
        """Whether new jobs may use it."""


class ModelClass(Protocol):
    """What work of a class costs at first, within what bounds, and how fast a job runs."""

    base: u128
    least: u128
    most: u128
    speed: u32


class Models(Protocol):
    """What can be computed; the registry of models satisfies it."""

    def get(self, model: H256) -> ModelRecord | None:
        """Return what is known of a model."""

    def open_job(self, model: H256) -> None:
        """Count a job of a model."""

    def close_job(self, model: H256) -> None:
        """Count it no more."""

    def class_of(self, index: int) -> ModelClass | None:
        """Return a class of machines."""

    def known_classes(self) -> Sequence[int]:
        """Return the numbers of all classes."""


class Emission(Protocol):
    """What Jobs needs to know of Mining's books, in planck."""

    protocol_price: u128
    protocol_room: u128


class Carry(Protocol):
    """What records finished work and pays the chain's own jobs; Mining satisfies it."""

    def emission_now(self) -> Emission:
        """Return what a unit of the chain's own jobs is paid, and what may be spent now."""

    def spend_carry(self, to: AccountId, amount: u128) -> None:
        """Pay somebody for a job of the chain itself."""

    def record(
        self,
        provider: AccountId,
        receipt: H256,
        units: int,
        fees: u128,
        *,
        verified: bool,
        requester: AccountId | None = None,
    ) -> int:
        """Record verified work; return how much its fees paid for, in millionths of a unit."""


class Identities(Protocol):
    """Whose identity was judged; Identity satisfies it."""

    def verified(self, who: AccountId) -> bool:
        """Tell whether a registrar found good who this is, or who it is a part of."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return who stands behind an account: whom it is a part of, if that was judged."""


class Strangers:
    """Identities of a chain on which nobody is known."""

    def verified(self, who: AccountId) -> bool:
        """Tell that nobody was judged."""
        return False

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the account itself."""
        return account


class Perk(Protocol):
    """What stakes are good for."""

    @property
    def priority(self) -> bool:
        """Whether jobs go before others of their urgency."""


class Perks(Protocol):
    """Whose jobs go first; TierStaking satisfies it."""

    def benefits(self, who: AccountId) -> Perk:
        """Return what the stakes of an account are good for now."""


@dataclass(frozen=True, slots=True)
class NoPerk:
    """What is good for nothing."""

    priority: bool = False


class NoPerks:
    """Stakes of a chain without any."""

    def benefits(self, who: AccountId) -> NoPerk:
        """Return that they are good for nothing."""
        return NoPerk()
