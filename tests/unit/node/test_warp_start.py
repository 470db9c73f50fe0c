"""A node that begins with the state of a late block: whole engines, real states, dying disks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from btt_chain.chain.client import Client
from btt_chain.consensus.finality.authorities import AuthoritySet
from btt_chain.consensus.finality.client_chain import ClientChain
from btt_chain.consensus.finality.environment import Offence
from btt_chain.consensus.finality.proofs import prove_finality
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.blocks import state_import
from btt_chain.node.blocks.state_import import LINK_PREFIX, PROOF_PREFIX, StateImport, warp_plan
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Prevote,
    PrevoteMessage,
    announced,
    signing_payload,
)
from btt_chain.primitives.grandpa_equivocation import (
    DoublePrevote,
    EquivocationProof,
    PrevoteEquivocation,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64, u128
from btt_chain.txpool import ValidityUnknown
from genesis.accounts import dev_path
from p2p import network
from p2p.protocols.messages import (
    ALL,
    JUSTIFICATION,
    BlockAnswer,
    BlockRequest,
    Direction,
    JustificationAnswer,
    JustificationRequest,
    WarpProof,
    WarpRequest,
)
from p2p.sync.types import BeginState
from p2p.sync.warp_proof import WarpPlan
from runtime.constants import BTT
from storage.state import StateUnavailable
from support.sim.accounts import nonce_of, runtime, sign, transfer
from support.sim.nodes import SimNode
from support.sim.world import World

VALIDATORS = 2
STEP_MS = 20
POINTS = ("write block", "written block", "write finality", "written finality", "write aux", "send")


class Newcomers:
    """A world whose chain has seen several sets of voters, and nodes that come to it late."""

    def __init__(self, count: int, patch: pytest.MonkeyPatch) -> None:
        self.indices = list(range(VALIDATORS, VALIDATORS + count))

        def plan(client: Client, voters: AuthoritySet, *, wanted: bool) -> WarpPlan | None:
            usual = warp_plan(client, voters, wanted=wanted)
            return None if usual is None else replace(usual, peers=1)

        patch.setattr(state_import, "warp_plan", plan)
        self.world = World(
            seed=5, validators=VALIDATORS, observers=count, late=self.indices, warp=8
        )
        for session in range(2):
            self.bond(session % 2, 100 + session)
            self.world.run(21)

    def bond(self, index: int, amount: int) -> None:
        """Raise a validator's bond, so that the next session's voters are others."""
        node = self.world.nodes[0]
        call = runtime().call("Authorities", "bond_extra", amount=u128(amount * int(BTT)))
        self.world.submit(0, sign(index, nonce_of(node, index), call, self.world.genesis.hash))

    def until(self, holds: Callable[[], bool], slots: int = 30) -> None:
        """Let time go by until something holds."""
        end = self.world.now + slots * 2_000
        while not holds():
            assert self.world.now < end, "it takes too long"
            self.world.run_until(self.world.now + STEP_MS)

    def is_level(self, node: SimNode) -> bool:
        """Return True if a node has the final head of the others, and every block below."""
        if node.engine is None or node.client.store.state_import.missing is not None:
            return False
        other = self.world.nodes[0].client
        return node.client.finalized().number >= other.finalized().number > 0


@pytest.fixture
def newcomers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Newcomers]:
    """Make a world with so many late nodes."""
    return lambda count: Newcomers(count, monkeypatch)


def asked(node: SimNode, now: int, protocol: str, question: bytes) -> bytes:
    """Return a node's answer to a question of another."""
    actions = node.running.handle(network.Asked("n0", protocol, question, 7), now)
    found = [action for action in actions if isinstance(action, network.Answer)]
    assert found[0].data is not None
    return found[0].data


def test_a_late_node_warps_over_changes_of_the_voters_and_goes_on_with_all(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(1)
    world, node = late.world, late.world.nodes[2]
    world.start(2)
    late.until(lambda: late.is_level(node))
    assert node.running.parts.gadget.set_id == world.nodes[0].running.parts.gadget.set_id == 1
    with pytest.raises(StateUnavailable):
        node.client.state(node.client.block_hash(5) or b"")
    height = node.client.finalized().number
    assert all(
        node.client.block_hash(n) == world.nodes[0].client.block_hash(n) for n in range(height)
    )
    late.until(lambda: node.client.finalized().number > height + 2)
    assert [one.watcher.penalties for one in world.nodes] == [[], [], []]


def test_a_node_that_warps_dies_anywhere_and_comes_to_the_same_end(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(3 * len(POINTS))
    world = late.world
    dooms = [(point, passes) for point in POINTS for passes in (0, 1, 3)]
    for index, (point, passes) in zip(late.indices, dooms, strict=True):
        world.start(index)
        world.doom(index, point, passes)
    late.until(lambda: all(late.is_level(world.nodes[index]) for index in late.indices))
    assert len(world.deaths) >= len(dooms) - 3
    blamed = {why for one in world.nodes for _, _, why in one.watcher.penalties}
    assert blamed <= {"no answer"}


def test_a_node_whose_history_is_on_its_way_answers_what_it_has(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(1)
    world, node = late.world, late.world.nodes[2]
    world.start(2)
    late.until(lambda: node.client.store.state_import.missing is not None)
    base = node.client.finalized()
    for fields in (JUSTIFICATION, ALL):
        question = BlockRequest(base.hash, Direction.DESCENDING, 8, fields)
        answer = BlockAnswer.decode(asked(node, world.now, network.BLOCKS, question.encode()))
        assert [bytes(block.hash) for block in answer.blocks] in ([base.hash], [])


def test_a_node_says_from_which_height_on_it_has_blocks(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(1)
    world, node = late.world, late.world.nodes[2]
    world.start(2)
    late.until(lambda: node.client.store.state_import.missing is not None)
    status = node.status
    assert status is not None
    assert 0 < status.lowest <= status.final_number + 1
    late.until(lambda: late.is_level(node))
    world.run(1)
    assert node.status is not None
    assert node.status.lowest == 0
    assert node.status.best_number > 20


def test_a_node_that_warped_leads_others_the_way_it_came(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(2)
    world, first, second = late.world, late.world.nodes[2], late.world.nodes[3]
    world.start(2)
    late.until(lambda: late.is_level(first))
    question = WarpRequest(world.genesis.hash).encode()
    proofs = [
        WarpProof.decode(asked(node, world.now, network.WARP, question))
        for node in (world.nodes[0], first)
    ]
    assert proofs[1].fragments[0] == proofs[0].fragments[0]
    assert announced(proofs[1].fragments[0].header.digest.logs) is not None
    end = bytes(proofs[1].fragments[0].header.hash())
    number = int(proofs[1].fragments[0].header.number)
    assert prove_finality(number - 1, ClientChain(first.client)) is not None
    assert kept_of_the_way(first, end) == [None, None]
    world.start(3)
    world.links.cut.update({(0, 3), (3, 0), (1, 3), (3, 1)})
    late.until(lambda: late.is_level(second), 90)  # the silent ones are asked, too
    blamed = {why for one in world.nodes for _, _, why in one.watcher.penalties}
    assert blamed <= {"no answer"}


def kept_of_the_way(node: SimNode, block: bytes) -> list[bytes | None]:
    """Return the records of a warp sync that a node still stores after its end."""
    read = node.client.store.aux_get
    return [read(PROOF_PREFIX + block), read(LINK_PREFIX + bytes(8))]


def test_a_node_that_does_not_know_its_way_proves_nothing_from_before_its_time(
    newcomers: Callable[[int], Newcomers], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = newcomers(1)
    world, first = late.world, late.world.nodes[2]
    begin = StateImport.begin

    def forgetful(state: StateImport, order: BeginState) -> None:
        begin(state, replace(order, links=()))

    monkeypatch.setattr(StateImport, "begin", forgetful)
    world.start(2)
    late.until(lambda: late.is_level(first))
    question = WarpRequest(world.genesis.hash).encode()
    proof = WarpProof.decode(asked(first, world.now, network.WARP, question))
    assert not proof.fragments  # with other voters' signatures it would count as a lie


def test_proofs_in_the_history_are_not_believed(
    newcomers: Callable[[int], Newcomers],
) -> None:
    late = newcomers(1)
    world, node = late.world, late.world.nodes[2]
    world.start(2)
    late.until(lambda: late.is_level(node))
    question = JustificationRequest(node.client.block_hash(7) or b"").encode()
    theirs, ours = (
        JustificationAnswer.decode(asked(one, world.now, network.JUSTIFICATIONS, question))
        for one in (world.nodes[0], node)
    )
    assert theirs.justification is not None
    assert ours.justification is None


def test_a_node_without_a_state_judges_no_transaction_and_reports_no_offence(
    newcomers: Callable[[int], Newcomers], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = newcomers(1)
    world, node = late.world, late.world.nodes[2]
    world.start(2)
    late.until(lambda: node.client.store.state_import.progress is not None)
    wire = transfer(0, 0, 1, 10**15, world.genesis.hash)
    with pytest.raises(ValidityUnknown):
        node.running.parts.pool.submit(wire)
    proof = doubled(0, u64(0))
    monkeypatch.setattr(
        node.running.parts.gadget, "gossip_received", lambda *_: [Offence(proof)]
    )  # of the set before, that a restarted node still believes in
    node.running.handle(network.GossipReceived(network.GRANDPA, "n0", b"two votes"), world.now)
    assert node.watcher.equivocations
    late.until(lambda: late.is_level(node))


def doubled(index: int, set_id: u64) -> EquivocationProof:
    """Return the proof that a validator voted for two blocks in a round."""
    cheat = KeyPair.from_uri(dev_path(index), Scheme.ED25519)
    one, other = (
        (vote, AuthoritySignature(cheat.sign(signing_payload(PrevoteMessage(vote), 1, set_id))))
        for vote in (Prevote(H256(bytes([mark]) * 32), u32(1)) for mark in (1, 2))
    )
    votes = DoublePrevote(u64(1), AuthorityId(cheat.public), one, other)
    return EquivocationProof(set_id, PrevoteEquivocation(votes))
