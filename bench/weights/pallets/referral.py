"""Benchmarks of Referral: sub-accounts as both parties, a merchant as referee."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.facilities import judged
from bench.weights.pallets.payfi import rings
from bench.weights.state import Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.referral.types import Quota, Referee, Terms, Usage

SPENT = Usage(u32(100), 2_000 * BTT, 2_000 * BTT, u128(0), u128(0), u128(0))
"""Fees that pay for all rewards."""


def newcomer(b: Bench) -> AccountId:
    """Return an account that is new to the chain."""
    return b.account(90)


def referred(b: Bench, usage: Usage, paid: int = 0) -> AccountId:
    """Return a merchant that a sub-account referred, in a year before this one."""
    pallet, referrer, who = b.runtime.referral, judged(b, 0), newcomer(b)
    pallet.currency.hold(pallet.reason, referrer, BTT)
    rings(b.runtime.payfi, who)
    pallet.referees[who] = Referee(referrer, u64(0), BTT, True, usage, u128(paid))
    pallet.quotas[b.account(0)] = Quota()
    return who


@benchmark("Referral.refer")
def refer(b: Bench) -> Case:
    """Refer an account, as a sub-account."""
    return b.signed(judged(b, 0), "Referral", "refer", referee=address(newcomer(b)))


@benchmark("Referral.accept")
def accept(b: Bench) -> Case:
    """Accept the referral of a sub-account, as a merchant was before it closed."""
    referrer, who = judged(b, 0), newcomer(b)
    b.does(referrer, "Referral", "refer", referee=address(who))
    b.runtime.referral.quotas[b.account(0)] = Quota()
    return b.signed(who, "Referral", "accept", referrer=address(referrer))


@benchmark("Referral.attest_implementation")
def attest_implementation(b: Bench) -> Case:
    """Attest an implementation."""
    who = referred(b, Usage())
    found = b.runtime.referral.referees[who]
    found.implemented = False
    b.runtime.referral.referees[who] = found
    return b.root("Referral", "attest_implementation", referee=address(who))


@benchmark("Referral.claim")
def claim(b: Bench) -> Case:
    """Claim the last reward of a merchant, which releases the deposit."""
    who = referred(b, SPENT)
    return b.signed(b.account(91), "Referral", "claim", referee=address(who))


@benchmark("Referral.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw a referral that was not accepted."""
    referrer, who = judged(b, 0), newcomer(b)
    b.does(referrer, "Referral", "refer", referee=address(who))
    return b.signed(referrer, "Referral", "withdraw", referee=address(who))


@benchmark("Referral.set_terms")
def set_terms(b: Bench) -> Case:
    """Set the terms."""
    return b.root("Referral", "set_terms", terms=Terms())
