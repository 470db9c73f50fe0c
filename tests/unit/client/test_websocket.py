"""The client's WebSocket against servers that keep the protocol, and others."""

from __future__ import annotations

import asyncio
import gc
import ssl
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from errno import EHOSTUNREACH
from hashlib import sha1
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET, socketpair
from typing import Final, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from btt_chain.client import jsonrpc, websocket
from btt_chain.client.errors import Disconnected, TimedOut
from btt_chain.client.jsonrpc import WebSocket
from btt_chain.client.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Address,
    Frames,
    Socket,
    WrongFrame,
    frame,
)

LIMIT: Final = 1 << 10
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWER: Final = b'{"jsonrpc":"2.0","id":1,"result":7}'

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most servers here do not close their side."""
    monkeypatch.setattr(websocket, "CLOSING", 0.1)


def of_server(opcode: int, payload: bytes, *, is_last: bool = True) -> bytes:
    """Return a frame of a server, which is not masked."""
    first = bytes((opcode | (0x80 if is_last else 0),))
    if len(payload) <= 125:
        return first + bytes((len(payload),)) + payload
    return first + b"\x7f" + struct.pack(">Q", len(payload)) + payload


async def received(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return a frame of a client, unmasked."""
    first, second = await reader.readexactly(2)
    assert first & 0x70 == 0
    assert second & 0x80, "a client masks"
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(size)
    return first & 0x0F, bytes(each ^ mask[at % 4] for at, each in enumerate(masked))


@asynccontextmanager
async def server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve every connection by `talk`, and yield the port."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def shake(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, more: bytes = b""
) -> bytes:
    """Accept a WebSocket, and return the head of the request."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = b64encode(sha1(key + GUID, usedforsecurity=False).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
        b"connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " + accept + more + b"\r\n\r\n"
    )
    return head


def answering(*frames: bytes) -> Talk:
    """Return a server that answers the first request with frames, and keeps the connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await received(reader)
        for each in frames:
            writer.write(each)
        await reader.read()

    return talk


def instead(answer: bytes) -> Talk:
    """Return a server that answers the opening of a WebSocket with something else."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()

    return talk


async def called(talk: Talk) -> object:
    """Return the answer to one call."""
    async with (
        server(talk) as port,
        await WebSocket.connect(f"ws://127.0.0.1:{port}", 5, max_answer=LIMIT) as client,
    ):
        return await client.call("m")


# ---- frames


def test_frames_are_read_wherever_the_bytes_are_cut() -> None:
    message = of_server(TEXT, b"a" * 300, is_last=False)
    message += of_server(PING, b"p") + of_server(CONTINUATION, b"b" * 126)
    expected = [(PING, b"p"), (TEXT, b"a" * 300 + b"b" * 126)]
    for size in (1, 2, 7, 64, len(message)):
        frames, found = Frames(LIMIT), list[tuple[int, bytes]]()
        for start in range(0, len(message), size):
            found += frames.feed(message[start : start + size])
        assert found == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x81\x81", 1002),  # masked
        (b"\xc1\x00", 1002),  # a reserved bit
        (b"\x83\x00", 1002),  # an opcode without a meaning
        (b"\x80\x00", 1002),  # a continuation of nothing
        (b"\x01\x01a\x81\x00", 1002),  # a message in a message
        (b"\x09\x00", 1002),  # a ping in parts
        (b"\x89\x7e\x00\x7e", 1002),  # a ping that is too large
        (b"\x81\x7f" + (LIMIT + 1).to_bytes(8, "big"), 1009),
        (b"\x81\x7f" + b"\xff" * 8, 1009),
    ],
)
def test_a_wrong_frame_is_refused_by_its_head(raw: bytes, code: int) -> None:
    with pytest.raises(WrongFrame) as refused:
        list(Frames(LIMIT).feed(raw))
    assert refused.value.code == code


def test_the_parts_of_a_message_are_bounded_together() -> None:
    frames = Frames(LIMIT)
    part = b"a" * (LIMIT // 2)
    assert not list(frames.feed(of_server(TEXT, part, is_last=False)))
    assert not list(frames.feed(of_server(CONTINUATION, part, is_last=False)))
    assert not list(frames.feed(of_server(CONTINUATION, b"", is_last=False) * 1_000))
    with pytest.raises(WrongFrame) as refused:
        list(frames.feed(of_server(CONTINUATION, b"a")))
    assert refused.value.code == 1009


def test_what_came_before_a_wrong_frame_is_not_lost() -> None:
    found = Frames(LIMIT).feed(of_server(TEXT, b"x") + b"\x83\x00")
    assert next(found) == (TEXT, b"x")
    with pytest.raises(WrongFrame):
        next(found)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_001])
async def test_a_frame_of_the_client_is_masked_and_whole(size: int) -> None:
    payload = bytes(at % 251 for at in range(size))
    reader = asyncio.StreamReader(limit=1 << 20)
    reader.feed_data(frame(TEXT, payload))
    assert await received(reader) == (TEXT, payload)


# ---- connections


async def test_a_message_in_parts_with_a_ping_between_is_one_answer() -> None:
    pongs = asyncio.Queue[tuple[int, bytes]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await received(reader)
        writer.write(of_server(BINARY, b"ignored") + of_server(TEXT, ANSWER[:9], is_last=False))
        writer.write(of_server(PING, b"there?"))
        pongs.put_nowait(await received(reader))
        writer.write(of_server(CONTINUATION, ANSWER[9:]))
        pongs.put_nowait(await received(reader))

    assert await called(talk) == 7
    assert await pongs.get() == (PONG, b"there?")
    assert await pongs.get() == (CLOSE, b"\x03\xe8")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (of_server(TEXT, b"\xff\xfe"), "sent something that is not JSON-RPC: check"),
        (of_server(TEXT, b"<html>"), "sent something that is not JSON-RPC: check"),
        (of_server(TEXT, b"[" * 1_000), "sent something that is not JSON-RPC: check"),
        (of_server(TEXT, b" " * LIMIT + ANSWER), "sent too large a message: check"),
        (b"\x81\x7f" + b"\xff" * 8, "sent too large a message: check"),
        (b"\x83\x00", "sent a frame that breaks the protocol: check"),
        (of_server(CLOSE, b"\x03\xe9bye"), "closed the connection; is the node running"),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_named(raw: bytes, reason: str) -> None:
    with pytest.raises(Disconnected, match=reason):
        await called(answering(raw))


async def test_a_message_of_too_many_parts_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonrpc, "MAX_PARTS", 8)
    most, more = (
        b'{"jsonrpc":"2.0","id":1,"result":[%s]}' % part for part in (b"1,1,1,1,1", b"{},{},{},{}")
    )
    assert await called(answering(of_server(TEXT, most))) == [1] * 5
    with pytest.raises(Disconnected, match="sent something that is not JSON-RPC"):
        await called(answering(of_server(TEXT, more)))


@pytest.mark.parametrize(
    "flood", [of_server(PING, b""), of_server(CONTINUATION, b"", is_last=False)]
)
async def test_small_frames_without_end_do_not_outlast_a_call(flood: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        writer.write(of_server(TEXT, b"", is_last=False))
        while True:
            writer.write(flood * 1_000)
            await writer.drain()

    async with (
        server(talk) as port,
        await WebSocket.connect(f"ws://127.0.0.1:{port}", 1) as client,
    ):
        with pytest.raises(TimedOut, match="did not answer m within"):
            await client.call("m")


async def test_of_pings_that_are_read_at_once_the_last_is_answered() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(of_server(PING, b"first") + of_server(PING, b"last") + of_server(TEXT, b"end"))
    reader.feed_eof()
    ours, theirs = socketpair()
    with theirs:
        _, writer = await asyncio.open_connection(sock=ours)
        socket = Socket(reader, writer, LIMIT)
        assert [each async for each in socket.messages()] == ["end"]
        await socket.close()
        answers = asyncio.StreamReader()
        answers.feed_data(theirs.recv(1_000))
        assert await received(answers) == (PONG, b"last")
        assert (await received(answers))[0] == CLOSE


async def lose_route() -> None:
    """Lose the route to a server that has not read a whole request."""
    ours, theirs = socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        async with WebSocket(Socket(reader, writer, LIMIT), "ws://node", 20) as client:
            calling = asyncio.create_task(client.call("m", "x" * (4 << 20)))
            while not writer.transport.get_write_buffer_size():
                await asyncio.sleep(0)
            # What a transport calls when the system reports the error.
            lost = OSError(EHOSTUNREACH, "No route to host")
            writer.transport.get_protocol().connection_lost(lost)
            with pytest.raises(Disconnected, match="closed the connection"):
                await calling


async def test_a_connection_that_breaks_while_a_request_is_sent_is_closed() -> None:
    """A lost route is not a ConnectionError."""
    logged = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    await lose_route()
    await asyncio.sleep(0)
    gc.collect()
    assert not logged


async def test_a_message_that_is_too_large_is_refused_with_its_code() -> None:
    codes = asyncio.Queue[tuple[int, bytes]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await received(reader)
        writer.write(b"\x81\x7f" + (LIMIT + 1).to_bytes(8, "big"))
        codes.put_nowait(await received(reader))

    async with server(talk) as port:
        async with await WebSocket.connect(f"ws://127.0.0.1:{port}", 5, max_answer=LIMIT) as client:
            with pytest.raises(Disconnected):
                await client.call("m")
        async with asyncio.timeout(10):
            assert await codes.get() == (CLOSE, b"\x03\xf1")


async def test_pongs_for_a_server_that_reads_nothing_are_not_kept() -> None:
    ours, theirs = socketpair()
    for each in (ours, theirs):
        each.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 12)
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        socket = Socket(reader, writer, LIMIT)
        pings = of_server(PING, b"x" * 125) * 3_000 + of_server(TEXT, b"end")
        sending = asyncio.create_task(asyncio.to_thread(theirs.sendall, pings))
        assert await anext(socket.messages()) == "end"
        assert 0 < writer.transport.get_write_buffer_size() < websocket.MAX_UNSENT + 200
        await sending
        await socket.close()


async def test_a_server_that_is_silent_is_sent_a_ping_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "HEARTBEAT", 0.05)
    monkeypatch.setattr(websocket, "PATIENCE", 0.05)
    pings = asyncio.Queue[tuple[int, bytes]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await received(reader)
        for _ in range(3):
            pings.put_nowait(await received(reader))
            if pings.qsize() < 3:
                writer.write(of_server(PONG, b""))
        await reader.read()

    with pytest.raises(Disconnected, match="closed the connection"):
        await called(talk)
    assert [pings.get_nowait() for _ in range(3)] == [(PING, b"")] * 3


async def test_a_server_that_does_not_close_is_left_after_a_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer)
        await received(reader)
        writer.write(of_server(TEXT, ANSWER))
        while True:  # ignores the close frame
            writer.write(of_server(TEXT, b"0" * 1_000))
            await writer.drain()

    async with asyncio.timeout(30):
        assert await called(talk) == 7


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it does not answer by HTTP and is not a JSON-RPC WebSocket"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "it answered 404 and is not a JSON-RPC WebSocket"),
        (b"HTTP/1.1 101 Yes\r\n\r\n", "it answered 101 and is not a JSON-RPC WebSocket"),
        (
            (
                b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: of another key\r\n\r\n"
            ),
            "it answered 101 and is not a JSON-RPC WebSocket",
        ),
        (
            b"HTTP/1.1 308 There\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
            "it redirects to another address, which is not followed",
        ),
        (b"HTTP/1.1 101 OK\r\n" + b"a: b\r\n" * 20_000, "its answer begins with more than 64 KiB"),
        (b"x" * 200_000, "its answer begins with more than 64 KiB"),
    ],
)
async def test_a_server_of_another_kind_is_named(answer: bytes, reason: str) -> None:
    async with server(instead(answer)) as port:
        url = f"ws://127.0.0.1:{port}"
        with pytest.raises(Disconnected) as refused:
            await WebSocket.connect(url, 5)
    assert str(refused.value) == f"cannot connect to {url}: {reason}; is the node running?"


async def test_an_extension_that_was_not_offered_is_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake(reader, writer, b"\r\nSec-WebSocket-Extensions: permessage-deflate")
        await reader.read()

    async with server(talk) as port:
        with pytest.raises(Disconnected, match="answered 101 and is not a JSON-RPC WebSocket"):
            await WebSocket.connect(f"ws://127.0.0.1:{port}", 5)


async def test_a_server_that_hangs_up_or_says_nothing_is_named() -> None:
    async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(hang_up) as port:
        with pytest.raises(Disconnected, match=r"Server disconnected|Connection reset"):
            await WebSocket.connect(f"ws://127.0.0.1:{port}", 5)
    async with server(silent) as port:
        with pytest.raises(Disconnected, match="no answer in time; is the node running"):
            await WebSocket.connect(f"ws://127.0.0.1:{port}", 0.05)


async def test_a_name_with_two_addresses_that_refuse_is_said_in_one_sentence() -> None:
    with pytest.raises(Disconnected) as refused:
        await WebSocket.connect("ws://localhost:1", 5)
    assert "localhost:1: nothing listens there" in str(refused.value)
    with pytest.raises(Disconnected, match=r"cannot connect to ws://node\.invalid:9944: "):
        await WebSocket.connect("ws://node.invalid:9944", 20)


# ---- requests and encryption


@pytest.mark.parametrize(
    ("url", "named", "path"),
    [
        ("ws://127.0.0.1:9944", "127.0.0.1:9944", "/"),
        ("ws://[::1]:9944", "[::1]:9944", "/"),
        ("wss://Node.example", "node.example", "/"),
        ("wss://node.example:443/a%20b?key=c", "node.example", "/a%20b?key=c"),
        ("ws://node/a b\x0b?q=ü", "node", "/a%20b%0B?q=%C3%BC"),
        ("ws://bücher.example:1", "xn--bcher-kva.example:1", "/"),
        ("ws://a b", "a%20b", "/"),
    ],
)
def test_a_request_has_the_parts_of_the_url(url: str, named: str, path: str) -> None:
    lines = Address.of(url).request("KEY").decode().split("\r\n")
    assert lines[0] == f"GET {path} HTTP/1.1"
    assert f"Host: {named}" in lines
    assert "Sec-WebSocket-Key: KEY" in lines
    assert lines[-2:] == ["", ""]
    assert not [line for line in lines if line.startswith("Authorization")]


async def test_user_and_password_of_the_url_are_sent() -> None:
    heads = asyncio.Queue[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.put_nowait(await shake(reader, writer))
        await reader.read()

    async with server(talk) as port:
        socket = await Socket.open(f"ws://me:p%40ss@127.0.0.1:{port}/", LIMIT)
        await socket.close()
    assert b"\r\nAuthorization: Basic " + b64encode(b"me:p@ss") + b"\r\n" in await heads.get()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost that it signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_is_not_trusted_is_refused(tls: ssl.SSLContext) -> None:
    async with server(answering(of_server(TEXT, ANSWER)), tls) as port:
        with pytest.raises(Disconnected, match="certificate verify failed: self-signed"):
            await WebSocket.connect(f"wss://localhost:{port}", 5)


async def test_a_trusted_certificate_counts_for_its_name_only(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with server(answering(of_server(TEXT, ANSWER)), tls) as port:
        for scheme in ("wss", "https"):
            async with await WebSocket.connect(f"{scheme}://localhost:{port}", 5) as client:
                assert await client.call("m") == 7
        with pytest.raises(Disconnected, match="IP address mismatch"):
            await WebSocket.connect(f"wss://127.0.0.1:{port}", 5)


async def test_a_server_without_encryption_is_no_wss() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with server(talk) as port:
        with pytest.raises(Disconnected, match=r"SSL|ssl"):
            await WebSocket.connect(f"wss://localhost:{port}", 5)
