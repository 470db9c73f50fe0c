"""Errors of a network of real nodes; each message says what failed and where to look."""

from __future__ import annotations


class DevnetError(Exception):
    """The network cannot do what was requested; the message is for the user."""


class NoDevnet(DevnetError):
    """No network was made in that directory."""


class NoSuchNode(DevnetError):
    """The network has no node with that number."""


class NodeDied(DevnetError):
    """A node ended by itself; the message has the end of its log."""


class NotInTime(DevnetError):
    """A condition did not occur in time; the message has the progress of each node."""


class Disagreement(DevnetError):
    """Two nodes have different final blocks at one height, which must never happen."""


class RpcFailed(DevnetError):
    """A node refused a call (`code` is JSON-RPC's), or did not answer it (`code` is None)."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_unknown_method(self) -> bool:
        """True if the node has no such method."""
        return self.code == -32601
