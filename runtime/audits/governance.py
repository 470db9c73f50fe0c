"""The audit of governance: deposits, and locks of votes and objections."""

from __future__ import annotations

from collections.abc import Iterator

from btt_chain.primitives.account import AccountId
from runtime.audits.holds import values_of
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.bounties import types as bounties
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.chambers import types as chambers
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import OBJECTION_LOCK_ID
from runtime.pallets.conviction_voting import pallet as conviction_voting
from runtime.pallets.conviction_voting.pallet import ConvictionVoting
from runtime.pallets.preimage.pallet import Preimage, Unrequested
from runtime.pallets.referenda import types as referenda
from runtime.pallets.referenda.pallet import Referenda


def votes(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: voting locks the greatest class lock."""
    runtime = audited.runtime
    votes_of = runtime.pallet(ConvictionVoting).class_locks_for
    locks = runtime.balances.locks
    for who in {**dict(votes_of.items()), **dict(locks.items())}:
        most = max((int(amount) for _, amount in votes_of[who]), default=0)
        locked = int(amount_of(locks[who], conviction_voting.LOCK_ID))
        if locked != most:
            yield Finding("I4", f"{who.hex()}: {locked} planck locked by votes, they say {most}")


def bounty_deposits(runtime: Work) -> int:
    """Return the sum of the deposits of proposers and curators."""
    return sum(
        int(bounty.bond) + int(bounty.curator_deposit)
        for _, bounty in runtime.pallet(Bounties).bounties.items()
    )


def chamber_deposits(runtime: Work) -> int:
    """Return the sum of the deposits of candidates and representatives."""
    pallet = runtime.pallet(Chambers)
    candidates = pallet.elections.candidates.items()
    return sum(int(candidate.deposit) for _, candidate in candidates) + sum(
        int(seat.deposit) for seat in pallet.membership.representatives.value
    )


def poll_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for referenda."""
    polls = runtime.pallet(Referenda).referendum_info_for.items()
    return sum(int(deposit.amount) for _, poll in polls for deposit in left_for(poll))


def left_for(poll: referenda.ReferendumInfo) -> list[referenda.Deposit]:
    """Return the deposits that are still reserved for a referendum."""
    deposits: list[referenda.Deposit | None]
    match poll:
        case referenda.Ongoing(status):
            deposits = [status.submission_deposit, status.decision_deposit]
        case referenda.WasKilled():
            deposits = []
        case _:
            deposits = [poll.submission, poll.decision]
    return [deposit for deposit in deposits if deposit is not None]


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds of preimages."""
    pallet = runtime.pallet(Preimage)
    notes = Reason(pallet.index, Preimage.HoldReason.Preimage)
    for status in values_of(pallet.request_status_for):
        deposit = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
        if deposit is not None:
            yield deposit[0], notes, int(deposit[1])


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


AUDIT = FeatureAudit(
    checks=(votes, objections),
    holds=holds,
    deposits={
        bounties.RESERVE_ID: bounty_deposits,
        chambers.RESERVE_ID: chamber_deposits,
        referenda.RESERVE_ID: poll_deposits,
    },
    locks=(conviction_voting.LOCK_ID, chambers.LOCK_ID, OBJECTION_LOCK_ID),
)
