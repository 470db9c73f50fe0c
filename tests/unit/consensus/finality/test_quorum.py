"""No block that may be final elsewhere is given up: all votes and all views of a few voters.

Power has two measures, weight and number of voters. While the voters that cheat are within the
tolerance of one of them, no two blocks of one height are final, and no estimate leaves out a block
that is final at any node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product

import pytest

from btt_chain.consensus.finality.round import Round
from btt_chain.primitives.grandpa import Target
from btt_chain.primitives.voters import Power, VoterSet
from unit.consensus.finality.finality_world import PRECOMMIT, PREVOTE, World, unsigned, who

BLOCKS = ("A", "AA", "B")
"""AA is above A; B is beside A."""
VIEWS_OF_A_CHEAT = ((), *((block,) for block in BLOCKS), ("A", "B"), ("AA", "B"), ("A", "AA"))
SETS = {
    "equal": [1, 1, 1, 1],
    "one of six": [6, 1, 1, 1],
    "one of a hundred": [100, 1, 1, 1],
    "falling": [40, 30, 20, 10],
}


def fork() -> World:
    world = World("base").push("base", "A", "AA")
    return world.push("base", "B")


WORLD = fork()


def is_above(block: str, base: str) -> bool:
    return WORLD.stands_on(base, block)


def votes_for(block: str, voters: VoterSet, cast: Sequence[Sequence[str]]) -> bool:
    """Return True if a block is final by all that the voters cast."""
    names = [who(str(place)) for place, blocks in enumerate(cast) if stands(blocks, block)]
    return voters.power_of(names).reaches(voters.threshold)


def stands(blocks: Sequence[str], base: str) -> bool:
    return len(blocks) > 1 or any(is_above(block, base) for block in blocks)


def elections(weights: Sequence[int]) -> Iterator[tuple[VoterSet, list[tuple[str, ...]], str]]:
    """Yield the voters, the votes of all of them, and the highest block that is final by those.

    A cheat votes for AA and for B. Those who cheat are within one tolerance at least. Elections
    that differ only in the order of voters of the same weight come once.
    """
    voters = VoterSet((who(str(place)), weight) for place, weight in enumerate(weights))
    for cheats in product((False, True), repeat=len(weights)):
        power = voters.power_of(who(str(at)) for at, cheat in enumerate(cheats) if cheat)
        if power.weight > voters.tolerated.weight and power.heads > voters.tolerated.heads:
            continue
        for honest in product(BLOCKS, repeat=len(weights) - sum(cheats)):
            left = iter(honest)
            cast: list[tuple[str, ...]] = [
                ("AA", "B") if cheat else (next(left),) for cheat in cheats
            ]
            if not is_ordered(weights, cast):
                continue
            final = [block for block in BLOCKS if votes_for(block, voters, cast)]
            if "A" in final:
                assert "B" not in final, "two blocks of one height are final"
            if final:
                yield voters, cast, final[-1]


def is_ordered(weights: Sequence[int], cast: Sequence[tuple[str, ...]]) -> bool:
    """Return True if neighbours of the same weight have votes in ascending order."""
    return all(
        weight != next_weight or votes <= next_votes
        for (weight, votes), (next_weight, next_votes) in pairwise(zip(weights, cast, strict=True))
    )


def views(cast: Sequence[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Yield the votes of each voter that another node may have received."""
    return product(*(VIEWS_OF_A_CHEAT if len(votes) > 1 else ((), votes) for votes in cast))


def given_up(voters: VoterSet, final: str, view: Sequence[Sequence[str]]) -> bool:
    """Return True if a node with this view of the precommits gave up the final block."""
    votes = Round(1, voters, WORLD["base"], WORLD)
    top = "B" if final == "B" else "AA"
    for at in range(len(view)):
        votes.add(unsigned(PREVOTE, WORLD[top], str(at)))
    for at, blocks in enumerate(view):
        for block in blocks:
            votes.add(unsigned(PRECOMMIT, WORLD[block], str(at)))
    estimate: Target | None = votes.estimate
    name = WORLD.name(estimate)
    return name is None or not is_above(name, final)


def wrong_views(weights: Sequence[int], most: int = 1) -> int:
    """Return the number of views in which a final block is given up, up to `most`."""
    wrong = 0
    for voters, cast, final in elections(weights):
        for view in views(cast):
            wrong += given_up(voters, final, view)
            if wrong >= most:
                return wrong
    return wrong


@pytest.mark.parametrize("weights", SETS.values(), ids=SETS)
def test_no_view_gives_up_a_block_that_is_final_elsewhere(weights: list[int]) -> None:
    assert wrong_views(weights) == 0


@pytest.mark.full
@pytest.mark.parametrize("weights", [[3, 3, 1, 1, 1], [5, 1, 1, 1, 1]], ids=str)
def test_no_view_of_five_voters_gives_up_a_final_block(weights: list[int]) -> None:
    assert wrong_views(weights) == 0


def by_weight_alone(least: Power, weight: int, _: int) -> bool:
    return weight >= least.weight


def by_both(least: Power, weight: int, heads: int) -> bool:
    return weight >= least.weight and heads >= least.heads


@pytest.mark.parametrize(
    "rule", [by_weight_alone, by_both], ids=["weight alone excludes", "either measure excludes"]
)
def test_a_rule_that_gives_up_blocks_too_early_is_found(
    rule: Callable[[Power, int, int], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Power, "is_touched", rule)
    assert wrong_views(SETS["one of six"]) > 0
