"""Stored types of Referenda, and the interface of the counting pallet."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import Path, TypeName, Variant, path, u16, u32, u128
from runtime.frame.aliases import Account, Balance, BlockNumber
from runtime.pallets.origins import OriginCaller
from runtime.pallets.preimage.pallet import BoundedCall
from runtime.pallets.referenda.curves import Curve
from runtime.pallets.scheduler.types import Address, DispatchTime

MAX_QUEUED: Final = 100
"""Maximum number of queued referenda of one track."""


@path("pallet_conviction_voting::types::Tally", params={"Votes": u128, "Total": None})
@dataclass(frozen=True, slots=True)
class Tally:
    """The counted votes; their unit and total are defined by the `Electorate`."""

    ayes: Annotated[u128, TypeName("Votes")] = u128(0)
    nays: Annotated[u128, TypeName("Votes")] = u128(0)
    support: Annotated[u128, TypeName("Votes")] = u128(0)


class Ballot(NamedTuple):
    """The votes of one account in one referendum, in planck.

    Its own balance by side, and the votes delegated to it, which count for the side of its vote;
    with a split vote they do not count.
    """

    ayes: int = 0
    nays: int = 0
    abstains: int = 0
    delegated_ayes: int = 0
    delegated_nays: int = 0


NO_BALLOT: Final = Ballot()


RESERVE_ID: Final = b"btt/refd"
"""Name of the reserves for deposits."""


class Electorate(Protocol):
    """Counting of votes. Referenda queries decisions, ConvictionVoting reports ballots.

    A ballot of `who` is counted from `recount(old=NO_BALLOT, new)` until `recount(old,
    new=NO_BALLOT)`; between two calls for the same account and referendum `old` is always the
    former `new`. Votes may be cast before the decision starts.
    """

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze the weights and electorates of the decision; return the tally under them."""

    def is_open(self, poll: u32) -> bool:
        """Return True if a ballot was counted, or the decision has started."""

    def closed(self, poll: u32) -> None:
        """Remove an ended referendum. `recount` is not called for it afterwards."""

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the part of votes in favour; it must be `>=` the threshold."""

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the part of possible votes that was cast."""

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Return the tally after `who` votes by `new` instead of `old`.

        Raises DispatchError if this account may not vote so.
        """

    def may_delegate(self, who: AccountId) -> bool:
        """Return True if the account votes by balance alone, so that its votes can be delegated."""


@path("pallet_referenda::types::Deposit", params={"AccountId": AccountId, "Balance": u128})
@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit in planck, and its depositor."""

    who: Account
    amount: Balance


MaybeDeposit = Annotated[Deposit | None, TypeName("Option<Deposit<AccountId, Balance>>")]


@path("pallet_referenda::types::DecidingStatus", params={"BlockNumber": u32})
@dataclass(slots=True)
class DecidingStatus:
    """Slot in which the decision started, and slot in which the confirmation ends."""

    since: BlockNumber
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
    """An ongoing referendum. Times are slots."""

    track: Annotated[u16, TypeName("TrackId")]
    origin: Annotated[OriginCaller, TypeName("RuntimeOrigin")]
    """Origin of the proposed call."""
    proposal: Annotated[BoundedCall, TypeName("Call")]
    enactment: Annotated[DispatchTime, TypeName("DispatchTime<Moment>")]
    """Requested time of the call; the track's minimum enactment period still applies."""
    submitted: Annotated[u32, TypeName("Moment")]
    submission_deposit: Annotated[Deposit, TypeName("Deposit<AccountId, Balance>")]
    decision_deposit: MaybeDeposit
    deciding: Annotated[DecidingStatus | None, TypeName("Option<DecidingStatus<Moment>>")]
    tally: Tally
    in_queue: bool
    alarm: Annotated[tuple[u32, Address] | None, TypeName("Option<(Moment, ScheduleAddress)>")]
    """Slot of the next check, and its address in the scheduler."""


class Ongoing(Variant, index=0, unnamed=True):
    """The referendum is ongoing."""

    status: Annotated[
        ReferendumStatus,
        TypeName(
            "ReferendumStatus<TrackId, RuntimeOrigin, Moment, Call, Balance, Tally, AccountId, "
            "ScheduleAddress>"
        ),
    ]


class WasApproved(Variant, index=1, unnamed=True, name="Approved"):
    """The referendum was approved at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasRejected(Variant, index=2, unnamed=True, name="Rejected"):
    """The referendum was rejected at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasCancelled(Variant, index=3, unnamed=True, name="Cancelled"):
    """The referendum was cancelled at this slot."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasTimedOut(Variant, index=4, unnamed=True, name="TimedOut"):
    """The referendum timed out at this slot: its decision had not started."""

    at: Annotated[u32, TypeName("Moment")]
    submission: MaybeDeposit
    decision: MaybeDeposit


class WasKilled(Variant, index=5, unnamed=True, name="Killed"):
    """The referendum was killed at this slot, and its deposits slashed."""

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


@path("pallet_referenda::types::TrackDetails", params={"Balance": u128, "Moment": u32, "Name": str})
@dataclass(frozen=True, slots=True)
class Track:
    """The rules of one kind of referendum. Periods in slots, the deposit in planck."""

    name: Annotated[str, TypeName("Name")]
    max_deciding: u32
    """Maximum number of referenda decided at the same time; others are queued."""
    decision_deposit: Balance
    prepare_period: Annotated[u32, TypeName("Moment")]
    """Minimum time from the submission to the start of the decision."""
    decision_period: Annotated[u32, TypeName("Moment")]
    """Maximum time of the decision without a confirmation."""
    confirm_period: Annotated[u32, TypeName("Moment")]
    """Time for which the thresholds must be met without interruption."""
    min_enactment_period: Annotated[u32, TypeName("Moment")]
    """Minimum time from the approval to the call."""
    min_approval: Curve
    min_support: Curve


Tracks = list[tuple[u16, Track]]
