"""Benchmarks of Chambers: full lists, and candidates who are verified as parts of an account."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.conviction_voting import chambers, voter
from bench.weights.pallets.identity import LONG, named
from bench.weights.pallets.tokenomics import FIRST, attested, last
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime.constants import BTT
from runtime.pallets.chambers.formulas import Mode
from runtime.pallets.chambers.polls import CLEARED
from runtime.pallets.chambers.types import (
    MAX_CANDIDATES,
    MAX_INSTITUTIONS,
    MAX_OBJECTIONS,
    RESERVE_ID,
    SEATS,
    Approvals,
    Candidate,
    Counted,
    Institution,
    Seat,
)
from runtime.pallets.identity.types import MAX_SUBS
from runtime.pallets.tokenomics.types import MilestoneStatus

BACKING = u128(10 * BTT)
OVER, BEFORE = u32(70), u32(69)


def person(b: Bench, number: int) -> AccountId:
    """Return an account that is a verified part of another one."""
    who, main = b.endow(AccountId(blake2_256(b"candidate %d" % number))), b.account(0)
    if main not in b.runtime.identity.identity_of:
        named(b, 0, paid=False)
    b.runtime.identity.subs.super_of[who] = (main, LONG)
    b.runtime.identity.subs.agreed[who] = ()
    return who


def deposit(b: Bench, who: AccountId) -> u128:
    """Reserve the deposit of a candidate in an account; return it."""
    pallet = b.runtime.chambers
    pallet.currency.reserve_named(RESERVE_ID, who, pallet.candidacy_deposit)
    return u128(pallet.candidacy_deposit)


def standing(b: Bench, count: int) -> list[AccountId]:
    """Register that many accounts as candidates, each with some backing; return them."""
    pallet = b.runtime.chambers
    people = [person(b, number) for number in range(count)]
    for place, who in enumerate(people):
        backing = u128(BACKING * 10 + place)
        pallet.elections.candidates[who] = Candidate(deposit(b, who), backing, standing=True)
    pallet.elections.running.value = people
    return people


def representing(b: Bench, count: int = SEATS) -> list[AccountId]:
    """Seat that many accounts as representatives of the community; return them."""
    pallet = b.runtime.chambers
    people = [person(b, 1_000 + number) for number in range(count)]
    pallet.membership.representatives.value = [
        Seat(who, BACKING, deposit(b, who)) for who in people
    ]
    return people


def backing(b: Bench, who: AccountId, names: list[AccountId]) -> None:
    """Record that an account backs candidates."""
    if names:
        b.does(who, "Chambers", "vote_representative", candidates=names, value=BACKING)


def seated(b: Bench, count: int = MAX_INSTITUTIONS) -> AccountId:
    """Seat that many institutions; return the last one."""
    people = [b.poor(1_000 + place) for place in range(count)]
    b.runtime.chambers.membership.institutions.value = [Institution(who, BACKING) for who in people]
    return people[-1]


@benchmark("Chambers.add_institution")
def add_institution(b: Bench) -> Case:
    """Seat the last institution that fits, which backs as many candidates as possible."""
    who, names = b.account(1), standing(b, SEATS)
    representing(b)
    backing(b, who, names)
    seated(b, MAX_INSTITUTIONS - 1)
    return b.root("Chambers", "add_institution", who=address(who), allocation=BACKING)


@benchmark("Chambers.remove_institution")
def remove_institution(b: Bench) -> Case:
    """Remove the last of all seats."""
    return b.root("Chambers", "remove_institution", who=address(seated(b)))


@benchmark("Chambers.submit_candidacy")
def submit_candidacy(b: Bench) -> Case:
    """Become the last candidate that fits."""
    seated(b)
    standing(b, MAX_CANDIDATES - 1)
    # The candidate itself is the beneficiary of its account, so it has the identity.
    return b.signed(named(b, MAX_SUBS, paid=False), "Chambers", "submit_candidacy")


@benchmark("Chambers.withdraw_candidacy")
def withdraw_candidacy(b: Bench) -> Case:
    """Resign from the last of all seats."""
    return b.signed(representing(b)[-1], "Chambers", "withdraw_candidacy")


@benchmark("Chambers.vote_representative", old=(0, SEATS), names=(1, SEATS))
def vote_representative(b: Bench, old: int, names: int) -> Case:
    """Back that many candidates instead of `old` others, with all stakes and schedules."""
    who = voter(b)
    people = standing(b, 2 * SEATS)
    seated(b)
    backing(b, who, people[:old])
    return b.signed(
        who, "Chambers", "vote_representative",
        candidates=people[SEATS : SEATS + names], value=BACKING,
    )  # fmt: skip


@benchmark("Chambers.remove_rep_vote", names=(0, SEATS))
def remove_rep_vote(b: Bench, names: int) -> Case:
    """Remove all backing; without names the election is over."""
    who, people, pallet = b.account(1), standing(b, SEATS), b.runtime.chambers
    backing(b, who, people[: max(1, names)])
    if not names:
        pallet.elections.approvals[who] = Approvals(u32(99), BACKING, people)
    return b.signed(who, "Chambers", "remove_rep_vote")


@benchmark("Chambers.set_mode")
def set_mode(b: Bench) -> Case:
    """Set the mode."""
    return b.root("Chambers", "set_mode", mode=Mode.Static)


@benchmark("Chambers.remove_representative")
def remove_representative(b: Bench) -> Case:
    """Remove the last of all seats, with its deposit."""
    return b.root("Chambers", "remove_representative", who=address(representing(b)[-1]))


# ---- objections


def objecting(b: Bench, count: int) -> AccountId:
    """Attest a programme's milestones; let a voter object to the last one and `count` others."""
    attested(b)
    who, pallet, index = voter(b), b.runtime.chambers, last(b)
    seated(b)
    representing(b)
    for place in (*range(count), int(index)):
        pallet.objections.add(who, FIRST, u32(place), u128(BACKING + place))
    attested(b)  # some were stopped
    return who


@benchmark("Chambers.object_to_milestone")
def object_to_milestone(b: Bench) -> Case:
    """Object to the last milestone, after objections to all others, and so stop it."""
    who, index = objecting(b, int(last(b))), last(b)
    b.runtime.chambers.objections.withdraw(who, FIRST, index)
    del b.runtime.chambers.objections.objection_rounds[FIRST, index]
    return b.signed(
        who, "Chambers", "object_to_milestone", programme=FIRST, index=index, value=BACKING * 10
    )


@benchmark("Chambers.withdraw_objection")
def withdraw_objection(b: Bench) -> Case:
    """Withdraw the last of the longest list of objections."""
    who = objecting(b, MAX_OBJECTIONS - 1)
    return b.signed(who, "Chambers", "withdraw_objection", programme=FIRST, index=last(b))


@benchmark("Chambers.unlock_objections")
def unlock_objections(b: Bench) -> Case:
    """Unlock the longest list of objections."""
    who = objecting(b, MAX_OBJECTIONS - 1)
    attested(b, MilestoneStatus.Confirmed)
    return b.signed(b.account(1), "Chambers", "unlock_objections", target=address(who))


# ---- the hook


@benchmark("Chambers.open_block")
def open_block(b: Bench) -> Case:
    """Open a block in which nothing is due."""
    chambers(b)
    pallet = b.runtime.chambers
    pallet.elections.election_ends.value = u32(10 * BLOCK)
    return Case(run=lambda: pallet.on_initialize(BLOCK))


@benchmark("Chambers.clear", ballots=(0, CLEARED))
def clear(b: Bench, ballots: int) -> Case:
    """Remove that many ballots of a closed referendum that followed another one."""
    pallet = b.runtime.chambers
    for place in range(ballots):
        pallet.polls.ballots[OVER, b.poor(place)] = Counted()
    pallet.polls.over.value = OVER
    pallet.polls.over_before[OVER] = BEFORE
    return Case(run=lambda: pallet.polls.clear(OVER))


@benchmark("Chambers.conclude", candidates=(0, MAX_CANDIDATES), sitting=(0, SEATS))
def conclude(b: Bench, candidates: int, sitting: int) -> Case:
    """Seat the first of that many candidates in place of the sitting ones."""
    seated(b)
    standing(b, candidates)
    representing(b, sitting)
    return Case(run=b.runtime.chambers.elections.conclude)
