"""Benchmarks of PayFi: merchants with all tills and full rings, a queue with room at its end."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import INFO, registrars
from bench.weights.pallets.payfi_policies import governed, policy
from bench.weights.state import Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import Call, Origin, signed
from runtime.pallets.identity.types import MAX_REGISTRARS, Judgement, OutOfDate, Registration
from runtime.pallets.oracle.types import Round, Rule, TimestampedValue
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.dispute_types import Dispute, DisputeReason
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.payer_rules import MAX_POLICIES
from runtime.pallets.payfi.settlement import PLACES
from runtime.pallets.payfi.types import (
    ANALYTICS,
    MAX_TILLS,
    RING_DAYS,
    Batch,
    DayReport,
    DayVolume,
    MerchantClosing,
    Payment,
    PaymentState,
    Queue,
    Rates,
    Report,
    Volume,
)
from runtime.pallets.tier_staking.types import Window

CNY = b"CNY"
META = H256(b"\x4d" * 32)
GROSS = 125 * BTT
LAST = u64(u64.MAX)
PAYER = 1_000
"""Number of the first payer's account."""
OTHER = 2
"""Number and category of a merchant that was paid before in the same block."""
BATCHES = 256
"""Maximum number of batches that are measured."""
OLD = 256
"""Maximum number of old payments that are measured, of each kind."""
ENDLESS = 10**18
"""More picoseconds than any removal takes."""
LATER = 250_000
"""Slot more than 15 days after the beginning of time."""


def merchant(b: Bench, number: int = 0, category: int = 1) -> AccountId:
    """Register a merchant with all tills, full rings of yesterday, and no judged identity."""
    who, payfi = b.account(number), b.runtime.payfi
    b.does(
        who, "PayFi", "register", category=u16(category), currency=CNY, plan=u8(ANALYTICS),
        meta=META,
    )  # fmt: skip
    tills = [AccountId(blake2_256(b"till %d" % place)) for place in range(MAX_TILLS)]
    record = payfi.merchants.get(who)
    record.till_keys = tills
    payfi.merchants.merchants[who] = record
    rings(payfi, who)
    return who


def rings(payfi: PayFi, who: AccountId) -> None:
    """Give a merchant full rings, which today's first change shifts."""
    yesterday = u32(payfi.calendar.day() - 1)
    payfi.volumes.volumes[who] = Volume(yesterday, [DayVolume(GROSS)] * RING_DAYS)
    payfi.volumes.reports[who] = Report(yesterday, [DayReport(u32(1))] * RING_DAYS)


def doubted(b: Bench, who: AccountId) -> None:
    """Give an account an identity with all judgements, none of which is an approval."""
    registrars(b)
    judgement: Judgement = OutOfDate()
    judgements = [(u32(index), judgement) for index in range(MAX_REGISTRARS)]
    b.runtime.identity.identity_of[who] = Registration(judgements, u128(0), INFO)


def prices(b: Bench) -> None:
    """Let the oracle have a price."""
    quotes, now = b.runtime.oracle.quotes, b.runtime.timestamp.now.value
    key = b"BTT/" + CNY
    quotes.rules[key] = Rule()
    quotes.values[key] = TimestampedValue(u128(4 * 10**17), now)
    quotes.round[key] = Round(LAST, [])


def payment(b: Bench, who: AccountId, number: int = 0) -> u64:
    """Make a payment of one of the payers to a merchant; return its number."""
    payer, id = b.account(PAYER + number), b.runtime.payfi.payments.next_payment.value
    b.does(
        payer, "PayFi", "pay", merchant=address(who), units=GROSS, currency=b"BTT",
        max_btt=GROSS, reference=number.to_bytes(16, "big"), memo=META,
    )  # fmt: skip
    return id


def fill_places(b: Bench, who: AccountId) -> None:
    """Fill all buckets of a payment but the last one; give the merchant a discount."""
    payfi = b.runtime.payfi
    b.runtime.tier_staking.positions.discounts[who] = Window(LAST, u64(0), LAST)
    first = payfi.calendar.first_bucket()
    for bucket in range(first, first + PLACES - 1):
        payfi.settlement.due_count[u32(bucket)] = u32(payfi.settlement.capacity)
    payfi.settlement.queue.value = Queue(u32(first), u32(first + PLACES - 2))


def shared(b: Bench) -> tuple[list[bytes], list[bytes]]:
    """Return the keys that every payment of a block may read, and those of them that it changes.

    Rates and rules, the counts of the buckets, the queue, the number of the next payment, and the
    pool account; the last three, and a count for each bucket, change.
    """
    runtime, payfi = b.runtime, b.runtime.payfi
    first = payfi.calendar.first_bucket()
    counts = [
        payfi.settlement.due_count.key(u32(bucket)) for bucket in range(first, first + PLACES)
    ]
    changed = [
        *counts, payfi.settlement.queue.prefix, payfi.payments.next_payment.prefix,
        runtime.system.account.key(payfi.pool),
    ]  # fmt: skip
    tokenomics = runtime.tokenomics
    read = (payfi.rates, tokenomics.genesis_supply, tokenomics.high_value_threshold)
    return [item.prefix for item in read], changed


def due(b: Bench, batches: int) -> None:
    """Let that many batches of different merchants be due in one bucket."""
    payfi = b.runtime.payfi
    who = merchant(b)
    legs = payfi.payments.legs(int(GROSS), payfi.payments.terms(who, payfi.merchants.get(who), CNY))
    bucket = u32(payfi.calendar.bucket())
    for place in range(batches + 1):
        other = AccountId(blake2_256(b"merchant %d" % place))
        rings(payfi, b.endow(other))
        payfi.settlement.batches[bucket, other] = Batch(legs, u32(1_000))
    payfi.settlement.due_count[bucket] = u32(batches + 1)
    payfi.settlement.queue.value = Queue(bucket, u32(bucket + 1))
    info = b.runtime.system.account[payfi.pool]
    info.data.free = u128(int(GROSS) * (batches + 1))
    b.runtime.system.account[payfi.pool] = info


@benchmark("PayFi.register")
def register(b: Bench) -> Case:
    """Register with the analytics plan."""
    return b.signed(
        b.account(0), "PayFi", "register", category=u16(8_062), currency=CNY,
        plan=u8(ANALYTICS), meta=META,
    )  # fmt: skip


@benchmark("PayFi.configure")
def configure(b: Bench) -> Case:
    """Replace all tills, and end the analytics plan."""
    who = merchant(b)
    b.runtime.payfi.payer_rules.policies[u16(1)] = policy()
    tills = [AccountId(blake2_256(b"new %d" % place)) for place in range(MAX_TILLS)]
    return b.signed(
        who, "PayFi", "configure", currency=b"EUR", plan=u8(0), policy=u16(1), till_keys=tills,
        meta=META,
    )  # fmt: skip


@benchmark("PayFi.bond_extra")
def bond_extra(b: Bench) -> Case:
    """Add to a bond."""
    return b.signed(merchant(b), "PayFi", "bond_extra", amount=u128(BTT))


@benchmark("PayFi.close")
def close(b: Bench) -> Case:
    """Release a bond, and remove the merchant."""
    who, payfi = merchant(b), b.runtime.payfi
    record = payfi.merchants.get(who)
    record.state = MerchantClosing(u64(0))
    payfi.merchants.merchants[who] = record
    return b.signed(who, "PayFi", "close")


def earlier(b: Bench, who: AccountId) -> tuple[Origin, Call]:
    """Return a payment to a merchant that another account makes, in BTT."""
    call = b.call(
        "PayFi", "pay", merchant=address(who), units=u128(BTT), currency=b"BTT",
        max_btt=u128(BTT), reference=bytes(16), memo=None,
    )  # fmt: skip
    return signed(b.account(PAYER)), call


@benchmark("PayFi.pay", policies=(0, MAX_POLICIES), first=(0, 1), converts=(0, 1))
def pay(b: Bench, policies: int, first: int, converts: int) -> Case:
    """Pay into the last bucket that is not full, after another payment of the block.

    The first payment to a merchant opens its batch; the merchant of the others was paid before in
    the same block. It has no judged identity, a discount, and so many policies with full lists.
    """
    who, other = merchant(b), merchant(b, OTHER, OTHER)
    doubted(b, who)
    doubted(b, b.account(1))
    governed(b, who, policies)
    prices(b)
    fill_places(b, who)
    return replace(
        b.signed(
            b.account(1), "PayFi", "pay", merchant=address(who),
            units=u128(5_000) if converts else GROSS, currency=CNY if converts else b"BTT",
            max_btt=GROSS, reference=bytes(range(16)), memo=META,
        ),
        before=(earlier(b, other if first else who),),
    )  # fmt: skip


@benchmark("PayFi.shared_keys")
def shared_keys(b: Bench) -> Case:
    """Read the keys that all payments of a block share, and change those that payments change."""
    fill_places(b, merchant(b))
    reads, changes = shared(b)

    def run() -> None:
        state = b.runtime.host.state
        for key in reads:
            state.get(key)
        for key in changes:
            state.put(key, state.get(key) or bytes(4))

    return Case(run=run)


@benchmark("PayFi.refund")
def refund(b: Bench) -> Case:
    """Refund a settled payment, by the last till."""
    who, payfi = merchant(b), b.runtime.payfi
    id = payment(b, who)
    known = payfi.payments.get(id)
    known.state = PaymentState.Settled
    payfi.payments.payments[id] = known
    till = b.endow(payfi.merchants.get(who).till_keys[-1])
    rings(payfi, who)
    return b.signed(till, "PayFi", "refund", payment=id, amount=GROSS)


@benchmark("PayFi.settle")
def settle(b: Bench) -> Case:
    """Settle one batch of many."""
    due(b, 2)
    other = AccountId(blake2_256(b"merchant 0"))
    bucket = u32(b.runtime.payfi.calendar.bucket())
    return b.signed(b.account(1), "PayFi", "settle", bucket=bucket, merchant=address(other))


@benchmark("PayFi.set_rates")
def set_rates(b: Bench) -> Case:
    """Set the rates."""
    return b.root("PayFi", "set_rates", rates=Rates(low=u16(60)))


@benchmark("PayFi.suspend")
def suspend(b: Bench) -> Case:
    """Suspend a merchant."""
    return b.root("PayFi", "suspend", merchant=address(merchant(b)), suspended=True)


@benchmark("PayFi.settle_due", batches=(1, BATCHES))
def settle_due(b: Bench, batches: int) -> Case:
    """Settle that many batches; one more waits for the next block."""
    due(b, batches)
    settlement = b.runtime.payfi.settlement
    return Case(run=lambda: settlement.settle_due(batches))


@benchmark("PayFi.nothing_due")
def nothing_due(b: Bench) -> Case:
    """Look for what is due, in a block without any of it."""
    b.at(LATER)
    payment(b, merchant(b))
    payfi = b.runtime.payfi

    def run() -> None:
        payfi.settlement.settle_due(BATCHES)
        payfi.disputes.end_phases(BATCHES)
        payfi.end_cards(payfi.limits)
        payfi.payments.prune(payfi.disputes.forget, ENDLESS)

    return Case(run=run)


@benchmark("PayFi.prune", undisputed=(1, OLD), disputed=(0, OLD))
def prune(b: Bench, undisputed: int, disputed: int) -> Case:
    """Remove that many old payments, some of which were disputed; the next one is too young."""
    b.at(LATER)
    who, payfi = merchant(b), b.runtime.payfi
    record = payfi.merchants.get(who)
    terms = payfi.payments.terms(who, record, CNY)
    legs, payer = payfi.payments.legs(int(GROSS), terms), b.account(1)
    count = undisputed + disputed
    for number in range(count + 1):
        reference = number.to_bytes(16, "big")
        paid = u64(payfi.calendar.now() if number == count else 0)
        payfi.payments.payments[u64(number)] = Payment(
            payer, who, reference, legs, terms, CNY, u128(5_000), u32(0), paid, META,
            disputed=number < disputed,
        )  # fmt: skip
        if number < disputed:
            payfi.disputes.disputes[u64(number)] = Dispute(
                DisputeReason.Other, META, GROSS, GROSS, paid, False, GROSS,
                DisputePhase.Answering, paid, paid,
            )  # fmt: skip
        invoice = payfi.payments.get(u64(number)).invoice
        payfi.payments.references[who, invoice] = u64(number)
    payfi.payments.next_payment.value = u64(count + 1)
    return Case(run=lambda: payfi.payments.prune(payfi.disputes.forget, ENDLESS))
