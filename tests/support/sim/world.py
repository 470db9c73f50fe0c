"""A network of nodes in one thread, with simulated time, wires and disks.

Every node is the real thing: `btt_chain.node.engine.engine.Engine` with client, pool, sync, GRANDPA
and slot worker over a real store in memory. Everything follows from the seed, so a failure is
reported with its seed and can be repeated.

    world = World(seed=7, validators=5)
    Invariants(world)
    world.run(slots=60)

Gossip goes as in `p2p.host.gossip`: to the neighbours, and on when one of them publishes the same
bytes again; a node receives a message once in a minute, and does not publish again what it sent.
Notes between two nodes keep their order. A node with too many penalties, or too high costs by a
fixed table of prices (`costs.py`), is cut off by the node that it offended, for the rest of the
run.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.faults import faults
from btt_chain.scale import u64
from genesis.accounts import dev_path
from genesis.build import Genesis
from p2p import network
from p2p.network import Charge, Event, Publish, SendNote
from p2p.reputation import BAN_AT
from runtime.params import RuntimeParams
from support.sim.disk import Crash, SimDisk
from support.sim.engines import Engines
from support.sim.errors import Violation
from support.sim.images import SLOT_MS, genesis_of, image_of
from support.sim.nodes import SimNode, number
from support.sim.sharing import Shared
from support.sim.timeline import START, Timeline
from support.sim.vault import Vault, Witness
from support.sim.wires import Links, Wires

POLL_MS: Final = 5_000
HOME: Final = "127.0.0.1"
"""Address of all nodes: on one machine, and so in one network."""


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
        bodies: bool = True,
        runtimes: Callable[[SimNode], RuntimeRegistry] | None = None,
    ) -> None:
        """`late` nodes are not started. `share`: results of one node are used by all
        (sharing.py). `pruning`: final blocks before the last whose state is kept; None: all.
        `warp`: observers fetch a state first if that spares them so many blocks; None: never.
        `room`: transactions for which a block has time; None: any number. `bodies`: small blocks
        are announced with their bodies, else all are requested. `runtimes` are those that a node
        carries: one that needs another stops; they go with `share=False`.
        """
        self.seed = seed
        self.slot_ms = slot_ms
        self.runtimes = runtimes
        self.rng = random.Random(seed)
        self.time = Timeline()
        self.validators = validators
        self.genesis = genesis or genesis_of(validators, slot_ms)
        params, shared = RuntimeParams(u64(slot_ms)), Shared() if share else None
        limits = (gossip_ms, behind, pruning, warp, room, bodies)
        self.engines = Engines(params, real_vrf, shared, *limits, runtimes)
        self.steps = 0
        self.checks: list[Callable[[SimNode], None]] = []
        self.witness = Witness()
        self.deaths: list[tuple[int, str]] = []
        """Crashes at named points."""
        self.stops: list[tuple[int, str]] = []
        """Nodes that stopped for lack of a runtime, with their reasons."""
        self.acting = -1
        """The node that does something now."""
        self.image = image_of(self.genesis, pruned=pruning is not None)
        vaults = [
            vault_of(index, self.genesis, validators, self.witness)
            for index in range(validators + observers)
        ]
        self.nodes = [
            SimNode(index, vault, SimDisk(self.image)) for index, vault in enumerate(vaults)
        ]
        self.wires = Wires(self.nodes, links or Links(), self.rng, self.time, self._do, self.act)
        self.links = self.wires.links
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
        """Start a node on the content of its disk, and connect it with the others."""
        node = self.nodes[index]
        if node.engine is not None:
            return
        node.epoch += 1
        node.doom = None
        node.engine = self.engines.assemble(
            node, self.rng.getrandbits(32), self.time, partial(self.point, node)
        )
        node.connected, node.inbox, node.seen, node.said, node.lasts = {}, None, {}, {}, {}
        node.coming, node.wake = {}, -1
        self._do(node, None, Engine.start)
        for other in self.nodes:
            if other is not node and other.engine is not None and other.status is not None:
                self._meet(node, other)

    def kill(self, index: int) -> None:
        """End a node: data that was not on its disk is lost."""
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
        """Process a point at which a process may die."""
        if node.doom is None or node.doom[0] != name:
            return
        if node.doom[1] > 0:
            node.doom = (name, node.doom[1] - 1)
            return
        node.doom = None
        self.deaths.append((node.index, name))
        raise Crash(name)

    def pause(self, index: int, milliseconds: int) -> None:
        """Stop a process for a while, as SIGSTOP does; events for it wait."""
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

    # ---- connections

    def cut(self) -> None:
        """Let the nodes notice that ways were cut or opened."""
        for node in self.nodes:
            for other in self.nodes:
                if node is other or node.engine is None or other.engine is None:
                    continue
                blocked = self._blocked(node.index, other.index)
                if blocked and other.index in node.connected:
                    del node.connected[other.index]
                    self.wires.drop_notes(node.index, other.index)
                    self.wires.fail_requests(node, other.index)
                    self._do(node, network.Disconnected(other.name))
                elif not blocked and other.index not in node.connected:
                    self._greet(node, other)
        self.wires.send_stuck()

    def _blocked(self, a: int, b: int) -> bool:
        if self.nodes[a].has_banned(b) or self.nodes[b].has_banned(a):
            return True
        return (a, b) in self.links.cut and (b, a) in self.links.cut

    def _meet(self, one: SimNode, other: SimNode) -> None:
        if not self._blocked(one.index, other.index):
            self._greet(one, other)
            self._greet(other, one)

    def _greet(self, node: SimNode, other: SimNode) -> None:
        if other.status is None or node.engine is None or other.index in node.connected:
            return
        node.connected[other.index] = None
        node.accounts.opened(other.name, HOME, self.now)
        self._do(node, network.Connected(other.name, other.status))

    def _lose(self, node: SimNode, gone: SimNode) -> None:
        if node.engine is not None and gone.index not in node.connected:
            self.wires.fail_requests(node, gone.index)
            self._do(node, network.Disconnected(gone.name))

    # ---- time

    @property
    def now(self) -> int:
        """The time, in Unix milliseconds."""
        return self.time.now

    def time_of(self, node: SimNode) -> int:
        """Return the time on a node's clock."""
        return self.now + node.skew

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Do something in so many milliseconds."""
        self.time.later(delay, do)

    @property
    def slot(self) -> int:
        """Slots since the start."""
        return (self.now - START) // self.slot_ms

    def run(self, slots: int) -> None:
        """Let so many slots go by."""
        self.run_until(self.now + slots * self.slot_ms)

    def run_until(self, end: int) -> None:
        """Let time go by until `end`, in Unix milliseconds."""
        self.time.run_until(end)

    def _wake(self, node: SimNode) -> None:
        """Schedule the next tick of a node."""
        engine = node.engine
        if engine is None:
            return
        at, now = engine.due - node.skew, self.time.now
        if at <= now:
            at = now + 1
        if at != node.wake:
            node.wake = at
            self.time.at(at, partial(self._tick, node, node.epoch, at))

    def _tick(self, node: SimNode, life: int, at: int) -> None:
        if node.wake == at and node.epoch == life and node.inbox is None:
            node.wake = -1
            self._do(node, None)

    def _poll(self) -> None:
        """Send nodes the status of their peers, as the network does every few seconds."""
        for node in self.nodes:
            self.wires.forget_gossip(node)
            for index in node.connected:
                other = self.nodes[index]
                if other.status is not None and other.inbox is None:
                    self.wires.send(index, node, network.StatusReceived(other.name, other.status))
        self.later(POLL_MS, self._poll)

    # ---- steps

    def _do(
        self,
        node: SimNode,
        event: Event | None,
        step: Callable[[Engine, int], Sequence[network.Action]] = Engine.tick,
    ) -> None:
        """Let a node process an event, or do a step without one, and carry out its actions."""
        is_honest = node.cheat is None
        is_free = is_honest and node.inbox is None
        if not is_free and event is not None and self._is_kept(node, event):
            return
        engine = node.engine
        if engine is None:
            return
        before, self.acting = self.acting, node.index
        faulty = faults.total() if faults else 0
        self.steps += 1
        now = self.time.now + node.skew
        try:
            actions = step(engine, now) if event is None else engine.handle(event, now)
            if actions and is_honest and node.doom is None:
                self.act(node, *actions)
            elif actions:
                self._apply(node, *actions)
            while engine.busy and node.engine is engine:
                if actions := engine.work(now):
                    self._apply(node, *actions)
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
        if faults and faults.total() != faulty:  # a node goes on, a simulation must not
            raise Violation("no fault", f"contained in node {node.index}: {dict(faults)}")
        if node.engine is engine:
            for check in self.checks:
                check(node)
            self._wake(node)

    def _is_kept(self, node: SimNode, event: Event) -> bool:
        """Return True if an event waits, or a cheat does not let its engine get it."""
        if node.inbox is not None:
            node.inbox.append(lambda: self._do(node, event))
            return True
        return node.cheat is not None and node.cheat.receive(node, event)

    def _apply(self, node: SimNode, *actions: network.Action) -> None:
        """Carry out what an engine wants; a cheat changes it, and the node may die here."""
        if node.doom is not None:
            self.point(node, "send")
        if node.cheat is not None:
            node.cheat.turn(node, actions)
        else:
            self.act(node, *actions)
        if node.doom is not None:
            self.point(node, "sent")

    def act(self, node: SimNode, *actions: network.Action) -> None:
        """Carry out actions of a node."""
        for action in actions:
            match action:
                case Publish():  # the frequent kinds first
                    if action.to is None:
                        self.wires.publish(node, action.topic, action.data)
                    else:
                        self.wires.publish_to(node, action)
                case Charge():
                    peer = action.peer
                    order = node.accounts.charge(
                        peer, action.kind, action.spent_us, action.useless_us, self.time.now
                    )
                    if order is not None:  # for the rest of the run
                        self._penalise(node, peer, -BAN_AT, f"cut off: {order.why}")
                case SendNote():
                    self.wires.note(node, number(action.peer), action.data)
                case network.Ask():
                    self.wires.request(node, action)
                case network.Answer(token, answer):
                    self.wires.answer(node, token, answer)
                case network.SetStatus(status):
                    node.status = status
                case network.Penalise(peer, cost, why):
                    self._penalise(node, peer, cost, why)

    def _penalise(self, node: SimNode, peer: str, cost: int, why: str) -> None:
        if node.penalize(number(peer), cost, why):
            self.later(0, self.cut)

    # ---- from outside

    def submit(self, index: int, wire: bytes) -> bytes | None:
        """Hand a transaction to a node's pool, as RPC does; None if it is down."""
        node = self.nodes[index]
        if node.engine is None or node.inbox is not None:
            return None
        hash = node.engine.parts.pool.submit(wire)
        self._do(node, None, Engine.flush)
        return hash


def vault_of(index: int, genesis: Genesis, validators: int, witness: Witness) -> Vault | None:
    """Return the keys of a node: the first ones are validators, the others have none."""
    return Vault(genesis.hash, dev_path(index), witness) if index < validators else None


logging.getLogger("btt_chain").addHandler(logging.NullHandler())
