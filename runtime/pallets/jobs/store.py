"""Store: jobs in the state, with the entries of timer queues for their deadlines.

A job that waits for a party has one entry; `wait`, `enter` and `close` replace it.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u8, u32, u64
from btt_chain.work import ids
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.timers import NO_TIMER, ShiftedQueues
from runtime.frame.traits import Stalls
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.jobs import errors, events
from runtime.pallets.jobs.types import (
    Benefits,
    Check,
    Endpoints,
    Job,
    JobState,
    Outcome,
    Pace,
    PublicKey,
    Requesters,
    Tier,
    Urgency,
)
from runtime.pallets.models.pallet import Models
from runtime.pallets.system.pallet import System

KEEP_EPOCHS: Final = 14
CANCELLED_SLOTS: Final = 50
"""Constants of `Jobs`."""

DEADLINES: Final = 0
WAITING: Final = (1, 2, 3, 4, 5, 6)
"""Jobs without a provider, by urgency, and in each those with priority first."""
FORGETTING: Final = 7
"""Numbers of the timer queues."""


class JobRules(Component):
    """The configuration of a network, described at `Jobs`; times in slots."""

    accept_slots: int
    payload_slots: int
    beacon_delay: int
    beacon_authors: int
    committee: int
    min_operators: int
    epoch_slots: int
    slot_ms: int


GAP_SLOTS: Final = 50
"""A constant of `Jobs`."""


class StallTracker(Component, Stalls):
    """The total length of stalls: gaps between two blocks of more than `GAP_SLOTS` slots."""

    pace = Value(Pace, default=Pace())
    """The slot of the last block, and the total length of stalls."""

    def note_block(self, now: int) -> None:
        """Record this block's slot, and a stall since the last block if there was one."""
        pace = self.pace.peek()
        stalled = pace.stalled
        if now - int(pace.last) > GAP_SLOTS:
            empty = u32(now - int(pace.last) - 1)
            stalled += empty
            self.deposit(events.Stalled(empty))
        self.pace.keep(Pace(u32(now), stalled))

    def stalled_slots(self) -> int:
        """Return the number of slots, all together, in which the chain stalled."""
        return int(self.pace.peek().stalled)


class JobStore(Component):
    """The stored jobs and their timers."""

    _clock: BeaconClock
    _stalls: StallTracker
    timers: ShiftedQueues
    _models: Models
    _benefits: Benefits
    _facilities: Requesters
    _system: System
    _rules: JobRules

    jobs = Map(H256, Job, hasher=Hasher.Identity)
    """All jobs that are open or ended recently."""
    nonces = Map(AccountId, u64, default=u64(0))
    """Number of jobs posted by each account; makes job ids unique."""
    involved = DoubleMap(AccountId, H256, u32)
    """The jobs of each requester and provider, and when they were posted."""

    # ---- queries

    def get(self, id: H256) -> Job | None:
        """Return a job, as of now; None if there is none, or it is no longer stored."""
        found = self.jobs.get(id)
        return None if found is None else found.shifted(self._stalls.stalled_slots())

    def expect(self, id: H256) -> Job:
        """Return a job, as of now. Raises UnknownJob."""
        job = self.get(id)
        if job is None:
            raise errors.UnknownJob
        return job

    def expect_assigned(self, id: H256, provider: AccountId, state: JobState) -> Job:
        """Return a job of a provider whose time is not over.

        Raises UnknownJob, NotProvider, WrongState.
        """
        job = self.expect(id)
        if job.provider != provider:
            raise errors.NotProvider
        if job.state is not state or job.due <= self._clock.now():
            raise errors.WrongState
        return job

    # ---- changes

    def post(self, job: Job, who: AccountId) -> None:
        """Store a job that `who` just posted."""
        nonce = int(self.nonces[who])
        self.nonces[who] = u64(nonce + 1)
        self.open(job, who, nonce)

    def open(self, job: Job, who: bytes, nonce: int) -> None:
        """Store a job with an id of its own, and queue the selection of its provider."""
        genesis = self._system.genesis_hash()
        id = ids.job_id(genesis, who, nonce, request_of(job))
        self._models.open_job(job.model)
        job.asked, job.stalled = job.posted, u32(self._stalls.stalled_slots())
        if job.requester is not None:
            self.involved[job.requester, id] = job.posted
        until = int(job.posted) + self._rules.beacon_delay + 1
        self.wait(id, job, int(job.posted), until)
        self.deposit(events.Posted(id, job.requester, job.price, job.verification, job.deposit))

    def wait(self, id: H256, job: Job, since: int, until: int) -> None:
        """Queue a selection in slot `until`, by randomness that was unknown in slot `since`."""
        first = job.requester is not None and self._has_priority(job.requester)
        queue = WAITING[2 * (Urgency.Emergency - job.urgency) + (not first)]
        job.state, job.since, job.due = JobState.Posted, u32(since), u32(until)
        job.timer, job.queue = self.timers.enter(queue, until, id), u8(queue)
        self.jobs[id] = job

    def wait_again(self, id: H256, job: Job) -> None:
        """Take a job from its provider, and queue the selection of another one."""
        provider, now = job.assignee, self._clock.now()
        del self.involved[provider, id]
        job.refused = [*job.refused, provider]
        job.attempt, job.provider, job.scores = u8(job.attempt + 1), None, False
        job.asked = u32(now)
        self.wait(id, job, now, now + self._rules.beacon_delay + 1)
        self.deposit(events.Unassigned(id, provider))

    def enter(self, id: H256, job: Job, state: JobState, until: int | None) -> None:
        """Move to a state that ends by itself in slot `until`; None: the receipt decides."""
        self.drop_timer(job)
        job.state, job.since = state, u32(self._clock.now())
        job.due, job.queue = u32(until or 0), u8(DEADLINES)
        if until is not None:
            job.timer = self.timers.enter(DEADLINES, until, id)
        self.jobs[id] = job

    def move(self, id: H256, job: Job, state: JobState) -> None:
        """Move between states that end when the receipt changes."""
        job.state, job.since = state, u32(self._clock.now())
        self.jobs[id] = job
        self.deposit(events.Moved(id, state))

    def drop_timer(self, job: Job) -> None:
        """Remove the entry of a job's deadline; the caller stores the job."""
        self.timers.remove(int(job.queue), job.timer)
        job.timer = NO_TIMER

    def close(self, id: H256, job: Job, state: JobState, outcome: Outcome) -> None:
        """Store the end of a job, and queue its removal."""
        self.drop_timer(job)
        now, kept = self._clock.now(), KEEP_EPOCHS * self._rules.epoch_slots
        if outcome is Outcome.Cancelled and job.provider is None:
            kept = min(kept, CANCELLED_SLOTS)
        until = now + kept
        job.state, job.outcome, job.since, job.due = state, outcome, u32(now), u32(until)
        job.queue = u8(FORGETTING)
        self.timers.enter(FORGETTING, until, id)
        self.jobs[id] = job
        self._models.close_job(job.model)

    def forget(self, id: H256) -> None:
        """Remove a job that ended long ago."""
        job = self.jobs.take(id)
        if job is None:
            return
        for who in (job.requester, job.provider):
            if who is not None:
                del self.involved[who, id]

    # ---- internals

    def _has_priority(self, requester: AccountId) -> bool:
        """Return True if its jobs go before others of their urgency: by stake, or as a hospital."""
        staked = self._benefits.benefits(requester).priority
        return staked or self._facilities.is_requester(requester)


def request_of(job: Job) -> bytes:
    """Return the encoded part of a job that its requester chose.

    The slot and the price of its block are not in it: if a fork reverts the block, the same
    transaction makes a job of the same id in another one.
    """
    return _REQUEST.encode(
        (
            job.model, job.items, job.input_root, job.tier, job.check, job.urgency, job.data_bytes,
            job.deadline, job.reply_key, job.endpoints,
        )
    )  # fmt: skip


_REQUEST: Final = codec(
    tuple[H256, u32, H256, Tier, Check, Urgency, u64, u32, PublicKey, Endpoints]
)
