"""Types of disputes and their arbiters. Amounts are in planck, times in ms since 1970."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Path, TypeName, Variant, path, u8, u32, u128
from runtime.frame.aliases import Account, Balance, MomentOf
from runtime.frame.timers import NO_TIMER, DueKey
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.panel import SEATS
from runtime.pallets.payfi.types import NOTHING

MAX_ARBITERS: Final = 32
"""Maximum number of arbiters."""


@path("pallet_payfi::DisputeReason")
class DisputeReason(IntEnum):
    """Why a payer disputes a payment."""

    NotReceived = 0
    NotAsDescribed = 1
    Duplicate = 2
    WrongAmount = 3
    NotAuthorised = 4
    """A card paid without its owner's consent."""
    Cancelled = 5
    RefundNotMade = 6
    Other = 7


class Accept(Variant, index=0):
    """The merchant gives the payer the disputed amount."""


class Contest(Variant, index=1, unnamed=True):
    """The merchant contests the dispute, with the hash of its evidence."""

    evidence: Annotated[H256, TypeName("Hash")]


ArbiterList = Annotated[
    Bounded[list[AccountId], MAX_ARBITERS], TypeName("BoundedVec<T::AccountId, MaxArbiters>")
]
Panel = Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<T::AccountId, Seats>")]

Answer = Annotated[Accept | Contest, Path("pallet_payfi::Answer")]
SomeAnswer = Answer
"""The same, as an argument of a call."""


@path("pallet_payfi::Resolution")
class Resolution(IntEnum):
    """Cause of the end of a dispute."""

    Accepted = 0
    """The merchant accepted it."""
    NoAnswer = 1
    """The merchant did not answer in time: the payer has the disputed amount."""
    Withdrawn = 2
    """The payer withdrew it."""
    NoPanel = 3
    """No randomness for a panel in time, or no answer of an arbiter: the merchant keeps it."""
    Panel = 4
    """Arbiters decided; answers that are missing at the end count as nothing for the payer."""


@path("pallet_payfi::Seat", params={"AccountId": AccountId})
@dataclass(slots=True)
class Seat:
    """An arbiter of a dispute."""

    arbiter: Account
    answer: Annotated[u128 | None, TypeName("Option<Balance>")] = None
    """Part of the disputed amount that the payer should get."""


@path("pallet_payfi::Outcome", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a dispute."""

    resolution: Resolution
    to_payer: Balance
    """Amount that the payer received."""
    unpaid: Balance
    """Amount decided for the payer that the merchant's bond did not cover."""


@path("pallet_payfi::Dispute", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Dispute:
    """A dispute of a payment, which is disputed at most once."""

    reason: DisputeReason
    evidence: Annotated[H256, TypeName("Hash")]
    """Hash of the payer's evidence."""
    amount: Balance
    """Disputed amount."""
    deposit: Balance
    """Deposit of the payer."""
    opened_ms: MomentOf
    late: bool
    """True if the payment was settled before."""
    reserved: Balance
    """Part of the merchant's bond that is reserved for it, if late."""
    phase: DisputePhase
    deadline_ms: MomentOf
    """End of the phase, in time in which the chain made blocks: stalls come on top."""
    judged_by_ms: MomentOf
    """End of the time for all arbiters, likewise; 0 before the merchant contests."""
    contested: Annotated[H256 | None, TypeName("Option<Hash>")] = None
    """Hash of the merchant's evidence."""
    asked: u32 = u32(0)
    """Slot since genesis in which a panel was last asked for; its randomness is later."""
    round: u8 = u8(0)
    """Number of panels selected so far."""
    seats: Annotated[Bounded[list[Seat], SEATS], TypeName("BoundedVec<Seat, Seats>")] = field(
        default_factory=list
    )
    absent: Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<AccountId, Seats>")] = (
        field(default_factory=list)
    )
    """Arbiters that did not answer in the first round, and were replaced."""
    outcome: Annotated[Outcome | None, TypeName("Option<Outcome>")] = None
    timer: DueKey = NO_TIMER

    def answers(self) -> list[int]:
        """Return the answers of arbiters so far."""
        return [int(seat.answer) for seat in self.seats if seat.answer is not None]


@path("pallet_payfi::Arbiter", params={"Balance": u128})
@dataclass(slots=True)
class Arbiter:
    """An account that offers to judge disputes."""

    bond: Balance = NOTHING
    seats: u32 = u32(0)
    """Number of open disputes in whose panel it is."""
