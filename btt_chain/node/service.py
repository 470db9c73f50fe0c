"""The service: a whole node, from an opened database to the last goodbye."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from btt_chain.chain.client import Client
from btt_chain.chain.memory import settle_memory
from btt_chain.chain.notify import ChainEvent, NewBest
from btt_chain.node.backend import (
    ChainView,
    Identity,
    NodeBackend,
    NodeView,
    PoolView,
    SealerView,
)
from btt_chain.node.pool import PoolService
from btt_chain.node.sealing import ManualSealer, OnDemand, Sealing, run_sealing
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.server import RpcConfig
from storage.kv import StorageError

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ServiceConfig:
    """What a node does once its chain is open. `sealing` is None where it makes no blocks."""

    identity: Identity
    sealing: Sealing | None
    rpc: RpcConfig = field(default_factory=RpcConfig)


class Service:
    """A running node: chain, pool, sealing, RPC."""

    def __init__(self, client: Client, config: ServiceConfig) -> None:
        """Put the node together over an open chain; nothing runs before `run`."""
        self.client = client
        self.pool = PoolService(self.client)
        self.sealer = ManualSealer(self.client, self.pool)
        self._config = config
        self._failures: asyncio.Queue[StorageError] = asyncio.Queue()
        backend = NodeBackend(
            chain=ChainView(self.client),
            pool=PoolView(self.pool),
            node=NodeView(self.client, config.identity),
            sealer=(
                None
                if config.sealing is None
                else SealerView(self.sealer, self._failures.put_nowait)
            ),
        )
        self.rpc = RpcService(backend, config.rpc)
        self.client.listen(self._report)
        self.ready = asyncio.Event()
        """Set once the RPC port is open."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then say goodbye.

        Raises StorageError, NoLaw or SealingFailed when the node cannot go on; OSError if the
        port is taken.
        """
        await self.rpc.start()
        self.ready.set()
        settle_memory()
        try:
            await self._work(stop)
        finally:
            await self.rpc.stop()

    async def _work(self, stop: asyncio.Event) -> None:
        sealing = self._config.sealing or OnDemand()
        jobs: list[asyncio.Task[object]] = [
            asyncio.create_task(run_sealing(self.sealer, sealing), name="sealing"),
            asyncio.create_task(self._failure(), name="failure"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)
        for job in done:
            job.result()

    async def _failure(self) -> None:
        """Wait until a caller of the RPC has met a database that cannot go on."""
        raise await self._failures.get()

    def _report(self, event: ChainEvent) -> None:
        if not isinstance(event, NewBest):
            return
        best, final = self.client.best(), self.client.finalized()
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
