"""Nodes that cheat: an honest engine whose actions are changed.

A cheat has the keys and goes around the signing record. It sees to whom each message goes, and
sends different messages to different nodes. Else it is a running node, so what it does
fits the moment: its second block stands on the head of now, its second vote is of this round.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from btt_chain.consensus.author import Ready, make_block
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CommitGossip,
    CommitMessage,
    Neighbor,
    NeighborV1,
    Vote,
    VoteMessage,
)
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import BABE as BABE_KEY
from btt_chain.keystore import GRANDPA as GRANDPA_KEY
from btt_chain.primitives.babe import pre_digest
from btt_chain.primitives.digest import BABE, H256, Consensus, Digest, Seal
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    CatchUp,
    Commit,
    Precommit,
    SignedMessage,
    SignedPrecommit,
    Stage,
    Target,
    message_for,
    signing_payload,
    stage_of,
    target_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import DecodeError, u32, u64
from p2p import network
from p2p.network import Event
from p2p.protocols.messages import (
    Announce,
    BlockAnswer,
    BlockData,
    BlockRequest,
    StateAnswer,
    WarpProof,
)
from support.sim.engines import early
from support.sim.nodes import SimNode
from support.sim.world import World


class NoTransactions:
    """An empty pool."""

    def __iter__(self) -> Iterator[Ready]:
        return self

    def __next__(self) -> Ready:
        raise StopIteration

    def skip(self, tx_hash: bytes) -> None:
        """Pass over."""


@dataclass
class Byzantine:
    """A cheat that does nothing yet; its children override what they do otherwise."""

    world: World
    rng: random.Random
    until: int | None = None
    """When it becomes honest; None: never."""
    done: int = 0
    """Number of times that it cheated."""

    def receive(self, node: SimNode, event: Event) -> bool:
        """Let the engine have it."""
        return False

    def turn(self, node: SimNode, actions: Iterable[network.Action]) -> None:
        """Carry out actions, or what becomes of them."""
        for action in list(actions):
            if (self.until is not None and self.world.now >= self.until) or not self.change(
                node, action
            ):
                self.world.act(node, action)

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Do something else instead; True if that is done."""
        return False

    def halves(self, node: SimNode) -> tuple[list[int], list[int]]:
        """Return two parts of the neighbours; each may have all but one."""
        others = list(node.connected)
        self.rng.shuffle(others)
        cut = self.rng.randint(1, max(1, len(others) - 1))
        return sorted(others[:cut]), sorted(others[cut:])


def pair_of(node: SimNode, kind: bytes) -> KeyPair:
    """Return a key of a node, without its record."""
    assert node.vault is not None
    keys = node.vault.keystore
    pair = keys.pair(kind, keys.public_keys(kind)[0])
    assert pair is not None
    return pair


def sealed(node: SimNode, header: Header) -> Header:
    """Seal a header that has no seal, whatever was sealed before."""
    return header.with_log(Seal(BABE, pair_of(node, BABE_KEY).sign(header.hash())))


def own_announce(node: SimNode, action: network.Action) -> Announce | None:
    """Return the announce of a block that this node has just made."""
    if not isinstance(action, network.Publish) or action.topic != network.ANNOUNCE:
        return None
    announce = Announce.decode(action.data)
    own = node.watcher.own
    if not own or own[-1][1] != announce.header.hash():
        return None
    return announce


@dataclass
class BlockEquivocator(Byzantine):
    """Makes two blocks of every slot it gets, and shows each to a part of the others."""

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Make another block beside ours."""
        announce = own_announce(node, action)
        if announce is None:
            return False
        other = self.another(node, announce.header)
        one_part, other_part = self.halves(node)
        self.done += 1
        self.world.wires.publish(node, network.ANNOUNCE, announce.encode(), one_part)
        data = Announce(other, is_best=True).encode()
        self.world.wires.publish(node, network.ANNOUNCE, data, other_part)
        return True

    def another(self, node: SimNode, header: Header) -> Header:
        """Return the header of a second valid block of the same slot; this node has it."""
        parts = node.running.parts
        claim = pre_digest(header.digest.logs)
        slot = int(claim.claim.slot)
        none = NoTransactions()
        proposal = make_block(
            node.client,
            bytes(header.parent_hash),
            claim=claim,
            timestamp_ms=slot * node.running.settings.slot_ms + 1 + self.rng.randint(0, 500),
            ready=none,
            skip=none.skip,
            pace=early,
        )
        made = proposal.made
        made.header = sealed(node, made.header)
        parts.importer.import_block(
            made.header, made.body, now_ms=self.world.time_of(node), made=made
        )
        return made.header


@dataclass
class Withholder(Byzantine):
    """Makes blocks and withholds them for some slots."""

    most: int = 6

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Say it later."""
        if own_announce(node, action) is None:
            return False
        self.done += 1
        life = node.epoch

        def say() -> None:
            if node.epoch == life and node.engine is not None:
                self.world.act(node, action)

        self.world.later(self.rng.randint(1, self.most) * 2_000 + 300, say)
        return True


@dataclass
class BadAuthor(Byzantine):
    """Makes blocks that break a rule: root, extrinsics, weights of the next epoch, slot, claim."""

    forged: dict[bytes, BlockData] = field(default_factory=dict)

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Announce a forged block in the place of ours; serve it when asked."""
        announce = own_announce(node, action)
        if announce is None:
            return False
        self.done += 1
        header = self.forge(node, announce.header)
        body = list(node.client.body(bytes(announce.header.hash())) or [])
        hash = bytes(header.hash())
        self.forged[hash] = BlockData(H256(hash), header.encode(), body, None)
        self.world.wires.publish(
            node, network.ANNOUNCE, Announce(header, is_best=True).encode(), list(node.connected)
        )
        return True

    def receive(self, node: SimNode, event: Event) -> bool:
        """Answer for what is forged."""
        if not isinstance(event, network.Asked) or event.protocol != network.BLOCKS:
            return False
        try:
            asked = BlockRequest.decode(event.data)
        except DecodeError:
            return False
        if not isinstance(asked.start, bytes) or asked.start not in self.forged:
            return False
        answer = BlockAnswer([self.forged[asked.start]])
        self.world.act(node, network.Answer(event.id, answer.encode()))
        return True

    def forge(self, node: SimNode, header: Header) -> Header:
        """Return a header like this one that no node may accept."""
        unsealed, _seal = header.unsealed()
        logs = list(unsealed.digest.logs)
        what = self.rng.randrange(6)
        announced = [at for at, log in enumerate(logs) if isinstance(log, Consensus)]
        if announced:
            what = 6  # the first block of an epoch: the chance to lie about weights
        match what:
            case 0:
                bad = replace(unsealed, state_root=H256(self.rng.randbytes(32)))
            case 1:
                bad = replace(unsealed, digest=Digest([*logs, logs[0]]))
            case 2:
                return header.unsealed()[0].with_log(Seal(BABE, self.rng.randbytes(64)))
            case 3:
                bad = replace(unsealed, number=u32(int(unsealed.number) + 1))
            case 4:
                noise = Consensus(BABE, b"\x01" + self.rng.randbytes(40))
                bad = replace(unsealed, digest=Digest([*logs, noise]))
            case 5:
                noise = Consensus(b"FRNK", b"\x01" + self.rng.randbytes(80))
                bad = replace(unsealed, digest=Digest([*logs, noise]))
            case _:
                at = announced[0]
                log = logs[at]
                assert isinstance(log, Consensus)
                raw = bytearray(log.payload)
                raw[-min(40, len(raw))] ^= 1  # the weight of the last authority, in a new epoch
                logs[at] = Consensus(log.engine, bytes(raw))
                bad = replace(unsealed, digest=Digest(logs))
        return sealed(node, bad)


def signed_vote(
    node: SimNode, set_id: int, number: int, stage: Stage, target: Target
) -> SignedMessage:
    """Sign a vote, whatever was signed before."""
    pair = pair_of(node, GRANDPA_KEY)
    message = message_for(stage, target)
    signature = pair.sign(signing_payload(message, number, set_id))
    return SignedMessage(message, AuthoritySignature(signature), AuthorityId(pair.public))


def vote_data(set_id: int, number: int, signed: SignedMessage) -> bytes:
    """Return a vote as it is gossiped."""
    return GOSSIP.encode(Vote(VoteMessage(u64(number), u64(set_id), signed)))


def own_vote(node: SimNode, action: network.Action) -> VoteMessage | None:
    """Return the vote of this node's own key that an action gossips."""
    if not isinstance(action, network.Publish) or action.topic != network.GRANDPA:
        return None
    message = GOSSIP.decode_all(action.data)
    if not isinstance(message, Vote):
        return None
    body = message.body
    return body if body.message.id == pair_of(node, GRANDPA_KEY).public else None


@dataclass
class VoteSplitter(Byzantine):
    """Votes for two blocks in every step, and sends one of them to each part of the others."""

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Sign another vote beside ours."""
        body = own_vote(node, action)
        if body is None:
            return False
        target = self.another(node, target_of(body.message.message.vote))
        if target is None:
            return False
        self.done += 1
        signed = signed_vote(
            node, int(body.set_id), int(body.round), stage_of(body.message.message), target
        )
        one_part, other_part = self.halves(node)
        assert isinstance(action, network.Publish)
        self.world.wires.publish(node, network.GRANDPA, action.data, one_part)
        data = vote_data(int(body.set_id), int(body.round), signed)
        self.world.wires.publish(node, network.GRANDPA, data, other_part)
        return True

    def another(self, node: SimNode, target: Target) -> Target | None:
        """Return another block to vote for: a rival, a parent, or one that does not exist."""
        client = node.client
        rivals = [hash for hash in client.hashes_at(target.number) if hash != target.hash]
        choices: list[Target] = [Target(H256(hash), target.number) for hash in rivals]
        header = client.header(target.hash)
        if header is not None and target.number > 1:
            choices.append(Target(H256(header.parent_hash), target.number - 1))
        if self.rng.random() < 0.1:
            choices.append(Target(H256(self.rng.randbytes(32)), target.number + 1))
        return self.rng.choice(choices) if choices else None


@dataclass
class Mute(Byzantine):
    """Makes no blocks known and casts no votes, but answers and follows."""

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Keep it."""
        if own_vote(node, action) is None and own_announce(node, action) is None:
            return False
        self.done += 1
        return True


@dataclass
class Liar(Byzantine):
    """A peer that lies when it is asked, and about where it stands."""

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Change answers and claims."""
        match action:
            case network.Answer(id, data) if data is not None and self.rng.random() < 0.7:
                self.done += 1
                self._answer(node, id, data)
                return True
            case network.SetStatus(status) if self.rng.random() < 0.5:
                self.done += 1
                lie = self.rng.choice(
                    [
                        replace(status, best_number=0x7FFF_FFFF, best_hash=self.rng.randbytes(32)),
                        replace(
                            status,
                            best_number=status.best_number + 7,
                            best_hash=self.rng.randbytes(32),
                        ),
                        replace(status, best_number=0, best_hash=self.world.genesis.hash),
                        replace(
                            status,
                            final_number=status.final_number + 500,
                            final_hash=self.rng.randbytes(32),
                        ),
                    ]
                )
                self.world.act(node, network.SetStatus(lie))
                return True
        return False

    def _answer(self, node: SimNode, id: int, data: bytes) -> None:
        act = self.world.act
        match self.rng.randrange(7):
            case 0:
                return  # silence: the asker's time runs out
            case 1:
                act(node, network.Answer(id, None))
            case 2:
                act(node, network.Answer(id, self.rng.randbytes(self.rng.randint(0, 200))))
            case 3:
                act(node, network.Answer(id, data[: len(data) // 2]))
            case 4:
                act(node, network.Answer(id, b"\x00"))
            case 5:
                act(node, network.Answer(id, _altered(data)))
            case _:
                raw = bytearray(data)
                raw[self.rng.randrange(len(raw))] ^= 1 << self.rng.randrange(8)
                act(node, network.Answer(id, bytes(raw)))


def _altered(data: bytes) -> bytes:
    """Return an answer that reads well and does not hold: to a question for blocks, for a warp
    proof or for a part of a state; others as they are.
    """
    for alter in (_wrong_bodies, _fewer_changes, _fewer_nodes):
        try:
            return alter(data)
        except DecodeError:
            continue
    return data


def _fewer_changes(data: bytes) -> bytes:
    proof = WarpProof.decode(data)
    return WarpProof(proof.fragments[1:], is_finished=True).encode()


def _fewer_nodes(data: bytes) -> bytes:
    answer = StateAnswer.decode(data)
    return StateAnswer(answer.nodes[:-1], answer.last).encode()


def _wrong_bodies(data: bytes) -> bytes:
    answer = BlockAnswer.decode(data)
    blocks = [
        replace(block, body=None if block.body is None else [*block.body, b"\x04\x00"])
        for block in answer.blocks
    ]
    return BlockAnswer(blocks).encode()


@dataclass
class Babbler(Byzantine):
    """Gossips invalid messages: votes of other keys, bad signatures, commits and catch-ups that
    lie, claims to be rounds ahead."""

    last: int = -1

    def change(self, node: SimNode, action: network.Action) -> bool:
        """Answer requests for catch-ups with lies; say something wrong once a slot."""
        slot = self.world.slot
        if slot != self.last:
            self.last = slot
            self.done += 1
            self._babble(node)
        return False

    def receive(self, node: SimNode, event: Event) -> bool:
        """Lie to those who ask for votes."""
        if not isinstance(event, network.NoteReceived):
            return False
        try:
            message = GOSSIP.decode_all(event.data)
        except DecodeError:
            return False
        if not isinstance(message, CatchUpAsked):
            return False
        target = self._target(node)
        asked = message.body
        votes = signed_vote(node, int(asked.set_id), int(asked.round) + 3, Stage.PRECOMMIT, target)
        lie = CatchUp(
            u64(int(asked.round) + 3), [], [_precommit(votes)], target.hash, u32(target.number)
        )
        data = GOSSIP.encode(CatchUpGiven(CatchUpMessage(asked.set_id, lie)))
        self.world.wires.note(node, int(event.peer[1:]), data)
        return True

    def _target(self, node: SimNode) -> Target:
        best = node.client.best()
        return Target(H256(best.hash), best.number)

    def _babble(self, node: SimNode) -> None:
        gadget, rng = node.running.parts.gadget, self.rng
        set_id, number, target = gadget.set_id, gadget.round, self._target(node)
        stage = rng.choice([Stage.PREVOTE, Stage.PRECOMMIT])
        signed = signed_vote(node, set_id, number, stage, target)
        others = list(node.connected)
        match rng.randrange(7):
            case 0:
                other_key = KeyPair.from_uri("//Other")
                signed = replace(signed, id=AuthorityId(other_key.public))
                self._gossip(node, vote_data(set_id, number, signed))
            case 1:
                signed = replace(signed, signature=AuthoritySignature(rng.randbytes(64)))
                self._gossip(node, vote_data(set_id, number, signed))
            case 2:
                self._gossip(node, rng.randbytes(rng.randint(1, 40)))
            case 3:
                alone = signed_vote(node, set_id, number, Stage.PRECOMMIT, target)
                commit = Commit(target.hash, u32(target.number), [_precommit(alone)])
                body = CommitMessage(u64(number), u64(set_id), commit.compact())
                self._gossip(node, GOSSIP.encode(CommitGossip(body)))
            case 4:
                packet = NeighborV1(u64(number + rng.randint(2, 1_000)), u64(set_id), u32(1 << 31))
                for other in others:
                    self.world.wires.note(node, other, GOSSIP.encode(Neighbor(packet)))
            case 5:
                packet = NeighborV1(u64(1), u64(set_id + 9), u32(0))
                for other in others:
                    self.world.wires.note(node, other, GOSSIP.encode(Neighbor(packet)))
            case _:
                far = signed_vote(node, set_id + 5, number + 50, stage, target)
                self._gossip(node, vote_data(set_id + 5, number + 50, far))

    def _gossip(self, node: SimNode, data: bytes) -> None:
        self.world.wires.publish(node, network.GRANDPA, data, list(node.connected))


def _precommit(signed: SignedMessage) -> SignedPrecommit:
    target = target_of(signed.message.vote)
    return SignedPrecommit(Precommit(target.hash, u32(target.number)), signed.signature, signed.id)


KINDS: Final[Sequence[type[Byzantine]]] = (
    BlockEquivocator,
    VoteSplitter,
    Withholder,
    BadAuthor,
    Liar,
    Babbler,
    Mute,
)


def corrupt(world: World, index: int, kind: type[Byzantine]) -> Byzantine:
    """Make a node of a world a cheat."""
    cheat = kind(world, random.Random(world.rng.getrandbits(64)))
    world.nodes[index].cheat = cheat
    return cheat
