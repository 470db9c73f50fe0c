"""What can go wrong on the way to other nodes."""

from __future__ import annotations


class NetworkError(Exception):
    """The network cannot be started, or has ended."""


class PortInUse(NetworkError):
    """Somebody else listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"cannot listen on {host} port {port}: it is in use; choose another with --port"
        )
        self.host = host
        self.port = port


class WireError(ValueError):
    """Bytes from a peer that do not mean what they must."""


class Refused(NetworkError):
    """The handshake failed: another chain, another version, or no room."""
