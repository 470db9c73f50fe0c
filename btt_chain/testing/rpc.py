"""Calls by HTTP for tests: plain questions about a node's height, errors of a devnet.

The wire format is the client's (`btt_chain.client.jsonrpc`). Programs use `btt_chain.client`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from urllib.request import Request, urlopen

from btt_chain.client.errors import ClientError, Disconnected, InvalidAnswer, RpcError
from btt_chain.client.jsonrpc import Http, Json, parsed, reply_of, request, result
from btt_chain.client.wire import header_number
from btt_chain.testing.errors import RpcFailed

TIMEOUT = 10.0
"""Default seconds for an answer."""

_HEADERS = {"content-type": "application/json"}


class Rpc:
    """Blocking calls of one node."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Use the node at `url` (http://...); `timeout` in seconds for each call."""
        self.url = url
        self.timeout = timeout

    def call(self, method: str, *params: Json, timeout: float | None = None) -> Json:
        """Return a method's result. RpcFailed if the node refuses or does not answer in time."""
        raw = self._post(request(1, method, params), method, timeout or self.timeout)
        try:
            return result(method, reply_of(self.url, method, raw))
        except ClientError as error:
            raise _failure(self.url, method, error) from None

    def batch(self, *calls: tuple[str, *tuple[Json, ...]]) -> list[Json]:
        """Return the results of calls, each a method and its parameters, made in one request.

        RpcFailed if the node refuses any of them, or does not answer in time.
        """
        whole = ",".join(
            request(at, name, tuple(params)) for at, (name, *params) in enumerate(calls)
        )
        methods = ", ".join(name for name, *_ in calls)
        raw = self._post(f"[{whole}]", methods, self.timeout)
        try:
            return batch_results([name for name, *_ in calls], raw)
        except ClientError as error:
            raise _failure(self.url, methods, error) from None

    def _post(self, body: str, method: str, timeout: float) -> bytes:
        asked = Request(self.url, body.encode(), _HEADERS)  # noqa: S310 - our URL
        try:
            with urlopen(asked, timeout=timeout) as answer:  # noqa: S310
                found: bytes = answer.read()
        except OSError as error:
            raise RpcFailed(f"{self.url} did not answer {method}: {error}") from None
        return found

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
        """Use the node at `url` (http://...); `timeout` in seconds for each call."""
        self.url = url
        self.timeout = timeout
        self._connection: Http | None = None

    async def __aenter__(self) -> Self:
        self._connection = Http(self.url, self.timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def call(self, method: str, *params: Json) -> Json:
        """Return a method's result. RpcFailed if the node refuses or does not answer in time."""
        if self._connection is None:
            raise RuntimeError("AsyncRpc is used in `async with`")
        try:
            return await self._connection.call(method, *params)
        except ClientError as error:
            raise _failure(self.url, method, error) from None

    async def best(self) -> int:
        """Return the height of the best block."""
        return height(await self.call("chain_getHeader"))

    async def finalized(self) -> int:
        """Return the height of the last final block."""
        head = await self.call("chain_getFinalizedHead")
        return height(await self.call("chain_getHeader", head))


def batch_results(methods: Sequence[str], raw: bytes) -> list[Json]:
    """Return the results in an answer to calls whose numbers are their places.

    Raises RpcError for the first that is an error, InvalidAnswer if there are not all.
    """
    try:
        replies = parsed(raw.decode())
    except (ValueError, RecursionError):
        replies = None
    if not isinstance(replies, list):
        replies = [replies]
    by_number = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
    if set(by_number) != set(range(len(methods))):
        raise InvalidAnswer(f"the answer to {len(methods)} calls is {raw[:200]!r}")
    return [result(method, by_number[at]) for at, method in enumerate(methods)]


def height(header: Json) -> int:
    """Return the number of a header in JSON. RpcFailed if it is not a header."""
    try:
        return header_number(header)
    except ClientError:
        raise RpcFailed(f"{header!r} is not a header") from None


def _failure(url: str, method: str, error: ClientError) -> RpcFailed:
    match error:
        case RpcError():
            return RpcFailed(f"{url}: {error}", error.code)
        case Disconnected():
            return RpcFailed(f"{url} did not answer {method}: {error}")
    return RpcFailed(str(error))
