"""JSON-RPC 2.0: what a request is, what an answer looks like, and how things are refused.

Two promises. An id comes back exactly as it was written, digit for digit. Whatever bytes arrive,
the outcome is a request, a batch or an `RpcError`: nothing else is raised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import orjson

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
CLIENT_ERROR: Final = 4003
"""Substrate's code for whatever the client (chain, state, runtime) could not answer."""
# The codes below are those of jsonrpsee, the server of Substrate nodes.
TOO_MANY_SUBSCRIPTIONS: Final = -32006
RESPONSE_TOO_BIG: Final = -32008
BATCH_TOO_BIG: Final = -32010
BATCH_RESPONSE_TOO_BIG: Final = -32011
RATE_LIMITED: Final = -32999

NULL: Final = b"null"
"""The id of an answer to something that had no readable id."""


class RpcError(Exception):
    """A refusal with a code: what the caller sees, and nothing about our insides."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f": {self.data}" if self.data is not None else "")

    def as_json(self) -> dict[str, object]:
        """The error object; `data` is left out when there is none."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


def invalid_params(reason: str) -> RpcError:
    """-32602; the reason stands in the message because clients often show nothing else."""
    return RpcError(INVALID_PARAMS, f"Invalid params: {reason}")


@dataclass(slots=True)
class Request:
    """One call. `id` is its JSON text, or None for a notification, which gets no answer."""

    method: str
    params: list[object] | dict[str, object] | None
    id: bytes | None


@dataclass(slots=True)
class Malformed:
    """Something that stands where a request should: refused with its id, if it had one."""

    error: RpcError
    id: bytes


class _Digits(str):
    """A number as it was written, so that it can be echoed."""

    __slots__ = ()


def parse(raw: bytes | str, max_batch: int) -> Request | Malformed | list[Request | Malformed]:
    """Read a message: one call, or a batch of them."""
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Malformed(RpcError(PARSE_ERROR, "Parse error"), NULL)
    if isinstance(message, dict):
        return _request(message, raw, None)
    if not isinstance(message, list) or not message:
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), NULL)
    if len(message) > max_batch:
        limit = f"Exceeded max limit of {max_batch}"
        return Malformed(RpcError(BATCH_TOO_BIG, "The batch request was too large", limit), NULL)
    return [_request(item, raw, index) for index, item in enumerate(message)]


def _request(message: object, raw: bytes | str, index: int | None) -> Request | Malformed:
    """Check the members of one call; `index` is its place in a batch."""
    if not isinstance(message, dict):
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), NULL)
    name: bytes | None = None
    if "id" in message:
        name = _id(message["id"], raw, index)
        if name is None:
            problem = "Invalid request: the id must be a string, a number or null"
            return Malformed(RpcError(INVALID_REQUEST, problem), NULL)
    method = message.get("method")
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return Malformed(RpcError(INVALID_REQUEST, "Invalid request"), name or NULL)
    params = message.get("params")
    if params is not None and not isinstance(params, list | dict):
        return Malformed(invalid_params("params must be an array or an object"), name or NULL)
    return Request(method, params, name)


def _id(value: object, raw: bytes | str, index: int | None) -> bytes | None:
    """The text of an id; None if it is none of those JSON-RPC allows."""
    kind = type(value)  # exact: a bool is an int, but no id
    if kind is int or kind is str:
        return orjson.dumps(value)
    if value is None:
        return NULL
    if kind is float:
        return _as_written(raw, index) or orjson.dumps(value)
    return None


def _as_written(raw: bytes | str, index: int | None) -> bytes | None:
    """The digits of a fraction or of an integer beyond 64 bits, which do not survive a float.

    Rare, so the whole message is simply read a second time. None where the slower parser gives
    up on nesting that the quick one allows: the id is then echoed by value.
    """
    try:
        message = json.loads(raw, parse_int=_Digits, parse_float=_Digits)
    except RecursionError:
        return None
    written = (message if index is None else message[index])["id"]
    return written.encode() if isinstance(written, _Digits) else None


def answer(id: bytes, result: object) -> bytes:
    """A successful answer; `result` is anything orjson writes, `orjson.Fragment` included."""
    return b'{"jsonrpc":"2.0","id":' + id + b',"result":' + orjson.dumps(result) + b"}"


def refusal(id: bytes, error: RpcError) -> bytes:
    """An answer that carries an error."""
    return b'{"jsonrpc":"2.0","id":' + id + b',"error":' + orjson.dumps(error.as_json()) + b"}"
