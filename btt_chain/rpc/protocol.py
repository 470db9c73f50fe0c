"""JSON-RPC 2.0: requests, answers and refusals.

Two guarantees. An id is returned exactly as it was written, digit for digit. For any bytes, the
outcome is a request, a batch or an `RpcError`: nothing else is raised.

A message is parsed once. The number of values in it is bounded before that, by counting the bytes
that can begin one: a parsed value takes up to 30 times the memory of its text.
"""

from __future__ import annotations

from math import ceil
from typing import Final

import orjson

from btt_chain.lazyclass import dataclass

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
CLIENT_ERROR: Final = 4003
"""Substrate's code for all queries that the client (chain, state, runtime) could not answer."""
# The codes below are those of jsonrpsee, the server of Substrate nodes.
TOO_MANY_SUBSCRIPTIONS: Final = -32006
RESPONSE_TOO_BIG: Final = -32008
BATCH_TOO_BIG: Final = -32010
BATCH_RESPONSE_TOO_BIG: Final = -32011
RATE_LIMITED: Final = -32999

MAX_VALUES: Final = 200_000
"""Maximum number of commas and opening brackets in a message, those in strings included."""

NULL: Final = b"null"
"""The id of an answer to a message without a readable id."""


class RpcError(Exception):
    """A refusal with a code, without internal details."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f": {self.data}" if self.data is not None else "")

    def as_json(self) -> dict[str, object]:
        """Return the error object; `data` is left out when there is none."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


def invalid_params(reason: str) -> RpcError:
    """Return -32602; the reason is in the message because clients often show nothing else."""
    return RpcError(INVALID_PARAMS, f"Invalid params: {reason}")


@dataclass(slots=True)
class Request:
    """One call. `id` is its JSON text, or None for a notification, which gets no answer."""

    method: str
    params: list[object] | dict[str, object] | None
    id: bytes | None


@dataclass(slots=True)
class Malformed:
    """An invalid item in place of a request: refused with its id, if it had one."""

    error: RpcError
    id: bytes


def parse(raw: bytes | str, max_batch: int) -> Request | Malformed | list[Request | Malformed]:
    """Parse a message: one call, or a batch of them."""
    # In a shorter text each byte would have to begin a value.
    if len(raw) > MAX_VALUES and _count_values(raw) > MAX_VALUES:
        limit = f"Exceeded max limit of {MAX_VALUES} values"
        return Malformed(RpcError(INVALID_REQUEST, "The request holds too much", limit), NULL)
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Malformed(RpcError(PARSE_ERROR, "Parse error"), NULL)
    if isinstance(message, dict):
        return _request(message)
    if not isinstance(message, list) or not message:
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), NULL)
    if len(message) > max_batch:
        limit = f"Exceeded max limit of {max_batch}"
        return Malformed(RpcError(BATCH_TOO_BIG, "The batch request was too large", limit), NULL)
    return [_request(item) for item in message]


def _count_values(raw: bytes | str) -> int:
    """Return an upper bound of the number of values, less one, in a text of JSON."""
    if isinstance(raw, str):
        return raw.count(",") + raw.count("[") + raw.count("{")
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _request(message: object) -> Request | Malformed:
    """Return the call if its members are valid."""
    if not isinstance(message, dict):
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), NULL)
    name: bytes | None = None
    if "id" in message:
        name = _id(message["id"])
        if name is None:
            problem = "Invalid request: the id must be a string, an integer of 64 bits or null"
            return Malformed(RpcError(INVALID_REQUEST, problem), NULL)
    method = message.get("method")
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), name or NULL)
    params = message.get("params")
    if params is not None and not isinstance(params, list | dict):
        return Malformed(invalid_params("params must be an array or an object"), name or NULL)
    return Request(method, params, name)


def _id(value: object) -> bytes | None:
    """Return the text of an id; None for a value that cannot be echoed as it was written.

    Fractions and integers beyond 64 bits are refused, as by the servers of Substrate nodes:
    JSON-RPC 2.0 advises against the former, and neither survives a parser that uses floats.
    """
    kind = type(value)  # exact: a bool is an int, but no id
    if kind is int or kind is str:
        return orjson.dumps(value)
    return NULL if value is None else None


def answer(id: bytes, result: object) -> bytes:
    """Return a successful answer; `result` is anything orjson writes."""
    return b'{"jsonrpc":"2.0","id":' + id + b',"result":' + orjson.dumps(result) + b"}"


def refusal(id: bytes, error: RpcError) -> bytes:
    """Return an answer with an error."""
    return b'{"jsonrpc":"2.0","id":' + id + b',"error":' + orjson.dumps(error.as_json()) + b"}"


def try_later(seconds: float) -> RpcError:
    """Return the refusal of a request whose caller has used up its budget."""
    text = f"RPC budget used up: retry after {ceil(seconds)} s"
    return RpcError(RATE_LIMITED, text, {"retryAfter": ceil(seconds)})
