"""A network of nodes in one thread, under a clock and a luck of its own.

Every node is the real thing: `btt_chain.node.engine.Engine` with client, pool, sync, GRANDPA and
slot worker over a real store in memory. Only time, wires and disks are played. Everything follows
from the seed, so a failure is told by its seed and comes back by it.

    world = World(seed=7, validators=5)
    Invariants(world)
    world.run(slots=60)

Gossip goes as in `p2p.host.gossip`: to the neighbours, and on when one of them says the same bytes
again; a node hears a message once in a minute, and does not say again what it said. Notes between
two nodes keep their order. Who is blamed too much, or costs too much by a fixed table of prices
(`costs.py`), is cut off by whom it offended, for the rest of the run.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Final, Protocol

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
from btt_chain.consensus.author import Pace
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.vrf import SimulatedVrf, Vrf
from btt_chain.node.assembly import Plan, assemble
from btt_chain.node.engine import Engine
from btt_chain.node.pool import PoolService
from btt_chain.scale import u64
from genesis.accounts import dev_path
from genesis.build import Genesis, build
from genesis.catalogue import make
from p2p import network
from p2p.accounts import Accounts
from p2p.network import Event
from p2p.reputation import BAN_AT
from runtime import BttRuntime
from runtime.params import RuntimeParams
from storage.database import ChainStore
from storage.memory import MemoryKV
from support.sim.costs import CHECK_US, SIGNATURE_US, SUBMIT_US, Costs
from support.sim.disk import Crash, SimDisk
from support.sim.sharing import Shared, SharedRuntimes
from support.sim.steady import SteadyVrf
from support.sim.vault import Vault, Witness
from support.sim.watch import SimWatcher

START = 1_800_000_000_000
"""Unix milliseconds at which every simulated world begins."""
SLOT_MS = 2_000
SEEN_MS: Final = 60_000
"""How long a gossiped message is known to have been heard (`p2p.host.gossip`)."""
POLL_MS: Final = 5_000
NEVER: Final = 1 << 62
MOST: Final = 16
"""Nodes of a world at most: more have no keys that its lottery knows."""

NAMES: Final = tuple(f"n{index}" for index in range(4 * MOST))

HOME: Final = "127.0.0.1"
"""Where all nodes are: on one machine, and so in one network."""

Key = tuple[str, bytes]


@dataclass(slots=True)
class Links:
    """How messages travel. Probabilities are parts of one, delays milliseconds."""

    least: int = 5
    most: int = 60
    loss: float = 0.0
    """Of gossip. What has a connection of its own is late instead."""
    duplicate: float = 0.0
    """Of gossip."""
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


class Cheat(Protocol):
    """A byzantine node's ways: what it makes of the actions of its honest engine."""

    def turn(self, node: SimNode, actions: Iterable[network.Action]) -> None:
        """Carry out, change or drop them."""

    def hear(self, node: SimNode, event: Event) -> bool:
        """Look at an event first; True: the engine does not get it."""


@dataclass(slots=True)
class SimNode:
    """A node, running or not."""

    index: int
    vault: Vault | None
    disk: SimDisk
    engine: Engine | None = None
    watcher: SimWatcher = field(default_factory=lambda: SimWatcher(-1))
    costs: Costs = field(default_factory=Costs)
    accounts: Accounts = field(default_factory=Accounts)
    """What its peers cost it in this life."""
    dropped: int = 0
    """Messages that it dropped undecoded."""
    cheat: Cheat | None = None
    """What makes it byzantine; None: it is honest."""
    epoch: int = 0
    """How often it was started: what was meant for an earlier life is lost."""
    skew: int = 0
    """What its clock is ahead of the world's, in milliseconds."""
    connected: dict[int, None] = field(default_factory=dict)
    status: network.Status | None = None
    wake: int = -1
    """When it is to be ticked next."""
    inbox: list[Callable[[], None]] | None = None
    """What it will do once it goes on; None: it is not paused."""
    seen: dict[Key, int] = field(default_factory=dict)
    """Gossip that it heard or said."""
    said: dict[Key, int] = field(default_factory=dict)
    coming: dict[Key, int] = field(default_factory=dict)
    """Gossip on its way to it, and when the first of the same bytes arrives."""
    scores: dict[int, int] = field(default_factory=dict)
    doom: tuple[str, int] | None = None
    """The point at which it is to die, and how many times it gets past it before."""
    lasts: dict[int, int] = field(default_factory=dict)
    """When the last note to each other node arrives."""

    @property
    def name(self) -> str:
        """Its peer id."""
        return NAMES[self.index]

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
        gossip_ms: int = 250,
        behind: int = 0,
        late: Sequence[int] = (),
        share: bool = True,
        genesis: Genesis | None = None,
        pruning: int | None = None,
        slot_ms: int = SLOT_MS,
        warp: int | None = None,
        room: int | None = None,
        runtimes: Callable[[SimNode], RuntimeRegistry] | None = None,
    ) -> None:
        """`late` nodes are not started. `share`: what one node found out counts for all
        (sharing.py). `pruning`: final blocks before the last whose state is kept; None: all.
        `warp`: observers fetch a state first if that spares them so many blocks; None: never.
        `room`: transactions for which a block has time; None: any number. `runtimes` are those that
        a node carries, and who needs another one stops; they go with `share=False`.
        """
        self.seed = seed
        self.slot_ms = slot_ms
        self.warp = warp
        self.room = room
        self.runtimes = runtimes
        self.params = RuntimeParams(u64(slot_ms))
        self.rng = random.Random(seed)
        self.now = START
        self.links = links or Links()
        self.validators = validators
        self.genesis = genesis or genesis_of(validators, slot_ms)
        self.gossip_ms = gossip_ms
        self.behind = behind
        self.pruning = pruning
        self.vrf: Vrf = REAL if real_vrf else simulated()
        self.real_vrf = real_vrf
        self.shared = Shared() if share else None
        self.steps = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._asks = itertools.count(1)
        self._open: dict[int, tuple[int, int, int, int]] = {}
        """Requests under way: token -> (node, its life, its id, whom it asked)."""
        self._stuck: list[tuple[int, int, int, bytes]] = []
        """Notes on ways that are cut: (from, its life, to, data)."""
        self.checks: list[Callable[[SimNode], None]] = []
        self.verify = Signatures()
        self.witness = Witness()
        self.deaths: list[tuple[int, str]] = []
        """Crashes at named points."""
        self.stops: list[tuple[int, str]] = []
        """Nodes that stopped for want of a law, and what they said."""
        self.acting = -1
        """The node that does something now."""
        self.image = image_of(self.genesis, pruned=pruning is not None)
        total = validators + observers
        self.nodes = [
            SimNode(
                index,
                Vault(self.genesis.hash, dev_path(index), self.witness)
                if index < validators
                else None,
                SimDisk(self.image),
            )
            for index in range(total)
        ]
        for node in self.nodes:
            if node.index not in late:
                self.start(node.index)
        self.later(POLL_MS, self._poll)

    @property
    def honest(self) -> list[SimNode]:
        """The nodes that do not cheat."""
        return [node for node in self.nodes if node.cheat is None]

    # ---- lives

    def start(self, index: int) -> None:
        """Start a node on what its disk holds, and let it meet the others."""
        node = self.nodes[index]
        if node.engine is not None:
            return
        node.epoch += 1
        node.doom = None
        kv = node.disk.open(lambda name: self.point(node, name), lambda: node.doom is not None)
        store = ChainStore(kv, pruning=self.pruning)
        client = Client(store, {})
        if self.runtimes is None:
            client.runtimes = runtimes_of(index, real=self.real_vrf, share=self.shared is not None)
        else:
            client.runtimes = self.runtimes(node)
        if self.shared is not None:
            self.shared.join(client)
        pool = PoolService(client, clock=lambda: self.now / 1000)
        costs, node.accounts = Costs(), Accounts()
        node.costs = costs
        setattr(pool, "submit", costs.of(SUBMIT_US, pool.submit))  # noqa: B010
        node.watcher = SimWatcher(index)
        if node.vault is not None:
            node.vault.survive(lambda name: self.point(node, name))
        node.engine = assemble(
            client,
            pool,
            Plan(
                gossip_ms=self.gossip_ms,
                behind=self.behind,
                seed=self.rng.getrandbits(32),
                params=self.params,
                vault=node.vault,
                warp=self.warp is not None and node.vault is None,
                vrf=self.vrf,
                verify=costs.of(SIGNATURE_US, self.verify),
            ),
            now=self.time_of(node),
            meter=costs,
            pace=lambda _: early if self.room is None else until(self.room),
            watcher=node.watcher,
        )
        importer = node.engine.parts.importer
        setattr(importer, "check", costs.of(CHECK_US, importer.check))  # noqa: B010
        warp = node.engine.parts.sync._warp
        if warp is not None and self.warp is not None:
            warp._plan = replace(warp._plan, gain=self.warp)
        if self.shared is not None:
            self.shared.attend(node.engine, self.verify)
        node.connected, node.inbox, node.seen, node.said, node.lasts = {}, None, {}, {}, {}
        node.coming, node.wake = {}, -1
        self._do(node, Engine.start)
        for other in self.nodes:
            if other is not node and other.engine is not None and other.status is not None:
                self._meet(node, other)

    def kill(self, index: int) -> None:
        """End a node where it stands: what was not on its disk is lost."""
        node = self.nodes[index]
        if node.engine is None:
            return
        node.engine = None
        node.inbox = None
        node.disk.crash(self.rng)
        for other in self.nodes:
            if other.connected.pop(index, 0) is None:
                self.later(self.rng.randint(1, 50), partial(self._lose, other, node))
        node.connected = {}

    def doom(self, index: int, name: str, passes: int = 0) -> None:
        """Let a node die when it comes to a named point, after passing it so many times."""
        self.nodes[index].doom = (name, passes)

    def point(self, node: SimNode, name: str) -> None:
        """Be told of a point at which a process may die."""
        if node.doom is None or node.doom[0] != name:
            return
        if node.doom[1] > 0:
            node.doom = (name, node.doom[1] - 1)
            return
        node.doom = None
        self.deaths.append((node.index, name))
        raise Crash(name)

    def pause(self, index: int, milliseconds: int) -> None:
        """Stop a process for a while, as SIGSTOP does; what is sent to it waits."""
        node = self.nodes[index]
        if node.engine is None or node.inbox is not None:
            return
        node.inbox = []
        life = node.epoch
        self.later(milliseconds, lambda: self._go_on(node, life))

    def _go_on(self, node: SimNode, life: int) -> None:
        if node.inbox is None or node.epoch != life:
            return
        inbox, node.inbox = node.inbox, None
        for do in inbox:
            if node.epoch == life and node.inbox is None:
                do()
        self._wake(node)

    def turn_clock(self, index: int, ahead: int) -> None:
        """Set a node's clock so many milliseconds ahead of the world's."""
        node = self.nodes[index]
        node.skew = ahead
        self._wake(node)

    # ---- who is connected with whom

    def cut(self) -> None:
        """Let the nodes notice that ways were cut or opened."""
        for node in self.nodes:
            for other in self.nodes:
                if node is other or node.engine is None or other.engine is None:
                    continue
                blocked = self._blocked(node.index, other.index)
                if blocked and other.index in node.connected:
                    del node.connected[other.index]
                    way = (node.index, other.index)
                    self._stuck = [note for note in self._stuck if (note[0], note[2]) != way]
                    self._fail_asks(node, other.index)
                    self._tell(node, network.Disconnected(other.name))
                elif not blocked and other.index not in node.connected:
                    self._greet(node, other)
        self._send_stuck()

    def _blocked(self, a: int, b: int) -> bool:
        if b in self._bans(a) or a in self._bans(b):
            return True
        return (a, b) in self.links.cut and (b, a) in self.links.cut

    def _bans(self, index: int) -> list[int]:
        scores = self.nodes[index].scores
        return [other for other, cost in scores.items() if cost >= -BAN_AT]

    def _meet(self, one: SimNode, other: SimNode) -> None:
        if not self._blocked(one.index, other.index):
            self._greet(one, other)
            self._greet(other, one)

    def _greet(self, node: SimNode, other: SimNode) -> None:
        if other.status is None or node.engine is None or other.index in node.connected:
            return
        node.connected[other.index] = None
        node.accounts.opened(other.name, HOME, self.now)
        self._tell(node, network.Connected(other.name, other.status))

    def _lose(self, node: SimNode, gone: SimNode) -> None:
        if node.engine is not None and gone.index not in node.connected:
            self._fail_asks(node, gone.index)
            self._tell(node, network.Disconnected(gone.name))

    def _fail_asks(self, node: SimNode, other: int) -> None:
        for token, (asker, _, _, asked) in list(self._open.items()):
            if asker == node.index and asked == other:
                self._end(token, None, "disconnected")

    # ---- time

    def time_of(self, node: SimNode) -> int:
        """Return what a node's clock shows."""
        return self.now + node.skew

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Do something in so many milliseconds."""
        self._at(self.now + delay, do)

    def _at(self, at: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, next(self._order), do))

    def at_slot(self, slot: int, do: Callable[[], None]) -> None:
        """Do something when so many slots are over."""
        heapq.heappush(self._queue, (START + slot * self.slot_ms, next(self._order), do))

    @property
    def slot(self) -> int:
        """Slots since the start."""
        return (self.now - START) // self.slot_ms

    def run(self, slots: int) -> None:
        """Let so many slots go by."""
        self.run_until(self.now + slots * self.slot_ms)

    def run_until(self, end: int) -> None:
        """Let time go by until `end`, in Unix milliseconds."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            at, _, do = heapq.heappop(queue)
            self.now = max(self.now, at)
            do()
        self.now = end

    def _wake(self, node: SimNode) -> None:
        """See to the next tick of a node."""
        engine = node.engine
        if engine is None:
            return
        at = max(engine.due - node.skew, self.now + 1)
        if at != node.wake:
            node.wake = at
            self._at(at, partial(self._tick, node, node.epoch, at))

    def _tick(self, node: SimNode, life: int, at: int) -> None:
        if node.wake == at and node.epoch == life and node.inbox is None:
            node.wake = -1
            self._do(node, Engine.tick)

    def _poll(self) -> None:
        """Let nodes ask where their peers stand, as the network does every few seconds."""
        oldest = self.now - SEEN_MS
        for node in self.nodes:
            for memory in (node.seen, node.said):
                _forget(memory, oldest)
            for index in node.connected:
                other = self.nodes[index]
                if other.status is not None and other.inbox is None:
                    self._send(index, node, network.StatusReceived(other.name, other.status))
        self.later(POLL_MS, self._poll)

    # ---- steps

    def _do(
        self, node: SimNode, step: Callable[..., Sequence[network.Action]], *about: Event
    ) -> None:
        """Let a node do something, and carry out what it says."""
        engine = node.engine
        if engine is None:
            return
        before, self.acting = self.acting, node.index
        self.steps += 1
        try:
            actions = step(engine, *about, self.now + node.skew)
            if actions:
                self._carry(node, actions)
            while engine.busy and node.engine is engine:
                self._carry(node, engine.work(self.now + node.skew))
        except UnsupportedRuntime as lacking:
            if self.runtimes is None:
                raise
            self.stops.append((node.index, str(lacking)))
            self.kill(node.index)
            return
        except Crash:
            self.kill(node.index)
            self.later(self.rng.randint(500, 8_000), lambda: self.start(node.index))
            return
        finally:
            self.acting = before
        if node.engine is engine:
            for check in self.checks:
                check(node)
            self._wake(node)

    def _tell(self, node: SimNode, event: Event) -> None:
        if node.inbox is not None:
            node.inbox.append(lambda: self._tell(node, event))
            return
        if node.cheat is not None and node.cheat.hear(node, event):
            return
        self._do(node, Engine.handle, event)

    def _carry(self, node: SimNode, actions: Sequence[network.Action]) -> None:
        if not actions:
            return
        if node.doom is not None:
            self.point(node, "send")
        if node.cheat is not None:
            node.cheat.turn(node, actions)
        else:
            for action in actions:
                self.act(node, action)
        if node.doom is not None:
            self.point(node, "sent")

    def act(self, node: SimNode, action: network.Action) -> None:
        """Carry out an action of a node."""
        match action:
            case network.Publish():
                self.publish(node, action.topic, action.data)
            case network.Tell():
                self.note(node, number(action.peer), action.data)
            case network.Ask():
                self._ask(node, action)
            case network.Answer(token, data):
                self._answer(node, token, data)
            case network.SetStatus(status):
                node.status = status
            case network.Penalise(peer, cost, why):
                self._penalise(node, number(peer), cost, why)
            case network.Charge():
                self._charge(node, action)

    def _penalise(self, node: SimNode, peer: int, cost: int, why: str) -> None:
        node.watcher.penalties.append((peer, cost, why))
        score = node.scores[peer] = node.scores.get(peer, 0) + cost
        if score >= -BAN_AT > score - cost:
            self.later(0, self.cut)

    def _charge(self, node: SimNode, charge: network.Charge) -> None:
        """Note what a peer cost a node; a peer that is cut off stays so for the rest of the run."""
        peer, kind, spent, useless = charge.peer, charge.kind, charge.spent_us, charge.useless_us
        order = node.accounts.charge(peer, kind, spent, useless, self.now)
        if order is not None:
            self._penalise(node, number(peer), -BAN_AT, f"cut off: {order.why}")

    # ---- wires

    def publish(
        self, node: SimNode, topic: str, data: bytes, only: Sequence[int] | None = None
    ) -> None:
        """Gossip a message, to all neighbours or to some."""
        key = (topic, data)
        if only is None and key in node.said:
            return
        for memory in (node.seen, node.said):
            memory.pop(key, None)
            memory[key] = self.now  # behind what is older
        for index in list(node.connected) if only is None else only:
            if index in node.connected and key not in self.nodes[index].seen:
                self._gossip(node, index, key)

    def _gossip(self, node: SimNode, index: int, key: Key) -> None:
        other, links, rng = self.nodes[index], self.links, self.rng
        if links.cut and (node.index, index) in links.cut:
            return
        if links.loss and rng.random() < links.loss:
            return
        copies = 2 if links.duplicate and rng.random() < links.duplicate else 1
        life = other.epoch
        for _ in range(copies):
            at = self.now + links.least + int(rng.random() * (links.most - links.least + 1))
            # What comes behind the same bytes is passed over there: it need not travel.
            if at < other.coming.get(key, NEVER):
                other.coming[key] = at
                self._at(at, partial(self._heard, other, life, node.index, key))

    def _delay(self) -> int:
        links = self.links
        return links.least + int(self.rng.random() * (links.most - links.least + 1))

    def _heard(self, node: SimNode, life: int, source: int, key: Key) -> None:
        if node.engine is None or node.epoch != life:
            return
        node.coming.pop(key, None)
        if key in node.seen:
            return
        if node.inbox is not None:
            node.inbox.append(lambda: self._heard(node, life, source, key))
            return
        node.seen[key] = self.now
        if not node.accounts.admits(NAMES[source], key[0], self.now):
            node.dropped += 1
            price = node.accounts.refused_us(NAMES[source], len(key[1]), self.now)
            self._charge(node, network.Charge(NAMES[source], key[0], *price))
            return
        self._tell(node, network.GossipReceived(key[0], NAMES[source], key[1]))

    def note(self, node: SimNode, index: int, data: bytes) -> None:
        """Write a note to a neighbour; it stays behind the notes before it."""
        if index not in node.connected:
            return
        if (node.index, index) in self.links.cut:
            self._stuck.append((node.index, node.epoch, index, data))
            return
        if self._stuck:
            self._send_stuck()
        at = max(self.now + self._delay(), node.lasts.get(index, 0))
        node.lasts[index] = at
        other, event = self.nodes[index], network.NoteReceived(node.name, data)
        self._at(at, partial(self._noted, other, other.epoch, node, node.epoch, event))

    def _noted(self, node: SimNode, life: int, source: SimNode, its: int, event: Event) -> None:
        # What an earlier life wrote went with its connection.
        if source.epoch == its:
            self._arrive(node, life, event)

    def _send_stuck(self) -> None:
        """What a connection could not bring is brought when the way opens, if it outlived that."""
        stuck, self._stuck = self._stuck, []
        for source, life, target, data in stuck:
            node = self.nodes[source]
            if node.engine is not None and node.epoch == life:
                self.note(node, target, data)

    def _send(self, source: int, target: SimNode, event: Event) -> None:
        if (source, target.index) in self.links.cut:
            return
        self.later(self._delay(), partial(self._arrive, target, target.epoch, event))

    def _arrive(self, node: SimNode, life: int, event: Event) -> None:
        if node.engine is not None and node.epoch == life:
            self._tell(node, event)

    def _ask(self, node: SimNode, ask: network.Ask) -> None:
        target, token = number(ask.peer), next(self._asks)
        self._open[token] = (node.index, node.epoch, ask.id, target)
        if target not in node.connected:
            self.later(0, lambda: self._end(token, None, "not connected"))
            return
        other = self.nodes[target]
        self._send(node.index, other, network.Asked(node.name, ask.protocol, ask.data, token))
        self.later(ask.timeout_ms, lambda: self._end(token, None, network.LATE))

    def _answer(self, node: SimNode, token: int, data: bytes | None) -> None:
        asked = self._open.get(token)
        if asked is None or (node.index, asked[0]) in self.links.cut:
            return
        self.later(self._delay(), partial(self._end, token, data, network.REFUSED))

    def _end(self, token: int, data: bytes | None, why: str) -> None:
        asked = self._open.pop(token, None)
        if asked is None:
            return
        index, life, id, _ = asked
        event = network.Failed(id, why) if data is None else network.Answered(id, data)
        self._arrive(self.nodes[index], life, event)

    # ---- from outside

    def submit(self, index: int, wire: bytes) -> bytes | None:
        """Hand a transaction to a node's pool, as RPC does; None if it is down."""
        node = self.nodes[index]
        if node.engine is None or node.inbox is not None:
            return None
        hash = node.engine.parts.pool.submit(wire)
        self._do(node, Engine.flush)
        return hash


def early() -> Pace:
    """Always have time."""
    return Pace.EARLY


def until(room: int) -> Callable[[], Pace]:
    """Have time for so many transactions."""
    tried = itertools.count()
    return lambda: Pace.EARLY if next(tried) < room else Pace.OVER


def _forget(memory: dict[Key, int], oldest: int) -> None:
    """Drop what is older; entries are in the order of their time."""
    for key in list(itertools.takewhile(lambda key: memory[key] < oldest, memory)):
        del memory[key]


def number(peer: str) -> int:
    """Return the index of a peer."""
    return _INDICES[peer]


_INDICES: Final = {name: index for index, name in enumerate(NAMES)}


REAL = SteadyVrf()


@lru_cache
def simulated() -> SimulatedVrf:
    """Return the quick lottery that all nodes of such worlds share."""
    return SimulatedVrf(KeyPair.from_uri(dev_path(index), Scheme.SR25519) for index in range(MOST))


@lru_cache
def genesis_of(validators: int, slot_ms: int = SLOT_MS) -> Genesis:
    """Return block zero of a local chain."""
    return build(make("local", validators=validators, slot_ms=slot_ms))


_IMAGES: dict[tuple[bytes, bool], dict[bytes, bytes]] = {}


def image_of(genesis: Genesis, *, pruned: bool = False) -> dict[bytes, bytes]:
    """Return what a disk holds that has block zero only."""
    wanted = genesis.hash, pruned
    if wanted not in _IMAGES:
        kv = MemoryKV()
        ChainStore(kv, pruning=1 if pruned else None).insert_genesis(
            genesis.state, lambda _: genesis.header.encode(), version=genesis.state_version
        )
        _IMAGES[wanted] = dict(kv.iterate())
    return _IMAGES[wanted]


@lru_cache(maxsize=64)
def runtimes_of(index: int, *, real: bool, share: bool = False) -> RuntimeRegistry:
    """Return the laws of the node with this index, built once for all worlds of a process.

    With `share` they are those of the first node, but for what is half done between two steps.
    """
    if share:
        return SharedRuntimes(runtimes_of(0, real=real))
    if real:
        return RuntimeRegistry()
    vrf = simulated()
    return RuntimeRegistry(builders={100: lambda params: BttRuntime(params, vrf=vrf)})


logging.getLogger("btt_chain").addHandler(logging.NullHandler())
