"""The service: a node from its first answer to its last, and why it may stop by itself."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from btt_chain.chain.client import Client
from btt_chain.consensus.author import SealingFailed
from btt_chain.consensus.finality.gadget import RoundReport
from btt_chain.node.dev.by_hand import HandSealing
from btt_chain.node.dev.sealing import Instant, Interval, ManualSealer, OnDemand, Sealing
from btt_chain.node.service.backend import Identity
from btt_chain.node.service.service import PortTaken, Service, ServiceConfig, waited_for
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.voters import AuthorityId, Power
from btt_chain.rpc.server import RpcConfig
from btt_chain.scale import u128
from btt_chain.telemetry.metrics import Metrics
from p2p.deferred import DeferredNetwork
from p2p.errors import NetworkError
from p2p.network import Network
from runtime.frame import InvalidBlock
from storage.kv import StorageError
from support.chain import BOB, CHARLIE, DevChain, address

IDENTITY = Identity(
    chain_name="Test",
    chain_type="Development",
    properties={"ss58Format": 42},
    roles=("Authority",),
    local_peer_id="12D3KooW",
)


def service_of(client: Client, sealing: Sealing | None, port: int = 0) -> Service:
    pool = PoolService(client)
    by_hand = None if sealing is None else HandSealing(client, pool, sealing)
    return Service(client, pool, ServiceConfig(IDENTITY, RpcConfig(port=port), by_hand))


def failing_service(monkeypatch: pytest.MonkeyPatch, sealing: Sealing, error: Exception) -> Service:
    """Return a service whose blocks cannot be made."""

    def seal(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ManualSealer, "seal", seal)
    return service_of(DevChain().client, sealing)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    try:
        await asyncio.wait_for(service.ready.wait(), 30)
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])


async def ask(service: Service, method: str, *params: object) -> object:
    request = {"id": 1, "jsonrpc": "2.0", "method": method, "params": list(params)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{service.rpc.port}", json=request) as response,
    ):
        answer = await response.json()
    assert "error" not in answer, answer
    result: object = answer["result"]
    return result


async def test_a_node_answers_until_it_is_stopped() -> None:
    service = service_of(DevChain().client, OnDemand())
    async with running(service) as task:
        assert await ask(service, "system_chain") == "Test"
    assert task.done()
    task.result()
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(service, "system_chain")


async def test_a_transaction_sent_to_an_instant_node_is_final_at_once() -> None:
    chain = DevChain()
    final = asyncio.Event()
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(10**18))
    wire = chain.sign(BOB, call)
    service = service_of(chain.client, Instant())
    chain.client.listen(lambda _: final.set() if chain.client.finalized().number else None)
    async with running(service):
        await ask(service, "author_submitExtrinsic", "0x" + wire.hex())
        await asyncio.wait_for(final.wait(), 30)
        head = await ask(service, "chain_getFinalizedHead")
    assert head == "0x" + chain.client.finalized().hash.hex()
    assert int(chain.account(BOB).nonce) == 1


async def test_a_node_that_makes_no_blocks_offers_no_sealing() -> None:
    service = service_of(DevChain().client, None)
    async with running(service):
        methods = await ask(service, "rpc_methods")
    assert "engine_createBlock" not in str(methods)


async def test_a_taken_port_is_an_error_with_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = service_of(DevChain().client, None, taken.getsockname()[1])
        with pytest.raises(PortTaken, match=str(taken.getsockname()[1])):
            await asyncio.wait_for(service.run(asyncio.Event()), 30)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (InvalidBlock("state root differs"), SealingFailed),
        (StorageError("the disk is full"), StorageError),
    ],
)
async def test_a_node_that_cannot_go_on_stops_and_says_why(
    monkeypatch: pytest.MonkeyPatch, error: Exception, seen: type[Exception]
) -> None:
    service = failing_service(monkeypatch, Interval(1), error)
    with pytest.raises(seen, match=str(error)):
        await asyncio.wait_for(service.run(asyncio.Event()), 30)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(service, "system_chain")


async def test_a_node_whose_database_fails_during_a_call_answers_and_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = failing_service(monkeypatch, OnDemand(), StorageError("the disk is full"))
    async with running(service) as task:
        with pytest.raises(AssertionError, match="the disk is full"):
            await ask(service, "engine_createBlock", True, True)
        with pytest.raises(StorageError, match="the disk is full"):
            await asyncio.wait_for(asyncio.shield(task), 30)


async def test_each_new_best_block_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    chain = DevChain()
    service_of(chain.client, None)
    with caplog.at_level(logging.INFO):
        hash = chain.seal()
    assert f"block 1 (0x{hash.hex()[:8]}…) with 1 extrinsic; final" in caplog.text


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_taken_port_of_figures_stops_only_a_node_with_that_flag(
    wanted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    client = DevChain().client
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = ServiceConfig(
            IDENTITY,
            RpcConfig(port=0),
            metrics=Metrics("Test", "1", is_authority=False, chain="test"),
            metrics_port=port,
            metrics_wanted=wanted,
        )
        service = Service(client, PoolService(client), config)
        if wanted:
            with pytest.raises(PortTaken, match=f"port {port} .* --prometheus-port"):
                await asyncio.wait_for(service.run(asyncio.Event()), 30)
            return
        async with running(service):
            assert await ask(service, "system_chain") == "Test"
    assert f"no figures for Prometheus: port {port} is taken" in caplog.text


def report_of(
    prevote_missing: list[AuthorityId], precommit_missing: list[AuthorityId]
) -> RoundReport:
    prevoted, precommitted = 4 - len(prevote_missing), 4 - len(precommit_missing)
    return RoundReport(
        7, Power(4, 4), Power(3, 3), Power(prevoted, prevoted), prevote_missing,
        Power(precommitted, precommitted), precommit_missing,
    )  # fmt: skip


def test_a_round_waits_for_those_whose_precommit_it_needs() -> None:
    charlie, dave = AuthorityId(b"c" * 32), AuthorityId(b"d" * 32)
    both = [charlie, dave]
    assert waited_for(report_of([dave], both)).missing == (charlie, dave)
    assert waited_for(report_of(both, both)).missing == (charlie, dave)
    assert waited_for(report_of(both, [dave])).missing == (dave,)


async def test_a_node_that_is_stopped_while_its_network_starts_ends_at_once() -> None:
    began, imported = threading.Event(), threading.Event()

    def slow() -> Network:
        began.set()
        imported.wait(60)
        raise NetworkError("too late")

    client, network = DevChain().client, DeferredNetwork(slow, "12D3KooW")
    config = ServiceConfig(IDENTITY, RpcConfig(port=0), network=network)
    service, stop = Service(client, PoolService(client), config), asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    await asyncio.to_thread(began.wait)
    stop.set()
    try:
        await asyncio.wait_for(task, 30)
    finally:
        imported.set()
    assert not service.ready.is_set()
