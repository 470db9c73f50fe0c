"""Benchmarks of Receipts: the steps of its hook."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import parent
from bench.weights.pallets.receipts import (
    ID,
    ITEM,
    WRONG,
    answered,
    checked,
    disclosed,
    job_of,
    who,
)
from bench.weights.state import BLOCK, Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64
from btt_chain.work import ids
from btt_chain.work.race import raced
from runtime.constants import BTT
from runtime.pallets.identity.types import MAX_SUBS, Reasonable
from runtime.pallets.receipts.constants import (
    FORGETTING,
    MAX_REQUESTED,
    MAX_STEPS,
    PHASES,
    REQUESTS,
)
from runtime.pallets.receipts.types import (
    MAX_REPLACEMENTS,
    Missing,
    Phase,
    Proven,
    Receipt,
    Valid,
)
from runtime.pallets.referral.types import Referee
from runtime.params import MAX_COMMITTEE


def stepped(b: Bench, found: Receipt) -> Case:
    """Return the case of a phase that ends now."""
    receipts = b.runtime.receipts
    receipts.timers.remove(PHASES, found.timer)
    found.timer = receipts.timers.enter(PHASES, BLOCK, ID)
    found.due = u32(BLOCK)
    receipts.receipts[ID] = found

    def run() -> None:
        for id in receipts.timers.take(PHASES, MAX_STEPS):
            receipts.lifecycle.end_phase(id)

    return Case(run=run)


@benchmark("Receipts.look")
def look(b: Bench) -> Case:
    """Check all queues when nothing is due."""
    checked(b, Phase.Pending, Valid())
    return Case(run=lambda: b.runtime.receipts.on_initialize(BLOCK))


@benchmark("Receipts.select")
def select(b: Bench) -> Case:
    """Select a whole committee, after all verifiers that belong to operators of the parties."""
    found = checked(b, Phase.Waiting, Valid())
    b.runtime.receipts.committees.unseat(ID, found, found.seats)
    found.beacons = found.beacons[1:]
    found.used = found.used[MAX_COMMITTEE:]
    bar(b, found)
    return stepped(b, found)


def bar(b: Bench, found: Receipt) -> None:
    """Make the verifiers that are reached first sub-accounts of provider and requester.

    The others are sub-accounts, too, so that finding their operators costs as much. They have one
    operator. A quorum of them must be eligible: with too few the step ends early, without an error.
    """
    receipts, requester = b.runtime.receipts, job_of(b, found).requester
    assert requester is not None
    randomness = receipts.clock.randomness_after(
        int(found.since), int(receipts.beacon_delay), int(receipts.beacon_authors)
    )
    assert randomness is not None
    roster = receipts.bonds.roster.value
    seed = ids.committee_seed(H256(randomness.beacon), ID)
    order = raced(seed, [who for who, _, _ in roster], [int(bond) for _, bond, _ in roster])
    names = [roster[place][0] for place in order]
    for number, operator in enumerate((found.provider, requester, b.poor(2_000))):
        subs = names[number * MAX_SUBS : (number + 1) * MAX_SUBS]
        parent(b, b.endow(operator), subs, Reasonable())


@benchmark("Receipts.close_round")
def close_round(b: Bench) -> Case:
    """Count votes: half of the committee is silent once too often, others report missing data."""
    missing = Missing(u32(ITEM), u16(0), u32(0))
    found = checked(b, Phase.Checking, *[None] * 8, missing)
    found.replacements, found.disclosed = u8(MAX_REPLACEMENTS), True
    found.challenges = found.challenges[:MAX_REQUESTED]
    return stepped(b, disclosed(b, found))


@benchmark("Receipts.convict")
def convict(b: Bench) -> Case:
    """End a receipt that was proven wrong, which all of the committee but one found valid."""
    found = disclosed(b, checked(b, Phase.Disclosing, WRONG, Valid()))
    found.proven = Proven(who(0), WRONG)
    return stepped(b, found)


@benchmark("Receipts.dispute")
def dispute(b: Bench) -> Case:
    """Slash a whole committee that did not prove its verdict, the last one of a receipt."""
    found = disclosed(b, checked(b, Phase.Disputed, WRONG))
    found.replacements = u8(MAX_REPLACEMENTS)
    return stepped(b, found)


@benchmark("Receipts.withhold")
def withhold(b: Bench) -> Case:
    """Refuse a receipt of which no data was opened, all of whose committee is paid."""
    missing = Missing(u32(ITEM), u16(0), u32(0))
    return stepped(b, disclosed(b, checked(b, Phase.Withheld, missing)))


@benchmark("Receipts.finalize")
def finalize(b: Bench) -> Case:
    """Pay for a referee's work, all of the committee, and the finders of a planted error."""
    found = disclosed(b, checked(b, Phase.Pending, Valid()))
    answered(b, found)
    requester = job_of(b, found).requester
    assert requester is not None
    b.runtime.referral.referees[requester] = Referee(b.account(5), u64(0), BTT)
    return stepped(b, found)


@benchmark("Receipts.expire")
def expire(b: Bench) -> Case:
    """Refuse a receipt of which a requested leaf was not opened."""
    found = checked(b, Phase.Checking, Missing(u32(ITEM), u16(0), u32(0)))
    receipts = b.runtime.receipts
    for one in found.challenges:
        one.until = u32(BLOCK)
    disclosed(b, found)
    receipts.timers.enter(REQUESTS, BLOCK, ID)

    def run() -> None:
        for id in receipts.timers.take(REQUESTS, MAX_STEPS):
            receipts.lifecycle.end_request(id)

    return Case(run=run)


@benchmark("Receipts.forget", receipts=(1, MAX_STEPS))
def forget(b: Bench, receipts: int) -> Case:
    """Remove that many receipts that ended long ago."""
    pallet, found = b.runtime.receipts, checked(b, Phase.Ended, Valid())
    for number in range(receipts):
        id = H256(blake2_256(b"receipt %d" % number))
        pallet.receipts[id] = found
        pallet.timers.enter(FORGETTING, BLOCK - 5, id)

    def run() -> None:
        for id in pallet.timers.take(FORGETTING, MAX_STEPS):
            del pallet.receipts[id]

    return Case(run=run)
