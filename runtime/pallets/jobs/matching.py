"""Matching: the selection of providers for waiting jobs, within a budget of each block.

A provider is selected by a beacon that was unknown when the job was posted.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from btt_chain.work import ids
from runtime.frame import Component
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.jobs import events, phases, weights
from runtime.pallets.jobs.escrow import Escrows
from runtime.pallets.jobs.outcomes import Outcomes
from runtime.pallets.jobs.phases import Action
from runtime.pallets.jobs.prices import Prices
from runtime.pallets.jobs.store import WAITING, JobRules, JobStore
from runtime.pallets.jobs.types import BOND_FACTOR, Check, Job, Tier
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.providers.types import MAX_MEMBERS

POSTING_SLOTS: Final = 600
RETRY_SLOTS: Final = 10
MAX_RETRY: Final = 40
STALE_SLOTS: Final = 900
MAX_SELECTIONS: Final = 32
MIN_SELECTIONS: Final = 8
"""Constants of `Jobs`. The number of selections of a block depends on the slot length."""
BUDGET: Final = 30
"""Divisor of a slot's time that limits selections: they take at most a fifteenth of a block."""

PICOS: Final = 10**9
"""Picoseconds in a millisecond."""
WORST_SELECTION: Final = weights.select(MAX_MEMBERS)
"""Maximum weight of the selection for one job, in picoseconds."""


class Matching(Component):
    """Selection of providers for waiting jobs."""

    _store: JobStore
    _outcomes: Outcomes
    _escrows: Escrows
    _prices: Prices
    _providers: Engagements
    _clock: BeaconClock
    _rules: JobRules

    def run(self, now: int) -> int:
        """Select providers for the waiting jobs; return the weight.

        First one of each queue, so that urgent jobs cannot block all others; then by urgency, while
        the next selection fits into the budget even if its class is full.
        """
        selected = weight = 0
        busy: list[int] = []
        take = self._store.timers.take
        for queue in WAITING:
            for id in take(queue, 1):
                selected, weight = selected + 1, weight + self.select(id, now)
                busy.append(queue)
        for queue in busy:
            while room := self.room(selected, weight):
                due = take(queue, room)
                for id in due:
                    selected, weight = selected + 1, weight + self.select(id, now)
                if len(due) < room:
                    break
        return weight

    def room(self, selected: int, weight: int) -> int:
        """Return the number of further selections that fit in the worst case, after `selected`
        of total `weight`.
        """
        left = self._rules.slot_ms * PICOS // BUDGET - weight
        fitting = min(MAX_SELECTIONS - selected, left // WORST_SELECTION)
        return max(0, MIN_SELECTIONS - selected, fitting)

    def select(self, id: H256, now: int) -> int:
        """Select a provider, or wait; end the job if that took too long. Return the weight."""
        job, rules = self._store.expect(id), self._rules
        since = int(job.since)
        if now - int(job.asked) >= POSTING_SLOTS:
            self._outcomes.refund(id, job, phases.step(job.state, Action.EXPIRE))
            return weights.select(0)
        randomness = self._clock.randomness_after(since, rules.beacon_delay, rules.beacon_authors)
        if randomness is None:
            again = now if now - since >= STALE_SLOTS else since
            self._store.wait(id, job, again, now + 1)
            return weights.select(0)
        weight = weights.select(self._providers.members_of(int(job.model_class)))
        if not self._assign(id, job, ids.assign_seed(randomness.beacon, id, int(job.attempt)), now):
            # Another beacon: a provider that sees that this one selects it could get ready now.
            # Later each time: jobs without a provider must not use up the selections of others.
            # But not so late that all later jobs are served first.
            waited = max(RETRY_SLOTS, now - int(job.asked))
            until = now + min(waited, MAX_RETRY >> job.urgency)
            self._store.wait(id, job, now, min(until, int(job.asked) + POSTING_SLOTS))
        return weight

    def _assign(self, id: H256, job: Job, seed: H256, now: int) -> bool:
        """Return True if the seed selects a provider, to which the job is assigned then."""
        protocol = job.requester is None
        bond = int(job.price) * BOND_FACTOR
        # Work of a provider below the minimum bond is checked in full, which costs the chain more.
        more = max(0, self._prices.cost_of_full_check(job) - int(job.verification))
        open_to_all = protocol and self._escrows.has_room(more)
        provider, operators = self._providers.select(
            seed, int(job.model_class), bond, job.requester, job.refused, open_to_all
        )
        if provider is None:
            return False
        state = phases.step(job.state, Action.SELECT).state
        self._providers.reserve(provider, id, u128(bond))
        job.provider, job.seed, job.asked = provider, seed, u32(0)
        enough = operators >= self._rules.min_operators
        job.scores = enough and not protocol and job.tier is Tier.Open
        if protocol and not self._providers.is_bonded(provider):
            job.check = Check.Full
            self._escrows.promise_more(job, more)
        until = now + self._rules.accept_slots
        self._store.involved[provider, id] = job.posted
        self._store.enter(id, job, state, until)
        self.deposit(events.Assigned(id, provider, job.attempt, u32(until)))
        return True
