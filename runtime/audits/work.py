"""The audit of useful work: emission, jobs, bonds of providers, and receipts: I4, I6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from btt_chain.primitives.account import AccountId
from runtime.accounts import MINING
from runtime.audits.holds import values_of
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.emission import EMISSION_MS, emitted
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.jobs.types import ENDED, JobState
from runtime.pallets.mining.shares import part, score_of
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.types import Phase
from runtime.pallets.tokenomics.ledger import id_of

CHECKED: Final = (JobState.Committed, JobState.Checking, JobState.Pending)
"""States of a job that has a receipt."""


def work(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: bonds cover the running jobs, and every running job is counted once."""
    runtime = audited.runtime
    jobs, providers, receipts = runtime.jobs, runtime.providers, runtime.receipts
    running = {id: job for id, job in jobs.store.jobs.items() if job.state not in ENDED}
    escrowed = sum(int(job.escrow) for job in running.values())
    recorded = int(jobs.escrows.escrowed.value)
    if escrowed != recorded:
        yield Finding("I4", f"{recorded} planck in escrow, jobs say {escrowed}")
    reserved: dict[AccountId, list[int]] = {}
    for (who, id), amount in providers.engagements.reservations.items():
        reserved.setdefault(who, []).append(int(amount))
        if id not in running or running[id].provider != who:
            yield Finding("I4", f"{who.hex()}: bond for job {id.hex()}, which it does not do")
    for who, ledger in providers.ledgers.items():
        rows = reserved.pop(who, [])
        if (int(ledger.reserved), int(ledger.busy)) != (sum(rows), len(rows)):
            said = f"{ledger.busy} jobs and {ledger.reserved} planck reserved"
            yield Finding("I4", f"{who.hex()}: {said}, {len(rows)} and {sum(rows)} are")
        if who not in providers.providers:
            yield Finding("I4", f"{who.hex()}: a bond of no provider")
    for who in reserved:
        yield Finding("I4", f"{who.hex()}: reservations of no provider")
    for id, model in runtime.models.models.items():
        count = sum(job.model == id for job in running.values())
        if model.open != count:
            yield Finding("I4", f"model {id.hex()}: {model.open} jobs open, there are {count}")
    live = {one.job for _, one in receipts.receipts.items() if one.phase is not Phase.Ended}
    checked = {id for id, job in running.items() if job.state in CHECKED}
    if live != checked:
        yield Finding("I4", f"{len(live)} receipts are open, {len(checked)} jobs have one")
    bonds = receipts.bonds
    at_work = {who: one.bond for who, one in bonds.verifiers.items() if one.free_at is None}
    if {who: bond for who, bond, _ in bonds.roster.value} != at_work:
        yield Finding("I4", "the roster of verifiers is not those at work with their bonds")


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds of providers, models, jobs and verifiers."""
    for who, ledger in runtime.providers.ledgers.items():
        yield who, runtime.providers.reason, int(ledger.bond) + int(ledger.leaving)
        yield who, runtime.providers.deposit_reason, int(runtime.providers.registration_deposit)
    for model in values_of(runtime.models.models):
        yield model.owner, runtime.models.reason, int(model.bond)
    for job in values_of(runtime.jobs.store.jobs):
        if job.requester is not None and job.state not in ENDED:
            yield job.requester, runtime.jobs.reason, int(job.escrow)
    challenge = Reason(runtime.receipts.index, Receipts.HoldReason.Challenge)
    for who, verifier in runtime.receipts.bonds.verifiers.items():
        yield who, runtime.receipts.reason, int(verifier.bond)
    for receipt in values_of(runtime.receipts.receipts):
        for dispute in receipt.challenges:
            if dispute.by is not None and not dispute.answered:
                yield dispute.by, challenge, int(dispute.deposit)


def mining(audited: AuditedState) -> Iterator[Finding]:
    """Check I6: issued emission is paid, owed or unallocated, and the rest is not issued."""
    pallet, ledger = audited.runtime.mining, audited.runtime.mining.ledger
    allocated, unemitted = int(ledger.allocated.value), int(ledger.unemitted.value)
    owed, paid = int(ledger.owed.value), int(ledger.paid.value)
    unallocated = int(ledger.unallocated.value)
    if paid + owed + unallocated + unemitted != allocated:
        parts = f"{paid} paid, {owed} owed, {unallocated} unallocated, {unemitted} not issued"
        yield Finding("I6", f"{parts}: not {allocated} planck")
    began = int(pallet.eras.began.value) * int(pallet.era_length) * int(pallet.slot_ms)
    rest = allocated - emitted(allocated, began)
    if unemitted != rest:
        yield Finding("I6", f"{unemitted} planck not issued, the schedule says {rest}")
    if emitted(allocated, EMISSION_MS) != allocated:
        yield Finding("I6", f"the schedule does not issue {allocated} planck")
    pool = audited.runtime.tokenomics.ledger.pools.get(id_of(MINING))
    if pool is None or pool.released != paid or pool.allocated != allocated:
        yield Finding("I6", f"{paid} planck paid of {allocated}, the pool's record says otherwise")
    yield from eras(audited, owed)


def eras(audited: AuditedState, owed: int) -> Iterator[Finding]:
    """Check I6: the owed sum is that of the eras, and an era's shares never exceed its rest."""
    pallet = audited.runtime.mining.eras
    parts: dict[int, int] = {}
    scores: dict[int, int] = {}
    known = dict(pallet.eras.items())
    for (index, _), steps in pallet.shares.items():
        era, score = known.get(index), score_of(steps)
        scores[index] = scores.get(index, 0) + score
        if era is not None:
            parts[index] = parts.get(index, 0) + part(int(era.budget), score, int(era.score))
    left = sum(int(era.left) for era in known.values())
    if left != owed:
        yield Finding("I6", f"{owed} planck owed, eras owe {left}")
    for index, era in known.items():
        # Expired rewards become unallocated, and their shares are removed in steps.
        if era.left and parts.get(index, 0) > era.left:
            yield Finding("I6", f"era {index}: {parts[index]} planck shared, {era.left} owed")
        if scores.get(index, 0) > era.score:
            yield Finding("I6", f"era {index}: shares score {scores[index]} of {era.score}")
    now, running = int(pallet.era_index.value), int(pallet.running.value.score)
    if scores.get(now, 0) != running:
        yield Finding("I6", f"the era that runs has {running} scored, {scores.get(now, 0)} shared")


AUDIT = FeatureAudit(checks=(mining, work), holds=holds)
