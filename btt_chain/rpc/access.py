"""Access: which callers may reach the node at all, and which may call unsafe methods.

A web page open in the operator's browser can reach 127.0.0.1. Two checks keep it out: its Origin
must be allowed, and the Host it asked for must be ours; otherwise a name that an attacker points at
127.0.0.1 (DNS rebinding) would be as good as a local program.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

from btt_chain.lazyclass import dataclass
from btt_chain.rpc.protocol import METHOD_NOT_FOUND, RpcError

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
DEFAULT_ORIGINS = (
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://polkadot.js.org",
)
DEFAULT_PORTS = {"http": 80, "https": 443}


class MethodPolicy(Enum):
    """`--rpc-methods`: the callers that may call unsafe methods."""

    AUTO = "auto"
    """Local callers of a node that listens locally."""
    SAFE = "safe"
    """No caller."""
    UNSAFE = "unsafe"
    """Any caller."""

    def allows_unsafe(self, *, external: bool, listening_externally: bool) -> bool:
        """Return True if a caller may call unsafe methods.

        Behind a proxy every caller appears local, hence the second test.
        """
        if self is MethodPolicy.AUTO:
            return not external and not listening_externally
        return self is MethodPolicy.UNSAFE


def unsafe_call() -> RpcError:
    """Return the refusal of an unsafe method, in Substrate's words."""
    return RpcError(METHOD_NOT_FOUND, "RPC call is unsafe to be called externally")


def unsafe_function(name: str) -> RpcError:
    """Return the refusal of a runtime call that builds blocks or states."""
    text = f"{name} is unsafe to be called externally: ask on the node's machine, or see"
    return RpcError(METHOD_NOT_FOUND, f"{text} --rpc-methods")


@dataclass(slots=True)
class HostCheck:
    """The Host headers that are answered; None answers all (a node that listens externally)."""

    hosts: frozenset[str] | None

    def allows(self, header: str | None) -> bool:
        """Return True if a Host header is allowed.

        Only the name is compared; the port may be that of a tunnel.
        """
        if self.hosts is None:
            return True
        if header is None:
            return False
        name, colon, port = header.rpartition(":")
        if not colon or not port.isdigit() or name.endswith(":"):
            name = header
        return name.lower() in self.hosts


class OriginCheck:
    """`--rpc-cors`: the web pages that may reach the node."""

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
        """Return True if an Origin header is allowed.

        Browsers always send a true Origin; most programs send none. Some Python clients send the
        address they dialled. An Origin that is our own `host`, which has been checked before, is
        theirs or that of a page of ours.
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
    """Return (scheme, host, port), with the scheme's default port; None if it is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
