"""Limits of one peer: messages by kind, streams, connections. Pure; time is an argument.

Both directions are counted. Messages above the limit are dropped; as many again above that, and the
sender is charged: a busy network is not an offence, a flood is. Requests and notes that this node
would send above the limit are held back, because an honest peer has the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.addresses import parse_ip
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    COMPACT,
    GRANDPA,
    GRANDPA_PEER,
    JUSTIFICATIONS,
    KAD,
    KIB,
    STATE,
    STATUS,
    TX,
    WARP,
)

GOSSIP_CONTROL: Final = "gossip-control"
"""GossipSub's control messages: IHAVE, IWANT, GRAFT, PRUNE."""
SUBSCRIBE: Final = "gossip-subscribe"
"""Subscriptions: after each, this node sends its recent messages."""
STREAMS: Final = "streams"
"""Streams of any protocol: each costs a negotiation, supported protocol or not."""
LARGE_TX: Final = "large-tx"
"""Gossiped transactions of more than LARGE_BYTES."""
LARGE_BYTES: Final = 64 * KIB

MAX_STREAMS: Final = 64
"""Streams that one peer may hold open to this node on a connection, of any protocol."""
MAX_REQUESTS: Final = 16
"""Requests of one peer that are served at a time, and that are open at it."""
MAX_REQUESTS_TOTAL: Final = 128
"""Requests of all peers served at a time; at this number a peer may have FEW_REQUESTS."""
FEW_REQUESTS: Final = 2
"""Requests that each peer may have served, regardless of the load from others."""

SECOND_MS: Final = 1_000


class Rate(NamedTuple):
    """Messages per second on average, and at once."""

    per_second: float
    burst: int


RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        ANNOUNCE: Rate(20, 200),
        TX: Rate(100, 1_000),
        # A node sends one per second. In bytes this is less than what TX allows.
        LARGE_TX: Rate(2, 8),
        # Two messages per round of each of 100 voters; a round lasts about a second at least.
        GRANDPA: Rate(500, 5_000),
        GOSSIP_CONTROL: Rate(20, 200),
        SUBSCRIBE: Rate(0.2, 8),
        STREAMS: Rate(100, 200),
        GRANDPA_PEER: Rate(20, 200),
        STATUS: Rate(2, 20),
        KAD: Rate(1, 10),
        BLOCKS: Rate(40, 100),
        COMPACT: Rate(40, 100),
        JUSTIFICATIONS: Rate(20, 60),
        STATE: Rate(40, 100),
        WARP: Rate(2, 10),
    }
)
"""Maximum rates of the messages of one peer. Idea: Chia's rate limits by message type."""

READS: Final = Rate(1_500, 15_000)
"""Reads of one connection. A packet takes two or three; a higher rate keeps a core busy."""
READ_PAUSE: Final = 0.02
"""Pause of a connection above READS, in seconds."""

OUTBOUND_SHARE: Final = 0.75
"""Share of the table that this node's own sending keeps to: clocks and batches differ."""


class Bucket(TokenBucket):
    """A token bucket with a rate per second, and times in milliseconds."""

    __slots__ = ()

    def __init__(self, rate: Rate, now_ms: int) -> None:
        super().__init__(rate.per_second / SECOND_MS, rate.burst, now_ms)


class Meter:
    """The buckets of one peer and one direction."""

    __slots__ = ("_buckets", "_floods", "_share")

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self._buckets: dict[str, Bucket] = {}
        self._floods: dict[str, Bucket] = {}

    def allows(self, kind: str, now_ms: int) -> bool:
        """Count a message of `kind`. Return True if it is within the limit. Raises KeyError."""
        return self._bucket(self._buckets, kind, now_ms).take(now_ms)

    def floods(self, kind: str, now_ms: int) -> bool:
        """Count one message above the limit. Return True if there are too many of these as well."""
        return not self._bucket(self._floods, kind, now_ms).take(now_ms)

    def _bucket(self, buckets: dict[str, Bucket], kind: str, now_ms: int) -> Bucket:
        bucket = buckets.get(kind)
        if bucket is None:
            rate = RATES[kind]
            scaled = Rate(rate.per_second * self._share, max(1, int(rate.burst * self._share)))
            bucket = buckets[kind] = Bucket(scaled, now_ms)
        return bucket


def may_serve(own: int, total: int) -> bool:
    """Return True if a peer with `own` requests being served, of `total`, may have one more."""
    if own >= MAX_REQUESTS:
        return False
    return own < FEW_REQUESTS or total < MAX_REQUESTS_TOTAL


# --- connections, before the handshake -----------------------------------------------


ATTEMPTS: Final = Rate(4, 40)
"""Connection attempts of one address."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Maximum numbers of inbound connections, by address and in total."""

    per_ip: int = 8
    """Open connections of one address."""
    half_open_per_ip: int = 4
    """Open connections of one address that have not finished the Noise handshake."""
    half_open: int = 48
    """Unfinished handshakes of all addresses."""
    total: int = 96
    """Inbound connections of all addresses; the peer limits apply after the handshake."""
    attempts: Rate = ATTEMPTS


LOCAL_GATE: Final = GateLimits(per_ip=64, half_open_per_ip=16, attempts=Rate(50, 400))
"""For networks on one machine, where all nodes have the same address."""

MAX_WATCHED: Final = 4_096
"""Maximum number of addresses whose attempts are remembered."""


def _never(ip: str, now_ms: int) -> str | None:
    """Refuse no address."""
    del ip, now_ms
    return None


def _none_reserved(ip: str, now_ms: int) -> bool:
    """Return True if a reserved peer may come from an address: never here."""
    del ip, now_ms
    return False


class Gate:
    """Counter of inbound connections by address: one machine cannot take all places.

    Call `enter` when a socket is accepted; if it returns None, then exactly one `leave` at its end,
    and `upgraded` at most once in between.
    """

    def __init__(
        self,
        limits: GateLimits,
        closed: Callable[[str, int], str | None] = _never,
        reserved: Callable[[str, int], bool] = _none_reserved,
    ) -> None:
        """`closed` returns why an address is refused regardless of the limits, or None.

        `reserved` returns True if a reserved peer may come from an address: it is admitted where
        others are refused because of other addresses' connections or a closed network.
        """
        self._limits = limits
        self._closed = closed
        self._reserved = reserved
        self._open: dict[str, int] = {}
        self._half: dict[str, int] = {}
        self._half_total = 0
        self._total = 0
        self._attempts: dict[str, Bucket] = {}

    @property
    def open_connections(self) -> int:
        """Number of connections that have entered and not left."""
        return self._total

    @property
    def half_open(self) -> int:
        """Number of connections whose handshake is not finished."""
        return self._half_total

    def enter(self, ip: str, now_ms: int) -> str | None:
        """Admit a connection and return None, or return the reason why it is refused."""
        limits, source = self._limits, source_of(ip)
        if not self._attempt(source, now_ms):
            return "too many attempts"
        if self._open.get(source, 0) >= limits.per_ip:
            return "too many connections of this address"
        if self._half.get(source, 0) >= limits.half_open_per_ip:
            return "too many unfinished handshakes of this address"
        refusal = self._refusal(ip, now_ms)
        if refusal is not None and not self._reserved(ip, now_ms):
            return refusal
        self._total += 1
        self._half_total += 1
        self._open[source] = self._open.get(source, 0) + 1
        self._half[source] = self._half.get(source, 0) + 1
        return None

    def _refusal(self, ip: str, now_ms: int) -> str | None:
        """Return why an address is refused for another cause than its own connections, or None."""
        if self._total >= self._limits.total:
            return "full"
        if self._half_total >= self._limits.half_open:
            return "too many unfinished handshakes"
        return self._closed(ip, now_ms)

    def upgraded(self, ip: str) -> None:
        """Note the end of the Noise handshake of a connection that entered, well or badly."""
        self._half_total -= 1
        _decrease(self._half, source_of(ip))

    def leave(self, ip: str) -> None:
        """Note that a connection that entered is closed."""
        self._total -= 1
        _decrease(self._open, source_of(ip))

    def _attempt(self, source: str, now_ms: int) -> bool:
        bucket = self._attempts.pop(source, None) or Bucket(self._limits.attempts, now_ms)
        self._attempts[source] = bucket  # the most recent last
        if len(self._attempts) > MAX_WATCHED:
            del self._attempts[next(iter(self._attempts))]
        return bucket.take(now_ms)


def source_of(ip: str) -> str:
    """Return the source counted as one machine: an IPv4 address, or a /64 of IPv6."""
    address = parse_ip(ip)
    if isinstance(address, IPv6Address):
        return address.exploded[:19]
    return ip if address is None else str(address)


def _decrease(counts: dict[str, int], key: str) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]
