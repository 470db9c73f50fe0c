"""Addresses of bootnodes, in libp2p's notation.

    /ip4/10.0.0.1/tcp/30333/p2p/12D3KooW...    /dns/boot.example/tcp/30333/p2p/12D3KooW...

The transports of other chains (`/ws`, `/wss`, `/quic-v1`, ...) are accepted, too: the network layer
decides whether it can use them. Source: https://github.com/multiformats/multiaddr.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from btt_chain.primitives import ss58

EXAMPLE: Final = "/ip4/10.0.0.1/tcp/30333/p2p/12D3KooW..."

_MAX_CHARACTERS: Final = 512
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_PLAIN: Final = {"ws", "wss", "tls", "quic", "quic-v1", "webrtc-direct", "webtransport"}
"""Additional transports without a value."""
_VALUED: Final = {"x-parity-ws", "x-parity-wss", "certhash", "sni"}
_PEER_ID: Final = 53
"""Maximum length of a peer id, in characters."""
_IDENTITY: Final = bytes((0x00, 0x24, 0x08, 0x01, 0x12, 0x20))
"""Prefix of the id of an Ed25519 key, which contains the key itself."""
_SHA256: Final = bytes((0x12, 0x20))
_KEY: Final = 32


class BadAddress(ValueError):
    """The text is not the address of a node; the message gives the reason."""


def check_address(text: str) -> None:
    """Check the address of a node, including its peer id. Raises BadAddress with the reason."""
    if len(text) > _MAX_CHARACTERS:
        raise BadAddress(f"{len(text)} characters are too many")
    if not text.startswith("/"):
        raise BadAddress("it does not begin with /ip4, /ip6 or /dns")
    words = text[1:].split("/")
    if len(words) < 4:
        raise BadAddress("host, port and peer id are needed")
    _check_host(words[0], words[1])
    if words[2] not in {"tcp", "udp"}:
        raise BadAddress(f"/tcp and a port belong behind the host, not /{words[2]}")
    if not _PORT.fullmatch(words[3]) or not 0 < int(words[3]) < 1 << 16:
        raise BadAddress(f"{words[3]!r} is no port")
    rest = words[4:]
    while rest and rest[0] not in {"p2p", "ipfs"}:
        rest = _after_transport(rest)
    if len(rest) != 2:
        raise BadAddress("it does not end with /p2p and a peer id")
    _check_peer(rest[1])


def _check_host(kind: str, host: str) -> None:
    match kind:
        case "ip4" | "ip6":
            wanted = ipaddress.IPv4Address if kind == "ip4" else ipaddress.IPv6Address
            try:
                wanted(host)
            except ValueError:
                raise BadAddress(f"{host!r} is no {kind} address") from None
        case "dns" | "dns4" | "dns6":
            if not _HOST.fullmatch(host):
                raise BadAddress(f"{host!r} is no name of a host")
        case _:
            raise BadAddress(f"/{kind} is not one of /ip4, /ip6, /dns, /dns4, /dns6")


def _after_transport(words: list[str]) -> list[str]:
    if words[0] in _PLAIN:
        return words[1:]
    if words[0] in _VALUED and len(words) > 1:
        return words[2:]
    raise BadAddress(f"/{words[0]} is no transport that is known")


def _check_peer(text: str) -> None:
    try:
        raw = ss58.from_base58(text, _PEER_ID)
    except ss58.Ss58Error as error:
        raise BadAddress(f"the peer id {text!r} is not readable: {error}") from None
    for start in (_IDENTITY, _SHA256):
        if raw.startswith(start) and len(raw) == len(start) + _KEY:
            return
    raise BadAddress(f"{text!r} is no peer id")
