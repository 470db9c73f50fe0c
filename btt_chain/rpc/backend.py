"""What the RPC needs of a node: the `Backend` Protocol, its errors and its events.

`btt_chain.node` fills it; the tests fill it with a small chain in memory. Everything here is called
on the event loop's thread and must return quickly; walks over many keys are asked for in pages, so
that the loop can turn in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from btt_chain.chain.notify import BlockRef, ChainEvent, Finalized, NewBest, NewBlock
from btt_chain.primitives.header import Header
from btt_chain.txpool import StatusEvent
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
    "ScheduledLaw",
    "SealError",
    "Sealer",
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
    """A question the chain cannot answer; the text is that of Substrate's client errors."""


class UnknownBlock(BackendError):
    """No block has this hash, or it has been thrown away with its fork."""

    def __init__(self, hash: bytes) -> None:
        super().__init__(f"UnknownBlock: Header was not found in the database: 0x{hash.hex()}")
        self.hash = hash


class StatePruned(BackendError):
    """The block is known; its state lies outside the pruning window."""

    def __init__(self, hash: bytes) -> None:
        super().__init__(f"UnknownBlock: State already discarded for 0x{hash.hex()}")
        self.hash = hash


class RuntimeCallError(BackendError):
    """The runtime has no such function ("Exported method X is not found"), or it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Execution failed: Other: {reason}")
        self.reason = reason


class TimeLimitReached(RuntimeCallError):
    """A runtime call used up the processor time that one may take."""


class SealError(BackendError):
    """Manual seal could not make or finalise a block."""


class BadExtrinsic(Exception):
    """Bytes that are no extrinsic; the text says why."""


# ---- facts


class PeerInfo(NamedTuple):
    """A connected node; `roles` is FULL, AUTHORITY or LIGHT."""

    peer_id: str
    roles: str
    best_hash: bytes
    best_number: int


class Health(NamedTuple):
    """Whether the node can be relied on just now."""

    peers: int
    is_syncing: bool
    should_have_peers: bool


class SyncState(NamedTuple):
    """Heights: where syncing began, where it is, and the best one heard of."""

    starting_block: int
    current_block: int
    highest_block: int


class ScheduledLaw(NamedTuple):
    """A version of the law that is to come."""

    spec_version: int
    slot: int
    """Since genesis."""
    time_ms: int
    """When that slot begins, unix milliseconds; the end of the year 9999 if that is later."""
    slots_left: int
    """Until it begins by the node's clock; 0 once it has."""


class UpgradeState(NamedTuple):
    """The law that is in force, the one to come, and what the node can do of it."""

    spec_version: int
    """Of the best block's state."""
    carried: Sequence[int]
    """The versions that the node's program has."""
    scheduled: ScheduledLaw | None
    lacking: str
    """Why the node cannot go on under the law in force or to come, and what to do; else empty."""
    stands: bool
    """It takes in no more blocks for that reason."""


# ---- the node


class StateReader(Protocol):
    """The state after a block. Valid at least until the loop turns."""

    @property
    def root(self) -> bytes:
        """The state root of the block's header."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""

    def keys(self, prefix: bytes, start: bytes | None, limit: int) -> list[bytes]:
        """Up to `limit` keys with the prefix, ascending, strictly after `start`."""

    def proof(self, keys: Sequence[bytes]) -> list[bytes]:
        """The trie nodes, root included, that prove each key's value or absence."""

    def closest_descendant(self, key: bytes) -> bytes | None:
        """The Merkle value (node or its hash) of the key's node or closest descendant."""


class Sealer(Protocol):
    """Blocks on demand: `--sealing manual`, for tests and development."""

    async def create_block(
        self, *, create_empty: bool, finalize: bool, parent: bytes | None
    ) -> bytes:
        """Make and import a block; its hash. Raises `SealError`, `UnknownBlock`."""

    async def finalize_block(self, hash: bytes, justification: bytes | None) -> bool:
        """Finalise a block and its ancestors. Raises `SealError`, `UnknownBlock`."""


class Watch(Protocol):
    """A transaction being watched."""

    def close(self) -> None:
        """Say nothing more; the transaction stays in the pool. Idempotent."""


class Chain(Protocol):
    """Blocks, state, runtime."""

    @property
    def genesis_hash(self) -> bytes:
        """The hash of block zero."""

    def best(self) -> BlockRef:
        """The head of the best chain."""

    def finalized(self) -> BlockRef:
        """The last final block."""

    def header(self, hash: bytes) -> Header | None:
        """A header, None if unknown."""

    def body(self, hash: bytes) -> Sequence[bytes] | None:
        """A block's extrinsics without their length prefixes, None if unknown."""

    def justifications(self, hash: bytes) -> Sequence[tuple[bytes, bytes]] | None:
        """(engine id of 4 bytes, proof) of finality, None if there are none."""

    def block_hash(self, number: int) -> bytes | None:
        """The hash at a height of the best chain."""

    def hashes_at(self, number: int) -> Sequence[bytes]:
        """Every known block at a height, forks included."""

    def unfinalized(self) -> Sequence[BlockRef]:
        """Every known block above the finalised head that descends from it, parents first."""

    def state(self, hash: bytes) -> StateReader:
        """Raises `UnknownBlock`, `StatePruned`."""

    def call(self, hash: bytes, function: str, data: bytes) -> bytes:
        """A runtime API call on a block's state.

        Raises `RuntimeCallError`, `UnknownBlock`, `StatePruned`.
        """

    def is_unsafe_call(self, function: str) -> bool:
        """Return True for a runtime API method that only a trusted caller may use."""

    def max_call_data(self, function: str) -> int:
        """Return the maximum number of bytes of a runtime API method's arguments."""

    def dry_run(self, hash: bytes, extrinsic: bytes) -> bytes:
        """SCALE(ApplyExtrinsicResult) of an extrinsic (with its length prefix) on a block's state.

        Raises `RuntimeCallError`, `UnknownBlock`, `StatePruned`.
        """

    def pin(self, hash: bytes) -> None:
        """Keep a known block and its state readable until as many `unpin`s."""

    def unpin(self, hash: bytes) -> None:
        """Take back one `pin`."""

    def runtime_version(self, hash: bytes) -> RuntimeVersion:
        """The runtime of a block's state. Raises `UnknownBlock`, `StatePruned`."""

    def metadata(self, hash: bytes) -> bytes:
        """V14 metadata, bare; the same object for the same runtime. Raises as `call` does."""

    def prepare_metadata(self) -> Iterator[None]:
        """Do in short steps what makes the first `metadata` of a process slow."""

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event from now on, until the returned function is called."""


class Pool(Protocol):
    """Transactions on their way. Extrinsics here carry their length prefix."""

    def submit(self, extrinsic: bytes) -> bytes:
        """Validate and take in; its hash. Raises `PoolError`, `BadExtrinsic`."""

    def watch(self, extrinsic: bytes, listener: Callable[[StatusEvent], None]) -> Watch:
        """Submit, and report every status from the first on, also while this call still runs.

        Raises `PoolError`, `BadExtrinsic`.
        """

    def ready(self) -> Sequence[bytes]:
        """The ready transactions, in the order they would enter a block."""

    def remove(self, hashes: Sequence[bytes]) -> Sequence[bytes]:
        """Throw transactions and their dependants out; the hashes of those that were there."""

    def next_index(self, account: bytes) -> int:
        """The next nonce of an account behind its ready transactions."""


class Node(Protocol):
    """What the node knows of itself."""

    @property
    def name(self) -> str:
        """The program: system_name."""

    @property
    def version(self) -> str:
        """The program's version."""

    @property
    def chain_name(self) -> str:
        """The chain's name in its specification."""

    @property
    def chain_type(self) -> str:
        """Development, Local, Live, or a name of its own."""

    @property
    def properties(self) -> Mapping[str, object]:
        """ss58Format, tokenDecimals, tokenSymbol, and what else the specification says."""

    @property
    def roles(self) -> Sequence[str]:
        """`Authority`, `Full`."""

    @property
    def local_peer_id(self) -> str:
        """Our identity on the network."""

    @property
    def listen_addresses(self) -> Sequence[str]:
        """Multiaddresses with our /p2p/ part."""

    def health(self) -> Health:
        """Peers and syncing."""

    def peers(self) -> Sequence[PeerInfo]:
        """Connected nodes."""

    def sync_state(self) -> SyncState:
        """Heights of syncing."""

    def upgrade(self) -> UpgradeState:
        """The law in force and the one to come. Raises `StatePruned` while the state is fetched."""

    def reserved_peers(self) -> Sequence[str]:
        """Peer ids that the node stays connected with."""

    def add_reserved_peer(self, address: str) -> None:
        """Stay connected with a peer. ValueError for an address that is none."""

    def remove_reserved_peer(self, peer_id: str) -> None:
        """Treat a reserved peer like any other. ValueError for an id that is none."""

    def set_allowed_peers(self, peer_ids: Sequence[str] | None) -> None:
        """Know these peers only; None: everybody. ValueError for an id that is none."""


class Backend(Protocol):
    """The whole: chain, pool, node, and a sealer where blocks are made on demand."""

    @property
    def chain(self) -> Chain:
        """Blocks, state, runtime."""

    @property
    def pool(self) -> Pool:
        """Transactions."""

    @property
    def node(self) -> Node:
        """The node itself."""

    @property
    def sealer(self) -> Sealer | None:
        """None unless the chain is sealed by hand."""
