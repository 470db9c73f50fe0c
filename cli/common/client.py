"""The JSON-RPC client for commands: its failures end them, with an exit code."""

from __future__ import annotations

from typing import Self

from btt_chain.compute import jsonrpc
from btt_chain.compute.jsonrpc import Json
from cli.common.errors import CannotConnect, Mistyped, Refused

__all__ = ["Client", "Json", "RpcError", "TimedOut", "web_socket"]


class RpcError(jsonrpc.RpcError, Refused):
    """The node answered with an error."""


class Gone(jsonrpc.Disconnected, CannotConnect):
    """No node answers, or the connection broke."""


class TimedOut(jsonrpc.TimedOut, CannotConnect):
    """The node did not answer in time."""


class Client(jsonrpc.Client):
    """A connection; made by `connect`, closed at the end of `async with`."""

    REFUSED = RpcError
    GONE = Gone
    LATE = TimedOut
    HINT = "is the node running? Start one with `btt-chain node --dev`, or name another with --url"
    PATIENCE = "wait longer with --timeout"

    @classmethod
    async def connect(cls, url: str, timeout: float = 60.0) -> Self:
        """Connect to a node. `timeout` in seconds, for this and for each answer.

        CannotConnect if nothing listens there or it is no WebSocket, Mistyped if it is no URL.
        """
        web_socket(url)
        return await super().connect(url, timeout)


def web_socket(url: str) -> str:
    """Return the WebSocket URL of `url`; http and https have the same port. Mistyped if none."""
    try:
        return jsonrpc.web_socket(url)
    except ValueError as error:
        raise Mistyped(str(error)) from None
