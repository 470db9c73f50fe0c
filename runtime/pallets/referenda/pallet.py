"""Referenda: votes on calls, which are enacted when approved.

Any account submits a call with its proposed origin and a deposit. The origin determines the track,
and the track the rules. The decision starts when the preparation period is over, the larger
decision deposit is placed and the track has a free place. When approval and support meet their
thresholds for the whole confirmation period, the referendum is approved and the call scheduled,
without further action. A referendum that does not reach this in the decision period is rejected.

Counting is defined by the electorate (`types.Electorate`). Time is slots. A referendum is checked
when its alarm in the scheduler is due, and in the next slot after its tally changed: a period ends
in the first block at or after its last slot.

Invariants: the sum reserved under this pallet's name is that of the deposits in
`ReferendumInfoFor`; `DecidingCount` of a track is the number of its referenda being decided, plus
places about to be given to the next one; all referenda in `TrackQueue` have `in_queue` set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import TypeName, u16, u32, u128
from runtime.frame import Component, Const, Map, Origin, OriginCheck, Pallet, Part, Value, call
from runtime.frame.origin import ensure_not_none
from runtime.frame.traits import Clock, SlashNamed
from runtime.pallets.origins import DecisionOrigin, OriginCaller, RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import Lookup, Preimage
from runtime.pallets.referenda import errors, events, weights
from runtime.pallets.referenda.events import Index, Proposal, TrackId
from runtime.pallets.referenda.lifecycle import NUDGE, ONE_FEWER, Alarms, Lifecycle, Queues
from runtime.pallets.referenda.tracks import ROOT_TRACK, track_of
from runtime.pallets.referenda.types import (
    MAX_QUEUED,
    RESERVE_ID,
    Deposit,
    Electorate,
    Ongoing,
    ReferendumInfo,
    ReferendumStatus,
    Tally,
    Tracks,
    WasApproved,
    WasCancelled,
    WasKilled,
    WasRejected,
)
from runtime.pallets.scheduler.pallet import Scheduler
from runtime.pallets.scheduler.types import DispatchTime


class Descriptions(Component):
    """The descriptions of referenda."""

    preimages: Preimage

    metadata_of = Map(u32, H256)
    """Hash of a referendum's description, whose text is a preimage."""

    def set(self, index: u32, hash: H256) -> None:
        """Set the description of a referendum. Raises PreimageNotExist."""
        if not self.preimages.have(hash):
            raise errors.PreimageNotExist
        self.metadata_of[index] = hash
        self.deposit(events.MetadataSet(index, hash))

    def clear(self, index: u32) -> None:
        """Remove the description of a referendum, if it has one."""
        known = self.metadata_of.take(index)
        if known is not None:
            self.deposit(events.MetadataCleared(index, known))


class Referenda(Pallet, instances=True, events=events, errors=errors):
    """Votes on calls, which are enacted when approved."""

    # ---- constants

    submission_deposit: Const[u128]
    """Deposit of a submission, in planck; it can be refunded unless the referendum is killed."""
    max_queued: Const[u32] = u32(MAX_QUEUED)
    """Maximum number of queued referenda of one track."""
    undeciding_timeout: Const[u32]
    """Number of slots after which a referendum that is neither decided nor queued times out."""
    alarm_interval: Const[u32] = u32(1)
    """Interval of alarms, in slots."""
    tracks: Const[Tracks]
    """The tracks and their rules."""

    # ---- dependencies

    currency: SlashNamed
    clock: Clock
    preimages: Preimage
    scheduler: Scheduler
    electorate: Electorate
    cancel_origin: OriginCheck
    """Origin that may cancel referenda."""
    kill_origin: OriginCheck
    """Origin that may kill referenda and slash their deposits."""

    # ---- storage

    referendum_count = Value(u32, default=u32(0))
    """Number of referenda submitted so far, which is the index of the next."""
    referendum_info_for = Map(u32, ReferendumInfo)
    """All referenda with their states."""

    # ---- components

    alarms = Part(Alarms)
    queues = Part(Queues)
    descriptions = Part(Descriptions)
    lifecycle = Part(Lifecycle)

    # ---- hooks

    # ---- calls

    @call(0, weight=weights.SUBMIT)
    def submit(
        self,
        origin: Origin,
        proposal_origin: Annotated[OriginCaller, TypeName("Box<PalletsOriginOf<T>>")],
        proposal: Proposal,
        enactment_moment: Annotated[DispatchTime, TypeName("DispatchTime<BlockNumberFor<T, I>>")],
    ) -> None:
        """Submit a referendum on a call, with its origin and time. Reserves a deposit."""
        who = origin.signed()
        if isinstance(proposal, Lookup):
            length = self.preimages.length(proposal.hash)
            if length is not None and length != proposal.len:
                raise errors.PreimageStoredWithDifferentLength
        track = self._track_for(proposal_origin)
        deposit = self._take(who, self.submission_deposit)
        index, now = self.referendum_count.value, u32(self.clock.now())
        self.referendum_count.value = u32(index + 1)
        status = ReferendumStatus(
            track=track,
            origin=proposal_origin,
            proposal=proposal,
            enactment=enactment_moment,
            submitted=now,
            submission_deposit=deposit,
            decision_deposit=None,
            deciding=None,
            tally=Tally(),
            in_queue=False,
            alarm=None,
        )
        self.lifecycle.begin(index, status)
        self.deposit(events.Submitted(index, track, proposal))

    @call(1, weight=weights.PLACE_DECISION_DEPOSIT)
    def place_decision_deposit(self, origin: Origin, index: Index) -> None:
        """Place the decision deposit, which a decision needs. Any account may."""
        who, status = origin.signed(), self.lifecycle.ongoing(index)
        if status.decision_deposit is not None:
            raise errors.HasDeposit
        amount = track_of(self.tracks, status.track).decision_deposit
        status.decision_deposit = self._take(who, amount)
        self.deposit(events.DecisionDepositPlaced(index, who, amount))
        self.lifecycle.check(index, status)

    @call(2, weight=weights.REFUND_DECISION_DEPOSIT)
    def refund_decision_deposit(self, origin: Origin, index: Index) -> None:
        """Refund the decision deposit to its depositor, after the end of the referendum."""
        ensure_not_none(origin)
        info = self.lifecycle.info(index)
        if isinstance(info, Ongoing) and info.status.decision_deposit is not None:
            raise errors.Unfinished
        deposit = None if isinstance(info, Ongoing | WasKilled) else info.decision
        if deposit is None or isinstance(info, Ongoing | WasKilled):
            raise errors.NoDeposit
        self._give_back(deposit)
        self.referendum_info_for[index] = type(info)(info.at, info.submission, None)
        self.deposit(events.DecisionDepositRefunded(index, deposit.who, deposit.amount))

    @call(3, weight=weights.CANCEL)
    def cancel(self, origin: Origin, index: Index) -> None:
        """Cancel an ongoing referendum. Its deposits can be refunded."""
        self.cancel_origin(origin)
        status = self.lifecycle.ongoing(index)
        self.lifecycle.leave(index, status)
        self.lifecycle.end(index, status, WasCancelled)
        self.deposit(events.Cancelled(index, status.tally))

    @call(4, weight=weights.KILL)
    def kill(self, origin: Origin, index: Index) -> None:
        """Kill an ongoing referendum. Its deposits go to the treasury."""
        self.kill_origin(origin)
        status = self.lifecycle.ongoing(index)
        self.lifecycle.leave(index, status)
        self.lifecycle.close(index, status)
        self.deposit(events.Killed(index, status.tally))
        for deposit in (status.submission_deposit, status.decision_deposit):
            if deposit is not None:
                self.currency.slash_reserved_named(RESERVE_ID, deposit.who, deposit.amount)
                self.deposit(events.DepositSlashed(deposit.who, deposit.amount))
        self.descriptions.clear(index)
        self.referendum_info_for[index] = WasKilled(u32(self.clock.now()))

    @call(NUDGE, weight=weights.NUDGE_REFERENDUM)
    def nudge_referendum(self, origin: Origin, index: Index) -> None:
        """Check a referendum and do what is due. Origin: root, as used by alarms."""
        origin.root()
        self.lifecycle.check(index, self.lifecycle.ongoing(index))

    @call(ONE_FEWER, weight=weights.ONE_FEWER_DECIDING)
    def one_fewer_deciding(self, origin: Origin, track: TrackId) -> None:
        """Give a freed place of a track to the next queued referendum. Origin: root."""
        origin.root()
        self.lifecycle.start_next(track)

    @call(7, weight=weights.REFUND_SUBMISSION_DEPOSIT)
    def refund_submission_deposit(self, origin: Origin, index: Index) -> None:
        """Refund the submission deposit to its depositor, after the end of the referendum.

        It is refunded after every kind of end except a kill.
        """
        ensure_not_none(origin)
        info = self.lifecycle.info(index)
        if isinstance(info, Ongoing | WasKilled):
            raise errors.BadStatus
        if info.submission is None:
            raise errors.NoDeposit
        deposit = info.submission
        self._give_back(deposit)
        self.referendum_info_for[index] = type(info)(info.at, None, info.decision)
        self.deposit(events.SubmissionDepositRefunded(index, deposit.who, deposit.amount))

    @call(8, weight=weights.SET_METADATA)
    def set_metadata(
        self,
        origin: Origin,
        index: Index,
        maybe_hash: Annotated[H256 | None, TypeName("Option<T::Hash>")],
    ) -> None:
        """Set the description of your referendum, a preimage's hash; None removes it.

        After the end of the referendum, any account may remove it.
        """
        who, info = origin.signed(), self.lifecycle.info(index)
        submitter = info.status.submission_deposit.who if isinstance(info, Ongoing) else None
        if submitter is not None and who != submitter:
            raise errors.NoPermission
        if maybe_hash is None:
            self.descriptions.clear(index)
            return
        if submitter is None:
            raise errors.NotOngoing
        self.descriptions.set(index, maybe_hash)

    # ---- public interface

    def classes(self) -> Sequence[u16]:
        """Return the tracks: votes are delegated by track."""
        return [track for track, _ in self.tracks]

    def ongoing(self, index: u32) -> u16 | None:
        """Return the track of an ongoing referendum; None for all others."""
        info = self.referendum_info_for.get(index)
        return info.status.track if isinstance(info, Ongoing) else None

    def ended(self, index: u32) -> u32 | None:
        """Return the slot in which a referendum was approved or rejected; None for all others."""
        info = self.referendum_info_for.get(index)
        return info.at if isinstance(info, WasApproved | WasRejected) else None

    def tally(self, index: u32) -> Tally:
        """Return the tally of an ongoing referendum. Raises NotOngoing."""
        return self.lifecycle.ongoing(index).tally

    def count(self, index: u32, tally: Tally) -> bool:
        """Set the tally; its effects follow in the next slot. Raises NotOngoing.

        Return True if the alarm or the place in the queue was written.
        """
        status = self.lifecycle.ongoing(index)
        status.tally = tally
        return self.lifecycle.count(index, status)

    # ---- internals

    def _track_for(self, origin: SystemOrigin | DecisionOrigin) -> u16:
        match origin:
            case SystemOrigin(RawRoot()):
                track = u16(ROOT_TRACK)
            case DecisionOrigin(decision):
                track = u16(decision)
            case _:
                raise errors.NoTrack
        track_of(self.tracks, track)
        return track

    def _take(self, who: AccountId, amount: u128) -> Deposit:
        self.currency.reserve_named(RESERVE_ID, who, amount)
        return Deposit(who, amount)

    def _give_back(self, deposit: Deposit) -> None:
        self.currency.unreserve_named(RESERVE_ID, deposit.who, deposit.amount)
