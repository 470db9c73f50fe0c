"""Rounds in which nothing can become final: they wait for a block, or for another's vote."""

from __future__ import annotations

import pytest

from btt_chain.consensus.finality.voter import (
    Report,
    SendCommit,
    SendVote,
)
from btt_chain.primitives.grandpa import (
    Stage,
    message_for,
)
from unit.consensus.finality.finality_world import (
    PRECOMMIT,
    PREVOTE,
    SET_ID,
    many,
    signed,
    who,
)
from unit.consensus.finality.voter_case import (
    NAMES,
    Net,
    T,
    View,
    line,
    make,
    receive,
    sent,
)


@pytest.mark.parametrize(("height", "due"), [(None, 3), (2, 3), (3, None)])
def test_a_commit_that_another_voter_has_sent_is_not_sent(
    height: int | None, due: int | None
) -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "B"))
    voter.tick(2 * T)
    for stage in (PREVOTE, PRECOMMIT):
        receive(voter, stage, world["B"], list(NAMES), 2 * T)
    assert (voter.round, voter.final) == (2, world["B"])

    if height is not None:
        voter.on_known_commit(height, 2 * T)

    assert voter.due == (None if due is None else due * T)
    commits = [action for action in voter.tick(3 * T) if isinstance(action, SendCommit)]
    assert [made.commit.target for made in commits] == [world["B"]] * (due == 3)


def test_a_second_vote_is_reported_though_another_voter_has_sent_the_commit() -> None:
    """Else a cheat would send its commit before its second vote."""
    world = line()
    voter = make(NAMES, "Alice", View(world, "B"))
    voter.tick(2 * T)
    for stage in (PREVOTE, PRECOMMIT):
        receive(voter, stage, world["B"], list(NAMES), 2 * T)
    voter.on_known_commit(world["B"].number, 2 * T)
    voter.tick(3 * T - 1)

    second = signed(PRECOMMIT, world["C"], "Dave", 1)
    actions = voter.on_vote(1, second, 3 * T - 1)

    reports = [action for action in actions if isinstance(action, Report)]
    assert [report.proof.offender for report in reports] == [who("Dave")]
    voter.tick(3 * T)
    assert voter.past_rounds == []


def test_there_is_no_vote_until_there_is_a_block_to_make_final() -> None:
    world, view = line(), View(line(), "B")
    voter = make(NAMES, "Alice", view, final="B")
    assert [sent(voter.tick(now)) for now in range(0, 40 * T, T)] == [[]] * 40
    assert voter.due is None

    view.head = "C"

    assert sent(voter.tick(40 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["C"]))]


def test_a_block_right_after_the_start_of_a_round_is_voted_for_at_the_usual_time() -> None:
    world, view = line(), View(line(), "B")
    voter = make(NAMES, "Alice", view, final="B")
    view.head = "C"
    assert sent(voter.tick(T)) == []
    assert voter.due == 2 * T
    assert sent(voter.tick(2 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["C"]))]


@pytest.mark.parametrize("stage", [PREVOTE, PRECOMMIT])
def test_a_round_that_another_voter_began_is_voted_in_after_two_durations(stage: Stage) -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "B"), final="B")
    voter.tick(2 * T)
    assert sent(receive(voter, stage, world["B"], ["Bob"], 9 * T)) == []
    assert voter.due == 11 * T
    assert sent(voter.tick(11 * T - 1)) == []

    assert sent(voter.tick(11 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["B"]))]


def test_a_round_that_is_complete_without_us_is_voted_in_at_once() -> None:
    world, others = line(), ["Bob", "Charlie", "Dave"]
    voter = make(NAMES, "Alice", View(world, "B"), final="B")
    receive(voter, PREVOTE, world["B"], others, T)

    actions = receive(voter, PRECOMMIT, world["B"], others, T)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(stage, world["B"])) for stage in
                             (PREVOTE, PRECOMMIT)]  # fmt: skip
    assert voter.round == 2


def test_a_vote_of_an_earlier_life_is_sent_again_though_its_block_is_final() -> None:
    world = line()
    recorded = {(1, PREVOTE): world["B"]}
    voter = make(NAMES, "Alice", View(world, "B"), final="B", recorded=recorded)

    assert sent(voter.tick(2 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["B"]))]


def test_a_round_is_ended_where_the_next_one_can_decide() -> None:
    """A commit has made final more than three quarters of the way from this round's base."""
    world = line()
    voter = make(NAMES, "Alice", View(world, "D"), final="genesis")
    voter.on_final(world["C"], T)

    assert sent(voter.tick(2 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["C"]))]


def test_rounds_do_not_follow_each_other_without_blocks() -> None:
    world, names = line(), many(4)
    views = {name: View(world, "B") for name in names}
    net = Net({name: make(names, name, view) for name, view in views.items()}).run(100 * T)
    rounds = {voter.best_round.number for voter in net.voters.values()}
    assert {world.name(v.final) for v in net.voters.values()} == {"B"}
    assert max(rounds) <= 3

    for view in views.values():
        view.head = "C"
    net.run(110 * T)

    assert {world.name(v.final) for v in net.voters.values()} == {"C"}
    assert {voter.best_round.number for voter in net.voters.values()} == {max(rounds) + 1}
