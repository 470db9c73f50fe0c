"""Texts that people and configuration files give: addresses, secrets, accounts, amounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.uri import SecretUri
from btt_chain.primitives import ss58
from fuzz.target import Target
from p2p.address import MAX_CHARACTERS, parse, parse_listen, parse_peer
from p2p.kademlia.table import network_of


def account(text: str) -> None:
    """Read an account's address; what was read is written the same."""
    raw, prefix = ss58.decode(text)
    assert ss58.encode(raw, prefix) == text


def address(text: str) -> None:
    """Read a node's address; what was read is used everywhere without an error."""
    found = parse(text)
    assert parse(str(found)) == found
    assert len(str(found)) <= MAX_CHARACTERS
    assert found.group is not None
    assert found.public == (found.is_name or bool(network_of(found.host)))


READERS: Final[tuple[Callable[[str], object], ...]] = (
    account, SecretUri.parse, address, parse_listen, parse_peer,
)  # fmt: skip


def run(raw: bytes) -> None:
    """Give the text to the reader that the first byte names."""
    if not raw:
        return
    try:
        READERS[raw[0] % len(READERS)](raw[1:].decode("utf-8", "replace"))
    except (SecretError, ValueError):  # the readers of addresses declare ValueError
        return


def seeds() -> list[bytes]:
    """Return a text of each kind."""
    peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    texts = [
        (0, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"), (1, "//Alice/soft//7///pass"),
        (1, "0x" + "ab" * 32), (2, f"/ip4/1.2.3.4/tcp/5/p2p/{peer}"),
        (2, f"/dns4/example.org/tcp/5/p2p/{peer}"), (3, "/ip6/::1/tcp/0"), (4, peer),
        (2, f"/ip6/2606:4700::1%x/tcp/30333/p2p/{peer}"), (2, f"/dns/boot_node./tcp/5/p2p/{peer}"),
    ]  # fmt: skip
    return [bytes([kind]) + text.encode() for kind, text in texts]


TARGET = Target(
    run=run,
    seeds=seeds,
    instrument=(
        "btt_chain.crypto", "btt_chain.primitives", "p2p.address", "base58",
    ),
)  # fmt: skip
