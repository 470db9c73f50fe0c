"""What a network needs to know before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from p2p.limits import GateLimits
from p2p.network import Status
from p2p.peers import BookConfig


def unix_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What a network needs to know before it starts. Times in milliseconds."""

    key_seed: bytes
    """32 bytes: the seed of the node's ed25519 network key, from which its peer id follows."""
    genesis: bytes
    status: Status
    """What others are told until the first `SetStatus`."""
    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/30333",)
    """`/ip4/HOST/tcp/PORT`; port 0 lets the system choose."""
    public: tuple[str, ...] = ()
    """Addresses to tell others instead, in the same form: behind a router, for example."""
    book: BookConfig = field(default_factory=BookConfig)
    gate: GateLimits = field(default_factory=GateLimits)
    folder: Path | None = None
    """Where known peers are kept; None keeps nothing."""
    seed: int = 0
    """For the order in which peers are tried, and the jitter of waiting."""
    mdns: bool = False
    """Whether nodes are looked for on the local network, and told of us."""
    poll_ms: int = 5_000
    """How often a peer is asked for its status. Three silences in a row close the connection."""
    handshake_ms: int = 10_000
    """What a new connection has for the handshake."""
    dial_every_ms: int = 1_000
    """How often the peer book is asked whom to dial."""
    clock: Callable[[], int] = unix_ms
    """The time of day that others are told, and compared with, in unix milliseconds."""
    find_every_ms: int = 15_000
    """The shortest pause between two walks through the network in search of nodes."""
    save_every_ms: int = 60_000
