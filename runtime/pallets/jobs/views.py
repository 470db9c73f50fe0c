"""Types of the runtime API of useful work: jobs, receipts, duties, providers, models, prices.

Amounts are in planck. Times are slots since genesis, as `now` is: 0 is the slot of block 1.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import LOWER_NAMES, MILLIONTHS, SLOTS, SPAN_MS, TEXT, means
from btt_chain.scale import path, u8, u16, u32, u64
from runtime.frame.aliases import Planck, SlotCount, SlotNumber
from runtime.pallets.jobs.types import Check, Endpoints, JobState, Outcome, PublicKey, Tier, Urgency
from runtime.pallets.models.types import CheckMode, Description, LicenceChange
from runtime.pallets.providers.types import ProviderInfo
from runtime.pallets.receipts.types import Challenge, Phase, SessionKey, Verdict


@path("btt_runtime::work::SeatView")
@dataclass(frozen=True, slots=True)
class SeatView:
    """A verifier in the committee of a receipt."""

    verifier: AccountId
    key: SessionKey
    """BABE session key for its sortition and signatures in this committee."""
    beacon: H256
    """Beacon of its sortition: the VRF input is `ids.check_input(beacon, receipt)`."""
    committed: bool
    verdict: Verdict | None
    """None: not revealed yet."""
    digest: H256
    rho: H256
    """Randomness, once revealed: it checks `ids.sample(rho, items, sample_count, missed)`."""
    missed: list[u32]
    """Items that other verifiers missed: it checks them besides its own sample."""


@path("btt_runtime::work::ReceiptView")
@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A provider's claim of a computation, and the state of its verification."""

    id: H256
    job: H256
    provider: AccountId
    attempt: u8
    item_root: H256
    output_root: H256
    planted_error_commit: H256
    started: SlotNumber
    finished: SlotNumber
    submitted: SlotNumber
    phase: Phase
    commit_until: SlotNumber
    """First slot in which commitments are no longer accepted."""
    reveal_until: SlotNumber
    """First slot in which reveals, which begin at `commit_until`, are no longer accepted."""
    due: SlotNumber
    """Slot at which the phase ends by itself."""
    replacements: u8
    had_planted_error: bool
    """True if it contained a planted error; the roots are now the correct ones."""
    sample_count: u32
    """Number of items that each verifier checks."""
    seats: list[SeatView]
    challenges: list[Challenge]
    """Leaves that the provider has to show on the chain, and its answers."""


@path("btt_runtime::work::JobView")
@dataclass(frozen=True, slots=True)
class JobView:
    """A job: its request, provider, state and cost."""

    id: H256
    now: SlotNumber
    """Slot of this view."""
    state: JobState
    outcome: Outcome | None
    requester: AccountId | None
    """None: the chain itself."""
    model: H256
    model_class: u16
    items: u32
    input_root: H256
    tier: Tier
    check: Check
    urgency: Urgency
    price: Planck
    verification: Planck
    deposit: Planck
    paid: Planck
    """Amount paid to the provider."""
    work: u64
    data_bytes: u64
    deadline: SlotCount
    """Slots for the provider, counted from the end of the payload's delivery time."""
    reply_key: PublicKey
    endpoints: Endpoints
    """Endpoints of the payload."""
    posted: SlotNumber
    since: SlotNumber
    due: SlotNumber
    """Slot at which the state ends by itself; 0 if the receipt determines it."""
    attempt: u8
    seed: H256
    """Randomness that selected the provider, and decides whether it plants an error."""
    scores: bool
    accepted: SlotNumber
    provider: AccountId | None
    provider_info: ProviderInfo | None
    receipt: ReceiptView | None


@means(LOWER_NAMES)
@path("btt_runtime::work::Task")
class Task(IntEnum):
    """Task of a verifier for a receipt."""

    Commit = 0
    """Fetch and check the data, and commit to the verdict."""
    Reveal = 1
    """Reveal the verdict, from `commit_until` on."""
    Prove = 2
    """Submit the proof of the error found."""


@path("btt_runtime::work::Duty")
@dataclass(frozen=True, slots=True)
class Duty:
    """A receipt for which a verifier has a task; its data are in `job`."""

    task: Task
    seat: SeatView
    job: JobView
    """With the receipt, and the endpoints of provider and requester."""


@path("btt_runtime::work::WorkQuote")
@dataclass(frozen=True, slots=True)
class WorkQuote:
    """The current cost of a job."""

    work: u64
    """In 10^9 multiplications."""
    base: Planck
    """Price per unit of work of the class, in planck."""
    price: Planck
    verification: Planck
    deposit: Planck
    """Additional deposit; released unless the payload is missing or invalid."""
    total: Planck
    """Total amount put on hold."""
    providers: u32
    """Number of jobs of the class that can run at the same time."""
    min_deadline: Annotated[u32, SLOTS]
    """Minimum deadline, in slots."""


@path("btt_runtime::work::ProviderView")
@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider, its bond and its load."""

    provider: AccountId
    operator: AccountId | None
    """Operator that its work earns for; None while its bond is too small."""
    info: ProviderInfo
    active: Planck
    reserved: Planck
    leaving: Planck
    capacity: u32
    busy: u32
    last_heartbeat: u32
    """Era of its last heartbeat."""
    chilled: bool
    lost: Planck
    """Amount taken from its bond since it registered, by fines and slashes."""


@path("btt_runtime::work::ModelView")
@dataclass(frozen=True, slots=True)
class ModelView:
    """A model for jobs; its graph is in `Models.Manifests`."""

    id: H256
    owner: AccountId
    name: Annotated[bytes, TEXT]
    model_class: u16
    macs: u64
    check: CheckMode
    endpoints: Endpoints
    open_jobs: u32
    suspended: bool
    retired: bool
    committed: u32
    """Bytes of leaves of one item."""
    outputs: u16
    """Numbers in the last axis of the first output."""
    schema: H256
    """Hash of the preparation of inputs."""
    licence: Planck
    """The owner's present fee for an item; not charged yet."""
    next_licence: LicenceChange | None
    """The change of that fee that does not hold yet."""
    description: Description
    """The owner's word."""


@path("btt_runtime::work::ClassPrice")
@dataclass(frozen=True, slots=True)
class ClassPrice:
    """Prices of work of a class of machines."""

    model_class: u16
    name: Annotated[bytes, TEXT]
    base: Planck
    """Current price, in planck per 10^9 multiplications."""
    least: Planck
    most: Planck
    speed: u32
    """Speed of one job at a time, in 10^9 multiplications per second."""
    sold: u64
    """Work accepted by providers in the current era, in 10^9 multiplications."""
    offered: u32
    """Number of jobs that can run at the same time."""


@path("btt_runtime::work::Rules")
@dataclass(frozen=True, slots=True)
class Rules:
    """Parameters that are constant while a daemon runs: windows, in slots, and the committee."""

    genesis: H256
    genesis_slot: u64
    """Slot of block 1, from which slots in this API are counted."""
    slot_ms: Annotated[u64, SPAN_MS]
    beacon_delay: Annotated[u32, SLOTS]
    planted_error_ppm: Annotated[u32, MILLIONTHS]
    committee: u32
    quorum: u32
    accept_slots: Annotated[u32, SLOTS]
    transcript_slots: Annotated[u32, SLOTS]
    commit_slots: Annotated[u32, SLOTS]
    reveal_slots: Annotated[u32, SLOTS]
    challenge_slots: Annotated[u32, SLOTS]
    confidential_slots: Annotated[u32, SLOTS]
    """Time for disputes of a confidential receipt."""
