"""Jobs: paid computation, from posting to payment.

A job passes these states: posted, assigned to a provider selected by a beacon that was unknown
when it was posted, accepted, committed to by a receipt, checked, pending, finalized. Each state
that waits for a party has a deadline, after which the job goes on or ends and its money returns.
Invariants: the sum of the escrows of open jobs equals the amount on hold for them; and a job's
escrow equals what its provider, its verifiers, the pools, the burn and its requester received.

The chain posts jobs itself, once in an era, while the unallocated emission can pay them; no escrow
pays those, and they score nothing. Receipts decides about receipts, and calls the interface here.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, ClassVar, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Compact, TypeName, codec, u8, u16, u32, u64, u128
from btt_chain.work import ids
from runtime.frame import (
    Const,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Reason,
    Value,
    call,
)
from runtime.frame.timers import NO_TIMER, TimerQueues
from runtime.pallets.jobs import pricing
from runtime.pallets.jobs.types import (
    BOND_FACTOR,
    MAX_ATTEMPTS,
    MAX_DEADLINE,
    MAX_ITEMS,
    MAX_SETS,
    Carry,
    Check,
    Clock,
    Currency,
    Endpoints,
    Identities,
    Job,
    JobState,
    Market,
    ModelRecord,
    Models,
    NoopIdentities,
    NoPerks,
    Outcome,
    Pace,
    Params,
    Payer,
    Perks,
    ProtocolSet,
    Providers,
    PublicKey,
    Quote,
    Slots,
    Tier,
    Urgency,
)
from runtime.pallets.providers.types import MAX_MEMBERS
from runtime.pallets.system import System
from runtime.pallets.tokenomics import BurnReason
from runtime.splits import (
    COMPUTE,
    DEVELOPMENT_BPS,
    FOUNDATION_BPS,
    RESERVE_BPS,
    ceil_div,
    split_compute,
)
from runtime.weights import block
from runtime.weights import jobs as weights

POSTING_SLOTS: Final = 600
RETRY_SLOTS: Final = 10
MAX_RETRY: Final = 40
STALE_SLOTS: Final = 900
GAP_SLOTS: Final = 50
KEEP_EPOCHS: Final = 14
CANCELLED_SLOTS: Final = 50
PATIENCE_EPOCHS: Final = 2
DEADLINE_FACTOR: Final = 2
"""Constants of `Jobs`, described there."""
MAX_SETS_AT_ONCE: Final = 4
"""Maximum number of protocol jobs that one block posts."""

DEADLINES: Final = 0
FORGETTING: Final = 7
DRAWS: Final = (1, 2, 3, 4, 5, 6)
"""Timer queues: selections by urgency, jobs of stakers with priority first."""
MAX_DEADLINES: Final = 16
MAX_DRAWS: Final = 32
MIN_DRAWS: Final = 8
MAX_FORGOTTEN: Final = 256
"""Limits of one block; the rest stays due. The number of selections depends on the slot length."""
BUDGET: Final = 30
"""Divisor of a slot's time that limits selections: they take a tenth of a block's at most."""

PICOS: Final = 10**9
"""Picoseconds in a millisecond."""
WORST_DRAW: Final = weights.draw(MAX_MEMBERS)
"""Maximum weight of the selection for one job, in picoseconds."""

Hash = Annotated[H256, TypeName("T::Hash")]
JobId = Annotated[H256, TypeName("JobId")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
SetIndex = Annotated[u32, TypeName("SetIndex")]


class Jobs(Pallet):
    """Paid computation. Amounts in planck, times in slots since genesis."""

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
    epoch_slots: u32
    slot_ms: u64
    currency: Currency
    payer: Payer
    clock: Clock
    system: System
    providers: Providers
    models: Models
    carry: Carry
    perks: Perks = NoPerks()
    identities: Identities = NoopIdentities()
    params_origin: OriginCheck
    """Origin that sets the parameters and the chain's own jobs."""

    posting_slots: ClassVar[Const[u32]] = u32(POSTING_SLOTS)
    """Maximum wait of a job for a provider, in slots; then its money is returned."""
    retry_slots: ClassVar[Const[u32]] = u32(RETRY_SLOTS)
    """Wait of a job before its next selection if no provider is free, in slots; then doubled
    each time."""
    most_retry: ClassVar[Const[u32]] = u32(MAX_RETRY)
    """Maximum of that wait, in slots; half of it if the job is urgent, a quarter in emergencies."""
    stale_slots: ClassVar[Const[u32]] = u32(STALE_SLOTS)
    """Age of a request for a beacon, in slots, at which a job makes a new one: the beacon may no
    longer be stored."""
    gap_slots: ClassVar[Const[u32]] = u32(GAP_SLOTS)
    """Maximum distance of two blocks, in slots; a longer one is a stall of the chain, which shifts
    the deadlines of open jobs by the empty slots."""
    keep_epochs: ClassVar[Const[u32]] = u32(KEEP_EPOCHS)
    """Number of epochs for which an ended job is stored."""
    cancelled_slots: ClassVar[Const[u32]] = u32(CANCELLED_SLOTS)
    """Number of slots for which a job cancelled without a provider is stored: posting is cheap."""
    patience_epochs: ClassVar[Const[u32]] = u32(PATIENCE_EPOCHS)
    """Number of epochs that a job of the chain waits for its pay from the unallocated emission:
    more than one of its budgets."""
    max_attempts: ClassVar[Const[u32]] = u32(MAX_ATTEMPTS)
    """Maximum number of assignments of a job."""
    deadline_factor: ClassVar[Const[u32]] = u32(DEADLINE_FACTOR)
    """Minimum deadline, as a multiple of the time that the class needs; one slot is added."""
    max_deadline: ClassVar[Const[u32]] = u32(MAX_DEADLINE)
    """Maximum deadline, in slots: a week of six seconds each."""
    max_items: ClassVar[Const[u32]] = u32(MAX_ITEMS)
    """Maximum number of items of a job."""
    max_sets: ClassVar[Const[u32]] = u32(MAX_SETS)
    """Maximum number of jobs that the chain posts in each era."""
    least_draws: ClassVar[Const[u32]] = u32(MIN_DRAWS)
    """Number of selections that a block may always make, however short slots are."""
    most_draws: ClassVar[Const[u32]] = u32(MAX_DRAWS)
    """Maximum number of selections of a block, however long slots are."""
    unit_macs: ClassVar[Const[u64]] = u64(pricing.UNIT_MACS)
    """Multiplications of a unit of work; a started unit is paid in full."""
    urgent_factor: ClassVar[Const[u32]] = u32(pricing.URGENCY_PPM[Urgency.Urgent])
    """Price of urgent work, in parts per million of the routine price."""
    emergency_factor: ClassVar[Const[u32]] = u32(pricing.URGENCY_PPM[Urgency.Emergency])
    """Price of emergency work, in parts per million of the routine price."""
    demand_target: ClassVar[Const[u32]] = u32(pricing.TARGET_PPM)
    """Sold part of the offered work at which the price of a class is stable, in parts per
    million."""
    demand_slowness: ClassVar[Const[u32]] = u32(pricing.SLOWNESS)
    """Divisor of (sold part - `DemandTarget`) that gives a price's relative change in an era."""
    bond_factor: ClassVar[Const[u32]] = u32(BOND_FACTOR)
    """Multiple of a job's price that its provider has at stake, and loses by a wrong receipt."""
    deposit_share: ClassVar[Const[u32]] = u32(pricing.DEPOSIT_BPS)
    """Deposit, lost if the requester's payload is missing or bad, in basis points of the price."""
    sample_divisor: ClassVar[Const[u32]] = u32(ids.SAMPLED)
    """Number of items of which each verifier checks one; it checks one item at least."""
    protocol_divisor: ClassVar[Const[u32]] = u32(ids.PROTOCOL_SAMPLED)
    """Number of items of which a verifier checks one in a job of the chain itself."""
    fee_share: ClassVar[Const[u32]] = u32(pricing.FEE_BPS)
    """Fee of a verifier, in basis points of the price of the items that it checks."""
    burn_low: ClassVar[Const[u32]] = u32(COMPUTE.low)
    """Burned part of the smallest prices, in basis points."""
    burn_high: ClassVar[Const[u32]] = u32(COMPUTE.high)
    """Burned part of prices from `Tokenomics.HighValueThreshold` on, in basis points."""
    development_share: ClassVar[Const[u32]] = u32(DEVELOPMENT_BPS)
    """Part of the rest of a price for the development fund, in basis points."""
    foundation_share: ClassVar[Const[u32]] = u32(FOUNDATION_BPS)
    """Part of that rest for the Foundation, in basis points."""
    reserve_share: ClassVar[Const[u32]] = u32(RESERVE_BPS)
    """Part of that rest for the reserve, in basis points; the provider receives the remainder."""

    jobs = Map(H256, Job, hasher=Hasher.Identity)
    """All jobs that are open or ended recently."""
    nonces = Map(AccountId, u64, default=u64(0))
    """Number of jobs posted by each account; makes job ids unique."""
    protocol_nonce = Value(u64, default=u64(0))
    """Number of jobs posted by the chain."""
    involved = DoubleMap(AccountId, H256, u32)
    """The jobs of each requester and provider, and when they were posted."""
    escrowed = Value(u128, default=u128(0))
    """Sum of the amounts on hold for open jobs."""
    promised = Value(u128, default=u128(0))
    """Maximum cost of the chain's open jobs, verifiers included; `Mining.Carry` must cover it."""
    markets = Map(u16, Market, hasher=Hasher.Twox64Concat)
    """Price and sales of work by class, once it was sold or an era passed."""
    era = Value(u32, default=u32(0))
    """The current era, by the slot."""
    unmoved = Value(list[u16], default=[])
    """Classes whose prices are still to be moved in this era, one in a block, in this order."""
    protocol_sets = Map(u32, ProtocolSet, hasher=Hasher.Twox64Concat)
    """Jobs that the chain posts in each era."""
    next_set = Value(u32, default=u32(0))
    set_cursor = Value(u32, default=u32(0))
    """Next set to be posted in this era; past the last one when all are."""
    params = Value(Params, default=Params())
    pace = Value(Pace, default=Pace())
    """The slot of the last block, and the total length of stalls."""

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        Escrow = 0

    class Posted(Event, index=0):
        """A job was posted; `requester` is None for a job of the chain."""

        job: JobId
        requester: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
        price: Amount
        verification: Amount
        deposit: Amount

    class Assigned(Event, index=1):
        """A provider was selected; it can accept before slot `until`."""

        job: JobId
        provider: Who
        attempt: Annotated[u8, TypeName("u8")]
        until: Slots

    class Accepted(Event, index=2):
        """The provider accepted; its receipt has to come before slot `until`."""

        job: JobId
        provider: Who
        until: Slots

    class Unassigned(Event, index=3):
        """The provider did not accept or did not deliver; another one is to be selected."""

        job: JobId
        provider: Who

    class Moved(Event, index=4):
        """The receipt of a job was committed, is being checked, or was found valid."""

        job: JobId
        state: Annotated[JobState, TypeName("JobState")]

    class Finalized(Event, index=5):
        """The work was done and paid. A requester's held money is the sum of the amounts."""

        job: JobId
        provider: Who
        paid: Amount
        fees: Amount
        """Sum of the burn and of the parts for development fund, Foundation and reserve."""
        verification: Amount
        """Amount paid to verifiers."""
        returned: Amount

    class Ended(Event, index=6):
        """The job ended without payment for the work. The amounts add up to the amount held."""

        job: JobId
        outcome: Annotated[Outcome, TypeName("Outcome")]
        verification: Amount
        burned: Amount
        returned: Amount

    class PriceMoved(Event, index=7):
        """The price of a unit of work of a class changed."""

        model_class: Annotated[u16, TypeName("ClassIndex")]
        base: Amount

    class ProtocolSetAdded(Event, index=8):
        """A job was added that the chain posts in each era."""

        index: SetIndex

    class ProtocolSetRemoved(Event, index=9):
        """A job of the chain was removed, and is not posted any more."""

        index: SetIndex

    class ParamsSet(Event, index=10):
        """Governance changed the parameters; posted jobs keep their prices."""

        params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]

    class StoodStill(Event, index=11):
        """The chain stalled for `slots` slots; deadlines are shifted by as many.

        This applies to open jobs and receipts, and overrides slots reported before.
        """

        slots: Slots

    class UnknownModel(Error, index=0):
        """There is no such model, or no new job may use it; choose another in `Models`."""

    class BadItems(Error, index=1):
        """The number of items is not in 1 to 4096; split a larger job into several."""

    class BadDeadline(Error, index=2):
        """The deadline is too short for any provider, or above 100800; see `WorkApi_quote`."""

    class PriceAboveMax(Error, index=3):
        """The job costs more than `max_price`; ask `WorkApi_quote` for the price and allow that."""

    class UnknownJob(Error, index=4):
        """There is no such job, or it ended long ago; the id is in the event `Posted`."""

    class NotRequester(Error, index=5):
        """Only the job's requester may do this; sign with that account."""

    class NotProvider(Error, index=6):
        """The job is not assigned to the caller, or not any more; see its `provider`."""

    class WrongState(Error, index=7):
        """The job's state does not allow this; see its `state` for what can still be done."""

    class PayloadEarly(Error, index=8):
        """The requester still has time to deliver; refuse `payload_slots` after accepting."""

    class TooManySets(Error, index=9):
        """The chain has 16 jobs of its own already; remove one first."""

    class UnknownSet(Error, index=10):
        """There is no such set of protocol jobs; look it up in `ProtocolSets`."""

    class WrongAttempt(Error, index=11):
        """The receipt is of another attempt than the current one: it is too late."""

    class InvalidParams(Error, index=12):
        """A verifier's fee or the minimum price is below 10^15 planck, which opens no account."""

    # ---- hooks

    def setup(self) -> None:
        """Build the timer queues."""
        self.timers = TimerQueues(self, now=self.clock.now, stalled=self.stood_still)

    def on_initialize(self, number: int) -> int:
        """Move prices, post the chain's jobs, end late ones, select providers; limited a block."""
        del number
        now = self.clock.now()
        self._note_pace(now)
        weight = weights.LOOK + self._turn_era(now)
        for id in self.timers.take(DEADLINES, MAX_DEADLINES):
            weight += weights.EXPIRE
            self._expire(id)
        weight += self._draws(now)
        forgotten = self.timers.take(FORGETTING, MAX_FORGOTTEN)
        for id in forgotten:
            self._forget(id)
        if forgotten:
            weight += weights.forget(len(forgotten))
        return weight

    # ---- calls

    @call(0, weight=weights.POST)
    def post(
        self,
        origin: Origin,
        model: Hash,
        items: Annotated[u32, TypeName("u32")],
        input_root: Hash,
        tier: Annotated[Tier, TypeName("Tier")],
        check: Annotated[Check, TypeName("Check")],
        urgency: Annotated[Urgency, TypeName("Urgency")],
        max_price: CompactAmount,
        data_bytes: Annotated[u64, TypeName("u64")],
        deadline: Slots,
        reply_key: PublicKey,
        endpoints: Endpoints,
    ) -> None:
        """Post a job. Price, verifiers' fees and deposit are held until the end.

        `max_price` limits the price alone, in planck. A provider is selected at random; deliver the
        payload, sealed to that provider, once it accepted.
        """
        who = origin.signed()
        quote = self.quote(model, int(items), urgency, check, tier, int(data_bytes))
        model_class = self._usable(model).model_class
        if not self.least_deadline(int(model_class), int(quote.work)) <= deadline <= MAX_DEADLINE:
            raise self.BadDeadline
        if quote.price > max_price:
            raise self.PriceAboveMax
        job = Job(
            who, model, model_class, items, input_root, tier, check, urgency, quote.price,
            quote.verification, quote.deposit, quote.work, data_bytes, deadline, reply_key,
            endpoints, u32(self.clock.now()),
        )  # fmt: skip
        self.currency.hold(self.reason, who, u128(job.escrow))
        self.escrowed.value += job.escrow
        nonce = int(self.nonces[who])
        self.nonces[who] = u64(nonce + 1)
        self._open(job, who, nonce)

    @call(1, weight=weights.CANCEL)
    def cancel(self, origin: Origin, job: JobId) -> None:
        """Cancel a job that no provider has accepted. If one is assigned, the deposit is burned."""
        who = origin.signed()
        found = self._job(job)
        if found.requester != who:
            raise self.NotRequester
        if found.state is JobState.Posted:
            self._end(job, found, Outcome.Cancelled)
        elif found.state is JobState.Assigned:
            self._end(job, found, Outcome.Cancelled, burned=int(found.deposit))
        else:
            raise self.WrongState

    @call(2, weight=weights.ACCEPT)
    def accept(self, origin: Origin, job: JobId) -> None:
        """Accept a job for which the caller was selected.

        The requester has `payload_slots` to deliver; then the provider has `deadline` slots.
        """
        found = self._assigned(origin, job, JobState.Assigned)
        now = self.clock.now()
        found.accepted = u32(now)
        until = now + int(self.payload_slots) + int(found.deadline)
        self._go(job, found, JobState.Computing, until)
        market = self.market(int(found.model_class))
        market.sold += found.work
        self.markets[found.model_class] = market
        self.deposit(self.Accepted(job, self._provider(found), found.due))

    @call(3, weight=weights.DECLINE)
    def decline(self, origin: Origin, job: JobId) -> None:
        """Decline a job for which the caller was selected; another provider is to be selected.

        Declines beyond `decline_quota` (5 % at first) cost `decline_fine` (0.5 % of the bond).
        """
        found = self._assigned(origin, job, JobState.Assigned)
        self._pass_on(job, found, Outcome.NoProvider)

    @call(4, weight=weights.REFUSE_PAYLOAD)
    def refuse_payload(self, origin: Origin, job: JobId) -> None:
        """Return a job whose payload did not come, or cannot be opened.

        The requester's deposit is burned and the rest is returned to it. As much of the caller's
        bond is burned: the chain cannot see which of the two is to blame, so neither gains. It
        counts as a job not done well, but not as declined: requesters could cause those at will.
        """
        found = self._assigned(origin, job, JobState.Computing)
        if self.clock.now() < int(found.due) - int(found.deadline):
            raise self.PayloadEarly
        provider = self._provider(found)
        self._stop_clock(found)
        self._note_done(found, ok=False)
        self._end(job, found, Outcome.BadPayload, burned=int(found.deposit))
        self.providers.charge(provider, found.deposit)

    @call(5, weight=weights.ADD_PROTOCOL_SET)
    def add_protocol_set(
        self,
        origin: Origin,
        model: Hash,
        items: Annotated[u32, TypeName("u32")],
        input_root: Hash,
        data_bytes: Annotated[u64, TypeName("u64")],
        deadline: Slots,
        endpoints: Endpoints,
    ) -> None:
        """Add a job that the chain posts in each era and pays itself. The inputs are public."""
        self.params_origin(origin)
        found = self._usable(model)
        if not 1 <= items <= MAX_ITEMS:
            raise self.BadItems
        work = pricing.work_of(int(found.macs), int(items))
        if not self.least_deadline(int(found.model_class), work) <= deadline <= MAX_DEADLINE:
            raise self.BadDeadline
        if len(list(self.protocol_sets.items())) >= MAX_SETS:
            raise self.TooManySets
        index = self.next_set.value
        self.next_set.value = u32(index + 1)
        self.protocol_sets[index] = ProtocolSet(
            model, items, input_root, data_bytes, deadline, endpoints
        )
        self.deposit(self.ProtocolSetAdded(index))

    @call(6, weight=weights.REMOVE_PROTOCOL_SET)
    def remove_protocol_set(self, origin: Origin, index: SetIndex) -> None:
        """Remove a job that the chain posts in each era. Posted jobs go on."""
        self.params_origin(origin)
        if self.protocol_sets.take(index) is None:
            raise self.UnknownSet
        self.deposit(self.ProtocolSetRemoved(index))

    @call(7, weight=weights.SET_PARAMS)
    def set_params(
        self, origin: Origin, params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
    ) -> None:
        """Set the parameters. Posted jobs keep their prices."""
        self.params_origin(origin)
        least = int(Params().least_fee)
        if min(params.least_fee, params.least_price) < least:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- public interface: queries

    @property
    def reason(self) -> Reason:
        """The reason of escrows in Balances."""
        return Reason(self.index, self.HoldReason.Escrow)

    def job(self, id: H256) -> Job | None:
        """Return a job, as of now; None if there is none, or it is no longer stored."""
        found = self.jobs.get(id)
        return None if found is None else found.put_off(self.stood_still())

    def market(self, model_class: int) -> Market:
        """Return the price of work of a class, and the amount sold in this era."""
        known = self.markets.get(u16(model_class))
        if known is not None:
            return known
        found = self.models.class_of(model_class)
        return Market(u128(0) if found is None else found.base)

    def quote(
        self, model: H256, items: int, urgency: Urgency, check: Check, tier: Tier, data_bytes: int
    ) -> Quote:
        """Return the current price of a job. Raises UnknownModel, BadItems."""
        found = self._usable(model)
        if not 1 <= items <= MAX_ITEMS:
            raise self.BadItems
        params, work = self.params.peek(), pricing.work_of(int(found.macs), items)
        base = int(self.market(int(found.model_class)).base)
        price = pricing.price_of(work, base, urgency, data_bytes, params)
        looked_at = ids.sample_size(items, full=check is Check.Full)
        fee = pricing.fee_of(price, items, looked_at, params)
        return pricing.quote(work, price, fee, int(self.committee), tier)

    def least_deadline(self, model_class: int, work: int) -> int:
        """Return the minimum deadline in slots: twice the time that the class needs, and one."""
        found = self.models.class_of(model_class)
        speed = 1 if found is None else int(found.speed)
        return 1 + ceil_div(DEADLINE_FACTOR * 1_000 * work, speed * int(self.slot_ms))

    def looked_at(self, job: Job) -> int:
        """Return the number of a job's items that each verifier checks."""
        full = job.check is Check.Full
        return ids.sample_size(int(job.items), full=full, protocol=job.requester is None)

    def stood_still(self) -> int:
        """Return the number of slots, all together, in which the chain stalled."""
        return int(self.pace.peek().still)

    # ---- public interface: for Receipts only

    def committed(self, id: H256, provider: AccountId, attempt: int, receipt: H256) -> Job:
        """Record that there is a receipt; return the job.

        Raises UnknownJob, NotProvider, WrongAttempt, and WrongState unless it is being computed.
        """
        job = self._job(id)
        if job.provider != provider:
            raise self.NotProvider
        if job.state is not JobState.Computing:
            raise self.WrongState
        if job.attempt != attempt:
            raise self.WrongAttempt
        job.receipt = receipt
        self._stop_clock(job)
        self._go(id, job, JobState.Committed, None)
        self.deposit(self.Moved(id, JobState.Committed))
        return job

    def advance(self, id: H256, state: JobState) -> None:
        """Record that the receipt of a job is being checked, or was found valid."""
        job = self._job(id)
        if job.state is state:
            return
        job.state, job.since = state, u32(self.clock.now())
        self.jobs[id] = job
        self.deposit(self.Moved(id, state))

    def fee_of(self, job: Job) -> int:
        """Return the fee of one verifier for a receipt of a job, in planck."""
        return int(job.verification) // int(self.committee)

    def finalize(self, id: H256, voters: Sequence[AccountId]) -> bool:
        """Pay for the work and return True if the job ended; `voters` found it valid.

        False if the emission cannot pay for a job of the chain now: it waits then. A job that
        cannot be paid for two epochs ends unpaid.
        """
        job = self._job(id)
        provider, price = self._provider(job), int(job.price)
        if job.requester is None:
            if not self._pay_from_carry(job, provider, voters):
                if self._is_patient(id, job):
                    return False
                self._note_done(job, ok=True)
                self._end(id, job, Outcome.Unpaid)
                return True
            job.paid, fees, returned = job.price, 0, 0
            verification = self.fee_of(job) * len(voters)
        else:
            split = split_compute(price, int(self.payer.threshold()))
            earner = ((provider, split.contributors),)
            self.payer.take_held(self.reason, job.requester, split, BurnReason.Compute, earner)
            job.paid, fees = split.contributors, price - int(split.contributors)
            verification = self._pay_voters(job, voters)
            returned = job.escrow - price - verification
            self._return(job, returned)
        self.providers.release(provider, id)
        self.providers.hold_pay(provider, job.paid)
        self._note_done(job, ok=True)
        self._score(id, job, provider, fees)
        self._close(id, job, JobState.Finalized, Outcome.Done)
        self.deposit(
            self.Finalized(id, provider, job.paid, u128(fees), u128(verification), u128(returned))
        )
        return True

    def refuse(self, id: H256, outcome: Outcome, voters: Sequence[AccountId]) -> None:
        """End a job whose receipt was not upheld; `voters` are paid for their checks.

        The provider's penalty is decided before.
        """
        job = self._job(id)
        if outcome is not Outcome.Unverified:
            self._note_done(job, ok=False)
        self._end(id, job, outcome, voters=voters)

    # ---- internals: time

    def _note_pace(self, now: int) -> None:
        """Record this block's slot, and a stall since the last block if there was one."""
        pace = self.pace.value
        if now - int(pace.last) > GAP_SLOTS:
            empty = u32(now - int(pace.last) - 1)
            pace.still += empty
            self.deposit(self.StoodStill(empty))
        pace.last = u32(now)
        self.pace.value = pace

    def _turn_era(self, now: int) -> int:
        """Begin an era, move the price of a class, and post protocol jobs; return the weight."""
        era, weight = now // int(self.epoch_slots), 0
        unmoved = self.unmoved.value
        if era > self.era.value:
            self.era.value = u32(era)
            self.set_cursor.value = u32(0)
            # An era with fewer blocks than there are classes leaves some: these come first.
            known = self.models.known_classes()
            unmoved += [u16(model_class) for model_class in known if model_class not in unmoved]
            weight += block.READ * len(known) + 2 * block.WRITE
        if unmoved:
            weight += self._move_price(int(unmoved[0])) + block.WRITE
            self.unmoved.value = unmoved[1:]
        cursor, end = int(self.set_cursor.value), int(self.next_set.value)
        for index in range(cursor, min(end, cursor + MAX_SETS_AT_ONCE)):
            weight += weights.POST_PROTOCOL
            self.set_cursor.value = u32(index + 1)
            self._post_protocol(u32(index))
        return weight

    def _move_price(self, model_class: int) -> int:
        """Move the price of a class by the sold part of the offered work; return the weight."""
        found = self.models.class_of(model_class)
        if found is None:
            return weights.move_price(0)
        offers = self.providers.offers(model_class)
        market = self.market(model_class)
        seconds = int(self.epoch_slots) * int(self.slot_ms) // 1_000
        offered = sum(offers) * int(found.speed) * max(1, seconds)
        least, most = int(found.least), int(found.most)
        base = pricing.moved(int(market.base), int(market.sold), offered, least, most)
        if base != market.base:
            self.deposit(self.PriceMoved(u16(model_class), u128(base)))
        self.markets[u16(model_class)] = Market(u128(base))
        return weights.move_price(len(offers))

    def _post_protocol(self, index: u32) -> None:
        """Post a job of the chain, if `Mining.Carry` can pay it and its model can be used."""
        wanted = self.protocol_sets.get(index)
        model = None if wanted is None else self.models.get(wanted.model)
        if wanted is None or model is None or not model.usable:
            return
        books, params = self.carry.emission_now(), self.params.peek()
        items = int(wanted.items)
        work = pricing.work_of(int(model.macs), items)
        price = max(work * int(books.protocol_price), int(params.least_price))
        looked_at = ids.sample_size(items, full=False, protocol=True)
        fee = pricing.fee_of(price, items, looked_at, params)
        verification = fee * int(self.committee)
        if not self._has_room(price + verification):
            return
        job = Job(
            None, wanted.model, model.model_class, wanted.items, wanted.input_root, Tier.Open,
            Check.Sampled, Urgency.Routine, u128(price), u128(verification), u128(0), u64(work),
            wanted.data_bytes, wanted.deadline, bytes(32), wanted.endpoints,
            u32(self.clock.now()),
        )  # fmt: skip
        self.promised.value += job.promise
        nonce = int(self.protocol_nonce.value)
        self.protocol_nonce.value = u64(nonce + 1)
        self._open(job, bytes(32), nonce)

    def _expire(self, id: H256) -> None:
        """End a state whose time is over: an offer not accepted, or a job not delivered."""
        job = self._job(id)
        if job.state is JobState.Assigned:
            self._pass_on(id, job, Outcome.NoProvider)
            return
        self._stop_clock(job)
        self._note_done(job, ok=False)
        self._pass_on(id, job, Outcome.Late)

    def _draws(self, now: int) -> int:
        """Select providers for the waiting jobs; return the weight.

        First one of each queue, so that urgent jobs cannot block all others; then by urgency, while
        the next selection fits into the budget even if its class is full.
        """
        drawn = weight = 0
        busy: list[int] = []
        for lane in DRAWS:
            for id in self.timers.take(lane, 1):
                drawn, weight = drawn + 1, weight + self._draw(id, now)
                busy.append(lane)
        for lane in busy:
            while room := self._room(drawn, weight):
                ripe = self.timers.take(lane, room)
                for id in ripe:
                    drawn, weight = drawn + 1, weight + self._draw(id, now)
                if len(ripe) < room:
                    break
        return weight

    def _room(self, drawn: int, weight: int) -> int:
        """Return the number of selections that surely fit after `drawn`, which weighed `weight`."""
        left = int(self.slot_ms) * PICOS // BUDGET - weight
        return max(0, MIN_DRAWS - drawn, min(MAX_DRAWS - drawn, left // WORST_DRAW))

    def _draw(self, id: H256, now: int) -> int:
        """Select a provider, or wait; end the job if that took too long. Return the weight."""
        job = self._job(id)
        since = int(job.since)
        if now - int(job.asked) >= POSTING_SLOTS:
            self._end(id, job, Outcome.NoProvider)
            return weights.draw(0)
        randomness = self.clock.randomness_after(
            since, int(self.beacon_delay), int(self.beacon_authors)
        )
        if randomness is None:
            again = now if now - since >= STALE_SLOTS else since
            self._wait(id, job, again, now + 1)
            return weights.draw(0)
        weight = weights.draw(self.providers.members_of(int(job.model_class)))
        seed = ids.assign_seed(randomness.beacon, id, int(job.attempt))
        protocol = job.requester is None
        bond = int(job.price) * BOND_FACTOR
        # Work of a provider below the minimum bond is checked in full, which costs the chain more.
        whole = pricing.fee_of(int(job.price), 1, 1, self.params.peek()) * int(self.committee)
        more = max(0, whole - int(job.verification))
        open_to_all = protocol and self._has_room(more)
        provider, operators = self.providers.select(
            seed, int(job.model_class), bond, job.requester, job.refused, open_to_all
        )
        if provider is None:
            # Another beacon: a provider that sees that this one selects it could get ready now.
            # Later each time: jobs without a provider must not use up the selections of others.
            # But not so late that all later jobs are served first.
            waited = max(RETRY_SLOTS, now - int(job.asked))
            until = now + min(waited, MAX_RETRY >> job.urgency)
            self._wait(id, job, now, min(until, int(job.asked) + POSTING_SLOTS))
            return weight
        self.providers.reserve(provider, id, u128(bond))
        job.provider, job.seed, job.asked = provider, seed, u32(0)
        enough = operators >= self.min_operators
        job.scores = enough and not protocol and job.tier is Tier.Open
        if protocol and not self.providers.is_bonded(provider):
            self.promised.value += more
            job.check, job.verification = Check.Full, job.verification + u128(more)
        until = now + int(self.accept_slots)
        self.involved[provider, id] = job.posted
        self._go(id, job, JobState.Assigned, until)
        self.deposit(self.Assigned(id, provider, job.attempt, u32(until)))
        return weight

    def _forget(self, id: H256) -> None:
        job = self.jobs.take(id)
        if job is None:
            return
        for who in (job.requester, job.provider):
            if who is not None:
                del self.involved[who, id]

    # ---- internals: one job

    def _usable(self, model: H256) -> ModelRecord:
        found = self.models.get(model)
        if found is None or not found.usable:
            raise self.UnknownModel
        return found

    def _job(self, id: H256) -> Job:
        job = self.job(id)
        if job is None:
            raise self.UnknownJob
        return job

    def _assigned(self, origin: Origin, id: H256, state: JobState) -> Job:
        """Return a job of the calling provider. Raises UnknownJob, NotProvider, WrongState."""
        who, job = origin.signed(), self._job(id)
        if job.provider != who:
            raise self.NotProvider
        if job.state is not state or job.due <= self.clock.now():
            raise self.WrongState
        return job

    def _provider(self, job: Job) -> AccountId:
        if job.provider is None:
            raise ValueError("a job in this state has a provider")
        return job.provider

    def _open(self, job: Job, who: bytes, nonce: int) -> None:
        genesis = bytes(self.system.block_hash[u32(0)])
        id = ids.job_id(genesis, who, nonce, codec(Job).encode(job))
        self.models.open_job(job.model)
        job.asked, job.still = job.posted, u32(self.stood_still())
        if job.requester is not None:
            self.involved[job.requester, id] = job.posted
        self._wait(id, job, int(job.posted), int(job.posted) + int(self.beacon_delay) + 1)
        self.deposit(self.Posted(id, job.requester, job.price, job.verification, job.deposit))

    def _wait(self, id: H256, job: Job, since: int, until: int) -> None:
        """Queue a selection in slot `until`, by randomness that was unknown in slot `since`."""
        staker = job.requester is not None and self.perks.benefits(job.requester).priority
        lane = DRAWS[2 * (Urgency.Emergency - job.urgency) + (not staker)]
        job.state, job.since, job.due = JobState.Posted, u32(since), u32(until)
        job.task = self.timers.enter(lane, until, id)
        job.lane = u8(lane)
        self.jobs[id] = job

    def _stop_clock(self, job: Job) -> None:
        """Store the time that the computing provider took, without stalls of the chain."""
        left = int(job.due) - self.clock.now()
        job.took = u32(int(self.payload_slots) + int(job.deadline) - left)

    def _note_done(self, job: Job, *, ok: bool) -> None:
        """Report the provider's time, relative to the minimum that its class has for this work."""
        given = int(self.payload_slots) + self.least_deadline(int(job.model_class), int(job.work))
        self.providers.note_done(self._provider(job), 1_000 * int(job.took) // given, ok)

    def _go(self, id: H256, job: Job, state: JobState, until: int | None) -> None:
        """Move to a state that ends by itself in slot `until`; None: the receipt decides."""
        self._drop_task(job)
        job.state, job.since = state, u32(self.clock.now())
        job.due, job.lane = u32(until or 0), u8(DEADLINES)
        job.task = NO_TIMER
        if until is not None:
            job.task = self.timers.enter(DEADLINES, until, id)
        self.jobs[id] = job

    def _drop_task(self, job: Job) -> None:
        self.timers.remove(int(job.lane), job.task)

    def _pass_on(self, id: H256, job: Job, outcome: Outcome) -> None:
        """Take a job from a provider that did not do it, and queue the next attempt, if any."""
        provider, now = self._provider(job), self.clock.now()
        self._drop_task(job)
        job.task = NO_TIMER
        self.providers.release(provider, id)
        self.providers.note_decline(provider)
        if int(job.attempt) + 1 >= MAX_ATTEMPTS:
            self._end(id, job, outcome)
            return
        del self.involved[provider, id]
        job.refused = [*job.refused, provider]
        job.attempt, job.provider, job.scores = u8(job.attempt + 1), None, False
        job.asked = u32(now)
        self._wait(id, job, now, now + int(self.beacon_delay) + 1)
        self.deposit(self.Unassigned(id, provider))

    # ---- internals: the end of a job

    def _end(
        self,
        id: H256,
        job: Job,
        outcome: Outcome,
        *,
        burned: int = 0,
        voters: Sequence[AccountId] = (),
    ) -> None:
        """End a job without paying for the work; its money is returned except the named amounts."""
        verification = self._pay_voters(job, voters)
        returned = job.escrow - burned - verification
        if job.requester is not None:
            self.payer.destroy_held(
                self.reason, job.requester, u128(burned), BurnReason.Slash, force=True
            )
        self._return(job, returned)
        if job.provider is not None:
            self.providers.release(job.provider, id)
        state = JobState.Slashed if outcome is Outcome.Fraud else JobState.Refunded
        self._close(id, job, state, outcome)
        self.deposit(self.Ended(id, outcome, u128(verification), u128(burned), u128(returned)))

    def _close(self, id: H256, job: Job, state: JobState, outcome: Outcome) -> None:
        self._drop_task(job)
        now, kept = self.clock.now(), KEEP_EPOCHS * int(self.epoch_slots)
        if outcome is Outcome.Cancelled and job.provider is None:
            kept = min(kept, CANCELLED_SLOTS)
        until = now + kept
        job.state, job.outcome, job.since, job.due = state, outcome, u32(now), u32(until)
        job.task, job.lane = NO_TIMER, u8(FORGETTING)
        self.timers.enter(FORGETTING, until, id)
        self.jobs[id] = job
        self.escrowed.value -= job.escrow
        self.promised.value -= job.promise
        self.models.close_job(job.model)

    def _has_room(self, amount: int) -> bool:
        """Return True if `Mining.Carry` could pay `amount` besides what is promised."""
        return int(self.promised.value) + amount <= self.carry.emission_now().protocol_room

    def _return(self, job: Job, amount: int) -> None:
        if job.requester is not None:
            self.currency.release(self.reason, job.requester, u128(amount))

    def _pay_voters(self, job: Job, voters: Sequence[AccountId]) -> int:
        """Pay verifiers out of the escrow; return their total."""
        fee = self.fee_of(job)
        if job.requester is None or not fee:
            return 0
        for voter in voters:
            self.payer.pay_held(self.reason, job.requester, voter, u128(fee))
        return fee * len(voters)

    def _is_patient(self, id: H256, job: Job) -> bool:
        """Return True if a job of the chain still waits for its pay; store the wait's start."""
        now = self.clock.now()
        if not job.asked:
            job.asked = u32(now)
            self.jobs[id] = job
        return now < int(job.asked) + PATIENCE_EPOCHS * int(self.epoch_slots)

    def _pay_from_carry(self, job: Job, provider: AccountId, voters: Sequence[AccountId]) -> bool:
        fee = self.fee_of(job)
        whole = int(job.price) + fee * len(voters)
        if whole > self.carry.emission_now().protocol_room:
            return False
        self.carry.spend_carry(provider, job.price)
        for voter in voters:
            self.carry.spend_carry(voter, u128(fee))
        return True

    def _score(self, id: H256, job: Job, provider: AccountId, fees: int) -> None:
        """Record work that counts: in the open tier, with enough operators to select from."""
        requester = job.requester
        if not job.scores or self.providers.operator_of(provider) is None:
            return
        # A judged identity may have a hundred sub-accounts; all of them share one budget.
        payer = None if requester is None else self.identities.operator_of(requester)
        verified = requester is not None and self.identities.verified(requester)
        counted = self.carry.record(
            provider, id, int(job.work), u128(fees), verified=verified, requester=payer
        )
        self.providers.credit_score(provider, counted)
