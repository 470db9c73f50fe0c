"""Stored types of Receipts, and its dependencies. Times are slots since genesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import LOWER_NAMES, SLOT, means
from btt_chain.scale import Bounded, Fixed, Path, TypeName, Variant, path, u8, u16, u32, u128
from btt_chain.work.graph import Graph
from btt_chain.work.merkle import Opening
from runtime.frame.aliases import Account, Balance, SlotCount, SlotNumber
from runtime.frame.timers import NO_TIMER, DueKey
from runtime.frame.traits import Stalls
from runtime.pallets.jobs.types import NO_HASH, Job, JobState, Outcome
from runtime.pallets.tokenomics.traits import Burns, HeldBurns, HeldPayments
from runtime.params import MAX_COMMITTEE

MAX_REPLACEMENTS: Final = 2
MAX_ROUNDS: Final = MAX_REPLACEMENTS + 2
"""Committees of one receipt: the first, its replacements, and one after a planted error."""
MAX_CHALLENGES: Final = 32
"""Maximum number of challenged leaves of one receipt at a time."""
MAX_VERIFIERS: Final = 256
MAX_MISSES: Final = 3
OUTAGE_SLOTS: Final = 50
"""Constants of `Receipts`, like `MAX_REPLACEMENTS`: their meaning is documented there."""

VrfOutput = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
VrfProof = Annotated[bytes, Fixed(64), TypeName("[u8; 64]")]
Signature = Annotated[bytes, Fixed(64), TypeName("[u8; 64]")]
ReceiptId = Annotated[H256, TypeName("ReceiptId")]
JobId = Annotated[H256, TypeName("JobId")]
SessionKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]


class HoldReason(IntEnum):
    """The reason of a hold."""

    VerifierBond = 0
    Challenge = 1


@means(LOWER_NAMES)
@path("pallet_receipts::Phase")
class Phase(IntEnum):
    """The phase of a receipt."""

    Waiting = 0
    """Waiting for the beacon that selects the verifiers."""
    Checking = 1
    """Verifiers check the receipt, commit to their verdicts, and reveal them."""
    Disclosing = 2
    """The provider may reveal that the receipt had a planted error."""
    Disputed = 3
    """A verifier reported an error and must prove it."""
    Withheld = 4
    """Verifiers reported missing leaves, and the provider must show these on chain."""
    Pending = 5
    """The receipt was found valid (or is confidential), and is accepted unless proven wrong."""
    Ended = 6
    """The receipt is closed; the job holds the outcome."""


class Valid(Variant, index=0):
    """All checked elements are correct."""


class Wrong(Variant, index=1):
    """An element does not follow from the elements that it is computed from."""

    item: u32
    node: u16
    element: u32


class WrongEdge(Variant, index=2):
    """An item's input is not the agreed one, or its output is not the committed one."""

    item: u32
    output: bool


class Missing(Variant, index=3):
    """A leaf was not served in time: the provider may be challenged to show it on chain."""

    item: u32
    tensor: u16
    """Index among the tensors that have leaves (`Graph.committed`)."""
    leaf: u32


Verdict = Annotated[Valid | Wrong | WrongEdge | Missing, Path("pallet_receipts::Verdict")]
"""A verifier's finding."""
SomeVerdict = Verdict
"""The same, as a field of calls and events."""


@path("pallet_receipts::Seat")
@dataclass(slots=True)
class Seat:
    """A verifier's place in the committee of a receipt, with its vote."""

    verifier: Account
    key: SessionKey
    """Verifier's BABE session key: for the VRF of its sample and the signatures of this seat."""
    round: u8
    """Index of the receipt's beacon that determines the seat's sample."""
    commitment: H256 | None = None
    verdict: Annotated[Verdict | None, TypeName("Option<Verdict>")] = None
    digest: H256 = NO_HASH
    """Root over the leaves that the verifier checked (`ids.digest_tree`)."""
    rho: H256 = NO_HASH
    """Randomness of the seat, once revealed: it determines the items checked."""


@path("pallet_receipts::Challenge")
@dataclass(slots=True)
class Challenge:
    """A leaf that the provider must show."""

    item: u32
    tensor: u16
    """Index among the tensors that have leaves (`Graph.committed`)."""
    leaf: u32
    until: SlotNumber
    """First slot that is too late to show the leaf."""
    by: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    """Account that pays the deposit if the leaf is shown; None if verifiers' votes asked for it."""
    deposit: Balance = u128(0)
    answered: bool = False


@path("pallet_receipts::Proven")
@dataclass(slots=True)
class Proven:
    """A correct proof of fraud, pending until a planted error is ruled out."""

    by: Annotated[AccountId | None, TypeName("Option<AccountId>")]
    place: Verdict


@path("pallet_receipts::PlantedError")
@dataclass(slots=True)
class PlantedError:
    """A revealed planted error: the wrong root, and the votes of the committee."""

    item_root: H256
    """The wrong root over all items."""
    valid: Annotated[
        Bounded[list[tuple[AccountId, H256]], MAX_COMMITTEE],
        TypeName("BoundedVec<(AccountId, H256), MaxCommittee>"),
    ]
    """Verifiers that found the receipt valid, with their randomness."""
    finders: Annotated[
        Bounded[list[AccountId], MAX_COMMITTEE], TypeName("BoundedVec<AccountId, MaxCommittee>")
    ]
    """Verifiers that found the receipt wrong."""
    lazy: Annotated[
        Bounded[list[AccountId], MAX_COMMITTEE], TypeName("BoundedVec<AccountId, MaxCommittee>")
    ] = field(default_factory=list)
    """Verifiers shown to have checked a wrong item and found it valid."""


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
    """A provider's commitment to a computed result, with its state."""

    job: H256
    provider: Account
    attempt: u8
    item_root: H256
    """Root over the roots of all items, each over those of its tensors (`work.commit`)."""
    output_root: H256
    """Root over the roots of all items' outputs."""
    planted_error_commit: H256
    """Commitment to the right roots (`ids.planted_error_commit`), or a random number."""
    started: SlotNumber
    finished: SlotNumber
    submitted: SlotNumber
    phase: Phase = Phase.Waiting
    since: SlotNumber = u32(0)
    """First slot of this phase; for Waiting, the slot in which the selection was requested."""
    commit_until: SlotNumber = u32(0)
    """First slot that is too late to commit."""
    reveal_until: SlotNumber = u32(0)
    """First slot that is too late to reveal; revealing begins at `commit_until`."""
    due: SlotNumber = u32(0)
    """Slot in which this phase ends."""
    stalled: SlotCount = u32(0)
    """Stalled slots of the chain, in total, when these times were set; see `shifted`."""
    replacements: u8 = u8(0)
    """Number of selections requested after the first, also if they found too few verifiers."""
    beacons: Beacons = field(default_factory=list)
    seats: Seats = field(default_factory=list)
    used: Used = field(default_factory=list)
    """Verifiers that are not selected again for this receipt."""
    missed: Missed = field(default_factory=list)
    """Rounds, and items missed in them: all verifiers of later rounds check these items."""
    quorum_voted: bool = False
    """True if a quorum voted in an earlier round, which failed only because of a miss."""
    planted_error: Annotated[PlantedError | None, TypeName("Option<PlantedError>")] = None
    """Set if the receipt had a planted error; its roots are now the right ones."""
    disclosed: bool = False
    """True if it is too late to reveal a planted error."""
    proven: Annotated[Proven | None, TypeName("Option<Proven>")] = None
    challenges: Challenges = field(default_factory=list)
    timer: DueKey = NO_TIMER

    def shifted(self, stalled: int) -> Receipt:
        """Shift all deadlines by the slots stalled since; `stalled` is their total until now."""
        more, self.stalled = stalled - int(self.stalled), u32(stalled)
        if not more:
            return self
        self.due += more
        if self.commit_until:  # a committee was selected
            self.commit_until += more
            self.reveal_until += more
        for one in self.challenges:
            one.until += more
        return self


@path("pallet_receipts::Verifier", params={"Balance": u128})
@dataclass(slots=True)
class Verifier:
    """A verifier's bond, in planck, and its record of missed votes."""

    bond: Balance
    misses: u8 = u8(0)
    """Number of consecutive missed votes."""
    missed: SlotNumber = u32(0)
    """Slot of the last change of `misses`."""
    free_at: Annotated[u32 | None, TypeName("Option<BlockNumber>"), SLOT] = None
    """Slot from which the bond can be withdrawn; None while the verifier is active."""
    since: SlotNumber = u32(0)
    """Slot of the last bonding: only randomness unknown at that time selects the verifier."""


@path("pallet_receipts::Leaf")
@dataclass(frozen=True, slots=True)
class LeafProof:
    """One leaf of a tensor of an item, with its openings up to the receipt's root over items."""

    item: u32
    tensor: u16
    """Index among the tensors that have leaves (`Graph.committed`)."""
    job: Opening
    """Opening of the item's root."""
    roots: Opening
    """Opening of the tensor's root."""
    leaf: Opening


Roster = Bounded[list[tuple[AccountId, u128, u32]], MAX_VERIFIERS]
"""Active verifiers, their bonds, and the slots of their last bonding."""


# ---- dependencies


class Payer(HeldPayments, HeldBurns, Burns, Protocol):
    """Payments and burns; Tokenomics implements it."""


class Keys(Protocol):
    """Session keys of accounts; Session implements it."""

    def babe_key(self, account: AccountId) -> bytes | None:
        """Return the BABE session key that an account registered; None if it has none."""


class Models(Protocol):
    """The registry of models."""

    def graph(self, model: H256) -> Graph | None:
        """Return the graph of a model; None if it is not registered."""


class JobLedger(Stalls, Protocol):
    """The jobs of receipts, and their escrows; Jobs implements it."""

    def job(self, id: H256) -> Job | None:
        """Return a job; None if there is none of this id."""

    def sample_count(self, job: Job) -> int:
        """Return the number of a job's items that each verifier checks."""

    def fee_of(self, job: Job) -> int:
        """Return the fee of one verifier for a receipt of a job, in planck."""

    def committed(self, id: H256, provider: AccountId, attempt: int, receipt: H256) -> Job:
        """Note a job's receipt. Raises DispatchError if it is not expected of this provider now."""

    def advance(self, id: H256, state: JobState) -> None:
        """Set the state of a job: its receipt is being checked, or was found valid."""

    def finalize(self, id: H256, voters: Sequence[AccountId]) -> bool:
        """Return True if the work was paid, False if the unallocated emission is too small now."""

    def refuse(self, id: H256, outcome: Outcome, voters: Sequence[AccountId]) -> None:
        """End a job whose receipt was refused."""
