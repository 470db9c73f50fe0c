"""Small calls are answered when their bytes arrive; all else takes the usual way, in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btt_chain.rpc.api import RpcService
from btt_chain.rpc.conversation import Conversation
from btt_chain.rpc.registry import Registry, method
from btt_chain.rpc.server import RpcConfig, RpcServer
from btt_chain.web.frames import MAX_SMALL, FrameBoundaries, small_text, text_frame
from support.rpc_backend import ModelBackend
from support.rpc_client import PATIENCE

TEXT, CONTINUATION, CLOSE, PING = 1, 0, 8, 9
LARGE = bytes(70_000)


def client_frame(
    payload: bytes, kind: int = TEXT, *, final: bool = True, mask: bytes = b""
) -> bytes:
    """Encode a frame as a client does, with a random mask unless one is given."""
    key = mask or (bytes(4) if payload is LARGE else os.urandom(4))
    size = len(payload)
    if size < 126:
        head = bytes((final << 7 | kind, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((final << 7 | kind, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((final << 7 | kind, 0x80 | 127)) + size.to_bytes(8)
    if not any(key):
        return head + key + payload
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def request(id: int, name: str = "system_name", *params: object) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": name, "params": list(params)})


# ---- one frame


@given(st.binary(max_size=MAX_SMALL), st.binary(min_size=4, max_size=4))
def test_a_small_text_frame_is_read_whole(payload: bytes, mask: bytes) -> None:
    assert small_text(client_frame(payload, mask=mask)) == payload


@given(st.binary(max_size=300))
def test_all_other_frames_are_left_to_the_parser(payload: bytes) -> None:
    whole = client_frame(payload)
    unmasked = bytes((whole[0], whole[1] & 0x7F)) + whole[2:]
    others = [
        whole[:-1],
        whole + b"\x81",
        whole + whole,
        unmasked,
        client_frame(payload, final=False),
        client_frame(payload, CONTINUATION),
        client_frame(payload, 2),
        client_frame(payload[:125], PING),
        bytes((whole[0] | 0x40,)) + whole[1:],
        client_frame(bytes(MAX_SMALL + 1), mask=bytes(4)),
        client_frame(LARGE),
    ]
    assert [small_text(other) for other in others] == [None] * len(others)


def test_a_short_length_in_the_long_form_is_left_to_the_parser() -> None:
    assert small_text(b"\x81\xfe\x00\x02" + bytes(4) + b"{}") is None


@given(st.binary(max_size=60_000))
def test_answers_are_frames_of_a_server(text: bytes) -> None:
    frame = text_frame(text)
    assert frame.endswith(text)
    assert frame[0] == 0x81
    head = frame[1 : len(frame) - len(text)]
    assert head == (bytes((len(text),)) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2))


# ---- boundaries


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Split bytes at some positions."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(places)]


frames = st.lists(
    st.tuples(
        st.sampled_from([TEXT, 2, CONTINUATION, PING]),
        st.booleans(),
        st.one_of(st.binary(max_size=200), st.just(LARGE)),
        st.booleans(),
    ),
    max_size=6,
)


@given(frames, st.lists(st.integers(0, 1 << 20), max_size=8))
def test_the_boundaries_between_messages_are_found_however_bytes_are_cut(
    sent: list[tuple[int, bool, bytes, bool]], cuts: list[int]
) -> None:
    data, between = b"", {0}
    is_open = False
    for kind, final, payload, masked in sent:
        if kind == PING:
            data += client_frame(payload[:125], PING)
        else:
            frame = client_frame(payload, kind, final=final)
            size = len(payload)
            at = 2 if size < 126 else 4 if size < 1 << 16 else 10
            plain = bytes((frame[0], frame[1] & 0x7F)) + frame[2:at] + payload
            data += frame if masked else plain
            is_open = not final
        if not is_open:
            between.add(len(data))
    follower, at = FrameBoundaries(), 0
    for piece in pieces_of(data, cuts):
        follower.feed(piece)
        at += len(piece)
        assert follower.is_between == (at in between)


# ---- over a socket


class Client:
    """A WebSocket of which a test writes each byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, with_head: bytes = b"") -> Client:
        """Open a WebSocket; `with_head` is sent in one piece with the request for it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.write(head.encode() + with_head)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert b" 101 " in answer
        return cls(reader, writer)

    async def send(self, *pieces: bytes) -> None:
        """Send bytes, each piece by itself as far as the system lets it."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.001)

    async def frame(self) -> tuple[int, bytes]:
        """Return kind and payload of the next frame."""

        async def read() -> tuple[int, bytes]:
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

        return await asyncio.wait_for(read(), PATIENCE)

    async def id(self) -> object:
        """Return the id of the next answer."""
        kind, payload = await self.frame()
        assert kind == TEXT
        return orjson.loads(payload)["id"]

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
def answered_at_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each piece of received bytes: True if it was answered when it arrived."""
    found: list[bool] = []
    answer = Conversation.answer

    def counted(self: Conversation, data: bytes) -> bool:
        found.append(answer(self, data))
        return found[-1]

    monkeypatch.setattr(Conversation, "answer", counted)
    return found


async def test_a_small_call_is_answered_when_its_bytes_arrive(
    service: RpcService, answered_at_once: list[bool]
) -> None:
    client = await Client.connect(service.port)
    for id in range(3):
        await client.send(client_frame(request(id)))
        assert await client.id() == id
    assert answered_at_once == [True] * 3
    client.close()


async def test_after_a_message_in_pieces_small_calls_are_answered_at_once_again(
    service: RpcService, answered_at_once: list[bool]
) -> None:
    client = await Client.connect(service.port)
    whole = client_frame(request(1))
    await client.send(whole[:9])
    await client.send(whole[9:] + client_frame(request(2), final=False))
    assert await client.id() == 1
    await client.send(client_frame(b" ", CONTINUATION))
    assert await client.id() == 2
    assert not any(answered_at_once)
    await client.send(client_frame(request(3)))
    assert await client.id() == 3
    assert answered_at_once[-1]
    client.close()


async def test_the_rest_of_a_message_is_never_taken_for_a_call(
    service: RpcService, answered_at_once: list[bool]
) -> None:
    """Send a message whose payload ends with a whole frame with a call, in two pieces."""
    inner = client_frame(request(666), mask=bytes(4))
    client = await Client.connect(service.port)
    frame = client_frame(b" " * 300 + inner, 2, mask=bytes(4))
    head = len(frame) - len(inner)
    await client.send(frame[:head])
    await client.send(frame[head:])
    kind, answer = await client.frame()
    assert kind == TEXT
    assert orjson.loads(answer)["id"] is None  # one message, and no JSON
    assert not any(answered_at_once)
    client.close()


async def test_bytes_that_came_with_the_handshake_are_followed(
    service: RpcService, answered_at_once: list[bool]
) -> None:
    whole = client_frame(request(1))
    client = await Client.connect(service.port, with_head=whole[:5])
    await client.send(whole[5:])
    assert await client.id() == 1
    await client.send(client_frame(request(2)))
    assert await client.id() == 2
    assert answered_at_once == [False, True]
    client.close()


async def test_subscriptions_batches_and_errors_take_the_usual_way(
    service: RpcService, backend: ModelBackend, answered_at_once: list[bool]
) -> None:
    client = await Client.connect(service.port)
    await client.send(client_frame(request(1, "chain_subscribeNewHeads")))
    assert await client.id() == 1
    await client.frame()  # the first head
    await client.send(client_frame(b"[" + request(2) + b"]"))
    await client.frame()
    await client.send(client_frame(b"{"))
    assert await client.id() is None
    assert not any(answered_at_once)
    await client.send(client_frame(request(3)))
    backend.chain.block()
    kinds = [orjson.loads((await client.frame())[1]) for _ in range(2)]
    assert sorted("id" in kind for kind in kinds) == [False, True]
    client.close()


async def test_a_ping_and_a_close_are_answered_between_small_calls(service: RpcService) -> None:
    client = await Client.connect(service.port)
    await client.send(client_frame(request(1)))
    assert await client.id() == 1
    await client.send(client_frame(b"here", PING))
    assert await client.frame() == (10, b"here")
    await client.send(client_frame(request(2)))
    assert await client.id() == 2
    await client.send(client_frame((1000).to_bytes(2), CLOSE))
    assert (await client.frame())[0] == CLOSE
    client.close()


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["whole", "fragments", "ping", "long"]), min_size=1, max_size=8),
    st.lists(st.integers(0, 1 << 12), max_size=6),
)
async def test_however_calls_are_sent_each_is_answered_once_and_in_order(
    service: RpcService, sent: list[str], cuts: list[int]
) -> None:
    data, ids = b"", []
    for id, form in enumerate(sent):
        call = request(id)
        if form == "ping":
            data += client_frame(b"", PING)
            continue
        ids.append(id)
        if form == "long":
            call = call[:-1] + b" " * (MAX_SMALL + 1) + b"}"
        if form == "fragments":
            data += client_frame(call[:7], final=False) + client_frame(b"", PING)
            data += client_frame(call[7:], CONTINUATION)
        else:
            data += client_frame(call)
    client = await Client.connect(service.port)
    await client.send(*pieces_of(data, cuts))
    answered: list[int] = []
    while len(answered) < len(ids):
        kind, payload = await client.frame()
        if kind == TEXT:
            answered.append(orjson.loads(payload)["id"])
    assert answered == ids
    client.close()


class Large:
    """A method with an answer that a socket's buffer does not take."""

    @method("large")
    def large(self) -> str:
        """Return it."""
        return "x" * 400_000


async def test_large_answers_to_small_calls_wait_for_their_reader() -> None:
    registry = Registry()
    registry.add(Large())
    server = RpcServer(registry, RpcConfig(port=0))
    await server.start()
    client = await Client.connect(server.port)
    count, unsent = 60, []
    for id in range(count):
        await client.send(client_frame(request(id, "large")))
        unsent += [
            one.transport.get_write_buffer_size()
            for one in server.connections.all
            if one.transport is not None
        ]
    assert 0 < max(unsent) < 2 * 400_000
    assert [await client.id() for _ in range(count)] == list(range(count))
    client.close()
    await server.stop()
