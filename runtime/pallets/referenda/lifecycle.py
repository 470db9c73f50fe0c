"""The life cycle of a referendum.

| state | condition | next state |
|---|---|---|
| preparing | deposit placed, period over, place free | deciding |
| preparing | deposit placed, period over, no place free | queued |
| preparing | the same, and the queue is full of more ayes | preparing, tries again |
| queued | the queue is full, and others have more ayes | preparing, tries again |
| preparing | timeout | TimedOut |
| queued | a place becomes free | deciding |
| deciding | thresholds met for the confirmation period | Approved |
| deciding | period over, thresholds not met | Rejected |
| preparing, queued, deciding | `cancel`, `kill` | Cancelled, Killed |
"""

from __future__ import annotations

from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import Bounded, encode, u16, u32, u128
from runtime.frame import Component, Hasher, Map
from runtime.frame.traits import Clock
from runtime.pallets.origins import RawRoot, SystemOrigin
from runtime.pallets.preimage.pallet import Inline
from runtime.pallets.referenda import errors, events
from runtime.pallets.referenda.curves import delay, passing
from runtime.pallets.referenda.tracks import track_of
from runtime.pallets.referenda.types import (
    MAX_QUEUED,
    DecidingStatus,
    Electorate,
    Ended,
    Ongoing,
    ReferendumInfo,
    ReferendumStatus,
    Track,
    Tracks,
    WasApproved,
    WasKilled,
    WasRejected,
    WasTimedOut,
)
from runtime.pallets.scheduler.pallet import Scheduler
from runtime.pallets.scheduler.types import After, At

ENACTMENT_PRIORITY: Final = 63
FULL_QUEUE_TRIES: Final = 14
"""Number of retries, within the undeciding timeout, of a referendum that found the queue full."""


ALARM_PRIORITY: Final = 128
NUDGE: Final = 5
ONE_FEWER: Final = 6
"""Indices of the calls made by alarms."""
ROOT_CALLER: Final = SystemOrigin(RawRoot())


class Alarms(Component):
    """The alarms of referenda; at most one of each."""

    scheduler: Scheduler
    alarm_interval: int

    def setup(self) -> None:
        """Round all alarms up to multiples of the interval, in slots."""
        self.interval = max(1, self.alarm_interval)

    def set(self, index: u32, status: ReferendumStatus, at: int) -> None:
        """Set the alarm of the referendum to slot `at`, in place of the former one."""
        at = -(-at // self.interval) * self.interval
        if status.alarm is not None and status.alarm[0] == at:
            return
        self.cancel(status)
        nudge = Inline(bytes((self.index, NUDGE)) + index.to_bytes(4, "little"))
        # Any account can submit thousands; referenda being decided may use all places of a slot.
        address = self.scheduler.put(
            u32(at), nudge, ROOT_CALLER, ALARM_PRIORITY, modest=status.deciding is None
        )
        status.alarm = (u32(at), address)

    def cancel(self, status: ReferendumStatus) -> None:
        """Cancel the alarm of a referendum, if it has one."""
        if status.alarm is not None:
            self.scheduler.cancel_at(status.alarm[1])
            status.alarm = None

    def free_place(self, track: u16, at: int) -> None:
        """Give a place of a track to the next queued referendum in slot `at`."""
        fewer = Inline(bytes((self.index, ONE_FEWER)) + track.to_bytes(2, "little"))
        self.scheduler.put(u32(at), fewer, ROOT_CALLER, ALARM_PRIORITY)


Entry = tuple[u32, u128]
"""A queued referendum, and its ayes."""


class Queues(Component):
    """The queue of each track by ayes, and the number of its referenda being decided."""

    track_queue = Map(u16, Bounded[list[Entry], MAX_QUEUED], default=[], hasher=Hasher.Twox64Concat)
    """Queued referenda with their ayes, by track; the last is the next to be decided."""
    deciding_count = Map(u16, u32, default=u32(0), hasher=Hasher.Twox64Concat)
    """Number of referenda being decided, by track."""

    def add(self, track: u16, index: u32, ayes: u128, limit: int) -> tuple[bool, u32 | None]:
        """Add a referendum; return True if it was added, and the one removed for it, if any.

        If the queue has `limit` entries, the one with the fewest ayes is removed, unless the new
        one has no more.
        """
        queue, removed = self.track_queue[track], None
        if len(queue) >= limit:
            last, fewest = queue[0]
            if ayes <= fewest:
                return False, None
            queue.pop(0)
            removed = last
        self._insert(track, index, ayes, queue)
        return True, removed

    def update(self, track: u16, index: u32, ayes: u128) -> None:
        """Move a queued referendum to the place of its present ayes."""
        queue = self.track_queue[track]
        self._insert(track, index, ayes, [entry for entry in queue if entry[0] != index])

    def remove(self, track: u16, index: u32) -> None:
        """Remove a queued referendum."""
        queue = self.track_queue[track]
        self.track_queue[track] = [entry for entry in queue if entry[0] != index]

    def next(self, track: u16) -> u32 | None:
        """Remove and return the referendum that takes a free place.

        If there is none, the place is no longer counted as taken; return None.
        """
        queue = self.track_queue[track]
        if not queue:
            count = self.deciding_count[track]
            self.deciding_count[track] = u32(max(0, int(count) - 1))
            return None
        index, _ = queue.pop()
        self.track_queue[track] = queue
        return index

    def _insert(self, track: u16, index: u32, ayes: u128, queue: list[Entry]) -> None:
        """Insert after all with fewer ayes and before all others: of equals, the oldest is next."""
        place = sum(other < ayes for _, other in queue)
        queue.insert(place, (index, ayes))
        self.track_queue[track] = queue


class Lifecycle(Component):
    """The states of referenda, and the transitions between them."""

    referendum_info_for: Map[u32, ReferendumInfo]
    clock: Clock
    scheduler: Scheduler
    electorate: Electorate
    queues: Queues
    alarms: Alarms
    tracks: Tracks
    max_queued: int
    undeciding_timeout: int

    # ---- queries

    def info(self, index: u32) -> Ongoing | Ended | WasKilled:
        """Return a referendum. Raises BadReferendum."""
        info = self.referendum_info_for.get(index)
        if info is None:
            raise errors.BadReferendum
        return info

    def ongoing(self, index: u32) -> ReferendumStatus:
        """Return the status of an ongoing referendum. Raises NotOngoing."""
        info = self.referendum_info_for.get(index)
        if not isinstance(info, Ongoing):
            raise errors.NotOngoing
        return info.status

    # ---- transitions

    def begin(self, index: u32, status: ReferendumStatus) -> None:
        """Store a new referendum, which times out unless it is decided."""
        self.alarms.set(index, status, int(status.submitted) + self.undeciding_timeout)
        self.referendum_info_for[index] = Ongoing(status)

    def check(self, index: u32, status: ReferendumStatus) -> None:
        """Do what is due, and store the referendum."""
        now = self._now()
        if status.alarm is not None and status.alarm[1][0] <= now:
            status.alarm = None  # it is due now, or was
        details = track_of(self.tracks, status.track)
        if status.deciding is not None:
            over = self._decide(index, status, status.deciding, details)
        elif status.in_queue:
            self.queues.update(status.track, index, status.tally.ayes)
            over = False
        else:
            over = self._prepare(index, status, details)
        if not over:
            self.referendum_info_for[index] = Ongoing(status)

    def start_next(self, track: u16) -> None:
        """Give a free place of a track to the next queued referendum, if any."""
        details = track_of(self.tracks, track)
        index = self.queues.next(track)
        if index is None:
            return
        status = self.ongoing(index)
        self._begin(index, status, details)
        self.referendum_info_for[index] = Ongoing(status)

    def count(self, index: u32, status: ReferendumStatus) -> bool:
        """Store a referendum with a new tally; its effects follow in the next slot.

        Return True if the alarm or the place in the queue was written.
        """
        alarm = status.alarm
        if status.in_queue:
            self.queues.update(status.track, index, status.tally.ayes)
        elif status.deciding is not None:
            self.alarms.set(index, status, int(self._now()) + 1)
        self.referendum_info_for[index] = Ongoing(status)
        return status.in_queue or status.alarm != alarm

    def end(self, index: u32, status: ReferendumStatus, how: type[Ended]) -> None:
        """Store the end of a referendum, with its deposits."""
        self.close(index, status)
        self.referendum_info_for[index] = how(
            self._now(), status.submission_deposit, status.decision_deposit
        )

    def close(self, index: u32, status: ReferendumStatus) -> None:
        """Cancel the alarm of a referendum, and end its votes."""
        self.alarms.cancel(status)
        self.electorate.closed(index)

    def leave(self, index: u32, status: ReferendumStatus) -> None:
        """Free the place of a referendum that is being decided or queued."""
        if status.in_queue:
            self.queues.remove(status.track, index)
        if status.deciding is not None:
            self.alarms.free_place(status.track, self._now() + 1)

    # ---- internals

    def _now(self) -> u32:
        return u32(self.clock.now())

    def _prepare(self, index: u32, status: ReferendumStatus, details: Track) -> bool:
        """Start the decision if possible, else wait; return True if the referendum timed out."""
        now = int(self._now())
        timeout = int(status.submitted) + self.undeciding_timeout
        ready = int(status.submitted) + int(details.prepare_period)
        if status.decision_deposit is not None and now >= ready:
            if self.queues.deciding_count[status.track] < details.max_deciding:
                self.queues.deciding_count[status.track] += 1
                self._begin(index, status, details)
                return False
            if self._enqueue(index, status):
                return False
            ready = now + self._try_again()
        if now >= timeout:
            self.end(index, status, WasTimedOut)
            self.deposit(events.TimedOut(index, status.tally))
            return True
        self.alarms.set(
            index, status, timeout if status.decision_deposit is None else min(ready, timeout)
        )
        return False

    def _begin(self, index: u32, status: ReferendumStatus, details: Track) -> None:
        now = self._now()
        status.in_queue = False
        status.tally = self.electorate.started(index, status.track, status.tally)
        status.deciding = DecidingStatus(now, None)
        self.deposit(events.DecisionStarted(index, status.track, status.proposal, status.tally))
        if self._is_passing(index, status, status.deciding, details):
            status.deciding.confirming = u32(now + details.confirm_period)
            self.deposit(events.ConfirmStarted(index))
        self.alarms.set(index, status, self._next_change(index, status, status.deciding, details))

    def _decide(
        self, index: u32, status: ReferendumStatus, deciding: DecidingStatus, details: Track
    ) -> bool:
        """Confirm, approve or reject a referendum being decided; return True if it ended."""
        now = self._now()
        if self._is_passing(index, status, deciding, details):
            if deciding.confirming is None:
                deciding.confirming = u32(now + details.confirm_period)
                self.deposit(events.ConfirmStarted(index))
            elif now >= deciding.confirming:
                self.leave(index, status)
                self._enact(index, status, details)
                self.end(index, status, WasApproved)
                self.deposit(events.Confirmed(index, status.tally))
                self.deposit(events.Approved(index))
                return True
        elif now >= int(deciding.since) + int(details.decision_period):
            self.leave(index, status)
            self.end(index, status, WasRejected)
            self.deposit(events.Rejected(index, status.tally))
            return True
        elif deciding.confirming is not None:
            deciding.confirming = None
            self.deposit(events.ConfirmAborted(index))
        self.alarms.set(index, status, self._next_change(index, status, deciding, details))
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

    def _next_change(
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

    def _enqueue(self, index: u32, status: ReferendumStatus) -> bool:
        """Queue a referendum; return True if it was added. One removed for it retries later."""
        ayes = status.tally.ayes
        added, removed = self.queues.add(status.track, index, ayes, self.max_queued)
        if not added:
            return False
        if removed is not None:
            other = self.ongoing(removed)
            other.in_queue = False
            self.alarms.set(removed, other, int(self._now()) + self._try_again())
            self.referendum_info_for[removed] = Ongoing(other)
        status.in_queue = True
        self.alarms.cancel(status)
        return True

    def _try_again(self) -> int:
        return self.undeciding_timeout // FULL_QUEUE_TRIES + 1


def enactment_name(index: u32) -> bytes:
    """Return the name of the task that enacts a referendum, as in Substrate."""
    return blake2_256(b"assembly" + encode(str, "enactment") + encode(u32, index))
