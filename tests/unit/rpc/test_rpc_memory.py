"""Memory of requests and answers is given back at once, and there is a limit to it in all."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator

import orjson
import pytest

from btt_chain.rpc import answers as answers_module
from btt_chain.rpc import dispatch as dispatch_module
from btt_chain.rpc.answers import (
    FREE_ANSWER,
    MAX_ANSWERS,
    ORIGIN_SHARE,
    RESERVED,
    RETRY_AFTER,
    AnswerSpace,
    Claim,
)
from btt_chain.rpc.api import RpcService
from support.rpc_client import CallFailed, HttpClient, WsClient

MEBIBYTE = 1 << 20
ROUNDS = 12
BODY = 4 * MEBIBYTE
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (BODY + 1)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
FRAME = b"\x81\xff" + (BODY + 1).to_bytes(8, "big") + bytes(4)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Count memory while the collector of cycles does not run, as for long times in a node."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


async def until(done: Callable[[], bool], text: str) -> None:
    for _ in range(1_000):
        if done():
            return
        await asyncio.sleep(0.01)
    pytest.fail(text)


@pytest.mark.parametrize("head", [POST, UPGRADE + FRAME], ids=["post", "websocket"])
async def test_bytes_of_a_request_whose_connection_ends_are_given_back_at_once(
    service: RpcService, uncollected: None, head: bytes
) -> None:
    connections = service.server.connections
    body = b" " * BODY
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(ROUNDS):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head)
        writer.write(body)
        await until(lambda: connections.unread.total >= BODY, "the request does not come")
        writer.transport.abort()
        await until(lambda: not connections.all, "the connection does not end")
    kept, _ = tracemalloc.get_traced_memory()
    assert kept - before < 2 * BODY


# ---- answers


def test_small_answers_always_have_room_and_large_ones_share_theirs() -> None:
    space = AnswerSpace()
    large = Claim(space, "10.0.0.1")
    assert large.take(MAX_ANSWERS)
    other = Claim(space, "10.0.0.1")
    assert other.take(FREE_ANSWER)
    assert not other.take(1)
    assert other.is_refused
    large.release()
    large.release()
    assert other.take(1)
    other.release()
    assert space.used == 0


def test_an_origin_that_reads_nothing_leaves_room_for_others() -> None:
    space = AnswerSpace()
    unread = Claim(space, "10.0.0.1")
    assert unread.take(MAX_ANSWERS)
    claims = [Claim(space, f"10.0.1.{number}") for number in range(RESERVED // ORIGIN_SHARE)]
    for claim in claims:
        assert claim.take(ORIGIN_SHARE)
        assert not claim.take(1)
    assert not Claim(space, "10.0.2.1").take(FREE_ANSWER + 1)
    assert space.used == MAX_ANSWERS + RESERVED
    unread.release()
    assert claims[0].take(MAX_ANSWERS - RESERVED)
    for claim in claims:
        claim.release()
    assert space.used == 0
    assert Claim(space, "10.0.0.1").take(MAX_ANSWERS)


def large_batch(calls: int) -> bytes:
    """Return calls whose answers have 128 KiB each."""
    data = "0x" + "00" * (1 << 16)
    one = {"jsonrpc": "2.0", "method": "state_call", "params": ["Echo_echo", data]}
    return orjson.dumps([one | {"id": number} for number in range(calls)])


async def test_answers_that_are_not_taken_leave_room_for_small_ones_only(
    service: RpcService, http: HttpClient, ws: WsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "MAX_ANSWERS", 9 << 20)
    answers = service.server.dispatcher.answers
    body = large_batch(38)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1 << 12)
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await until(lambda: answers.used > 4 << 20, "the large answer is not made")
    assert await http.call("system_name") == "model node"
    status, raw = await http.raw(large_batch(38))
    assert status == 200
    refused = [each["error"] for each in orjson.loads(raw) if "error" in each]
    assert refused
    assert refused[0]["code"] == -32999
    assert refused[0]["data"] == {"retryAfter": RETRY_AFTER}
    await ws.send_raw(large_batch(38).decode())
    assert [each for each in await ws.next() if "error" in each]
    writer.transport.abort()
    await until(lambda: answers.used == 0, "the room is not given back")
    _, raw = await http.raw(large_batch(38))
    assert not [each for each in orjson.loads(raw) if "error" in each]
    await ws.send_raw(large_batch(38).decode())
    assert not [each for each in await ws.next() if "error" in each]
    assert answers.used == 0
    assert reader is not None


async def test_one_answer_without_room_is_refused_with_its_id(
    service: RpcService, http: HttpClient, ws: WsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_module, "FREE_ANSWER", 1_000)
    monkeypatch.setattr(answers_module, "FREE_ANSWER", 1_000)
    monkeypatch.setattr(answers_module, "MAX_ANSWERS", 10_000)
    monkeypatch.setattr(answers_module, "RESERVED", 0)
    for client in (http, ws):
        assert await client.call("state_call", "Echo_echo", "0x" + "00" * 2_000)
        with pytest.raises(CallFailed, match="retry after 5 s"):
            await client.call("state_call", "Echo_echo", "0x" + "00" * 6_000)
    assert service.server.dispatcher.answers.used == 0
