"""A node of the development chain in another thread, which makes a block for each transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from btt_chain.node.dev.by_hand import HandSealing
from btt_chain.node.dev.sealing import Instant
from btt_chain.node.service.backend import Identity
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import key_manager_of, open_chain
from btt_chain.node.service.service import Service, ServiceConfig
from btt_chain.node.transactions.pool import PoolService
from btt_chain.rpc.server import RpcConfig


@contextmanager
def instant_node(base: Path) -> Iterator[str]:
    """Run the node, and yield its URL."""
    node = NodeConfig("dev-manual", base)
    chain = open_chain(node)
    key_manager = key_manager_of(chain, node)
    identity = Identity("Test", "Development", chain.spec.properties, ("Authority",), "12D3")
    pool = PoolService(chain.client)
    by_hand = HandSealing(chain.client, pool, Instant())
    config = ServiceConfig(identity, RpcConfig(port=0), by_hand, keys=key_manager)
    service = Service(chain.client, pool, config)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(service.run(stop),))
    thread.start()
    ready = asyncio.run_coroutine_threadsafe(asyncio.wait_for(service.ready.wait(), 60), loop)
    # A service that fails stops the loop, and nothing on it ends any more.
    ready.result(90)
    try:
        yield f"ws://127.0.0.1:{service.rpc.port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        key_manager.close()
        chain.close()
