"""Bounds of the chambers: the cost of votes, and the removal of ballots."""

from __future__ import annotations

from itertools import pairwise

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u16, u32, u128
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.limits import block_weights
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.referenda.types import NO_BALLOT, Ballot, Tally, WasRejected
from support.assembly import SLOT_MS, Assembly
from support.governance import ALICE, BOB

INSTITUTIONS, COMPUTE, HOLDERS, COMMUNITY = Chamber


@pytest.fixture
def runtime() -> Assembly:
    runtime = Assembly()
    runtime.open()
    return runtime


def test_the_thousandth_vote_costs_what_the_first_does(runtime: Assembly) -> None:
    index = runtime.deciding()
    voters = [AccountId(number.to_bytes(32, "big")) for number in range(1, 1_001)]
    for voter in voters:
        runtime.balances.transfer(ALICE, voter, BTT)
    state, reads = runtime.state, []

    def get(key: bytes) -> bytes | None:
        reads.append(key)
        return state.data.get(key)

    state.get = get  # type: ignore[method-assign]
    counts = []
    for voter in voters:
        reads.clear()
        runtime.cast(voter, index, int(BTT) // 2)
        counts.append(len(reads))
    assert max(counts) == counts[0]
    assert max(counts[1:]) <= min(counts) + 2
    assert runtime.holders(index) == (1_000, 0)


def test_the_ballots_of_what_is_over_are_forgotten_little_by_little(runtime: Assembly) -> None:
    index = runtime.deciding()
    for number in range(1, 121):
        voter = AccountId(number.to_bytes(32, "big"))
        runtime.balances.transfer(BOB, voter, BTT)
        runtime.cast(voter, index, int(BTT) // 2)
    runtime.wait(7 * runtime.day + 1)
    assert isinstance(runtime.referenda.referendum_info_for[index], WasRejected)
    kept = []
    for _ in range(5):
        kept.append(len(list(runtime.chambers.polls.ballots.under(index))))
        runtime.tick()
    assert kept[-1] == 0
    assert all(before - after <= 50 for before, after in pairwise(kept))
    assert runtime.chambers.polls.over.get() is None


def test_a_thousand_referenda_that_end_at_once_are_forgotten_one_a_block(runtime: Assembly) -> None:
    polls = [u32(number) for number in range(1_000)]
    for index in polls:
        runtime.chambers.polls.recount(index, u16(10), BOB, NO_BALLOT, Ballot(ayes=5), Tally())
    for index in polls:
        runtime.chambers.polls.closed(index)
    stored = max(len(raw) for raw in runtime.state.data.values())
    assert stored < 2_000, "no value grows with their number"
    for left in reversed(range(1_000)):
        runtime.chambers.on_initialize(0)
        assert (polls[left], BOB) not in runtime.chambers.polls.ballots
    assert runtime.chambers.polls.over.get() is None
    assert list(runtime.chambers.polls.ballots.items()) == []
    assert list(runtime.chambers.polls.over_before.items()) == []


def test_hundreds_of_votes_and_a_hundred_calls_fit_into_one_block(runtime: Assembly) -> None:
    index = runtime.deciding()
    voters = [AccountId(number.to_bytes(32, "big")) for number in range(1, 601)]
    for voter in voters:
        runtime.balances.transfer(ALICE, voter, BTT)
    ready = u32(runtime.clock.slot + 1)
    for number in range(100):
        entry = runtime.entry(bytes((number,)), micros=2_000)
        runtime.scheduler.schedule(ROOT, ready, None, u8(0), entry)
    runtime.new_events()
    limits = block_weights(SLOT_MS)
    normal, most = limits.per_class.normal, int(limits.max_block.ref_time)
    hooks = runtime.tick() + int(limits.base_block.ref_time)
    assert runtime.written() == [bytes((number,)) for number in range(100)]
    ballot = Standard(vote_of(aye=True), u128(1))
    vote = runtime.call("ConvictionVoting", "vote", poll_index=index, vote=ballot)
    declared, base = runtime.info(vote).weight, int(normal.base_extrinsic.ref_time)
    used = 0
    for voter in voters:
        assert normal.max_total is not None
        assert used + base + declared <= normal.max_total.ref_time
        assert hooks + used + base + declared <= most
        post = runtime.voting.vote(signed(voter), index, ballot)
        used += base + (post.weight or declared)
    assert runtime.votes(index, HOLDERS) == (1_200, 0, 0)
