"""Calls of a wallet in a browser are never refused; senseless calls are charged."""

from __future__ import annotations

from time import monotonic
from typing import cast

import orjson
import pytest
from aiohttp import ClientSession

from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.calls import NOTIFICATION_PRICE, Caller
from btt_chain.rpc.connection import DELIVERY_PRICE, Connection, Subscription, Wire
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.limits import Limits
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.server import RpcConfig
from btt_chain.web import connections as connections_module
from btt_chain.web.budget import EXTERNAL, Bill, CostAccount, Rate
from support.rpc_backend import ModelBackend
from support.rpc_client import WsClient

PAGE = "Mozilla/5.0", "https://polkadot.js.org"
SUBSCRIPTIONS = 40
"""Storage subscriptions of the pages of polkadot.js Apps that are open at once."""


@pytest.fixture
async def external(backend: ModelBackend, monkeypatch: pytest.MonkeyPatch) -> RpcService:
    """A service for which all callers come from other machines, with the usual limits."""
    monkeypatch.setattr(connections_module, "is_loopback", lambda _: False)
    monkeypatch.setattr(connections_module, "PROXIES", ())
    return RpcService(backend, RpcConfig(port=0, origins=("all",)))


async def start_page(ws: WsClient, genesis: str) -> None:
    """Ask for what polkadot.js Apps asks for when it connects and shows its first pages.

    Order and methods are those of @polkadot/api: the chain, its version and metadata (also by
    runtime calls), then its derived queries, which each page opens as subscriptions.
    """
    ask = ws.call
    await ask("chain_getBlockHash", 0)
    for name in ("state_getRuntimeVersion", "system_chain", "system_properties", "rpc_methods"):
        await ask(name)
    await ask("state_subscribeRuntimeVersion")
    for _ in range(2):  # versions of metadata, and the newest of them
        await ask("state_call", "Core_version", "0x")
    await ask("state_getMetadata")
    for name in ("system_name", "system_version", "system_chainType", "system_health"):
        await ask(name)
    for name in ("chain_subscribeNewHeads", "chain_subscribeFinalizedHeads"):
        await ask(name)
    for number in range(SUBSCRIPTIONS):
        keys = ["0x" + twox_128(f"{number} {item}".encode()).hex() * 2 for item in range(20)]
        await ask("state_subscribeStorage", keys)
    for _ in range(4):  # identities, proxies, assets, validators
        await ask("state_getKeysPaged", "0x", 1_000, None, genesis)
        await ask("state_queryStorageAt", ["0x" + "00" * 32] * 50, genesis)
    for _ in range(20):  # heads and their authors on the explorer's page
        await ask("chain_getHeader")
        await ask("state_getRuntimeVersion", genesis)


async def test_an_unmodified_page_of_polkadot_js_starts_twice_without_a_refusal(
    external: RpcService, session: ClientSession
) -> None:
    await external.start()
    url = f"ws://127.0.0.1:{external.port}"
    headers = {"User-Agent": PAGE[0], "Origin": PAGE[1]}
    tabs = []
    for _ in range(2):  # two of one browser; `WsClient.call` raises for every refusal
        ws = WsClient(await session.ws_connect(url, headers=headers, max_msg_size=0))
        tabs.append(ws)
        await start_page(ws, await ws.call("chain_getBlockHash", 0))
    connections = list(external.server.sockets.values())
    assert len(connections) == len(tabs)
    for connection in connections:
        assert connection.bill.wait(monotonic()) == 0
        assert len(connection.subscriptions) == SUBSCRIPTIONS + 3
    await external.stop()


# ---- calls without an id


def account() -> CostAccount:
    """Return an account with the usual savings, that does not fill while the test runs."""
    work, waste = Rate(1e-9, EXTERNAL.connection.saved), Rate(1e-9, EXTERNAL.waste.saved)
    return CostAccount(work, waste, monotonic())


@pytest.mark.parametrize("as_batch", [False, True])
async def test_calls_without_an_id_count_as_calls_and_as_waste(*, as_batch: bool) -> None:
    own, bucket = account(), TokenBucket(1, 300, monotonic())
    bill = Bill(own, account(), is_shared=False)
    caller = Caller(unsafe_allowed=False, bucket=bucket, bill=bill)
    dispatcher = Dispatcher(Registry(), Limits())
    one = {"jsonrpc": "2.0", "method": "system_name"}
    raw = orjson.dumps([one] * 100 if as_batch else one)
    for _ in range(1 if as_batch else 100):
        assert await dispatcher.respond(caller, raw) is None
    assert bucket.level < 250
    assert own.spent(monotonic()) > 90 * NOTIFICATION_PRICE * 0.5
    for _ in range(20 if as_batch else 2_000):
        await dispatcher.respond(caller, raw)
    assert own.is_wasteful(monotonic())


# ---- deliveries


async def test_notifications_of_subscriptions_are_charged_to_who_subscribed() -> None:
    own = account()
    bill = Bill(own, account(), is_shared=False)
    connection = Connection(cast("Wire", None), Limits(), "203.0.113.7", None, bill)
    subscription = Subscription(connection, "event")
    for _ in range(1_000):
        subscription.notify("0x00")
    assert own.spent(monotonic()) > 900 * DELIVERY_PRICE
    assert not own.is_wasteful(monotonic())
    connection.close()
