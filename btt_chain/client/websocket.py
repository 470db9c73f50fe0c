"""A WebSocket to a server: the client's half of RFC 6455, text messages without extensions.

On asyncio's streams alone: the import of a general client of HTTP takes longer than a query. What
a server sends is bounded before it is kept: the head of its first answer by `MAX_HEAD`, a message
by the sizes that its frames announce.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from hashlib import sha1
from typing import Final, Self
from urllib.parse import quote, unquote, urlsplit

from btt_chain.lazyclass import dataclass

MAX_HEAD: Final = 64 << 10
"""Maximum bytes of the head of the server's first answer, and of what is read at once."""
MAX_UNSENT: Final = 64 << 10
"""Bytes that the server has not yet accepted at which its pings are not answered."""
HEARTBEAT: Final = 30.0
"""Seconds without any data after which the server is sent a ping."""
PATIENCE: Final = 15.0
"""Seconds without any data, not even a pong, after which the connection counts as broken."""
CLOSING: Final = 1.0
"""Seconds for the server's part of closing."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, WRONG, TOO_LARGE = 1000, 1002, 1009
"""Codes with which a connection is closed."""

_PORTS: Final = {"ws": 80, "wss": 443}
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PLAIN: Final = "%/:=?&~#+!$,;'@()*[]"
"""Characters of a path that are sent as they are."""


class Unconnected(Exception):
    """There is no WebSocket at an address; the text says why."""


class WrongFrame(Exception):
    """The server broke the protocol, or sent too large a message: `code` says which."""

    def __init__(self, code: int = WRONG) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Frames:
    """Reads the frames of a server, and joins messages that come in parts."""

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._unread = bytearray()
        self._kind: int | None = None
        """TEXT or BINARY of a message of which a part has come."""
        self._message = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the messages and control frames that end in `data`. Raises WrongFrame."""
        self._unread += data
        while (head := self._head()) is not None:
            opcode, is_last, start, end = head
            if len(self._unread) < end:
                return
            payload = bytes(self._unread[start:end])
            del self._unread[:end]
            if opcode >= CLOSE:
                yield opcode, payload
                continue
            self._message += payload
            self._kind = self._kind or opcode
            if is_last:
                message = self._kind, bytes(self._message)
                self._kind, self._message = None, bytearray()
                yield message

    def _head(self) -> tuple[int, bool, int, int] | None:
        """Return opcode, whether it is the last part, begin and end of the next frame's payload.

        None if too little has come.
        """
        if len(self._unread) < 2:
            return None
        first, second = self._unread[0], self._unread[1]
        opcode, is_last = first & 0x0F, first >= 0x80
        # No extension was agreed on, so the reserved bits are 0; a server masks nothing.
        if first & 0x70 or second & 0x80 or opcode not in self._allowed():
            raise WrongFrame
        size, start = second, 2
        if second > 125:
            start = 4 if second == 126 else 10
            if len(self._unread) < start:
                return None
            size = int.from_bytes(self._unread[2:start], "big")
        if opcode >= CLOSE and not (is_last and second <= 125):
            raise WrongFrame
        if opcode < CLOSE and len(self._message) + size > self._max_message:
            raise WrongFrame(TOO_LARGE)
        return opcode, is_last, start, start + size

    def _allowed(self) -> tuple[int, ...]:
        if self._kind is None:
            return (TEXT, BINARY, CLOSE, PING, PONG)
        return (CONTINUATION, CLOSE, PING, PONG)


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame of a client, masked."""
    size = len(payload)
    if size <= 125:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    repeated = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + masked.to_bytes(size, "big")


class Socket:
    """An open WebSocket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_message: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = Frames(max_message)
        self._is_closing = False
        self.broken: str | None = None
        """Description of a frame against the protocol that ended `messages`; None without one."""

    @classmethod
    async def open(cls, url: str, max_message: int) -> Self:
        """Connect to a server; `max_message` in bytes. Raises Unconnected.

        `url` is one that `jsonrpc.web_socket_url` has returned. Redirects are not followed: they
        would send signed transactions to a host that the user did not name.
        """
        address = Address.of(url)
        writer = None
        try:
            reader, writer = await asyncio.open_connection(
                address.host,
                address.port,
                limit=MAX_HEAD,
                ssl=_tls() if address.is_encrypted else None,
                happy_eyeballs_delay=0.25,
            )
            key = b64encode(os.urandom(16))
            writer.write(address.request(key.decode()))
            await _accepted(reader, key)
        except BaseException as error:
            if writer is not None:
                writer.transport.abort()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise Unconnected(reason_of(error)) from None
            raise
        return cls(reader, writer, max_message)

    async def send(self, text: str) -> None:
        """Send a message. Raises OSError if the connection is lost."""
        self._writer.write(frame(TEXT, text.encode()))
        await self._writer.drain()

    async def messages(self) -> AsyncIterator[str]:
        """Yield the text messages of the server, until it is gone or breaks the protocol.

        Of the pings that are read at once only the last is answered, as RFC 6455 (5.5.3) permits.
        Raises OSError, and ValueError for text that is not UTF-8.
        """
        try:
            while data := await self._read():
                ping = None
                for opcode, payload in self._frames.feed(data):
                    if opcode == TEXT:
                        yield payload.decode()
                    elif opcode == PING:
                        ping = payload
                    elif opcode == CLOSE:
                        self._leave(payload[:2])
                        return
                if ping is not None:
                    self._answer(PONG, ping)
        except WrongFrame as error:
            too_large = error.code == TOO_LARGE
            self.broken = "too large a message" if too_large else "a frame that breaks the protocol"
            self._leave(error.code.to_bytes(2, "big"))

    async def _read(self) -> bytes:
        """Return the next bytes of the server, none at the end; ping it if it sends none."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                return await self._reader.read(MAX_HEAD)
        except TimeoutError:
            self._answer(PING, b"")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.read(MAX_HEAD)
        except TimeoutError:
            return b""

    def _answer(self, opcode: int, payload: bytes) -> None:
        """Send a control frame, without waiting for a server that reads nothing."""
        if self._writer.transport.get_write_buffer_size() < MAX_UNSENT:
            self._writer.write(frame(opcode, payload))

    def _leave(self, code: bytes) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._answer(CLOSE, code)

    async def close(self) -> None:
        """Close the connection; `messages` must have ended."""
        try:
            if not self._is_closing:
                self._leave(NORMAL.to_bytes(2, "big"))
                async with asyncio.timeout(CLOSING):
                    while await self._reader.read(MAX_HEAD):
                        pass
        except OSError:
            pass  # also the end of the time: the connection ends either way
        finally:
            self._writer.transport.abort()


# ---- opening


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL that a request needs."""

    host: str
    port: int
    is_encrypted: bool
    named: str
    """Host and port as a header has them."""
    path: str
    """Path and query, escaped."""
    login: str | None
    """User and password, if the URL has some."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the parts of a URL of ws or wss."""
        parts = urlsplit(url)
        host, usual = parts.hostname or "", _PORTS[parts.scheme]
        port = parts.port or usual
        named = f"[{host}]" if ":" in host else host.encode("idna").decode()
        path = quote(parts.path or "/", safe=_PLAIN)
        query = f"?{quote(parts.query, safe=_PLAIN)}" if parts.query else ""
        login = None
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(
            host,
            port,
            parts.scheme == "wss",
            quote(named if port == usual else f"{named}:{port}", safe=_PLAIN),
            path + query,
            login,
        )

    def request(self, key: str) -> bytes:
        """Return the request that opens a WebSocket."""
        lines = [
            f"GET {self.path} HTTP/1.1",
            f"Host: {self.named}",
            "User-Agent: btt-chain",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        ]
        if self.login is not None:
            lines.append(f"Authorization: Basic {b64encode(self.login.encode()).decode()}")
        return "\r\n".join([*lines, "", ""]).encode()


async def _accepted(reader: asyncio.StreamReader, key: bytes) -> None:
    """Read the head of the server's answer. Raises Unconnected if it is not a WebSocket."""
    try:
        match = re.match(rb"HTTP/1\.[01] (\d{3})\b", await reader.readuntil(b"\n"))
        if match is None:
            raise Unconnected("it does not answer by HTTP and is not a JSON-RPC WebSocket")
        status = int(match[1])
        if status in _REDIRECTS:
            raise Unconnected("it redirects to another address, which is not followed")
        headers = await _headers(reader) if status == 101 else {}
    except asyncio.IncompleteReadError:
        raise Unconnected("Server disconnected") from None
    except asyncio.LimitOverrunError:
        raise Unconnected(f"its answer begins with more than {MAX_HEAD >> 10} KiB") from None
    wanted = b64encode(sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    if (
        headers.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in headers.get("connection", "").lower()
        or headers.get("sec-websocket-accept") != wanted
        or "sec-websocket-extensions" in headers
    ):
        raise Unconnected(f"it answered {status} and is not a JSON-RPC WebSocket")


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    """Read the lines up to an empty one. Raises LimitOverrunError, IncompleteReadError."""
    headers: dict[str, str] = {}
    size = 0
    while line := (await reader.readuntil(b"\n")).decode("latin-1").rstrip("\r\n"):
        size += len(line)
        if size > MAX_HEAD:
            raise asyncio.LimitOverrunError("too many headers", size)
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def reason_of(error: OSError) -> str:
    """Return why nothing could be connected to."""
    if isinstance(error, ssl.SSLError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    # asyncio joins the errors of several addresses in one text, without a number.
    numbers = [error.errno] if error.errno else map(int, re.findall(r"\[Errno (\d+)\]", str(error)))
    reasons = {
        "nothing listens there" if number == errno.ECONNREFUSED else os.strerror(number): None
        for number in numbers
    }
    return " and ".join(reasons) or str(error)
