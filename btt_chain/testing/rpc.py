"""A small JSON-RPC client over HTTP: a call, an answer, plain errors; blocking and asynchronous."""

from __future__ import annotations

import json
from typing import Self, TypeAlias
from urllib.request import Request, urlopen

import aiohttp

from btt_chain.testing.errors import RpcFailed

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TIMEOUT = 10.0
"""Default seconds for an answer."""

_HEADERS = {"content-type": "application/json"}


class Rpc:
    """A blocking client of one node."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Connect to the node at `url` (http://...); `timeout` in seconds for each call."""
        self.url = url
        self.timeout = timeout

    def call(self, method: str, *params: Json, timeout: float | None = None) -> Json:
        """Return a method's result. RpcFailed if the node refuses or does not answer in time."""
        request = Request(self.url, _question(method, params), _HEADERS)  # noqa: S310 - our URL
        try:
            with urlopen(request, timeout=timeout or self.timeout) as answer:  # noqa: S310
                raw = answer.read()
        except OSError as error:
            raise RpcFailed(f"{self.url} did not answer {method}: {error}") from None
        return _result(self.url, method, raw)

    def best(self) -> int:
        """Return the height of the best block."""
        return height(self.call("chain_getHeader"))

    def finalized(self) -> int:
        """Return the height of the last final block."""
        return height(self.call("chain_getHeader", self.call("chain_getFinalizedHead")))

    def block_hash(self, number: int) -> str | None:
        """Return the hash of the block at a height of the best chain, None if there is none yet."""
        found = self.call("chain_getBlockHash", number)
        return found if isinstance(found, str) else None


class AsyncRpc:
    """The same for asyncio; used in `async with`."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Connect to the node at `url` (http://...); `timeout` in seconds for each call."""
        self.url = url
        self.timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.timeout), headers=_HEADERS
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. RpcFailed if the node refuses or does not answer in time."""
        if self._session is None:
            raise RuntimeError("AsyncRpc is used in `async with`")
        try:
            async with self._session.post(self.url, data=_question(method, params)) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise RpcFailed(f"{self.url} did not answer {method}: {error}") from None
        return _result(self.url, method, raw)

    async def best(self) -> int:
        """Return the height of the best block."""
        return height(await self.call("chain_getHeader"))

    async def finalized(self) -> int:
        """Return the height of the last final block."""
        head = await self.call("chain_getFinalizedHead")
        return height(await self.call("chain_getHeader", head))


def height(header: Json) -> int:
    """Return the number of a header in JSON. RpcFailed if it is no header."""
    number = header.get("number") if isinstance(header, dict) else None
    if not isinstance(number, str):
        raise RpcFailed(f"{header!r} is no header")
    return int(number, 16)


def _question(method: str, params: tuple[Json, ...]) -> bytes:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return json.dumps(asked).encode()


def _result(url: str, method: str, raw: bytes) -> Json:
    try:
        answer = json.loads(raw)
    except ValueError:
        raise RpcFailed(f"{url} answered {method} with something that is no JSON") from None
    if not isinstance(answer, dict):
        raise RpcFailed(f"{url} answered {method} with something that is no JSON-RPC")
    error = answer.get("error")
    if isinstance(error, dict):
        code, data = error.get("code"), error.get("data")
        detail = f" ({data})" if data else ""
        raise RpcFailed(
            f"{url} refused {method}: {error.get('message')}{detail}",
            code if isinstance(code, int) else 0,
        )
    result: Json = answer.get("result")
    return result
