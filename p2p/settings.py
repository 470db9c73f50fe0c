"""Settings of a network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from btt_chain.lazyclass import dataclass
from p2p.dial_plan import BookConfig
from p2p.limits import GateLimits
from p2p.network import Status


def unix_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of a network. Times in milliseconds."""

    key_seed: bytes
    """32 bytes: the seed of the node's ed25519 network key, from which its peer id follows."""
    genesis: bytes
    status: Status
    """Status reported to others until the first `SetStatus`."""
    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/30333",)
    """`/ip4/HOST/tcp/PORT`; with port 0 the system chooses one."""
    public: tuple[str, ...] = ()
    """Addresses to report to others instead, in the same form: behind a router, for example."""
    book: BookConfig = field(default_factory=BookConfig)
    gate: GateLimits = field(default_factory=GateLimits)
    folder: Path | None = None
    """Folder of the file of known peers; None stores none."""
    seed: int = 0
    """Seed for the order in which peers are tried, and the jitter of pauses."""
    mdns: bool = False
    """True if nodes are discovered and announced on the local network."""
    poll_ms: int = 5_000
    """Interval of status requests to a peer, longer with more than five peers. Three unanswered
    in a row close the connection."""
    handshake_ms: int = 10_000
    """Time limit of the handshake of a new connection."""
    dial_every_ms: int = 1_000
    """Interval at which the peer book is asked for peers to dial."""
    turn_ms: int = 40
    """Time for which votes of others wait, to be forwarded together to the same peers."""
    clock: Callable[[], int] = unix_ms
    """Time of day that is reported to others, and compared with theirs, in unix milliseconds."""
    find_every_ms: int = 15_000
    """Minimum pause between two discovery lookups in the network."""
    save_every_ms: int = 60_000
