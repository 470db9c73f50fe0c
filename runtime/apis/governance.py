"""Runtime APIs of governance: the four chambers, referenda and the state of their votes.

Times are slots since genesis, parts are in billionths; powers are in each chamber's own unit. No
method iterates over accounts.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import BILLIONTHS, SLOT, SLOTS, ByMember
from btt_chain.scale import path, u16, u32, u64, u128
from runtime.apis.base import RuntimeApi
from runtime.frame.aliases import Planck
from runtime.pallets.chambers import Chamber, Chambers, ChamberView, ElectionView, StateView
from runtime.pallets.chambers.formulas import OBJECTION_WEIGHT
from runtime.pallets.chambers.polls import views
from runtime.pallets.preimage import MAX_SIZE, Inline, Preimage
from runtime.pallets.referenda import (
    Ongoing,
    Referenda,
    ReferendumStatus,
    Track,
    WasApproved,
    WasCancelled,
    WasRejected,
    WasTimedOut,
)
from runtime.pallets.tokenomics import Milestone, MilestoneStatus, Tokenomics

PAGE: Final = 100
"""Maximum number of referenda in one result."""
LISTED: Final = 1_024
"""Maximum length of a call in a list, in bytes; of a longer one, only the hash. One preimage of
megabytes can be the proposal of any number of referenda.
"""
LATEST: Final = 10**9
"""End of a decision period, in billionths: thresholds fall until then, or are constant."""


@path("btt_runtime::governance::Stage")
class Stage(IntEnum):
    """Stage of a referendum."""

    Preparing = 0
    """The referendum waits for its decision deposit, or for the end of the preparation."""
    Queued = 1
    """The referendum waits for room in its track."""
    Deciding = 2
    Confirming = 3
    """The referendum passes its thresholds, and must continue to pass them."""
    Approved = 4
    Rejected = 5
    Cancelled = 6
    TimedOut = 7
    Killed = 8


ENDS: Final = {
    WasApproved: Stage.Approved,
    WasRejected: Stage.Rejected,
    WasCancelled: Stage.Cancelled,
    WasTimedOut: Stage.TimedOut,
}


@path("btt_runtime::governance::TrackView")
@dataclass(slots=True)
class TrackView:
    """Rules of one track of referenda: periods in slots, the deposit in planck."""

    id: u16
    name: str
    max_deciding: u32
    deciding: u32
    """Number of referenda in decision."""
    queued: u32
    """Number of referenda that wait for room."""
    decision_deposit: Planck
    prepare: Annotated[u32, SLOTS]
    decide: Annotated[u32, SLOTS]
    confirm: Annotated[u32, SLOTS]
    enact: Annotated[u32, SLOTS]
    approval: Annotated[u32, BILLIONTHS]
    """Final approval threshold, to be exceeded: share of the weighed votes."""
    participation: Annotated[u32, BILLIONTHS]
    """Final participation threshold, to be reached: share of all weights."""


@path("btt_runtime::governance::PollView")
@dataclass(slots=True)
class PollView:
    """The votes of an ongoing referendum, by chamber."""

    poll: u32
    year: u32
    """Label of the year of the weights."""
    frozen: bool
    """True if weights and electorates are those of the decision's start; else of the first vote."""
    chambers: list[ChamberView]
    approval: Annotated[u32, BILLIONTHS]
    approval_needed: Annotated[u32, BILLIONTHS]
    """Current threshold, to be exceeded."""
    participation: Annotated[u32, BILLIONTHS]
    participation_needed: Annotated[u32, BILLIONTHS]
    """Current threshold, to be reached."""
    passing: bool
    """True if both thresholds are passed now."""


@path("btt_runtime::governance::ReferendumView")
@dataclass(slots=True)
class ReferendumView:
    """A referendum, ongoing or finished."""

    index: u32
    stage: Stage
    at: Annotated[u32, SLOT]
    """Slot of the next alarm, 0 if none; of a finished referendum, slot of its end."""
    track: u16 | None
    """None for a finished referendum."""
    proposer: AccountId | None
    has_deposit: bool
    """True if the decision deposit is placed."""
    proposal: H256 | None
    """Hash of the proposed call."""
    call: bytes | None
    """The call, if its preimage is stored; in a list, only if it is short enough."""


@path("btt_runtime::governance::MilestoneView")
@dataclass(slots=True)
class MilestoneView:
    """A milestone of a programme, and the objections to it."""

    milestone: Milestone
    until: Annotated[u64, SLOT] | None
    """End of the objection window, in slots; None if it is not attested."""
    counts: bool
    """True if it is confirmed, or was attested and not stopped in time."""
    objected: u128
    """Weight of the objections, in billionths of a part of 7,000."""
    needed: u128
    """Weight of objections that stops it."""


class ChambersApi(RuntimeApi, version=1):
    """The four chambers, always in the order institutions, compute, holders, community."""

    def weights(self, year: u32) -> Annotated[list[u32], ByMember(Chamber)]:
        """Return the weights of a year by its label, of 7,000; the first is 2025."""
        return [u32(weight) for weight in self._chambers.schedule.weights_of(int(year))]

    def state(self) -> StateView:
        """Return the current state of the chambers."""
        return self._chambers.state_view()

    def election(self) -> ElectionView:
        """Return the current election of representatives."""
        return self._chambers.elections.view()

    def power(
        self, account: AccountId, locked: u128 | None
    ) -> Annotated[list[u128], ByMember(Chamber)]:
        """Return an account's power by chamber if it locks `locked` planck; None: its total."""
        chambers = self._chambers
        planck = chambers.currency.total(account) if locked is None else locked
        return [u128(power) for power in chambers.powers.of(account, int(planck))]

    def tally(self, poll: u32) -> PollView | None:
        """Return the votes of a referendum; None if it is over or has no votes yet."""
        runtime = self._runtime
        info = runtime.pallet(Referenda).referendum_info_for.get(poll)
        record = self._chambers.polls.polls.get(poll)
        if record is None or not isinstance(info, Ongoing):
            return None
        status, details = info.status, self._track(info.status.track)
        part = self._part_over(status, details)
        approval = self._chambers.polls.approval(poll, status.track, status.tally)
        support = self._chambers.polls.support(poll, status.track, status.tally)
        needed = details.min_approval.threshold(part), details.min_support.threshold(part)
        return PollView(
            poll=poll,
            year=u32(record.year),
            frozen=record.frozen,
            chambers=views(record),
            approval=u32(approval),
            approval_needed=u32(needed[0]),
            participation=u32(support),
            participation_needed=u32(needed[1]),
            passing=approval >= needed[0] and support >= needed[1],
        )

    def milestones(self, programme: u32) -> list[MilestoneView]:
        """Return the milestones of a programme of the Foundation, with the objections to them."""
        programmes = self._runtime.pallet(Tokenomics).programmes
        record, now = programmes.programmes.get(programme), self._chambers.clock.now()
        window, objections = programmes.objection_window, self._chambers.objections
        views = []
        for index, item in enumerate([] if record is None else record.milestones):
            attested = item.status is MilestoneStatus.Attested
            until = u64(int(item.since) + window) if attested else None
            views.append(
                MilestoneView(
                    milestone=item,
                    until=until,
                    counts=item.status is MilestoneStatus.Confirmed
                    or (until is not None and until <= now),
                    objected=u128(
                        objections.objected(programme, u32(index), item.since) if attested else 0
                    ),
                    needed=u128(OBJECTION_WEIGHT),
                )
            )
        return views

    def _track(self, track: u16) -> Track:
        return dict(self._runtime.pallet(Referenda).tracks)[track]

    def _part_over(self, status: ReferendumStatus, details: Track) -> int:
        if status.deciding is None:
            return 0
        passed = self._chambers.clock.now() - int(status.deciding.since)
        return int(Perbill.from_rational(passed, max(1, int(details.decision_period))))

    @property
    def _chambers(self) -> Chambers:
        return self._runtime.pallet(Chambers)


class GovernanceApi(RuntimeApi, version=1):
    """Referenda and their tracks."""

    def tracks(self) -> list[TrackView]:
        """Return the tracks of referenda and their rules."""
        return [self._track_view(track, details) for track, details in self._referenda.tracks]

    def referendum(self, index: u32) -> ReferendumView | None:
        """Return the referendum of a number; None if it never existed."""
        return self._view(index, MAX_SIZE)

    def _view(self, index: u32, longest: int) -> ReferendumView | None:
        info = self._referenda.referendum_info_for.get(index)
        if info is None:
            return None
        if isinstance(info, Ongoing):
            return self._ongoing(index, info.status, longest)
        stage = ENDS.get(type(info), Stage.Killed)
        return ReferendumView(index, stage, info.at, None, None, False, None, None)

    def referenda(self, before: u32 | None, limit: u32) -> list[ReferendumView]:
        """Return referenda with numbers below `before`, the newest first; at most 100.

        Calls longer than 1,024 bytes are omitted; their hash is given.
        """
        count = int(self._referenda.referendum_count.value)
        first = min(count, count if before is None else int(before))
        numbers = range(first - 1, max(-1, first - 1 - min(int(limit), PAGE)), -1)
        found = (self._view(u32(number), LISTED) for number in numbers)
        return [view for view in found if view is not None]

    def _ongoing(self, index: u32, status: ReferendumStatus, longest: int) -> ReferendumView:
        if status.deciding is not None:
            confirming = status.deciding.confirming is not None
            stage = Stage.Confirming if confirming else Stage.Deciding
        else:
            stage = Stage.Queued if status.in_queue else Stage.Preparing
        preimages, proposal = self._runtime.pallet(Preimage), status.proposal
        if isinstance(proposal, Inline):
            hash, length = H256(blake2_256(proposal.call)), len(proposal.call)
        else:
            hash, length = proposal.hash, int(preimages.length(proposal.hash) or 0)
        call = preimages.peek(proposal) if length <= longest else None
        return ReferendumView(
            index=index,
            stage=stage,
            at=u32(0) if status.alarm is None else status.alarm[0],
            track=status.track,
            proposer=status.submission_deposit.who,
            has_deposit=status.decision_deposit is not None,
            proposal=hash,
            call=None if call is None else call.raw,
        )

    def _track_view(self, track: u16, details: Track) -> TrackView:
        referenda = self._referenda
        return TrackView(
            id=track,
            name=details.name,
            max_deciding=details.max_deciding,
            deciding=referenda.queues.deciding_count[track],
            queued=u32(len(referenda.queues.track_queue[track])),
            decision_deposit=details.decision_deposit,
            prepare=details.prepare_period,
            decide=details.decision_period,
            confirm=details.confirm_period,
            enact=details.min_enactment_period,
            approval=u32(details.min_approval.threshold(LATEST)),
            participation=u32(details.min_support.threshold(LATEST)),
        )

    @property
    def _referenda(self) -> Referenda:
        return self._runtime.pallet(Referenda)


GOVERNANCE_APIS = (ChambersApi, GovernanceApi)
