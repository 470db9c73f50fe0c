"""Types of HealthRecords. Amounts are in planck.

An epoch is an hour, counted since 1970; times are slots since genesis.
"""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import MAX_NEIGHBOURS, Opening, leaf_hash
from btt_chain.primitives.mountain_range import MAX_PEAKS
from btt_chain.scale import Bounded, Fixed, FixedBytes, TypeName, codec, path, u32, u64, u128
from runtime.constants import BTT
from runtime.frame.aliases import Account, Balance, SlotOf
from runtime.frame.traits import Clock, Moments

MAX_DELAY: Final = 2
"""Number of epochs after the first in which the leaf of a promise may be anchored."""
MAX_LATE: Final = 2
"""Number of epochs after an epoch in which its root may be anchored."""
KEPT_EPOCHS: Final = 720
"""Number of epochs for which roots are stored: 30 days."""
PROMISED_EPOCHS: Final = MAX_DELAY + 1
"""Number of epochs whose roots may have the leaf of a promise."""

MIN_TERM: Final = 10 * BTT
MAX_TERM: Final = 100_000 * BTT
MAX_FEE: Final = 10 * BTT
"""Bounds of the terms that governance may set."""


class HoldReason(IntEnum):
    """Reasons for which money is on hold."""

    CustodianBond = 0
    """Bond of a custodian."""
    DemandDeposit = 1
    """Deposit of a demand for a proof."""


@path("pallet_health_records::BatchKind")
class BatchKind(IntEnum):
    """The subject of a root's leaves."""

    Records = 0
    Consents = 1
    Accesses = 2


class EpochKey(FixedBytes, size=4, path="pallet_health_records::EpochKey"):
    """The number of an epoch, highest byte first, so that keys sort by time."""


@path("pallet_health_records::LogId", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class LogId:
    """One of the three logs of a custodian."""

    custodian: Account
    kind: BatchKind


@path("pallet_health_records::Batch")
@dataclass(slots=True)
class Batch:
    """The root of an epoch."""

    root: H256
    leaves: u32
    """Number of leaves of the tree: a power of two, padding included."""
    at: SlotOf
    """Slot in which it was anchored."""


@path("pallet_health_records::Log")
@dataclass(slots=True)
class Log:
    """The roots of a log that are no longer stored, as a mountain range."""

    last: u32 = u32(0)
    """The newest epoch with a root."""
    count: u32 = u32(0)
    """Number of roots in the range."""
    peaks: Annotated[Bounded[list[H256], MAX_PEAKS], TypeName("BoundedVec<H256, MaxPeaks>")] = (
        field(default_factory=list)
    )
    """Peaks of the range, from left to right."""


@path("pallet_health_records::OldRoot")
@dataclass(frozen=True, slots=True)
class OldRoot:
    """A root that is no longer stored: a leaf of the mountain range commits to it."""

    epoch: u32
    root: H256
    leaves: u32


@path("pallet_health_records::Custodian", params={"Balance": u128})
@dataclass(slots=True)
class Custodian:
    """A facility that anchors roots and signs promises."""

    bond: Balance
    """Amount on hold, in planck."""
    key: Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
    """Ed25519 key of its promises. It stays: older promises have to be verifiable."""
    since: SlotOf
    """Slot of the registration."""
    leaving: Annotated[u64 | None, TypeName("Option<Slot>")] = None
    """Slot from which the bond can be withdrawn; None: it has not left."""


@path("pallet_health_records::Demand", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Demand:
    """A demand for the proof that a promise was kept."""

    leaf: H256
    epoch: u32
    """First epoch whose root may have the leaf."""
    by: Account
    deposit: Balance
    due: u32
    """Epoch from which the demand counts as unanswered."""


@path("pallet_health_records::Terms", params={"Balance": u128})
@dataclass(slots=True)
class Terms:
    """Bonds and fees."""

    bond: Balance = u128(1_000 * BTT)
    """Minimum bond of a custodian that registers or anchors."""
    penalty: Balance = u128(500 * BTT)
    """Maximum amount that is slashed for a broken promise."""
    demand: Balance = u128(2 * BTT)
    """Deposit of a demand for a proof; an answer earns the custodian half of it."""
    revocation: Balance = u128(BTT // 20)
    """Fee of a revocation, which is stored for years."""

    @property
    def in_bounds(self) -> bool:
        """True if governance may set these terms."""
        return (
            MIN_TERM <= self.penalty <= self.bond <= MAX_TERM
            and BTT <= self.demand <= MAX_FEE
            and self.revocation <= MAX_FEE
        )


SomeTerms = Annotated[Terms, TypeName("Terms<BalanceOf<T>>")]
Secret = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
PromiseKey = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Epoch = Annotated[u32, TypeName("Epoch")]
Absence = Annotated[
    Bounded[list[Opening], MAX_NEIGHBOURS], TypeName("BoundedVec<Opening, MaxNeighbours>")
]
"""The neighbours that prove that a tree has not a leaf; empty for an epoch without a root."""
Absences = Annotated[
    Bounded[list[Absence], PROMISED_EPOCHS], TypeName("BoundedVec<Absence, PromisedEpochs>")
]

OLD_ROOT: Final = codec(OldRoot)


def epoch_key(epoch: int) -> EpochKey:
    """Return the key of an epoch."""
    return EpochKey(epoch.to_bytes(4, "big"))


def old_root_leaf(old: OldRoot) -> H256:
    """Return the leaf of the mountain range for a root."""
    return leaf_hash(OLD_ROOT.encode(old))


class TimedClock(Clock, Moments, Protocol):
    """The time; Babe implements it."""
