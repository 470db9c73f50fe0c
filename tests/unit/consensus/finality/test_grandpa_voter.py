"""The voter: its rounds, its votes at their time, and a small network of them."""

from __future__ import annotations

from random import Random

import pytest

from btt_chain.consensus.finality.justification import Rule, verify
from btt_chain.consensus.finality.voter import (
    Distrust,
    Finalize,
    LastRound,
    Report,
    SaveRound,
    SendCommit,
    SendVote,
    Voter,
)
from btt_chain.consensus.finality.voting_rule import vote_height
from btt_chain.primitives.grandpa import (
    CatchUp,
    Stage,
    Target,
    Verdict,
    message_for,
)
from btt_chain.primitives.grandpa_equivocation import check_equivocation
from btt_chain.scale import u32, u64
from unit.consensus.finality.finality_world import (
    PRECOMMIT,
    PREVOTE,
    PROPOSE,
    SET_ID,
    World,
    as_precommit,
    commit,
    crate_world,
    many,
    signed,
    who,
)
from unit.consensus.finality.voter_case import (
    NAMES,
    Blind,
    Net,
    T,
    View,
    all_votes_of,
    line,
    make,
    receive,
    sent,
    vote_event,
)

# --- networks ---------------------------------------------------------------


def test_g15_a_single_voter_finalizes_alone() -> None:
    world = line()
    net = Net({"Alice": make({"Alice": 1}, "Alice", View(world, "F"))}).run(10 * T)

    assert world.name(net.voters["Alice"].final) == "F"


def test_g16_seven_of_ten_finalize_and_prove_it() -> None:
    world, names = line(), many(10)
    up = list(names)[:7]
    net = Net({name: make(names, name, View(world, "F")) for name in up}).run(20 * T)

    for name in up:
        assert world.name(net.voters[name].final) == "F"
        for action in net.of(name, Finalize):
            proof = action.justification
            for rule in (Rule.NODE, Rule.FULL):
                verdict = verify(proof, SET_ID, net.voters[name].set.voters, proof.target, rule)
                assert verdict is Verdict.ACCEPTED


def test_six_of_ten_finalize_nothing() -> None:
    world, names = line(), many(10)
    net = Net({name: make(names, name, View(world, "F")) for name in list(names)[:6]})

    net.run(30 * T)

    assert all(voter.final == world["genesis"] for voter in net.voters.values())
    assert all(voter.best_round.number == 1 for voter in net.voters.values())


def test_voters_who_see_different_heads_finalize_what_they_share() -> None:
    world = crate_world()
    heads = {"Alice": "FC", "Bob": "ED", "Charlie": "FC", "Dave": "ED"}
    names = dict.fromkeys(heads, 1)
    net = Net({name: make(names, name, View(world, head)) for name, head in heads.items()})

    net.run(60 * T)

    assert {world.name(voter.final) for voter in net.voters.values()} == {"E"}


def test_no_voter_votes_twice_in_a_stage_of_a_round() -> None:
    world, names = crate_world(), many(4)
    heads = ["FC", "ED", "FC", "FC"]
    views = {name: View(world, "C") for name in names}
    net = Net({name: make(names, name, view) for name, view in views.items()}).run(20 * T)
    for view, head in zip(views.values(), heads, strict=True):
        view.head = head
    net.run(60 * T)

    for name in names:
        votes = all_votes_of(net, name)
        assert len(votes) == len(set(votes)) > 4
        assert net.of(name, Report) == []


def test_a_chain_that_grows_is_finalized_as_it_grows() -> None:
    world, names = line(), many(4)
    views = {name: View(world, "B") for name in names}
    net = Net({name: make(names, name, view) for name, view in views.items()}).run(12 * T)
    assert {world.name(v.final) for v in net.voters.values()} == {"B"}

    for view in views.values():
        view.head = "F"
    net.run(40 * T)

    assert {world.name(v.final) for v in net.voters.values()} == {"F"}
    rounds = [voter.best_round.number for voter in net.voters.values()]
    assert min(rounds) > 3


def test_rounds_that_are_done_are_let_go() -> None:
    world, names = line(), many(4)
    net = Net({name: make(names, name, View(world, "F")) for name in names}).run(80 * T)

    assert all(len(voter.past_rounds) <= 2 for voter in net.voters.values())


def test_nothing_above_a_pending_change_is_final() -> None:
    world, names = line(), many(4)
    limit = world["D"].number
    net = Net({name: make(names, name, View(world, "F", limit)) for name in names}).run(40 * T)

    assert {world.name(v.final) for v in net.voters.values()} == {"D"}


def test_who_only_watches_finalizes_without_a_vote() -> None:
    world, names = line(), many(3)
    members: dict[str, Voter] = {name: make(names, name, View(world, "F")) for name in names}
    net = Net({**members, "watcher": make(names, None, View(world, "F"))}).run(20 * T)

    assert world.name(net.voters["watcher"].final) == "F"
    assert net.of("watcher", SendVote) == []


def test_g18_a_commit_is_gossiped_by_a_voter_that_received_none() -> None:
    world, names = line(), many(4)
    net = Net({name: make(names, name, View(world, "F")) for name in names}).run(9 * T)

    commits = [a for name in names for a in net.of(name, SendCommit)]
    assert commits
    for name in names:
        rounds = [a.round for a in net.of(name, SendCommit)]
        assert len(rounds) == len(set(rounds))


def split(world: World, name: str, number: int, stage: Stage, net: Net) -> None:
    """A voter sends one vote to one half of the net, and another to the other."""
    half = sorted(net.voters)[: len(net.voters) // 2]
    rest = [other for other in net.voters if other not in half]
    net.gossip(name, vote_event(number, signed(stage, world["FC"], name, number)), half)
    net.gossip(name, vote_event(number, signed(stage, world["ED"], name, number)), rest)


@pytest.mark.parametrize("seed", range(12))
def test_no_two_voters_finalize_conflicting_blocks_whatever_the_net_and_a_cheat_do(
    seed: int,
) -> None:
    rng, world, names = Random(seed), crate_world(), many(7)
    honest = [name for name in names if name not in {"voter 3", "voter 5"}]
    views = {name: View(world, rng.choice(["FC", "ED", "E"])) for name in honest}
    net = Net(
        {name: make(names, name, view) for name, view in views.items()},
        delay=lambda: None if rng.random() < 0.05 else rng.randrange(5, 4 * T),
    )

    for until in range(0, 40 * T, T):
        number = max(voter.best_round.number for voter in net.voters.values())
        for cheat in ("voter 3", "voter 5"):
            split(world, cheat, number, rng.choice([PREVOTE, PRECOMMIT]), net)
        net.run(until)

    finals = {world.name(voter.final) or "" for voter in net.voters.values()}
    assert all(world.stands_on(a, b) or world.stands_on(b, a) for a in finals for b in finals)
    for name in honest:
        votes = all_votes_of(net, name)
        assert len(votes) == len(set(votes))
        heights = [action.justification.target.number for action in net.of(name, Finalize)]
        assert heights == sorted(set(heights))


@pytest.mark.parametrize("received", [True, False])
def test_g18_no_commit_is_gossiped_after_an_equal_one(received: bool) -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["F"], list(NAMES), 2 * T)
    receive(voter, PRECOMMIT, world["F"], list(NAMES), 4 * T)
    assert [votes.number for votes in voter.past_rounds] == [1]
    if received:
        votes = [as_precommit(signed(PRECOMMIT, world["F"], n, 1)) for n in list(NAMES)[:3]]
        assert voter.on_commit(1, commit(world["F"], votes), 4 * T) == []

    actions = voter.tick(5 * T)

    assert len([a for a in actions if isinstance(a, SendCommit)]) == (not received)
    assert voter.past_rounds == []


# --- one voter --------------------------------------------------------------


def test_a_vote_is_sent_at_its_time() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    assert (voter.tick(0), voter.due) == ([], 2 * T)
    assert voter.tick(2 * T - 1) == []

    actions = voter.tick(2 * T)

    message = message_for(PREVOTE, world["E"])  # three quarters of the way up
    assert (actions, voter.due) == ([SendVote(1, SET_ID, message)], 4 * T)


def test_a_precommit_waits_for_its_time_and_goes_to_the_ghost() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["E"], ["Alice"], 3 * T)
    assert sent(receive(voter, PREVOTE, world["D"], ["Bob", "Charlie"], 3 * T)) == []
    assert voter.best_round.ghost == world["D"]
    assert sent(voter.tick(4 * T - 1)) == []

    actions = voter.tick(4 * T)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(PRECOMMIT, world["D"]))]


@pytest.mark.parametrize("ghost", ["E", "F"])
def test_a_precommit_does_not_wait_for_a_ghost_on_our_prevote(ghost: str) -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.tick(2 * T)

    actions = receive(voter, PREVOTE, world[ghost], ["Bob", "Charlie", "Dave"], 2 * T + 1)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(PRECOMMIT, world[ghost]))]


def test_a_precommit_does_not_wait_once_all_have_prevoted() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["E"], ["Alice"], 2 * T)
    assert sent(receive(voter, PREVOTE, world["C"], ["Bob", "Charlie"], 2 * T)) == []

    actions = receive(voter, PREVOTE, world["C"], ["Dave"], 2 * T)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(PRECOMMIT, world["C"]))]


def test_a_precommit_waits_two_durations_for_the_votes_of_a_round_that_began_late() -> None:
    world, view = line(), View(line(), "A")
    voter = make(NAMES, "Alice", view, final="A")
    assert sent(voter.tick(9 * T)) == []
    view.head = "C"
    assert sent(voter.tick(9 * T)) == [SendVote(1, SET_ID, message_for(PREVOTE, world["C"]))]
    receive(voter, PREVOTE, world["C"], ["Alice"], 9 * T)
    receive(voter, PREVOTE, world["B"], ["Bob", "Charlie"], 9 * T)
    assert voter.due == 11 * T
    assert sent(voter.tick(11 * T - 1)) == []

    actions = voter.tick(11 * T)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(PRECOMMIT, world["B"]))]


def test_a_round_is_saved_before_its_block_is_final() -> None:
    """One write makes both durable. A restart in a round whose block is final would not count
    again the votes for other forks, and might never complete it.
    """
    world = line()
    voter = make(NAMES, "Alice", View(world, "B"))
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["B"], list(NAMES), 2 * T)

    actions = receive(voter, PRECOMMIT, world["B"], list(NAMES)[:3], 2 * T)

    kinds = [type(action) for action in actions if isinstance(action, SaveRound | Finalize)]
    assert kinds == [SaveRound, Finalize]


def test_a_vote_is_cast_only_once_the_votes_are_saved_on_which_it_stands() -> None:
    """A precommit that came after the end of a round has lowered its estimate: a restart would vote
    through the estimate that was saved, or not at all if that is of a dead fork.
    """
    world, view = crate_world(), View(crate_world(), "FA")
    voter = make(NAMES, "Alice", view)
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["FA"], ["Alice", "Bob", "Charlie"], 2 * T)
    receive(voter, PRECOMMIT, world["FA"], ["Alice"], 2 * T)
    first = receive(voter, PRECOMMIT, world["F"], ["Bob", "Charlie"], 2 * T)
    (saved,) = [action for action in first if isinstance(action, SaveRound)]
    assert (voter.round, saved.votes.estimate) == (2, world["FA"])
    voter.on_vote(1, signed(PRECOMMIT, world["F"], "Dave", 1), 3 * T)
    view.head = "FB"

    actions = voter.tick(4 * T)

    save, vote = actions[:2]
    assert isinstance(save, SaveRound)
    assert (save.votes.number, save.votes.estimate) == (1, world["F"])
    assert isinstance(vote, SendVote)
    assert [action for action in actions if isinstance(action, SaveRound)] == [save]


def test_a_precommit_waits_until_the_ghost_stands_on_the_last_estimate() -> None:
    world = crate_world()
    votes = [
        signed(stage, world["EA"], name, 5) for stage in (PREVOTE, PRECOMMIT) for name in NAMES
    ]
    voter = make(NAMES, "Alice", View(world, "FC"), last=LastRound(5, world["A"], votes))
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["F"], ["Bob", "Charlie", "Dave"], 3 * T)
    assert voter.best_round.ghost == world["F"]

    assert sent(voter.tick(4 * T)) == []


def test_nothing_is_called_final_before_our_own_votes_are_cast() -> None:
    world, view = line(), Blind(line(), "F")
    voter = make(NAMES, "Alice", view)
    receive(voter, PREVOTE, world["F"], ["Bob", "Charlie", "Dave"], T)

    unseen = receive(voter, PRECOMMIT, world["F"], ["Bob", "Charlie", "Dave"], T)
    assert voter.best_round.finalized == world["F"]
    assert not any(isinstance(action, Finalize) for action in unseen)
    view.blind = False
    seen = voter.tick(T)

    assert len(sent(seen)) == 2
    assert any(isinstance(action, Finalize) for action in seen)


def test_of_early_votes_two_are_kept_by_voter_and_stage() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))

    for name in "ABCDE":
        voter.on_vote(2, signed(PREVOTE, world[name], "Bob", 2), 0)
    voter.on_vote(2, signed(PREVOTE, world["A"], "Mallory", 2), 0)

    assert [len(kept) for kept in voter._early.votes.values()] == [2]


def test_a_vote_on_record_is_sent_again_after_a_restart() -> None:
    world = line()
    recorded = {(1, PREVOTE): world["C"]}
    voter = make(NAMES, "Alice", View(world, "F"), recorded=recorded)

    actions = voter.tick(2 * T)

    assert sent(actions) == [SendVote(1, SET_ID, message_for(PREVOTE, world["C"]))]


def test_a_restart_goes_on_behind_the_round_that_was_saved() -> None:
    world = line()
    votes = [signed(stage, world["C"], name, 5) for stage in (PREVOTE, PRECOMMIT) for name in NAMES]
    voter = make(NAMES, "Alice", View(world, "F"), last=LastRound(5, world["A"], votes))

    voter.tick(0)

    assert voter.best_round.number == 6
    assert world.name(voter.final) == "C"


def test_the_primarys_hint_is_followed_between_estimate_and_ghost() -> None:
    world = crate_world()
    # The last round: prevotes for E, precommits that leave the estimate at C.
    votes = [signed(PREVOTE, world["E"], name, 5) for name in NAMES]
    votes += [signed(PRECOMMIT, world["C"], name, 5) for name in NAMES]
    primary = next(
        n for n in NAMES if who(n) == make(NAMES, None, View(world, "C")).set.voters.primary(6)
    )

    def prevote_after(hint: str, name: str) -> Stage | Target:
        view = View(world, "C")
        voter = make(NAMES, "Alice", view, last=LastRound(5, world["A"], votes))
        voter.on_vote(6, signed(PROPOSE, world[hint], name, 6), 0)
        (vote,) = sent(voter.tick(2 * T))
        return Target(vote.message.vote.target_hash, int(vote.message.vote.target_number))

    other = next(name for name in NAMES if name != primary)
    assert prevote_after("D", primary) == world["D"]
    assert prevote_after("E", primary) == world["E"]
    assert prevote_after("F", primary) == world["C"]
    assert prevote_after("B", primary) == world["C"]
    assert prevote_after("D", other) == world["C"]


def test_an_equivocation_is_reported_once_with_a_proof() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.tick(0)
    votes = [signed(PREVOTE, world[name], "Bob", 1) for name in "ABC"]

    actions = [action for vote in votes for action in voter.on_vote(1, vote, 0)]

    (report,) = actions
    assert isinstance(report, Report)
    check_equivocation(report.proof)


def test_a_block_that_is_final_by_a_cheaters_votes_is_proven_by_the_next_vote() -> None:
    world = line()
    voter = make(NAMES, None, View(world, "F"))
    voter.tick(0)
    cheater, *others = NAMES
    receive(voter, PREVOTE, world["C"], others, 0)
    for name in "CB":  # two votes count for each block, and are in no proof
        voter.on_vote(1, signed(PRECOMMIT, world[name], cheater, 1), 0)
    *most, last = others

    receive(voter, PRECOMMIT, world["C"], most, 0)
    voter.tick(2 * T)
    assert world.name(voter.final) == "genesis"

    actions = voter.on_vote(1, signed(PRECOMMIT, world["C"], last, 1), 2 * T)

    assert any(isinstance(action, Finalize) for action in actions)
    assert world.name(voter.final) == "C"


def test_votes_for_the_next_round_are_kept_until_it_begins() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    voter.on_vote(2, signed(PREVOTE, world["F"], "Bob", 2), 0)
    voter.on_vote(3, signed(PREVOTE, world["F"], "Bob", 3), 0)
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["F"], list(NAMES), 2 * T)
    voter.tick(4 * T)

    actions = receive(voter, PRECOMMIT, world["F"], list(NAMES), 4 * T)

    assert voter.best_round.number == 2
    assert voter.best_round.voted(PREVOTE) == [who("Bob")]
    assert [a.votes.number for a in actions if isinstance(a, SaveRound)] == [1]
    assert world.name(voter.final) == "F"


def test_g17_what_is_missing_in_a_round_is_reported() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    receive(voter, PREVOTE, world["F"], ["Bob"], 0)

    assert (voter.best_round.number, voter.past_rounds) == (1, [])
    assert voter.best_round.power_of(PREVOTE).weight == 1
    assert voter.best_round.voters.threshold.weight == 3
    assert set(voter.best_round.missing(PREVOTE)) == {who(n) for n in ("Alice", "Charlie", "Dave")}


def test_g19_a_commit_of_any_round_finalizes_and_leaves_our_round_alone() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    votes = [as_precommit(signed(PRECOMMIT, world["E"], name, 9)) for name in NAMES]

    actions = voter.on_commit(9, commit(world["E"], votes), 0)

    (final,) = [a for a in actions if isinstance(a, Finalize)]
    assert final.justification.round == 9
    assert len(final.justification.commit.precommits) == 3
    assert voter.final == world["E"]
    assert voter.best_round.number == 1


def test_a_commit_without_enough_weight_is_distrusted() -> None:
    world = line()
    voter = make(NAMES, "Alice", View(world, "F"))
    votes = [as_precommit(signed(PRECOMMIT, world["E"], name, 9)) for name in ("Alice", "Bob")]

    assert voter.on_commit(9, commit(world["E"], votes), 0) == [
        Distrust("the commit of round 9 is not valid")
    ]
    assert voter.final == world["genesis"]


def test_g20_a_catch_up_moves_on_behind_its_round() -> None:
    world = line()
    ahead = make(NAMES, "Bob", View(world, "F"), last=LastRound(4, world["genesis"]))
    ahead.tick(2 * T)
    receive(ahead, PREVOTE, world["F"], list(NAMES), 2 * T)
    ahead.tick(4 * T)
    receive(ahead, PRECOMMIT, world["F"], list(NAMES), 4 * T)
    help_ = ahead.catch_up(5)
    assert isinstance(help_, CatchUp)
    assert ahead.catch_up(6) is None
    behind = make(NAMES, "Alice", View(world, "F"))

    actions = behind.on_catch_up(help_, 0)

    assert behind.best_round.number == 6
    assert behind.final == world["F"]
    assert [a.votes.number for a in actions if isinstance(a, SaveRound)] == [5]
    receive(behind, PREVOTE, world["F"], ["Bob"], 0)
    (vote,) = sent(behind.tick(2 * T))
    assert vote.round == 6
    assert behind.on_catch_up(help_, 3 * T) == []


@pytest.mark.parametrize("keep", [0, 2])
def test_a_catch_up_that_completes_nothing_is_distrusted(keep: int) -> None:
    world = line()
    behind = make(NAMES, "Alice", View(world, "F"))
    votes = make(NAMES, "Bob", View(world, "F"), last=LastRound(4, world["genesis"]))
    receive(votes, PREVOTE, world["F"], list(NAMES), 0)
    receive(votes, PRECOMMIT, world["F"], list(NAMES)[:keep], 0)
    round_ = votes.best_round
    base = round_.base
    short = CatchUp(
        u64(5),
        round_.prevotes(),
        round_.precommits(),
        base.hash,
        u32(base.number),
    )

    assert behind.on_catch_up(short, 0) == [Distrust("the catch-up does not complete round 5")]
    assert behind.best_round.number == 1


def test_g21_the_next_round_waits_until_the_last_estimate_is_final() -> None:
    world, names = crate_world(), many(100)
    voter = make(names, None, View(world, "E"), final="C")
    people = list(names)
    voter.tick(2 * T)
    receive(voter, PREVOTE, world["E"], people[:67], 2 * T)
    voter.tick(4 * T)
    receive(voter, PRECOMMIT, world["D"], people[:66], 4 * T)
    voter.on_vote(1, signed(PRECOMMIT, world["E"], people[66], 1), 4 * T)
    assert voter.best_round.number == 2

    # Round 2 sees E prevoted, but only D becomes final in it: E may be final in round 1 still.
    voter.tick(6 * T)
    receive(voter, PREVOTE, world["E"], people[:67], 6 * T)
    voter.tick(8 * T)
    receive(voter, PRECOMMIT, world["D"], people[:67], 8 * T)
    assert voter.best_round.number == 2
    assert voter.best_round.completable

    voter.on_vote(1, signed(PRECOMMIT, world["D"], people[67], 1), 9 * T)

    assert voter.best_round.number == 3
    assert voter.final == world["D"]


# --- voting rules -----------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "head", "behind", "limit", "height"),
    [
        (10, 10, 0, None, 10),
        (10, 11, 0, None, 11),
        (10, 11, 2, None, 10),
        (10, 14, 0, None, 13),
        (10, 14, 2, None, 12),
        (10, 110, 2, None, 85),
        (10, 110, 2, 30, 30),
        (10, 110, 2, 9, 10),
        (0, 3, 0, None, 2),
    ],
)
def test_a_prevote_stays_below_the_head_and_never_below_its_base(
    base: int, head: int, behind: int, limit: int | None, height: int
) -> None:
    assert vote_height(base, head, behind, limit) == height
