"""Types of ConvictionVoting: votes, delegations and locks."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Path, TypeName, Variant, path, u8, u32, u128
from runtime.frame.aliases import Account, Balance, BlockNumber
from runtime.pallets.referenda.types import NO_BALLOT, Ballot

MAX_VOTES: Final = 512
"""Maximum number of votes of one account in one class."""
MAX_CLASSES: Final = 64
"""Maximum number of classes in which one account can have a lock."""
AYE: Final = 0x80
"""The bit of a vote that means aye; the other seven are the conviction."""


@path("pallet_conviction_voting::conviction::Conviction")
class Conviction(IntEnum):
    """Conviction of a vote; only the first two are accepted, with the same effect."""

    vars()["None"] = 0  # not a valid Python name, but the one that wallets expect
    Locked1x = 1
    Locked2x = 2
    Locked3x = 3
    Locked4x = 4
    Locked5x = 5
    Locked6x = 6


class Vote(u8, path="pallet_conviction_voting::vote::Vote"):
    """Direction and conviction of a vote, in one byte."""

    __slots__ = ()

    @property
    def aye(self) -> bool:
        """True if the vote is an aye."""
        return self >= AYE

    @property
    def conviction(self) -> int:
        """Number of the conviction, known or not."""
        return int(self) % AYE


def vote_of(*, aye: bool, conviction: Conviction = Conviction.Locked1x) -> Vote:
    """Return the vote byte of a direction and a conviction."""
    return Vote((AYE if aye else 0) + conviction)


class Standard(Variant, index=0):
    """A vote with its whole balance for one side."""

    vote: Vote
    balance: Balance


class Split(Variant, index=1):
    """A vote with amounts for both sides."""

    aye: Balance
    nay: Balance


class SplitAbstain(Variant, index=2):
    """A vote with amounts for both sides and an abstaining amount."""

    aye: Balance
    nay: Balance
    abstain: Balance


AnyVote = Standard | Split | SplitAbstain
AccountVote = Annotated[
    Standard | Split | SplitAbstain,
    Path("pallet_conviction_voting::vote::AccountVote", params={"Balance": u128}),
]


@path("pallet_conviction_voting::types::Delegations", params={"Balance": u128})
@dataclass(frozen=True, slots=True)
class Delegations:
    """Sum of the delegations to an account, in votes and in planck, which are equal here."""

    votes: Balance = u128(0)
    capital: Balance = u128(0)

    def changed(self, by: int) -> Delegations:
        """Return these delegations with `by` planck added."""
        return Delegations(self.votes + by, self.capital + by)


@path(
    "pallet_conviction_voting::vote::PriorLock",
    params={"BlockNumber": u32, "Balance": u128},
    unnamed=True,
)
@dataclass(frozen=True, slots=True)
class PriorLock:
    """Lock of removed votes: its end, a slot, and its amount in planck."""

    until: BlockNumber = u32(0)
    amount: Balance = u128(0)

    def joined(self, until: int, amount: u128) -> PriorLock:
        """Return one lock that covers both this one and another."""
        return PriorLock(u32(max(int(self.until), until)), max(self.amount, amount))

    def at(self, now: int) -> PriorLock:
        """Return the lock that remains at slot `now`."""
        return PriorLock() if now >= self.until else self


@path(
    "pallet_conviction_voting::vote::Casting",
    params={"Balance": u128, "BlockNumber": u32, "PollIndex": u32, "MaxVotes": None},
)
@dataclass(slots=True)
class Casting:
    """The votes of an account that votes itself."""

    votes: Annotated[
        Bounded[list[tuple[u32, AccountVote]], MAX_VOTES],
        TypeName("BoundedVec<(PollIndex, AccountVote<Balance>), MaxVotes>"),
    ] = field(default_factory=list)
    delegations: Annotated[Delegations, TypeName("Delegations<Balance>")] = Delegations()
    prior: Annotated[PriorLock, TypeName("PriorLock<BlockNumber, Balance>")] = PriorLock()


@path(
    "pallet_conviction_voting::vote::Delegating",
    params={"Balance": u128, "AccountId": AccountId, "BlockNumber": u32},
)
@dataclass(slots=True)
class Delegating:
    """The delegation of an account."""

    balance: Balance
    target: Account
    conviction: Conviction
    delegations: Annotated[Delegations, TypeName("Delegations<Balance>")]
    """Delegations of others to this account; they are not delegated further."""
    prior: Annotated[PriorLock, TypeName("PriorLock<BlockNumber, Balance>")]


class VoteCasting(Variant, index=0, unnamed=True, name="Casting"):
    """The account votes itself."""

    casting: Annotated[Casting, TypeName("Casting<Balance, BlockNumber, PollIndex, MaxVotes>")]


class VoteDelegating(Variant, index=1, unnamed=True, name="Delegating"):
    """The account delegates its votes."""

    delegating: Annotated[Delegating, TypeName("Delegating<Balance, AccountId, BlockNumber>")]


Voting = Annotated[
    VoteCasting | VoteDelegating,
    Path(
        "pallet_conviction_voting::vote::Voting",
        params={
            "Balance": u128,
            "AccountId": AccountId,
            "BlockNumber": u32,
            "PollIndex": u32,
            "MaxVotes": None,
        },
    ),
]


def stake_of(vote: AnyVote) -> u128:
    """Return the total balance of a vote, in planck."""
    match vote:
        case Standard(_, balance):
            return balance
        case Split(aye, nay):
            return aye + nay
        case SplitAbstain(aye, nay, abstain):
            return aye + nay + abstain


def ballot_of(vote: AnyVote | None, delegations: Delegations) -> Ballot:
    """Return an account's ballot with the delegations to it, which follow undivided votes only."""
    others = int(delegations.votes)
    match vote:
        case Standard(side, balance) if side.aye:
            return Ballot(ayes=int(balance), delegated_ayes=others)
        case Standard(_, balance):
            return Ballot(nays=int(balance), delegated_nays=others)
        case Split(aye, nay):
            return Ballot(ayes=int(aye), nays=int(nay))
        case SplitAbstain(aye, nay, abstain):
            return Ballot(ayes=int(aye), nays=int(nay), abstains=int(abstain))
        case None:
            return NO_BALLOT
