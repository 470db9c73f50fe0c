"""Access of web pages: a page open in the user's browser can reach 127.0.0.1.

Two checks keep it out: its Origin must be allowed, and the Host it asked for must be ours;
otherwise a name that an attacker points at 127.0.0.1 (DNS rebinding) would be as good as a local
program.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from btt_chain.lazyclass import dataclass

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
REFUSED_HOST = "Provided Host header is not whitelisted."
DEFAULT_PORTS = {"http": 80, "https": 443}


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
    """Return (scheme, host, port), with the scheme's default port; None if it is not an origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
