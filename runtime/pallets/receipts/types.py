"""What Receipts stores and tells, and what it leans on. Times are slots since genesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Fixed, Path, TypeName, Variant, path, u8, u16, u32, u128
from btt_chain.work.graph import Graph
from btt_chain.work.merkle import Opening
from runtime.frame import Reason
from runtime.pallets.babe import Drawn
from runtime.pallets.jobs.types import NO_HASH, NO_TASK, DueKey, Job, JobState, Outcome
from runtime.pallets.tokenomics import BurnReason
from runtime.params import MAX_COMMITTEE

MAX_REDRAWS: Final = 2
MAX_ROUNDS: Final = MAX_REDRAWS + 2
"""Committees of one receipt: the first, those that replace, and the one after a trap."""
MAX_CHALLENGES: Final = 32
"""Leaves of one receipt that can be asked for at a time."""
MAX_VERIFIERS: Final = 256
MAX_MISSES: Final = 3
OUTAGE_SLOTS: Final = 50
"""Constants of `Receipts`, and so is `MAX_REDRAWS`: what each decides is told there."""

Balance = Annotated[u128, TypeName("Balance")]
Slots = Annotated[u32, TypeName("BlockNumber")]
Account = Annotated[AccountId, TypeName("AccountId")]
VrfOutput = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
VrfProof = Annotated[bytes, Fixed(64), TypeName("[u8; 64]")]
Signature = Annotated[bytes, Fixed(64), TypeName("[u8; 64]")]
SessionKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]


@path("pallet_receipts::Phase")
class Phase(IntEnum):
    """How far a receipt is."""

    Waiting = 0
    """The beacon that draws verifiers is not there yet."""
    Checking = 1
    """Verifiers check, commit to what they found, and reveal it."""
    Trapping = 2
    """The provider may reveal that the receipt was a trap."""
    Disputed = 3
    """Somebody found it wrong, and has to prove it."""
    Withheld = 4
    """Verifiers did not get what they asked for, and the provider has to show it."""
    Pending = 5
    """It stands unless somebody proves it wrong."""
    Ended = 6
    """It is over; the job tells how."""


class Valid(Variant, index=0):
    """All that was looked at is right."""


class Wrong(Variant, index=1):
    """An element does not follow from those that it is computed from."""

    item: u32
    node: u16
    element: u32


class WrongEdge(Variant, index=2):
    """An item's input (or output) is not the one that was agreed on (or told)."""

    item: u32
    output: bool


class Missing(Variant, index=3):
    """A leaf was not to be had in time: the provider is asked to show it on the chain."""

    item: u32
    tensor: u16
    """Counted among those that have leaves (`Graph.committed`)."""
    leaf: u32


Verdict = Annotated[Valid | Wrong | WrongEdge | Missing, Path("pallet_receipts::Verdict")]
"""What a verifier found."""


@path("pallet_receipts::Seat")
@dataclass(slots=True)
class Seat:
    """A verifier in the committee of a receipt, and what it said."""

    verifier: Account
    key: SessionKey
    """The BABE session key that it draws and signs with here."""
    round: u8
    """Which of the receipt's beacons it draws by."""
    commitment: H256 | None = None
    verdict: Annotated[Verdict | None, TypeName("Option<Verdict>")] = None
    digest: H256 = NO_HASH
    """The root over the leaves that it looked at (`ids.digest_tree`)."""
    rho: H256 = NO_HASH
    """Its luck, once it is revealed: which items it looked at."""


@path("pallet_receipts::Challenge")
@dataclass(slots=True)
class Challenge:
    """A leaf that the provider was asked for."""

    item: u32
    tensor: u16
    """Counted among those that have leaves (`Graph.committed`)."""
    leaf: u32
    until: Slots
    """Before this slot it has to be shown."""
    by: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """Whose deposit it costs if it is shown; None: a verifier's, by its vote."""
    deposit: Balance = u128(0)
    answered: bool = False


@path("pallet_receipts::Proven")
@dataclass(slots=True)
class Proven:
    """A proof of fraud that was right, and waits until it is clear that this was no trap."""

    by: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    place: Annotated[Verdict, TypeName("Verdict")]


@path("pallet_receipts::Trap")
@dataclass(slots=True)
class Trap:
    """A trap that was revealed: what stood in the receipt, and how its committee voted."""

    item_root: H256
    """The wrong root over all items."""
    valid: Annotated[
        Bounded[list[tuple[AccountId, H256]], MAX_COMMITTEE],
        TypeName("BoundedVec<(AccountId, H256), MaxCommittee>"),
    ]
    """Who found it valid, and its luck."""
    finders: Annotated[
        Bounded[list[AccountId], MAX_COMMITTEE], TypeName("BoundedVec<AccountId, MaxCommittee>")
    ]
    """Who found it wrong."""
    lazy: Annotated[
        Bounded[list[AccountId], MAX_COMMITTEE], TypeName("BoundedVec<AccountId, MaxCommittee>")
    ] = field(default_factory=list)
    """Who is shown to have looked at something wrong and found it valid."""


Beacons = Annotated[Bounded[list[H256], MAX_ROUNDS], TypeName("BoundedVec<H256, MaxRounds>")]
Seats = Annotated[Bounded[list[Seat], MAX_COMMITTEE], TypeName("BoundedVec<Seat, MaxCommittee>")]
Used = Annotated[
    Bounded[list[AccountId], MAX_ROUNDS * MAX_COMMITTEE], TypeName("BoundedVec<AccountId, MaxUsed>")
]
Missed = Annotated[
    Bounded[list[tuple[u8, u32]], MAX_ROUNDS * MAX_COMMITTEE],
    TypeName("BoundedVec<(u8, u32), MaxUsed>"),
]
Challenges = Annotated[
    Bounded[list[Challenge], MAX_CHALLENGES], TypeName("BoundedVec<Challenge, MaxChallenges>")
]


@path("pallet_receipts::Receipt", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Receipt:
    """What a provider says that it computed, and what became of that."""

    job: H256
    provider: Account
    attempt: u8
    item_root: H256
    """Over the roots of all items; each over those of the item's tensors (`work.commit`)."""
    output_root: H256
    """Over the roots of all items' outputs."""
    trap_commit: H256
    started: Slots
    finished: Slots
    submitted: Slots
    phase: Phase = Phase.Waiting
    since: Slots = u32(0)
    """When this phase began; for Waiting, when the draw was asked for."""
    commit_until: Slots = u32(0)
    """Before this slot verifiers commit."""
    reveal_until: Slots = u32(0)
    """From there to before this slot they reveal."""
    due: Slots = u32(0)
    """When this phase ends."""
    still: Slots = u32(0)
    """For how long the chain had stood still when these slots were told; see `put_off`."""
    redraws: u8 = u8(0)
    beacons: Beacons = field(default_factory=list)
    seats: Seats = field(default_factory=list)
    used: Used = field(default_factory=list)
    """Who is not to be drawn any more."""
    missed: Missed = field(default_factory=list)
    """Rounds, and items that a verifier missed in them: all look at these in later rounds."""
    looked: bool = False
    """Enough voted in an earlier round; it did not stand only since somebody missed something."""
    trap: Annotated[Trap | None, TypeName("Option<Trap>")] = None
    """It was a trap, and the right roots stand in it now."""
    exposed: bool = False
    """Whether it is too late to reveal it as a trap."""
    proven: Annotated[Proven | None, TypeName("Option<Proven>")] = None
    challenges: Challenges = field(default_factory=list)
    task: DueKey = NO_TASK

    def put_off(self, still: int) -> Receipt:
        """Put all windows off by what the chain stood still since; `still`: in all, until now."""
        more, self.still = still - int(self.still), u32(still)
        if not more:
            return self
        self.due += more
        if self.commit_until:  # a committee was drawn
            self.commit_until += more
            self.reveal_until += more
        for one in self.challenges:
            one.until += more
        return self


@path("pallet_receipts::Verifier", params={"Balance": u128})
@dataclass(slots=True)
class Verifier:
    """A verifier's bond, in planck, and how it does."""

    bond: Balance
    misses: u8 = u8(0)
    """How often in a row it was silent."""
    missed: Slots = u32(0)
    """When that was counted last."""
    free_at: Annotated[u32 | None, TypeName("Option<BlockNumber>")] = None
    """When it may take its bond back; None: it is at work."""
    since: Slots = u32(0)
    """When it bonded last: it is drawn only by luck that nobody knew then."""


@path("pallet_receipts::Leaf")
@dataclass(frozen=True, slots=True)
class LeafProof:
    """One leaf of one tensor of one item, with its way to the receipt's root over items."""

    item: u32
    tensor: u16
    """Counted among those that have leaves (`Graph.committed`)."""
    job: Opening
    """The root of the item."""
    roots: Opening
    """The root of the tensor."""
    leaf: Opening


Roster = Bounded[list[tuple[AccountId, u128, u32]], MAX_VERIFIERS]
"""Verifiers at work, their bonds, and when they bonded last."""


# ---- what Receipts leans on


class Currency(Protocol):
    """Bonds and deposits; Balances satisfies it."""

    def hold(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Put free balance on hold. Raises TokenError."""

    def release(self, reason: Reason, who: AccountId, amount: u128) -> None:
        """Make what is held free again. Raises TokenError."""

    def held(self, reason: Reason, who: AccountId) -> u128:
        """Return what is held for `reason`."""

    def reducible_balance(self, who: AccountId, *, keep_alive: bool = False) -> u128:
        """Return what may be spent."""

    def transfer(self, source: AccountId, dest: AccountId, value: u128) -> None:
        """Move free balance. Raises TokenError."""


class Payer(Protocol):
    """What becomes of held money; Tokenomics satisfies it."""

    def pay_held(self, reason: Reason, who: AccountId, to: AccountId, amount: u128) -> None:
        """Pay somebody out of what is held."""

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool
    ) -> None:
        """Destroy what is held."""

    def destroy(self, who: AccountId, amount: u128, reason: BurnReason) -> None:
        """Destroy free money."""


class Keys(Protocol):
    """Whose session key is whose; Session satisfies it."""

    def babe_key(self, account: AccountId) -> bytes | None:
        """Return the BABE session key that an account has registered."""


class Operators(Protocol):
    """Who stands behind an account."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return the operator."""


class ProviderInfo(Protocol):
    """What Receipts needs to know of a provider."""

    vrf: bytes


class Providers(Protocol):
    """Who did the work; the registry of providers satisfies it."""

    def info(self, provider: AccountId) -> ProviderInfo | None:
        """Return what a provider registered."""

    def slash(self, provider: AccountId, job: H256, amount: u128, to: AccountId | None) -> u128:
        """Take bond for a job: half of it to `to`, the rest destroyed; return what was taken."""

    def fine(self, provider: AccountId, ppm: int) -> u128:
        """Destroy a part of the bond; return how much."""


class Models(Protocol):
    """What was to be computed; the registry of models satisfies it."""

    def graph(self, model: H256) -> Graph | None:
        """Return the graph of a model."""


class Clock(Protocol):
    """What time it is, and the chain's luck; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""

    def luck_after(self, time: int, delay: int, authors: int) -> Drawn | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`."""


class JobBooks(Protocol):
    """The jobs that receipts are of, and their escrows; Jobs satisfies it."""

    def job(self, id: H256) -> Job | None:
        """Return a job."""

    def stood_still(self) -> int:
        """Return for how many slots, all together, the chain stood still."""

    def looked_at(self, job: Job) -> int:
        """Return how many of a job's items each verifier looks at."""

    def fee_of(self, job: Job) -> int:
        """Return what one verifier gets for a receipt of a job, in planck."""

    def committed(self, id: H256, provider: AccountId, attempt: int, receipt: H256) -> Job:
        """Note that there is a receipt. Raises DispatchError if it is not for this provider now."""

    def advance(self, id: H256, state: JobState) -> None:
        """Note that the receipt of a job is looked at, or was found valid."""

    def finalise(self, id: H256, voters: Sequence[AccountId]) -> bool:
        """Pay for the work; False if Carry cannot pay now: try again later."""

    def refuse(self, id: H256, outcome: Outcome, voters: Sequence[AccountId]) -> None:
        """End a job whose receipt did not stand."""
