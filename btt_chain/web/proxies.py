"""Callers behind proxies: the address that a trusted proxy reports.

A proxy adds the address of its peer at the right end of `X-Forwarded-For`; what is left of it came
from the caller, and may be made up. So the list is read from the right, as long as the entries are
proxies that the operator named.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from multidict import CIMultiDictProxy

from btt_chain.web.addresses import IP, parse_ip

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HEADER: Final = "X-Forwarded-For"
MAX_HOPS: Final = 16
"""Maximum number of proxies between this server and a caller."""

MARKS: Final = (
    HEADER, "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-Forwarded-Port", "X-Forwarded-Server", "X-Original-Forwarded-For", "X-Client-IP",
    "True-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP", "DO-Connecting-IP",
    "Fastly-Client-IP", "Fly-Client-IP", "X-Envoy-External-Address",
)  # fmt: skip
"""Headers by which a proxy shows that a request is not of a program on its own machine."""

_WITH_PORT: Final = r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+"


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Return True if a proxy has passed on a request; `headers` ignore case."""
    return any(mark in headers for mark in MARKS)


class Proxies:
    """The proxies whose reports are believed; none by default."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """`networks` are addresses or networks, as `127.0.0.1` or `10.0.0.0/8`.

        Raises ValueError if one is neither.
        """
        self._networks: list[Network] = []
        for text in networks:
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise ValueError(
                    f"{text!r} is neither an IP address nor a network like 10.0.0.0/8"
                ) from None

    def trusts(self, address: str) -> bool:
        """Return True if an address is one of the proxies."""
        ip = _address(address) if self._networks else None
        return ip is not None and any(ip in network for network in self._networks)

    def caller(self, peer: str, headers: CIMultiDictProxy[str]) -> str:
        """Return the address of the caller; `peer` is that of the connection."""
        caller = peer
        for hop in reversed(list(_hops(headers))[-MAX_HOPS:]):
            if not self.trusts(caller):
                break
            ip = _address(hop)
            if ip is None:
                break
            caller = str(ip)
        return caller


def _hops(headers: CIMultiDictProxy[str]) -> Iterator[str]:
    """Yield the addresses of X-Forwarded-For, or else those of Forwarded (RFC 7239)."""
    lines = headers.getall(HEADER, [])
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


def _address(text: str) -> IP | None:
    """Return an address, with or without quotes and a port; None if it is not one."""
    text = text.strip().strip('"')
    ported = re.fullmatch(_WITH_PORT, text)
    return parse_ip((ported[1] or ported[2]) if ported else text)
