"""Check of objections to milestones: I20."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import OBJECTION_LOCK_ID


def objections(audited: AuditedState) -> Iterator[Finding]:
    """Check I20: objections lock their largest amount, and add up in their rounds."""
    pallet = audited.runtime.pallet(Chambers).objections
    locks = audited.runtime.balances.locks
    own = dict(pallet.own_objections.items())
    for who in {**own, **dict(locks.items())}:
        most = max((int(one.locked) for one in own.get(who, [])), default=0)
        locked = int(amount_of(locks[who], OBJECTION_LOCK_ID))
        if locked != most:
            found = f"{locked} planck locked by objections, they say {most}"
            yield Finding("I20", f"{AccountId(who).hex()}: {found}")
    for (programme, index), current in pallet.objection_rounds.items():
        if pallet.milestones.pending_since(programme, index) != current.since:
            continue  # decided: its objections are removed one by one
        for chamber in Chamber:
            total = sum(
                int(one.powers[chamber])
                for ones in own.values()
                for one in ones
                if (one.programme, one.index, one.since) == (programme, index, current.since)
            )
            nays = int(current.poll.chambers[chamber].votes.nays)
            if nays != total:
                place = f"milestone {index} of programme {programme}, {chamber.name}"
                yield Finding("I20", f"{place}: {nays} object, the objections say {total}")
