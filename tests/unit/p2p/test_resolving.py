"""Names are resolved once for each dial, and lead to no private address unless that is allowed."""

from __future__ import annotations

import socket

import pytest
import trio
from multiaddr import Multiaddr

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX, parse
from p2p.errors import NetworkError
from p2p.host.resolving import dial_first

Found = tuple[int, int, int, str, tuple[str, int]]
PEER = to_base58(PEER_ID_PREFIX + bytes(range(32)))
PRIVATE = (
    "10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::1", "fe80::1%eth0",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "fec0::1",
)  # fmt: skip


class Resolver(trio.abc.HostnameResolver):
    """Answers each question with the next list of addresses."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[bytes | None, int]] = []

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Found]:
        self.asked.append((host, family))
        assert isinstance(port, int)
        return [
            (
                socket.AF_INET6 if ":" in found else socket.AF_INET,
                socket.SOCK_STREAM, 6, "", (found, port),
            )
            for found in self.answers.pop(0)
        ]  # fmt: skip

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def dials(
    text: str, resolver: Resolver, *, allow_private: bool = False, refused: tuple[str, ...] = ()
) -> list[str]:
    """Return the addresses that are dialled, one after the other; those `refused` do not answer."""
    dialled: list[str] = []

    async def dial(place: Multiaddr) -> None:
        dialled.append(str(place))
        if any(one in str(place) for one in refused):
            raise ConnectionError

    async def main() -> None:
        trio.socket.set_custom_hostname_resolver(resolver)
        address = parse(f"/{text}/tcp/30333/p2p/{PEER}")
        await dial_first(address, dial, allow_private=allow_private)

    try:
        trio.run(main)
    except NetworkError:
        assert not dialled
        raise
    return dialled


@pytest.mark.parametrize("private", PRIVATE)
def test_a_name_with_a_private_address_is_not_dialled_at_all(private: str) -> None:
    for addresses in ([private], ["8.8.8.8", private], [private, "2606:4700::1"]):
        with pytest.raises(NetworkError, match="not on the public internet"):
            dials("dns/boot.example", Resolver(addresses))


@pytest.mark.parametrize("host", ["ip4/10.0.0.1", "ip6/::1", "ip6/::ffff:10.0.0.1", "ip4/0.0.0.0"])
def test_a_private_address_is_refused_whatever_led_to_the_dial(host: str) -> None:
    with pytest.raises(NetworkError, match="not on the public internet"):
        dials(host, Resolver())


def test_the_addresses_that_were_checked_are_dialled_and_no_others() -> None:
    resolver = Resolver(["8.8.8.8", "2606:4700::1", "8.8.8.8"], ["10.0.0.1"])
    assert dials("dns/boot.example.", resolver, refused=("8.8.8.8",)) == [
        "/ip4/8.8.8.8/tcp/30333",
        "/ip6/2606:4700::1/tcp/30333",
    ]
    assert len(resolver.answers) == 1


def test_a_name_that_libp2p_does_not_take_is_dialled_at_its_addresses() -> None:
    resolver = Resolver(["10.0.0.7"])
    assert dials("dns4/boot_node", resolver, allow_private=True) == ["/ip4/10.0.0.7/tcp/30333"]


@pytest.mark.parametrize(
    ("kind", "family"),
    [("dns", socket.AF_UNSPEC), ("dns4", socket.AF_INET), ("dns6", socket.AF_INET6)],
)
def test_a_name_is_asked_for_the_addresses_of_its_kind(kind: str, family: int) -> None:
    resolver = Resolver(["8.8.8.8"])
    dials(f"{kind}/boot.example", resolver)
    assert [asked[1] for asked in resolver.asked] == [family]


def test_the_last_error_is_raised_when_no_address_answers() -> None:
    resolver = Resolver(["8.8.8.8", "8.8.4.4"])
    with pytest.raises(ConnectionError):
        dials("dns/boot.example", resolver, refused=("8.8.",))
