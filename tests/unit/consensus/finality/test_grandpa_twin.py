"""The round against its plain twin: every block weighed by hand, over random trees and votes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.consensus.finality.justification import (
    judge_commit,
    node_shape,
    prove,
)
from btt_chain.consensus.finality.round import Outcome, Round, RoundState
from btt_chain.primitives.grandpa import (
    Justification,
    SignedMessage,
    Stage,
    Verdict,
    full_shape,
    strict_shape,
    target_of,
    trimmed,
)
from btt_chain.primitives.voters import Power, VoterSet
from btt_chain.scale import u64
from support.tiers import amount
from unit.consensus.finality.finality_world import (
    PRECOMMIT,
    PREVOTE,
    World,
    as_precommit,
    commit,
    equivocators,
    state_of,
    unsigned,
    voters,
    who,
)

EXAMPLES = amount(50, 500)
NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie", "Greta")


@dataclass(frozen=True)
class Case:
    world: World
    base: str
    weights: dict[str, int]
    votes: Sequence[tuple[Stage, str, str, int]]

    @property
    def voters(self) -> VoterSet:
        return voters(self.weights)


@st.composite
def cases(draw: st.DrawFn, stages: Sequence[Stage] = (PREVOTE, PRECOMMIT)) -> Case:
    world = World("0")
    for index in range(1, draw(st.integers(1, 9))):
        # Chains more often than forks.
        parent = draw(st.one_of(st.just(index - 1), st.integers(0, index - 1)))
        world.push(str(parent), str(index))
    blocks = st.sampled_from(sorted(world.blocks))
    base = draw(st.one_of(st.just("0"), blocks))
    count = draw(st.integers(1, len(NAMES)))
    weights = {name: draw(st.integers(1, 9)) for name in NAMES[:count]}
    hot = draw(st.lists(blocks, min_size=1, max_size=3))
    votes = draw(
        st.lists(
            st.tuples(
                st.sampled_from(stages),
                st.sampled_from(hot),
                st.sampled_from([*weights, "Mallory"]),
                st.integers(0, 1),
            ),
            max_size=24,
        )
    )
    # One vote of most, so that rounds get somewhere.
    order = draw(st.permutations([(stage, name) for stage in stages for name in weights]))
    first = [(stage, draw(st.sampled_from(hot)), name, 0) for stage, name in order]
    return Case(world, base, weights, [*first, *votes] if draw(st.booleans()) else votes)


class Twin:
    """All votes by voter; each question answered from nothing, block by block."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.set = case.voters
        self.kept: dict[Stage, dict[str, list[tuple[str, int]]]] = {PREVOTE: {}, PRECOMMIT: {}}
        self.blocks = [b for b in case.world.blocks if case.world.stands_on(case.base, b)]

    def takes(self, stage: Stage, block: str, name: str, mark: int) -> bool:
        if name not in self.case.weights or block not in self.blocks:
            return False
        known = self.kept[stage].setdefault(name, [])
        if (block, mark) in known or len(known) == 2:
            return False
        known.append((block, mark))
        return True

    def power(self, names: Iterable[str]) -> Power:
        weights = [self.case.weights[name] for name in names]
        return Power(sum(weights), len(weights))

    def doubled(self, stage: Stage) -> Power:
        return self.power(name for name, kept in self.kept[stage].items() if len(kept) == 2)

    def seen(self, stage: Stage) -> Power:
        return self.power(self.kept[stage])

    def votes(self, block: str, stage: Stage) -> Power:
        return self.power(
            name
            for name, kept in self.kept[stage].items()
            if len(kept) == 2 or self.case.world.stands_on(block, kept[0][0])
        )

    def has_enough(self, power: Power) -> bool:
        """Two thirds of the weight and of the voters."""
        return all(part >= least for part, least in zip(power, self.set.threshold, strict=True))

    def highest(self, blocks: Sequence[str]) -> str | None:
        return max(blocks, key=lambda b: self.case.world[b].number, default=None)

    def ghost(self, stage: Stage) -> str | None:
        return self.highest([b for b in self.blocks if self.has_enough(self.votes(b, stage))])

    def possible(self, block: str) -> bool:
        """It could still get enough by weight, or by the number of voters."""
        return any(
            has + total - seen + min(seen - has, max(0, total - least - doubled)) >= least
            for has, seen, total, least, doubled in zip(
                self.votes(block, PRECOMMIT),
                self.seen(PRECOMMIT),
                self.set.total,
                self.set.threshold,
                self.doubled(PRECOMMIT),
                strict=True,
            )
        )

    def state(self) -> RoundState:
        world = self.case.world
        ghost = self.ghost(PREVOTE)
        if ghost is None:
            return RoundState(None, None, None, completable=False)
        if not self.has_enough(self.seen(PRECOMMIT)):
            return RoundState(world[ghost], None, world[ghost], completable=False)
        below = [b for b in self.blocks if world.stands_on(b, ghost)]
        final = self.highest([b for b in below if self.has_enough(self.votes(b, PRECOMMIT))])
        estimate = self.highest([b for b in below if self.possible(b)])
        above = [b for b in self.blocks if b != ghost and world.stands_on(ghost, b)]
        done = estimate is not None and (
            estimate != ghost or not any(self.possible(b) for b in above)
        )
        return RoundState(
            world[ghost],
            None if final is None else world[final],
            None if estimate is None else world[estimate],
            done,
        )


def play(case: Case) -> tuple[Round, Twin]:
    """Give both the votes, and compare after each; no more cheat than one measure tolerates."""
    votes = Round(1, case.voters, case.world[case.base], case.world)
    twin = Twin(case)
    for stage, block, name, mark in case.votes:
        kept = twin.kept[stage].get(name, [])
        cheats = len(kept) == 1 and (block, mark) != kept[0] and block in twin.blocks
        if cheats and not twin.doubled(stage).plus(twin.power([name])).is_touched(
            *twin.set.tolerated
        ):
            continue
        outcome = votes.add(unsigned(stage, case.world[block], name, mark)).outcome
        taken = outcome in {Outcome.COUNTED, Outcome.EQUIVOCATION}
        assert taken == twin.takes(stage, block, name, mark)
        assert state_of(votes) == twin.state()
    return votes, twin


@settings(max_examples=EXAMPLES)
@given(cases())
def test_after_every_vote_the_round_says_what_its_plain_twin_says(case: Case) -> None:
    votes, twin = play(case)

    ghost = twin.ghost(PRECOMMIT)
    assert votes.precommit_ghost() == (None if ghost is None else case.world[ghost])
    for stage in (PREVOTE, PRECOMMIT):
        assert votes.power_of(stage) == twin.seen(stage)
        double = {who(name) for name, kept in twin.kept[stage].items() if len(kept) == 2}
        assert equivocators(votes, stage) == double


@settings(max_examples=EXAMPLES)
@given(cases())
def test_what_is_proven_both_rules_accept_and_what_is_not_has_a_reason(case: Case) -> None:
    votes, twin = play(case)
    final = votes.finalized

    proof = prove(votes, case.world)

    if proof is not None:
        assert proof.target == final
        assert full_shape(proof, case.voters) is Verdict.ACCEPTED
        assert strict_shape(trimmed(proof, case.voters), case.voters) is Verdict.ACCEPTED
        assert node_shape(proof, case.voters) is Verdict.ACCEPTED
        return
    if final is None:
        return
    name = case.world.name(final)
    assert name is not None
    singles = {n: kept[0][0] for n, kept in twin.kept[PRECOMMIT].items() if len(kept) == 1}
    on_it = twin.power(n for n, b in singles.items() if case.world.stands_on(name, b))
    none_at_it = name not in singles.values()
    needs_equivocators = not twin.has_enough(on_it)
    votes_are_ahead = twin.ghost(PRECOMMIT) != name
    assert none_at_it or needs_equivocators or votes_are_ahead


@settings(max_examples=EXAMPLES)
@given(cases(stages=(PRECOMMIT,)), st.data())
def test_a_commit_is_valid_if_its_votes_reach_its_target(case: Case, data: st.DataObject) -> None:
    world = case.world
    given_votes: list[SignedMessage] = [
        unsigned(stage, world[block], name, mark) for stage, block, name, mark in case.votes
    ]
    known = [(block, name, mark) for _, block, name, mark in case.votes if name in case.weights]
    base = min((block for block, _, _ in known), key=lambda b: world[b].number, default="0")
    twin = Twin(Case(world, base, case.weights, ()))
    related = all(block in twin.blocks for block, _, _ in known)
    for block, name, mark in known:
        twin.takes(PRECOMMIT, block, name, mark)
    if not twin.doubled(PRECOMMIT).is_touched(*twin.set.tolerated):
        return
    target = data.draw(st.sampled_from(sorted(world.blocks)))
    made = commit(world[target], map(as_precommit, given_votes))

    report = judge_commit(made, case.voters, world)

    assert report.valid == (bool(known) and related and twin.ghost(PRECOMMIT) == target)
    assert report.unknown_voters == len(given_votes) - len(known)
    ways = {
        hash
        for vote in given_votes
        for hash in _way_above(world, base, world.names[target_of(vote.message.vote).hash])
    }
    justification = Justification(u64(1), made, [world.headers[hash] for hash in sorted(ways)])
    accepted = node_shape(justification, case.voters) is Verdict.ACCEPTED
    if report.unknown_voters == 0:
        assert accepted == report.valid


def _way_above(world: World, base: str, block: str) -> list[bytes]:
    return [
        world[name].hash
        for name in world.blocks
        if name != base and world.stands_on(base, name) and world.stands_on(name, block)
    ]
