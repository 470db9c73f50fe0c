"""The service: a whole node, from an open database to its shutdown."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from btt_chain.chain.client import Client
from btt_chain.chain.gc import settle_memory
from btt_chain.chain.notify import ChainEvent, Finalized, NewBest
from btt_chain.keystore import KeyManager
from btt_chain.lazyclass import dataclass
from btt_chain.node.blocks.upgrades import UpgradeWatch
from btt_chain.node.dev.accounts import log_accounts
from btt_chain.node.engine.faults import contain, faults
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.keys.authorship import authorship_of
from btt_chain.node.service.backend import (
    ChainView,
    FinalityView,
    Identity,
    NodeBackend,
    NodeView,
    PoolView,
    TracerView,
)
from btt_chain.node.service.local_storage import LocalStorageView
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.voters import AuthorityId
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.backend import UpgradeState
from btt_chain.rpc.server import RpcConfig
from btt_chain.telemetry.log_filters import LogFilters
from btt_chain.telemetry.metrics import Metrics
from btt_chain.telemetry.voter_participation import RoundSeen, VoterParticipation
from p2p.network import COSTS, CUT_OFF, REFUSED_BY_NETWORK, TRAFFIC, USED, Network
from storage.state import StateUnavailable

if TYPE_CHECKING:
    from btt_chain.consensus.finality.environment import RoundReport
    from btt_chain.consensus.finality.gadget import Gadget
    from btt_chain.node.dev.by_hand import HandSealing
    from btt_chain.node.engine.engine import Engine
    from btt_chain.node.service.prometheus import PrometheusServer
    from btt_chain.node.service.verifier_service import Verifying

log = logging.getLogger(__name__)

DEVELOPMENT: Final = "Development"
"""Type of the chains with development controls."""

LOOK_EVERY: Final = 1.0
"""Seconds between two checks of state that changes without an event: peers, the pool, sync."""
LOG_EVERY: Final = 5
"""Checks between two log lines about syncing."""


@dataclass(slots=True)
class ServiceConfig:
    """The components and settings of a running node."""

    identity: Identity
    rpc: RpcConfig = field(default_factory=RpcConfig)
    by_hand: HandSealing | None = None
    """Makes the blocks of a manually sealed chain; None on others."""
    engine: Engine | None = None
    """The engine that follows and makes the chain; None on a manually sealed one."""
    network: Network | None = None
    """None for a stand-alone node."""
    keys: KeyManager | None = None
    metrics: Metrics | None = None
    metrics_port: int | None = None
    """Port of the metrics; None: not served."""
    metrics_external: bool = False
    metrics_wanted: bool = False
    """If set, a taken port of the metrics stops the node."""
    verifying: Verifying | None = None
    """The checker of useful work; None for a node that does not check."""


class PortTaken(Exception):
    """A port that the node needs is taken by another program; the text names the flag."""

    def __init__(self, port: int, flag: str) -> None:
        super().__init__(
            f"port {port} is taken by another program: stop it, or choose another with {flag}"
        )
        self.port = port


class Service:
    """A running node: chain, pool, consensus, network, RPC."""

    def __init__(self, client: Client, pool: PoolService, config: ServiceConfig) -> None:
        """Assemble the node over an open chain; nothing runs before `run`."""
        self.client = client
        self.pool = pool
        self._config = config
        engine, chain = config.engine, ChainView(self.client)
        backend = NodeBackend(
            chain=chain,
            pool=PoolView(self.pool),
            node=NodeView(self.client, config.identity, engine, config.network),
            finality=None if engine is None else FinalityView(engine),
            keys=config.keys,
            signing=None if engine is None else engine.parts.signer,
            tracer=TracerView(self.client),
            authorship=authorship_of(engine, config.keys),
            local_storage=LocalStorageView(client.store),
            log_filters=LogFilters(),
            own_groups=() if config.by_hand is None else config.by_hand.groups(chain),
        )
        self.rpc = RpcService(backend, config.rpc)
        self.metrics = config.metrics
        self._participation: VoterParticipation[AuthorityId] = VoterParticipation()
        self._upgrades = UpgradeWatch(client)
        self._counted: dict[str, int] = {}
        """The network's counters at the last check."""
        if config.metrics is not None:
            config.metrics.chain.on_start(client.best().number, client.finalized().number)
            config.metrics.rpc.know_methods(self.rpc.server.dispatcher.methods)
            self.rpc.server.dispatcher.calls.on_call = config.metrics.rpc.on_call
        if engine is not None:
            self.rpc.server.dispatcher.turns.is_busy = lambda: is_pressed(engine)
        self.prometheus: PrometheusServer | None = None
        if config.metrics is not None and config.metrics_port is not None:
            from btt_chain.node.service.prometheus import PrometheusServer

            self.prometheus = PrometheusServer(
                config.metrics, config.metrics_port, external=config.metrics_external
            )
        self.client.listen(self._on_chain_event)
        self.ready = asyncio.Event()
        """Set once the RPC port is open."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then shut down.

        Raises StorageError, UnsupportedRuntime, MigrationFailed, RecordNotWritten, NetworkError or
        SealingFailed when the node cannot go on; PortTaken for a port that is another program's.
        """
        await self._open_rpc()
        settle_memory()  # and once more below: starting a network may take long
        try:
            await self._show_figures()
            if not await self._connect(stop):
                return
            if self._config.identity.chain_type == DEVELOPMENT and not self._is_read_only:
                log_accounts(self.client, self._config.identity.properties, self.rpc.port)
            self.ready.set()
            settle_memory()
            await self._work(stop)
        finally:
            if self._config.network is not None:
                await self._config.network.stop()
            if self.prometheus is not None:
                await self.prometheus.stop()
            await self.rpc.stop()

    async def _open_rpc(self) -> None:
        try:
            await self.rpc.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTaken(self._config.rpc.port, "--rpc-port") from error

    async def _connect(self, stop: asyncio.Event) -> bool:
        """Start the network. Return True if it has started before `stop` is set."""
        if self._config.network is None:
            return True
        starting = asyncio.create_task(self._config.network.start(), name="network")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
            return False
        starting.result()
        return True

    async def _show_figures(self) -> None:
        """Open the port of the metrics; a default port that is taken does not stop the node."""
        if self.prometheus is None:
            return
        try:
            await self.prometheus.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            taken = PortTaken(self.prometheus.port, "--prometheus-port")
            if self._config.metrics_wanted:
                raise taken from error
            log.warning("no figures for Prometheus: %s", taken)
            self.prometheus = None

    async def _work(self, stop: asyncio.Event) -> None:
        verifying = None
        if self._config.verifying is not None:
            # Not among the jobs: however it ends, the node goes on.
            verifying = asyncio.create_task(self._config.verifying.run(), name="verifying")
        jobs: list[asyncio.Task[object]] = [
            asyncio.create_task(self._chain_job(), name="chain"),
            asyncio.create_task(self._look_around(), name="figures"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending = jobs if verifying is None else [*jobs, verifying]
            for job in ending:
                job.cancel()
            await asyncio.wait(ending)
        for job in done:
            job.result()

    def _chain_job(self) -> Coroutine[object, object, object]:
        """Return the job that makes and imports blocks; without any, it only waits."""
        if self._config.engine is not None:
            from btt_chain.node.engine.driver import Driver

            engine, network = self._config.engine, self._config.network
            if self.metrics is None:
                return Driver(engine, network).run()
            return Driver(engine, network, on_request=self.metrics.network.on_request).run()
        if self._config.by_hand is not None:
            return self._config.by_hand.run()
        return asyncio.Event().wait()

    @property
    def _is_read_only(self) -> bool:
        """True if the chain's runtime is not carried, so that only stored data are served."""
        return self._config.engine is None and self._config.by_hand is None

    async def _look_around(self) -> None:
        """Update the metrics that change without an event, and log the progress of syncing."""
        looks = 0
        while True:
            with contain("figures"):
                self._look(is_logged=looks % LOG_EVERY == 0)
            looks += 1
            await asyncio.sleep(LOOK_EVERY)

    def _look(self, *, is_logged: bool) -> None:
        engine, metrics = self._config.engine, self.metrics
        upgrade = self._check_upgrade()
        if metrics is not None:
            status = self.pool.pool.status()
            metrics.pool.on_pool(status.ready, status.future)
            metrics.chain.on_leaves(len(self.client.store.blocks.leaves()))
            metrics.chain.on_faults(faults.total())
            metrics.rpc.on_sessions(len(self.rpc.server.sockets))
            self._count_traffic(metrics)
        if engine is not None:
            progress = engine.parts.sync.progress(unix_ms())
            if metrics is not None:
                metrics.network.on_peers(engine.peers)
                metrics.chain.on_sync(progress.target, is_major=progress.syncing)
                self._look_at_voters(engine.parts.gadget, metrics)
                if engine.parts.signer is not None:
                    keys = engine.parts.signer.states()
                    metrics.keys.on_keys((key.key_type.decode(), key.state) for key in keys)
            stands = upgrade is not None and upgrade.stands
            if progress.syncing and not stands and is_logged:
                left = progress.seconds_left
                log.info(
                    "syncing (%s): block %d of %d, %.0f blocks/s%s, %d peers",
                    progress.phase.value,
                    progress.current,
                    progress.target,
                    progress.rate,
                    "" if left is None else f", {left} s left",
                    progress.peers,
                )

    def _check_upgrade(self) -> UpgradeState | None:
        """Check the scheduled runtime in the chain's state; None while a state is fetched."""
        try:
            state = self._upgrades.look(unix_ms())
        except StateUnavailable:
            return None
        if self.metrics is not None:
            planned = state.scheduled
            lacking = state.spec_version if planned is None else planned.spec_version
            self.metrics.chain.on_upgrade(lacking if state.lacking else 0, stands=state.stands)
        return state

    def _look_at_voters(self, gadget: Gadget, metrics: Metrics) -> None:
        metrics.finality.on_round(gadget.set_id, gadget.round - 1)
        metrics.finality.on_waiting_votes(gadget.waiting)
        current, past = gadget.rounds()
        self._participation.look(
            gadget.set_id, waited_for(current), [*map(silent_in, past)], unix_ms()
        )
        missing = self._participation.missing()
        if missing is not None:
            metrics.finality.on_missing_voters(
                len(missing), current.total.heads, current.threshold.heads
            )

    def _count_traffic(self, metrics: Metrics) -> None:
        if self._config.network is None:
            return
        before, now = self._counted, dict(self._config.network.counters())
        self._counted = now
        metrics.network.on_traffic(*(now[name] - before.get(name, 0) for name in TRAFFIC))
        metrics.network.on_nodes_known(self._config.network.nodes_known())
        metrics.network.on_peer_costs(more_costs(before, now))
        metrics.network.on_budget_used(now.get(USED, 0) / 1_000)

    def _on_chain_event(self, event: ChainEvent) -> None:
        best, final = self.client.best(), self.client.finalized()
        if self.metrics is not None:
            match event:
                case NewBest(_, _, retracted):
                    self.metrics.chain.on_best(best.number)
                    if retracted:
                        self.metrics.chain.on_reorganised(len(retracted))
                case Finalized():
                    self.metrics.chain.on_finalized(final.number)
        if isinstance(event, NewBest) and self._config.engine is None:
            transactions = len(self.client.body(best.hash) or ())
            log.info(
                "block %d (0x%s…) with %d extrinsic%s; final %d; pool %d",
                best.number,
                best.hash.hex()[:8],
                transactions,
                "" if transactions == 1 else "s",
                final.number,
                self.pool.pool.status().ready,
            )


def more_costs(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, float]:
    """Return the growth of the peers' costs, in seconds and in numbers of peers."""
    return {
        name: (count - before.get(name, 0))
        / (1 if name.startswith((CUT_OFF, REFUSED_BY_NETWORK)) else 1e6)
        for name, count in now.items()
        if name.startswith(COSTS)
    }


def is_pressed(engine: Engine) -> bool:
    """Return True if blocks wait for import, or a tick is due."""
    return engine.busy or engine.due <= unix_ms()


def silent_in(report: RoundReport) -> RoundSeen[AuthorityId]:
    """Return a round with the voters that have neither prevoted nor precommitted in it."""
    late = set(report.precommit_missing)
    return RoundSeen(report.round, tuple(who for who in report.prevote_missing if who in late))


def waited_for(report: RoundReport) -> RoundSeen[AuthorityId]:
    """Return the current round with the voters that it waits for.

    Once it has enough prevotes, those are the voters that have not precommitted, whether they
    prevoted or not.
    """
    if report.prevotes.reaches(report.threshold):
        return RoundSeen(report.round, tuple(report.precommit_missing))
    return silent_in(report)
