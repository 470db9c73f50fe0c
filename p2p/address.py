"""Addresses of nodes: `/ip4/1.2.3.4/tcp/30333/p2p/12D3Koo…`, read without the network library.

Only addresses that this node can dial are read: an IP address or a DNS name, a TCP port, and the
peer id. Peer ids are those of ed25519 keys, as all our nodes have.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from btt_chain.primitives.ss58 import Ss58Error, from_base58

PEER_ID_PREFIX: Final = bytes.fromhex("002408011220")
"""Identity multihash of a protobuf public key of type ed25519. Source: libp2p peer-ids spec."""
PEER_ID_BYTES: Final = len(PEER_ID_PREFIX) + 32
PEER_ID_CHARS: Final = 64

HOSTS: Final = ("ip4", "ip6", "dns", "dns4", "dns6")
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")


class Address(NamedTuple):
    """Address at which a peer can be dialled."""

    kind: str
    """One of `HOSTS`."""
    host: str
    port: int
    peer: str

    def __str__(self) -> str:
        return f"{self.socket}/p2p/{self.peer}"

    @property
    def socket(self) -> str:
        """The multiaddress without the peer."""
        return f"/{self.kind}/{self.host}/tcp/{self.port}"

    @property
    def public(self) -> bool:
        """True if the address means the same machine everywhere. DNS names count as public."""
        if not self.kind.startswith("ip"):
            return True
        return ip_address(self.host).is_global

    @property
    def group(self) -> str:
        """The DNS name or network (/16 of IPv4, /32 of IPv6): one operator may own all of it."""
        if not self.kind.startswith("ip"):
            return self.host.lower()
        address = ip_address(self.host)
        if isinstance(address, IPv4Address):
            return ".".join(self.host.split(".")[:2])
        return address.exploded[:9]


def parse(text: str) -> Address:
    """Parse `/ip4/HOST/tcp/PORT/p2p/PEER`. Raises ValueError saying what is wrong."""
    match text.split("/"):
        case ["", kind, host, "tcp", port, "p2p", peer]:
            return Address(kind, *_socket(text, kind, host, port), parse_peer(peer))
        case _:
            raise ValueError(f"{text!r} is not of the form /ip4/HOST/tcp/PORT/p2p/PEER")


def other_than(local_peer: str, text: str) -> Address:
    """Parse the address of another node. Raises ValueError."""
    address = parse(text)
    if address.peer == local_peer:
        raise ValueError(f"{text!r} is this node")
    return address


def parse_listen(text: str) -> tuple[str, str, int]:
    """Parse `/ip4/HOST/tcp/PORT`; port 0 is any port. Raises ValueError saying what is wrong."""
    match text.split("/"):
        case ["", "ip4" | "ip6" as kind, host, "tcp", port]:
            return kind, *_socket(text, kind, host, port, least=0)
        case _:
            raise ValueError(f"{text!r} is not of the form /ip4/HOST/tcp/PORT")


def parse_peer(text: str) -> str:
    """Return `text` if it is a peer id. Raises ValueError."""
    try:
        raw = from_base58(text, PEER_ID_CHARS)
    except Ss58Error as error:
        raise ValueError(f"{text!r} is not a peer id") from error
    if len(raw) != PEER_ID_BYTES or not raw.startswith(PEER_ID_PREFIX):
        raise ValueError(f"{text!r} is not the peer id of an ed25519 key")
    return text


def _socket(text: str, kind: str, host: str, port: str, least: int = 1) -> tuple[str, int]:
    if kind not in HOSTS:
        raise ValueError(f"{text!r}: {kind!r} is not one of {', '.join(HOSTS)}")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and least <= int(port) < 1 << 16):
        raise ValueError(f"{text!r}: {port!r} is not a port")
    if kind.startswith("dns"):
        if _NAME.fullmatch(host) is None:
            raise ValueError(f"{text!r}: {host!r} is not a name")
        return host, int(port)
    wanted = IPv4Address if kind == "ip4" else IPv6Address
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if not isinstance(address, wanted):
        raise ValueError(f"{text!r}: {host!r} is not an address of {kind}")
    return str(address), int(port)
