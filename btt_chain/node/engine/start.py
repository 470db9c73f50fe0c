"""The engine of a node, from its open chain and its flags."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from btt_chain.chain.client import Client
from btt_chain.chain.prechecks.helper import HelperProcess, has_spare_core
from btt_chain.consensus.author import Pace, pace_of
from btt_chain.keystore import KeyManager
from btt_chain.node.blocks.trust import Trust
from btt_chain.node.engine.assembly import Plan, assemble, lacks_voters
from btt_chain.node.engine.engine import Engine
from btt_chain.node.engine.observer import NodeWatcher
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.transactions.pool import PoolService
from btt_chain.telemetry.metrics import Metrics
from runtime.params import RuntimeParams

if TYPE_CHECKING:
    from btt_chain.node.service.lifecycle import OpenChain


def new_engine(
    chain: OpenChain,
    params: RuntimeParams,
    config: NodeConfig,
    pool: PoolService,
    key_manager: KeyManager | None,
    metrics: Metrics,
) -> Engine | None:
    """Return the engine of a node; None if the chain has no validators.

    It makes no blocks unless the node is a validator. Raises BadRecord, UnsupportedRuntime.
    """
    client = chain.client
    if lacks_voters(client):
        return None
    finality = chain.spec.finality(int(params.slot_ms))
    watcher = NodeWatcher(client, metrics)
    engine = assemble(
        client,
        pool,
        Plan(
            gossip_ms=finality.gossip_ms,
            behind=finality.behind,
            seed=secrets.randbits(64),
            params=params,
            trust=chain.trust or Trust(),
            vault=None if config.validator is None else key_manager,
            force_authoring=config.validator is not None and config.validator.force_authoring,
            warp=config.sync == "warp",
            helper=helper_of(config, client),
        ),
        now=unix_ms(),
        pace=pace_from,
        watcher=watcher,
    )
    watcher.is_syncing = lambda: engine.parts.sync.major
    return engine


def helper_of(config: NodeConfig, client: Client) -> HelperProcess | None:
    """Return the helper of a long sync, not started; None where none is wanted or no core is free.

    A node without a network has no sync.
    """
    if not config.sync_helper or config.network is None or not has_spare_core():
        return None
    return HelperProcess(client.runtimes.verdicts.prechecked)


def pace_from(given: float) -> Callable[[], Pace]:
    """Return the pace function of a block that may take `given` seconds from now on."""
    begun = time.monotonic()
    return lambda: pace_of(time.monotonic() - begun, given)
