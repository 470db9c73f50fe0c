"""A development chain for the pages of the economy: a referendum with votes, jobs, orders, a queue.

The block zero is the documents'; contents that would need long courses are put into its state.
"""

from __future__ import annotations

from dataclasses import replace

from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from genesis.build import build
from genesis.catalogue import make
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.pallets.asset_registry.types import (
    AssetInfo,
    AssetKind,
    Report,
    RightKind,
    Role,
    State,
    Valuation,
)
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.evidence import BABE_EQUIVOCATION
from runtime.pallets.exchange.types import Listing, Order, Side, Trade
from runtime.pallets.facilities.types import Facility, FacilityState, Kind, Size
from runtime.pallets.incentives.stats import Statistics, publish
from runtime.pallets.incentives.types import Group, GroupTally
from runtime.pallets.jobs.types import NO_HASH, Check, Job, JobState, Outcome, Tier, Urgency
from runtime.pallets.models.types import CheckMode, ModelRecord
from runtime.pallets.offences.pallet import Charge, Exposure, OffenceDetails, Queued
from runtime.pallets.origins import RawRoot, SystemOrigin
from runtime.pallets.payfi.types import Batch, Cause, Legs, Merchant, MerchantSuspended, Queue
from runtime.pallets.preimage.pallet import Inline
from runtime.pallets.providers.types import Ledger, ProviderInfo, ProviderKind
from runtime.pallets.receipts.types import Phase, Receipt, Seat, Wrong
from runtime.pallets.scheduler.types import After
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.overlay import Overlay
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account, address
from support.models import RECORDED

JOBS = (H256(b"\1" * 32), H256(b"\2" * 32), H256(b"\3" * 32))
"""A job in progress, one that was paid, one that was fraud."""
RECEIPT = H256(b"\4" * 32)
"""The receipt of the last one."""
MODEL = H256(b"\7" * 32)
"""The model of the jobs."""
ORDER = u64(7)
"""An open order to sell."""
OFFENCE = H256(b"\x08" * 32)
INSTITUTION = KeyPair.from_uri("//holder//bitwave")
"""An institution of block zero, with more than 4 % of its chamber."""
HOSTILE_NAME = b"<script>{who}"
STARTED = 1_800_000_000_000
"""Time of the first block, in milliseconds."""
LATER = 7
"""Number of buckets of settlement after the first block's."""


def economy_chain() -> DevChain:
    """Return the chain, with a referendum and votes of two chambers."""
    state = dict(build(make("dev-manual")).state)
    params = RuntimeParams.decode(state[PARAMS_KEY])
    made = DevChain(slot_ms=int(params.slot_ms), shared=True, params=params)
    overlay = Overlay(state.get, lambda _prefix, _after: iter(()))
    made.runtime.enter(overlay)
    fill(made.runtime)
    made.runtime.host.events.clear()
    changed = overlay.changes()
    state |= {key: value for key, value in changed.items() if value is not None}
    made.state = state
    made.client = made.another()
    made.pool = PoolService(made.client, clock=lambda: made.now)
    made.sealer = ManualSealer(made.client, made.pool, clock=lambda: made.now)
    vote(made)
    return made


def vote(chain: DevChain) -> None:
    """Propose a remark, and vote: an institution and Charlie for it, Dave against it."""
    fees = chain.call(
        "Balances", "transfer_keep_alive", dest=address(INSTITUTION), value=u128(10 * BTT)
    )
    chain.run(ALICE, fees)
    propose_remark(chain)
    chain.send(ALICE, chain.call("Referenda", "place_decision_deposit", index=u32(0)))
    for pair, aye, btt in (
        (INSTITUTION, True, 10**6), (CHARLIE, True, 10_000), (DAVE, False, 10_000),
    ):  # fmt: skip
        choice = Standard(vote_of(aye=aye), u128(btt * BTT))
        chain.send(pair, chain.call("ConvictionVoting", "vote", poll_index=u32(0), vote=choice))
    chain.seal()


def propose_remark(chain: DevChain) -> None:
    """Propose a remark as Bob."""
    remark = chain.call("System", "remark", remark=b"<b>decided</b>")
    chain.run(
        BOB,
        chain.call(
            "Referenda",
            "submit",
            proposal_origin=SystemOrigin(RawRoot()),
            proposal=Inline(remark.raw),
            enactment_moment=After(u32(0)),
        ),
    )


def fill(runtime: BttRuntime) -> None:
    """Put jobs, a provider, an asset with orders, a facility and a waiting batch into the state."""
    alice, bob = account(ALICE), account(BOB)
    jobs = runtime.jobs.store.jobs
    jobs[JOBS[0]] = job(alice, JobState.Posted)
    jobs[JOBS[1]] = job(alice, JobState.Finalized, Outcome.Done, bob)
    jobs[JOBS[2]] = replace(job(None, JobState.Slashed, Outcome.Fraud, bob), receipt=RECEIPT)
    runtime.receipts.receipts[RECEIPT] = receipt(JOBS[2], bob, [alice, account(DAVE)])
    runtime.providers.providers[bob] = ProviderInfo(
        ProviderKind.Clinic, u16(756), [u16(0)], u32(4), bytes(32), bytes(32), b"/dns4/a/tcp/1"
    )
    runtime.providers.ledgers[bob] = Ledger(u128(500 * BTT), u128(100 * BTT), [], u32(4), u32(1))
    market(runtime, alice)
    for who in (bob, account(CHARLIE), account(DAVE)):
        merchant(runtime, who)
    model(runtime, bob)
    offence(runtime, alice)
    runtime.facilities.facilities[bob] = Facility(
        Kind.Hospital, Size.Small, u16(756), False, bob, u128(9 * BTT), u64(0),
        FacilityState.Active, H256(bytes(32)),
    )  # fmt: skip
    settlement = runtime.payfi.settlement
    bucket = u32(STARTED // runtime.payfi.calendar.bucket_ms + LATER)
    settlement.batches[bucket, alice] = Batch(Legs(gross=u128(70 * BTT)), u32(3))
    settlement.due_count[bucket] = u32(1)
    settlement.queue.value = Queue(bucket, bucket)


def job(
    requester: AccountId | None,
    state: JobState,
    outcome: Outcome | None = None,
    provider: AccountId | None = None,
) -> Job:
    """Return a job of 16 items."""
    return Job(
        requester=requester,
        model=MODEL,
        model_class=u16(0),
        items=u32(16),
        input_root=H256(bytes(32)),
        tier=Tier.Open,
        check=Check.Sampled,
        urgency=Urgency.Routine,
        price=u128(3 * BTT),
        verification=u128(BTT),
        deposit=u128(0),
        work=u64(12),
        data_bytes=u64(100),
        deadline=u32(600),
        reply_key=bytes(32),
        endpoints=b"",
        posted=u32(0),
        state=state,
        outcome=outcome,
        provider=provider,
    )


def receipt(job: H256, provider: AccountId, verifiers: list[AccountId]) -> Receipt:
    """Return an ended receipt, found wrong by the first verifier; the second did not reveal."""
    found = Wrong(u32(3), u16(5), u32(7))
    return Receipt(
        job, provider, u8(0), NO_HASH, NO_HASH, NO_HASH, u32(1), u32(2), u32(2), Phase.Ended,
        beacons=[NO_HASH],
        seats=[
            Seat(verifiers[0], bytes(32), u8(0), None, found),
            Seat(verifiers[1], bytes(32), u8(0), H256(b"\5" * 32)),
        ],
    )  # fmt: skip


def statistics() -> Statistics:
    """Return published points of two countries, one of which has a small cell."""
    tallies = [
        (Group(u16(756), Kind.Hospital), GroupTally(u32(7), u64(112))),
        (Group(u16(756), Kind.Clinic), GroupTally(u32(6), u64(4))),
        (Group(u16(756), Kind.Pharmacy), GroupTally(u32(6), u64(55))),
        (Group(u16(276), Kind.Hospital), GroupTally(u32(9), u64(207))),
        (Group(u16(276), Kind.Clinic), GroupTally(u32(9), u64(31))),
        (Group(u16(276), Kind.Pharmacy), GroupTally(u32(9), u64(63))),
    ]
    return publish(3, tallies)


def market(runtime: BttRuntime, issuer: AccountId) -> None:
    """List an asset with levels on both sides and one auction."""
    registered = runtime.asset_registry.registrations
    registered.registered[u32(0)] = AssetInfo(
        issuer, AssetKind.Equipment, RightKind.Revenue, H256(bytes(32)), H256(bytes(32)),
        HOSTILE_NAME, b"MRI", u128(1_000), u128(50_000 * BTT), False, u128(0), u64(0),
        State.Issued, u8(1),
    )  # fmt: skip
    registered.count.value = u32(1)
    exchange = runtime.exchange
    exchange.listings[u32(0)] = Listing(u64(0))
    for side, price, units in (
        (Side.Buy, 49, 20), (Side.Buy, 45, 100), (Side.Sell, 51, 10), (Side.Sell, 60, 40),
    ):  # fmt: skip
        exchange.order_book.count(u32(0), side, u128(price * BTT), units, 1)
    exchange.order_book.orders[ORDER] = Order(
        issuer, u32(0), Side.Sell, u128(60 * BTT), u64(1), u128(40), u128(0), u16(50), u16(100),
        until=None,
    )  # fmt: skip
    exchange.auctions.trades[u32(0)] = [Trade(u64(1), u128(50 * BTT), u128(5))]
    registry = runtime.asset_registry
    registry.verification.reports[u32(0), Role.Technical] = Report(
        account(DAVE), u8(1), True, H256(b"\6" * 32), u64(2)
    )
    registry.valuation.valuations[u32(0)] = [
        Valuation(u64(0), u128(40_000 * BTT)), Valuation(u64(3), u128(50_000 * BTT)),
    ]  # fmt: skip


def merchant(runtime: BttRuntime, who: AccountId) -> None:
    """Register a merchant that governance suspended, and pay it once."""
    runtime.payfi.merchants.merchants[who] = Merchant(
        u16(5912), b"CHF", u8(0), None, u128(700 * BTT), [], H256(bytes(32)),
        MerchantSuspended(Cause.Disputes),
    )  # fmt: skip


def model(runtime: BttRuntime, owner: AccountId) -> None:
    """Register the model of the jobs, whose manifest is not stored."""
    runtime.models.models[MODEL] = ModelRecord(
        owner, u16(0), u64(3 * 10**9), CheckMode.Reexecute, HOSTILE_NAME, b"/dns4/a/tcp/1",
        u128(100 * BTT), u32(1), False, False, *RECORDED,
    )  # fmt: skip


def offence(runtime: BttRuntime, who: AccountId) -> None:
    """Put an offence on record."""
    exposure = Exposure(u128(10_000 * BTT), u128(10_000 * BTT))
    runtime.offences.reports[OFFENCE] = OffenceDetails((who, exposure), [])
    runtime.offences.charges[OFFENCE] = Charge(u32(0), u32(1), u128(100 * BTT))
    runtime.offences.queue[u32(0)] = Queued(u32(0), OFFENCE, BABE_EQUIVOCATION, b"")
    runtime.authorities.candidate_list.barred[who] = u32(9)
