"""Benchmarks of Jobs: providers and requesters with the longest records, the largest model."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import laboratory
from bench.weights.pallets.identity import LONG as NAME
from bench.weights.pallets.identity import named
from bench.weights.pallets.models import ENDPOINTS, known
from bench.weights.pallets.providers import ERA, era, fill, provider, times
from bench.weights.state import BLOCK, VALIDATORS, Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work.graph import Manifest
from runtime.accounts import MINING
from runtime.constants import BTT
from runtime.frame.timers import Ahead
from runtime.pallets.babe.types import BEACONS, Beacon
from runtime.pallets.jobs.pallet import MAX_FORGOTTEN
from runtime.pallets.jobs.store import DEADLINES, FORGETTING
from runtime.pallets.jobs.types import (
    MAX_ATTEMPTS,
    MAX_ITEMS,
    MAX_SETS,
    NO_HASH,
    Check,
    Job,
    JobState,
    Market,
    ProtocolSet,
    Tier,
    Urgency,
)
from runtime.pallets.providers.conduct import Conduct
from runtime.pallets.providers.types import MAX_MEMBERS

LONG: Final = b"\n".join([ENDPOINTS] * 5)
DEADLINE: Final = 1_000
ROOT: Final = H256(bytes(range(32)))


def lucky(b: Bench) -> None:
    """Store beacons of the maximum number of blocks, by all validators in turn."""
    babe = b.runtime.babe
    first = int(babe.genesis_slot.value)
    for number in range(BLOCK - BEACONS + 1, BLOCK + 1):
        author = AccountId(blake2_256(b"author %d" % (number % VALIDATORS)))
        entry = Beacon(Slot(first + number), blake2_256(b"beacon %d" % number), author)
        babe.beacon_log.beacons[u32(number % BEACONS)] = entry


def rich(b: Bench) -> None:
    """Endow the unallocated emission, which pays for jobs of the chain."""
    mining = b.runtime.mining
    b.endow(MINING)
    mining.ledger.unallocated.value = u128(10**5 * BTT)
    if mining.emission_now().protocol_room < 10 * BTT:
        raise ValueError("the schedule leaves no room for jobs of the chain")


def order(model: H256) -> dict[str, object]:
    """Return the arguments of a large job."""
    return {
        "model": model, "items": u32(MAX_ITEMS), "input_root": ROOT, "tier": Tier.Open,
        "check": Check.Full, "urgency": Urgency.Urgent, "max_price": u128(10**23),
        "data_bytes": u64(64_000), "deadline": u32(DEADLINE), "reply_key": bytes(32),
        "endpoints": LONG,
    }  # fmt: skip


def belongs(b: Bench, who: AccountId, parent: AccountId) -> None:
    """Make an account an agreed sub-account of another, whose identity is full."""
    identity = b.runtime.identity
    identity.subs.super_of[who] = (parent, NAME)
    identity.subs.agreed[who] = ()


def requester(b: Bench) -> AccountId:
    """Return an account that has posted jobs before, with priority as a kind that is read last."""
    who = laboratory(b)
    b.runtime.jobs.store.nonces[who] = u64(7)
    return who


def posted(b: Bench, manifest: Manifest | None = None) -> tuple[H256, Job]:
    """Post a job early enough that its beacon is known; return its id, and the job."""
    era(b)
    lucky(b)
    model = known(b, b.account(3), manifest)
    who, jobs = requester(b), b.runtime.jobs
    jobs.prices.markets[u16(0)] = Market(u128(10**12))
    b.does(who, "Jobs", "post", **order(model))
    id = next(id for id, _ in jobs.store.jobs.items())
    job = jobs.store.jobs[id]
    job.since = job.asked = u32(BLOCK - 100)
    jobs.store.jobs[id] = job
    return id, job


def assigned(b: Bench, manifest: Manifest | None = None) -> tuple[H256, Job, AccountId]:
    """Assign a job to its last provider, whose conduct has not been settled for eras."""
    id, _ = posted(b, manifest)
    who = provider(b, number=2)
    book, jobs = b.runtime.providers, b.runtime.jobs
    book.membership.members[u16(0)] = [who]
    jobs.matching.select(id, BLOCK)
    book.performance.conduct[who] = Conduct(
        u32(ERA - 30), u32(900), u32(9), u32(700), u32(720), times(), u32(7), u32(7)
    )
    job = jobs.store.jobs[id]
    job.refused = [b.poor(place) for place in range(MAX_ATTEMPTS - 1)]
    job.attempt = u8(MAX_ATTEMPTS - 1)
    jobs.store.jobs[id] = job
    retire(b, job.model)
    return id, job, who


def retire(b: Bench, model: H256) -> None:
    """Let a model be removed with its last job."""
    record = b.runtime.models.models[model]
    record.retired = True
    b.runtime.models.models[model] = record


def computing(
    b: Bench, due: int = BLOCK + 1, manifest: Manifest | None = None
) -> tuple[H256, Job, AccountId]:
    """Put a job into computation that must be delivered before slot `due`."""
    id, _, who = assigned(b, manifest)
    book, jobs = b.runtime.providers, b.runtime.jobs
    conduct = book.performance.conduct[who]
    b.does(who, "Jobs", "accept", job=id)
    book.performance.conduct[who] = conduct
    job = jobs.store.jobs[id]
    jobs.store.timers.remove(DEADLINES, job.timer)
    job.accepted = u32(BLOCK - 200)
    job.due = u32(due)
    job.timer = jobs.store.timers.enter(DEADLINES, due, id)
    jobs.store.jobs[id] = job
    return id, job, who


@benchmark("Jobs.post")
def post(b: Bench) -> Case:
    """Post a job for a model with other open jobs."""
    era(b)
    model, who = known(b, b.account(3)), requester(b)
    return b.signed(who, "Jobs", "post", **order(model))


@benchmark("Jobs.cancel")
def cancel(b: Bench) -> Case:
    """Cancel an assigned job, the last of its model."""
    id, _, _ = assigned(b)
    return b.signed(requester(b), "Jobs", "cancel", job=id)


@benchmark("Jobs.accept")
def accept(b: Bench) -> Case:
    """Accept a job."""
    id, _, who = assigned(b)
    return b.signed(who, "Jobs", "accept", job=id)


@benchmark("Jobs.decline")
def decline(b: Bench) -> Case:
    """Decline an offer, the last one of the job, and pay the fine."""
    id, _, who = assigned(b)
    return b.signed(who, "Jobs", "decline", job=id)


@benchmark("Jobs.refuse_payload")
def refuse_payload(b: Bench) -> Case:
    """Return a job, the last of its model."""
    id, _, who = computing(b, BLOCK + DEADLINE)
    return b.signed(who, "Jobs", "refuse_payload", job=id)


def sets(b: Bench, count: int, model: H256) -> None:
    """Let the chain have that many sets computed in each era."""
    jobs = b.runtime.jobs
    for number in range(count):
        jobs.protocol_jobs.protocol_sets[u32(number)] = ProtocolSet(
            model, u32(MAX_ITEMS), ROOT, u64(64_000), u32(DEADLINE), LONG
        )
    jobs.protocol_jobs.next_set.value = u32(count)


@benchmark("Jobs.add_protocol_set")
def add_protocol_set(b: Bench) -> Case:
    """Add the last set that fits."""
    era(b)
    model = known(b, b.account(3))
    sets(b, MAX_SETS - 1, model)
    return b.root(
        "Jobs", "add_protocol_set", model=model, items=u32(MAX_ITEMS), input_root=ROOT,
        data_bytes=u64(64_000), deadline=u32(DEADLINE), endpoints=LONG,
    )  # fmt: skip


@benchmark("Jobs.remove_protocol_set")
def remove_protocol_set(b: Bench) -> Case:
    """Remove a set."""
    sets(b, 1, ROOT)
    return b.root("Jobs", "remove_protocol_set", index=u32(0))


@benchmark("Jobs.set_params")
def set_params(b: Bench) -> Case:
    """Set all parameters to their present values."""
    return b.root("Jobs", "set_params", params=b.runtime.jobs.params.value)


# ---- steps of the hook


@benchmark("Jobs.look")
def look(b: Bench) -> Case:
    """Check all queues when nothing is due."""
    posted(b)
    jobs = b.runtime.jobs
    pace = jobs.stalls.pace.value
    pace.last = u32(BLOCK - 1)
    jobs.stalls.pace.value = pace
    jobs.era.value = u32(BLOCK // int(jobs.epoch_slots))
    jobs.store.timers.ahead.value = Ahead()
    return Case(run=lambda: jobs.on_initialize(BLOCK))


@benchmark("Jobs.move_price", members=(0, MAX_MEMBERS))
def move_price(b: Bench, members: int) -> Case:
    """Move the price of a class with that many members."""
    era(b)
    fill(b, 0, 1, members, silent=False)
    jobs = b.runtime.jobs
    jobs.prices.markets[u16(0)] = Market(u128(10**12), u64(10**6))
    return Case(run=lambda: jobs.prices.move_price(0))


@benchmark("Jobs.post_protocol")
def post_protocol(b: Bench) -> Case:
    """Post a job of the chain."""
    era(b)
    rich(b)
    sets(b, 1, known(b, b.account(3)))
    return Case(run=lambda: b.runtime.jobs.protocol_jobs.post(u32(0)))


@benchmark("Jobs.expire")
def expire(b: Bench) -> Case:
    """End a job that was not delivered in time, the last of its model; its provider is fined."""
    computing(b, BLOCK)
    jobs = b.runtime.jobs

    def run() -> None:
        for id in jobs.store.timers.take(DEADLINES, 1):
            jobs.outcomes.expire(id)

    return Case(run=run)


@benchmark("Jobs.select", members=(0, MAX_MEMBERS))
def select(b: Bench, members: int) -> Case:
    """Select a provider from a class in which every member is eligible and a sub-account."""
    id, job = posted(b)
    fill(b, 0, 1, members, silent=False)
    jobs, book, parent = b.runtime.jobs, b.runtime.providers, named(b, 0, paid=False)
    for who in book.membership.members[u16(0)]:
        book.performance.conduct[who] = Conduct(
            u32(ERA - 30), u32(9), u32(9), u32(7), u32(7), times()
        )
        belongs(b, who, parent)
    jobs.store.timers.remove(int(job.queue), job.timer)
    job.timer = jobs.store.timers.enter(int(job.queue), BLOCK, id)
    jobs.store.jobs[id] = job

    def run() -> None:
        for each in jobs.store.timers.take(int(job.queue), 1):
            jobs.matching.select(each, BLOCK)

    return Case(run=run)


@benchmark("Jobs.forget", jobs=(1, MAX_FORGOTTEN))
def forget(b: Bench, jobs: int) -> Case:
    """Remove that many jobs that ended long ago."""
    pallet = b.runtime.jobs
    job = Job(
        b.poor(0), ROOT, u16(0), u32(MAX_ITEMS), ROOT, Tier.Open, Check.Full, Urgency.Urgent,
        u128(BTT), u128(BTT), u128(BTT), u64(7), u64(7), u32(DEADLINE), bytes(32), LONG, u32(7),
        state=JobState.Finalized, provider=b.poor(1), receipt=NO_HASH,
        refused=[b.poor(place) for place in range(MAX_ATTEMPTS - 1)],
    )  # fmt: skip
    for number in range(jobs):
        id = H256(blake2_256(b"job %d" % number))
        one = deepcopy(job)
        one.requester, one.provider = b.poor(2 * number), b.poor(2 * number + 1)
        pallet.store.jobs[id] = one
        involved = pallet.store.involved
        involved[one.requester, id] = involved[one.provider, id] = u32(7)
        pallet.store.timers.enter(FORGETTING, BLOCK - 5, id)

    def run() -> None:
        for id in pallet.store.timers.take(FORGETTING, MAX_FORGOTTEN):
            pallet.store.forget(id)

    return Case(run=run)
