"""What Chambers stores and tells, and what it leans on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Compact, TypeName, path, u32, u128
from runtime.pallets.balances import Reasons
from runtime.pallets.tier_staking import StakedMoney

CHAMBERS: Final = 4
MAX_INSTITUTIONS: Final = 32
SEATS: Final = 10
MAX_CANDIDATES: Final = 64
"""Candidates of one election, those who withdrew included."""

Who = Annotated[AccountId, TypeName("T::AccountId")]
Slot = Annotated[u32, TypeName("BlockNumberFor<T>")]
Day = Annotated[u32, TypeName("DayIndex")]
Power = Annotated[Compact[u128], TypeName("Power")]
"""In the chamber's own unit: planck, millionths of a unit of work, half-planck, billionths of a
seat."""


@path("pallet_chambers::Institution", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Institution:
    """Who is seated in the institutions' chamber, and with how many planck at most."""

    who: Annotated[AccountId, TypeName("AccountId")]
    allocation: Annotated[u128, TypeName("Balance")]


@path("pallet_chambers::Share")
@dataclass(frozen=True, slots=True)
class Share:
    """Voting power by sides."""

    ayes: Power = u128(0)
    nays: Power = u128(0)
    abstains: Power = u128(0)

    def changed(self, old: Share, new: Share) -> Share:
        """Return this sum with `new` in it instead of `old`."""
        return Share(
            u128(int(self.ayes) + int(new.ayes) - int(old.ayes)),
            u128(int(self.nays) + int(new.nays) - int(old.nays)),
            u128(int(self.abstains) + int(new.abstains) - int(old.abstains)),
        )


NO_SHARE: Final = Share()


@path("pallet_chambers::Counted")
@dataclass(slots=True)
class Counted:
    """What one account's ballot counted for, when it was cast."""

    own: Annotated[Bounded[list[Share], CHAMBERS], TypeName("BoundedVec<Share, Chambers>")] = field(
        default_factory=lambda: [NO_SHARE] * CHAMBERS
    )
    """By chamber."""
    lent: Share = NO_SHARE
    """What others delegated to it; that counts among the holders."""


@path("pallet_chambers::ChamberBooks")
@dataclass(slots=True)
class ChamberBooks:
    """One chamber in one referendum."""

    weight: Annotated[u32, TypeName("u32")]
    """Of 7,000."""
    electorate: Power
    """The power of all who belong to it."""
    votes: Share = NO_SHARE


@path("pallet_chambers::PollBooks")
@dataclass(slots=True)
class PollBooks:
    """A referendum that is not over."""

    year: Annotated[u32, TypeName("u32")]
    """The label year of the weights."""
    day: Day
    """The work of the window before this day counts."""
    seats: Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<AccountId, Seats>")]
    """Who sat for the community at the start: nobody else has a seat's vote here.

    Nobody before the start.
    """
    frozen: bool
    """Whether the decision has started: weights and electorates change no more."""
    chambers: Annotated[
        Bounded[list[ChamberBooks], CHAMBERS], TypeName("BoundedVec<ChamberBooks, Chambers>")
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
    """Who wants a seat."""

    deposit: Annotated[u128, TypeName("Balance")]
    """Nothing of those who withdrew."""
    backing: Annotated[u128, TypeName("Balance")]
    """The planck that approve of the candidate."""
    standing: bool
    """False of those who withdrew."""


@path("pallet_chambers::Seat", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Seat:
    """A representative of the community."""

    who: Annotated[AccountId, TypeName("AccountId")]
    backing: Annotated[u128, TypeName("Balance")]
    deposit: Annotated[u128, TypeName("Balance")]


@path("pallet_chambers::Approvals", params={"AccountId": AccountId, "Balance": u128})
@dataclass(slots=True)
class Approvals:
    """Whom an account wants to be seated, and what backs that."""

    election: Annotated[u32, TypeName("u32")]
    value: Annotated[u128, TypeName("Balance")]
    """In planck; each of the named is backed by all of it."""
    names: Annotated[Bounded[list[AccountId], SEATS], TypeName("BoundedVec<AccountId, MaxSeats>")]


# ---- what the runtime API tells


@path("pallet_chambers::ChamberView")
@dataclass(slots=True)
class ChamberView:
    """One chamber in one referendum, counted."""

    name: str
    weight: u32
    """Of 7,000."""
    electorate: u128
    """In the chamber's own unit, as all powers."""
    ayes: u128
    nays: u128
    abstains: u128
    takes_part: bool
    """Whether at least 4 % of the electorate do."""
    weighed_ayes: u128
    """Of 7,000 billions."""
    weighed_nays: u128


@path("pallet_chambers::SeatView")
@dataclass(slots=True)
class SeatView:
    """Who sits where, or stands for it; amounts in planck."""

    who: AccountId
    amount: u128


@path("pallet_chambers::StateView")
@dataclass(slots=True)
class StateView:
    """The chambers as they are now."""

    mode: str
    year: u32
    weights: list[u32]
    electorates: list[u128]
    institutions: list[SeatView]
    """With the power of each."""
    representatives: list[SeatView]
    """With what backed each."""


@path("pallet_chambers::ElectionView")
@dataclass(slots=True)
class ElectionView:
    """The election at hand."""

    number: u32
    ends: u32
    """The slot of its end."""
    seats: u32
    candidates: list[SeatView]
    """With what backs each, the first first."""
    representatives: list[SeatView]
    """Who sits now, with what backed each."""


# ---- what Chambers leans on


class Clock(Protocol):
    """What time it is; Babe satisfies it."""

    def now(self) -> int:
        """Return the slots since genesis."""


class Supply(Protocol):
    """How much money there is."""

    @property
    def value(self) -> u128:
        """All money, in planck."""


class Money(Protocol):
    """The money that votes and deposits are made of; Balances satisfies it. In planck."""

    @property
    def total_issuance(self) -> Supply:
        """All money there is."""

    def total(self, who: AccountId) -> u128:
        """Return all that `who` has."""

    def lockable(self, who: AccountId) -> u128:
        """Return what a lock can keep in the account of `who`: all but stakes and escrows."""

    def set_lock(self, id: bytes, who: AccountId, amount: u128, reasons: Reasons) -> None:
        """Lock `amount` under a name instead of what was locked under it; nothing if it is zero."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Set money of `who` aside; raise DispatchError if there is not enough."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Give back what was set aside; return how much of `amount` was not there."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move what was set aside to the treasury; return how much was not there."""


class Stakes(Protocol):
    """Who staked what, and for how long; TierStaking satisfies it. In planck."""

    def staked(self) -> StakedMoney:
        """Return all that is staked, by how it votes."""

    def staked_of(self, who: AccountId) -> StakedMoney:
        """Return all that `who` has staked, by how it votes now."""

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        """Return what of that stays on hold for at least so many slots more."""


class Schedules(Protocol):
    """What is vesting; the pallet Vesting satisfies it."""

    def unvested(self, who: AccountId) -> u128:
        """Return what of `who` has not vested yet, in planck."""


class Releases(Protocol):
    """What the documents' rows still lock; Tokenomics satisfies it."""

    def unvested(self) -> int:
        """Return what of all contractual rows has not come free, in planck."""


class Identities(Protocol):
    """Who is who; the pallet Identity satisfies it."""

    def verified(self, who: AccountId) -> bool:
        """Tell whether a registrar found good who this is, or who it is a part of."""

    def operator_of(self, account: AccountId) -> AccountId:
        """Return who stands behind an account: its verified parent, else itself."""
