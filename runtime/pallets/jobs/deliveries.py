"""Deliveries: jobs from receipt to payment. This is the interface of Jobs for Receipts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from btt_chain.work import ids
from runtime.frame import Component
from runtime.frame.traits import Clock, IdentityInspect
from runtime.pallets.jobs import errors, events, phases
from runtime.pallets.jobs.escrow import Escrows, Payment
from runtime.pallets.jobs.outcomes import Outcomes
from runtime.pallets.jobs.phases import Action
from runtime.pallets.jobs.store import JobRules, JobStore, StallTracker
from runtime.pallets.jobs.types import Check, Job, JobFees, JobState, Outcome, Share, Usage
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.providers.engagements import Engagements
from runtime.splits import BPS

PATIENCE_EPOCHS: Final = 2
"""A constant of `Jobs`."""


class Deliveries(Component):
    """Jobs with a receipt."""

    _store: JobStore
    _outcomes: Outcomes
    _escrows: Escrows
    _stalls: StallTracker
    _providers: Engagements
    _mining: Mining
    _identities: IdentityInspect
    _clock: Clock
    _rules: JobRules
    _dividend_bps: Share
    usage: Usage
    """Receiver of what requesters paid: `Jobs.connect` sets another."""

    # ---- queries

    def job(self, id: H256) -> Job | None:
        """Return a job, as of now; None if there is none, or it is no longer stored."""
        return self._store.get(id)

    def stalled_slots(self) -> int:
        """Return the number of slots, all together, in which the chain stalled."""
        return self._stalls.stalled_slots()

    def sample_count(self, job: Job) -> int:
        """Return the number of a job's items that each verifier checks."""
        full = job.check is Check.Full
        return ids.sample_size(int(job.items), full=full, protocol=job.requester is None)

    def fee_of(self, job: Job) -> int:
        """Return the fee of one verifier for a receipt of a job, in planck."""
        return self._escrows.fee_of(job)

    # ---- receipts

    def committed(self, id: H256, provider: AccountId, attempt: int, receipt: H256) -> Job:
        """Record that there is a receipt; return the job.

        Raises UnknownJob, NotProvider, WrongAttempt, and WrongState unless it is being computed.
        """
        job = self._store.expect(id)
        if job.provider != provider:
            raise errors.NotProvider
        state = phases.step(job.state, Action.COMMIT).state
        if job.attempt != attempt:
            raise errors.WrongAttempt
        job.receipt = receipt
        self._outcomes.stop_clock(job)
        self._store.enter(id, job, state, None)
        self.deposit(events.Moved(id, state))
        return job

    def advance(self, id: H256, state: JobState) -> None:
        """Record that the receipt of a job is being checked, or was found valid."""
        job = self._store.expect(id)
        action = Action.CHECK if state is JobState.Checking else Action.UPHOLD
        after = phases.step(job.state, action).state
        if after is not job.state:
            self._store.move(id, job, after)

    def refuse(self, id: H256, outcome: Outcome, voters: Sequence[AccountId]) -> None:
        """End a job whose receipt was not upheld; `voters` are paid for their checks.

        The provider's penalty is decided before.
        """
        job = self._store.expect(id)
        action = Action.CONVICT if outcome is Outcome.Fraud else Action.REFUSE
        state = phases.step(job.state, action).state
        if outcome is not Outcome.Unverified:
            self._outcomes.note_done(job, ok=False)
        self._outcomes.end(id, job, state, outcome, voters=voters)

    def finalize(self, id: H256, voters: Sequence[AccountId]) -> bool:
        """Pay for the work and return True if the job ended; `voters` found it valid.

        False if the emission cannot pay for a job of the chain now: it waits then. A job that
        cannot be paid for two epochs ends unpaid.
        """
        job = self._store.expect(id)
        provider, payment = job.assignee, self._escrows.pay(job, voters)
        if payment is None:
            if self._is_patient(id, job):
                return False
            self._outcomes.note_done(job, ok=True)
            self._outcomes.refund(id, job, phases.step(job.state, Action.GIVE_UP))
            return True
        job.paid = payment.provider
        self._providers.release(provider, id)
        self._providers.hold_pay(provider, job.paid)
        self._outcomes.note_done(job, ok=True)
        fees = self._score(id, job, provider, payment)
        if job.requester is not None:
            self.usage.count_job(job.requester, fees)
        self._outcomes.finish(id, job, payment)
        return True

    def _is_patient(self, id: H256, job: Job) -> bool:
        """Return True if a job of the chain still waits for its pay; store the wait's start."""
        now = self._clock.now()
        if not job.asked:
            job.asked = u32(now)
            self._store.jobs[id] = job
        return now < int(job.asked) + PATIENCE_EPOCHS * self._rules.epoch_slots

    def _score(self, id: H256, job: Job, provider: AccountId, payment: Payment) -> JobFees:
        """Credit the provider's work: in the open tier, with enough operators to select from.

        Return the fees of the job; mining has no part in them if the work does not count.
        """
        dividends = payment.development * int(self._dividend_bps.peek()) // BPS
        fees = JobFees(int(job.price), payment.fees, 0, dividends)
        requester = job.requester
        if not job.scores or self._providers.operator_of(provider) is None:
            return fees
        # A judged identity may have a hundred sub-accounts; all of them share one budget.
        payer = None if requester is None else self._identities.operator_of(requester)
        verified = requester is not None and self._identities.verified(requester)
        recorded = self._mining.record(
            provider, id, int(job.work), u128(payment.fees), verified=verified, requester=payer
        )
        fees = fees._replace(mining=recorded.cap)
        self._providers.credit_score(provider, recorded.counted, fees.value)
        return fees
