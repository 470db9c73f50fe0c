"""The fault scenarios of docs/simulator.md that a simulated network can play, by their numbers."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pytest

from btt_chain.chain.client import MAX_FORKS
from btt_chain.consensus.finality.gadget import Gadget
from btt_chain.keystore import BABE, GRANDPA
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import GRANDPA as ENGINE
from btt_chain.primitives.grandpa import Justification, Target
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import u128
from p2p import network
from p2p.protocols.messages import Announce
from p2p.sync import fork_sync
from p2p.sync.fork_sync import MAX_DEPTH
from runtime.constants import BTT
from runtime.frame import Call, InvalidBlock
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.offences.pallet import Offences
from runtime.pallets.session.pallet import Session, SessionKeys
from support.sim import accounts
from support.sim.byzantine import (
    BadAuthor,
    BlockEquivocator,
    Byzantine,
    Liar,
    VoteSplitter,
    Withholder,
    corrupt,
    own_announce,
    pair_of,
)
from support.sim.errors import Violation
from support.sim.images import SLOT_MS
from support.sim.invariants import Invariants
from support.sim.nodes import SimNode
from support.sim.plays import LONG, best, final, full, lag, make, settle, watched
from support.sim.scenario import CLOCKS, POINTS
from support.sim.vault import Blind, Vault, keystore_of
from support.sim.world import World


def rounds_of(node: SimNode) -> Gadget:
    return node.running.parts.gadget


# ---- F1 to F6: processes that stop


def test_f1_one_of_four_is_killed_again_and_again_and_finality_goes_on() -> None:
    world = make(1)
    with watched(world):
        rng = random.Random(1)
        world.run(4)
        for _ in range(8):
            victim = rng.randrange(4)
            world.run_until(world.now + rng.randint(0, 2 * SLOT_MS))
            world.kill(victim)
            before = max(best(node) for node in world.nodes if node.engine is not None)
            world.run(3)
            assert max(final(node) for node in world.nodes if node.engine is not None) >= before
            world.start(victim)
            assert settle(world, 10) <= 10  # 20 s


@pytest.mark.parametrize("seed", [0, 1, full(2), full(3)])
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


def bond_more(world: World) -> None:
    """Let a validator's weight grow, so that the next session but one has another set of voters."""
    call = accounts.runtime().call("Authorities", "bond_extra", amount=u128(100 * int(BTT)))
    assert world.submit(0, accounts.sign(2, 0, call, world.genesis.hash)) is not None


MAX_SLOTS: Final = 24
"""Slots in which both nodes make a block or two, and vote."""


@pytest.mark.parametrize("point", POINTS)
def test_f5_a_node_that_dies_at_this_point_starts_again_clean(point: str) -> None:
    world = make(5, pruning=2 if "prune" in point else None)
    with watched(world):
        world.run(3)
        if "set change" in point:
            bond_more(world)
            world.run(34)
        for victim in (0, 1):
            world.doom(victim, point, 0 if "set change" in point else victim)
        for _ in range(MAX_SLOTS):
            if len(world.deaths) < 2:
                world.run(1)
        assert sorted(world.deaths) == [(0, point), (1, point)]
        settle(world, 12)
        assert all(set_of(node) == ("set change" in point) for node in world.nodes)


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
        world.run(300 if LONG else 60)
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
        world.run(300 if LONG else 40)
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
    runtime = node.client.runtime_at(hash).queries.runtime
    runtime.enter(node.client.overlay(hash))
    rows = runtime.pallet(Offences).reports.items()
    return [bytes(details.offender[0]) for _, details in rows]


def bond_of(node: SimNode, index: int) -> int:
    hash = node.client.best().hash
    runtime = node.client.runtime_at(hash).queries.runtime
    runtime.enter(node.client.overlay(hash))
    return int(runtime.pallet(Authorities).bonded(accounts.account(index)))


def is_on_chain(world: World, accused: bytes) -> bool:
    return accused in offenders(world.nodes[0])


def test_f10_of_two_blocks_for_one_slot_the_proof_is_on_chain_within_two_blocks() -> None:
    """Two of honest authors: who cheats need not report himself."""
    world = make(100)
    with watched(world):
        cheat = corrupt(world, 3, BlockEquivocator)
        while not cheat.done:
            world.run_until(world.now + 50)
        one, height = world.nodes[0], best(world.nodes[3])
        while not is_on_chain(world, bytes(accounts.account(3))):
            world.run_until(world.now + 50)
            honest = {hash for node in world.honest for _, hash in node.watcher.own}
            chain = [one.client.block_hash(at) for at in range(height + 1, best(one) + 1)]
            assert sum(hash in honest for hash in chain) <= 2
        # Both are let in, and one of them wins.
        assert all(len(node.client.hashes_at(height)) <= 2 for node in world.honest)
        settle(world, 15)
        assert len({node.client.block_hash(height) for node in world.honest}) == 1


@dataclass
class ProvableSplitter(VoteSplitter):
    """Votes twice, for blocks that all nodes have: every other node can see it."""

    began: int | None = None
    """The round of its first two votes."""

    def another(self, node: SimNode, target: Target) -> Target | None:
        """Return the parent, if it is not lower than what any node has final."""
        lowest = max(final(one) for one in self.world.honest)
        header = node.client.header(target.hash)
        if header is None or target.number <= lowest:
            return None
        if not all(one.client.header(target.hash) for one in self.world.honest):
            return None
        if self.began is None:
            self.began = rounds_of(node).round
        return Target(header.parent_hash, target.number - 1)


def test_f11_two_votes_of_one_step_are_known_to_every_honest_node_within_two_rounds() -> None:
    world = make(110)
    with watched(world):
        cheat = corrupt(world, 3, ProvableSplitter)
        assert isinstance(cheat, ProvableSplitter)
        key = bytes(pair_of(world.nodes[3], GRANDPA).public)
        while cheat.began is None:
            world.run_until(world.now + 50)
        knew: dict[int, int] = {}
        for _ in range(200):
            world.run_until(world.now + 50)
            for node in world.honest:
                if any(who == key for _, who in node.watcher.equivocations):
                    knew.setdefault(node.index, rounds_of(node).round)
        assert sorted(knew) == [0, 1, 2]
        assert max(knew.values()) <= cheat.began + 2
        settle(world, 15)


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


def signers_of(proof: Justification) -> set[bytes]:
    """Return the signers of a proof."""
    return {bytes(signed.id) for signed in proof.commit.precommits}


def proof_at(node: SimNode, height: int) -> Justification:
    """Return the proof of the lowest proven block of a node at a height or above."""
    for number in range(height, final(node) + 1):
        hash = node.client.block_hash(number)
        assert hash is not None
        raw = dict(node.client.store.blocks.justifications(hash)).get(ENGINE)
        if raw is not None:
            return Justification.decode(raw)
    raise AssertionError(f"{node.name} has no proof of block {height} or above")


def test_f12_more_than_a_third_break_safety_and_all_see_it_halt_and_can_name_them() -> None:
    """Keys 2 and 3 vote on both sides of a cut: each side has two thirds and goes its own way."""
    world = make(12, validators=4, observers=2)
    for index, uri in ((4, 2), (5, 3)):
        twin = world.nodes[index]
        world.kill(index)
        world.run_until(world.now + 100)
        twin.vault = Vault(world.genesis.hash, accounts.uri_of(uri), Blind())
        world.start(index)
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
    for _ in range(9):
        world.run(10)
        if one.watcher.breaks or other.watcher.breaks:
            break
    # Neither side gives up what it called final, and no node fails on the other side's messages.
    assert [final(one) >= before[0], final(other) >= before[1]] == [True, True]
    assert one.client.block_hash(shared) != other.client.block_hash(shared)
    halted = [node for node in (one, other) if node.watcher.breaks]
    assert halted
    stood = [final(node) for node in halted]
    world.run(10)
    assert [final(node) for node in halted] == stood
    # Two proofs that exclude each other have these in common, and they are the cheats.
    total = rounds_of(one).authorities.current.voters
    cheats = {bytes(pair_of(world.nodes[index], GRANDPA).public) for index in (2, 3)}
    for node in halted:
        assert len(node.watcher.breaks) == 1
        broken = node.watcher.breaks[0]
        named = signers_of(broken.proof) & signers_of(proof_at(node, broken.final.number))
        assert named == cheats
        power = total.power_of(GrandpaId(who) for who in named)
        assert power.weight > total.tolerated.weight
        assert power.heads > total.tolerated.heads


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


@pytest.mark.parametrize("ahead", [full(2_000), 10_000, full(-10_000), 3_600_000])
def test_f15_a_wrong_clock_costs_slots_and_nothing_else(ahead: int) -> None:
    world = make(15)
    with watched(world, errors=CLOCKS):
        world.run(3)
        world.turn_clock(0, ahead)
        world.run(8)
        world.turn_clock(0, 0)
        world.run(6)
        settle(world, 12)


def sealed_by(node: SimNode) -> int:
    """Return the newest slot that a node has sealed."""
    signer = node.running.parts.signer
    assert signer is not None
    assert node.vault is not None
    (key,) = [state.public for state in signer.states() if state.key_type == BABE]
    block = node.vault.record(key).ledger.block
    return 0 if block is None else block.slot


def test_a_validator_whose_clock_is_an_hour_ahead_seals_nothing_until_it_is_right() -> None:
    world = make(15)
    with watched(world, errors=CLOCKS):
        world.run(6)
        world.turn_clock(0, 3_600_000)
        world.run(30)
        assert sealed_by(world.nodes[0]) <= world.now // world.slot_ms
        world.turn_clock(0, 0)
        before = world.now // world.slot_ms
        world.run(40)
        assert before < sealed_by(world.nodes[0]) <= world.now // world.slot_ms
        settle(world, 12)


def test_a_chain_on_which_no_validator_seals_starts_again_after_an_hour() -> None:
    world = make(15)
    with watched(world, errors=CLOCKS):
        world.run(6)
        for node in range(4):
            world.turn_clock(node, 3_600_000)  # as if all machines had been suspended
        before = world.nodes[0].client.best().number
        world.run(40)
        assert world.nodes[0].client.best().number > before + 10
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
        ended = rounds_of(world.nodes[0])._best.commit_that_ended(0)
        assert ended is not None


@pytest.mark.parametrize(("depth", "slots"), [(32, 100), full(MAX_DEPTH, 360)])
def test_f17_a_deep_unfinalized_fork_is_left_for_the_better_one(
    depth: int, slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_sync, "MAX_DEPTH", depth)
    world = make(17)
    with watched(world):
        world.run(2)
        world.links.partition([[0, 1], [2, 3]])
        world.cut()
        world.run(slots)
        # Deeper than one fetch of sync goes, and votes of both sides stand on their tops.
        assert min(best(node) - final(node) for node in world.nodes) > depth
        world.links.heal()
        world.cut()
        settle(world, 30)
        assert len({node.client.block_hash(final(world.nodes[0])) for node in world.nodes}) == 1


@dataclass
class Crowd(BlockEquivocator):
    """Makes more blocks of its first slots than are kept, a few at a time, and shows all."""

    heights: list[int] = field(default_factory=list)

    def change(self, node: SimNode, action: network.Action) -> bool:
        """See to the others beside ours."""
        announce = own_announce(node, action)
        if announce is None or len(self.heights) >= 3:
            return False
        self.heights.append(int(announce.header.number))
        for at in range(MAX_FORKS + 3):
            self.world.later(50 + 150 * at, partial(self.show, node, announce.header))
        return False

    def show(self, node: SimNode, header: Header) -> None:
        """Make another block and announce it to all peers."""
        try:
            other = self.another(node, header)
        except InvalidBlock:
            return  # no more are kept here, or finality has left this height behind
        self.done += 1
        data = Announce(other, is_best=True).encode()
        self.world.wires.publish(node, network.ANNOUNCE, data, list(node.connected))


def test_f17_thirty_two_siblings_are_kept_of_a_height_and_no_state_is_mixed_up() -> None:
    world = make(170, pruning=1, gossip_ms=5_000)
    with watched(world):
        crowd = corrupt(world, 3, Crowd)
        assert isinstance(crowd, Crowd)
        widest = 0
        for _ in range(250):
            world.run_until(world.now + 100)
            for node, height in itertools.product(world.honest, crowd.heights):
                width = len(node.client.hashes_at(height))
                assert width <= MAX_FORKS
                widest = max(widest, width)
        assert widest == MAX_FORKS
        settle(world, 40)
        for node in world.honest:  # their states are compared with the roots when the world ends
            assert len(node.client.store.blocks.open) < MAX_FORKS


@pytest.mark.parametrize("slots", [2, full(10), 19])
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
def test_f19_a_late_joiner_gets_the_chain_though_one_peer_lies(cheat: type[Byzantine]) -> None:
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


# ---- F28: no author


def test_f28_epochs_without_authors_are_skipped_and_counted() -> None:
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
        runtime = node.client.runtime_at(hash).queries.runtime
        runtime.enter(node.client.overlay(hash))
        babe = runtime.pallet(Babe)
        length = int(babe.epoch_duration)
        passed = int(babe.current_slot.value) - int(babe.genesis_slot.value)
        assert int(babe.epochs.epoch_index.value) == passed // length
        assert int(runtime.pallet(Session).session_index()) < int(babe.epochs.epoch_index.value)
