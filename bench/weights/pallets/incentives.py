"""Benchmarks of Incentives: full lists, facilities of one month each, accounts that are opened."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import BOND, CHINA, META, judged
from bench.weights.pallets.jobs import lucky
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto import rsa_pss
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination, PointVoucher
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.accounts import HEALTH
from runtime.constants import BTT
from runtime.pallets.facilities.types import Facility, FacilityState, Kind, Size
from runtime.pallets.incentives.epochs import modulus_hash
from runtime.pallets.incentives.months import Step
from runtime.pallets.incentives.types import (
    AHEAD_MONTHS,
    LIFE_MONTHS,
    MAX_AUDITORS,
    MAX_EPOCHS,
    MAX_OFFERS,
    MAX_PRUNED,
    MAX_VOUCHERS,
    Audit,
    AuditorEntry,
    AuditPhase,
    EligibleAuditor,
    Epoch,
    EpochState,
    ExpiringPoints,
    Fail,
    Group,
    GroupTally,
    Month,
    MonthPhase,
    Offer,
    Pass,
    PointsAccount,
    Progress,
    Reselection,
    Seat,
)
from runtime.pallets.incentives.vouchers import Batch
from runtime.pallets.oracle import types as oracle

CURRENT = 40
"""The current month."""
CLOSED = CURRENT - 1
SHA384 = hashes.SHA384()
RULE = ActivityRule(u32(1), u32(1), u32(1), u32(0), u32(1), u8(1), u16(0), u8(7))


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """Return the key that signs all vouchers of benchmarks."""
    return rsa.generate_private_key(rsa_pss.EXPONENT, rsa_pss.MODULUS_BITS)


def modulus() -> bytes:
    """Return the modulus of that key."""
    return signing_key().public_key().public_numbers().n.to_bytes(256, "big")


def months(b: Bench, *, phase: MonthPhase = MonthPhase.Closing) -> None:
    """Begin month `CURRENT`, with the month before in this phase and much reserved."""
    pallet = b.runtime.incentives.months
    pallet.progress.value = Progress(
        u32(CURRENT), u32(CLOSED), u32(CLOSED), u32(CURRENT - LIFE_MONTHS),
        u32(CURRENT - LIFE_MONTHS), u64(2**40),
    )  # fmt: skip
    money = u128(10**6 * BTT)
    pallet.months[u32(CLOSED)] = Month(
        money, money, money, u32(1_000), u64(10**8), phase, u64(BLOCK)
    )
    pallet.reserved.value = money
    b.endow(HEALTH, int(100 * money))


def institution(b: Bench, number: int, kind: Kind) -> AccountId:
    """Register an active facility of a kind, judged by the last registrar of its parent."""
    return enrolled(b, judged(b, number), kind)


def enrolled(b: Bench, who: AccountId, kind: Kind) -> AccountId:
    """Make an account an active facility with its bond; return it."""
    pallet = b.runtime.facilities
    b.endow(who)
    b.runtime.balances.hold(pallet.reason, who, BOND)
    pallet.facilities[who] = Facility(
        kind, Size.Large, CHINA, False, who, BOND, u64(0), FacilityState.Active, META
    )
    return who


def closed(b: Bench, number: int, *, state: EpochState = EpochState.Closed) -> AccountId:
    """Register a clinic with its epoch of the month before."""
    who, pallet = institution(b, number, Kind.Clinic), b.runtime.incentives
    points = u64(10**6)
    pallet.subscriptions.payments[u32(CLOSED), who] = u128(10**5 * BTT)
    pallet.epochs.epochs[who, u32(CLOSED)] = Epoch(points, META, u32(64), points, u64(0), state)
    pallet.epochs.keys[who, u32(CLOSED)] = [modulus()] * len(Denomination)
    return who


def voucher(b: Bench, facility: AccountId, redeemer: AccountId, number: int) -> PointVoucher:
    """Return a signed voucher of the month before."""
    nonce = blake2_256(b"nonce %d" % number)
    fields = (facility, u32(CLOSED), Denomination.Five, redeemer, nonce, nonce)
    blank = PointVoucher(*fields, bytes(256))
    message = blank.prefix + blank.message(b.runtime.system.genesis_hash())
    scheme = padding.PSS(padding.MGF1(SHA384), rsa_pss.SALT_LENGTH)
    return PointVoucher(*fields, signing_key().sign(message, scheme, SHA384))


def owning(b: Bench, points: int = 10**6) -> AccountId:
    """Return an account with points."""
    who, pallet = b.account(0), b.runtime.incentives
    pallet.points.points[who] = PointsAccount(u64(points), u32(CLOSED))
    pallet.expiries.add(CLOSED, [ExpiringPoints(who)])
    return who


def enlisted(b: Bench, count: int) -> list[AccountId]:
    """Enlist auditors, who were all active when the month was settled."""
    pallet = b.runtime.incentives.auditors
    found = [AccountId(blake2_256(b"auditor %d" % number)) for number in range(count)]
    pallet.auditors.value = [AuditorEntry(who, bytes(32)) for who in found]
    pallet.eligible[u32(CLOSED)] = [EligibleAuditor(who, who, bytes(32)) for who in found]
    return found


def failing(b: Bench, phase: AuditPhase, *, verdicts: int) -> AccountId:
    """Register a clinic whose audit is in its second round, or could be answered."""
    who = closed(b, 0, state=EpochState.Failed)
    seats = [institution(b, 10 + place, Kind.Auditor) for place in range(6)]
    first = [Seat(each, each, bytes(32), Fail(u32(0))) for each in seats[:3]]
    second = [
        Seat(each, each, bytes(32), Fail(u32(0)) if place < verdicts else None)
        for place, each in enumerate(seats[3:])
    ]
    b.runtime.incentives.audits.audits[who, u32(CLOSED)] = Audit(
        phase, META, u64(BLOCK * 2), first, second
    )
    return who


# ---- calls


@benchmark("Incentives.set_rule")
def set_rule(b: Bench) -> Case:
    """Set a rule."""
    return b.root("Incentives", "set_rule", id=u16(1), rule=RULE)


@benchmark("Incentives.subscribe", months=(1, AHEAD_MONTHS))
def subscribe(b: Bench, months: int) -> Case:
    """Pay for months without a payment so far."""
    who, quotes = institution(b, 0, Kind.Clinic), b.runtime.oracle.quotes
    now = b.runtime.timestamp.now.value
    quotes.rules[b"BTT/CNY"] = oracle.Rule()
    quotes.values[b"BTT/CNY"] = oracle.TimestampedValue(u128(10**20), now)
    quotes.round[b"BTT/CNY"] = oracle.Round(u64(2**60))
    return b.signed(who, "Incentives", "subscribe", size=Size.Large, months=u16(months))


@benchmark("Incentives.publish_keys")
def publish_keys(b: Bench) -> Case:
    """Publish four moduli."""
    who, number = institution(b, 0, Kind.Clinic), int.from_bytes(modulus(), "big")
    b.runtime.incentives.subscriptions.payments[u32(1), who] = u128(1)
    keys: list[bytes] = []
    while len(keys) < len(Denomination):
        number -= 2
        key = number.to_bytes(256, "big")
        try:
            rsa_pss.check_modulus(key)
        except ValueError:
            continue
        keys.append(key)
    return b.signed(who, "Incentives", "publish_keys", month=u32(1), keys=keys)


@benchmark("Incentives.close_month")
def close_month(b: Bench) -> Case:
    """Close a month."""
    months(b)
    who = closed(b, 0, state=EpochState.Open)
    return b.signed(
        who, "Incentives", "close_month",
        month=u32(CLOSED), root=META, leaves=u32(64), points=u64(1),
    )  # fmt: skip


@benchmark("Incentives.redeem", vouchers=(1, MAX_VOUCHERS))
def redeem(b: Bench, vouchers: int) -> Case:
    """Redeem vouchers of one facility, for one account that does not exist."""
    months(b)
    facility, patient = closed(b, 0), AccountId(blake2_256(b"patient"))
    found = [voucher(b, facility, patient, number) for number in range(vouchers)]
    return b.signed(b.account(0), "Incentives", "redeem", vouchers=found)


@benchmark("Incentives.credit", accounts=(1, MAX_VOUCHERS))
def credit(b: Bench, accounts: int) -> Case:
    """Credit points to accounts that do not exist."""
    months(b)
    patients = [AccountId(blake2_256(b"patient %d" % number)) for number in range(accounts)]
    credits = {(who, u32(CLOSED)): 5 for who in patients}
    return Case(run=lambda: b.runtime.incentives.points.credit(credits))


@benchmark("Incentives.load_epochs", epochs=(1, MAX_EPOCHS))
def load_epochs(b: Bench, epochs: int) -> Case:
    """Read and write facilities' months, all of different months, each with points that expire."""
    months(b)
    pallet = b.runtime.incentives
    facilities = [(closed(b, number), u32(CLOSED - number)) for number in range(epochs)]
    for who, month in facilities:
        pallet.months.months[month] = pallet.months.get(CLOSED)
        pallet.epochs.epochs[who, month] = pallet.epochs.expect(who, CLOSED)
        pallet.epochs.keys[who, month] = [modulus()] * len(Denomination)

    def run() -> None:
        batch = Batch(pallet.vouchers)
        for who, month in facilities:
            batch.epoch(who, month)
            batch.count(month, 1)
            pallet.expiries.add(int(month), [ExpiringPoints(who)])
        batch.store()

    return Case(run=run)


@benchmark("Incentives.redeem_for_btt")
def redeem_for_btt(b: Bench) -> Case:
    """Exchange all points of an account."""
    months(b)
    return b.signed(owning(b), "Incentives", "redeem_for_btt", points=u64(10**6))


@benchmark("Incentives.redeem_at_partner")
def redeem_at_partner(b: Bench) -> Case:
    """Redeem for the last of many offers."""
    months(b)
    partner = institution(b, 0, Kind.Partner)
    offers = [Offer(H256(bytes((n,)) * 32), u64(2**40)) for n in range(MAX_OFFERS)]
    b.runtime.incentives.partners.offers[partner] = offers
    return b.signed(
        owning(b), "Incentives", "redeem_at_partner",
        partner=address(partner), points=u64(10**6), offer=offers[-1].hash,
    )  # fmt: skip


@benchmark("Incentives.place")
def place(b: Bench) -> Case:
    """Place an offer besides many."""
    partner = institution(b, 0, Kind.Partner)
    offers = [Offer(H256(bytes((n,)) * 32), u64(2**40)) for n in range(MAX_OFFERS - 1)]
    b.runtime.incentives.partners.offers[partner] = offers
    return b.signed(partner, "Incentives", "place", offer=H256(b"\xff" * 32), days=u16(1))


@benchmark("Incentives.contribute_savings")
def contribute_savings(b: Bench) -> Case:
    """Give money to the pool."""
    who = institution(b, 0, Kind.Insurer)
    return b.signed(who, "Incentives", "contribute_savings", amount=BTT, memo=META)


@benchmark("Incentives.attest_credential")
def attest_credential(b: Bench) -> Case:
    """Attest the first credential of a month."""
    who = institution(b, 0, Kind.Educator)
    return b.signed(
        who, "Incentives", "attest_credential",
        who=address(b.account(1)), credential=META, hours=u16(1),
    )  # fmt: skip


@benchmark("Incentives.end_audit")
def end_audit(b: Bench) -> Case:
    """End the second round of a month that six auditors failed."""
    months(b, phase=MonthPhase.Selected)
    who, pallet = failing(b, AuditPhase.SecondRound, verdicts=2), b.runtime.incentives
    last = pallet.audits.audits[who, u32(CLOSED)].second[-1].auditor
    return Case(run=lambda: pallet.audits.report(last, who, CLOSED, Fail(u32(0))))


@benchmark("Incentives.report_audit")
def report_audit(b: Bench) -> Case:
    """Report the first verdict of an audit."""
    months(b, phase=MonthPhase.Selected)
    who, pallet = closed(b, 0), b.runtime.incentives
    enlisted(b, MAX_AUDITORS)
    seat = pallet.audits.get(who, CLOSED).seats[0]
    return b.signed(
        seat.auditor, "Incentives", "report_audit",
        facility=who, month=u32(CLOSED), verdict=Pass(),
    )  # fmt: skip


@benchmark("Incentives.answer_audit")
def answer_audit(b: Bench) -> Case:
    """Answer a failed audit."""
    months(b, phase=MonthPhase.Selected)
    who = failing(b, AuditPhase.Answerable, verdicts=0)
    return b.signed(who, "Incentives", "answer_audit", month=u32(CLOSED))


@benchmark("Incentives.settle_audit")
def settle_audit(b: Bench) -> Case:
    """End a first round of which no auditor reported."""
    months(b, phase=MonthPhase.Selected)
    who, pallet = closed(b, 0), b.runtime.incentives
    enlisted(b, MAX_AUDITORS)
    for seat in pallet.audits.get(who, CLOSED).seats:
        enrolled(b, seat.auditor, Kind.Auditor)
    b.at(BLOCK + pallet.months.days(10))
    return b.signed(b.account(0), "Incentives", "settle_audit", facility=who, month=u32(CLOSED))


@benchmark("Incentives.enlist")
def enlist(b: Bench) -> Case:
    """Enlist as the last auditor."""
    enlisted(b, MAX_AUDITORS - 1)
    return b.signed(institution(b, 0, Kind.Auditor), "Incentives", "enlist", key=bytes(32))


@benchmark("Incentives.retire")
def retire(b: Bench) -> Case:
    """Retire from a full list."""
    return b.signed(enlisted(b, MAX_AUDITORS)[-1], "Incentives", "retire")


@benchmark("Incentives.set_placement_fee")
def set_placement_fee(b: Bench) -> Case:
    """Set the fee."""
    return b.root("Incentives", "set_placement_fee", fee=BTT)


# ---- the hook


@benchmark("Incentives.look")
def look(b: Bench) -> Case:
    """Open a block in which nothing is due."""
    months(b)
    return Case(run=lambda: b.runtime.incentives.on_initialize(BLOCK))


@benchmark("Incentives.step")
def step(b: Bench) -> Case:
    """Begin the next month, which costs more than selecting the audits of one."""
    pallet = b.runtime.incentives.months
    months(b)
    progress = pallet.progress.value
    progress.settled = progress.current
    pallet.progress.value = progress
    b.at(pallet.begins(CURRENT + 1))
    return Case(run=pallet.advance)


@benchmark("Incentives.settle", auditors=(0, MAX_AUDITORS))
def settle(b: Bench, auditors: int) -> Case:
    """Settle a month, and store many active auditors for its audits."""
    pallet = b.runtime.incentives
    months(b)
    progress = pallet.months.progress.value
    progress.close_until = u64(0)
    pallet.months.progress.value = progress
    pallet.auditors.auditors.value = [
        AuditorEntry(institution(b, 1_000 + number, Kind.Auditor), bytes(32))
        for number in range(auditors)
    ]

    def run() -> None:
        if pallet.months.advance() is not Step.SETTLED:
            raise AssertionError("the month is not settled")
        pallet.audits.prepare()

    return Case(run=run)


@benchmark("Incentives.reselect", auditors=(0, MAX_AUDITORS))
def reselect(b: Bench, auditors: int) -> Case:
    """Select a second round from many auditors."""
    lucky(b)
    months(b, phase=MonthPhase.Selected)
    pallet = b.runtime.incentives
    who = failing(b, AuditPhase.Waiting, verdicts=0)
    enlisted(b, auditors)
    pallet.audits.reselections[u32(0)] = Reselection(who, u32(CLOSED), u64(BLOCK - 100))
    pallet.audits.reselection_ends.value = u32(0), u32(1)
    return Case(run=pallet.audits.reselect)


@benchmark("Incentives.remove", entries=(0, MAX_PRUNED))
def remove(b: Bench, entries: int) -> Case:
    """Remove facilities of an expired month, the most expensive entries."""
    months(b)
    pallet, old = b.runtime.incentives, u32(CLOSED - LIFE_MONTHS)
    progress = pallet.months.progress.value
    progress.oldest = old
    pallet.months.progress.value = progress
    for number in range(entries):
        who = AccountId(blake2_256(b"facility %d" % number))
        pallet.subscriptions.payments[old, who] = u128(1)
        pallet.epochs.epochs[who, old] = Epoch()
        keys = [blake2_256(b"%d" % number) * 8] * 4
        pallet.epochs.keys[who, old] = [bytes((place,)) + key[1:] for place, key in enumerate(keys)]
        for key in pallet.epochs.keys[who, old]:
            pallet.epochs.moduli[modulus_hash(who, key)] = old
    pallet.epochs.statistics[old, Group(CHINA, Kind.Clinic)] = GroupTally()
    return Case(run=lambda: pallet.pruning.remove(MAX_PRUNED))
