"""A net of gadgets: blocks, keys with a record, wires that lose, delay and reorder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from btt_chain.consensus.finality.environment import ArmTimer
from btt_chain.consensus.finality.gadget import (
    Action,
    Gadget,
    Offence,
    Save,
    Stored,
    Want,
)
from btt_chain.consensus.finality.justification import Rule, verify
from btt_chain.consensus.finality.messages import GOSSIP, Vote, VoteMessage
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.consensus.finality.voter import Finalize
from btt_chain.consensus.finality.voter_environment import Settings
from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.grandpa import (
    AnyMessage,
    AuthoritySignature,
    ChangeScheduled,
    Justification,
    ScheduledChange,
    SignedMessage,
    Stage,
    Target,
    Verdict,
    announced,
    consensus,
    signing_payload,
    stage_of,
    target_of,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import u32, u64
from p2p.network import Penalise, Publish, SendNote
from unit.consensus.finality.finality_world import seed, who

T = 100
OFFER, OFFERED_TO = 1_000, 4
"""Time after which messages are offered to some that were not sent them (`p2p.host.gossip`)."""
ZERO = H256(bytes(32))
SIGNATURES = Signatures()
"""Shared: a verdict depends on nothing but the vote."""


def genesis_header() -> Header:
    return Header(ZERO, u32(0), ZERO, ZERO, Digest())


def child(
    parent: Header, mark: str = "", change: Mapping[str, int] | None = None, delay: int = 0
) -> Header:
    """The next block; `mark` distinguishes forks, `change` announces voters."""
    logs = [] if change is None else [consensus(ChangeScheduled(scheduled(change, delay)))]
    root = H256(blake2_256(mark.encode()))
    return Header(parent.hash(), u32(int(parent.number) + 1), root, ZERO, Digest(list(logs)))


def scheduled(weights: Mapping[str, int], delay: int = 0) -> ScheduledChange:
    return ScheduledChange([(who(n), u64(w)) for n, w in weights.items()], u32(delay))


def target(header: Header) -> Target:
    return Target(header.hash(), int(header.number))


class Tree:
    """The blocks that one node has (`gadget.Blocks`); the longest chain is the best."""

    def __init__(self) -> None:
        first = genesis_header()
        self.headers: dict[bytes, Header] = {first.hash(): first}
        self.proofs: dict[bytes, bytes] = {}
        self.best = self.final_block = target(first)

    def add(self, header: Header) -> bool:
        self.headers[header.hash()] = header
        if int(header.number) > self.best.number and self.on_final(target(header)):
            self.best = target(header)
            return True
        return False

    def finalize(self, proof: Justification) -> None:
        block = proof.target
        assert self.on_final(block), "a block of another chain than the final one"
        self.final_block = block
        self.proofs[block.hash] = proof.encode()
        if not self.on(block, self.best):
            self.best = max(
                (leaf for leaf in self.leaves() if self.on(block, leaf)),
                key=lambda leaf: leaf.number,
            )

    def on_final(self, block: Target) -> bool:
        return self.on(self.final_block, block)

    def on(self, base: Target, block: Target) -> bool:
        while block.number > base.number:
            parent = self.parent(block)
            if parent is None:
                return False
            block = Target(parent, block.number - 1)
        return block == base

    def number(self, hash: H256) -> int | None:
        header = self.headers.get(hash)
        return None if header is None else int(header.number)

    def header(self, block: Target) -> Header | None:
        header = self.headers.get(block.hash)
        return header if header is not None and header.number == block.number else None

    def parent(self, block: Target) -> H256 | None:
        header = self.header(block)
        return None if header is None else header.parent_hash

    def height(self) -> int:
        return self.best.number

    def best_containing(self, block: Target) -> Target | None:
        if block.hash not in self.headers:
            return None
        if self.on(block, self.best):
            return self.best
        tips = [leaf for leaf in self.leaves() if self.on(block, leaf)]
        return max(tips, key=lambda leaf: (leaf.number, leaf.hash), default=None)

    def final(self) -> Target:
        return self.final_block

    def leaves(self) -> list[Target]:
        parents = {header.parent_hash for header in self.headers.values()}
        tips = [
            target(header)
            for hash, header in self.headers.items()
            if hash not in parents and self.on_final(target(header))
        ]
        return tips or [self.final_block]

    def at(self, number: int) -> Target | None:
        block = self.final_block
        if number > block.number:
            return None
        while block.number > number:
            parent = self.parent(block)
            assert parent is not None
            block = Target(parent, block.number - 1)
        return block

    def proof(self, block: Target) -> bytes | None:
        return self.proofs.get(block.hash)


@dataclass
class Keys:
    """Keys with a record that outlives restarts: what was signed is never signed otherwise."""

    names: list[str]
    record: dict[tuple[AuthorityId, int, int, Stage], SignedMessage] = field(default_factory=dict)
    last: dict[AuthorityId, tuple[int, int, Stage]] = field(default_factory=dict)
    refused: int = 0

    def keys(self) -> Sequence[AuthorityId]:
        return [who(name) for name in self.names]

    def sign(
        self, set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
    ) -> SignedMessage | None:
        at = (set_id, round_number, stage_of(message))
        known = self.record.get((who, *at))
        if known is not None:
            assert known.message == message, "asked to vote differently"
            return known
        if at <= self.last.get(who, (-1, -1, Stage.PREVOTE)):
            self.refused += 1
            return None
        signed = make(message, self._name(who), round_number, set_id)
        self.record[who, *at], self.last[who] = signed, at
        return signed

    def recorded(self, set_id: int, who: AuthorityId) -> Mapping[tuple[int, Stage], Target]:
        return {
            (round_number, stage): target_of(signed.message.vote)
            for (key, of, round_number, stage), signed in self.record.items()
            if key == who and of == set_id
        }

    def _name(self, key: AuthorityId) -> str:
        return next(name for name in self.names if who(name) == key)


def make(message: AnyMessage, name: str, round_number: int, set_id: int) -> SignedMessage:
    payload = signing_payload(message, round_number, set_id)
    return SignedMessage(message, AuthoritySignature(ed25519.sign(seed(name), payload)), who(name))


class Node:
    """A gadget, and what a node is besides it."""

    def __init__(
        self, name: str, genesis: Mapping[str, int], keys: Keys, now: int = 0, behind: int = 0
    ) -> None:
        self.name, self.genesis, self.keys, self.behind = name, genesis, keys, behind
        self.tree = Tree()
        self.aux: dict[bytes, bytes] = {}
        self.log: list[Action] = []
        self.said: dict[bytes, None] = {}
        """Published messages: gossip takes the same bytes once."""
        self.received: dict[bytes, None] = {}
        self.senders: dict[bytes, set[str]] = {}
        """Nodes that delivered a message."""
        self.copies: Counter[bytes] = Counter()
        """Number of messages that were here already, by message."""
        self.gadget = self.begin(now)

    def begin(self, now: int) -> Gadget:
        """Start from what is stored, as after a crash."""
        return Gadget(
            self.tree,
            self.keys,
            SIGNATURES,
            Stored(self.aux.get, [(who(name), weight) for name, weight in self.genesis.items()]),
            Settings(T, self.behind),
            now,
        )

    def has(self, data: bytes) -> bool:
        """Return True if it received or published a message."""
        return data in self.received or data in self.said

    def of(self, kind: type) -> list[Action]:
        return [action for action in self.log if isinstance(action, kind)]

    def take(self, actions: Sequence[Action], now: int) -> list[Action]:
        """Do what concerns this node alone; return the rest, in order."""
        rest: list[Action] = []
        queue = list(actions)
        while queue:
            action = queue.pop(0)
            self.log.append(action)
            match action:
                case Save(changes):
                    for key, value in changes.items():
                        if value is None:
                            self.aux.pop(key, None)
                        else:
                            self.aux[key] = value
                case Finalize(proof):
                    self.tree.finalize(proof)
                    queue += self.gadget.finalized(proof.target, now)
                case _:
                    rest.append(action)
        return rest


Event = Callable[[Node, int], list[Action]]


class Net:
    """Nodes with wires between them; everything by one seed."""

    def __init__(self, nodes: Iterable[Node], seed: int = 0) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.now = 0
        self.rng = Random(seed)
        self.loss = 0.0
        self.delay = (5, 30)
        self.parts: list[set[str]] = []
        self.links: list[set[str]] = []
        """Pairs of nodes with a wire; empty: all pairs."""
        self.stopped: set[str] = set()
        """Stalled nodes: events for them wait."""
        self._queue: list[tuple[int, int, str, Event]] = []
        self._order = count()
        self._timers: dict[str, int] = {}
        self._wires: dict[tuple[str, str], int] = {}
        self._held: list[tuple[str, Event]] = []
        self.offences: list[Offence] = []
        for name in self.nodes:
            self.begin(name)

    # --- what happens ---

    def begin(self, name: str) -> None:
        """Start a node, and connect it with all others."""
        node = self.nodes[name]
        self.apply(node, node.gadget.start(self.now))
        for other in self.nodes:
            if other != name:
                self.meet(name, other)
                self.meet(other, name)

    def only(self, *links: set[str]) -> None:
        """Cut every wire but these."""
        self.links = list(links)
        for name in self.nodes:
            for other in self.nodes:
                if other != name and self.cut(name, other):
                    self.at(self.now, name, leaving(other))

    def meet(self, name: str, other: str) -> None:
        self.at(self.now, name, lambda node, now: node.gadget.connected(other, now))

    def restart(self, name: str) -> None:
        """The process dies and comes back with what is stored."""
        node = self.nodes[name]
        self._timers.pop(name, None)
        node.gadget = node.begin(self.now)
        self.begin(name)

    def block(self, header: Header, to: Iterable[str] | None = None) -> Header:
        """A block appears at some nodes at once."""
        for name in list(self.nodes) if to is None else to:
            self.at(self.now, name, importing(header))
        return header

    def grow(
        self, parent: Header, blocks: int, every: int, to: Sequence[str] | None = None
    ) -> Header:
        """Blocks appear one after the other while time passes."""
        for _ in range(blocks):
            parent = self.block(child(parent), to)
            self.run(every)
        return parent

    def run(self, time: int) -> Net:
        until = self.now + time
        while self._queue and self._queue[0][0] <= until:
            at, _, name, event = heappop(self._queue)
            self.now = max(self.now, at)
            if name in self.stopped:
                self._held.append((name, event))
                continue
            node = self.nodes[name]
            self.apply(node, event(node, self.now))
        self.now = until
        return self

    def go_on(self, name: str) -> None:
        """Resume a stalled node: its timer first, then the events that waited."""
        self.stopped.discard(name)
        held, self._held = self._held, []
        self.at(self.now, name, ticking)
        for of, event in held:
            if of == name:
                self.at(self.now, of, event)
            else:
                self._held.append((of, event))

    # --- wires ---

    def at(self, time: int, name: str, event: Event) -> None:
        heappush(self._queue, (time, next(self._order), name, event))

    def apply(self, node: Node, actions: Sequence[Action]) -> None:
        for action in node.take(actions, self.now):
            match action:
                case Publish(_, data):
                    if data not in node.said:
                        node.said[data] = None
                        self.gossip(node.name, action)
                case SendNote(peer, data):
                    self.transmit(node.name, peer, noting(node.name, data), in_order=True)
                case ArmTimer(at):
                    self._timers[node.name] = at
                    self.at(at, node.name, self._timer(at))
                case Want(hash, _, peer):
                    self.fetch(node.name, peer, hash)
                case Offence():
                    self.offences.append(action)
                case Penalise(peer, price, why):
                    assert peer in self.nodes, (peer, price, why)
                case _:
                    raise AssertionError(action)

    def gossip(self, name: str, message: Publish) -> None:
        """Send a message to all other nodes, or as it says; some of the rest are offered it later.

        As in `p2p.host.gossip`, no node is sent what it sent to this one.
        """
        data = message.data
        named = [one for one in self.nodes if one != name] if message.to is None else message.to
        senders = self.nodes[name].senders.get(data, ())
        to = [one for one in named if one not in senders]
        if message.few is not None:
            self.rng.shuffle(to)
            for other in to[message.few :][:OFFERED_TO]:
                self.at(self.now + OFFER, name, self._offering(other, data))
            to = to[: message.few]
        for other in to:
            self.transmit(name, other, gossip(name, data), in_order=False)

    def _offering(self, other: str, data: bytes) -> Event:
        """Send a message to a node that still lacks it: it is offered, and wanted."""

        def run(node: Node, now: int) -> list[Action]:
            if not self.nodes[other].has(data):
                self.transmit(node.name, other, gossip(node.name, data), in_order=False)
            return []

        return run

    def _timer(self, at: int) -> Event:
        def ring(node: Node, now: int) -> list[Action]:
            return node.gadget.tick(now) if self._timers.get(node.name) == at else []

        return ring

    def transmit(self, source: str, to: str, event: Event, *, in_order: bool) -> None:
        if to not in self.nodes or self.cut(source, to) or self.rng.random() < self.loss:
            return
        at = self.now + self.rng.randint(*self.delay)
        if in_order:
            at = max(at, self._wires.get((source, to), 0))
            self._wires[source, to] = at
        self.at(at, to, event)

    def cut(self, one: str, two: str) -> bool:
        if self.links and {one, two} not in self.links:
            return True
        return any((one in part) != (two in part) for part in self.parts)

    def fetch(self, name: str, peer: str, hash: H256) -> None:
        """Import a block and all below it, as sync does."""
        if self.cut(name, peer):
            return
        theirs, ours = self.nodes[peer].tree, self.nodes[name].tree
        way: list[Header] = []
        while hash not in ours.headers and hash in theirs.headers:
            way.append(theirs.headers[hash])
            hash = way[-1].parent_hash
        for header in reversed(way):
            self.at(self.now + self.delay[1], name, importing(header))

    def sync(self) -> None:
        """Bring every node the best chain of every other that it reaches."""
        for name in self.nodes:
            for other in self.nodes:
                if other != name:
                    self.fetch(name, other, self.nodes[other].tree.best.hash)

    # --- what must hold ---

    def finals(self) -> dict[str, int]:
        return {name: node.tree.final_block.number for name, node in self.nodes.items()}

    def check(self) -> None:
        """I1, I4 and I5: one chain is final, heights only rise, and every proof is accepted."""
        for one in self.nodes.values():
            for two in self.nodes.values():
                a, b = one.tree.final_block, two.tree.final_block
                low, high, tree = (a, b, two.tree) if a.number <= b.number else (b, a, one.tree)
                assert tree.on(low, high), "two chains are final"
            proofs = [action.justification for action in one.log if isinstance(action, Finalize)]
            heights = [proof.target.number for proof in proofs]
            assert heights == sorted(set(heights))
            self._check_proofs(one, proofs)

    def _check_proofs(self, node: Node, proofs: Sequence[Justification]) -> None:
        voters = VoterSet((who(name), weight) for name, weight in node.genesis.items())
        set_id, done = 0, 0
        for proof in proofs:
            for rule in (Rule.NODE, Rule.FULL):
                assert verify(proof, set_id, voters, proof.target, rule) is Verdict.ACCEPTED
            for number in range(done + 1, proof.target.number + 1):
                block = node.tree.at(number)
                assert block is not None
                change = changes_in(node.tree.headers[block.hash])
                if change is not None:
                    assert number == proof.target.number, "a block that ends a set has its proof"
                    voters, set_id = VoterSet(change.next_authorities), set_id + 1
            done = proof.target.number


def changes_in(header: Header) -> ScheduledChange | None:
    change = announced(header.digest.logs)
    return change.change if isinstance(change, ChangeScheduled) else None


def importing(header: Header) -> Event:
    """A block with its ancestors is imported; one whose parent is missing waits for sync."""

    def run(node: Node, now: int) -> list[Action]:
        tree, block = node.tree, target(header)
        if block.hash in tree.headers or header.parent_hash not in tree.headers:
            return []
        if not tree.on_final(Target(header.parent_hash, block.number - 1)):
            return []
        node.gadget.check_header(header)
        best = tree.add(header)
        return node.gadget.imported(header, block.hash, block.number, best, now)

    return run


def gossip(peer: str, data: bytes) -> Event:
    """Deliver a gossiped message, unless the node received or sent it before."""

    def run(node: Node, now: int) -> list[Action]:
        node.senders.setdefault(data, set()).add(peer)
        if node.has(data):
            node.copies[data] += 1
            return []
        node.received[data] = None
        return node.gadget.gossip_received(peer, data, now)

    return run


def noting(peer: str, data: bytes) -> Event:
    return lambda node, now: node.gadget.note_received(peer, data, now)


def leaving(other: str) -> Event:
    return lambda node, now: node.gadget.disconnected(other, now)


def ticking(node: Node, now: int) -> list[Action]:
    return node.gadget.tick(now)


def net_of(names: Sequence[str], *, observers: Sequence[str] = (), seed: int = 0) -> Net:
    """Voters of weight one, each with its key, and some who only watch."""
    genesis = dict.fromkeys(names, 1)
    voters = [Node(name, genesis, Keys([name])) for name in names]
    return Net([*voters, *(Node(name, genesis, Keys([])) for name in observers)], seed)


def vote_bytes(signed: SignedMessage, round_number: int, set_id: int) -> bytes:
    """A vote as it is gossiped."""
    return GOSSIP.encode(Vote(VoteMessage(u64(round_number), u64(set_id), signed)))
