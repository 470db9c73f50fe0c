from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from btt_chain.client import jsonrpc
from btt_chain.client.errors import (
    Disconnected,
    InvalidAnswer,
    InvalidArgument,
    RpcError,
    TimedOut,
)
from btt_chain.client.jsonrpc import Http, WebSocket, web_socket_url

Request = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer = Callable[[web.WebSocketResponse, Request], Awaitable[None]]


@asynccontextmanager
async def server(reply: Answer) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await reply(socket, json.loads(message.data))
        return socket

    app = web.Application()
    app.router.add_get("/", handle)
    app.router.add_get("/plain", plain)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def plain(_request: web.Request) -> web.Response:
    return web.Response(text="no WebSocket here")


async def answer(socket: web.WebSocketResponse, request: Request, result: object) -> None:
    await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": result})


async def notify(socket: web.WebSocketResponse, subscription: str, item: object) -> None:
    params = {"subscription": subscription, "result": item}
    await socket.send_json({"jsonrpc": "2.0", "method": "n", "params": params})


async def echo(socket: web.WebSocketResponse, request: Request) -> None:
    await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": request["params"]})


async def test_answers_find_the_call_they_belong_to() -> None:
    waiting: list[Request] = []

    async def in_reverse(socket: web.WebSocketResponse, request: Request) -> None:
        waiting.append(request)
        if len(waiting) == 3:
            for each in reversed(waiting):
                await echo(socket, each)

    async with server(in_reverse) as url, await WebSocket.connect(url, 5) as client:
        answers = await asyncio.gather(*(client.call("m", number) for number in range(3)))
    assert answers == [[0], [1], [2]]


async def test_an_error_of_the_node_says_what_why_and_its_code() -> None:
    async def refuse(socket: web.WebSocketResponse, request: Request) -> None:
        error = {"code": 1010, "message": "Invalid Transaction", "data": "bad signature"}
        await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "error": error})

    async with server(refuse) as url, await WebSocket.connect(url, 5) as client:
        with pytest.raises(RpcError) as refused:
            await client.call("author_submitExtrinsic", "0x")
    assert str(refused.value) == (
        "the node refused author_submitExtrinsic: Invalid Transaction: bad signature (code 1010)"
    )
    assert refused.value.code == 1010
    assert refused.value.data == "bad signature"


async def test_an_error_without_a_number_answers_the_only_request() -> None:
    async def unread(socket: web.WebSocketResponse, _request: Request) -> None:
        error = {"code": -32700, "message": "Parse error"}
        await socket.send_json({"jsonrpc": "2.0", "id": None, "error": error})

    async with server(unread) as url, await WebSocket.connect(url, 5) as client:
        with pytest.raises(RpcError, match="Parse error"):
            await client.call("m", "\udcff")
        with pytest.raises(InvalidArgument, match="a parameter of m is not a number"):
            await client.call("m", float("nan"))


async def test_a_node_that_keeps_silent_is_not_waited_for() -> None:
    async def silent(_socket: web.WebSocketResponse, _request: Request) -> None:
        pass

    async with server(silent) as url, await WebSocket.connect(url, 0.05) as client:
        with pytest.raises(TimedOut, match=r"did not answer m within 0\.05 s"):
            await client.call("m")


async def test_a_node_that_goes_away_fails_every_call_and_subscription() -> None:
    async def leave(socket: web.WebSocketResponse, request: Request) -> None:
        if request["method"] == "subscribe":
            await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": "s"})
            return
        await socket.close()

    async with server(leave) as url, await WebSocket.connect(url, 5) as client:
        async with client.subscribe("subscribe", "unsubscribe") as items:
            with pytest.raises(Disconnected, match="closed the connection"):
                await client.call("m")
            with pytest.raises(Disconnected, match="closed the connection"):
                await anext(items)
        with pytest.raises(Disconnected):
            await client.call("m")


async def test_no_notification_is_lost_behind_the_answer() -> None:
    unsubscribed: list[Any] = []

    async def eager(socket: web.WebSocketResponse, request: Request) -> None:
        if request["method"] == "unsubscribe":
            unsubscribed.append(request["params"])
            await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": True})
            return
        await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": "s"})
        for number in range(3):
            params = {"subscription": "s", "result": number}
            await socket.send_json({"jsonrpc": "2.0", "method": "n", "params": params})

    async with (
        server(eager) as url,
        await WebSocket.connect(url, 5) as client,
        client.subscribe("subscribe", "unsubscribe") as items,
    ):
        assert [await anext(items) for _ in range(3)] == [0, 1, 2]
    assert unsubscribed == [["s"]]


async def test_what_is_no_subscription_is_refused() -> None:
    async with server(echo) as url, await WebSocket.connect(url, 5) as client:
        with pytest.raises(InvalidAnswer, match="not with a new subscription"):
            async with client.subscribe("subscribe", "unsubscribe"):
                pass


async def test_who_is_no_node_is_named() -> None:
    async with server(echo) as url:
        with pytest.raises(Disconnected, match="it answered 200 and is not a JSON-RPC WebSocket"):
            await WebSocket.connect(f"{url}/plain", 5)
    with pytest.raises(Disconnected, match="nothing listens there; is the node running"):
        await WebSocket.connect(url, 5)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ws://node:9944", "ws://node:9944"),
        ("wss://node/x", "wss://node/x"),
        ("http://node:9944", "ws://node:9944"),
        ("https://node", "wss://node"),
    ],
)
def test_http_and_web_socket_are_the_same_port(typed: str, meant: str) -> None:
    assert web_socket_url(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "node:9944",
        "ws://",
        "ftp://node",
        "http://[",
        "ws://node:99999",
        "ws://node:x",
        "ws://:9944",
        "ws://a..b:9944",
        "ws://" + "a" * 64,
        "ws://\0",
    ],
)
def test_what_is_no_url_is_mistyped(typed: str) -> None:
    with pytest.raises(InvalidArgument, match="write it like ws://"):
        web_socket_url(typed)


@asynccontextmanager
async def served(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def http_server(body: bytes) -> AsyncIterator[str]:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with served(handle) as url:
        yield url


async def test_an_answer_that_is_too_large_is_not_read() -> None:
    spaces = b" " * (2 << 20)
    async with http_server(spaces) as url, Http(url, 5, max_answer=1 << 20) as client:
        with pytest.raises(InvalidAnswer, match="more than 1 MiB"):
            await client.call("m")


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000])
async def test_an_answer_that_is_no_json_rpc_is_named(body: bytes) -> None:
    async with http_server(body) as url, Http(url, 5) as client:
        with pytest.raises(InvalidAnswer, match="answered m with something that is not JSON-RPC"):
            await client.call("m")


async def test_notifications_that_are_not_read_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jsonrpc, "MAX_UNREAD", 2)

    async def flood(socket: web.WebSocketResponse, request: Request) -> None:
        if request["method"] == "subscribe":
            await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "result": "s"})
            for number in range(9):
                params = {"subscription": "s", "result": number}
                await socket.send_json({"jsonrpc": "2.0", "method": "n", "params": params})
        else:
            await echo(socket, request)

    async with (
        server(flood) as url,
        await WebSocket.connect(url, 5) as client,
        client.subscribe("subscribe", "unsubscribe") as items,
    ):
        await client.call("wait until all has come")
        assert [await anext(items) for _ in range(2)] == [0, 1]
        with pytest.raises(Disconnected, match="2 notifications that were not read"):
            await anext(items)


async def test_the_size_of_unread_notifications_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jsonrpc, "MAX_UNREAD_SIZE", 1_000)

    async def flood(socket: web.WebSocketResponse, request: Request) -> None:
        if request["method"] == "subscribe":
            await answer(socket, request, "s")
            for number in range(9):
                await notify(socket, "s", f"{number}" + "x" * 300)
        else:
            await echo(socket, request)

    async with (
        server(flood) as url,
        await WebSocket.connect(url, 5) as client,
        client.subscribe("subscribe", "unsubscribe") as items,
    ):
        await client.call("wait until all has come")
        assert [str(await anext(items))[0] for _ in range(2)] == ["0", "1"]
        with pytest.raises(Disconnected, match="2 notifications that were not read"):
            await anext(items)


async def test_notifications_of_unknown_subscriptions_are_dropped() -> None:
    async def invent(socket: web.WebSocketResponse, request: Request) -> None:
        for number in range(9):
            await notify(socket, f"s{number}", 0)
        await answer(socket, request, "s3")
        await notify(socket, "s3", "right")

    async with server(invent) as url, await WebSocket.connect(url, 5) as client:
        await client.call("m")
        assert not client._subscriptions
        async with client.subscribe("subscribe", "unsubscribe") as items:
            assert await anext(items) == "right"
        assert not client._subscriptions


async def test_a_second_subscription_with_the_name_of_the_first_is_refused() -> None:
    async def repeat(socket: web.WebSocketResponse, request: Request) -> None:
        await answer(socket, request, "same")
        await notify(socket, "same", request["id"])

    async with (
        server(repeat) as url,
        await WebSocket.connect(url, 5) as client,
        client.subscribe("subscribe", "unsubscribe") as items,
    ):
        assert await anext(items) == 1
        with pytest.raises(InvalidAnswer, match="not with a new subscription"):
            async with client.subscribe("subscribe", "unsubscribe"):
                pass
        assert await anext(items) == 2  # the first one goes on


async def test_a_redirect_to_another_address_is_not_followed() -> None:
    async def handle(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(target)

    async with server(echo) as target, served(handle) as url:
        with pytest.raises(Disconnected, match="redirects to another address"):
            await WebSocket.connect(url.replace("http", "ws"), 5)
        async with Http(url, 5) as client:
            with pytest.raises(InvalidAnswer, match="not JSON-RPC"):
                await client.call("m")


async def test_control_characters_of_an_error_are_escaped_and_its_length_is_bounded() -> None:
    async def refuse(socket: web.WebSocketResponse, request: Request) -> None:
        error = {"code": 1, "message": "\x1b[2Jgone\r\x9b" + "y" * 100_000}
        await socket.send_json({"jsonrpc": "2.0", "id": request["id"], "error": error})

    async with server(refuse) as url, await WebSocket.connect(url, 5) as client:
        with pytest.raises(RpcError) as refused:
            await client.call("m")
    text = str(refused.value)
    assert text.startswith("the node refused m: \\x1b[2Jgone\\r\\x9by")
    assert text.isprintable()
    assert len(text) < 5_000


async def test_who_is_cancelled_while_a_connection_closes_is_cancelled() -> None:
    async with server(echo) as url:
        client = await WebSocket.connect(url, 5)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)  # it waits for the reader
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(Disconnected):
            await client.call("m")
