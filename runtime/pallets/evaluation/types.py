"""Records and limits of Evaluation, and the interfaces it needs."""

from __future__ import annotations

from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import SLOT, SLOTS
from btt_chain.scale import Bounded, Path, TypeName, Variant, i32, path, u8, u16, u32, u128
from btt_chain.work.graph import Graph
from btt_chain.work.tensors import LEAF_BYTES, Tensor
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, BlockNumber, SlotNumber
from runtime.frame.traits import Stalls
from runtime.pallets.facilities.types import Kind
from runtime.pallets.jobs.types import MAX_ITEMS as JOB_ITEMS
from runtime.pallets.jobs.types import Job
from runtime.pallets.models.types import ModelRecord
from runtime.pallets.providers.types import Endpoints
from runtime.pallets.receipts.types import Receipt
from runtime.pallets.tokenomics.traits import HeldBurns, HeldPayments

MAX_ITEMS: Final = 1 << 20
PART_ITEMS: Final = JOB_ITEMS
MAX_PARTS: Final = MAX_ITEMS // PART_ITEMS
MAX_CLASSES: Final = 16
BINS: Final = 256
MAX_COUNTS: Final = 2 * BINS
FULL_BELOW: Final = 256
SET_BOND: Final = u128(100 * BTT)
REPORT_BOND: Final = u128(10 * BTT)
"""Constants of `Evaluation`, described there."""

CURATORS: Final = (Kind.Hospital, Kind.Laboratory, Kind.Auditor)
"""Kinds of facilities that may add sets."""

SetId = Annotated[H256, TypeName("SetId")]
RunIndex = Annotated[u32, TypeName("RunIndex")]
PartIndex = Annotated[u16, TypeName("PartIndex")]
RunTime = Annotated[BlockNumber, SLOTS]
"""A time of runs: slots since genesis, without those in which the chain stalled."""
Marks = Annotated[Bounded[bytes, PART_ITEMS], TypeName("BoundedVec<u8, PartItems>")]
"""Answers or labels of the items of a part, one byte each."""
Counts = Annotated[Bounded[list[u32], MAX_COUNTS], TypeName("BoundedVec<u32, MaxCounts>")]
"""Numbers of items by label, and for each label by answer."""
OutputBytes = Annotated[Bounded[bytes, LEAF_BYTES], TypeName("BoundedVec<u8, LeafBytes>")]


class Binary(Variant, index=0):
    """A yes or no by one score. Answers are its bins, labels 0 and 1."""

    output: u16
    """Place of the score among the numbers of the model's output."""
    low: i32
    high: i32
    """The range of the score, which is cut into 256 bins."""


class Classes(Variant, index=1):
    """One of several classes. Answers are the places of the largest number, labels too."""

    classes: u8
    """Number of classes: 2 to 16."""


Question = Annotated[Binary | Classes, Path("pallet_evaluation::Question")]
"""The question of a set to a model."""


@path("pallet_evaluation::SetPart")
@dataclass(frozen=True, slots=True)
class SetPart:
    """Commitments to 4,096 items of a set, the last one to what is left: the items of one job."""

    inputs: H256
    """The job's root over the inputs (`Jobs.post`)."""
    labels: H256
    """SHA-256 of the labels, a byte for each item."""


SetParts = Annotated[Bounded[list[SetPart], MAX_PARTS], TypeName("BoundedVec<SetPart, MaxParts>")]


@path("pallet_evaluation::LabelledSet", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class LabelledSet:
    """A set of labelled items."""

    owner: Account
    question: Question
    items: u32
    licence: H256
    """SHA-256 of the terms of use of the data."""
    endpoints: Endpoints
    """Addresses where inputs and labels are fetched."""
    bond: Balance
    """Amount on hold, in planck."""
    since: SlotNumber
    """Slot in which it was added."""
    runs: u32 = u32(0)
    """Number of open runs."""
    retired: Annotated[u32 | None, TypeName("Option<BlockNumber>"), SLOT] = None
    """Slot from which it may be removed; None while it takes runs."""
    revoked: bool = False
    """True if a decision found its labels wrong."""

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-int(self.items) // PART_ITEMS)


@path("pallet_evaluation::Run", params={"AccountId": AccountId})
@dataclass(slots=True)
class Run:
    """The measurement of a model on a set, until it ends."""

    model: H256
    set: SetId
    owner: Account
    """Owner of the model."""
    curator: Account
    """Owner of the set."""
    question: Question
    output: Tensor
    """The model's output."""
    items: u32
    since: SlotNumber
    """Slot of the request; jobs of an earlier slot do not count."""
    until: RunTime
    """End of the time for reports."""
    settled: RunTime
    """End of the time for disputes of all reports until now."""
    counts: Counts
    """Sum over the reported parts."""
    reported: u16 = u16(0)
    """Number of reported parts."""

    def items_of(self, part: int) -> int:
        """Return the number of items of a part; 0 if there is no such part."""
        return max(0, min(PART_ITEMS, int(self.items) - part * PART_ITEMS))

    @property
    def complete(self) -> bool:
        """True if all parts are reported."""
        return int(self.reported) * PART_ITEMS >= int(self.items)


@path("pallet_evaluation::Report", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class Report:
    """The reported answers of a part."""

    reporter: Account
    """Account with the bond on hold."""
    outputs: H256
    """The receipt's root over all outputs."""
    digest: H256
    """SHA-256 of the answers, followed by the labels."""
    until: RunTime
    """End of the time for disputes."""


@path("pallet_evaluation::Record", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class Record:
    """The measured answers of a model on a set."""

    curator: Account
    """Owner of the set."""
    question: Question
    items: u32
    counts: Counts
    skill: bool
    """True if the answers are better than those of a constant model."""
    at: SlotNumber
    """Slot in which the run ended."""


# ---- interfaces that Evaluation needs


class Registry(Protocol):
    """Facilities; Facilities implements it."""

    def is_active(self, who: AccountId, kind: Kind) -> bool:
        """Return True if the account is an active facility of a kind."""


class Models(Protocol):
    """Models with their graphs; Models implements it."""

    def get(self, model: H256) -> ModelRecord | None:
        """Return the record of a model; None if it is not registered."""

    def graph(self, model: H256) -> Graph | None:
        """Return a model's graph; None if it is not registered."""


class JobLedger(Stalls, Protocol):
    """Jobs; the deliveries of Jobs implement it."""

    def job(self, id: H256) -> Job | None:
        """Return a job; None if there is none, or it is no longer stored."""


class ReceiptLedger(Protocol):
    """Receipts; Receipts implements it."""

    def receipt(self, id: H256) -> Receipt | None:
        """Return a receipt; None if it is unknown or removed."""


class Payer(HeldPayments, HeldBurns, Protocol):
    """Payments and burns out of holds; Tokenomics implements it."""
