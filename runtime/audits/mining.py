"""Checks of the emission for mining: I6."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.accounts import MINING
from runtime.audits.state import AuditedState, Finding
from runtime.emission import EMISSION_MS, emitted
from runtime.pallets.mining.shares import part, score_of
from runtime.pallets.tokenomics.ledger import id_of


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
