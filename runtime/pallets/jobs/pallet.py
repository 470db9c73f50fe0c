"""Jobs: paid computation, from posting to payment.

A job passes these states: posted, assigned to a provider selected by a beacon that was unknown
when it was posted, accepted, committed to by a receipt, checked, pending, finalized; `phases.py`
has all transitions. Each state that waits for a party has a deadline, after which the job goes on
or ends and its money returns. Invariants: the sum of the escrows of open jobs equals the amount on
hold for them; and a job's escrow equals what its provider, its verifiers, the pools, the burn and
its requester received.

The chain posts jobs itself, once in an era, while the unallocated emission can pay them; no escrow
pays those, and they score nothing. Receipts decides about receipts, by way of `deliveries.py`.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Final

from btt_chain.scale import TypeName, u32, u64
from btt_chain.work import ids
from runtime.frame import (
    Const,
    Constant,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    ReasonOf,
    Section,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import BlockNumber, CompactBalanceOf, HashOf
from runtime.frame.timers import ShiftedQueues
from runtime.frame.traits import IdentityInspect
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.jobs import errors, events, phases, pricing, weights
from runtime.pallets.jobs.deliveries import PATIENCE_EPOCHS, Deliveries
from runtime.pallets.jobs.escrow import Escrows
from runtime.pallets.jobs.matching import (
    MAX_RETRY,
    MAX_SELECTIONS,
    MIN_SELECTIONS,
    POSTING_SLOTS,
    RETRY_SLOTS,
    STALE_SLOTS,
    Matching,
)
from runtime.pallets.jobs.outcomes import Outcomes
from runtime.pallets.jobs.phases import Action
from runtime.pallets.jobs.prices import DEADLINE_FACTOR, Prices
from runtime.pallets.jobs.protocol_jobs import ProtocolJobs
from runtime.pallets.jobs.store import (
    CANCELLED_SLOTS,
    DEADLINES,
    FORGETTING,
    GAP_SLOTS,
    KEEP_EPOCHS,
    JobRules,
    JobStore,
    StallTracker,
)
from runtime.pallets.jobs.types import (
    BOND_FACTOR,
    MAX_ATTEMPTS,
    MAX_DEADLINE,
    MAX_ITEMS,
    MAX_SETS,
    Benefits,
    Check,
    Endpoints,
    Job,
    JobId,
    JobState,
    NoBenefits,
    NoopIdentities,
    NoopUsage,
    NoRequesters,
    Params,
    Payer,
    ProtocolSet,
    PublicKey,
    Requesters,
    SetIndex,
    Share,
    Tier,
    Urgency,
    Usage,
)
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.models.pallet import Models
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.system.pallet import System
from runtime.splits import COMPUTE, DEVELOPMENT_BPS, FOUNDATION_BPS, RESERVE_BPS

MAX_DEADLINES: Final = 16
MAX_FORGOTTEN: Final = 256
"""Limits of one block; the rest stays due."""


class Jobs(Pallet, events=events, errors=errors):
    """Paid computation. Amounts in planck, times in slots since genesis."""

    # ---- constants

    accept_slots: Const[u32]
    """Time for a provider to accept, in slots."""
    payload_slots: Const[u32]
    """Time for a requester to deliver, in slots; after it the provider may refuse."""
    beacon_delay: Const[u32]
    """Minimum delay of the beacon that selects a provider, in slots."""
    beacon_authors: Const[u32]
    """Minimum number of different authors of blocks between the request and that beacon."""
    committee: Const[u32]
    """Number of verifiers that are paid for checking a receipt."""
    min_operators: Const[u32]
    """Minimum number of eligible operators for the work to score."""
    posting_slots = Constant(u32(POSTING_SLOTS))
    """Maximum wait of a job for a provider, in slots; then its money is returned."""
    retry_slots = Constant(u32(RETRY_SLOTS))
    """Wait of a job before its next selection if no provider is free, in slots; then doubled
    each time."""
    max_retry = Constant(u32(MAX_RETRY))
    """Maximum of that wait, in slots; half of it if the job is urgent, a quarter in emergencies."""
    stale_slots = Constant(u32(STALE_SLOTS))
    """Age of a request for a beacon, in slots, at which a job makes a new one: the beacon may no
    longer be stored."""
    gap_slots = Constant(u32(GAP_SLOTS))
    """Maximum distance of two blocks, in slots; a longer one is a stall of the chain, which shifts
    the deadlines of open jobs by the empty slots."""
    keep_epochs = Constant(u32(KEEP_EPOCHS))
    """Number of epochs for which an ended job is stored."""
    cancelled_slots = Constant(u32(CANCELLED_SLOTS))
    """Number of slots for which a job cancelled without a provider is stored: posting is cheap."""
    patience_epochs = Constant(u32(PATIENCE_EPOCHS))
    """Number of epochs that a job of the chain waits for its pay from the unallocated emission:
    more than one of its budgets."""
    max_attempts = Constant(u32(MAX_ATTEMPTS))
    """Maximum number of assignments of a job."""
    deadline_factor = Constant(u32(DEADLINE_FACTOR))
    """Minimum deadline, as a multiple of the time that the class needs; one slot is added."""
    max_deadline = Constant(u32(MAX_DEADLINE))
    """Maximum deadline, in slots: a week of six seconds each."""
    max_items = Constant(u32(MAX_ITEMS))
    """Maximum number of items of a job."""
    max_sets = Constant(u32(MAX_SETS))
    """Maximum number of jobs that the chain posts in each era."""
    min_selections = Constant(u32(MIN_SELECTIONS))
    """Number of selections that a block may always make, however short slots are."""
    max_selections = Constant(u32(MAX_SELECTIONS))
    """Maximum number of selections of a block, however long slots are."""
    unit_macs = Constant(u64(pricing.UNIT_MACS))
    """Multiplications of a unit of work; a started unit is paid in full."""
    byte_macs = Constant(u32(pricing.BYTE_MACS))
    """Multiplications that the price has for each byte of leaves of an item; scores have none."""
    urgent_factor = Constant(u32(pricing.URGENCY_PPM[Urgency.Urgent]))
    """Price of urgent work, in parts per million of the routine price."""
    emergency_factor = Constant(u32(pricing.URGENCY_PPM[Urgency.Emergency]))
    """Price of emergency work, in parts per million of the routine price."""
    demand_target = Constant(u32(pricing.TARGET_PPM))
    """Sold part of the offered work at which the price of a class is stable, in parts per
    million."""
    demand_slowness = Constant(u32(pricing.SLOWNESS))
    """Divisor of (sold part - `DemandTarget`) that gives a price's relative change in an era."""
    bond_factor = Constant(u32(BOND_FACTOR))
    """Multiple of a job's price that its provider has at stake, and loses by a wrong receipt."""
    deposit_share = Constant(u32(pricing.DEPOSIT_BPS))
    """Deposit, lost if the requester's payload is missing or bad, in basis points of the price."""
    sample_divisor = Constant(u32(ids.SAMPLED))
    """Number of items of which each verifier checks one; it checks one item at least."""
    protocol_divisor = Constant(u32(ids.PROTOCOL_SAMPLED))
    """Number of items of which a verifier checks one in a job of the chain itself."""
    fee_share = Constant(u32(pricing.FEE_BPS))
    """Fee of a verifier, in basis points of the price of the items that it checks."""
    burn_low = Constant(u32(COMPUTE.low))
    """Burned part of the smallest prices, in basis points."""
    burn_high = Constant(u32(COMPUTE.high))
    """Burned part of prices from `Tokenomics.HighValueThreshold` on, in basis points."""
    development_share = Constant(u32(DEVELOPMENT_BPS))
    """Part of the rest of a price for the development fund, in basis points."""
    foundation_share = Constant(u32(FOUNDATION_BPS))
    """Part of that rest for the Foundation, in basis points."""
    reserve_share = Constant(u32(RESERVE_BPS))
    """Part of that rest for the reserve, in basis points; the provider receives the remainder."""

    # ---- dependencies

    epoch_slots: u32
    slot_ms: u64
    currency: Balances
    payer: Payer
    clock: BeaconClock
    system: System
    providers: Engagements
    models: Models
    mining: Mining
    dividend_bps: Share
    """Stakers' share of the development fund's compute income, in basis points."""
    benefits: Benefits = NoBenefits()
    identities: IdentityInspect = NoopIdentities()
    facilities: Requesters = NoRequesters()
    usage: Usage = NoopUsage()
    """Receiver of what requesters paid: `connect` sets it."""
    params_origin: OriginCheck
    """Origin that sets the parameters."""
    sets_origin: OriginCheck = ensure_root
    """Origin that sets the chain's own jobs."""

    # ---- storage

    era = Value(u32, default=u32(0))
    """The current era, by the slot."""
    params = Value(Params, default=Params())

    STORAGE_ORDER = ("Era", "Params", "Pace", "Jobs", "Nonces", "Involved")
    """The timers come behind the items of the store, which uses them."""

    # ---- components

    rules = Part(JobRules)
    stalls = Part(StallTracker)
    timers = Part(ShiftedQueues)
    store = Part(JobStore)
    escrows = Part(Escrows)
    prices = Part(Prices)
    outcomes = Part(Outcomes)
    matching = Part(Matching)
    protocol_jobs = Part(ProtocolJobs)
    deliveries = Part(Deliveries)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        Escrow = 0

    reason = ReasonOf(HoldReason.Escrow)
    """The reason of escrows in Balances."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the chain's own jobs of `protocolSets`. Raises GenesisError."""
        fields = Section(config, "jobs").fields(optional=("protocolSets",))
        if "protocolSets" in fields:
            self.protocol_jobs.open(fields["protocolSets"])

    def on_initialize(self, number: int) -> int:
        """Move prices, post the chain's jobs, end late ones, select providers; limited a block."""
        del number
        now = self.clock.now()
        self.stalls.note_block(now)
        weight = weights.LOOK + self._turn_era(now)
        if self.store.timers.nothing_due():
            return weight
        for id in self.store.timers.take(DEADLINES, MAX_DEADLINES):
            weight += weights.EXPIRE
            self.outcomes.expire(id)
        weight += self.matching.run(now)
        forgotten = self.store.timers.take(FORGETTING, MAX_FORGOTTEN)
        for id in forgotten:
            self.store.forget(id)
        if forgotten:
            weight += weights.forget(len(forgotten))
        return weight

    # ---- calls

    @call(0, weight=weights.POST)
    def post(
        self,
        origin: Origin,
        model: HashOf,
        items: u32,
        input_root: HashOf,
        tier: Tier,
        check: Check,
        urgency: Urgency,
        max_price: CompactBalanceOf,
        data_bytes: u64,
        deadline: BlockNumber,
        reply_key: PublicKey,
        endpoints: Endpoints,
    ) -> None:
        """Post a job. Price, verifiers' fees and deposit are held until the end.

        `max_price` limits the price alone, in planck. A provider is selected at random; deliver the
        payload, sealed to that provider, once it accepted.
        """
        who = origin.signed()
        quote = self.prices.quote(model, int(items), urgency, check, tier, int(data_bytes))
        model_class = self.prices.usable(model).model_class
        self.prices.ensure_deadline(int(model_class), int(quote.work), int(deadline))
        if quote.price > max_price:
            raise errors.PriceAboveMax
        job = Job(
            who, model, model_class, items, input_root, tier, check, urgency, quote.price,
            quote.verification, quote.deposit, quote.work, data_bytes, deadline, reply_key,
            endpoints, u32(self.clock.now()),
        )  # fmt: skip
        self.escrows.open(job)
        self.store.post(job, who)

    @call(1, weight=weights.CANCEL)
    def cancel(self, origin: Origin, job: JobId) -> None:
        """Cancel a job that no provider has accepted. If one is assigned, the deposit is burned."""
        who = origin.signed()
        found = self.store.expect(job)
        if found.requester != who:
            raise errors.NotRequester
        self.outcomes.refund(job, found, phases.step(found.state, Action.CANCEL))

    @call(2, weight=weights.ACCEPT)
    def accept(self, origin: Origin, job: JobId) -> None:
        """Accept a job for which the caller was selected.

        The requester has `payload_slots` to deliver; then the provider has `deadline` slots.
        """
        found = self.store.expect_assigned(job, origin.signed(), JobState.Assigned)
        now = self.clock.now()
        found.accepted = u32(now)
        until = now + int(self.payload_slots) + int(found.deadline)
        self.store.enter(job, found, phases.step(found.state, Action.ACCEPT).state, until)
        self.prices.sell(found)
        self.deposit(events.Accepted(job, found.assignee, found.due))

    @call(3, weight=weights.DECLINE)
    def decline(self, origin: Origin, job: JobId) -> None:
        """Decline a job for which the caller was selected; another provider is to be selected.

        Declines beyond `decline_quota` (5 % at first) cost `decline_fine` (0.5 % of the bond).
        """
        found = self.store.expect_assigned(job, origin.signed(), JobState.Assigned)
        self.outcomes.pass_on(job, found, phases.step(found.state, Action.DECLINE))

    @call(4, weight=weights.REFUSE_PAYLOAD)
    def refuse_payload(self, origin: Origin, job: JobId) -> None:
        """Return a job whose payload did not come, or cannot be opened.

        The requester's deposit is burned and the rest is returned to it. As much of the caller's
        bond is burned: the chain cannot determine which of the two is at fault, so neither gains.
        It counts as a job not done well, but not as declined: requesters could cause those at will.
        """
        who = origin.signed()
        found = self.store.expect_assigned(job, who, JobState.Computing)
        if self.clock.now() < int(found.due) - int(found.deadline):
            raise errors.PayloadEarly
        self.outcomes.stop_clock(found)
        self.outcomes.note_done(found, ok=False)
        self.outcomes.refund(job, found, phases.step(found.state, Action.REFUSE_PAYLOAD))
        self.providers.charge(who, found.deposit)

    @call(5, weight=weights.ADD_PROTOCOL_SET)
    def add_protocol_set(
        self,
        origin: Origin,
        model: HashOf,
        items: u32,
        input_root: HashOf,
        data_bytes: u64,
        deadline: BlockNumber,
        endpoints: Endpoints,
    ) -> None:
        """Add a job that the chain posts in each era and pays itself. The inputs are public."""
        self.sets_origin(origin)
        self.protocol_jobs.add(
            ProtocolSet(model, items, input_root, data_bytes, deadline, endpoints)
        )

    @call(6, weight=weights.REMOVE_PROTOCOL_SET)
    def remove_protocol_set(self, origin: Origin, index: SetIndex) -> None:
        """Remove a job that the chain posts in each era. Posted jobs go on."""
        self.sets_origin(origin)
        self.protocol_jobs.remove(index)

    @call(7, weight=weights.SET_PARAMS)
    def set_params(
        self, origin: Origin, params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
    ) -> None:
        """Set the parameters. Posted jobs keep their prices."""
        self.params_origin(origin)
        if min(params.min_fee, params.min_price) < Params().min_fee:
            raise errors.InvalidParams
        self.params.value = params
        self.deposit(events.ParamsSet(params))

    # ---- public interface

    def connect(self, usage: Usage) -> None:
        """Connect the receiver of what requesters paid, which itself depends on this pallet."""
        self.usage = self.deliveries.usage = usage

    # ---- internals

    def _turn_era(self, now: int) -> int:
        """Begin an era, move the price of a class, and post protocol jobs; return the weight."""
        era = now // int(self.epoch_slots)
        began = era > self.era.value
        if began:
            self.era.value = u32(era)
            self.protocol_jobs.restart()
        return self.prices.move(era_began=began) + self.protocol_jobs.post_next()
