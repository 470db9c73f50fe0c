"""Benchmarks of disputes and policies: full panels, full lists, judgements read to the end."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import judged
from bench.weights.pallets.identity import LAST
from bench.weights.pallets.jobs import lucky
from bench.weights.pallets.payfi import META, merchant, payment
from bench.weights.pallets.payfi_policies import governed, policy
from bench.weights.state import Bench
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128
from runtime.constants import BTT
from runtime.frame.timers import NO_TIMER
from runtime.pallets.identity.types import KnownGood
from runtime.pallets.payfi.arbiters import BOND
from runtime.pallets.payfi.calendar import DISPUTES, key_of
from runtime.pallets.payfi.dispute_phases import ROUNDS, DisputePhase
from runtime.pallets.payfi.dispute_types import (
    MAX_ARBITERS,
    Accept,
    Arbiter,
    DisputeReason,
    Seat,
)
from runtime.pallets.payfi.panel import SEATS
from runtime.pallets.payfi.policies import OfCategory
from runtime.pallets.payfi.types import PaymentState

ENDED = 16
"""Maximum number of disputes that are measured."""
SHOP = 7
"""Number of the merchant's account."""
FIRST = 2_000
"""Number of the first arbiter's account."""


def losing(b: Bench, number: int = SHOP) -> AccountId:
    """Register a merchant that the next lost dispute suspends."""
    who, payfi = merchant(b, number), b.runtime.payfi
    ring = payfi.volumes.volumes[who]
    for day in ring.days:
        day.payments, day.lost = u32(1), u32(1)
    payfi.volumes.volumes[who] = ring
    return who


def arbiters(b: Bench, count: int = MAX_ARBITERS) -> list[AccountId]:
    """Appoint arbiters, three with judged identities, the others with a judged parent."""
    payfi, identity = b.runtime.payfi, b.runtime.identity
    found = [judged(b, FIRST + place) for place in range(count)]
    for who in found[:SEATS]:
        known = identity.identity_of[who]
        known.judgements[LAST] = (u32(LAST), KnownGood())
        identity.identity_of[who] = known
        del identity.subs.super_of[who]
    for who in found:
        b.runtime.balances.fungible_hold.hold(payfi.arbiters.reason, who, BOND)
        payfi.arbiters.arbiter_bonds[who] = Arbiter(BOND)
    payfi.arbiters.arbiters.value = sorted(found)
    return found


def disputed(b: Bench, who: AccountId, number: int = 0, *, late: bool = True) -> u64:
    """Dispute a part of a payment, after its settlement if late; return its number."""
    payfi = b.runtime.payfi
    id = payment(b, who, number)
    if late:
        known = payfi.payments.get(id)
        payfi.settlement.remove(known.bucket, who, known.legs)
        known.state = PaymentState.Settled
        payfi.payments.payments[id] = known
    payer = payfi.payments.get(id).payer
    args = {"payment": id, "amount": u128(BTT), "reason": DisputeReason.Other, "evidence": META}
    b.does(payer, "PayFi", "dispute", **args)
    if not late:
        # The part that is not disputed settled: what the payer does not get is paid at once.
        known = payfi.payments.get(id)
        payfi.settlement.remove(known.bucket, who, known.legs)
    return id


def contested(b: Bench, id: u64, phase: DisputePhase, seats: list[Seat], round_: int) -> None:
    """Bring a dispute into a phase before its panel, or with one."""
    payfi = b.runtime.payfi
    dispute = payfi.disputes.disputes.get(id)
    assert dispute is not None
    dispute.contested, dispute.phase, dispute.seats = META, phase, seats
    dispute.round, dispute.asked = u8(round_), u32(0)
    dispute.judged_by_ms = dispute.deadline_ms
    payfi.disputes.disputes[id] = dispute
    for seat in seats:
        record = payfi.arbiters.arbiter_bonds[seat.arbiter]
        record.seats += 1
        payfi.arbiters.arbiter_bonds[seat.arbiter] = record


def due(b: Bench, id: u64) -> None:
    """Let the phase of a dispute end now."""
    payfi = b.runtime.payfi
    dispute = payfi.disputes.disputes.get(id)
    assert dispute is not None
    timers = payfi.disputes.deadlines.timers
    timers.remove(DISPUTES, dispute.timer)
    dispute.timer = NO_TIMER
    payfi.disputes.disputes[id] = dispute
    timers.enter(DISPUTES, b.runtime.babe.now(), key_of(id))


@benchmark("PayFi.dispute")
def dispute(b: Bench) -> Case:
    """Dispute a part of a pending payment."""
    who = merchant(b, SHOP)
    id = payment(b, who)
    payer = b.runtime.payfi.payments.get(id).payer
    return b.signed(
        payer, "PayFi", "dispute", payment=id, amount=u128(BTT), reason=DisputeReason.Other,
        evidence=META,
    )  # fmt: skip


@benchmark("PayFi.answer")
def answer(b: Bench) -> Case:
    """Accept a dispute of a part of a payment before settlement."""
    who = merchant(b, SHOP)
    id = disputed(b, who, late=False)
    return b.signed(who, "PayFi", "answer", payment=id, answer=Accept())


@benchmark("PayFi.withdraw_dispute")
def withdraw_dispute(b: Bench) -> Case:
    """Withdraw a dispute before settlement with a full panel; the merchant has the deposit."""
    who, judges = merchant(b, SHOP), arbiters(b, SEATS)
    id = disputed(b, who, late=False)
    contested(b, id, DisputePhase.Judging, [Seat(judge) for judge in judges], ROUNDS)
    payer = b.runtime.payfi.payments.get(id).payer
    return b.signed(payer, "PayFi", "withdraw_dispute", payment=id)


@benchmark("PayFi.resolve")
def resolve(b: Bench) -> Case:
    """Give the third answer on a payment before settlement: both get a part, and it suspends."""
    who, judges = losing(b), arbiters(b, SEATS)
    id, most = disputed(b, who, late=False), int(BTT) * 3 // 4
    seats = [Seat(judge, u128(most - place)) for place, judge in enumerate(judges)]
    seats[-1].answer = None
    contested(b, id, DisputePhase.Judging, seats, ROUNDS)
    return b.signed(judges[-1], "PayFi", "resolve", payment=id, to_payer=u128(most - SEATS))


@benchmark("PayFi.end_phases", disputes=(1, ENDED))
def end_phases(b: Bench, disputes: int) -> Case:
    """Select the panels of that many disputes among all arbiters; one more waits."""
    arbiters(b)
    lucky(b)
    for number in range(disputes + 1):
        id = disputed(b, merchant(b, SHOP + number), number)
        contested(b, id, DisputePhase.Selecting, [], 0)
        due(b, id)
    return Case(run=lambda: b.runtime.payfi.disputes.end_phases(disputes))


@benchmark("PayFi.end_judgements", disputes=(1, ENDED))
def end_judgements(b: Bench, disputes: int) -> Case:
    """End that many disputes of other merchants with absent arbiters; one more waits."""
    judges = arbiters(b)
    for number in range(disputes + 1):
        id = disputed(b, merchant(b, SHOP + number), number, late=False)
        panel = [judges[(SEATS * number + place) % len(judges)] for place in range(SEATS)]
        contested(b, id, DisputePhase.Judging, [Seat(judge) for judge in panel], ROUNDS)
        due(b, id)
    return Case(run=lambda: b.runtime.payfi.disputes.end_phases(disputes))


@benchmark("PayFi.end_answers", disputes=(1, ENDED))
def end_answers(b: Bench, disputes: int) -> Case:
    """End that many disputes without an answer, which suspend their merchants; one more waits."""
    for number in range(disputes + 1):
        id = disputed(b, losing(b, SHOP + number), number, late=False)
        due(b, id)
    return Case(run=lambda: b.runtime.payfi.disputes.end_phases(disputes))


@benchmark("PayFi.set_policy")
def set_policy(b: Bench) -> Case:
    """Replace the policy of a category."""
    who = merchant(b, SHOP)
    governed(b, who)
    category = b.runtime.payfi.merchants.get(who).category
    return b.root("PayFi", "set_policy", scope=OfCategory(category), policy=policy())


@benchmark("PayFi.set_own_policy")
def set_own_policy(b: Bench) -> Case:
    """Replace a merchant's own policy."""
    who = merchant(b, SHOP)
    governed(b, who)
    return b.signed(who, "PayFi", "set_own_policy", policy=policy())


@benchmark("PayFi.set_arbiters")
def set_arbiters(b: Bench) -> Case:
    """Appoint the maximum number of arbiters."""
    return b.root("PayFi", "set_arbiters", arbiters=arbiters(b))


@benchmark("PayFi.bond_arbiter")
def bond_arbiter(b: Bench) -> Case:
    """Offer to judge disputes."""
    return b.signed(b.account(0), "PayFi", "bond_arbiter", amount=BOND)


@benchmark("PayFi.unbond_arbiter")
def unbond_arbiter(b: Bench) -> Case:
    """Leave as one of the maximum number of arbiters."""
    return b.signed(arbiters(b)[-1], "PayFi", "unbond_arbiter")
