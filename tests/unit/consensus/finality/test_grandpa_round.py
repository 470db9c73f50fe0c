"""A round's arithmetic: the scenarios of the Rust crate, and what must hold besides."""

from __future__ import annotations

from itertools import permutations

import pytest

from btt_chain.consensus.finality.graph import Node, Suffices, VoteGraph, descends
from btt_chain.consensus.finality.round import HistoricalVotes, Outcome, Round, RoundState
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Stage, Target
from btt_chain.primitives.grandpa_equivocation import (
    EquivocationProof,
    NoEquivocation,
    check_equivocation,
)
from btt_chain.primitives.voters import Power
from btt_chain.scale import codec, u64
from unit.consensus.finality.finality_world import (
    CRATE_WEIGHTS,
    PRECOMMIT,
    PREVOTE,
    PROPOSE,
    ROUND,
    SET_ID,
    World,
    by_weight,
    crate_world,
    equivocators,
    many,
    signed,
    state_of,
    unsigned,
    vote_all,
    voters,
    who,
)


@pytest.fixture
def world() -> World:
    return crate_world()


@pytest.fixture
def votes(world: World) -> Round:
    return Round(ROUND, by_weight(CRATE_WEIGHTS), world["C"], world)


def cast(votes: Round, world: World, stage: Stage, *pairs: tuple[str, str]) -> list[Outcome]:
    return [votes.add(unsigned(stage, world[block], name)).outcome for name, block in pairs]


# --- scenarios of the crate -------------------------------------------------


def test_g1_the_estimate_is_the_ghost_until_enough_have_precommitted(
    votes: Round, world: World
) -> None:
    cast(votes, world, PREVOTE, ("Alice", "FC"), ("Bob", "ED"))
    assert state_of(votes) == RoundState(world["E"], None, world["E"], completable=False)

    cast(votes, world, PREVOTE, ("Eve", "F"))

    assert state_of(votes) == RoundState(world["E"], None, world["E"], completable=False)


def test_g2_nothing_is_final_by_precommits_alone(votes: Round, world: World) -> None:
    cast(votes, world, PRECOMMIT, ("Alice", "FC"), ("Bob", "ED"))

    assert votes.finalized is None
    assert votes.precommit_ghost() == world["E"]


def test_g3_late_prevotes_make_final_what_was_precommitted(votes: Round, world: World) -> None:
    cast(votes, world, PRECOMMIT, ("Alice", "FC"), ("Bob", "ED"))
    cast(votes, world, PREVOTE, ("Alice", "FC"), ("Bob", "ED"), ("Eve", "EA"))
    assert votes.finalized == world["E"]

    cast(votes, world, PRECOMMIT, ("Eve", "EA"))

    assert votes.finalized == world["EA"]


def test_g4_an_equivocator_counts_for_every_block_but_only_once(votes: Round, world: World) -> None:
    assert votes.add(unsigned(PREVOTE, world["FC"], "Eve")).equivocation is None
    assert votes.ghost is None

    second = votes.add(unsigned(PREVOTE, world["ED"], "Eve"))
    assert second.outcome is Outcome.EQUIVOCATION
    assert second.equivocation is not None
    assert second.equivocation.votes.identity == who("Eve")
    assert votes.add(unsigned(PREVOTE, world["F"], "Eve")) == (Outcome.THIRD, None)
    assert votes.ghost is None

    cast(votes, world, PREVOTE, ("Bob", "FA"))

    assert votes.ghost == world["FA"]
    assert votes.power_of(PREVOTE) == Power(10, 2)
    assert equivocators(votes, PREVOTE) == {who("Eve")}


def test_g5_votes_are_kept_in_the_order_they_came(votes: Round, world: World) -> None:
    given = [
        unsigned(PREVOTE, world["FC"], "Alice"),
        unsigned(PREVOTE, world["EA"], "Eve"),
        unsigned(PRECOMMIT, world["EC"], "Bob"),
        unsigned(PREVOTE, world["EC"], "Bob"),
        unsigned(PREVOTE, world["ED"], "Eve"),
        unsigned(PRECOMMIT, world["F"], "Alice"),
    ]
    for vote in given[:2]:
        votes.add(vote)
    votes.mark_prevoted()
    for vote in given[2:5]:
        votes.add(vote)
    votes.mark_precommitted()
    votes.add(given[5])
    votes.add(given[0])
    votes.add(unsigned(PREVOTE, world["D"], "Eve"))

    assert votes.historical == HistoricalVotes(given, u64(2), u64(5))
    kept = codec(HistoricalVotes)
    assert kept.decode_all(kept.encode(votes.historical)) == votes.historical


def test_g6_the_order_of_votes_makes_no_difference(world: World) -> None:
    given = [
        *(
            unsigned(PREVOTE, world[block], name)
            for name, block in [("Alice", "FC"), ("Bob", "ED")]
        ),
        *(
            unsigned(PRECOMMIT, world[b], n)
            for n, b in [("Alice", "F"), ("Bob", "E"), ("Eve", "EA")]
        ),
    ]
    states = set()
    for order in permutations(given):
        votes = Round(ROUND, by_weight(CRATE_WEIGHTS), world["C"], world)
        for vote in order:
            votes.add(vote)
        states.add(state_of(votes))

    assert states == {RoundState(world["E"], world["E"], world["E"], completable=True)}


# --- the graph --------------------------------------------------------------


def graph(world: World, base: str, *pairs: tuple[str, int]) -> VoteGraph:
    made = VoteGraph(world[base], world)
    for block, weight in pairs:
        assert made.insert(*world[block], PREVOTE, Power(weight, 1))
    return made


def node_of(made: VoteGraph, block: Target) -> Node | None:
    return made._nodes.get(block.hash)


def weighs(least: int) -> Suffices:
    return lambda weight, _: weight >= least


def ghost(made: VoteGraph, world: World, threshold: int) -> str | None:
    found = made.find_ghost(made.base, PREVOTE, weighs(threshold))
    return None if found is None else world.name(found.block)


def test_g7_branches_meet_at_a_voted_block() -> None:
    world = World().push("genesis", "A", "B", "C")
    world.push("C", "D1", "E1", "F1").push("C", "D2", "E2", "F2")
    made = graph(world, "genesis", ("B", 0), ("C", 100), ("E1", 100), ("F2", 100))

    assert ghost(made, world, 250) == "C"


def test_g8_branches_meet_at_a_block_without_a_vote_of_its_own() -> None:
    world = World().push("genesis", "A", "B", "C", "D", "E", "F")
    world.push("F", "G1", "H1", "I1").push("F", "G2", "H2", "I2")
    made = graph(world, "genesis", ("B", 0), ("G1", 100), ("H2", 150))
    assert ghost(made, world, 250) == "F"

    one_sided = graph(world, "genesis", ("B", 0), ("G1", 0), ("H2", 1))

    assert ghost(one_sided, world, 1) == "H2"


def test_g9_a_new_branch_takes_its_weight_down_to_the_fork() -> None:
    world = World().push("genesis", "A", "B", "C", "D", "E", "F").push("E", "EA", "EB", "EC", "ED")
    world.push("F", "FA", "FB", "FC")
    made = graph(world, "genesis", ("FC", 5), ("ED", 7))
    assert ghost(made, world, 10) == "E"

    assert made.insert(*world["EC"], PREVOTE, Power(4, 1))

    assert ghost(made, world, 10) == "EC"
    assert ghost(made, world, 16) == "E"


@pytest.mark.parametrize(
    ("start", "least", "found"), [("B", 10, "C"), ("C", 10, "C"), ("D", 5, "D")]
)
def test_g10_walking_back_finds_the_highest_block_that_fits(
    start: str, least: int, found: str
) -> None:
    world = World().push("genesis", "A", "B", "C", "D", "E").push("C", "D2")
    made = graph(world, "genesis", ("D", 5), ("D2", 5), ("C", 0))
    top = world["D"] if start != "C" else world["C"]
    node = node_of(made, top)
    assert node is not None

    at = made.find_ancestor(node, PREVOTE, weighs(least))

    assert at is not None
    assert world.name(at.block) == found


def test_g11_a_lower_base_holds_the_same_votes(world: World) -> None:
    pairs = (("FC", 5), ("ED", 7))
    high, low = (graph(world, base, *pairs) for base in ("E", "genesis"))

    def seen(node: Node) -> tuple[Target, list[int], list[int]]:
        return node.block, node.weights, node.heads

    for name in ("E", "F", "FC", "EA", "ED"):
        in_high, in_low = node_of(high, world[name]), node_of(low, world[name])
        assert in_high is not None
        assert in_low is not None
        assert seen(in_high) == seen(in_low)
    assert node_of(low, world["A"]) is not None
    assert node_of(high, world["A"]) is None


def test_g11_the_ancestor_found_is_the_highest_that_fits(world: World) -> None:
    made = graph(world, "genesis", ("ED", 7), ("F", 5))
    top = node_of(made, world["ED"])
    assert top is not None

    for least, name in ((7, "ED"), (8, "E"), (12, "E")):
        found = made.find_ancestor(top, PREVOTE, weighs(least))
        assert found is not None
        assert world.name(found.block) == name
    assert made.find_ancestor(top, PREVOTE, weighs(13)) is None


def test_g21_one_more_precommit_below_moves_the_estimate_back() -> None:
    world, names = crate_world(), list(many(100))
    votes = Round(1, voters(many(100)), world["C"], world)
    vote_all(votes, PREVOTE, world["E"], names[:67])
    vote_all(votes, PRECOMMIT, world["D"], names[:66])
    vote_all(votes, PRECOMMIT, world["E"], names[66:67])
    assert state_of(votes) == RoundState(world["E"], world["D"], world["E"], completable=True)

    vote_all(votes, PRECOMMIT, world["D"], names[67:68])

    assert state_of(votes) == RoundState(world["E"], world["D"], world["D"], completable=True)


# --- who and what is counted ------------------------------------------------


def test_a_foreign_key_is_not_counted(votes: Round, world: World) -> None:
    assert cast(votes, world, PREVOTE, ("Mallory", "E")) == [Outcome.UNKNOWN_VOTER]
    assert votes.historical.seen == []


def test_the_same_vote_again_is_a_duplicate(votes: Round, world: World) -> None:
    vote = unsigned(PREVOTE, world["E"], "Alice")
    votes.add(vote)

    assert votes.add(vote).outcome is Outcome.DUPLICATE
    assert votes.power_of(PREVOTE).weight == 4


@pytest.mark.parametrize("block", ["genesis", "B"])
def test_a_vote_below_the_base_is_not_counted(votes: Round, world: World, block: str) -> None:
    assert cast(votes, world, PREVOTE, ("Alice", block)) == [Outcome.OFF_BASE]


def test_a_vote_for_an_unknown_block_is_not_counted(votes: Round) -> None:
    unknown = Target(H256(b"\x01" * 32), 9)

    assert votes.add(unsigned(PREVOTE, unknown, "Alice")).outcome is Outcome.OFF_BASE
    assert votes.voted(PREVOTE) == []


def test_a_second_vote_off_the_base_leaves_the_first_alone(votes: Round, world: World) -> None:
    cast(votes, world, PREVOTE, ("Bob", "E"))

    assert cast(votes, world, PREVOTE, ("Bob", "A")) == [Outcome.OFF_BASE]
    assert equivocators(votes, PREVOTE) == set()


@pytest.mark.parametrize("number", [4, 5, 7, 2**32 - 1])
def test_a_vote_that_gives_a_block_another_height_is_not_counted(
    votes: Round, world: World, number: int
) -> None:
    wrong = Target(world["E"].hash, number)
    assert votes.add(unsigned(PREVOTE, wrong, "Alice")).outcome is Outcome.OFF_BASE
    cast(votes, world, PREVOTE, ("Bob", "FC"))

    assert votes.add(unsigned(PREVOTE, wrong, "Alice")).outcome is Outcome.OFF_BASE


def test_a_hint_is_no_vote(votes: Round, world: World) -> None:
    with pytest.raises(ValueError, match="hint"):
        votes.add(unsigned(PROPOSE, world["E"], "Alice"))


def test_an_equivocation_found_in_a_round_is_a_proof(votes: Round, world: World) -> None:
    for stage in (PREVOTE, PRECOMMIT):
        votes.add(signed(stage, world["E"], "Eve"))
        found = votes.add(signed(stage, world["F"], "Eve")).equivocation
        assert found is not None

        check_equivocation(EquivocationProof(u64(SET_ID), found))
        with pytest.raises(NoEquivocation, match="not signed"):
            check_equivocation(EquivocationProof(u64(SET_ID + 1), found))


def test_missing_voters_are_reported(votes: Round, world: World) -> None:
    cast(votes, world, PRECOMMIT, ("Alice", "F"))

    assert set(votes.missing(PRECOMMIT)) == {who("Bob"), who("Eve")}
    assert len(votes.missing(PREVOTE)) == 3
    assert [signed.id for signed in votes.precommits()] == [who("Alice")]


def test_a_single_voter_decides_alone(world: World) -> None:
    votes = Round(1, voters({"Alice": 1}), world["C"], world)
    cast(votes, world, PREVOTE, ("Alice", "ED"))
    cast(votes, world, PRECOMMIT, ("Alice", "ED"))

    assert state_of(votes) == RoundState(world["ED"], world["ED"], world["ED"], completable=True)


def test_a_block_descends_from_itself_and_those_below_it(world: World) -> None:
    assert descends(world, world["E"], world["EB"])
    assert not descends(world, world["F"], world["EB"])
    assert not descends(world, world["EB"], world["E"])
    assert descends(world, world["E"], world["E"])
