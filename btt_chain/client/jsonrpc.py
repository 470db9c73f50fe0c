"""JSON-RPC to one node: calls and subscriptions over a WebSocket, calls over HTTP.

Calls may overlap: each waits for the answer with its own number. A subscription begins with the
answer that names it, so no notification behind that answer is lost; notifications of unknown
subscriptions are dropped. Answers have a maximum size, calls a time-out, subscriptions a maximum
of unread notifications and of their size. A connection that broke stays broken: connect again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

from btt_chain.client.errors import (
    ClientError,
    Disconnected,
    InvalidAnswer,
    InvalidArgument,
    RpcError,
    TimedOut,
)
from btt_chain.client.websocket import Socket, Unconnected, reason_of
from btt_chain.lazyclass import dataclass

if TYPE_CHECKING:
    import aiohttp

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_ANSWER: Final = 64 << 20
"""Maximum bytes of a message; metadata and blocks of busy chains are a few MiB."""
MAX_PARTS: Final = 2_000_000
"""Maximum brackets and commas of a message: empty objects take 24 times their text in memory."""
MAX_UNREAD: Final = 10_000
"""Maximum number of unread notifications of a subscription."""
MAX_UNREAD_SIZE: Final = MAX_ANSWER
"""Maximum characters of the unread notifications of a subscription, as JSON."""
TIMEOUT: Final = 60.0
"""Default seconds for an answer."""

_HEADERS: Final = {"content-type": "application/json"}
_IS_IT_RUNNING: Final = "is the node running?"


class Connection(Protocol):
    """A connection to a node."""

    @property
    def url(self) -> str:
        """The URL of the node, as given."""

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result.

        Raises RpcError if the node refuses, TimedOut if it does not answer in time, Disconnected
        if it is gone.
        """

    def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AbstractAsyncContextManager[AsyncIterator[Json]]:
        """Yield the notifications of a subscription, until the end of `async with`."""

    async def close(self) -> None:
        """Close the connection."""


async def connect(
    url: str, timeout: float = TIMEOUT, *, max_answer: int = MAX_ANSWER
) -> Connection:
    """Connect to a node: `ws://` and `wss://` by a WebSocket, `http://` and `https://` by HTTP.

    `timeout` in seconds, for this and for each answer; `max_answer` in bytes. Raises Disconnected
    if nothing listens there, InvalidArgument if it is not a URL.
    """
    if url.startswith(("http://", "https://")):
        return Http(url, timeout, max_answer=max_answer)
    return await WebSocket.connect(url, timeout, max_answer=max_answer)


class _Unread:
    """The unread notifications of one subscription."""

    def __init__(self, url: str) -> None:
        self.name: str | None = None
        """The node's name of the subscription; None until its answer."""
        self._url = url
        self._items: deque[tuple[Json, int]] = deque()
        self._size = 0
        self._end: Disconnected | None = None
        self._changed = asyncio.Event()

    def add(self, item: Json, size: int) -> None:
        """Add a notification, or end the subscription if too many are unread."""
        if self._end is not None:
            return
        if len(self._items) >= MAX_UNREAD or self._size + size > MAX_UNREAD_SIZE:
            self.end(
                Disconnected(
                    f"{self._url} has sent {len(self._items)} notifications that were not read: "
                    "subscribe again, and read faster"
                )
            )
            return
        self._items.append((item, size))
        self._size += size
        self._changed.set()

    def end(self, error: Disconnected) -> None:
        """Raise an error behind the notifications that have come."""
        self._end = self._end or error
        self._changed.set()

    async def read(self) -> AsyncIterator[Json]:
        """Yield the notifications. Raises Disconnected at the end."""
        while True:
            while self._items:
                item, size = self._items.popleft()
                self._size -= size
                yield item
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request without an answer, and the notifications to come if it subscribes."""

    answer: asyncio.Future[dict[str, Json]]
    unread: _Unread | None


class WebSocket:
    """A connection by a WebSocket; made by `connect`, closed at the end of `async with`."""

    def __init__(self, socket: Socket, url: str, timeout: float) -> None:
        self.url = url
        self._socket = socket
        self._timeout = timeout
        self._number = 0
        self._waiting: dict[int, _Waiting] = {}
        self._subscriptions: dict[str, _Unread] = {}
        self._lost: Disconnected | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, url: str, timeout: float = TIMEOUT, *, max_answer: int = MAX_ANSWER
    ) -> Self:
        """Connect to a node; `http://` means the WebSocket on the same port.

        Raises Disconnected if nothing listens there or it is not a WebSocket, InvalidArgument if it
        is not a URL.
        """
        address = web_socket_url(url)
        try:
            async with asyncio.timeout(timeout):
                socket = await Socket.open(address, max_answer)
        except (Unconnected, TimeoutError) as error:
            raise _unreachable(url, error) from None
        return cls(socket, url, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        self._reader.cancel()
        try:
            # To await the reader itself would hide that the caller is cancelled meanwhile.
            await asyncio.wait((self._reader,))
        finally:
            await self._socket.close()

    @property
    def is_lost(self) -> bool:
        """Return True if the connection was ended by the node or the network."""
        return self._lost is not None

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. Raises RpcError, TimedOut, Disconnected."""
        return await self._request(method, params)

    async def _request(
        self, method: str, params: tuple[Json, ...], unread: _Unread | None = None
    ) -> Json:
        if self._lost is not None:
            raise self._lost
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Json]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = _Waiting(answer, unread)
        try:
            async with asyncio.timeout(self._timeout):
                await self._socket.send(request(number, method, params))
                reply = await answer
        except TimeoutError:
            raise _late(self.url, method, self._timeout) from None
        except OSError:
            raise self._closed() from None
        finally:
            del self._waiting[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # else asyncio logs it, where sending has failed as well
        return result(method, reply)

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """Yield the notifications of a subscription, until the end of `async with`."""
        unread = _Unread(self.url)
        try:
            name = await self._request(method, params, unread)
            if unread.name is None:
                raise InvalidAnswer(
                    f"the node refused {method}: it answered with {name!r}, not with a new "
                    "subscription"
                )
            yield unread.read()
        finally:
            if unread.name is not None:
                del self._subscriptions[unread.name]
                # The node may be gone, or have ended the subscription itself.
                with suppress(ClientError):
                    await self.call(unsubscribe, unread.name)

    async def _read(self) -> None:
        try:
            async for message in self._socket.messages():
                self._receive(parsed(message), len(message))
            self._lost = self._closed(self._socket.broken)
        except OSError:
            self._lost = self._closed()
        except (ValueError, RecursionError):
            self._lost = self._closed("something that is not JSON-RPC")
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(self._lost)
        for unread in self._subscriptions.values():
            unread.end(self._lost)

    def _receive(self, message: Json, size: int) -> None:
        if not isinstance(message, dict):
            return
        params = message.get("params")
        if isinstance(params, dict):
            name = params.get("subscription")
            if isinstance(name, str) and name in self._subscriptions:
                self._subscriptions[name].add(params.get("result"), size)
            return
        number = message.get("id")
        if number is None and "error" in message and len(self._waiting) == 1:
            # The node could not read the request, not even its number.
            number = next(iter(self._waiting))
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is None or waiting.answer.done():
            return
        name = message.get("result")
        # A name that another subscription has would mix the notifications of both.
        if waiting.unread and isinstance(name, str) and name not in self._subscriptions:
            waiting.unread.name = name
            self._subscriptions[name] = waiting.unread
        waiting.answer.set_result(message)

    def _closed(self, sent: str | None = None) -> Disconnected:
        """Return the error of a connection that ended, also by something wrong that was `sent`."""
        if sent is not None:
            return Disconnected(f"{self.url} sent {sent}: check that it is the URL of a node")
        return Disconnected(f"{self.url} closed the connection; {_IS_IT_RUNNING}")


class Http:
    """Calls by HTTP, without subscriptions."""

    def __init__(self, url: str, timeout: float = TIMEOUT, *, max_answer: int = MAX_ANSWER) -> None:
        import aiohttp  # noqa: PLC0415 - slow, and commands use WebSockets

        web_socket_url(url)
        self.url = url
        self._timeout = timeout
        self._max_answer = max_answer
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout), headers=_HEADERS
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. Raises RpcError, TimedOut, Disconnected."""
        import aiohttp  # noqa: PLC0415 - as above

        try:
            async with self._session.post(
                self.url, data=request(1, method, params), allow_redirects=False
            ) as answer:
                raw = await _body(answer, self._max_answer)
        except TimeoutError:
            raise _late(self.url, method, self._timeout) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(self.url, error) from None
        return result(method, reply_of(self.url, method, raw))

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """Raise InvalidArgument: HTTP has no subscriptions."""
        raise InvalidArgument(
            f"{method} is a subscription, which HTTP does not have: connect to ws:// or wss://"
        )
        yield  # makes this an iterator


async def _body(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > limit:
            raise InvalidAnswer(f"{answer.url} sent an answer of more than {limit >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


# ---- pure parts


def parsed(message: str) -> Json:
    """Return a message's value. Raises ValueError, also for too many parts; RecursionError."""
    if sum(map(message.count, "[{,")) > MAX_PARTS:
        raise ValueError("too many parts")
    value: Json = json.loads(message)
    return value


def request(number: int, method: str, params: tuple[Json, ...]) -> str:
    """Return a request as JSON. Raises InvalidArgument for numbers that JSON does not have."""
    asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
    try:
        return json.dumps(asked, allow_nan=False)
    except ValueError:
        raise InvalidArgument(f"a parameter of {method} is not a number of JSON") from None


def reply_of(url: str, method: str, raw: bytes) -> dict[str, Json]:
    """Return the reply in an answer. Raises InvalidAnswer if it is not JSON-RPC."""
    try:
        reply = parsed(raw.decode())
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise InvalidAnswer(f"{url} answered {method} with something that is not JSON-RPC")
    return reply


def result(method: str, reply: dict[str, Json]) -> Json:
    """Return the result in a reply. Raises RpcError if it is an error."""
    error = reply.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        raise RpcError(
            method,
            code if isinstance(code, int) else 0,
            str(error.get("message")),
            error.get("data"),
        )
    return reply.get("result")


def web_socket_url(url: str) -> str:
    """Return the WebSocket URL of `url`; http and https have the same port.

    Raises InvalidArgument if the text is not such a URL.
    """
    for scheme, real in (("ws", "ws"), ("wss", "wss"), ("http", "ws"), ("https", "wss")):
        if url.startswith(f"{scheme}://") and _has_host(url):
            return real + url[len(scheme) :]
    raise InvalidArgument(f"{url!r} is not a URL of a node: write it like ws://127.0.0.1:9944")


def _has_host(url: str) -> bool:
    """Return True if a URL has a host, and no port that cannot be."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode()
        labels = host.removesuffix(".").split(".")
        is_name = host.isprintable() and all(0 < len(label) < 64 for label in labels)
        return is_name and parts.port != 0
    except ValueError:
        return False


def _late(url: str, method: str, timeout: float) -> TimedOut:
    return TimedOut(f"{url} did not answer {method} within {timeout:g} s; wait longer")


def _unreachable(url: str, error: Exception) -> Disconnected:
    if isinstance(error, TimeoutError):
        reason = "no answer in time"
    else:
        cause = getattr(error, "os_error", None)
        reason = reason_of(cause) if isinstance(cause, OSError) else str(error)
    return Disconnected(f"cannot connect to {url}: {reason}; {_IS_IT_RUNNING}")
