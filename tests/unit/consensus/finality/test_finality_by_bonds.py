"""Finality where bonds differ: nets of gadgets whose voters have unequal weights, by seeds.

S1  no two final blocks of one height, while the cheats are within one of the two tolerances
S2  each proof passes a verifier that counts signatures, and, trimmed, the rule of bridges
S3  a block is final within three rounds while two thirds of weight and of voters are online
S4  none is final while one of the two is missing; finality goes on when it returns
S5  no estimate leaves out a block that is final at any node
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import pytest

from btt_chain.consensus.finality.voter import Finalize
from btt_chain.primitives.grandpa import Stage, Target, Verdict, trimmed, verify_strict
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import Power, VoterSet
from support.counting import counts
from unit.consensus.finality.finality_world import signed, who
from unit.consensus.finality.gadget_world import (
    Keys,
    Net,
    Node,
    T,
    child,
    genesis_header,
    gossip,
    target,
    vote_bytes,
)

BLOCK = 5 * T
ROUND = 8 * T
"""Time that a round takes where messages take their time: two waits of 2 T, and the ways."""
CI = 5
SEEDS = 200


def bonds(seed: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield names and bonds of sets of voters."""
    yield "100:1:1:1", named([100, 1, 1, 1])
    yield "6:1:1:1", named([6, 1, 1, 1])
    yield "40:30:20:10", named([40, 30, 20, 10])
    rng = Random(f"bonds {seed}")
    yield "random", named([rng.choice((1, 3, 10, 100)) for _ in range(rng.randint(4, 7))])


def named(weights: list[int]) -> dict[str, int]:
    return {f"v{index}": weight for index, weight in enumerate(weights)}


KINDS = [name for name, _ in bonds(0)]


def net_with(weights: Mapping[str, int], seed: int, mute: frozenset[str] = frozenset()) -> Net:
    """Return a net; the voters of `mute` have no key in their nodes."""
    nodes = [Node(name, weights, Keys([] if name in mute else [name])) for name in weights]
    return Net(nodes, seed)


def voter_set(weights: Mapping[str, int]) -> VoterSet:
    return VoterSet((who(name), weight) for name, weight in weights.items())


def power_of(weights: Mapping[str, int], names: frozenset[str] | set[str]) -> Power:
    return voter_set(weights).power_of(who(name) for name in sorted(names))


# --- what must hold -----------------------------------------------------------------


def check_proofs(net: Net, weights: Mapping[str, int]) -> None:
    """S1 and S2, of all proofs in a net without changes of the voters."""
    net.check()
    voters, judged = voter_set(weights), set[bytes]()
    for node in net.nodes.values():
        for action in node.log:
            if not isinstance(action, Finalize) or action.justification.encode() in judged:
                continue
            proof = action.justification
            judged.add(proof.encode())
            assert counts(proof, 0, voters.order), "S2: a verifier that counts refuses a proof"
            bridge = verify_strict(trimmed(proof, voters), 0, voters, proof.target)
            assert bridge is Verdict.ACCEPTED, f"S2: {bridge}"


def check_estimates(net: Net) -> None:
    """S5: the estimate of a round is at or above each block that it made final anywhere."""
    final: dict[int, Target] = {}
    for node in net.nodes.values():
        for action in node.log:
            if isinstance(action, Finalize):
                number, block = int(action.justification.round), action.justification.target
                if number not in final or final[number].number < block.number:
                    final[number] = block
    for node in net.nodes.values():
        voter = node.gadget._environment.voter
        for votes in (voter.best_round, *voter.past_rounds):
            made, estimate = final.get(votes.number), votes.estimate
            if made is None or estimate is None or made.hash not in node.tree.headers:
                continue
            assert node.tree.on(made, estimate), f"S5: {estimate.number} under {made.number}"


def grow(net: Net, parent: Header, blocks: int) -> Header:
    """Let blocks appear, and look at the estimates meanwhile."""
    for _ in range(blocks):
        parent = net.grow(parent, 1, BLOCK)
        check_estimates(net)
    return parent


def seeds(kind: str) -> list[object]:
    return [
        pytest.param(kind, seed, marks=() if seed < CI else pytest.mark.full)
        for seed in range(SEEDS)
    ]


def of_kind(kind: str, seed: int) -> dict[str, int]:
    return dict(bonds(seed))[kind]


ALL = [param for kind in KINDS for param in seeds(kind)]


# --- scenarios ----------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "seed"), ALL)
def test_finality_needs_both_measures_and_no_more(kind: str, seed: int) -> None:
    """S3 and S4, with S1, S2 and S5: as many are away as may be, then one more."""
    weights = of_kind(kind, seed)
    voters, rng = voter_set(weights), Random(seed)
    net = net_with(weights, seed)
    net.loss = 0.05
    order = rng.sample(sorted(weights), len(weights))
    away: set[str] = set()
    for name in order:
        if within(power_of(weights, away | {name}), voters.tolerated):
            away.add(name)
    net.stopped = set(away)
    online = [name for name in weights if name not in away]
    head = grow(net, genesis_header(), 6)
    net.run(3 * ROUND)
    finals = net.finals()
    assert min(finals[name] for name in online) == 6, "S3"

    last = next(name for name in order if name not in away)
    net.stopped.add(last)
    net.run(ROUND)
    before = max(net.finals().values())
    head = grow(net, head, 6)
    net.run(10 * ROUND)
    rest = [name for name in online if name != last]
    assert all(net.finals()[name] <= before for name in rest), "S4"

    for name in sorted(net.stopped):
        net.go_on(name)
    net.sync()
    net.grow(head, 2, BLOCK)
    net.sync()
    net.run(12 * ROUND)
    assert min(net.finals().values()) >= 12, "S4: it goes on"
    check_proofs(net, weights)


def within(power: Power, tolerated: Power) -> bool:
    return power.weight <= tolerated.weight and power.heads <= tolerated.heads


CHEATS = {
    "60 % of the weight in one head": ([60, 14, 13, 13], {"v0"}),
    "half of the heads with 5 % of the weight": (
        [24, 24, 24, 23, 1, 1, 1, 2], {"v4", "v5", "v6", "v7"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHEATS)
def test_cheats_within_one_tolerance_make_no_two_blocks_final(kind: str) -> None:
    """Their votes make a fork final in some of the worlds: otherwise this shows nothing."""
    played = [play_cheats(kind, seed) for seed in range(CI)]
    assert any(played)


@pytest.mark.full
@pytest.mark.parametrize("kind", CHEATS)
@pytest.mark.parametrize("seed", range(CI, SEEDS))
def test_cheats_of_more_seeds_make_no_two_blocks_final(kind: str, seed: int) -> None:
    play_cheats(kind, seed)


def play_cheats(kind: str, seed: int) -> bool:
    """S1, S2 and S5: cheats vote for the best block at first, then for two forks in each round.

    Each honest voter has one of the forks first, and in odd seeds no wire to those that have the
    other one. Return True if a block of a fork was final before all were connected again.
    """
    weights, cheats = named(CHEATS[kind][0]), frozenset(CHEATS[kind][1])
    net, rng = net_with(weights, seed, mute=cheats), Random(seed)
    honest = [name for name in weights if name not in cheats]
    for name in cheats:
        net.at(0, name, lambda node, now: node.gadget.keys_changed(now))
    base = genesis_header()
    for _ in range(3):
        base = net.block(child(base))
        lie(net, cheats, dict.fromkeys(honest, base))
    assert {net.nodes[name].tree.final_block.number for name in honest} == {3}

    one, two = child(base, "one"), child(base, "two")
    half = rng.sample(honest, rng.randint(1, len(honest) - 1))
    seen = {name: one if name in half else two for name in honest}
    net.parts = [set(half)] if seed % 2 else []
    for name, header in seen.items():
        net.block(header, [name])
    for _ in range(8):
        lie(net, cheats, seen)
        check_estimates(net)
    is_final = any(net.nodes[name].tree.final_block.number > 3 for name in honest)
    net.parts = []
    for name in cheats:
        net.block(one, [name])
    net.sync()
    grow(net, one, 3)
    net.run(10 * ROUND)
    check_proofs(net, weights)
    return is_final


def lie(net: Net, cheats: frozenset[str], seen: Mapping[str, Header]) -> None:
    """Let the cheats vote at each honest voter for the block of `seen`, in the voter's round.

    No partition stops them.
    """
    for cheat in sorted(cheats):
        for stage in (Stage.PREVOTE, Stage.PRECOMMIT):
            for name, header in seen.items():
                number = net.nodes[name].gadget.round
                vote = vote_bytes(signed(stage, target(header), cheat, number, 0), number, 0)
                net.at(net.now + net.rng.randint(*net.delay), name, gossip(cheat, vote))
    net.run(BLOCK)


# --- planted errors -----------------------------------------------------------------


def play_all() -> None:
    for seed in range(CI):
        test_finality_needs_both_measures_and_no_more("100:1:1:1", seed)


PLANTED = {
    "weight": lambda self, weight, _: weight >= self.weight,
    "heads": lambda self, _, heads: heads >= self.heads,
}


@pytest.mark.parametrize("measure", PLANTED)
def test_finality_by_one_measure_alone_is_found(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Power, "is_reached", PLANTED[measure])
    with pytest.raises(AssertionError):
        play_all()


@pytest.mark.parametrize(("measure", "kind"), list(zip(PLANTED, CHEATS, strict=True)))
def test_one_measure_alone_lets_cheats_make_two_forks_final(
    measure: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Power, "is_reached", PLANTED[measure])
    with pytest.raises(AssertionError, match=r"two chains are final|Broken"):
        test_cheats_within_one_tolerance_make_no_two_blocks_final(kind)
