"""What the engine and the network say to each other: data only, and one Protocol.

The network tells events, the engine gives actions. Both are plain values, so the same engine
runs on libp2p, on the hub in memory (`p2p.memory`) and under the simulator.

Peer ids are strings (base58 of the libp2p id), hashes 32 bytes, times unix milliseconds. `data` is
always the payload alone: the envelope around it (`p2p.wire`) never reaches the engine. Neither does
a peer of another chain or version: genesis and protocol version are checked in the handshake, and
until that is over a peer counts as not connected.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

PROTOCOL_VERSION: Final = 1
"""What both sides of a handshake must agree on, next to the genesis hash."""

FULL: Final = 1
AUTHORITY: Final = 4
ROLES: Final = (FULL, AUTHORITY)
"""The roles of `Status`. Source: Substrate's role bits (2, light, is not spoken here)."""

# --- names ------------------------------------------------------------------------

ANNOUNCE: Final = "announce"
TX: Final = "tx"
GRANDPA: Final = "grandpa"
TOPICS: Final = (ANNOUNCE, TX, GRANDPA)
"""What is gossiped."""

GRANDPA_PEER: Final = "grandpa-peer"
"""Notes from one neighbour to another, in order, never gossiped."""

STATUS: Final = "status"
KAD: Final = "kad"
BLOCKS: Final = "blocks"
JUSTIFICATIONS: Final = "justifications"
STATE: Final = "state"
WARP: Final = "warp"
REQUESTS: Final = (BLOCKS, JUSTIFICATIONS, STATE, WARP)
"""What the engine may ask; the network asks `STATUS` and `KAD` itself and answers them too."""

# --- bounds -----------------------------------------------------------------------

KIB: Final = 1 << 10
MIB: Final = 1 << 20


class Exchange(NamedTuple):
    """The bounds of one request protocol."""

    request: int
    """Bytes of the question at most."""
    answer: int
    """Bytes of the answer at most."""
    timeout_ms: int
    """How long the asked side may take to read, think and write."""


GOSSIP_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {ANNOUNCE: 16 * KIB, TX: MIB - KIB, GRANDPA: 64 * KIB}
)
"""Bytes of payload at most, by topic: of `TX`, for one transaction that travels alone."""

NOTE_BYTES: Final = 256 * KIB
"""Bytes of one note at most: a catch-up with two votes of each of 500 voters."""

EXCHANGES: Final[Mapping[str, Exchange]] = MappingProxyType(
    {
        STATUS: Exchange(KIB, KIB, 5_000),
        KAD: Exchange(KIB, 4 * KIB, 5_000),
        BLOCKS: Exchange(64 * KIB, 16 * MIB, 20_000),
        JUSTIFICATIONS: Exchange(64 * KIB, 4 * MIB, 20_000),
        STATE: Exchange(64 * KIB, 4 * MIB, 20_000),
        WARP: Exchange(64 * KIB, 8 * MIB, 30_000),
    }
)
"""Bounds of payloads and times, by request protocol."""


VERSIONS: Final[Mapping[str, int]] = MappingProxyType({STATUS: 2})
"""Protocols whose messages have changed. All others are still at 1.

Nodes that do not speak one version of `status` are strangers to each other, and nobody is blamed.
"""


def protocol_name(genesis: bytes, name: str) -> str:
    """Return the name on the wire of a topic or protocol of the chain with this genesis hash."""
    return f"/{genesis.hex()}/btt/{name}/{VERSIONS.get(name, 1)}"


# --- why a request brought nothing --------------------------------------------------

NOT_CONNECTED: Final = "not connected"
LEFT: Final = "it left"
CLOSED: Final = "the network was closed"
LIMITED: Final = "we ask it too much"
"""Our own limiter held the request back."""
REFUSED: Final = "refused"
"""The peer said no: it is busy, or does not have that."""
LATE: Final = "no answer in time"

OWN_FAILURES: Final = (NOT_CONNECTED, LEFT, CLOSED, LIMITED)
"""Ends of a request that say nothing about whom it was for."""

# --- what is known of a peer ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """What a node says of itself."""

    roles: int
    best_number: int
    best_hash: bytes
    final_number: int
    final_hash: bytes
    lowest: int = 0
    """From here up to the best block it has them all. Above 0 while the blocks below a fetched
    state are on their way: the final one's child at most, for that one's body comes then, too."""


@dataclass(frozen=True, slots=True)
class PeerView:
    """A connected peer as the network sees it, for RPC and logs."""

    peer: str
    status: Status
    outbound: bool
    """We dialled it."""
    address: str
    """Where it is, as a multiaddress; empty when unknown."""
    since_ms: int
    reputation: int
    """0 is the best; below the ban threshold it would not be connected."""
    reserved: bool


# --- events: network to engine ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake with `peer` is over; from now on it may ask and be asked."""

    peer: str
    status: Status


@dataclass(frozen=True, slots=True)
class Disconnected:
    """`peer` is gone. What was asked of it and is unanswered fails beforehand."""

    peer: str


@dataclass(frozen=True, slots=True)
class StatusHeard:
    """`peer` said where it stands now: polled every few seconds."""

    peer: str
    status: Status


@dataclass(frozen=True, slots=True)
class ClockHeard:
    """What `peer` says the time is, compared with our clock: with each answer about its status."""

    peer: str
    ahead_ms: int
    """How far its clock is ahead of ours; negative when it is behind."""
    within_ms: int
    """How far off that may be: half of the time its answer took."""


@dataclass(frozen=True, slots=True)
class GossipHeard:
    """A gossip message, handed over by `peer`, who need not be its author."""

    topic: str
    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NoteHeard:
    """A note that `peer` wrote to us alone."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """`peer` asks; the action `Answer` with this `id` answers it."""

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
    """Our `Ask` of this `id` brought nothing, and why: one of the words above, or what broke."""

    id: int
    why: str


Event = (
    Connected
    | Disconnected
    | StatusHeard
    | ClockHeard
    | GossipHeard
    | NoteHeard
    | Asked
    | Answered
    | Failed
)

# --- actions: engine to network ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publish:
    """Gossip `data` on `topic`: to our neighbours, and no further.

    Who hears it publishes the same bytes again, once it has found them good: who hands something
    over answers for it. Our own messages do not come back to us, and within a minute nobody is told
    the same again.
    """

    topic: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Tell:
    """Write a note to `peer`; lost without a word if it is not connected."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask `peer`; ends in one `Answered` or `Failed` with this `id`, which the engine chose."""

    id: int
    peer: str
    protocol: str
    data: bytes
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the `Asked` of this `id`; None refuses. Too late is too late: nothing is said."""

    id: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Penalise:
    """`peer` misbehaved, and here is what it costs (> 0); at a threshold it is banned."""

    peer: str
    cost: int
    why: str


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
    """What we tell others of ourselves from now on."""

    status: Status


Action = Publish | Tell | Ask | Answer | Penalise | Charge | SetStatus


TRAFFIC: Final = ("bytes in", "bytes out", "penalties", "bans", "lookups")
"""Counters that every network has."""

CUT_OFF: Final = "cut off "
REFUSED_BY_NETWORK: Final = "refused"
USED: Final = "budget used"
COSTS: Final = ("work ", "useless ", CUT_OFF, REFUSED_BY_NETWORK)
"""Beginnings of counters of a network with accounts of cost (`p2p.accounts`): microseconds of work,
those that were useless, and peers that were cut off, each with a kind of message; connections that
were refused because of their network. `USED` is the largest part of its budget that any peer has
used, in thousandths.
"""


class Network(Protocol):
    """Other nodes, as the engine needs them."""

    @property
    def local_peer(self) -> str:
        """Our own peer id."""
        ...

    def listen_addresses(self) -> Sequence[str]:
        """Where we listen, as multiaddresses that end in our peer id; empty before `start`."""
        ...

    def peers(self) -> Sequence[PeerView]:
        """Those that are connected, handshake done, in the order of their coming."""
        ...

    def nodes_known(self) -> int:
        """How many nodes, connected or not, we reached and would tell others of."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Numbers for metrics, which only grow; those of TRAFFIC are always there."""
        ...

    def do(self, action: Action) -> None:
        """Carry out `action` soon. Never blocks.

        Raises ValueError for an unknown topic or protocol, a payload over its bound, or a cost
        that is not positive: these are mistakes of the caller.
        """
        ...

    def reserved(self) -> Sequence[str]:
        """The peers that the operator wants us to stay connected with."""
        ...

    def reserve(self, address: str) -> None:
        """Stay connected with the peer at a multiaddress, past all limits and without bans.

        Raises ValueError for what is no address of a peer, or ours.
        """
        ...

    def unreserve(self, peer: str) -> None:
        """Treat a reserved peer like any other from now on. Raises ValueError for no peer id."""
        ...

    def allow_only(self, peers: Sequence[str] | None) -> None:
        """Know these peers only: leave all others at once, and neither dial them nor let them in.

        It costs them nothing. None: everybody again, and who was known is dialled at once. Raises
        ValueError for what is no peer id.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """What happens, in order, until `stop`. One reader only."""
        ...

    async def start(self) -> None:
        """Listen and dial. Raises `p2p.errors.NetworkError` if that is not possible."""
        ...

    async def stop(self) -> None:
        """Close all connections. Safe to call twice, and before `start`."""
        ...
