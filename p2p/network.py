"""The interface between the engine and the network: data only, and one Protocol.

The network emits events, the engine submits actions. Both are plain values, so the same engine runs
on libp2p and under the simulator.

Peer ids are strings (base58 of the libp2p id), hashes 32 bytes, times unix milliseconds. `data` is
always the payload alone: the envelope around it (`p2p.wire`) never reaches the engine. Neither does
a peer of another chain or version: genesis and protocol version are checked in the handshake, and
until that is over a peer counts as not connected.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from btt_chain.lazyclass import dataclass

PROTOCOL_VERSION: Final = 1
"""Version that both sides of a handshake must have in common, like the genesis hash."""

FULL: Final = 1
AUTHORITY: Final = 4
ROLES: Final = (FULL, AUTHORITY)
"""Roles of `Status`. Source: Substrate's role bits (2, light, is not supported here)."""

# --- names ------------------------------------------------------------------------

ANNOUNCE: Final = "announce"
TX: Final = "tx"
GRANDPA: Final = "grandpa"
TOPICS: Final = (ANNOUNCE, TX, GRANDPA)
"""Gossip topics."""

GRANDPA_PEER: Final = "grandpa-peer"
"""Notes from one peer to another, in order, never gossiped."""

STATUS: Final = "status"
KAD: Final = "kad"
BLOCKS: Final = "blocks"
COMPACT: Final = "compact"
JUSTIFICATIONS: Final = "justifications"
STATE: Final = "state"
WARP: Final = "warp"
REQUESTS: Final = (BLOCKS, COMPACT, JUSTIFICATIONS, STATE, WARP)
"""Request protocols of the engine; the network asks and answers `STATUS` and `KAD` itself."""

# --- bounds -----------------------------------------------------------------------

KIB: Final = 1 << 10
MIB: Final = 1 << 20


class Exchange(NamedTuple):
    """Bounds of one request protocol."""

    request: int
    """Maximum size of the request, in bytes."""
    answer: int
    """Maximum size of the answer, in bytes."""
    timeout_ms: int
    """Time for the responder to read, process and write, in milliseconds."""


GOSSIP_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {ANNOUNCE: 16 * KIB, TX: MIB - KIB, GRANDPA: 64 * KIB}
)
"""Maximum size of the payload in bytes, by topic: of `TX`, for a transaction that is alone."""

NOTE_BYTES: Final = 256 * KIB
"""Maximum size of one note, in bytes: a catch-up with two votes of each of 500 voters."""

EXCHANGES: Final[Mapping[str, Exchange]] = MappingProxyType(
    {
        STATUS: Exchange(KIB, KIB, 5_000),
        KAD: Exchange(KIB, 4 * KIB, 5_000),
        BLOCKS: Exchange(64 * KIB, 16 * MIB, 20_000),
        COMPACT: Exchange(64 * KIB, 4 * MIB, 6_000),
        JUSTIFICATIONS: Exchange(64 * KIB, 4 * MIB, 20_000),
        STATE: Exchange(64 * KIB, 4 * MIB, 20_000),
        WARP: Exchange(64 * KIB, 8 * MIB, 30_000),
    }
)
"""Bounds of payloads and times, by request protocol."""


VERSIONS: Final[Mapping[str, int]] = MappingProxyType({STATUS: 2, ANNOUNCE: 2, GRANDPA_PEER: 2})
"""Protocols whose messages have changed. All others are still at 1.

Nodes without a common version of `status` treat each other as foreign peers, without penalty."""


def protocol_name(genesis: bytes, name: str) -> str:
    """Return the name on the wire of a topic or protocol of the chain with this genesis hash."""
    return f"/{genesis.hex()}/btt/{name}/{VERSIONS.get(name, 1)}"


# --- reasons why a request failed ----------------------------------------------------

NOT_CONNECTED: Final = "not connected"
LEFT: Final = "it left"
CLOSED: Final = "the network was closed"
LIMITED: Final = "we ask it too much"
"""Our own rate limiter held the request back."""
REFUSED: Final = "refused"
"""The peer refused: it is busy, or does not have the data."""
LATE: Final = "no answer in time"

OWN_FAILURES: Final = (NOT_CONNECTED, LEFT, CLOSED, LIMITED)
"""Failures of a request that are not the fault of the peer."""

# --- what is known of a peer ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """State of a node as reported by itself."""

    roles: int
    best_number: int
    best_hash: bytes
    final_number: int
    final_hash: bytes
    lowest: int = 0
    """Lowest block from which it has all up to the best one, with their bodies. Above 0 while those
    below a fetched state are missing, and where bodies are pruned: the final one's child at most.
    """


@dataclass(frozen=True, slots=True)
class PeerView:
    """A connected peer, for RPC and logs."""

    peer: str
    status: Status
    outbound: bool
    """We dialled it."""
    address: str
    """Multiaddress of the peer; empty if unknown."""
    since_ms: int
    reputation: int
    """0 is the best; at the ban threshold it is disconnected."""
    reserved: bool


# --- events: network to engine ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake with `peer` has finished; from now on both sides may send requests."""

    peer: str
    status: Status


@dataclass(frozen=True, slots=True)
class Disconnected:
    """`peer` is disconnected. Its unanswered requests of ours fail before this event."""

    peer: str


@dataclass(frozen=True, slots=True)
class StatusReceived:
    """`peer` reported its current status: polled every few seconds."""

    peer: str
    status: Status


@dataclass(frozen=True, slots=True)
class ClockReceived:
    """The clock of `peer` compared with ours: with each answer about its status."""

    peer: str
    ahead_ms: int
    """Milliseconds that its clock is ahead of ours; negative when it is behind."""
    within_ms: int
    """Maximum error of that: half of the round-trip time of its answer."""


@dataclass(frozen=True, slots=True)
class GossipReceived:
    """A gossip message, forwarded by `peer`, which need not be its author."""

    topic: str
    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NoteReceived:
    """A note that `peer` sent to this node alone."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """`peer` sent a request; the action `Answer` with this `id` answers it."""

    peer: str
    protocol: str
    data: bytes
    id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to our `Ask` of this `id`."""

    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """Our `Ask` of this `id` failed: `why` is one of the reasons above, or the error."""

    id: int
    why: str


Event = (
    Connected
    | Disconnected
    | StatusReceived
    | ClockReceived
    | GossipReceived
    | NoteReceived
    | Asked
    | Answered
    | Failed
)

# --- actions: engine to network ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publish:
    """Gossip `data` on `topic` to the connected peers, one hop.

    A receiver publishes the same bytes again once it has found them valid: a peer is responsible
    for what it forwards. Our own messages do not come back to us, and within a minute no message is
    sent to the same peer twice.
    """

    topic: str
    data: bytes
    to: tuple[str, ...] | None = None
    """Peers that need it, no others are sent or offered it. None: those of the topic's mesh."""
    few: int | None = None
    """Maximum number of these that are sent it, the same ones for all messages of a short time.
    Some of the rest are offered it. None: all are sent it.
    """


@dataclass(frozen=True, slots=True)
class SendNote:
    """Send a note to `peer`; dropped silently if it is not connected."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request to `peer`; it ends in one `Answered` or `Failed` with the engine's `id`."""

    id: int
    peer: str
    protocol: str
    data: bytes
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the `Asked` of this `id`; None refuses. Ignored if it is too late."""

    id: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Penalise:
    """Charge `peer` for misbehaviour, `cost` > 0; at a threshold it is banned."""

    peer: str
    cost: int
    why: str
    is_certain: bool = field(default=False, compare=False)
    """True for what is invalid by itself, also on another chain than ours."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Work that `peer` caused here; a peer that causes too much is cut off (`p2p.accounts`)."""

    peer: str
    kind: str
    """Topic or protocol of its messages."""
    spent_us: int
    """Processor time in microseconds."""
    useless_us: int
    """The part of it that was spent on what is malformed, stale, forged or refused."""


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Set the status that this node reports to others from now on."""

    status: Status


Action = Publish | SendNote | Ask | Answer | Penalise | Charge | SetStatus


TRAFFIC: Final = ("bytes in", "bytes out", "packets out", "penalties", "bans", "lookups")
"""Counters that every network has."""

CUT_OFF: Final = "cut off "
REFUSED_BY_NETWORK: Final = "refused"
USED: Final = "budget used"
COSTS: Final = ("work ", "useless ", CUT_OFF, REFUSED_BY_NETWORK)
"""Prefixes of the counters of a network with accounts of cost (`p2p.accounts`): microseconds of
work, those that were useless, and peers that were cut off, each with a kind of message; connections
that were refused because of their network. `USED` is the largest part of its budget that any peer
has used, in thousandths."""


class Network(Protocol):
    """The network of other nodes, as used by the engine."""

    @property
    def local_peer(self) -> str:
        """Peer id of this node."""
        ...

    def listen_addresses(self) -> Sequence[str]:
        """Return the listen multiaddresses, which end in our peer id; empty before `start`."""
        ...

    def peers(self) -> Sequence[PeerView]:
        """Return the connected peers, handshake finished, in the order of connecting."""
        ...

    def nodes_known(self) -> int:
        """Return the number of nodes, connected or not, that we reached and would report."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Return counters for metrics, which only grow; those of TRAFFIC are always there."""
        ...

    def do(self, action: Action) -> None:
        """Carry out `action` soon. Never blocks.

        Raises ValueError for an unknown topic or protocol, a payload over its bound, or a cost that
        is not positive: these are errors of the caller.
        """
        ...

    def reserved(self) -> Sequence[str]:
        """Return the peers that the operator reserved: the node stays connected with them."""
        ...

    def reserve(self, address: str) -> None:
        """Stay connected with the peer at a multiaddress, past all limits and without bans.

        Raises ValueError if `address` is not the address of a peer, or is our own.
        """
        ...

    def unreserve(self, peer: str) -> None:
        """Treat a reserved peer like any other from now on. Raises ValueError: no peer id."""
        ...

    def allow_only(self, peers: Sequence[str] | None) -> None:
        """Allow only these peers: disconnect all others at once, neither dial nor admit them.

        They are not penalized. None allows all peers again, and known ones are dialled at once.
        Raises ValueError for an invalid peer id.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """Yield the events, in order, until `stop`. One reader only."""
        ...

    async def start(self) -> None:
        """Listen and dial. Raises `p2p.errors.NetworkError` if that is not possible."""
        ...

    async def stop(self) -> None:
        """Close all connections. Safe to call twice, and before `start`."""
        ...


def check(action: Action) -> None:
    """Raise ValueError for an unknown name, a payload over its bound, a time or cost below 1."""
    match action:
        case Publish(topic, data):
            if topic not in GOSSIP_BYTES:
                raise ValueError(f"no topic {topic!r}")
            _fits(data, GOSSIP_BYTES[topic], topic)
        case SendNote(_, data):
            _fits(data, NOTE_BYTES, "a note")
        case Ask(_, _, protocol, data, timeout_ms):
            if protocol not in REQUESTS:
                raise ValueError(f"no request protocol {protocol!r}")
            _fits(data, EXCHANGES[protocol].request, protocol)
            if timeout_ms <= 0:
                raise ValueError(f"a timeout of {timeout_ms} ms")
        case Penalise(_, cost, _) if cost <= 0:
            raise ValueError(f"a cost of {cost}")
        case Charge(_, _, spent, useless) if not 0 <= useless <= spent:
            raise ValueError(f"a charge of {spent} us, {useless} of them useless")
        case _:
            pass


def _fits(data: bytes, bound: int, name: str) -> None:
    if len(data) > bound:
        raise ValueError(f"{name}: {len(data)} bytes where {bound} are the most")
