"""The server over real sockets: order, batches, access, limits, the end."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from aiohttp import ClientError, ClientSession, WSServerHandshakeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.api import RpcService, build_registry
from btt_chain.rpc.backend import Health
from btt_chain.rpc.calls import Caller
from btt_chain.rpc.connection import Connection, Subscription
from btt_chain.rpc.dispatch import Dispatcher
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.limits import HTTP_LIMITS, Limits
from btt_chain.rpc.registry import Registry, method
from btt_chain.rpc.server import RpcConfig, RpcServer
from btt_chain.web import connections as connections_module
from btt_chain.web.access import HostCheck, OriginCheck
from btt_chain.web.addresses import is_loopback
from support.rpc_backend import ModelBackend
from support.rpc_client import CallFailed, HttpClient, WsClient
from unit.rpc.conftest import Dial


@pytest.fixture
def external_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers count as coming from other machines."""
    monkeypatch.setattr(connections_module, "is_loopback", lambda address: False)
    monkeypatch.setattr(connections_module, "PROXIES", ())


def call(id: object, name: str, *params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": name, "params": list(params)}


# ---- one port, two ways


async def test_http_and_websocket_answer_on_one_port(http: HttpClient, ws: WsClient) -> None:
    assert await http.call("system_name") == await ws.call("system_name") == "model node"


@pytest.mark.parametrize("has_length", [True, False])
async def test_bodies_that_are_too_large_are_not_kept(has_length: bool) -> None:
    size, times = 1 << 20, 12
    backend = ModelBackend()
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(request_size=size)))
    await service.start()
    url = f"http://127.0.0.1:{service.port}"

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (size // 10)

    async def post(session: ClientSession) -> None:
        body = io.BytesIO(b" " * (2 * size)) if has_length else pieces()
        with suppress(ClientError):  # it may be cut off while it still sends
            async with session.post(url, data=body) as answer:
                assert answer.status == 413

    gc.collect()
    gc.disable()  # as good as: a node collects rarely
    tracemalloc.start()
    try:
        async with ClientSession() as session:
            await post(session)
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(times):
                await post(session)
            grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
        await service.stop()
    assert grown < times * size / 4


async def test_ids_of_every_kind_are_echoed(http: HttpClient) -> None:
    for id in ("1", '"abc"', "null", "-1", "18446744073709551615"):
        raw = f'{{"jsonrpc":"2.0","id":{id},"method":"system_name"}}'.encode()
        _, body = await http.raw(raw)
        assert f'"id":{id},'.encode() in body


async def test_a_batch_is_answered_in_order_in_one_frame(ws: WsClient, http: HttpClient) -> None:
    batch = [
        call("a", "system_chain"),
        call(2, "no_such_method"),
        {"jsonrpc": "2.0", "method": "system_name"},
        7,
        call(None, "state_getKeys", "0x"),
    ]
    await ws.send_raw(orjson.dumps(batch).decode())
    for answers in (await ws.next(), await http.send(batch)):
        assert [answer["id"] for answer in answers] == ["a", 2, None, None]
        assert answers[0]["result"] == "Model"
        assert answers[1]["error"] == {"code": -32601, "message": "Method not found"}
        assert answers[2]["error"]["code"] == -32600
        assert isinstance(answers[3]["result"], list)


async def test_notifications_get_no_answer(ws: WsClient, http: HttpClient) -> None:
    notification = {"jsonrpc": "2.0", "method": "system_name"}
    await ws.send_raw(orjson.dumps(notification).decode())
    await ws.send_raw(orjson.dumps([notification]).decode())
    assert await ws.call("system_name") == "model node"
    assert not ws.waiting
    assert await http.raw(orjson.dumps(notification)) == (200, b"")


async def test_the_methods_list_names_aliases(http: HttpClient) -> None:
    names = (await http.call("rpc_methods"))["methods"]
    for name in (
        "account_nextIndex",
        "chain_getHead",
        "state_getStorageAt",
        "chain_subscribeNewHead",
        "unsubscribe_newHead",
        "rpc_methods",
        "chainHead_v1_unfollow",
        "engine_createBlock",
    ):
        assert name in names
    for name in ("author_insertKey", "author_rotateKeys", "author_hasKey"):
        assert name not in names
    assert len(names) == len(set(names))


def test_manual_sealing_is_listed_only_where_it_is_offered() -> None:
    backend = ModelBackend(manual=False)
    assert "engine_createBlock" not in build_registry(backend, Hub(backend.chain)).names()


async def test_subscriptions_need_a_websocket(http: HttpClient) -> None:
    for name in ("chain_subscribeNewHeads", "chainHead_v1_follow", "chain_unsubscribeNewHeads"):
        params = [True] if name.endswith("follow") else ["x"] if "un" in name else []
        with pytest.raises(CallFailed, match="needs a WebSocket connection") as caught:
            await http.call(name, *params)
        assert caught.value.code == -32601


async def test_a_browser_at_the_door_reads_a_short_text(
    service: RpcService, session: ClientSession
) -> None:
    async with session.get(f"http://127.0.0.1:{service.port}/") as page:
        assert page.status == 200
        assert "JSON-RPC server of a BTT Chain node" in await page.text()


async def test_health_is_served_to_watchers(service: RpcService, session: ClientSession) -> None:
    async with session.get(f"http://127.0.0.1:{service.port}/health") as page:
        assert await page.json() == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/health/", "/health/nonexistent"])
async def test_a_path_that_does_not_exist_is_not_answered_as_if_it_did(
    service: RpcService, session: ClientSession, path: str
) -> None:
    async with session.get(f"http://127.0.0.1:{service.port}{path}") as page:
        assert page.status == 404


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (Health(3, is_syncing=False, should_have_peers=True, lag_seconds=9), None),
        (Health(0, is_syncing=False, should_have_peers=False), None),
        (Health(3, is_syncing=True, should_have_peers=True), "the node is syncing"),
        (Health(0, is_syncing=False, should_have_peers=True), "the node has no peers"),
        (Health(3, False, True, 61), "the best block is 61 s old"),
    ],
)
async def test_a_node_is_ready_if_it_is_level_has_peers_and_a_fresh_block(
    session: ClientSession, health: Health, why: str | None
) -> None:
    server = RpcServer(Registry(), RpcConfig(port=0), lambda: health)
    await server.start()
    async with session.get(f"http://127.0.0.1:{server.port}/health/readiness") as page:
        assert page.status == (200 if why is None else 503)
        assert (await page.json())["why"] == why
    await server.stop()


async def test_ipv6_is_served_too(service: RpcService, session: ClientSession) -> None:
    try:
        page = await session.get(f"http://[::1]:{service.port}/")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert page.status == 200
    page.release()


# ---- order


async def test_the_id_of_a_subscription_comes_before_its_first_notification(ws: WsClient) -> None:
    for _ in range(20):
        subscription = await ws.call("chain_subscribeNewHeads")
        assert not ws.waiting
        assert (await ws.result(subscription))["number"] == "0x0"


async def test_in_a_batch_too_the_ids_come_first(ws: WsClient) -> None:
    batch = [call(i, "chain_subscribeFinalizedHeads") for i in range(5)]
    await ws.send_raw(orjson.dumps(batch).decode())
    ids = [answer["result"] for answer in await ws.next()]
    assert [(await ws.notification())["params"]["subscription"] for _ in ids] == ids


async def test_unsubscribing_twice_is_true_then_false(ws: WsClient, backend: ModelBackend) -> None:
    subscription = await ws.call("chain_subscribeNewHeads")
    await ws.notification()
    assert await ws.call("state_unsubscribeStorage", subscription) is False
    assert await ws.call("chain_unsubscribeNewHead", subscription) is True
    assert await ws.call("chain_unsubscribeNewHead", subscription) is False
    backend.chain.block()
    assert await ws.silence()


async def test_a_connection_cannot_end_the_subscription_of_another(
    ws: WsClient, dial: Dial
) -> None:
    subscription = await ws.call("chain_subscribeNewHeads")
    other = await dial()
    assert await other.call("chain_unsubscribeNewHeads", subscription) is False
    await other.socket.close()


async def test_a_slow_call_does_not_hold_up_a_quick_one(ws: WsClient) -> None:
    await ws.send_raw(orjson.dumps(call("slow", "state_getPairs", "")).decode())
    await ws.send_raw(orjson.dumps(call("quick", "system_name")).decode())
    assert {(await ws.next())["id"] for _ in range(2)} == {"slow", "quick"}


# ---- mistakes of ours


async def test_a_bug_in_a_method_is_an_internal_error_and_the_server_goes_on(
    http: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CallFailed) as caught:
        await http.call("state_call", "Model_bug", "")
    assert (caught.value.code, caught.value.message) == (-32603, "Internal error")
    assert "state_call failed" in caplog.text
    assert await http.call("system_name") == "model node"


async def test_a_bug_in_one_subscription_leaves_the_others_and_the_block_alone(
    ws: WsClient, service: RpcService, backend: ModelBackend, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(event: object) -> None:
        raise ZeroDivisionError

    service.hub.listeners.insert(0, explode)
    subscription = await ws.call("chain_subscribeNewHeads")
    await ws.notification()
    backend.chain.block()
    assert (await ws.result(subscription))["number"] == "0x1"
    assert "a subscription failed on NewBlock" in caplog.text


async def test_a_call_without_end_is_cut_off() -> None:
    class Endless:
        @method("wait")
        async def wait(self) -> None:
            await asyncio.Event().wait()

    registry = Registry()
    registry.add(Endless())
    dispatcher = Dispatcher(registry, Limits(call_timeout=0.01))
    answer = await dispatcher.respond(Caller(unsafe_allowed=True), orjson.dumps(call(1, "wait")))
    assert b"The call took longer than 0.01 s" in (answer or b"")


def test_two_handlers_for_one_name_are_a_mistake() -> None:
    class Twice:
        @method("a", "a")
        def handler(self) -> None: ...

    with pytest.raises(ValueError, match="two handlers for a"):
        Registry().add(Twice())


def test_the_signature_of_every_method_can_be_read() -> None:
    backend = ModelBackend()
    methods = build_registry(backend, Hub(backend.chain)).methods
    assert sum(len(entry.signature.parameters) for entry in methods.values()) > 100


# ---- access


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:9944", "[::2]:1", ""])
async def test_a_strange_host_is_turned_away(http: HttpClient, host: str) -> None:
    status, body = await http.raw(b"{}", Host=host)
    assert (status, body) == (403, b"Provided Host header is not whitelisted.\n")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:9944", "[::1]:9944", "[::1]"]
)
async def test_our_own_hosts_are_served(http: HttpClient, host: str) -> None:
    assert (await http.raw(b"{}", Host=host))[0] == 200


def test_further_hosts_and_an_external_node_answer_under_other_names() -> None:
    assert HostCheck(frozenset({"node.example"})).allows("Node.Example:443")
    assert HostCheck(None).allows("anything")
    assert HostCheck(None).allows(None)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:3000", True),
        ("http://localhost", True),
        ("https://127.0.0.1:8080", True),
        ("https://polkadot.js.org", True),
        ("https://polkadot.js.org:443", True),
        ("https://polkadot.js.org:444", False),
        ("http://polkadot.js.org", False),
        ("https://polkadot.js.org.evil.example", False),
        ("http://localhost.evil.example:3000", False),
        ("null", False),
        ("file://", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_by_default_local_pages_and_polkadot_js_may_call(origin: str | None, allowed: bool) -> None:
    assert OriginCheck(RpcConfig().origins).allows(origin) is allowed


def test_a_client_that_names_the_address_it_dialled_may_call() -> None:
    check = OriginCheck(())
    assert check.allows("http://node.example:9944", "Node.example:9944")
    assert not check.allows("http://node.example:9944", "node.example:9945")
    assert not check.allows("null", "null")


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/path", "https://a:x"])
def test_a_configured_origin_that_is_none_is_refused_at_once(origin: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        OriginCheck((origin,))


async def test_a_strange_page_gets_neither_http_nor_websocket(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0))
    await service.start()
    client = HttpClient(session, service.port)
    assert (await client.raw(b"{}", Origin="https://evil.example"))[0] == 403
    with pytest.raises(WSServerHandshakeError, match="403"):
        await session.ws_connect(client.url, headers={"Origin": "https://evil.example"})
    socket = await session.ws_connect(client.url, headers={"Origin": "http://localhost:3000"})
    await socket.close()
    async with session.options(client.url, headers={"Origin": "https://polkadot.js.org"}) as reply:
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Origin"] == "https://polkadot.js.org"
        assert reply.headers["Access-Control-Allow-Headers"] == "content-type"
    await service.stop()


async def test_a_monitor_that_asks_by_head_gets_the_status_of_get(
    http: HttpClient, session: ClientSession
) -> None:
    for path, status in (("health", 200), ("health/readiness", 200), ("healthz", 404)):
        async with session.head(f"{http.url.rstrip('/')}/{path}") as page:
            assert (page.status, await page.read()) == (status, b"")


async def test_other_verbs_are_not_allowed(http: HttpClient, session: ClientSession) -> None:
    async with session.put(http.url) as reply:
        assert reply.status == 405


async def test_a_websocket_handshake_that_is_none_is_a_bad_request(
    http: HttpClient, session: ClientSession
) -> None:
    async with session.get(http.url, headers={"Upgrade": "websocket"}) as reply:
        assert reply.status == 400


@pytest.mark.parametrize(
    ("policy", "external", "listening", "allowed"),
    [
        (MethodPolicy.AUTO, False, False, True),
        (MethodPolicy.AUTO, True, False, False),
        (MethodPolicy.AUTO, False, True, False),
        (MethodPolicy.SAFE, False, False, False),
        (MethodPolicy.UNSAFE, True, True, True),
    ],
)
def test_who_may_call_unsafe_methods(
    policy: MethodPolicy, external: bool, listening: bool, allowed: bool
) -> None:
    assert policy.allows_unsafe(external=external, listening_externally=listening) is allowed


async def test_an_unsafe_method_is_refused_in_substrates_words(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, methods=MethodPolicy.SAFE))
    await service.start()
    with pytest.raises(CallFailed) as caught:
        await HttpClient(session, service.port).call("state_getPairs", "")
    assert caught.value.code == -32601
    assert caught.value.message == "RPC call is unsafe to be called externally"
    await service.stop()


async def test_runtime_functions_that_build_state_are_refused_by_every_way_to_call_one(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, methods=MethodPolicy.SAFE))
    await service.start()
    http = HttpClient(session, service.port)
    ws = WsClient(await session.ws_connect(http.url))
    follow = await ws.call("chainHead_v1_follow", True)
    best = "0x" + backend.chain.best_hash.hex()
    for name, params in (
        ("state_call", ("Core_execute_block", "0x")),
        ("state_callAt", ("Core_execute_block", "0x", best)),
        ("archive_v1_call", (best, "Core_execute_block", "0x")),
        ("chainHead_v1_call", (follow, best, "Core_execute_block", "0x")),
    ):
        with pytest.raises(CallFailed, match=r"Core_execute_block is unsafe .* --rpc-") as no:
            await ws.call(name, *params)
        assert no.value.code == -32601
    assert backend.chain.calls == 0
    assert await http.call("state_call", "Echo_echo", "0x01") == "0x01"
    await ws.socket.close()
    await service.stop()


async def test_a_trusted_caller_may_build_state(http: HttpClient) -> None:
    with pytest.raises(CallFailed, match="Exported method Core_execute_block is not found"):
        await http.call("state_call", "Core_execute_block", "0x")


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("?", False)],
)  # fmt: skip
def test_loopback_is_distinguished_from_the_rest(address: str, local: bool) -> None:
    assert is_loopback(address) is local


# ---- limits


async def test_a_request_too_large_is_refused(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(request_size=1_000)))
    await service.start()
    client = HttpClient(session, service.port)
    assert (await client.raw(b" " * 1_001))[0] == 413
    ws = WsClient(await session.ws_connect(client.url))
    await ws.send_raw(" " * 1_001)
    assert await ws.closed() == 1009
    assert await client.call("system_name") == "model node"
    await service.stop()


async def test_an_answer_too_large_is_an_error(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(response_size=600)))
    await service.start()
    client = HttpClient(session, service.port)
    with pytest.raises(CallFailed) as caught:
        await client.call("rpc_methods")
    assert (caught.value.code, caught.value.data) == (-32008, "Exceeded max limit of 600")
    whole = await client.send([call(i, "chain_getHeader") for i in range(5)])
    assert whole["error"]["code"] == -32011
    await service.stop()


async def test_a_batch_whose_answer_is_refused_leaves_no_subscription_behind(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(response_size=900)))
    await service.start()
    ws = WsClient(await session.ws_connect(f"ws://127.0.0.1:{service.port}"))
    batch = [call(0, "chain_subscribeNewHeads")] + [call(i, "chain_getHeader") for i in range(5)]
    await ws.send_raw(orjson.dumps(batch).decode())
    assert (await ws.next())["error"]["code"] == -32011
    backend.chain.block()
    assert await ws.silence()
    await ws.socket.close()
    await service.stop()


async def test_a_batch_beyond_the_limit_is_refused(ws: WsClient) -> None:
    await ws.send_raw(orjson.dumps([call(i, "system_name") for i in range(101)]).decode())
    error = (await ws.next())["error"]
    assert (error["code"], error["data"]) == (-32010, "Exceeded max limit of 100")


async def test_subscriptions_are_limited_per_connection(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(subscriptions=3)))
    await service.start()
    ws = WsClient(await session.ws_connect(f"ws://127.0.0.1:{service.port}"))
    first = await ws.call("chain_subscribeAllHeads")
    for _ in range(2):
        await ws.call("chain_subscribeAllHeads")
    with pytest.raises(CallFailed) as caught:
        await ws.call("chain_subscribeAllHeads")
    assert caught.value.code == -32006
    await ws.call("chain_unsubscribeAllHeads", first)
    await ws.call("chain_subscribeAllHeads")
    await ws.socket.close()
    await service.stop()


async def test_connections_of_external_callers_are_limited_per_address_and_in_all(
    external_callers: None, backend: ModelBackend, session: ClientSession
) -> None:
    limits = replace(HTTP_LIMITS, connections_per_address=2)
    service = RpcService(backend, RpcConfig(port=0, http=limits))
    await service.start()
    url = f"ws://127.0.0.1:{service.port}"
    sockets = [await session.ws_connect(url) for _ in range(2)]
    with pytest.raises(WSServerHandshakeError, match="429"):
        await session.ws_connect(url)
    await sockets[0].close()
    for _ in range(100):
        if service.server.connections.admission.total < 2:
            break
        await asyncio.sleep(0.01)
    sockets[0] = await session.ws_connect(url)
    for socket in sockets:
        await socket.close()
    await service.stop()


async def test_local_callers_are_not_counted(dial: Dial, service: RpcService) -> None:
    clients = [await dial() for _ in range(12)]
    assert service.server.connections.admission.total == 0
    for client in clients:
        await client.socket.close()


async def test_a_flood_of_calls_from_an_external_caller_is_refused_and_heavy_ones_count_tenfold(
    external_callers: None, backend: ModelBackend, session: ClientSession
) -> None:
    limits = replace(HTTP_LIMITS, rate=20, burst=20)
    service = RpcService(backend, RpcConfig(port=0, http=limits))
    await service.start()
    ws = WsClient(await session.ws_connect(f"ws://127.0.0.1:{service.port}"))
    batch = [call(i, "system_name") for i in range(60)]
    await ws.send_raw(orjson.dumps(batch).decode())
    refused = [answer for answer in await ws.next() if "error" in answer]
    assert 30 <= len(refused) <= 40
    assert refused[0]["error"] == {"code": -32999, "message": "RPC rate limit exceeded"}
    client = HttpClient(session, service.port)
    answers = await client.send([call(i, "state_getMetadata") for i in range(5)])
    assert sum("result" in answer for answer in answers) == 2
    await ws.socket.close()
    await service.stop()


class StuckWire:
    """A peer who takes nothing."""

    def __init__(self) -> None:
        self.was_cut = False
        self.taken: list[bytes] = []

    async def write(self, frame: bytes) -> None:
        self.taken.append(frame)
        await asyncio.Event().wait()

    def cut(self) -> None:
        self.was_cut = True


async def test_a_reader_who_falls_behind_is_cut_and_memory_stays_bounded() -> None:
    wire = StuckWire()
    connection = Connection(wire, Limits(unsent=10_000), "peer")
    subscription = Subscription(connection, "event")
    subscription.open()
    for _ in range(1_000):
        subscription.notify("x" * 500)
    assert wire.was_cut
    assert connection._unsent_size == 0
    connection.close()
    assert not subscription.alive


async def test_a_client_that_does_not_read_is_disconnected(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, limits=Limits(unsent=20_000)))
    await service.start()
    _reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    frame = orjson.dumps(call(1, "state_subscribeStorage", [b"big".hex()]))
    writer.write(bytes([0x81, 0x80 | len(frame)]) + bytes(4) + frame)
    for count in range(2_000):
        await asyncio.sleep(0)
        backend.chain.block(changes={b"big": count.to_bytes(4, "big") * 20_000})
        if count > 10 and not service.server.sockets:
            break
        del backend.chain.blocks[next(iter(backend.chain.blocks))]
    assert not service.server.sockets
    writer.close()
    await service.stop()


async def test_a_silent_connection_is_closed(backend: ModelBackend) -> None:
    service = RpcService(backend, RpcConfig(port=0, http=replace(HTTP_LIMITS, idle_seconds=0.05)))
    await service.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    assert await asyncio.wait_for(reader.read(1), 10) == b""
    writer.close()
    await service.stop()


# ---- the end


async def test_what_belongs_to_a_connection_dies_with_it(
    dial: Dial, backend: ModelBackend, service: RpcService
) -> None:
    client = await dial()
    await client.call("chainHead_v1_follow", True)
    assert backend.chain.pins
    await client.socket.close()
    for _ in range(100):
        if not backend.chain.pins:
            break
        await asyncio.sleep(0.01)
    assert not backend.chain.pins
    assert not service.server.sockets


async def test_stopping_says_goodbye_and_frees_the_port(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0))
    await service.start()
    port = service.port
    ws = WsClient(await session.ws_connect(f"ws://127.0.0.1:{port}"))
    closing = asyncio.ensure_future(ws.closed())
    await service.stop()
    assert await closing == 1001
    again = RpcService(backend, RpcConfig(port=port))
    await again.start()
    await again.stop()


async def test_a_taken_port_is_an_error_at_start(
    service: RpcService, backend: ModelBackend
) -> None:
    with pytest.raises(OSError, match=r"(?i)address already in use"):
        await RpcService(backend, RpcConfig(port=service.port)).start()


# ---- hostile input


NAMES = build_registry(ModelBackend(), Hub(ModelBackend().chain)).names()
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)
hexes = st.binary(max_size=40).map(lambda raw: "0x" + raw.hex())
values = st.recursive(scalars | hexes, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
items = st.fixed_dictionaries({"key": values, "type": st.sampled_from(["value", "hash", "x"])})
params = st.lists(values | st.lists(items, max_size=2), max_size=5) | values
requests = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": st.integers(0, 9), "method": st.sampled_from(NAMES)},
    optional={"params": params},
)
quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quiet
@given(batch=st.lists(requests, min_size=1, max_size=20))
def test_no_parameters_whatsoever_cause_an_internal_error(batch: list[object]) -> None:
    async def converse() -> None:
        backend = ModelBackend()
        dispatcher = Dispatcher(build_registry(backend, Hub(backend.chain)), Limits())
        # Not orjson: it writes no numbers of more than 64 bits, and others do.
        raw = json.dumps(batch).encode()
        wire = StuckWire()
        connection = Connection(wire, Limits(), "peer")
        for caller in (Caller(True), Caller(True, connection=connection)):
            answers = orjson.loads(await dispatcher.respond(caller, raw) or b"[]")
            for answer in answers:
                assert answer.get("error", {}).get("code") != -32603, answer
        connection.close()

    asyncio.run(converse())
