"""The node's interface for the RPC: the `Backend` Protocol, its errors and its events.

`btt_chain/node/service/backend.py` implements it; so does `tests/support/rpc_backend.py`, with a
small chain in memory for the tests: a new method is needed in both. Everything here is called on
the event loop's thread and must return quickly; walks over many keys are requested in pages, so
that the loop can turn in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from btt_chain.chain.notify import BlockRef, ChainEvent, Finalized, NewBest, NewBlock
from btt_chain.primitives.header import Header
from btt_chain.txpool import StatusEvent
from runtime.frame.api import RuntimeApi
from runtime.frame.version import RuntimeVersion

__all__ = [
    "Backend",
    "BackendError",
    "BadExtrinsic",
    "BlockRef",
    "Chain",
    "ChainEvent",
    "Finalized",
    "Health",
    "NewBest",
    "NewBlock",
    "Node",
    "PeerInfo",
    "Pool",
    "RuntimeCallError",
    "ScheduledRuntime",
    "StatePruned",
    "StateReader",
    "SyncState",
    "TimeLimitReached",
    "UnknownBlock",
    "UpgradeState",
    "Watch",
]

# ---- errors


class BackendError(Exception):
    """A query that the chain cannot answer; the text is that of Substrate's client errors."""


class UnknownBlock(BackendError):
    """No block has this hash, or it was discarded with its fork."""

    def __init__(self, hash: bytes) -> None:
        super().__init__(f"UnknownBlock: Header was not found in the database: 0x{hash.hex()}")
        self.hash = hash


class StatePruned(BackendError):
    """The block is known, but its state is outside the pruning window."""

    def __init__(self, hash: bytes) -> None:
        super().__init__(f"UnknownBlock: State already discarded for 0x{hash.hex()}")
        self.hash = hash


class RuntimeCallError(BackendError):
    """The runtime lacks the function ("Exported method X is not found"), or it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Execution failed: Other: {reason}")
        self.reason = reason


class TimeLimitReached(RuntimeCallError):
    """A runtime call exceeded its limit of processor time."""


class BadExtrinsic(Exception):
    """The bytes are not an extrinsic; the text gives the reason."""


# ---- values


class PeerInfo(NamedTuple):
    """A connected node; `roles` is FULL, AUTHORITY or LIGHT."""

    peer_id: str
    roles: str
    best_hash: bytes
    best_number: int


MAX_LAG_SECONDS: Final = 60
"""Age of the best block up to which a node is ready; a chain that makes progress stays below."""


class Health(NamedTuple):
    """The node's peers and state of syncing."""

    peers: int
    is_syncing: bool
    should_have_peers: bool
    lag_seconds: int = 0
    """Time since the slot of the best block; 0 where slots do not follow the clock."""

    def objection(self) -> str | None:
        """Return why the node should get no requests, None if it may."""
        if self.is_syncing:
            return "the node is syncing"
        if self.should_have_peers and not self.peers:
            return "the node has no peers"
        if self.lag_seconds > MAX_LAG_SECONDS:
            return f"the best block is {self.lag_seconds} s old"
        return None


class SyncState(NamedTuple):
    """Heights: the start of syncing, the current block, and the highest known."""

    starting_block: int
    current_block: int
    highest_block: int


class ScheduledRuntime(NamedTuple):
    """A scheduled runtime version."""

    spec_version: int
    slot: int
    """Slot since genesis."""
    time_ms: int
    """When that slot begins, unix milliseconds; the end of the year 9999 if that is later."""
    slots_left: int
    """Slots until it begins by the node's clock; 0 once it has."""


class UpgradeState(NamedTuple):
    """The runtime version in force, the scheduled one, and the node's support of them."""

    spec_name: str
    """Name of the runtime of the best block's state."""
    spec_version: int
    """Its version."""
    carried: Sequence[int]
    """The versions of it that the node's program carries."""
    scheduled: ScheduledRuntime | None
    lacking: str
    """Why the node cannot go on, now or in the scheduled version, and the remedy; else empty."""
    stands: bool
    """True if the node imports no more blocks for that reason."""


# ---- the node


class StateReader(Protocol):
    """The state after a block. Valid at least until the loop turns."""

    @property
    def root(self) -> bytes:
        """The state root in the block's header."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key; None if it is absent."""

    def keys(self, prefix: bytes, start: bytes | None, limit: int) -> list[bytes]:
        """Return up to `limit` keys with the prefix, ascending, strictly after `start`."""

    def proof(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the trie nodes, root included, that prove each key's value or absence."""

    def closest_descendant(self, key: bytes) -> bytes | None:
        """Return the Merkle value of the key's node or closest descendant; None without one."""


class Watch(Protocol):
    """A watched transaction."""

    def close(self) -> None:
        """Stop the reports; the transaction stays in the pool. Idempotent."""


class Chain(Protocol):
    """Blocks, state, runtime."""

    @property
    def genesis_hash(self) -> bytes:
        """The hash of block zero."""

    def best(self) -> BlockRef:
        """Return the head of the best chain."""

    def finalized(self) -> BlockRef:
        """Return the last final block."""

    def header(self, hash: bytes) -> Header | None:
        """Return a header, None if unknown."""

    def body(self, hash: bytes) -> Sequence[bytes] | None:
        """Return a block's extrinsics without their length prefixes, None if unknown."""

    def justifications(self, hash: bytes) -> Sequence[tuple[bytes, bytes]] | None:
        """Return pairs (engine id of 4 bytes, proof) of finality, None if there are none."""

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash at a height of the best chain; None above its head."""

    def hashes_at(self, number: int) -> Sequence[bytes]:
        """Return all known blocks at a height, forks included."""

    def unfinalized(self) -> Sequence[BlockRef]:
        """Return all known blocks above the finalized head that descend from it, parents first."""

    def state(self, hash: bytes) -> StateReader:
        """Return the state after a block. Raises `UnknownBlock`, `StatePruned`."""

    def call(self, hash: bytes, function: str, data: bytes) -> bytes:
        """Return the result of a runtime API call on a block's state.

        Raises `RuntimeCallError`, `UnknownBlock`, `StatePruned`.
        """

    def is_unsafe_call(self, function: str) -> bool:
        """Return True if only a trusted caller may use a runtime API method."""

    def max_call_data(self, function: str) -> int:
        """Return the maximum number of bytes of a runtime API method's arguments."""

    def pallet_apis(self) -> Sequence[type[RuntimeApi]]:
        """Return the runtime APIs of the best block's pallets, without Substrate's own."""

    def dry_run(self, hash: bytes, extrinsic: bytes) -> bytes:
        """Return the SCALE ApplyExtrinsicResult of a length-prefixed extrinsic on a block's state.

        Raises `RuntimeCallError`, `UnknownBlock`, `StatePruned`.
        """

    def pin(self, hash: bytes) -> None:
        """Keep a known block and its state readable until as many `unpin`s."""

    def unpin(self, hash: bytes) -> None:
        """Remove one `pin`."""

    def runtime_version(self, hash: bytes) -> RuntimeVersion:
        """Return the runtime version of a block's state. Raises `UnknownBlock`, `StatePruned`."""

    def metadata(self, hash: bytes) -> bytes:
        """Return bare V14 metadata; the same object for the same runtime. Raises as `call` does."""

    def prepare_metadata(self) -> Iterator[None]:
        """Do the slow preparations of the first `metadata` of a process in short steps."""

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event from now on, until the returned function is called."""


class Pool(Protocol):
    """Pending transactions. Extrinsics here carry their length prefix."""

    def submit(self, extrinsic: bytes) -> bytes:
        """Validate and add a transaction; return its hash. Raises `PoolError`, `BadExtrinsic`."""

    def watch(self, extrinsic: bytes, listener: Callable[[StatusEvent], None]) -> Watch:
        """Submit a transaction, and report each status, also while this call still runs.

        Raises `PoolError`, `BadExtrinsic`.
        """

    def ready(self) -> Sequence[bytes]:
        """Return the ready transactions, in the order they would enter a block."""

    def remove(self, hashes: Sequence[bytes]) -> Sequence[bytes]:
        """Remove transactions and their dependants; return the hashes of the removed."""

    def next_index(self, account: bytes) -> int:
        """Return the next nonce of an account after its ready transactions."""


class Node(Protocol):
    """The node itself: identity, peers, syncing."""

    @property
    def name(self) -> str:
        """The program's name: system_name."""

    @property
    def version(self) -> str:
        """The program's version."""

    @property
    def chain_name(self) -> str:
        """The chain's name in its specification."""

    @property
    def chain_type(self) -> str:
        """Development, Local, Live, or a custom name."""

    @property
    def properties(self) -> Mapping[str, object]:
        """ss58Format, tokenDecimals, tokenSymbol, and other properties of the specification."""

    @property
    def roles(self) -> Sequence[str]:
        """`Authority`, `Full`."""

    @property
    def local_peer_id(self) -> str:
        """The node's peer id."""

    @property
    def listen_addresses(self) -> Sequence[str]:
        """Multiaddresses with our /p2p/ part."""

    def sync_spec(self, *, raw: bool) -> Mapping[str, object]:
        """Return the specification with the last final block as its checkpoint.

        Raises BackendError if there can be none.
        """

    def health(self) -> Health:
        """Return the number of peers, and the state of syncing."""

    def peers(self) -> Sequence[PeerInfo]:
        """Return the connected nodes."""

    def sync_state(self) -> SyncState:
        """Return the heights of syncing."""

    def upgrade(self) -> UpgradeState:
        """Return the runtime version in force and the scheduled one.

        Raises `StatePruned` while the state is fetched.
        """

    def reserved_peers(self) -> Sequence[str]:
        """Return the peer ids that the node stays connected with."""

    def add_reserved_peer(self, address: str) -> None:
        """Stay connected with a peer. ValueError for an invalid address."""

    def remove_reserved_peer(self, peer_id: str) -> None:
        """Treat a reserved peer like any other. ValueError for an invalid id."""

    def set_allowed_peers(self, peer_ids: Sequence[str] | None) -> None:
        """Allow connections with these peers only, None: all. ValueError for an invalid id."""


class Backend(Protocol):
    """The parts of a node that most methods need."""

    @property
    def chain(self) -> Chain:
        """Blocks, state, runtime."""

    @property
    def pool(self) -> Pool:
        """Transactions."""

    @property
    def node(self) -> Node:
        """The node itself."""
