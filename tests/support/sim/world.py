"""A network of nodes in one thread, under a clock and a luck of its own.

Every node is the real thing: `btt_chain.node.engine.Engine` with client, pool, sync, GRANDPA and
slot worker over a real store in memory. Only time, wires and disks are played. Everything follows
from the seed, so a failure is told by its seed and comes back by it.

    world = World(seed=7, validators=5)
    world.run(slots=60)

After every step the invariants of consensus.md 6.4 are looked at (`invariants.py`).
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from btt_chain.chain.client import Client
from btt_chain.chain.law import Laws
from btt_chain.consensus.author import Pace
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.vrf import SchnorrkelVrf, SimulatedVrf, Vrf
from btt_chain.keystore import BABE, GRANDPA, Keystore, MemoryRecord
from btt_chain.node.assembly import Plan, assemble
from btt_chain.node.engine import Engine
from btt_chain.node.pool import PoolService
from genesis.accounts import dev_path
from genesis.build import Genesis, build
from genesis.catalogue import make
from p2p import network
from p2p.network import Event
from runtime import BttRuntime
from storage.database import ChainStore
from support.sim.disk import Crash, SimDisk
from support.sim.watch import SimWatcher

START = 1_800_000_000_000
"""Unix milliseconds at which every simulated world begins."""
SLOT_MS = 2_000


@dataclass(slots=True)
class Links:
    """How messages travel. Probabilities are parts of one, delays milliseconds."""

    least: int = 5
    most: int = 60
    loss: float = 0.0
    """Of gossip and notes; requests fail instead."""
    duplicate: float = 0.0
    cut: set[tuple[int, int]] = field(default_factory=set)
    """Ways (from, to) on which nothing travels. Looked up only, never walked."""

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut every way between two groups."""
        self.cut = {
            (a, b) for one, other in itertools.permutations(groups, 2) for a in one for b in other
        }

    def heal(self) -> None:
        """Open every way again."""
        self.cut = set()


class Vault:
    """Keys and records of a node; the records survive it as a disk would."""

    def __init__(self, genesis: bytes, uri: str) -> None:
        self.keystore = Keystore()
        for kind in (BABE, GRANDPA):
            self.keystore.remember(kind, uri)
        self._genesis = genesis
        self._records: dict[bytes, MemoryRecord] = {}
        self._point: Callable[[str], None] | None = None

    def record(self, public: bytes) -> MemoryRecord:
        """Return the record of a key."""
        if public not in self._records:
            self._records[public] = MemoryRecord(self._genesis, public, point=self._point)
        return self._records[public]

    def survive(self, point: Callable[[str], None]) -> None:
        """Keep what was durable when the process died."""
        self._point = point
        for public, record in list(self._records.items()):
            self._records[public] = record.clone_durable(point)


@dataclass(slots=True)
class SimNode:
    """A node, running or not."""

    index: int
    vault: Vault | None
    disk: SimDisk
    engine: Engine | None = None
    watcher: SimWatcher | None = None
    epoch: int = 0
    """How often it was started: what was meant for an earlier life is lost."""
    skew: int = 0
    """What its clock is ahead of the world's, in milliseconds."""
    connected: dict[int, None] = field(default_factory=dict)
    status: network.Status | None = None

    @property
    def name(self) -> str:
        """Its peer id."""
        return f"n{self.index}"

    @property
    def client(self) -> Client:
        """Its chain; the node must be running."""
        return self.running.parts.client

    @property
    def running(self) -> Engine:
        """Its engine; AssertionError if it is down."""
        assert self.engine is not None, f"{self.name} is down"
        return self.engine


class World:
    """Nodes, wires between them, and time."""

    def __init__(
        self,
        seed: int,
        validators: int = 4,
        *,
        observers: int = 0,
        real_vrf: bool = False,
        links: Links | None = None,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.now = START
        self.links = links or Links()
        self.validators = validators
        self.genesis = genesis_of(validators)
        self.vrf: Vrf = REAL if real_vrf else simulated(validators)
        self.real_vrf = real_vrf
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._asks = itertools.count(1)
        self._open: dict[int, tuple[int, int, int]] = {}
        """Requests under way: token -> (node, its life, its id)."""
        self.checks: list[Callable[[World, SimNode], None]] = []
        self.verify = Signatures()
        hash = self.genesis.hash
        self.nodes = [
            SimNode(index, Vault(hash, dev_path(index)) if index < validators else None, SimDisk())
            for index in range(validators + observers)
        ]
        for node in self.nodes:
            self.start(node.index)

    # ---- lives

    def start(self, index: int) -> None:
        """Start a node on what its disk holds, and let it meet the others."""
        node = self.nodes[index]
        assert node.engine is None
        node.epoch += 1
        kv = node.disk.open(lambda point: self.point(node, point))
        store = ChainStore(kv, pruning=None)
        if not store.has_genesis:
            store.insert_genesis(
                self.genesis.state,
                lambda _: self.genesis.header.encode(),
                version=self.genesis.state_version,
            )
        client = Client(store, {})
        client.laws = laws_of(index, real=self.real_vrf, validators=self.validators)
        pool = PoolService(client, clock=lambda: self.now / 1000)
        node.watcher = SimWatcher(index)
        if node.vault is not None:
            node.vault.survive(lambda point: self.point(node, point))
        node.engine = assemble(
            client,
            pool,
            Plan(
                gossip_ms=250,
                behind=0,
                seed=self.rng.getrandbits(32),
                state=NoStates(),
                vault=node.vault,
                vrf=self.vrf,
                verify=self.verify,
            ),
            now=self.time_of(node),
            pace=lambda _: early,
            watcher=node.watcher,
        )
        node.connected = {}
        self._do(node, lambda engine, now: engine.start(now))
        for other in self.nodes:
            if other is not node and other.engine is not None:
                self._meet(node, other)

    def kill(self, index: int) -> None:
        """End a node where it stands: what was not on its disk is lost."""
        node = self.nodes[index]
        if node.engine is None:
            return
        node.engine = None
        node.disk.crash(self.rng)
        for other in self.nodes:
            if other.connected.pop(index, 0) is None:
                self.later(self.rng.randint(1, 50), lambda other=other: self._lose(other, node))
        node.connected = {}

    def point(self, node: SimNode, name: str) -> None:
        """Be told of a point at which a process may die; scenarios override it with `Crash`."""

    def cut(self) -> None:
        """Let the nodes notice that ways were cut or opened."""
        for node in self.nodes:
            for other in self.nodes:
                if node is other or node.engine is None or other.engine is None:
                    continue
                blocked = self._blocked(node.index, other.index)
                if blocked and other.index in node.connected:
                    del node.connected[other.index]
                    self._tell(node, network.Disconnected(other.name))
                elif not blocked and other.index not in node.connected:
                    self._greet(node, other)

    def _blocked(self, a: int, b: int) -> bool:
        return (a, b) in self.links.cut and (b, a) in self.links.cut

    def _meet(self, one: SimNode, other: SimNode) -> None:
        if not self._blocked(one.index, other.index):
            self._greet(one, other)
            self._greet(other, one)

    def _greet(self, node: SimNode, other: SimNode) -> None:
        node.connected[other.index] = None
        assert other.status is not None
        self._tell(node, network.Connected(other.name, other.status))

    def _lose(self, node: SimNode, gone: SimNode) -> None:
        if node.engine is not None and gone.index not in node.connected:
            self._tell(node, network.Disconnected(gone.name))

    # ---- time

    def time_of(self, node: SimNode) -> int:
        """Return what a node's clock shows."""
        return self.now + node.skew

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Do something in so many milliseconds."""
        heapq.heappush(self._queue, (self.now + delay, next(self._order), do))

    def at_slot(self, slot: int, do: Callable[[], None]) -> None:
        """Do something when so many slots are over."""
        heapq.heappush(self._queue, (START + slot * SLOT_MS, next(self._order), do))

    def run(self, slots: int) -> None:
        """Let so many slots go by."""
        end = self.now + slots * SLOT_MS
        self.later(0, lambda: self._poll())
        while True:
            due, node = min(
                ((n.engine.due - n.skew, n.index) for n in self.nodes if n.engine is not None),
                default=(end, -1),
            )
            if self._queue and self._queue[0][0] <= due:
                at, _, do = heapq.heappop(self._queue)
                if at > end:
                    heapq.heappush(self._queue, (at, next(self._order), do))
                    break
                self.now = max(self.now, at)
                do()
            elif due >= end:
                break
            else:
                self.now = max(self.now, due)
                self._do(self.nodes[node], lambda engine, now: engine.tick(now))
        self.now = end

    def _poll(self) -> None:
        """Let nodes ask where their peers stand, as the network does every few seconds."""
        for node in self.nodes:
            for index in node.connected:
                status = self.nodes[index].status
                if status is not None:
                    self._send(index, node.index, network.StatusHeard(f"n{index}", status))
        self.later(5_000, self._poll)

    # ---- wires

    def _do(self, node: SimNode, step: Callable[[Engine, int], Iterable[network.Action]]) -> None:
        """Let a node do something, and carry out what it says."""
        engine = node.engine
        if engine is None:
            return
        try:
            self._carry(node, step(engine, self.time_of(node)))
            while engine.busy and node.engine is engine:
                self._carry(node, engine.work(self.time_of(node)))
        except Crash:
            self.kill(node.index)
            self.later(self.rng.randint(500, 8_000), lambda: self.start(node.index))
            return
        for check in self.checks:
            check(self, node)

    def _tell(self, node: SimNode, event: Event) -> None:
        self._do(node, lambda engine, now: engine.hear(event, now))

    def _carry(self, node: SimNode, actions: Iterable[network.Action]) -> None:
        for action in actions:
            match action:
                case network.Publish(topic, data):
                    for index in list(node.connected):
                        heard = network.GossipHeard(topic, node.name, data)
                        self._send(node.index, index, heard, lossy=True)
                case network.Tell(peer, data):
                    self._send(
                        node.index, number(peer), network.NoteHeard(node.name, data), lossy=True
                    )
                case network.Ask():
                    self._ask(node, action)
                case network.Answer(token, data):
                    self._answer(node, token, data)
                case network.SetStatus(status):
                    node.status = status
                case network.Penalise(peer, cost, why):
                    assert node.watcher is not None
                    node.watcher.penalties.append((number(peer), cost, why))

    def _send(self, source: int, target: int, event: Event, *, lossy: bool = False) -> None:
        if (source, target) in self.links.cut:
            return
        rng, links = self.rng, self.links
        if lossy and links.loss and rng.random() < links.loss:
            return
        copies = 2 if lossy and links.duplicate and rng.random() < links.duplicate else 1
        life = self.nodes[target].epoch
        for _ in range(copies):
            self.later(
                rng.randint(links.least, links.most), lambda: self._arrive(target, life, event)
            )

    def _arrive(self, target: int, life: int, event: Event) -> None:
        node = self.nodes[target]
        if node.engine is not None and node.epoch == life:
            self._tell(node, event)

    def _ask(self, node: SimNode, ask: network.Ask) -> None:
        target, token = number(ask.peer), next(self._asks)
        self._open[token] = (node.index, node.epoch, ask.id)
        self._send(node.index, target, network.Asked(node.name, ask.protocol, ask.data, token))
        self.later(ask.timeout_ms, lambda: self._end(token, None, "too late"))

    def _answer(self, node: SimNode, token: int, data: bytes | None) -> None:
        asked = self._open.get(token)
        if asked is None or (node.index, asked[0]) in self.links.cut:
            return
        delay = self.rng.randint(self.links.least, self.links.most)
        self.later(delay, lambda: self._end(token, data, "refused"))

    def _end(self, token: int, data: bytes | None, why: str) -> None:
        asked = self._open.pop(token, None)
        if asked is None:
            return
        index, life, id = asked
        self._arrive(
            index, life, network.Failed(id, why) if data is None else network.Answered(id, data)
        )


class NoStates:
    """Warp sync is not played in every world."""

    def begin(self, order: object) -> None:
        """Refuse."""
        raise AssertionError(order)

    store = finish = history = begin


def early() -> Pace:
    """Always have time."""
    return Pace.EARLY


def number(peer: str) -> int:
    """Return the index of a peer."""
    return int(peer[1:])


REAL = SchnorrkelVrf()


@lru_cache
def simulated(validators: int) -> SimulatedVrf:
    """Return the quick lottery that all nodes of such worlds share."""
    return SimulatedVrf(
        KeyPair.from_uri(dev_path(index), Scheme.SR25519) for index in range(validators)
    )


@lru_cache
def genesis_of(validators: int) -> Genesis:
    """Return block zero of a local chain."""
    return build(make("local", validators=validators, slot_ms=SLOT_MS))


@lru_cache(maxsize=64)
def laws_of(index: int, *, real: bool, validators: int) -> Laws:
    """Return the laws of the node with this index, built once for all worlds of a process."""
    if real:
        return Laws()
    vrf = simulated(validators)
    return Laws(builders={100: lambda params: BttRuntime(params, vrf=vrf)})
