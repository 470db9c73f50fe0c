"""Addresses just before they are dialled: names are resolved, and private addresses refused.

Peers report names that may resolve to an address of the network behind this node. So the system
resolves a name once for each dial, all of its addresses are checked, and these are dialled and no
others: a name that resolves otherwise a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import trio
from multiaddr import Multiaddr

from btt_chain.web.addresses import is_public
from p2p.address import Address
from p2p.errors import NetworkError

MAX_ADDRESSES: Final = 4
"""Maximum number of addresses of a name that are dialled."""
_FAMILIES: Final = {
    "dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6,
}  # fmt: skip

C = TypeVar("C")


async def dial_first(
    address: Address, dial: Callable[[Multiaddr], Awaitable[C]], *, allow_private: bool
) -> C:
    """Dial the IP addresses of a node one by one, until one answers.

    Raises NetworkError for a private address without `allow_private`, OSError for a name without
    addresses, and what the last dial raised.
    """
    *others, last = await _sockets(address, allow_private=allow_private)
    for place in others:
        try:
            return await dial(place)
        except Exception:  # noqa: BLE001, S112  (libp2p raises a dozen kinds; the next is dialled)
            continue
    return await dial(last)


async def _sockets(address: Address, *, allow_private: bool) -> Sequence[Multiaddr]:
    hosts = await _lookup(address) if address.is_name else [address.host]
    for host in hosts:
        if not allow_private and not is_public(host):
            raise NetworkError(f"{address} is at {host}, which is not on the public internet")
    return [
        Multiaddr(f"/{'ip6' if ':' in host else 'ip4'}/{host}/tcp/{address.port}")
        for host in hosts[:MAX_ADDRESSES]
    ]


async def _lookup(address: Address) -> list[str]:
    found = await trio.socket.getaddrinfo(
        address.host, address.port, _FAMILIES[address.kind], socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
