"""IP addresses: their one reader, the networks of customers, this machine, the internet."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final, TypeAlias

IP: TypeAlias = IPv4Address | IPv6Address

_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that is assigned for the internet (RFC 4291); other addresses are special."""
_SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments
            "192.88.99.0/24",  # 6to4 relays
            "2001::/23",  # IETF protocol assignments, Teredo among them
            "2001:db8::/32", "3fff::/20",  # documentation
        ),
    )
)  # fmt: skip
"""Not on the internet, whatever the tables of the running Python say (IANA special purposes)."""
_NUMERIC: Final = r"(?ai)(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?"


def parse_ip(text: str) -> IP | None:
    """Return an IP address, IPv4 seen through IPv6 as IPv4; None if the text is not one.

    A zone (`fe80::1%eth0`) is left out: it names an interface of this machine.
    """
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip


def is_numeric(host: str) -> bool:
    """Return True if the C library may read a host as IPv4: 127.1, 2130706433, 0x7f.1."""
    return re.fullmatch(_NUMERIC, host) is not None


def is_public(address: str) -> bool:
    """Return True if an IP address belongs to the public internet; one with a zone does not.

    Nothing that another party names is requested or dialled elsewhere, unless the user permits it:
    it could reach services inside of the user's network.
    """
    ip = None if "%" in address else parse_ip(address)
    if ip is None:
        return False
    if isinstance(ip, IPv6Address):
        if ip.sixtofour is not None:
            return is_public(str(ip.sixtofour))
        if ip not in _UNICAST:
            return False
    if any(ip in network for network in _SPECIAL if network.version == ip.version):
        return False
    return ip.is_global and not ip.is_multicast


def network_of(address: str) -> str:
    """Return the name under which an address is charged: an IPv6 address by its /64.

    A provider assigns at least that many addresses to one customer.
    """
    ip = parse_ip(address)
    if isinstance(ip, IPv6Address):
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return address if ip is None else str(ip)


def wide_network_of(address: str) -> str:
    """Return the /48 of an IPv6 address or of its /64; any other address unchanged."""
    network = network_of(address)
    try:
        return str(IPv6Network(network).supernet(new_prefix=48))
    except ValueError:
        return network


def is_loopback(address: str) -> bool:
    """Return True if a peer's address is this machine's own; IPv4 seen through IPv6 included."""
    ip = parse_ip(address)
    return ip is not None and ip.is_loopback


def is_here(host: str) -> bool:
    """Return True if the host of a URL is this machine: `localhost`, or a loopback address."""
    return host == "localhost" or is_loopback(host)
