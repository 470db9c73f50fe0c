"""What can go wrong with a network of real nodes; each message says what and where to look."""

from __future__ import annotations


class DevnetError(Exception):
    """The network cannot do what was asked; the message is for a person."""


class NoDevnet(DevnetError):
    """No network was made in that directory."""


class NoSuchNode(DevnetError):
    """The network has no node of that number."""


class NodeDied(DevnetError):
    """A node ended by itself; the message has the end of its log."""


class NotInTime(DevnetError):
    """What was waited for did not happen; the message says how far each node came."""


class Disagreement(DevnetError):
    """Two nodes hold different blocks final at one height: what must never be."""


class RpcFailed(DevnetError):
    """A node refused a call (`code` is JSON-RPC's), or did not answer it (`code` is None)."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_unknown_method(self) -> bool:
        """Whether the node has no such method."""
        return self.code == -32601
