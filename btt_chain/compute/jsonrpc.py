"""A small JSON-RPC client over one WebSocket: calls, subscriptions, time-outs, plain errors.

Calls may overlap: each waits for the answer with its own number. A notification can only come
after the answer that names its subscription, so none is lost between the two.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import ClassVar, Final, Self, TypeAlias

import aiohttp

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

LARGEST_MESSAGE: Final = 64 << 20
"""Maximum bytes of a message; metadata and blocks of busy chains are a few MiB."""


class RpcFailure(Exception):
    """A call failed; the text says why."""


class RpcError(RpcFailure):
    """The node answered with an error."""

    def __init__(self, method: str, code: int, message: str, data: Json) -> None:
        detail = f": {data}" if isinstance(data, str) else ""
        super().__init__(f"the node refused {method}: {message}{detail} (code {code})")
        self.code = code
        self.data = data


class Disconnected(RpcFailure):
    """No node answers, or the connection broke: connect again."""


class TimedOut(Disconnected):
    """The node did not answer in time: wait longer, or check whether it is overloaded."""


class Client:
    """A connection; made by `connect`, closed at the end of `async with`."""

    REFUSED: ClassVar[type[RpcError]] = RpcError
    GONE: ClassVar[type[Disconnected]] = Disconnected
    LATE: ClassVar[type[TimedOut]] = TimedOut
    HINT: ClassVar[str] = "is the node running?"
    PATIENCE: ClassVar[str] = "wait longer"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        url: str,
        timeout: float,
    ) -> None:
        self.url = url
        self._session = session
        self._socket = socket
        self._timeout = timeout
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Json]]] = {}
        self._subscriptions: dict[str, asyncio.Queue[Json | Disconnected]] = {}
        self._lost: Disconnected | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str, timeout: float = 60.0) -> Self:
        """Connect to a node. `timeout` in seconds, for this and for each answer.

        Disconnected if nothing listens there or it is no WebSocket, ValueError if it is no URL.
        """
        address = web_socket(url)
        session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(timeout):
                socket = await session.ws_connect(
                    address, max_msg_size=LARGEST_MESSAGE, heartbeat=30.0
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await session.close()
            raise cls.GONE(f"cannot connect to {url}: {_why(error)}; {cls.HINT}") from None
        return cls(session, socket, url, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()
        await self._session.close()

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. RpcError if the node refuses, Disconnected if it goes away."""
        if self._lost is not None:
            raise self._lost
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Json]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        try:
            async with asyncio.timeout(self._timeout):
                await self._socket.send_str(json.dumps(request))
                reply = await answer
        except TimeoutError:
            raise self.LATE(
                f"{self.url} did not answer {method} within {self._timeout:g} s; {self.PATIENCE}"
            ) from None
        except (aiohttp.ClientError, ConnectionError):
            raise self._gone() from None
        finally:
            del self._waiting[number]
        error = reply.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            raise self.REFUSED(
                method,
                code if isinstance(code, int) else 0,
                str(error.get("message")),
                error.get("data"),
            )
        return reply.get("result")

    @asynccontextmanager
    async def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AsyncIterator[AsyncIterator[Json]]:
        """Yield the notifications of a subscription, until the end of `async with`."""
        name = await self.call(method, *params)
        if not isinstance(name, str):
            raise self.REFUSED(
                method, 0, f"it answered with {name!r}, not with a subscription", None
            )
        queue = self._subscriptions.setdefault(name, asyncio.Queue())
        if self._lost is not None:
            queue.put_nowait(self._lost)
        try:
            yield self._notifications(queue)
        finally:
            del self._subscriptions[name]
            # The node may be gone, or have ended the subscription itself.
            with suppress(RpcFailure):
                await self.call(unsubscribe, name)

    async def _notifications(
        self, queue: asyncio.Queue[Json | Disconnected]
    ) -> AsyncIterator[Json]:
        while True:
            item = await queue.get()
            if isinstance(item, Disconnected):
                raise item
            yield item

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        except (aiohttp.ClientError, OSError, ValueError, RecursionError):
            pass  # a message that is no JSON counts as a closed connection
        self._lost = self._gone()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._lost)
        for queue in self._subscriptions.values():
            queue.put_nowait(self._lost)

    def _take(self, message: Json) -> None:
        if not isinstance(message, dict):
            return
        params = message.get("params")
        if isinstance(params, dict):
            name = params.get("subscription")
            if isinstance(name, str):
                # Created here if a notification arrives before the task that subscribed runs.
                queue = self._subscriptions.setdefault(name, asyncio.Queue())
                queue.put_nowait(params.get("result"))
            return
        number = message.get("id")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _gone(self) -> Disconnected:
        return self.GONE(f"{self.url} closed the connection; {self.HINT}")


def web_socket(url: str) -> str:
    """Return the WebSocket URL of `url`; http and https have the same port. ValueError if none."""
    for scheme, real in (("ws", "ws"), ("wss", "wss"), ("http", "ws"), ("https", "wss")):
        if url.startswith(f"{scheme}://") and len(url) > len(scheme) + 3:
            return real + url[len(scheme) :]
    raise ValueError(f"{url!r} is no URL of a node: write it like ws://127.0.0.1:9944")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"it answered {error.status} and is no JSON-RPC WebSocket"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        if isinstance(cause, ConnectionRefusedError):
            return "nobody listens there"
        return cause.strerror or str(cause)
    return str(error)
