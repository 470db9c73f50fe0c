"""Benchmarks of ConvictionVoting: voters of all chambers, and full timer queues."""

from __future__ import annotations

from dataclasses import replace

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import parent
from bench.weights.pallets.preimage import fill_slot
from bench.weights.pallets.referenda import deposited, submitted
from bench.weights.pallets.tier_staking import staker
from bench.weights.pallets.vesting import info
from bench.weights.state import BLOCK, MONEY, Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u128
from runtime.constants import BTT
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.types import (
    MAX_INSTITUTIONS,
    SEATS,
    Institution,
    Seat,
    WorkDay,
)
from runtime.pallets.conviction_voting.types import (
    MAX_VOTES,
    AnyVote,
    Casting,
    Conviction,
    Delegations,
    PriorLock,
    Split,
    Standard,
    VoteCasting,
    vote_of,
)
from runtime.pallets.identity.types import Reasonable
from runtime.pallets.referenda.tracks import track_of
from runtime.pallets.referenda.types import Ongoing, WasApproved
from runtime.pallets.scheduler.types import MAX_SCHEDULED
from runtime.pallets.vesting.pallet import MAX_SCHEDULES

TRACK = u16(0)
IN_TRACK = {"class": TRACK}
STAKE = u128(BTT)
AYE = Standard(vote_of(aye=True), STAKE)
KINDS = (0, 150)
FAR = 1_000_000
"""First slot of the alarms of other referenda."""


def chambers(b: Bench) -> None:
    """Seat all institutions and representatives; record work on the maximum number of days."""
    pallet = b.runtime.chambers
    pallet.membership.institutions.value = [
        Institution(b.poor(1_000 + place), STAKE) for place in range(MAX_INSTITUTIONS)
    ]
    pallet.membership.representatives.value = [
        Seat(b.poor(2_000 + place), STAKE, STAKE) for place in range(SEATS)
    ]
    day = pallet.work.today()
    days = [WorkDay(u32(max(0, day - place)), u128(10**9)) for place in range(formulas.KEPT, 0, -1)]
    pallet.work.total_work.value = days


def voter(b: Bench) -> AccountId:
    """Return an account with all stakes and all schedules, which has worked every day."""
    who, pallet = staker(b), b.runtime.chambers
    chambers(b)
    giver = b.account(8, 10 * MONEY)
    for place in range(MAX_SCHEDULES):
        b.runtime.vesting.transfer_vested(giver, who, info(b, BLOCK - 10 - place))
    pallet.work.work[who] = pallet.work.total_work.value
    voting = b.runtime.conviction_voting
    voting.class_locks_for[who] = [(track, STAKE) for track in voting.polls.classes()[1:]]
    return who


def decided(b: Bench) -> u32:
    """Let a referendum be in its decision period, with its alarm in a full timer queue."""
    index = deposited(b)
    referenda = b.runtime.referenda
    b.at(BLOCK + int(track_of(referenda.tracks, TRACK).prepare_period) + 1)
    b.decides("Referenda", "nudge_referendum", index=index)
    status = referenda.lifecycle.ongoing(index)
    assert status.alarm is not None
    full(b, int(status.alarm[0]))
    return index


def full(b: Bench, slot: int, left: int = 0) -> None:
    """Fill the timer queue of a slot with long calls, behind its present tasks."""
    scheduler = b.runtime.scheduler
    known = scheduler.tasks.agenda[u32(slot)]
    fill_slot(b, MAX_SCHEDULED - left - len(known), slot)
    scheduler.tasks.store(u32(slot), [*known, *scheduler.tasks.agenda[u32(slot)]])


def crowd(b: Bench) -> None:
    """Fill the next two slots, and the third except for one place."""
    now = b.runtime.babe.now()
    full(b, now + 1)
    full(b, now + 2)
    full(b, now + 4, left=1)


def record(b: Bench, who: AccountId, count: int, *own: u32) -> None:
    """Give an account that many votes in closed referenda, and votes in `own`."""
    listed = [(u32(FAR + place), Split(STAKE, STAKE)) for place in range(count)]
    cast = [(index, AYE) for index in own]
    record = Casting([*cast, *listed], Delegations(STAKE, STAKE), PriorLock(u32(5), STAKE))
    b.runtime.conviction_voting.voting_for[(who, TRACK)] = VoteCasting(record)


@benchmark("ConvictionVoting.vote", votes=(1, MAX_VOTES), opens=(0, 1), moved=(0, 1))
def vote(b: Bench, votes: int, opens: int, moved: int) -> Case:
    """Cast the last of that many votes, the first one of the referendum or not."""
    who = voter(b)
    index = decided(b) if moved else submitted(b)
    record(b, who, votes - 1)
    if not opens and not moved:
        b.does(b.account(4), "ConvictionVoting", "vote", poll_index=index, vote=AYE)
    if moved:
        crowd(b)
    return b.signed(
        who, "ConvictionVoting", "vote", poll_index=index,
        vote=Standard(vote_of(aye=True), u128(2 * BTT)),
    )  # fmt: skip


def target(b: Bench, over: int, counted: int, moved: int) -> AccountId:
    """Return an account with that many votes of each kind."""
    referenda, voting = b.runtime.referenda, b.runtime.conviction_voting
    who = b.account(3)
    quiet, busy = submitted(b), decided(b)
    still, loud = referenda.lifecycle.ongoing(quiet), referenda.lifecycle.ongoing(busy)
    cast: list[tuple[u32, AnyVote]] = []
    polls = b.runtime.chambers.polls
    chambers(b)
    b.does(who, "ConvictionVoting", "vote", poll_index=quiet, vote=AYE)
    opened, ballot = polls.polls.get(quiet), polls.ballots.get((quiet, who))
    assert opened is not None
    assert ballot is not None
    assert loud.alarm is not None
    for place in range(over + counted + moved):
        index = u32(FAR + place)
        cast.append((index, AYE))
        if place < over:
            deposit = still.submission_deposit
            referenda.referendum_info_for[index] = WasApproved(u32(BLOCK), deposit, deposit)
            continue
        polls.polls[index] = opened
        polls.ballots[index, who] = ballot
        if place < over + counted:
            referenda.referendum_info_for[index] = Ongoing(still)
            continue
        slot = u32(FAR + place)
        full(b, int(slot))
        alarm = (slot, (slot, u32(0)))
        referenda.referendum_info_for[index] = Ongoing(replace(loud, alarm=alarm))
    voting.voting_for[(who, TRACK)] = VoteCasting(Casting(cast))
    return who


@benchmark("ConvictionVoting.delegate", over=KINDS, counted=KINDS, moved=(0, 50))
def delegate(b: Bench, over: int, counted: int, moved: int) -> Case:
    """Delegate to an account with votes of these kinds."""
    who = delegator(b)
    to = target(b, over, counted, moved)
    return b.signed(
        who, "ConvictionVoting", "delegate", to=address(to), **IN_TRACK,
        conviction=Conviction.Locked1x, balance=STAKE,
    )  # fmt: skip


def delegator(b: Bench) -> AccountId:
    """Return an account with all stakes, which votes only as a holder."""
    who, voting = staker(b), b.runtime.conviction_voting
    chambers(b)
    voting.class_locks_for[who] = [(track, STAKE) for track in voting.polls.classes()[1:]]
    return who


@benchmark("ConvictionVoting.undelegate", over=KINDS, counted=KINDS, moved=(0, 50))
def undelegate(b: Bench, over: int, counted: int, moved: int) -> Case:
    """End a delegation to an account with votes of these kinds."""
    who, voting = delegator(b), b.runtime.conviction_voting
    to = target(b, over, counted, moved)
    known = voting.voting_for[(to, TRACK)]
    voting.voting_for[(to, TRACK)] = VoteCasting(Casting())
    b.does(
        who, "ConvictionVoting", "delegate", to=address(to), **IN_TRACK,
        conviction=Conviction.Locked1x, balance=STAKE,
    )  # fmt: skip
    assert isinstance(known, VoteCasting)
    known.casting.delegations = Delegations(STAKE, STAKE)
    voting.voting_for[(to, TRACK)] = known
    return b.signed(who, "ConvictionVoting", "undelegate", **IN_TRACK)


@benchmark("ConvictionVoting.unlock", votes=(0, MAX_VOTES))
def unlock(b: Bench, votes: int) -> Case:
    """Release the lock of a former vote; the record keeps that many."""
    who = voter(b)
    record(b, who, votes)
    return b.signed(b.account(1), "ConvictionVoting", "unlock", target=address(who), **IN_TRACK)


def removing(b: Bench, votes: int, moved: int) -> tuple[AccountId, u32]:
    """Give an account that many votes, one of them in a referendum that moves or is decided.

    The vote in a decided one counts as a contribution of the account, whose identity is judged.
    """
    who = voter(b)
    if not moved:
        return who, contributed(b, who, votes)
    index = decided(b)
    b.does(who, "ConvictionVoting", "vote", poll_index=index, vote=AYE)
    record(b, who, votes - 1, index)
    referenda = b.runtime.referenda
    status = referenda.lifecycle.ongoing(index)
    slot = u32(FAR)
    full(b, FAR)
    status.alarm = (slot, (slot, u32(0)))
    referenda.referendum_info_for[index] = Ongoing(status)
    crowd(b)
    return who, index


def contributed(b: Bench, who: AccountId, votes: int) -> u32:
    """Let one of that many votes of an account be in a decided referendum; return its index."""
    parent(b, who, [], Reasonable())
    index, referenda = submitted(b), b.runtime.referenda
    deposit = referenda.lifecycle.ongoing(index).submission_deposit
    warm_up = int(b.runtime.tier_staking.warm_up) // int(b.params.slot_ms)
    b.at(BLOCK + warm_up)
    referenda.referendum_info_for[index] = WasApproved(u32(BLOCK + warm_up), deposit, deposit)
    record(b, who, votes - 1, index)
    assert b.runtime.tier_staking.contributions.counts(who)
    return index


@benchmark("ConvictionVoting.remove_vote", votes=(1, MAX_VOTES), moved=(0, 1))
def remove_vote(b: Bench, votes: int, moved: int) -> Case:
    """Remove the first of that many votes."""
    who, index = removing(b, votes, moved)
    return b.signed(who, "ConvictionVoting", "remove_vote", index=index, **IN_TRACK)


@benchmark("ConvictionVoting.remove_other_vote", votes=(1, MAX_VOTES), moved=(0, 1))
def remove_other_vote(b: Bench, votes: int, moved: int) -> Case:
    """As `remove_vote`, for the own account: others remove only votes that lock nothing."""
    who, index = removing(b, votes, moved)
    return b.signed(
        who, "ConvictionVoting", "remove_other_vote",
        target=address(who), index=index, **IN_TRACK,
    )  # fmt: skip
