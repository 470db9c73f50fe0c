"""Engines of simulated nodes: the product's, over a simulated disk and with fixed prices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import RuntimeRegistry
from btt_chain.consensus.author import Pace
from btt_chain.consensus.finality.signatures import Signatures
from btt_chain.node.engine.assembly import Plan, assemble
from btt_chain.node.engine.engine import Engine
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.header import Header
from p2p.accounts import Accounts
from p2p.protocols.messages import Announce
from runtime.params import RuntimeParams
from storage.database import ChainStore
from support.sim.costs import CHECK_US, SIGNATURE_US, SUBMIT_US, Costs
from support.sim.images import REAL, runtimes_of, simulated
from support.sim.nodes import SimNode
from support.sim.sharing import Shared
from support.sim.timeline import Timeline
from support.sim.watch import SimWatcher


@dataclass(slots=True)
class Engines:
    """Assembles the engines of a world's nodes, all with the same settings."""

    params: RuntimeParams
    real_vrf: bool
    shared: Shared | None
    """Results that nodes share; None: each node computes its own."""
    gossip_ms: int
    behind: int
    pruning: int | None
    warp: int | None
    room: int | None
    bodies: bool
    """True if small blocks are announced with their bodies."""
    runtimes: Callable[[SimNode], RuntimeRegistry] | None
    verify: Signatures = field(default_factory=Signatures)

    def assemble(
        self, node: SimNode, seed: int, time: Timeline, point: Callable[[str], None]
    ) -> Engine:
        """Return an engine on the content of a node's disk.

        `point` is called at named points, where a process may die.
        """
        kv = node.disk.open(point, lambda: node.doom is not None)
        store = ChainStore(kv, pruning=self.pruning)
        client = Client(store, {})
        if self.runtimes is None:
            client.runtimes = runtimes_of(
                node.index, real=self.real_vrf, share=self.shared is not None
            )
        else:
            client.runtimes = self.runtimes(node)
        if self.shared is not None:
            self.shared.join(client, node.index)
        pool = PoolService(client, clock=lambda: time.now / 1000)
        costs, node.accounts = Costs(), Accounts()
        node.costs = costs
        setattr(pool, "admit", costs.of(SUBMIT_US, pool.admit))  # noqa: B010
        node.watcher = SimWatcher(node.index)
        if node.vault is not None:
            node.vault.survive(point)
        engine = assemble(
            client,
            pool,
            Plan(
                gossip_ms=self.gossip_ms,
                behind=self.behind,
                seed=seed,
                params=self.params,
                clock=lambda: time.now + node.skew,
                vault=node.vault,
                warp=self.warp is not None and node.vault is None,
                vrf=REAL if self.real_vrf else simulated(),
                verify=costs.of(SIGNATURE_US, self.verify),
            ),
            now=time.now + node.skew,
            meter=costs.read,
            pace=lambda _: early if self.room is None else until(self.room),
            watcher=node.watcher,
        )
        importer = engine.parts.importer
        setattr(importer, "check", costs.of(CHECK_US, importer.check))  # noqa: B010
        warp = engine.parts.sync._warp
        if warp is not None and self.warp is not None:
            warp.search._plan = replace(warp.search._plan, gain=self.warp)
        if self.shared is not None:
            self.shared.attend(engine, self.verify)
        if not self.bodies:
            vars(engine.announces)["write"] = _write_header
        return engine


def _write_header(header: Header, body: Sequence[bytes], *, is_best: bool) -> bytes:
    """Announce a block without its body, as one that is large."""
    return Announce(header, is_best).encode()


def early() -> Pace:
    """Always have time."""
    return Pace.EARLY


def until(room: int) -> Callable[[], Pace]:
    """Have time for so many transactions."""
    tried = itertools.count()
    return lambda: Pace.EARLY if next(tried) < room else Pace.OVER
