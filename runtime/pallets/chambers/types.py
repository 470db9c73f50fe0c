"""Types of Chambers, and the interfaces of the pallets it uses."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import SLOT
from btt_chain.scale import Bounded, Compact, TypeName, path, u32, u64, u128
from runtime.frame.aliases import Account, Balance, Planck, SlotOf
from runtime.pallets.tier_staking.types import StakedMoney

CHAMBERS: Final = 4
MAX_INSTITUTIONS: Final = 32
SEATS: Final = 10
MAX_CANDIDATES: Final = 64
"""Maximum number of candidates of one election, withdrawn ones included."""

RESERVE_ID: Final = b"btt/seat"
"""Name of the reserve for candidates' deposits."""
LOCK_ID: Final = b"btt/elec"
"""Identifier of the lock on the backing of candidates."""
OBJECTION_LOCK_ID: Final = b"btt/objn"
"""Identifier of the lock of objections to milestones."""
MAX_OBJECTIONS: Final = 16
"""Maximum number of an account's objections that lock money."""
SEAT_POWER: Final = 10**9
"""Voting power of one seat: billionths, so that it can be split."""

Names = Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<T::AccountId, Seats>")]
Day = Annotated[u32, TypeName("DayIndex")]
Power = Annotated[Compact[u128], TypeName("Power")]
"""In the chamber's own unit: planck, millionths of a unit of work, half-planck, billionths of a
seat."""


@path("pallet_chambers::Institution", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Institution:
    """A member of the institutions' chamber, with the maximum planck that it votes with."""

    who: Account
    allocation: Balance


@path("pallet_chambers::Share")
@dataclass(frozen=True, slots=True)
class Share:
    """Voting power by side."""

    ayes: Power = u128(0)
    nays: Power = u128(0)
    abstains: Power = u128(0)

    def changed(self, old: Share, new: Share) -> Share:
        """Return this sum with `new` instead of `old`."""
        return Share(
            u128(int(self.ayes) + int(new.ayes) - int(old.ayes)),
            u128(int(self.nays) + int(new.nays) - int(old.nays)),
            u128(int(self.abstains) + int(new.abstains) - int(old.abstains)),
        )


NO_SHARE: Final = Share()


@path("pallet_chambers::Counted")
@dataclass(slots=True)
class Counted:
    """Power that one account's ballot counted with when it was cast."""

    own: Annotated[Bounded[list[Share], CHAMBERS], TypeName("BoundedVec<Share, Chambers>")] = field(
        default_factory=lambda: [NO_SHARE] * CHAMBERS
    )
    """Own power, by chamber."""
    delegated: Share = NO_SHARE
    """Power delegated by others; it counts among the holders."""


@path("pallet_chambers::ChamberRecord")
@dataclass(slots=True)
class ChamberRecord:
    """Weight, electorate and votes of one chamber in one referendum."""

    weight: u32
    """Weight of the chamber, of 7,000."""
    electorate: Power
    """Total power of the chamber's members."""
    votes: Share = NO_SHARE


@path("pallet_chambers::PollRecord")
@dataclass(slots=True)
class PollRecord:
    """The record of a referendum that is not over."""

    year: u32
    """Label of the year of the weights."""
    day: Day
    """First day after the window of work that counts."""
    seats: Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<AccountId, Seats>")]
    """Representatives at the start of the decision, the only accounts with a seat's vote here.

    Empty before the start.
    """
    frozen: bool
    """True once the decision has started: weights and electorates no longer change."""
    chambers: Annotated[
        Bounded[list[ChamberRecord], CHAMBERS], TypeName("BoundedVec<ChamberRecord, Chambers>")
    ]


@path("pallet_chambers::WorkDay")
@dataclass(slots=True)
class WorkDay:
    """Verified work of one day, in millionths of a unit."""

    day: Annotated[Compact[u32], TypeName("DayIndex")]
    parts: Annotated[Compact[u128], TypeName("u128")]


@path("pallet_chambers::Candidate", params={"Balance": u128})
@dataclass(slots=True)
class Candidate:
    """A candidate for a seat."""

    deposit: Balance
    """Deposit in planck; zero after a withdrawal."""
    backing: Balance
    """Sum of the backing, in planck."""
    standing: bool
    """False after a withdrawal."""


@path("pallet_chambers::Seat", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Seat:
    """A representative of the community."""

    who: Account
    backing: Balance
    deposit: Balance


@path("pallet_chambers::Approvals", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Approvals:
    """An account's backing of candidates."""

    election: u32
    value: Balance
    """Backing of each named candidate, in planck."""
    names: Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<AccountId, MaxSeats>")]


@path("pallet_chambers::ObjectionRound")
@dataclass(slots=True)
class ObjectionRound:
    """The objections to one attestation of a milestone."""

    since: SlotOf
    """Slot of the attestation."""
    poll: PollRecord
    """Weights and electorates as of the first objection; objections are nays."""


@path("pallet_chambers::OwnObjection", params={"Balance": u128})
@dataclass(slots=True)
class OwnObjection:
    """An account's objection to one attestation of a milestone."""

    programme: u32
    index: u32
    since: SlotOf
    """Slot of the attestation."""
    until: SlotOf
    """End of the objection window."""
    locked: Balance
    powers: Annotated[Bounded[list[Power], CHAMBERS], TypeName("BoundedVec<Power, Chambers>")]
    """Power that it counts with, by chamber."""


# ---- views


@path("pallet_chambers::ChamberView")
@dataclass(slots=True)
class ChamberView:
    """The counted votes of one chamber in one referendum."""

    name: str
    weight: u32
    """Weight of the chamber, of 7,000."""
    electorate: u128
    """In the chamber's unit, as all powers."""
    ayes: u128
    nays: u128
    abstains: u128
    takes_part: bool
    """True if at least 4 % of the electorate take part."""
    weighed_ayes: u128
    """In billionths of a part of 7,000."""
    weighed_nays: u128


@path("pallet_chambers::SeatView")
@dataclass(slots=True)
class SeatView:
    """A member or candidate, with an amount in planck."""

    who: AccountId
    amount: Planck


@path("pallet_chambers::StateView")
@dataclass(slots=True)
class StateView:
    """The current state of the chambers."""

    mode: str
    year: u32
    weights: list[u32]
    electorates: list[u128]
    institutions: list[SeatView]
    """With the power of each."""
    representatives: list[SeatView]
    """With the backing of each at its election."""


@path("pallet_chambers::ElectionView")
@dataclass(slots=True)
class ElectionView:
    """The current election."""

    number: u32
    ends: Annotated[u32, SLOT]
    """Slot at which the election ends."""
    seats: u32
    candidates: list[SeatView]
    """Candidates by backing, the greatest first."""
    representatives: list[SeatView]
    """Current representatives, with the backing of each at its election."""


# ---- interfaces of other pallets


class Supply(Protocol):
    """The stored total issuance."""

    @property
    def value(self) -> u128:
        """Total issuance, in planck."""


class Stakes(Protocol):
    """Stakes of accounts; TierStaking implements it. In planck."""

    def staked(self) -> StakedMoney:
        """Return the sum of all stakes, by voting rule."""

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return the stakes of `who`, by current voting rule."""

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return the part of them that stays on hold for at least `slots` more slots."""


class Schedules(Protocol):
    """Vesting schedules; Vesting implements it."""

    def unvested(self, who: AccountId) -> u128:
        """Return the unvested amount of `who`, in planck."""


class Releases(Protocol):
    """Contractual releases; `ReleaseControl` of Tokenomics implements it."""

    def unvested(self) -> int:
        """Return the sum of all contractual rows that is not released yet, in planck."""


class Milestones(Protocol):
    """Milestones that the Foundation attests; `Programmes` of Tokenomics implements it."""

    def expect_pending(self, programme: u32, index: u32) -> tuple[u64, u64]:
        """Return the slot of the attestation, and the end of its objection window.

        Raises MilestoneUnknown, NotAttested and WindowClosed of Tokenomics.
        """

    def pending_since(self, programme: u32, index: u32) -> u64 | None:
        """Return the slot of an attestation that can be objected to now; None if there is none."""

    def object_to(self, programme: u32, index: u32) -> None:
        """Stop a milestone."""


class FacilityBonds(Protocol):
    """Bonds of registered hospitals; Facilities implements it. In planck."""

    def voting_bond(self, who: AccountId) -> u128:
        """Return the bond of an active hospital; 0 for other accounts."""

    def voting_bonds(self) -> u128:
        """Return the sum of `voting_bond` over all accounts."""


class NoFacilities:
    """Bonds of a chain without hospitals."""

    def voting_bond(self, who: AccountId) -> u128:
        """Return 0."""
        return u128(0)

    def voting_bonds(self) -> u128:
        """Return 0."""
        return u128(0)
