"""Attacks on the RPC port, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import orjson
import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.limits import HTTP_LIMITS
from btt_chain.rpc.server import RpcConfig
from btt_chain.web import admission as admission_module
from btt_chain.web import connections as connections_module
from btt_chain.web import server as server_module
from btt_chain.web import throttle as throttle_module
from btt_chain.web.budget import Rate, Rates
from support.rpc_backend import ModelBackend
from support.rpc_client import CallFailed, HttpClient, WsClient

PATIENCE = 200.0
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


Serve = Callable[[RpcConfig], Awaitable[RpcService]]


@pytest.fixture
async def serve(backend: ModelBackend) -> AsyncIterator[Serve]:
    """Start services with any configuration; they are stopped at the end."""
    services: list[RpcService] = []

    async def start(config: RpcConfig) -> RpcService:
        service = RpcService(backend, config)
        await service.start()
        services.append(service)
        return service

    yield start
    for service in services:
        await service.stop()


Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open plain connections; they are gone at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield opened
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def sent(connect: Connect, port: int, *parts: bytes) -> bytes:
    """Send raw bytes; return all that comes back until the server closes."""
    reader, writer = await connect(port)
    for part in parts:
        writer.write(part)
    return await asyncio.wait_for(reader.read(), PATIENCE)


# ---- bodies


async def test_a_body_with_a_content_encoding_is_refused_and_not_inflated(
    serve: Serve, session: ClientSession
) -> None:
    service = await serve(RpcConfig(port=0))
    call = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "system_name", "params": []})
    url = f"http://127.0.0.1:{service.port}/"
    for encoding in ("gzip", "deflate", "br", "gzip, identity"):
        headers = {"Content-Encoding": encoding}
        async with session.post(url, data=gzip.compress(call), headers=headers) as reply:
            assert reply.status == 415
            assert "Content-Encoding" in await reply.text()
    async with session.post(url, data=call, headers={"Content-Encoding": "identity"}) as reply:
        assert (await reply.json())["result"] == "model node"


async def test_a_websocket_is_not_compressed_though_the_client_offers_it(
    serve: Serve, connect: Connect, session: ClientSession
) -> None:
    service = await serve(RpcConfig(port=0))
    socket = await session.ws_connect(f"http://127.0.0.1:{service.port}/", compress=15)
    assert socket.compress == 0
    await socket.close()


async def test_incomplete_requests_take_so_much_memory_in_all_and_no_more(
    serve: Serve,
    connect: Connect,
    session: ClientSession,
) -> None:
    service = await serve(RpcConfig(port=0, http=replace(HTTP_LIMITS, unread_bytes=200_000)))
    for _ in range(10):
        _, writer = await connect(service.port)
        writer.write(HANDSHAKE)
        writer.write(b"\x81\xff" + (1 << 20).to_bytes(8, "big") + bytes(4) + b"x" * 50_000)
    http = HttpClient(session, service.port)
    for _ in range(200):
        assert await http.call("system_name") == "model node"
        assert service.server.connections.unread.total <= 200_000 + 300_000
        if len(service.server.sockets) <= 4:
            break
        await asyncio.sleep(0.02)
    assert 1 <= len(service.server.sockets) <= 4


# ---- connections


async def test_a_silent_websocket_makes_room_unless_it_waits_for_notifications(
    serve: Serve,
    connect: Connect,
    session: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections_module, "MIN_SILENCE", 0.0)
    monkeypatch.setattr(connections_module, "SCAN_EVERY", 0.0)
    service = await serve(RpcConfig(port=0, http=replace(HTTP_LIMITS, connections=2)))
    url = f"http://127.0.0.1:{service.port}/"
    subscriber = WsClient(await session.ws_connect(url))
    await subscriber.call("chain_subscribeNewHeads")
    silent = WsClient(await session.ws_connect(url))
    await silent.call("system_name")
    async with ClientSession() as other:
        assert await HttpClient(other, service.port).call("system_name") == "model node"
    assert await silent.closed() is not None
    assert await subscriber.call("system_name") == "model node"
    await subscriber.socket.close()


async def test_a_lack_of_descriptors_delays_the_next_connection_and_ends_nothing(
    serve: Serve, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await serve(RpcConfig(port=0))
    loop, failures = asyncio.get_running_loop(), [OSError(24, "Too many open files")] * 2
    accept = loop.sock_accept

    async def exhausted(sock: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return await accept(sock)

    monkeypatch.setattr(loop, "sock_accept", exhausted)
    # The accept under way is the loop's own; the next ones fail.
    for _ in range(3):
        async with ClientSession() as other:
            assert await HttpClient(other, service.port).call("system_name") == "model node"
    assert not failures


async def test_a_body_that_trickles_is_cut_off(serve: Serve, connect: Connect) -> None:
    service = await serve(RpcConfig(port=0, http=replace(HTTP_LIMITS, busy_seconds=0.1)))
    _, writer = await connect(service.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    _, fragments = await connect(service.port)
    fragments.write(HANDSHAKE + b"\x01\x81" + bytes(4) + b"{")
    await asyncio.sleep(0.3)
    service.server.connections.sweep()
    assert not service.server.connections.all


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(500)) + b"\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_heads_that_are_none_are_a_bad_request(
    serve: Serve, connect: Connect, head: bytes
) -> None:
    service = await serve(RpcConfig(port=0))
    assert (await sent(connect, service.port, head)).startswith(b"HTTP/1.")
    async with ClientSession() as session:
        assert await HttpClient(session, service.port).call("system_name") == "model node"


# ---- floods


async def test_a_flood_of_pings_is_charged_and_cut_off(
    serve: Serve, connect: Connect, session: ClientSession
) -> None:
    service = await serve(RpcConfig(port=0))
    reader, writer = await connect(service.port)
    writer.write(HANDSHAKE)
    http = HttpClient(session, service.port)
    closed = asyncio.ensure_future(reader.read())  # takes the pongs
    cut = False
    for _ in range(400):
        try:
            writer.write(b"\x89\x80\0\0\0\0" * 20_000)
            await asyncio.wait_for(writer.drain(), 0.05)
        except TimeoutError:
            pass
        except ConnectionError:
            cut = True
        cut = cut or closed.done() or not service.server.sockets
        assert await http.call("system_name") == "model node"
        if cut:
            break
    assert cut
    closed.cancel()


async def test_waste_is_slowed_down_and_cut_off_while_others_are_answered(
    serve: Serve, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = Rates(Rate(0.8, 10.0), Rate(0.8, 10.0), Rate(0.1, 0.02))
    monkeypatch.setattr(connections_module, "LOCAL", rates)
    monkeypatch.setattr(throttle_module, "MAX_WASTE", 3)
    service = await serve(RpcConfig(port=0))
    url = f"http://127.0.0.1:{service.port}/"
    attacker = await session.ws_connect(url)
    operator = WsClient(await session.ws_connect(url))
    waste = b'{"jsonrpc":"2.0","id":1,"method":"nothing","params":["' + b"0" * 500_000 + b'"]}'

    async def flood() -> None:
        while not attacker.closed:
            await attacker.send_bytes(waste)
            message = await attacker.receive()
            if message.type is not WSMsgType.TEXT:
                return

    task = asyncio.create_task(flood())
    while not task.done():
        assert await asyncio.wait_for(operator.call("system_name"), 5) == "model node"
        await asyncio.sleep(0.05)
    assert attacker.close_code in {1008, 1006}
    await operator.socket.close()


# ---- proxies


async def test_behind_a_trusted_proxy_callers_are_external_by_their_own_address(
    serve: Serve, connect: Connect, session: ClientSession
) -> None:
    limits = replace(HTTP_LIMITS, connections_per_address=2, rate=20, burst=20)
    service = await serve(RpcConfig(port=0, http=limits, trusted_proxies=("127.0.0.1",)))
    url = f"http://127.0.0.1:{service.port}/"
    first = {"X-Forwarded-For": "203.0.113.1"}
    second = {"X-Forwarded-For": "127.0.0.1, 203.0.113.2"}
    sockets = [await session.ws_connect(url, headers=first) for _ in range(2)]
    with pytest.raises(WSServerHandshakeError, match="429"):
        await session.ws_connect(url, headers=first)
    sockets.append(await session.ws_connect(url, headers=second))
    client = WsClient(sockets[0])
    with pytest.raises(CallFailed, match="unsafe to be called externally"):
        await client.call("system_peers")
    assert service.server.connections.admission.total == 3
    # Rates are counted by that address, too.
    call = {"jsonrpc": "2.0", "id": 1, "method": "system_name", "params": []}
    for headers in (first, second):
        async with session.post(url, json=[call] * 30, headers=headers) as reply:
            answers = await reply.json()
        assert 18 <= sum("result" in answer for answer in answers) <= 24
    for open_socket in sockets:
        await open_socket.close()


async def test_a_trusted_proxy_that_names_no_caller_is_external_itself(
    serve: Serve, session: ClientSession
) -> None:
    service = await serve(RpcConfig(port=0, trusted_proxies=("127.0.0.1",)))
    http = HttpClient(session, service.port)
    assert await http.call("system_name") == "model node"
    with pytest.raises(CallFailed, match="unsafe to be called externally"):
        await http.call("system_peers")


@pytest.mark.parametrize(
    "mark", ["X-Forwarded-For", "forwarded", "X-Real-IP", "Via", "fly-client-ip"]
)
async def test_callers_of_a_proxy_that_is_not_trusted_are_external_and_share_one_address(
    serve: Serve, session: ClientSession, mark: str, caplog: pytest.LogCaptureFixture
) -> None:
    limits = replace(HTTP_LIMITS, connections_per_address=3)
    service = await serve(RpcConfig(port=0, methods=MethodPolicy.AUTO, http=limits))
    url = f"http://127.0.0.1:{service.port}/"
    call = {"jsonrpc": "2.0", "id": 1, "method": "system_peers", "params": []}
    async with session.post(url, json=call, headers={mark: "203.0.113.1"}) as reply:
        assert "unsafe" in (await reply.json())["error"]["message"]
    # The first takes over the connection of the request above.
    sockets = [await session.ws_connect(url, headers={mark: f"203.0.113.{n}"}) for n in (2, 3, 4)]
    with pytest.raises(WSServerHandshakeError, match="429"):
        await session.ws_connect(url, headers={mark: "203.0.113.5"})
    with pytest.raises(CallFailed, match="unsafe to be called externally"):
        await WsClient(sockets[0]).call("system_peers")
    assert len([line for line in caplog.messages if "--rpc-trusted-proxy" in line]) == 1
    async with ClientSession() as here:
        assert await HttpClient(here, service.port).call("system_peers") is not None
    for open_socket in sockets:
        await open_socket.close()


async def test_websockets_through_a_proxy_make_room_for_each_other(
    backend: ModelBackend, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission_module, "MIN_SILENCE", 0.0)
    limits = replace(HTTP_LIMITS, connections_external=4, connections_per_address=8)
    config = RpcConfig(port=0, origins=("all",), http=limits, trusted_proxies=("127.0.0.1",))
    service = RpcService(backend, config)
    await service.start()

    async def dial(address: str) -> WsClient:
        url = f"ws://127.0.0.1:{service.port}"
        return WsClient(await session.ws_connect(url, headers={"X-Forwarded-For": address}))

    silent = [await dial("203.0.113.1") for _ in range(2)]
    waiting = [await dial("203.0.113.1") for _ in range(2)]
    for client in waiting:
        await client.call("chain_subscribeNewHeads")
    honest = await dial("198.51.100.1")
    assert await honest.call("system_name") == "model node"
    assert await silent[0].closed() is not None
    assert await silent[1].call("system_name") == "model node"
    assert service.server.connections.admission.total == 4
    # A network with as many as another takes no place from it.
    monkeypatch.setattr(admission_module, "MIN_SILENCE", 100.0)
    with pytest.raises(WSServerHandshakeError, match="429"):
        await dial("198.51.100.2")
    for client in (*silent[1:], *waiting, honest):
        assert await client.call("system_name") == "model node"
        await client.socket.close()
    await service.stop()
    assert service.server.connections.admission.total == 0


# ---- clients that are gone


async def test_only_the_client_that_answers_pings_stays_connected(
    backend: ModelBackend, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)
    service = RpcService(backend, RpcConfig(port=0, http=replace(HTTP_LIMITS, ping_seconds=0.2)))
    await service.start()
    url = f"ws://127.0.0.1:{service.port}"
    answers = await session.ws_connect(url)
    silent = await session.ws_connect(url, autoping=False)
    reader = asyncio.ensure_future(answers.receive())
    assert (await asyncio.wait_for(silent.receive(), 10)).type is WSMsgType.PING
    gone = await asyncio.wait_for(silent.receive(), 10)
    assert gone.type in {WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR, WSMsgType.CLOSE}
    assert not reader.done()
    await answers.send_str('{"jsonrpc":"2.0","id":1,"method":"system_name"}')
    assert '"result"' in (await asyncio.wait_for(reader, 10)).data
    await service.stop()
