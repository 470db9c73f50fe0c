"""Addresses of nodes: `/ip4/1.2.3.4/tcp/30333/p2p/12D3Koo…`, read without the network library.

This is the one reader: of specifications, command lines, RPC, the peer file, and what peers report.
Only addresses that this node can dial and report are read: an IP address or a DNS name, a TCP port,
and the peer id. Peer ids are those of ed25519 keys, as all our nodes have. An IPv6 address has no
zone (`%eth0`), which means something on one machine only; a DNS name is not a number, which systems
read as an IPv4 address.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from btt_chain.primitives.ss58 import Ss58Error, from_base58
from btt_chain.web.addresses import is_numeric, is_public, parse_ip

PEER_ID_PREFIX: Final = bytes.fromhex("002408011220")
"""Identity multihash of a protobuf public key of type ed25519. Source: libp2p peer-ids spec."""
PEER_ID_BYTES: Final = len(PEER_ID_PREFIX) + 32
PEER_ID_CHARS: Final = 64

MAX_CHARACTERS: Final = 160
"""Maximum length of an address: nodes refuse messages with longer ones."""
EXAMPLE: Final = "/ip4/10.0.0.1/tcp/30333/p2p/12D3KooW..."

UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104  (read, not bound)
HOSTS: Final = ("ip4", "ip6", "dns", "dns4", "dns6")
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
"""A DNS name as resolvers take it: with underscores, too, as Docker Compose makes them."""


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
    def is_name(self) -> bool:
        """True if the host is a DNS name, whose addresses are checked when it is dialled."""
        return self.kind.startswith("dns")

    @property
    def public(self) -> bool:
        """True if the address means the same machine everywhere. DNS names count as public."""
        return self.is_name or is_public(self.host)

    @property
    def group(self) -> str:
        """The DNS name or network (/16 of IPv4, /32 of IPv6): one operator may own all of it."""
        ip = None if self.is_name else parse_ip(self.host)
        if isinstance(ip, IPv4Address):
            return ".".join(str(ip).split(".")[:2])
        return self.host.lower() if ip is None else ip.exploded[:9]


def parse(text: str) -> Address:
    """Parse `/ip4/HOST/tcp/PORT/p2p/PEER`. Raises ValueError saying what is wrong."""
    match _parts(text):
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


def parse_public(local_peer: str, text: str) -> str:
    """Return the address that a node reports of itself, `/dns/HOST/tcp/PORT`, without its peer id.

    The peer id may be there. Raises ValueError if other nodes could not dial it.
    """
    address = parse(text if "/p2p/" in text else f"{text}/p2p/{local_peer}")
    if address.peer != local_peer:
        raise ValueError(f"{text!r} is the address of another node: this one is {local_peer}")
    if address.host in UNSPECIFIED:
        raise ValueError(f"{text!r} is not an address at which others reach this node")
    return address.socket


def parse_listen(text: str) -> tuple[str, str, int]:
    """Parse `/ip4/HOST/tcp/PORT`; port 0 is any port. Raises ValueError saying what is wrong."""
    match _parts(text):
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


def _parts(text: str) -> list[str]:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"{text[:40]!r}... is not an address: it is over {MAX_CHARACTERS} characters"
        )
    return text.split("/")


def _socket(text: str, kind: str, host: str, port: str, least: int = 1) -> tuple[str, int]:
    if kind not in HOSTS:
        raise ValueError(f"{text!r}: {kind!r} is not one of {', '.join(HOSTS)}")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and least <= int(port) < 1 << 16):
        raise ValueError(f"{text!r}: {port!r} is not a port")
    return (_name(text, host) if kind.startswith("dns") else _ip(text, kind, host)), int(port)


def _name(text: str, host: str) -> str:
    if _NAME.fullmatch(host) is None:
        raise ValueError(f"{text!r}: {host!r} is not a name of a host")
    if is_numeric(host):
        raise ValueError(f"{text!r}: {host!r} is not a name but a number: write /ip4/ or /ip6/")
    return host


def _ip(text: str, kind: str, host: str) -> str:
    wanted = IPv4Address if kind == "ip4" else IPv6Address
    if "%" in host:
        raise ValueError(f"{text!r}: the zone of {host!r} means nothing elsewhere: not an address")
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if not isinstance(address, wanted):
        raise ValueError(f"{text!r}: {host!r} is not an address of {kind}")
    return str(address)
