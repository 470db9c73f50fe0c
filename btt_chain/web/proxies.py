"""Callers behind proxies: the address that a trusted proxy reports.

A proxy adds the address of its peer at the right end of `X-Forwarded-For`; what is left of it came
from the caller, and may be made up. So the list is read from the right, as long as the entries are
proxies that the operator named.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final

from btt_chain.web.addresses import IP, parse_ip

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

_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+")


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Return True if a proxy has passed on a request; `headers` ignore case."""
    return any(mark in headers for mark in MARKS)


class Proxies:
    """The proxies whose reports are believed; none by default."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """`networks` are addresses or networks, as `127.0.0.1` or `10.0.0.0/8`.

        Raises ValueError if one is neither.
        """
        self._networks = [ipaddress.ip_network(each) for each in networks]

    def trusts(self, address: str) -> bool:
        """Return True if an address is one of the proxies."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def caller(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the address of the caller; `forwarded` are the values of the header."""
        caller = peer
        hops = [hop.strip() for value in forwarded for hop in value.split(",")]
        for hop in reversed(hops[-MAX_HOPS:]):
            if not self.trusts(caller):
                break
            found = _address(hop)
            if found is None:
                break
            caller = str(found)
        return caller


def _address(text: str) -> IP | None:
    """Return an address, with or without a port; None if it is none."""
    ported = _WITH_PORT.fullmatch(text)
    plain = (ported[1] or ported[2]) if ported else text
    return parse_ip(plain)
