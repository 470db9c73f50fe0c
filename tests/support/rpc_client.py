"""A plain JSON-RPC client over real sockets, for tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

Json = Any
PATIENCE = 120.0
"""Seconds until a missing message fails the test: a hang, not a measure."""


class CallFailed(Exception):
    """The server answered with an error object."""

    def __init__(self, error: Mapping[str, Json]) -> None:
        super().__init__(error)
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data")


class HttpClient:
    """Calls by POST."""

    def __init__(self, session: ClientSession, port: int) -> None:
        self.session = session
        self.url = f"http://127.0.0.1:{port}/"

    async def raw(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        """POST bytes; status and body."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url, data=BytesIO(body), headers=names) as response:
            return response.status, await response.read()

    async def send(self, message: Json) -> Json:
        """POST JSON; the JSON that comes back."""
        status, body = await self.raw(orjson.dumps(message))
        assert status == 200, (status, body)
        return orjson.loads(body)

    async def call(self, method: str, *params: Json) -> Json:
        """One call; its result, or `CallFailed`."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return unpack(await self.send(message))


class WsClient:
    """Calls and notifications over a WebSocket, in the order in which they came."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.waiting: deque[Json] = deque()
        self.id = 0

    async def send_raw(self, text: str) -> None:
        """Send a frame as it is."""
        await self.socket.send_str(text)

    async def next(self) -> Json:
        """The next frame, whatever it is."""
        message = await asyncio.wait_for(self.socket.receive(), PATIENCE)
        assert message.type is WSMsgType.TEXT, message
        return orjson.loads(message.data)

    async def call(self, method: str, *params: Json) -> Json:
        """One call; notifications that come before its answer are kept for `notification`."""
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": list(params)}
        await self.send_raw(orjson.dumps(request).decode())
        while True:
            message = await self.next()
            if message.get("id") == self.id:
                return unpack(message)
            self.waiting.append(message)

    async def notification(self) -> Json:
        """The next notification."""
        message = self.waiting.popleft() if self.waiting else await self.next()
        assert "method" in message, message
        return message

    async def result(self, subscription: str) -> Json:
        """The next notification's result, which must be of this subscription."""
        message = await self.notification()
        assert message["params"]["subscription"] == subscription, message
        return message["params"]["result"]

    async def silence(self) -> bool:
        """Return True if nothing has come before the answer to one more call."""
        await self.call("system_name")
        return not self.waiting

    async def closed(self) -> int | None:
        """Wait for the end; the code it came with."""
        while not self.socket.closed:
            await asyncio.wait_for(self.socket.receive(), PATIENCE)
        return self.socket.close_code


def unpack(answer: Json) -> Json:
    """The result of an answer."""
    assert answer["jsonrpc"] == "2.0"
    if "error" in answer:
        assert "result" not in answer
        raise CallFailed(answer["error"])
    return answer["result"]
