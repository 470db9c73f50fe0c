"""What the runtime API of useful work tells: jobs, receipts, duties, providers, models, prices.

Amounts are in planck. Times are slots since genesis, as `now` is: 0 is the slot of block 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import path, u8, u16, u32, u64, u128
from runtime.pallets.jobs.types import (
    Check,
    Endpoints,
    JobState,
    Outcome,
    PublicKey,
    Slots,
    Tier,
    Urgency,
)
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.types import ProviderInfo
from runtime.pallets.receipts.types import Challenge, Phase, SessionKey, Verdict


@path("btt_runtime::work::SeatView")
@dataclass(frozen=True, slots=True)
class SeatView:
    """A verifier in the committee of a receipt."""

    verifier: AccountId
    key: SessionKey
    """The BABE session key that it draws and signs with here."""
    beacon: H256
    """What it draws by (`ids.check_input(beacon, receipt)`)."""
    committed: bool
    verdict: Verdict | None
    """None: not revealed yet."""
    digest: H256
    rho: H256
    """Its luck, once revealed: `ids.sample(rho, items, looked_at, missed)` is what it looked at."""
    missed: list[u32]
    """Items that others missed: it looks at them besides those that it draws."""


@path("btt_runtime::work::ReceiptView")
@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What a provider says that it computed, and what became of that."""

    id: H256
    job: H256
    provider: AccountId
    attempt: u8
    item_root: H256
    output_root: H256
    trap_commit: H256
    started: Slots
    finished: Slots
    submitted: Slots
    phase: Phase
    commit_until: Slots
    """Before this slot verifiers commit."""
    reveal_until: Slots
    """From `commit_until` to before this slot they reveal."""
    due: Slots
    """When the phase ends by itself."""
    redraws: u8
    trapped: bool
    """It was a trap; the roots are the right ones now."""
    looked_at: u32
    """How many items each verifier looks at."""
    seats: list[SeatView]
    challenges: list[Challenge]
    """Leaves that the provider has to show on the chain, and whether it did."""


@path("btt_runtime::work::JobView")
@dataclass(frozen=True, slots=True)
class JobView:
    """A job: what was asked for, who does it, how far it is, and what it costs."""

    id: H256
    now: Slots
    """The slot that all this is told in."""
    state: JobState
    outcome: Outcome | None
    requester: AccountId | None
    """None: the chain itself."""
    model: H256
    klass: u16
    items: u32
    input_root: H256
    tier: Tier
    check: Check
    urgency: Urgency
    price: u128
    verification: u128
    deposit: u128
    paid: u128
    """What the provider got."""
    work: u64
    data_bytes: u64
    deadline: Slots
    """How many slots a provider has, once the time for delivering the payload is over."""
    reply_key: PublicKey
    endpoints: Endpoints
    """Where the payload is fetched from."""
    posted: Slots
    since: Slots
    due: Slots
    """When the state ends by itself; 0: what the receipt tells."""
    attempt: u8
    seed: H256
    """What drew the provider; it draws by it whether to lay a trap (`ids.trap_input`)."""
    scores: bool
    accepted: Slots
    provider: AccountId | None
    provider_info: ProviderInfo | None
    receipt: ReceiptView | None


@path("btt_runtime::work::Task")
class Task(IntEnum):
    """What a verifier has to do about a receipt."""

    Commit = 0
    """Fetch, check, and commit to the verdict."""
    Reveal = 1
    """Reveal it, from `commit_until` on."""
    Prove = 2
    """Send the proof of what it found wrong."""


@path("btt_runtime::work::Duty")
@dataclass(frozen=True, slots=True)
class Duty:
    """A receipt that a verifier has to do something about; what it is of stands in `job`."""

    task: Task
    seat: SeatView
    job: JobView
    """With the receipt, the provider's endpoints and the requester's."""


@path("btt_runtime::work::WorkQuote")
@dataclass(frozen=True, slots=True)
class WorkQuote:
    """What a job would cost now."""

    work: u64
    """Thousand million multiplications."""
    base: u128
    """What a unit of work of the class costs."""
    price: u128
    verification: u128
    deposit: u128
    """Held besides; it comes back unless the payload is missing or bad."""
    total: u128
    """All that is held."""
    providers: u32
    """Jobs of the class that could be done at a time."""
    least_deadline: u32
    """How many slots a provider has to be given at least."""


@path("btt_runtime::work::ProviderView")
@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider, its bond, and what it does."""

    provider: AccountId
    operator: AccountId | None
    """Who earns by its work; None while its bond is too small."""
    info: ProviderInfo
    active: u128
    reserved: u128
    leaving: u128
    capacity: u32
    busy: u32
    heard: u32
    """The era of its last heartbeat."""
    chilled: bool


@path("btt_runtime::work::ModelView")
@dataclass(frozen=True, slots=True)
class ModelView:
    """A model that jobs can use; its graph stands in `Models.Manifests`."""

    id: H256
    owner: AccountId
    name: bytes
    klass: u16
    macs: u64
    check: CheckMode
    endpoints: Endpoints
    open_jobs: u32
    suspended: bool
    retired: bool


@path("btt_runtime::work::ClassPrice")
@dataclass(frozen=True, slots=True)
class ClassPrice:
    """What work of a class of machines costs."""

    klass: u16
    name: bytes
    base: u128
    """Planck per thousand million multiplications, now."""
    least: u128
    most: u128
    speed: u32
    """Thousand million multiplications a second, of one job at a time."""
    sold: u64
    """What providers took on in the era that runs, in the same unit."""
    offered: u32
    """Jobs that could be done at a time."""


@path("btt_runtime::work::Rules")
@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change while a daemon runs: the windows, in slots, and the committee."""

    genesis: H256
    genesis_slot: u64
    """The slot of block 1; slots here are counted from it."""
    slot_ms: u64
    beacon_delay: u32
    trap_ppm: u32
    committee: u32
    quorum: u32
    accept_slots: u32
    transcript_slots: u32
    commit_slots: u32
    reveal_slots: u32
    challenge_slots: u32
    confidential_slots: u32
    """How long a confidential receipt can be disputed."""


@path("btt_runtime::work::VerifierView")
@dataclass(frozen=True, slots=True)
class VerifierView:
    """A verifier's bond, and how it does."""

    bond: u128
    misses: u8
    """How often in a row it was silent; three are too many."""
    free_at: u32 | None
    """When it may take its bond back; None: it is at work."""
