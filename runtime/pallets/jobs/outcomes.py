"""Outcomes: the end of a job, or of a provider's attempt at it."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from runtime.frame import Component
from runtime.frame.traits import Clock
from runtime.pallets.jobs import events, phases
from runtime.pallets.jobs.escrow import Escrows, Payment
from runtime.pallets.jobs.phases import Action, Transition
from runtime.pallets.jobs.prices import Prices
from runtime.pallets.jobs.store import JobRules, JobStore
from runtime.pallets.jobs.types import Job, JobState, Outcome
from runtime.pallets.providers.engagements import Engagements


class Outcomes(Component):
    """Ends of jobs and of attempts: escrow, provider, and record are settled together."""

    _store: JobStore
    _escrows: Escrows
    _prices: Prices
    _providers: Engagements
    _clock: Clock
    _rules: JobRules

    def stop_clock(self, job: Job) -> None:
        """Store the time that the computing provider took, without stalls of the chain."""
        left = int(job.due) - self._clock.now()
        job.took = u32(self._rules.payload_slots + int(job.deadline) - left)

    def note_done(self, job: Job, *, ok: bool) -> None:
        """Report the provider's time, relative to the minimum that its class has for this work."""
        minimum = self._prices.min_deadline(int(job.model_class), int(job.work))
        given = self._rules.payload_slots + minimum
        self._providers.note_done(job.assignee, 1_000 * int(job.took) // given, ok)

    def expire(self, id: H256) -> None:
        """End a state whose time is over: an offer not accepted, or a job not delivered."""
        job = self._store.expect(id)
        transition = phases.step(job.state, Action.EXPIRE)
        if job.state is JobState.Computing:
            self.stop_clock(job)
            self.note_done(job, ok=False)
        self.pass_on(id, job, transition)

    def pass_on(self, id: H256, job: Job, transition: Transition) -> None:
        """Take a job from a provider that did not do it, and queue the next attempt, if any."""
        provider = job.assignee
        self._store.drop_timer(job)
        self._providers.release(provider, id)
        self._providers.note_decline(provider)
        if phases.may_wait_again(int(job.attempt)):
            self._store.wait_again(id, job)
        elif transition.outcome is not None:
            self.end(id, job, JobState.Refunded, transition.outcome)

    def refund(self, id: H256, job: Job, transition: Transition) -> None:
        """End a job as a transition says that has an outcome; its deposit may be burned."""
        if transition.outcome is None:
            raise ValueError("the transition ends no job")
        burned = int(job.deposit) if transition.burns_deposit else 0
        self.end(id, job, transition.state, transition.outcome, burned=burned)

    def end(
        self,
        id: H256,
        job: Job,
        state: JobState,
        outcome: Outcome,
        *,
        burned: int = 0,
        voters: Sequence[AccountId] = (),
    ) -> None:
        """End a job without paying for the work; its money is returned except the named amounts."""
        verification, returned = self._escrows.refund(job, voters, burned=burned)
        if job.provider is not None:
            self._providers.release(job.provider, id)
        self._close(id, job, state, outcome)
        self.deposit(events.Ended(id, outcome, u128(verification), u128(burned), u128(returned)))

    def finish(self, id: H256, job: Job, payment: Payment) -> None:
        """End a job whose work was paid."""
        transition = phases.step(job.state, Action.PAY)
        self._close(id, job, transition.state, Outcome.Done)
        self.deposit(
            events.Finalized(
                id,
                job.assignee,
                payment.provider,
                u128(payment.fees),
                u128(payment.verification),
                u128(payment.returned),
            )
        )

    def _close(self, id: H256, job: Job, state: JobState, outcome: Outcome) -> None:
        self._store.close(id, job, state, outcome)
        self._escrows.close(job)
