"""Access: who may talk to the node at all, and who may call what is unsafe.

A web page open in the operator's browser can reach 127.0.0.1. Two checks keep it out: its Origin
must be allowed, and the Host it asked for must be ours, or a name that an attacker points at
127.0.0.1 (DNS rebinding) would be as good as a local program.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from btt_chain.rpc.protocol import METHOD_NOT_FOUND, RpcError

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
DEFAULT_ORIGINS = (
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://polkadot.js.org",
)
ANY_ORIGIN = ("all",)
DEFAULT_PORTS = {"http": 80, "https": 443}


class MethodPolicy(Enum):
    """`--rpc-methods`: who may call the methods marked unsafe."""

    AUTO = "auto"
    """Local callers of a node that listens locally."""
    SAFE = "safe"
    """Nobody."""
    UNSAFE = "unsafe"
    """Everybody."""

    def allows_unsafe(self, *, external: bool, listening_externally: bool) -> bool:
        """Whether a caller may; behind a proxy every caller looks local, hence the second test."""
        if self is MethodPolicy.AUTO:
            return not external and not listening_externally
        return self is MethodPolicy.UNSAFE


def unsafe_call() -> RpcError:
    """What the refused caller of an unsafe method is told, in Substrate's words."""
    return RpcError(METHOD_NOT_FOUND, "RPC call is unsafe to be called externally")


def unsafe_function(name: str) -> RpcError:
    """Return the refusal of a runtime call that builds blocks or states."""
    text = f"{name} is unsafe to be called externally: ask on the node's machine, or see"
    return RpcError(METHOD_NOT_FOUND, f"{text} --rpc-methods")


def is_loopback(address: str) -> bool:
    """Whether a peer's address is this machine's own; IPv4 seen through IPv6 included."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


@dataclass(slots=True)
class HostCheck:
    """Which Host headers are answered; None answers all (a node that listens externally)."""

    hosts: frozenset[str] | None

    def allows(self, header: str | None) -> bool:
        """Compare the name alone; the port may be that of a tunnel."""
        if self.hosts is None:
            return True
        if header is None:
            return False
        name, colon, port = header.rpartition(":")
        if not colon or not port.isdigit() or name.endswith(":"):
            name = header
        return name.lower() in self.hosts


class OriginCheck:
    """`--rpc-cors`: which web pages may talk to the node."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Take `scheme://host[:port]` patterns, port `*` for any; `all` or `*` for any page.

        Raises:
            ValueError: if an origin has another form.

        """
        self.all = any(origin in {"all", "*"} for origin in origins)
        self.exact: set[tuple[str, str, int | None]] = set()
        self.any_port: set[tuple[str, str]] = set()
        for origin in origins:
            if origin in {"all", "*"}:
                continue
            parsed = _split(origin.removesuffix(":*"))
            if parsed is None:
                raise ValueError(f"{origin!r} is not an origin, like https://example.org:8080")
            if origin.endswith(":*"):
                self.any_port.add(parsed[:2])
            else:
                self.exact.add(parsed)

    def allows(self, origin: str | None, host: str | None = None) -> bool:
        """Browsers always send an Origin and cannot be made to lie; most programs send none.

        Some Python clients name the address they dialled. An Origin that is our own `host`, which
        has been checked before, is theirs or that of a page of ours.
        """
        if origin is None or self.all:
            return True
        parsed = _split(origin)
        if parsed is None:
            return False
        if parsed in self.exact or parsed[:2] in self.any_port:
            return True
        return host is not None and origin.partition("://")[2].lower() == host.lower()


def _split(origin: str) -> tuple[str, str, int | None] | None:
    """(scheme, host, port) with the scheme's own port filled in; None if it is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
