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
from typing import Annotated, Final, Protocol

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, TypeName, encode, u16, u32, u128
from runtime.frame import (
    BadOrigin,
    Const,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Value,
    call,
)
from runtime.frame.origin import OriginKind
from runtime.pallets.origins import (
    DecisionOrigin,
    OriginCaller,
    RawRoot,
    SystemOrigin,
)
from runtime.pallets.preimage import BoundedCall, Inline, Lookup, Preimage
from runtime.pallets.referenda.curves import delay, passing
from runtime.pallets.referenda.tracks import ROOT_TRACK
from runtime.pallets.referenda.types import (
    MAX_QUEUED,
    DecidingStatus,
    Deposit,
    Electorate,
    Ended,
    Ongoing,
    ReferendumInfo,
    ReferendumStatus,
    Tally,
    Track,
    Tracks,
    WasApproved,
    WasCancelled,
    WasKilled,
    WasRejected,
    WasTimedOut,
)
from runtime.pallets.scheduler import After, At, Clock, DispatchTime, Scheduler
from runtime.weights import referenda as weights

RESERVE_ID: Final = b"btt/refd"
"""Name of the reserves for deposits."""
ALARM_PRIORITY: Final = 128
ENACTMENT_PRIORITY: Final = 63
NUDGE: Final = 5
ONE_FEWER: Final = 6
"""Indices of the calls made by alarms."""
FULL_QUEUE_TRIES: Final = 14
"""Number of retries, within the undeciding timeout, of a referendum that found the queue full."""
ROOT_CALLER: Final = SystemOrigin(RawRoot())


Index = Annotated[u32, TypeName("ReferendumIndex")]
TrackId = Annotated[u16, TypeName("TrackIdOf<T, I>")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("BalanceOf<T, I>")]
Proposal = Annotated[BoundedCall, TypeName("BoundedCallOf<T, I>")]
Count = Annotated[Tally, TypeName("T::Tally")]
Hash = Annotated[H256, TypeName("T::Hash")]
Queue = Bounded[list[tuple[u32, u128]], MAX_QUEUED]


class Money(Protocol):
    """The currency of deposits; Balances satisfies it. Amounts in planck."""

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        """Reserve `amount` of `who`; raise DispatchError if there is too little."""

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Return reserved money to `who`; return the part of `amount` that was not reserved."""

    def slash_reserved_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        """Move reserved money to the treasury; return the part of `amount` not reserved."""


class Referenda(Pallet, instances=True):
    """Votes on calls, which are enacted when approved."""

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
    currency: Money
    clock: Clock
    preimages: Preimage
    scheduler: Scheduler
    electorate: Electorate
    cancel_origin: OriginCheck
    """Origin that may cancel referenda."""
    kill_origin: OriginCheck
    """Origin that may kill referenda and slash their deposits."""

    referendum_count = Value(u32, default=u32(0))
    """Number of referenda submitted so far, which is the index of the next."""
    referendum_info_for = Map(u32, ReferendumInfo)
    """All referenda with their states."""
    track_queue = Map(u16, Queue, default=[], hasher=Hasher.Twox64Concat)
    """Queued referenda with their ayes, by track; the last is the next to be decided."""
    deciding_count = Map(u16, u32, default=u32(0), hasher=Hasher.Twox64Concat)
    """Number of referenda being decided, by track."""
    metadata_of = Map(u32, H256)
    """Hash of a referendum's description, whose text is a preimage."""

    class Submitted(Event, index=0):
        """A referendum was submitted."""

        index: Index
        track: TrackId
        proposal: Proposal

    class DecisionDepositPlaced(Event, index=1):
        """A decision deposit was placed."""

        index: Index
        who: Who
        amount: Amount

    class DecisionDepositRefunded(Event, index=2):
        """A decision deposit was refunded."""

        index: Index
        who: Who
        amount: Amount

    class DepositSlashed(Event, index=3):
        """A deposit was slashed: it went to the treasury."""

        who: Who
        amount: Amount

    class DecisionStarted(Event, index=4):
        """The decision of a referendum started."""

        index: Index
        track: TrackId
        proposal: Proposal
        tally: Count

    class ConfirmStarted(Event, index=5):
        """A referendum met the thresholds; its confirmation period started."""

        index: Index

    class ConfirmAborted(Event, index=6):
        """A referendum no longer met the thresholds; its confirmation was aborted."""

        index: Index

    class Confirmed(Event, index=7):
        """A referendum met the thresholds for its confirmation period."""

        index: Index
        tally: Count

    class Approved(Event, index=8):
        """A referendum was approved, and its call scheduled."""

        index: Index

    class Rejected(Event, index=9):
        """A referendum was rejected: it was not confirmed in its decision period."""

        index: Index
        tally: Count

    class TimedOut(Event, index=10):
        """A referendum timed out before its decision started."""

        index: Index
        tally: Count

    class Cancelled(Event, index=11):
        """A referendum was cancelled."""

        index: Index
        tally: Count

    class Killed(Event, index=12):
        """A referendum was killed, and its deposits slashed."""

        index: Index
        tally: Count

    class SubmissionDepositRefunded(Event, index=13):
        """A submission deposit was refunded."""

        index: Index
        who: Who
        amount: Amount

    class MetadataSet(Event, index=14):
        """The description of a referendum was set."""

        index: Index
        hash: Hash

    class MetadataCleared(Event, index=15):
        """The description of a referendum was removed."""

        index: Index
        hash: Hash

    class NotOngoing(Error, index=0):
        """The referendum is not ongoing: it ended, or was never submitted. Check its index."""

    class HasDeposit(Error, index=1):
        """The decision deposit is already placed. No further step is needed."""

    class BadTrack(Error, index=2):
        """The track does not exist. Look up the list of tracks."""

    class Full(Error, index=3):
        """The queue of the track is full. Wait until some referenda are decided."""

    class QueueEmpty(Error, index=4):
        """The queue of the track is empty."""

    class BadReferendum(Error, index=5):
        """The referendum does not exist. Check its index."""

    class NothingToDo(Error, index=6):
        """There is nothing to do for this call now."""

    class NoTrack(Error, index=7):
        """No track decides for this origin. Propose root, or an origin that has a track."""

    class Unfinished(Error, index=8):
        """The referendum is ongoing; the deposit stays until it has ended."""

    class NoPermission(Error, index=9):
        """The sender did not submit the referendum."""

    class NoDeposit(Error, index=10):
        """There is no deposit to refund: it was not placed, was refunded, or was slashed."""

    class BadStatus(Error, index=11):
        """The referendum is ongoing, or was killed. Its deposit cannot be refunded."""

    class PreimageNotExist(Error, index=12):
        """There is no preimage for this hash. Note it as a preimage first."""

    class PreimageStoredWithDifferentLength(Error, index=13):
        """The preimage of the proposal has another length. Give its real length."""

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
                raise self.PreimageStoredWithDifferentLength
        track = self._track_for(proposal_origin)
        deposit = self._take(who, self.submission_deposit)
        index, now = self.referendum_count.value, self._now()
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
        self._wake(index, status, int(now) + int(self.undeciding_timeout))
        self.referendum_info_for[index] = Ongoing(status)
        self.deposit(self.Submitted(index, track, proposal))

    @call(1, weight=weights.PLACE_DECISION_DEPOSIT)
    def place_decision_deposit(self, origin: Origin, index: Index) -> None:
        """Place the decision deposit, which a decision needs. Any account may."""
        who, status = origin.signed(), self._ongoing(index)
        if status.decision_deposit is not None:
            raise self.HasDeposit
        amount = self._track(status.track).decision_deposit
        status.decision_deposit = self._take(who, amount)
        self.deposit(self.DecisionDepositPlaced(index, who, amount))
        self._look(index, status)

    @call(2, weight=weights.REFUND_DECISION_DEPOSIT)
    def refund_decision_deposit(self, origin: Origin, index: Index) -> None:
        """Refund the decision deposit to its depositor, after the end of the referendum."""
        self._ensure_somebody(origin)
        info = self._info(index)
        if isinstance(info, Ongoing) and info.status.decision_deposit is not None:
            raise self.Unfinished
        deposit = None if isinstance(info, Ongoing | WasKilled) else info.decision
        if deposit is None or isinstance(info, Ongoing | WasKilled):
            raise self.NoDeposit
        self._give_back(deposit)
        self.referendum_info_for[index] = type(info)(info.at, info.submission, None)
        self.deposit(self.DecisionDepositRefunded(index, deposit.who, deposit.amount))

    @call(3, weight=weights.CANCEL)
    def cancel(self, origin: Origin, index: Index) -> None:
        """Cancel an ongoing referendum. Its deposits can be refunded."""
        self.cancel_origin(origin)
        status = self._ongoing(index)
        self._leave(index, status)
        self._end(index, status, WasCancelled)
        self.deposit(self.Cancelled(index, status.tally))

    @call(4, weight=weights.KILL)
    def kill(self, origin: Origin, index: Index) -> None:
        """Kill an ongoing referendum. Its deposits go to the treasury."""
        self.kill_origin(origin)
        status = self._ongoing(index)
        self._leave(index, status)
        self._no_alarm(status)
        self.electorate.closed(index)
        self.deposit(self.Killed(index, status.tally))
        for deposit in (status.submission_deposit, status.decision_deposit):
            if deposit is not None:
                self.currency.slash_reserved_named(RESERVE_ID, deposit.who, deposit.amount)
                self.deposit(self.DepositSlashed(deposit.who, deposit.amount))
        self._clear_metadata(index)
        self.referendum_info_for[index] = WasKilled(self._now())

    @call(NUDGE, weight=weights.NUDGE_REFERENDUM)
    def nudge_referendum(self, origin: Origin, index: Index) -> None:
        """Check a referendum and do what is due. Origin: root, as used by alarms."""
        origin.root()
        self._look(index, self._ongoing(index))

    @call(ONE_FEWER, weight=weights.ONE_FEWER_DECIDING)
    def one_fewer_deciding(self, origin: Origin, track: TrackId) -> None:
        """Give a freed place of a track to the next queued referendum. Origin: root."""
        origin.root()
        details = self._track(track)
        queue = self.track_queue[track]
        if not queue:
            count = self.deciding_count[track]
            self.deciding_count[track] = u32(max(0, int(count) - 1))
            return
        index, _ = queue.pop()
        self.track_queue[track] = queue
        status = self._ongoing(index)
        self._begin(index, status, details)
        self.referendum_info_for[index] = Ongoing(status)

    @call(7, weight=weights.REFUND_SUBMISSION_DEPOSIT)
    def refund_submission_deposit(self, origin: Origin, index: Index) -> None:
        """Refund the submission deposit to its depositor, after the end of the referendum.

        It is refunded after every kind of end except a kill.
        """
        self._ensure_somebody(origin)
        info = self._info(index)
        if isinstance(info, Ongoing | WasKilled):
            raise self.BadStatus
        if info.submission is None:
            raise self.NoDeposit
        deposit = info.submission
        self._give_back(deposit)
        self.referendum_info_for[index] = type(info)(info.at, None, info.decision)
        self.deposit(self.SubmissionDepositRefunded(index, deposit.who, deposit.amount))

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
        who, info = origin.signed(), self._info(index)
        submitter = info.status.submission_deposit.who if isinstance(info, Ongoing) else None
        if submitter is not None and who != submitter:
            raise self.NoPermission
        if maybe_hash is None:
            self._clear_metadata(index)
            return
        if submitter is None:
            raise self.NotOngoing
        if not self.preimages.have(maybe_hash):
            raise self.PreimageNotExist
        self.metadata_of[index] = maybe_hash
        self.deposit(self.MetadataSet(index, maybe_hash))

    # ---- public interface for voting pallets

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
        return self._ongoing(index).tally

    def count(self, index: u32, tally: Tally) -> bool:
        """Set the tally; its effects follow in the next slot. Raises NotOngoing.

        Return True if the alarm or the place in the queue was written.
        """
        status = self._ongoing(index)
        alarm = status.alarm
        status.tally = tally
        if status.in_queue:
            self._requeue(index, status)
        elif status.deciding is not None:
            self._wake(index, status, int(self._now()) + 1)
        self.referendum_info_for[index] = Ongoing(status)
        return status.in_queue or status.alarm != alarm

    # ---- internals: queries

    def _now(self) -> u32:
        return u32(self.clock.now())

    def _info(self, index: u32) -> Ongoing | Ended | WasKilled:
        info = self.referendum_info_for.get(index)
        if info is None:
            raise self.BadReferendum
        return info

    def _ongoing(self, index: u32) -> ReferendumStatus:
        info = self.referendum_info_for.get(index)
        if not isinstance(info, Ongoing):
            raise self.NotOngoing
        return info.status

    def _track(self, track: u16) -> Track:
        for known, details in self.tracks:
            if known == track:
                return details
        raise self.NoTrack

    def _track_for(self, origin: SystemOrigin | DecisionOrigin) -> u16:
        match origin:
            case SystemOrigin(RawRoot()):
                track = u16(ROOT_TRACK)
            case DecisionOrigin(decision):
                track = u16(decision)
            case _:
                raise self.NoTrack
        self._track(track)
        return track

    def _ensure_somebody(self, origin: Origin) -> None:
        if origin.kind is OriginKind.NONE:
            raise BadOrigin

    # ---- internals: money

    def _take(self, who: AccountId, amount: u128) -> Deposit:
        self.currency.reserve_named(RESERVE_ID, who, amount)
        return Deposit(who, amount)

    def _give_back(self, deposit: Deposit) -> None:
        self.currency.unreserve_named(RESERVE_ID, deposit.who, deposit.amount)

    # ---- internals: alarms

    def _wake(self, index: u32, status: ReferendumStatus, at: int) -> None:
        """Set the alarm of the referendum to slot `at`, in place of the former one."""
        interval = max(1, int(self.alarm_interval))
        at = -(-at // interval) * interval
        if status.alarm is not None and status.alarm[0] == at:
            return
        self._no_alarm(status)
        nudge = Inline(bytes((self.index, NUDGE)) + index.to_bytes(4, "little"))
        # Any account can submit thousands; referenda being decided may use all places of a slot.
        address = self.scheduler.put(
            u32(at), nudge, ROOT_CALLER, ALARM_PRIORITY, modest=status.deciding is None
        )
        status.alarm = (u32(at), address)

    def _no_alarm(self, status: ReferendumStatus) -> None:
        if status.alarm is not None:
            self.scheduler.cancel_at(status.alarm[1])
            status.alarm = None

    # ---- internals: life cycle

    def _look(self, index: u32, status: ReferendumStatus) -> None:
        """Do what is due, and store the referendum."""
        now = self._now()
        if status.alarm is not None and status.alarm[1][0] <= now:
            status.alarm = None  # it is due now, or was
        details = self._track(status.track)
        if status.deciding is not None:
            over = self._decide(index, status, status.deciding, details)
        elif status.in_queue:
            self._requeue(index, status)
            over = False
        else:
            over = self._prepare(index, status, details)
        if not over:
            self.referendum_info_for[index] = Ongoing(status)

    def _prepare(self, index: u32, status: ReferendumStatus, details: Track) -> bool:
        """Start the decision if possible, else wait; return True if the referendum timed out."""
        now = int(self._now())
        timeout = int(status.submitted) + int(self.undeciding_timeout)
        ready = int(status.submitted) + int(details.prepare_period)
        if status.decision_deposit is not None and now >= ready:
            if self.deciding_count[status.track] < details.max_deciding:
                self.deciding_count[status.track] += 1
                self._begin(index, status, details)
                return False
            if self._enqueue(index, status):
                return False
            ready = now + self._try_again()
        if now >= timeout:
            self._end(index, status, WasTimedOut)
            self.deposit(self.TimedOut(index, status.tally))
            return True
        self._wake(
            index, status, timeout if status.decision_deposit is None else min(ready, timeout)
        )
        return False

    def _begin(self, index: u32, status: ReferendumStatus, details: Track) -> None:
        now = self._now()
        status.in_queue = False
        status.tally = self.electorate.started(index, status.track, status.tally)
        status.deciding = DecidingStatus(now, None)
        self.deposit(self.DecisionStarted(index, status.track, status.proposal, status.tally))
        if self._is_passing(index, status, status.deciding, details):
            status.deciding.confirming = u32(now + details.confirm_period)
            self.deposit(self.ConfirmStarted(index))
        self._wake(index, status, self._next_look(index, status, status.deciding, details))

    def _decide(
        self, index: u32, status: ReferendumStatus, deciding: DecidingStatus, details: Track
    ) -> bool:
        """Confirm, approve or reject a referendum being decided; return True if it ended."""
        now = self._now()
        if self._is_passing(index, status, deciding, details):
            if deciding.confirming is None:
                deciding.confirming = u32(now + details.confirm_period)
                self.deposit(self.ConfirmStarted(index))
            elif now >= deciding.confirming:
                self._leave(index, status)
                self._enact(index, status, details)
                self._end(index, status, WasApproved)
                self.deposit(self.Confirmed(index, status.tally))
                self.deposit(self.Approved(index))
                return True
        elif now >= int(deciding.since) + int(details.decision_period):
            self._leave(index, status)
            self._end(index, status, WasRejected)
            self.deposit(self.Rejected(index, status.tally))
            return True
        elif deciding.confirming is not None:
            deciding.confirming = None
            self.deposit(self.ConfirmAborted(index))
        self._wake(index, status, self._next_look(index, status, deciding, details))
        return False

    def _is_passing(
        self, index: u32, status: ReferendumStatus, deciding: DecidingStatus, details: Track
    ) -> bool:
        elapsed = int(self._now()) - int(deciding.since)
        x = int(Perbill.from_rational(elapsed, max(1, int(details.decision_period))))
        approval = self.electorate.approval(index, status.track, status.tally)
        support = self.electorate.support(index, status.track, status.tally)
        return passing(details.min_support, x, support) and passing(
            details.min_approval, x, approval
        )

    def _next_look(
        self, index: u32, status: ReferendumStatus, deciding: DecidingStatus, details: Track
    ) -> int:
        """Return the slot at which the state changes without another vote."""
        if deciding.confirming is not None:
            due = int(deciding.confirming)
        else:
            approval = self.electorate.approval(index, status.track, status.tally)
            support = self.electorate.support(index, status.track, status.tally)
            x = max(delay(details.min_approval, approval), delay(details.min_support, support))
            due = int(deciding.since) - (-x * int(details.decision_period) // Perbill.WHOLE)
        return max(due, int(self._now()) + 1)

    def _enact(self, index: u32, status: ReferendumStatus, details: Track) -> None:
        """Schedule the approved call."""
        now = int(self._now())
        match status.enactment:
            case At(slot):
                wanted = int(slot)
            case After(slots):
                wanted = now + int(slots)
        when = max(wanted, now + max(1, int(details.min_enactment_period)))
        self.scheduler.put(
            u32(min(when, u32.MAX)),
            status.proposal,
            status.origin,
            ENACTMENT_PRIORITY,
            enactment_name(index),
        )

    def _end(self, index: u32, status: ReferendumStatus, how: type[Ended]) -> None:
        """Store the end of a referendum, with its deposits."""
        self._no_alarm(status)
        self.electorate.closed(index)
        self.referendum_info_for[index] = how(
            self._now(), status.submission_deposit, status.decision_deposit
        )

    # ---- internals: the queue

    def _enqueue(self, index: u32, status: ReferendumStatus) -> bool:
        """Put a referendum into the queue of its track by its ayes; return True if it was added.

        If the queue is full, the one with the fewest ayes is removed, and retries later.
        """
        queue = self.track_queue[status.track]
        if len(queue) >= self.max_queued:
            last, fewest = queue[0]
            if status.tally.ayes <= fewest:
                return False
            queue.pop(0)
            other = self._ongoing(last)
            other.in_queue = False
            self._wake(last, other, int(self._now()) + self._try_again())
            self.referendum_info_for[last] = Ongoing(other)
        status.in_queue = True
        self._no_alarm(status)
        self._insert(index, status, queue)
        return True

    def _try_again(self) -> int:
        return int(self.undeciding_timeout) // FULL_QUEUE_TRIES + 1

    def _requeue(self, index: u32, status: ReferendumStatus) -> None:
        queue = self.track_queue[status.track]
        self._insert(index, status, [entry for entry in queue if entry[0] != index])

    def _insert(self, index: u32, status: ReferendumStatus, queue: list[tuple[u32, u128]]) -> None:
        """Insert after all with fewer ayes and before all others: of equals, the oldest is next."""
        place = sum(ayes < status.tally.ayes for _, ayes in queue)
        queue.insert(place, (index, status.tally.ayes))
        self.track_queue[status.track] = queue

    def _leave(self, index: u32, status: ReferendumStatus) -> None:
        """Free the place of a referendum that is being decided or queued."""
        if status.in_queue:
            queue = self.track_queue[status.track]
            self.track_queue[status.track] = [entry for entry in queue if entry[0] != index]
        if status.deciding is None:
            return
        fewer = Inline(bytes((self.index, ONE_FEWER)) + status.track.to_bytes(2, "little"))
        self.scheduler.put(u32(self._now() + 1), fewer, ROOT_CALLER, ALARM_PRIORITY)

    def _clear_metadata(self, index: u32) -> None:
        known = self.metadata_of.take(index)
        if known is not None:
            self.deposit(self.MetadataCleared(index, known))


def enactment_name(index: u32) -> bytes:
    """Return the name of the task that enacts a referendum, as in Substrate."""
    return blake2_256(b"assembly" + encode(str, "enactment") + encode(u32, index))
