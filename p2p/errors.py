"""Errors of the network."""

from __future__ import annotations


class NetworkError(Exception):
    """The network cannot be started, or has ended."""


class PortInUse(NetworkError):
    """The port is in use."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"cannot listen on {host} port {port}: it is in use; choose another with --port"
        )
        self.host = host
        self.port = port


class WireError(ValueError):
    """Bytes from a peer that are malformed or out of bounds."""


class Refused(NetworkError):
    """The handshake failed: another chain, another version, or no room."""
