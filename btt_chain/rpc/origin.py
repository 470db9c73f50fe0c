"""The address of a caller: that of the connection, or one named by a trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from multidict import CIMultiDictProxy

from btt_chain.web.addresses import IP, parse_ip

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_HOPS: Final = 16
"""Maximum number of proxies in a row."""


def parse_address(text: str) -> IP | None:
    """Return the address in a header's entry (`[::1]:80`, `"10.0.0.1:80"`); None if invalid."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_ip(text)


class TrustedProxies:
    """`--rpc-trusted-proxy`: the proxies whose headers about the caller's address are trusted."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """Take addresses and networks (`10.0.0.0/8`).

        Raises:
            ValueError: if one is neither.

        """
        self._networks: list[Network] = []
        for text in texts:
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise ValueError(
                    f"{text!r} is neither an IP address nor a network like 10.0.0.0/8"
                ) from None

    def __contains__(self, address: object) -> bool:
        """Return True if the address (text) is a trusted proxy's."""
        ip = parse_address(address) if self._networks and isinstance(address, str) else None
        return ip is not None and self._covers(ip)

    def caller(self, headers: CIMultiDictProxy[str]) -> str | None:
        """Return the address that the proxies name; None if they name none.

        Each proxy appends the address of its caller. So the last one that is no trusted proxy is
        the caller; earlier entries were written by the caller.
        """
        for hop, text in enumerate(reversed(list(_hops(headers)))):
            ip = parse_address(text)
            if ip is None or hop >= MAX_HOPS:
                return None
            if not self._covers(ip):
                return str(ip)
        return None

    def _covers(self, ip: IP) -> bool:
        return any(ip in network for network in self._networks)


def _hops(headers: CIMultiDictProxy[str]) -> Iterator[str]:
    """Yield the addresses of X-Forwarded-For, or else those of Forwarded (RFC 7239)."""
    lines = headers.getall("X-Forwarded-For", [])
    if lines:
        for line in lines:
            yield from line.split(",")
        return
    for line in headers.getall("Forwarded", []):
        for hop in line.split(","):
            for pair in hop.split(";"):
                name, _, value = pair.partition("=")
                if name.strip().lower() == "for":
                    yield value
