"""A node's network, built from its flags and its chain's specification."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from btt_chain.chain.client import Client
from btt_chain.crypto.keypair import KeyPair
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.keys.identity import peer_id
from btt_chain.node.service.config import NetworkConfig
from btt_chain.node.service.paths import Paths
from genesis.spec import ChainSpec, SpecError
from p2p import address
from p2p.deferred import DeferredNetwork
from p2p.dial_plan import BookConfig
from p2p.limits import LOCAL_GATE, GateLimits
from p2p.network import AUTHORITY, FULL, Network, Status
from p2p.settings import NetworkSettings

T = TypeVar("T")

TURN_SHARE: Final = 30
"""Share of a slot for which votes of others wait, to be forwarded together: each message costs a
frame of Yamux and of Noise, and a call of the system, on both sides."""
MIN_TURN_MS: Final = 40
MAX_TURN_MS: Final = 200


def open_network(
    client: Client,
    spec: ChainSpec,
    paths: Paths,
    config: NetworkConfig,
    key: KeyPair,
    *,
    is_authority: bool,
    slot_ms: int,
) -> DeferredNetwork:
    """Return the network of a node, not started yet.

    Raises ValueError, naming the flag, for invalid addresses; SpecError for those of the
    specification.
    """
    best, final = client.best(), client.finalized()
    role = AUTHORITY if is_authority else FULL
    private = not spec.is_live if config.allow_private is None else config.allow_private
    book = BookConfig(
        max_in=config.in_peers,
        max_out=config.out_peers,
        bootnodes=(*boot_nodes(spec), *addresses("--bootnodes", config.bootnodes)),
        reserved=addresses("--reserved-nodes", config.reserved),
        reserved_only=config.reserved_only,
        allow_private=private,
    )
    listen = config.listen or (f"/ip4/0.0.0.0/tcp/{config.port}",)
    for text in listen:
        named("--listen-addr", address.parse_listen, text)
    to_report = partial(address.parse_public, peer_id(key))
    settings = NetworkSettings(
        key_seed=key.secret,
        genesis=client.genesis_hash,
        status=Status(
            role,
            best.number,
            best.hash,
            final.number,
            final.hash,
            client.store.state_import.lowest,
        ),
        listen=listen,
        public=tuple(named("--public-addr", to_report, text) for text in config.public),
        book=book,
        # On one machine all neighbours have the same address.
        gate=GateLimits() if spec.is_live else LOCAL_GATE,
        folder=paths.network,
        mdns=config.mdns and not spec.is_live,
        turn_ms=min(max(slot_ms // TURN_SHARE, MIN_TURN_MS), MAX_TURN_MS),
        clock=unix_ms,
        seed=secrets.randbits(64),
    )
    reserved = [each.peer for each in book.reserved]
    return DeferredNetwork(lambda: libp2p_network(settings), peer_id(key), reserved)


def libp2p_network(settings: NetworkSettings) -> Network:
    """Return the network on libp2p, which is slow to import."""
    from p2p.host.libp2p_network import Libp2pNetwork

    return Libp2pNetwork(settings)


def boot_nodes(spec: ChainSpec) -> tuple[address.Address, ...]:
    """Read the addresses that come with a chain. Raises SpecError."""
    try:
        return addresses("bootNodes", spec.boot_nodes)
    except ValueError as error:
        raise SpecError(str(error)) from None


def addresses(flag: str, texts: tuple[str, ...]) -> tuple[address.Address, ...]:
    """Read addresses with peer ids. Raises ValueError, naming the flag."""
    return tuple(named(flag, address.parse, text) for text in texts)


def named(flag: str, read: Callable[[str], T], text: str) -> T:
    """Read an address. Raises ValueError, naming the flag."""
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{flag}: {error}") from None
