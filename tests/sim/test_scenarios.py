"""The fault scenarios of consensus.md 6.4 that a simulated network can play, by their numbers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from btt_chain.consensus.finality.gadget import Gadget
from btt_chain.keystore import BABE, GRANDPA
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.grandpa import AuthorityId as GrandpaId
from runtime.frame import Call
from runtime.pallets.authorities import Authorities
from runtime.pallets.babe import Babe
from runtime.pallets.offences import Offences
from runtime.pallets.session import Session, SessionKeys
from support.sim import accounts
from support.sim.byzantine import (
    BadAuthor,
    BlockEquivocator,
    Byzantine,
    Liar,
    VoteSplitter,
    Withholder,
    corrupt,
    pair_of,
)
from support.sim.errors import Violation
from support.sim.invariants import Invariants
from support.sim.scenario import CLOCKS, POINTS
from support.sim.vault import Blind, Vault, keystore_of
from support.sim.world import SLOT_MS, SimNode, World

SHIFT = int(os.environ.get("BTT_SHIFT", "0")) * 1_000
"""Other luck for the same scenarios: `make chaos` plays them many times."""


def make(seed: int, **how: Any) -> World:
    """Return the world of a scenario."""
    return World(seed + SHIFT, **how)


@pytest.fixture(autouse=True)
def _report(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Tell the report how long recoveries took."""
    RECOVERIES.clear()
    yield
    if RECOVERIES:
        record_property("recovery", max(RECOVERIES))


RECOVERIES: list[int] = []
"""Slots that each recovery of the running test took."""


@contextmanager
def watched(world: World, errors: tuple[str, ...] = ()) -> Iterator[World]:
    """Hold a world to its invariants, to the last."""
    invariants = Invariants(world, errors=errors)
    try:
        yield world
        invariants.conclude()
    finally:
        invariants.close()


def final(node: SimNode) -> int:
    return int(node.client.finalized().number)


def best(node: SimNode) -> int:
    return int(node.client.best().number)


def lag(world: World) -> int:
    return max(best(node) - final(node) for node in world.honest if node.engine is not None)


def settle(world: World, bound: int) -> int:
    """Run until all honest nodes have final what is best now, and a block more; return slots."""
    goal = max(best(node) for node in world.honest if node.engine is not None) + 1
    for passed in range(bound + 1):
        if all(node.engine is not None and final(node) >= goal for node in world.honest):
            RECOVERIES.append(passed)
            return passed
        world.run(1)
    raise AssertionError(
        f"{bound} slots, and block {goal} is not final everywhere: "
        f"{[(node.name, best(node), final(node)) for node in world.honest]}"
    )


def rounds_of(node: SimNode) -> Gadget:
    return node.running.parts.gadget


# ---- F1 to F6: processes that stop


def test_f1_one_of_four_is_killed_again_and_again_and_finality_goes_on() -> None:
    world = make(1)
    with watched(world):
        luck = random.Random(1)
        world.run(4)
        for _ in range(8):
            victim = luck.randrange(4)
            world.run_until(world.now + luck.randint(0, 2 * SLOT_MS))
            world.kill(victim)
            before = max(final(node) for node in world.nodes if node.engine is not None)
            world.run(3)
            assert max(final(node) for node in world.nodes if node.engine is not None) > before
            world.start(victim)
            assert settle(world, 10) <= 10  # 20 s


@pytest.mark.parametrize("seed", range(4))
def test_f2_all_lose_power_at_once_and_resume_where_they_were(seed: int) -> None:
    world = make(seed)
    with watched(world):
        for _ in range(3):
            world.run_until(world.now + world.rng.randint(2 * SLOT_MS, 5 * SLOT_MS))
            before = [final(node) for node in world.nodes]
            for index in range(4):
                world.kill(index)
            world.run(2)
            for index in range(4):
                world.start(index)
            assert all(final(node) >= was for node, was in zip(world.nodes, before, strict=True))
            settle(world, 15)  # 30 s


@pytest.mark.parametrize("seconds", [10, 60])
def test_f3_a_process_that_stood_still_catches_up_and_is_not_blamed(seconds: int) -> None:
    world = make(3)
    with watched(world):
        world.run(3)
        world.pause(1, seconds * 1_000)
        world.run_until(world.now + seconds * 1_000 + 1)
        settle(world, 10)
        blames = [
            why for node in world.nodes for peer, _, why in node.watcher.penalties if peer == 1
        ]
        assert not [why for why in blames if "vote" in why and "asked" not in why]


def test_f4_who_was_cut_off_for_ten_seconds_is_back_within_twenty() -> None:
    world = make(4)
    with watched(world):
        world.run(3)
        for victim in (0, 1, 2, 3):
            rest = [index for index in range(4) if index != victim]
            world.links.partition([[victim], rest])
            world.cut()
            world.run(5)
            world.links.heal()
            world.cut()
            settle(world, 10)


@pytest.mark.parametrize("point", POINTS)
def test_f5_a_node_that_dies_at_this_point_starts_again_clean(point: str) -> None:
    world = make(5)
    with watched(world):
        world.run(3)
        for victim in (0, 1):
            world.doom(victim, point, victim)
        world.run(8)
        assert sorted(world.deaths) == [(0, point), (1, point)]
        settle(world, 12)


def test_f6_a_tolerated_part_may_be_away_and_finality_keeps_its_pace() -> None:
    world = make(6, validators=7)
    with watched(world):
        world.run(4)
        usual = max(lag(world), 1)
        world.kill(0)
        world.kill(1)
        worst = 0
        for _ in range(15):
            world.run(1)
            worst = max(worst, lag(world))
        assert worst <= 2 * usual + 1


# ---- F7 to F9: the network


def test_f7_without_two_thirds_blocks_go_on_and_finality_waits() -> None:
    world = make(7)
    with watched(world):
        world.run(3)
        world.kill(2)
        world.kill(3)
        world.run(1)
        stood, high = final(world.nodes[0]), best(world.nodes[0])
        world.run(60)
        assert final(world.nodes[0]) == stood
        assert best(world.nodes[0]) > high + 20
        world.start(2)
        world.start(3)
        settle(world, 30)


@pytest.mark.parametrize("groups", [[[0, 1], [2, 3]], [[0, 1, 2], [3]]])
def test_f8_only_a_majority_makes_blocks_final_and_all_meet_again(groups: list[list[int]]) -> None:
    world = make(8)
    with watched(world):
        world.run(3)
        world.links.partition(groups)
        world.cut()
        world.run(2)
        before = [final(node) for node in world.nodes]
        world.run(40)
        for group in groups:
            for index in group:
                moved = final(world.nodes[index]) > before[index] + 1
                assert moved == (len(group) == 3)
        world.links.heal()
        world.cut()
        settle(world, 30)


def test_f9_loss_delay_repetition_and_a_one_way_street_do_not_stop_finality() -> None:
    world = make(9)
    with watched(world):
        world.run(2)
        world.links.loss, world.links.duplicate = 0.3, 0.3
        world.links.least, world.links.most = 300, 700
        world.links.cut.add((0, 1))
        worst = 0
        for _ in range(40):
            world.run(1)
            worst = max(worst, lag(world))
        assert worst <= 15  # 30 s


# ---- F10 to F13: cheats


def offenders(node: SimNode) -> list[bytes]:
    """Return the accounts that the best block knows as offenders."""
    hash = node.client.best().hash
    runtime = node.client.law(hash).queries.runtime
    runtime.enter(node.client.overlay(hash))
    rows = runtime.pallet(Offences).reports.items()
    return [bytes(details.offender[0]) for _, details in rows]


def bond_of(node: SimNode, index: int) -> int:
    hash = node.client.best().hash
    runtime = node.client.law(hash).queries.runtime
    runtime.enter(node.client.overlay(hash))
    return int(runtime.pallet(Authorities).bonded(accounts.account(index)))


@pytest.mark.parametrize("kind", [BlockEquivocator, VoteSplitter])
def test_f10_f11_who_says_two_things_is_reported_on_chain_and_pays(kind: type[Byzantine]) -> None:
    world = make(10)
    with watched(world):
        cheat = corrupt(world, 3, kind)
        bond = bond_of(world.nodes[0], 3)
        accused = bytes(accounts.account(3))
        for _ in range(40):
            world.run(1)
            if cheat.done and accused in offenders(world.nodes[0]):
                break
        assert accused in offenders(world.nodes[0])
        assert bond_of(world.nodes[0], 3) <= bond - bond // 100
        settle(world, 15)
        assert all(accused in offenders(node) for node in world.honest)


def test_f12_more_than_a_third_can_break_safety_but_not_what_anybody_called_final() -> None:
    """Keys 2 and 3 vote on both sides of a cut: each side has two thirds and goes its own way."""
    world = make(12, validators=4, observers=2)
    for node, uri in ((4, 2), (5, 3)):
        twin = world.nodes[node]
        world.kill(node)
        world.run_until(world.now + 100)
        twin.vault = Vault(world.genesis.hash, accounts.uri_of(uri), Blind())
        world.start(node)
    for index in (2, 3):
        world.nodes[index].vault = Vault(world.genesis.hash, accounts.uri_of(index), Blind())
        world.kill(index)
        world.start(index)
    invariants = Invariants(world)
    world.checks.clear()
    world.links.partition([[0, 2, 3], [1, 4, 5]])
    world.cut()
    world.run(12)
    one, other = world.nodes[0], world.nodes[1]
    shared = min(final(one), final(other))
    assert shared > 2
    assert one.client.block_hash(shared) != other.client.block_hash(shared)
    invariants.check(one)
    with pytest.raises(Violation, match="I1"):
        invariants.check(other)
    invariants.close()
    world.links.heal()
    world.cut()
    before = (final(one), final(other))
    world.run(25)
    # Neither side gives up what it called final, and nobody stumbles over the other's messages.
    assert [final(one) >= before[0], final(other) >= before[1]] == [True, True]
    assert one.client.block_hash(shared) != other.client.block_hash(shared)


def keys_of(node: SimNode) -> list[bytes]:
    """Return the keys that a node votes with."""
    signer = node.running.parts.signer
    return [] if signer is None else [bytes(key) for key in signer.keys()]  # noqa: SIM118 - a method of its own


def test_f13_two_nodes_with_one_key_never_stay_both_silent_and_both_signing() -> None:
    world = make(13, validators=4, observers=1)
    world.kill(4)
    world.run(3)
    world.nodes[4].vault = Vault(world.genesis.hash, accounts.uri_of(3), Blind())
    world.start(4)
    world.run(20)
    twins = [world.nodes[3], world.nodes[4]]
    given_up = [node for node in twins if not keys_of(node)]
    accused = {who for node in world.nodes[:3] for _, who in node.watcher.equivocations}
    keys = {bytes(pair_of(world.nodes[3], kind).public) for kind in (GRANDPA, BABE)}
    assert given_up or accused & keys
    assert accused <= keys


# ---- F15 to F19


@pytest.mark.parametrize("ahead", [2_000, 10_000, -10_000, 3_600_000])
def test_f15_a_wrong_clock_costs_slots_and_nothing_else(ahead: int) -> None:
    world = make(15)
    with watched(world, errors=CLOCKS):
        world.run(3)
        world.turn_clock(0, ahead)
        world.run(8)
        world.turn_clock(0, 0)
        world.run(6)
        settle(world, 12)


def set_of(node: SimNode) -> int:
    return rounds_of(node).set_id


def keys_call(index: int) -> Call:
    held = keystore_of(accounts.uri_of(index))
    keys = SessionKeys(
        babe=BabeId(held.public_keys(BABE)[0]), grandpa=GrandpaId(held.public_keys(GRANDPA)[0])
    )
    return accounts.runtime().call("Session", "set_keys", keys=keys, proof=b"")


def test_f16_validators_come_and_go_and_every_node_changes_at_the_same_block() -> None:
    world = make(16, validators=4, observers=1)
    newcomer = 4
    with watched(world):
        world.run(2)
        genesis = world.genesis.hash
        world.kill(newcomer)
        world.nodes[newcomer].vault = Vault(genesis, accounts.uri_of(newcomer), world.witness)
        world.start(newcomer)
        bond = bond_of(world.nodes[0], 0)
        calls = [
            accounts.runtime().call("Authorities", "bond", amount=bond),
            keys_call(newcomer),
            accounts.runtime().call("Authorities", "validate"),
        ]
        for nonce, call in enumerate(calls):
            assert world.submit(0, accounts.sign(newcomer, nonce, call, genesis)) is not None
        world.run(3)
        chill = accounts.runtime().call("Authorities", "chill")
        assert world.submit(1, accounts.sign(3, 0, chill, genesis)) is not None
        world.run(75)
        sets = {set_of(node) for node in world.nodes}
        assert sets == {1}
        voters = rounds_of(world.nodes[0]).authorities.current.voters
        assert GrandpaId(pair_of(world.nodes[newcomer], GRANDPA).public) in voters
        assert GrandpaId(pair_of(world.nodes[3], GRANDPA).public) not in voters
        assert world.nodes[newcomer].watcher.own
        settle(world, 10)
        ended = rounds_of(world.nodes[0])._end_of(0)
        assert ended is not None


def test_f17_a_deep_unfinalised_fork_is_left_for_the_better_one() -> None:
    world = make(17)
    with watched(world):
        world.run(2)
        world.links.partition([[0, 1], [2, 3]])
        world.cut()
        world.run(80)
        assert min(best(node) - final(node) for node in world.nodes) > 20
        world.links.heal()
        world.cut()
        settle(world, 30)
        assert len({node.client.block_hash(final(world.nodes[0])) for node in world.nodes}) == 1


@pytest.mark.parametrize("slots", [2, 10, 19])
def test_f18_who_is_rounds_behind_joins_the_round_of_now(slots: int) -> None:
    world = make(18)
    with watched(world):
        world.run(3)
        world.kill(2)
        world.run(slots)
        world.start(2)
        world.run(5)
        behind = rounds_of(world.nodes[0]).round - rounds_of(world.nodes[2]).round
        assert abs(behind) <= 2
        assert len(world.nodes[2].watcher.finals) > 0


@pytest.mark.parametrize("cheat", [Liar, BadAuthor, Withholder])
def test_f19_a_late_joiner_gets_the_chain_though_somebody_lies(cheat: type[Byzantine]) -> None:
    world = make(19, observers=1, late=[4])
    with watched(world):
        corrupt(world, 0, cheat)
        world.run(50)
        world.start(4)
        world.run(2)
        world.kill(1)  # a source dies midway
        world.run(3)
        world.start(1)
        settle(world, 20)


# ---- F28: nobody there


def test_f28_epochs_in_which_nobody_was_there_are_skipped_and_counted() -> None:
    world = make(28)
    with watched(world):
        world.run(5)
        for index in range(4):
            world.kill(index)
        world.run(50)  # two epochs and a half
        for index in range(4):
            world.start(index)
        settle(world, 15)
        node = world.nodes[0]
        hash = node.client.best().hash
        runtime = node.client.law(hash).queries.runtime
        runtime.enter(node.client.overlay(hash))
        babe = runtime.pallet(Babe)
        length = int(babe.epoch_duration)
        passed = int(babe.current_slot.value) - int(babe.genesis_slot.value)
        assert int(babe.epoch_index.value) == passed // length
        assert int(runtime.pallet(Session).session_index()) < int(babe.epoch_index.value)
