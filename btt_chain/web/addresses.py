"""Addresses of callers: the networks that one customer has, and this machine."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """Return the name under which an address is charged: an IPv6 address by its /64.

    A provider assigns at least that many addresses to one customer.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))


def wide_network_of(address: str) -> str:
    """Return the /48 of an IPv6 address or of its /64; any other address unchanged."""
    network = network_of(address)
    try:
        return str(ipaddress.IPv6Network(network).supernet(new_prefix=48))
    except ValueError:
        return network


def is_loopback(address: str) -> bool:
    """Return True if a peer's address is this machine's own; IPv4 seen through IPv6 included."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback
