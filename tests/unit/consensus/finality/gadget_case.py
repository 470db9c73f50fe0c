"""One gadget with four blocks and a peer, and readers of its actions."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.consensus.finality.gadget import (
    Action,
    Gadget,
)
from btt_chain.consensus.finality.justification import assemble
from btt_chain.consensus.finality.messages import (
    GOSSIP,
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CatchUpRequest,
    CommitGossip,
    CommitMessage,
    Neighbor,
    NeighborV1,
    VotesAsked,
    VotesRequest,
)
from btt_chain.primitives.grandpa import (
    CatchUp,
    Commit,
    Justification,
    PrevoteMessage,
    SignedMessage,
    SignedPrevote,
    Stage,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.network import Penalise, Publish, SendNote
from unit.consensus.finality.finality_world import as_precommit, signed
from unit.consensus.finality.gadget_world import (
    Keys,
    Node,
    T,
    child,
    genesis_header,
    importing,
    target,
    vote_bytes,
)

NAMES = ["Alice", "Bob", "Charlie", "Dave"]
PREVOTE, PRECOMMIT = Stage.PREVOTE, Stage.PRECOMMIT


class GadgetCase:
    """A node with one gadget, four blocks, and a peer."""

    def __init__(self, keys: Sequence[str] = ("Alice",), blocks: int = 4) -> None:
        self.node = Node("Alice", dict.fromkeys(NAMES, 1), Keys(list(keys)))
        self.headers = [genesis_header()]
        self.now = 0
        self.do(self.node.gadget.start(0))
        self.do(self.node.gadget.connected("peer", 0))
        for _ in range(blocks):
            self.add(child(self.headers[-1]))
        self.out: list[Action] = []

    @property
    def gadget(self) -> Gadget:
        return self.node.gadget

    def add(self, header: Header) -> list[Action]:
        self.headers.append(header)
        return self.do(importing(header)(self.node, self.now))

    def do(self, actions: Sequence[Action]) -> list[Action]:
        return self.node.take(actions, self.now)

    def gossip(self, raw: bytes) -> list[Action]:
        return self.do(self.gadget.gossip_received("peer", raw, self.now))

    def note(self, raw: bytes) -> list[Action]:
        return self.do(self.gadget.note_received("peer", raw, self.now))

    def at(self, now: int) -> list[Action]:
        self.now = now
        return self.do(self.gadget.tick(now))

    def vote(self, stage: Stage, block: int, name: str, number: int = 1, set_id: int = 0) -> bytes:
        vote = signed(stage, target(self.headers[block]), name, number, set_id)
        return vote_bytes(vote, number, set_id)

    def commit(self, block: int, names: Sequence[str] = NAMES[1:], number: int = 1) -> Commit:
        votes = [
            as_precommit(signed(PRECOMMIT, target(self.headers[block]), name, number, 0))
            for name in names
        ]
        at = target(self.headers[block])
        return Commit(at.hash, u32(at.number), votes)

    def proof(self, block: int) -> Justification:
        found = assemble(
            1,
            target(self.headers[block]),
            self.commit(block).precommits,
            self.gadget.authorities.current.voters,
            self.node.tree,
        )
        assert found is not None
        return found

    def round(self, block: int = 4) -> None:
        """Let the others' votes complete our round."""
        number = self.gadget.round
        for stage in (PREVOTE, PRECOMMIT):
            self.at(self.now + 2 * T)
            for name in NAMES[1:]:
                self.gossip(self.vote(stage, block, name, number))


def commit_bytes(commit: Commit, number: int = 1, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CommitGossip(CommitMessage(u64(number), u64(set_id), commit.compact())))


def neighbour(number: int, set_id: int = 0, final: int = 0) -> bytes:
    return GOSSIP.encode(Neighbor(NeighborV1(u64(number), u64(set_id), u32(final))))


def wanting(number: int, set_id: int = 0, final: int = 0, current: bytes = b"\0") -> bytes:
    """A request for votes of a round and the one before, of which `current` are there."""
    request = VotesRequest(u64(number), u64(set_id), u32(final), b"\0", current)
    return GOSSIP.encode(VotesAsked(request))


def asked(number: int, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CatchUpAsked(CatchUpRequest(u64(number), u64(set_id))))


def costs(actions: Sequence[Action]) -> list[int]:
    return [action.cost for action in actions if isinstance(action, Penalise)]


def sent(actions: Sequence[Action]) -> list[object]:
    return [GOSSIP.decode_all(action.data) for action in actions if isinstance(action, SendNote)]


def published(actions: Sequence[Action]) -> list[object]:
    return [GOSSIP.decode_all(action.data) for action in actions if isinstance(action, Publish)]


def catch_up(case: GadgetCase, number: int, names: Sequence[str] = NAMES[1:]) -> CatchUp:
    block = target(case.headers[4])
    prevotes: list[SignedPrevote] = []
    for name in names:
        vote: SignedMessage = signed(PREVOTE, block, name, number, 0)
        assert isinstance(vote.message, PrevoteMessage)
        prevotes.append(SignedPrevote(vote.message.vote, vote.signature, vote.id))
    precommits = [as_precommit(signed(PRECOMMIT, block, name, number, 0)) for name in names]
    base = target(case.headers[0])
    return CatchUp(u64(number), prevotes, precommits, base.hash, u32(base.number))


def answered(answer: CatchUp, set_id: int = 0) -> bytes:
    return GOSSIP.encode(CatchUpGiven(CatchUpMessage(u64(set_id), answer)))
