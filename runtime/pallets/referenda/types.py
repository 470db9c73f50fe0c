"""What Referenda stores, and what it asks of whoever counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import Path, TypeName, Variant, path, u16, u32, u128
from runtime.pallets.origins import OriginCaller
from runtime.pallets.preimage import BoundedCall
from runtime.pallets.referenda.curves import Curve
from runtime.pallets.scheduler import Address, DispatchTime

MAX_QUEUED: Final = 100
"""Referenda of one track that wait to be decided."""


@path("pallet_conviction_voting::types::Tally", params={"Votes": u128, "Total": None})
@dataclass(frozen=True, slots=True)
class Tally:
    """What has been counted; in what unit, and of how much, whoever counts knows."""

    ayes: Annotated[u128, TypeName("Votes")] = u128(0)
    nays: Annotated[u128, TypeName("Votes")] = u128(0)
    support: Annotated[u128, TypeName("Votes")] = u128(0)


class Ballot(NamedTuple):
    """How one account votes in one referendum, in planck.

    Its own balance by side, and what others have delegated to it, which follows it to the one
    side that it took; a split vote takes none.
    """

    ayes: int = 0
    nays: int = 0
    abstains: int = 0
    delegated_ayes: int = 0
    delegated_nays: int = 0


NO_BALLOT: Final = Ballot()


class Electorate(Protocol):
    """Who counts. Referenda asks when something is decided, ConvictionVoting tells who votes how.

    A ballot of `who` is counted from `recount(old=NO_BALLOT, new)` until
    `recount(old, new=NO_BALLOT)`; between two calls for the same account and referendum `old` is
    always the former `new`. Votes may be cast before the decision starts.
    """

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze what decisions hang on (weights, electorates); return the tally under it."""

    def is_open(self, poll: u32) -> bool:
        """Return True if a ballot was counted, or the decision has started."""

    def closed(self, poll: u32) -> None:
        """Forget a referendum; it is over, whichever way. `recount` is not called any more."""

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return how much of the votes is in favour; compared by `>=` with what is needed."""

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return how much of all that could take part does."""

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Return the tally after `who` votes by `new` instead of `old`.

        Raises DispatchError if this account may not vote so.
        """

    def may_delegate(self, who: AccountId) -> bool:
        """Tell whether this account's votes are by balance alone, so that others can cast them."""


@path("pallet_referenda::types::Deposit", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class Deposit:
    """Who left a deposit, and how many planck."""

    who: Annotated[AccountId, TypeName("AccountId")]
    amount: Annotated[u128, TypeName("Balance")]


MaybeDeposit = Annotated[Deposit | None, TypeName("Option<Deposit<AccountId, Balance>>")]


@path("pallet_referenda::types::DecidingStatus", params={"BlockNumber": u32})
@dataclass(slots=True)
class DecidingStatus:
    """Since what slot a referendum is being decided, and at what slot it is confirmed."""

    since: Annotated[u32, TypeName("BlockNumber")]
    confirming: Annotated[u32 | None, TypeName("Option<BlockNumber>")]


@path(
    "pallet_referenda::types::ReferendumStatus",
    params={
        "TrackId": u16,
        "RuntimeOrigin": OriginCaller,
        "Moment": u32,
        "Call": BoundedCall,
        "Balance": u128,
        "Tally": Tally,
        "AccountId": AccountId,
        "ScheduleAddress": Address,
    },
)
@dataclass(slots=True)
class ReferendumStatus:
    """A referendum that is not over. Times are slots."""

    track: Annotated[u16, TypeName("TrackId")]
    origin: Annotated[OriginCaller, TypeName("RuntimeOrigin")]
    """As whom the proposal will be made."""
    proposal: Annotated[BoundedCall, TypeName("Call")]
    enactment: Annotated[DispatchTime, TypeName("DispatchTime<Moment>")]
    """When it is to be made, if that is not too early."""
    submitted: Annotated[u32, TypeName("Moment")]
    submission_deposit: Annotated[Deposit, TypeName("Deposit<AccountId, Balance>")]
    decision_deposit: MaybeDeposit
    deciding: Annotated[DecidingStatus | None, TypeName("Option<DecidingStatus<Moment>>")]
    tally: Annotated[Tally, TypeName("Tally")]
    in_queue: Annotated[bool, TypeName("bool")]
    alarm: Annotated[tuple[u32, Address] | None, TypeName("Option<(Moment, ScheduleAddress)>")]
    """When it is looked at again, and where that is in the agenda."""


class Ongoing(Variant, index=0, unnamed=True):
    """It is not over."""

    status: Annotated[
        ReferendumStatus,
        TypeName(
            "ReferendumStatus<TrackId, RuntimeOrigin, Moment, Call, Balance, Tally, AccountId, "
            "ScheduleAddress>"
        ),
    ]


class WasApproved(Variant, index=1, unnamed=True, name="Approved"):
    """It was approved at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasRejected(Variant, index=2, unnamed=True, name="Rejected"):
    """It was rejected at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasCancelled(Variant, index=3, unnamed=True, name="Cancelled"):
    """It was cancelled at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasTimedOut(Variant, index=4, unnamed=True, name="TimedOut"):
    """It was not begun to be decided before this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasKilled(Variant, index=5, unnamed=True, name="Killed"):
    """It was cancelled at this slot, and the deposits are lost."""

    at: Annotated[u32, TypeName("Moment")]


Ended = WasApproved | WasRejected | WasCancelled | WasTimedOut

ReferendumInfo = Annotated[
    Ongoing | WasApproved | WasRejected | WasCancelled | WasTimedOut | WasKilled,
    Path(
        "pallet_referenda::types::ReferendumInfo",
        params={
            "TrackId": u16,
            "RuntimeOrigin": OriginCaller,
            "Moment": u32,
            "Call": BoundedCall,
            "Balance": u128,
            "Tally": Tally,
            "AccountId": AccountId,
            "ScheduleAddress": Address,
        },
    ),
]


@path(
    "pallet_referenda::types::TrackDetails",
    params={"Balance": u128, "Moment": u32, "Name": str},
)
@dataclass(frozen=True, slots=True)
class Track:
    """The rules of one kind of referendum. Periods in slots, the deposit in planck."""

    name: Annotated[str, TypeName("Name")]
    max_deciding: Annotated[u32, TypeName("u32")]
    """How many are decided at the same time; the others wait."""
    decision_deposit: Annotated[u128, TypeName("Balance")]
    prepare_period: Annotated[u32, TypeName("Moment")]
    """From the submission to the start of the decision, at least."""
    decision_period: Annotated[u32, TypeName("Moment")]
    """How long there is to get enough votes."""
    confirm_period: Annotated[u32, TypeName("Moment")]
    """How long they must stay enough, without interruption."""
    min_enactment_period: Annotated[u32, TypeName("Moment")]
    """From the approval to the call, at least."""
    min_approval: Annotated[Curve, TypeName("Curve")]
    min_support: Annotated[Curve, TypeName("Curve")]


Tracks = list[tuple[u16, Track]]
