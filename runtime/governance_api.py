"""Runtime APIs of governance: the four chambers, what they decide on, and how the votes stand.

Times are slots since genesis, parts are in billionths; powers are in each chamber's own unit.
Nothing here walks over accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.digest import H256
from btt_chain.scale import path, u16, u32, u128
from runtime.api_base import RuntimeApi
from runtime.pallets.chambers import Chambers, ChamberView, ElectionView, StateView
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

PAGE: Final = 100
"""Referenda that are told at once, at most."""
LISTED: Final = 1_024
"""Bytes of a call that a list tells; of a longer one, only the hash. One preimage of megabytes
serves any number of referenda.
"""
LATEST: Final = 10**9
"""The end of a decision period: what is needed falls until then, or stays."""


@path("btt_runtime::governance::Stage")
class Stage(IntEnum):
    """How far a referendum is."""

    Preparing = 0
    """It waits for its deposit, or for the end of the preparation."""
    Queued = 1
    """It waits for room in its track."""
    Deciding = 2
    Confirming = 3
    """Enough is in favour; it must stay so."""
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
    """The rules of one kind of referendum: periods in slots, the deposit in planck."""

    id: u16
    name: str
    max_deciding: u32
    deciding: u32
    """How many are being decided."""
    queued: u32
    """How many wait for room."""
    decision_deposit: u128
    prepare: u32
    decide: u32
    confirm: u32
    enact: u32
    approval: u32
    """To be exceeded, of the weighed votes."""
    participation: u32
    """To be reached, of all weights."""


@path("btt_runtime::governance::PollView")
@dataclass(slots=True)
class PollView:
    """A referendum that is voted on, counted by chambers."""

    poll: u32
    year: u32
    """The label year of the weights."""
    frozen: bool
    """Whether weights and electorates are those of the decision's start; else of the first vote."""
    chambers: list[ChamberView]
    approval: u32
    approval_needed: u32
    """To be exceeded."""
    participation: u32
    participation_needed: u32
    """To be reached."""
    passing: bool
    """Whether that is so now."""


@path("btt_runtime::governance::ReferendumView")
@dataclass(slots=True)
class ReferendumView:
    """A referendum, over or not."""

    index: u32
    stage: Stage
    at: u32
    """The slot in which it is looked at next; of what is over: in which it ended."""
    track: u16 | None
    """None of what is over."""
    proposer: AccountId | None
    has_deposit: bool
    """Whether the deposit for the decision is placed."""
    proposal: H256 | None
    """The hash of the call that it is about."""
    call: bytes | None
    """The call itself, if it is here; in a list, if it is not too long either."""


class ChambersApi(RuntimeApi, version=1):
    """The four chambers: institutions, compute, holders, community; in this order everywhere."""

    def weights(self, year: u32) -> list[u32]:
        """Return the weights of a year by its label, of 7,000; 2025 is the chain's first."""
        return [u32(weight) for weight in self._chambers.weights_of(int(year))]

    def state(self) -> StateView:
        """Return the chambers as they are now."""
        return self._chambers.state_view()

    def election(self) -> ElectionView:
        """Return the election of representatives that is at hand."""
        return self._chambers.election_view()

    def power(self, account: AccountId, locked: u128 | None) -> list[u128]:
        """Return what an account votes with in each chamber if it locks so many planck; or all."""
        chambers = self._chambers
        planck = chambers.currency.total(account) if locked is None else locked
        return [u128(power) for power in chambers.powers(account, int(planck))]

    def tally(self, poll: u32) -> PollView | None:
        """Return how the votes stand in a referendum; None if it is over or nobody has voted."""
        runtime = self._executive.runtime
        info = runtime.pallet(Referenda).referendum_info_for.get(poll)
        books = self._chambers.polls.get(poll)
        if books is None or not isinstance(info, Ongoing):
            return None
        status, details = info.status, self._track(info.status.track)
        part = self._part_over(status, details)
        approval = self._chambers.approval(poll, status.track, status.tally)
        support = self._chambers.support(poll, status.track, status.tally)
        needed = details.min_approval.threshold(part), details.min_support.threshold(part)
        return PollView(
            poll=poll,
            year=u32(books.year),
            frozen=books.frozen,
            chambers=self._chambers.chambers_view(books),
            approval=u32(approval),
            approval_needed=u32(needed[0]),
            participation=u32(support),
            participation_needed=u32(needed[1]),
            passing=approval >= needed[0] and support >= needed[1],
        )

    def _track(self, track: u16) -> Track:
        return dict(self._executive.runtime.pallet(Referenda).tracks)[track]

    def _part_over(self, status: ReferendumStatus, details: Track) -> int:
        if status.deciding is None:
            return 0
        passed = self._chambers.clock.now() - int(status.deciding.since)
        return int(Perbill.from_rational(passed, max(1, int(details.decision_period))))

    @property
    def _chambers(self) -> Chambers:
        return self._executive.runtime.pallet(Chambers)


class GovernanceApi(RuntimeApi, version=1):
    """What is decided on, and by what rules."""

    def tracks(self) -> list[TrackView]:
        """Return the kinds of referenda and their rules."""
        return [self._track_view(track, details) for track, details in self._referenda.tracks]

    def referendum(self, index: u32) -> ReferendumView | None:
        """Return a referendum by its number; None if there never was one."""
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
        """Return referenda, the newest first, with smaller numbers than `before`; 100 at most.

        Of calls longer than 1,024 bytes only the hash is told.
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
        preimages, proposal = self._executive.runtime.pallet(Preimage), status.proposal
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
            deciding=referenda.deciding_count[track],
            queued=u32(len(referenda.track_queue[track])),
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
        return self._executive.runtime.pallet(Referenda)


GOVERNANCE_APIS = (ChambersApi, GovernanceApi)
