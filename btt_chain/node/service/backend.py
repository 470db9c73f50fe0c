"""The backend of the RPC: the client, the pool and the engine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from btt_chain import __version__
from btt_chain.chain import client as chain
from btt_chain.chain.client import Client
from btt_chain.chain.limited import TimeLimit, limited_overlay
from btt_chain.chain.notify import BlockRef, ChainEvent
from btt_chain.chain.reading import ReadingGivenUp
from btt_chain.chain.runtimes import LoadedRuntime, UnsupportedRuntime
from btt_chain.chain.trace import CannotTrace, TraceJob, changes_of
from btt_chain.consensus.finality.client_chain import ClientChain
from btt_chain.consensus.finality.proofs import FinalityProof, prove_finality
from btt_chain.crypto.hashing import blake2_256
from btt_chain.keystore import KeyManager
from btt_chain.lazyclass import dataclass
from btt_chain.node.blocks.upgrades import upgrade_state
from btt_chain.node.dev.errors import RemoteAway
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.header import Header
from btt_chain.rpc import backend as asked
from btt_chain.rpc.babe import Authorship
from btt_chain.rpc.backend import Health, PeerInfo, SyncState, UpgradeState
from btt_chain.rpc.finality import Rounds
from btt_chain.rpc.log_filters import Filters
from btt_chain.rpc.offchain import LocalStorage
from btt_chain.rpc.trace import Show
from btt_chain.scale import DecodeError
from btt_chain.scale.shape import load_attribute_docs
from btt_chain.txpool import PoolError, StatusEvent
from genesis.build import to_raw
from genesis.checkpoint import Checkpoint, with_checkpoint
from genesis.spec import ChainSpec
from p2p.network import AUTHORITY, Network
from runtime.apis.core import is_unsafe, max_arguments, pallet_apis
from runtime.frame import Runtime, RuntimeVersion
from runtime.frame.api import MAX_ARGUMENTS, ApiError, RuntimeApi
from runtime.transactions import Malformed
from storage.fork import ForkProvesNothing, NotRead
from storage.state import StateReader, StateUnavailable

if TYPE_CHECKING:
    from btt_chain.node.engine.engine import Engine
    from btt_chain.node.keys.signing import Signer

Result = TypeVar("Result")

RUNTIME_CALL_SECONDS: Final = 0.25
"""Maximum processor time of a runtime call or a dry run by RPC."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The node's name, version and chain, as shown by RPC."""

    chain_name: str
    chain_type: str
    properties: Mapping[str, object]
    roles: Sequence[str]
    local_peer_id: str
    name: str = "BTT Chain"
    version: str = __version__
    spec: ChainSpec | None = None
    """The specification that the node runs; None for a fork, which is another chain."""


DOCUMENTED: Final = ("runtime.", "btt_chain.primitives.")
"""Packages whose types are documented in metadata."""
LONGEST_NAME: Final = 128
"""Maximum characters of a runtime function's name."""


class StateView:
    """The state after a block, for the RPC."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self.root = reader.root

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key; None if it is absent."""
        with self._kept():
            return self._reader.get(key)

    def keys(self, prefix: bytes, start: bytes | None, limit: int) -> list[bytes]:
        """Return up to `limit` keys with the prefix, ascending, strictly after `start`."""
        with self._kept():
            return list(islice(self._reader.keys(prefix, start), limit))

    def proof(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the trie nodes that prove each key's value or absence."""
        with self._kept():
            return self._reader.proof(keys)

    def closest_descendant(self, key: bytes) -> bytes | None:
        """Return the Merkle value of the key's node or its closest descendant; None without one."""
        with self._kept():
            return self._reader.merkle_value(key)

    def _kept(self) -> Kept:
        return Kept(self._reader.hash)


class Kept:
    """Translates errors about a missing block or state into the RPC's errors."""

    def __init__(self, hash: bytes) -> None:
        self._hash = hash

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case NotRead():
                pass  # the dispatcher reads it, and repeats the call
            case RemoteAway() | ReadingGivenUp() | ForkProvesNothing():
                raise asked.RuntimeCallError(str(error)) from error
            case StateUnavailable():
                raise asked.StatePruned(self._hash) from error
            case chain.UnknownBlock():
                raise asked.UnknownBlock(self._hash) from error


class ChainView:
    """Blocks, state and runtime, for the RPC."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def genesis_hash(self) -> bytes:
        """The hash of block zero."""
        return self._client.genesis_hash

    def best(self) -> BlockRef:
        """Return the head of the best chain."""
        return self._client.best()

    def finalized(self) -> BlockRef:
        """Return the last final block."""
        return self._client.finalized()

    def header(self, hash: bytes) -> Header | None:
        """Return a header, None if unknown."""
        return self._client.header(hash)

    def body(self, hash: bytes) -> Sequence[bytes] | None:
        """Return a block's extrinsics without their length prefixes, None if unknown."""
        return self._client.body(hash)

    def justifications(self, hash: bytes) -> Sequence[tuple[bytes, bytes]] | None:
        """Return proofs of finality, None if there are none."""
        return self._client.store.blocks.justifications(hash) or None

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash at a height of the best chain; None above its head."""
        return self._client.block_hash(number)

    def hashes_at(self, number: int) -> Sequence[bytes]:
        """Return all known blocks at a height, forks included."""
        return self._client.hashes_at(number)

    def unfinalized(self) -> Sequence[BlockRef]:
        """Return all blocks above the final head that descend from it, parents first."""
        blocks = self._client.store.blocks
        found = [block.ref for hash, block in blocks.open.items() if blocks.extends_finalized(hash)]
        return sorted(BlockRef(number, hash) for hash, number in found)

    def state(self, hash: bytes) -> StateView:
        """Return the state after a block. Raises the RPC's UnknownBlock, StatePruned."""
        with Kept(hash):
            return StateView(self._client.state(hash))

    def call(self, hash: bytes, function: str, data: bytes) -> bytes:
        """Execute a runtime API call. Raises as `state` does, and RuntimeCallError."""
        if len(function) > LONGEST_NAME:
            raise asked.RuntimeCallError(f"Exported method {function[:LONGEST_NAME]}… is not found")
        try:
            with Kept(hash):
                overlay = limited_overlay(self._client, hash, RUNTIME_CALL_SECONDS)
                return self._client.call(hash, function, data, overlay)
        except TimeLimit as error:
            raise asked.TimeLimitReached(f"{function}: {error}") from error
        except (ApiError, UnsupportedRuntime) as error:
            raise asked.RuntimeCallError(str(error)) from error

    def is_unsafe_call(self, function: str) -> bool:
        """Return True if only a trusted caller may use a runtime API method.

        Without the runtime of the best block, all of them: older blocks still execute calls.
        """
        runtime = self._best_runtime()
        return runtime is None or is_unsafe(runtime, function)

    def max_call_data(self, function: str) -> int:
        """Return the maximum number of bytes of a runtime API method's arguments."""
        runtime = self._best_runtime()
        return MAX_ARGUMENTS if runtime is None else max_arguments(runtime, function)

    def pallet_apis(self) -> Sequence[type[RuntimeApi]]:
        """Return the runtime APIs of the best block's pallets, without Substrate's own."""
        runtime = self._best_runtime()
        return () if runtime is None else pallet_apis(runtime)

    def _best_runtime(self) -> Runtime | None:
        """Return the runtime of the best block; None if this node does not carry it."""
        try:
            return self._client.runtime_at(self._client.best().hash).queries.runtime
        except (StateUnavailable, UnsupportedRuntime):
            return None

    def dry_run(self, hash: bytes, extrinsic: bytes) -> bytes:
        """Apply an extrinsic on a block's state without keeping the changes.

        Return the encoded ApplyExtrinsicResult. Raises as `call` does.
        """
        try:
            with Kept(hash):
                overlay = limited_overlay(self._client, hash, RUNTIME_CALL_SECONDS)
                return self._client.dry_run(hash, extrinsic, overlay)
        except TimeLimit as error:
            raise asked.TimeLimitReached(str(error)) from error
        except (ApiError, UnsupportedRuntime) as error:
            raise asked.RuntimeCallError(str(error)) from error

    def pin(self, hash: bytes) -> None:
        """Keep a block and its state until as many calls of `unpin`."""
        self._client.store.state.pin(hash)

    def unpin(self, hash: bytes) -> None:
        """Remove one pin."""
        self._client.store.state.unpin(hash)

    def runtime_version(self, hash: bytes) -> RuntimeVersion:
        """Return the runtime version of a block's state. Raises as `call` does."""
        return self._runtime(hash).version

    def metadata(self, hash: bytes) -> bytes:
        """Return V14 metadata. Raises as `call` does."""
        return self._runtime(hash).metadata(14)

    def prepare_metadata(self) -> Iterator[None]:
        """Read the docstrings for metadata, one module at each step."""
        names = [name for name in sys.modules if name.startswith(DOCUMENTED)]
        for name in names:
            load_attribute_docs(name)
            yield

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event until the returned function is called."""
        return self._client.listen(listener)

    def _runtime(self, hash: bytes) -> LoadedRuntime:
        try:
            with Kept(hash):
                return self._client.runtime_at(hash)
        except UnsupportedRuntime as error:
            raise asked.RuntimeCallError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Watched:
    """A transaction being watched over RPC."""

    close: Callable[[], None]


class PoolView:
    """The pool, for the RPC."""

    def __init__(self, pool: PoolService) -> None:
        self._service = pool
        self._client = pool.client

    def submit(self, extrinsic: bytes) -> bytes:
        """Validate a transaction and add it; return its hash. Raises PoolError, BadExtrinsic."""
        try:
            return self._service.submit(extrinsic)
        except DecodeError as error:
            raise asked.BadExtrinsic(str(error)) from error
        except PoolError as error:
            if isinstance(error.__cause__, Malformed):
                raise asked.BadExtrinsic(error.__cause__.why) from error
            raise

    def watch(self, extrinsic: bytes, listener: Callable[[StatusEvent], None]) -> Watched:
        """Submit a transaction and report each status. Raises as `submit` does."""
        watched = Watched(self._service.watch(blake2_256(extrinsic), listener))
        try:
            self.submit(extrinsic)
        except BaseException:
            watched.close()
            raise
        return watched

    def ready(self) -> Sequence[bytes]:
        """Return the ready transactions in authoring order."""
        return self._service.pool.pending()

    def remove(self, hashes: Sequence[bytes]) -> Sequence[bytes]:
        """Remove transactions and their dependants; return the hashes of the removed."""
        return self._service.remove(dict.fromkeys(hashes, "removed by the node's operator"))

    def next_index(self, account: bytes) -> int:
        """Return the next nonce of an account after its ready transactions.

        Raises StatePruned, RuntimeCallError.
        """
        best = self._client.best().hash
        try:
            with Kept(best):
                loaded, overlay = self._client.runtime_at(best), self._client.overlay(best)
                loaded.queries.runtime.enter(overlay)
                nonce = loaded.queries.system.account[AccountId(account)].nonce
        except UnsupportedRuntime as error:
            raise asked.RuntimeCallError(str(error)) from error
        return self._service.pool.next_nonce(account, int(nonce))


class NodeView:
    """The node itself, for the RPC."""

    def __init__(
        self, client: Client, identity: Identity, engine: Engine | None, network: Network | None
    ) -> None:
        """`engine` is None on a manually sealed chain, `network` for a stand-alone node."""
        self._client = client
        self._engine = engine
        self._network = network
        self._starting = client.best().number
        self.name = identity.name
        self.version = identity.version
        self.chain_name = identity.chain_name
        self.chain_type = identity.chain_type
        self.properties = identity.properties
        self.roles = identity.roles
        self.local_peer_id = identity.local_peer_id
        self._spec = identity.spec

    def sync_spec(self, *, raw: bool) -> Mapping[str, object]:
        """Return the chain's specification with the last final block as its checkpoint.

        Raises BackendError if there can be none.
        """
        if self._spec is None:
            raise asked.BackendError("a fork has no specification of its own")
        final = self._client.finalized()
        header = self._client.header_of(final.hash)
        try:
            with Kept(final.hash):
                checkpoint = Checkpoint.at(
                    header, lambda function: self._client.call(final.hash, function, b"")
                )
        except (ValueError, UnsupportedRuntime) as error:
            raise asked.BackendError(f"there is no checkpoint yet: {error}") from error
        spec = with_checkpoint(self._spec, checkpoint)
        return (to_raw(spec) if raw else spec).to_json()

    @property
    def listen_addresses(self) -> Sequence[str]:
        """The addresses at which peers reach us."""
        return () if self._network is None else self._network.listen_addresses()

    def health(self) -> Health:
        """Return the number of peers, and the state of syncing."""
        peers = 0 if self._network is None else len(self._network.peers())
        engine = self._engine
        syncing = engine is not None and engine.parts.sync.major
        age = 0 if engine is None else engine.head_age_ms(unix_ms())
        return Health(peers, syncing, self._network is not None, age // 1_000)

    def peers(self) -> Sequence[PeerInfo]:
        """Return the connected nodes."""
        seen = () if self._network is None else self._network.peers()
        return [
            PeerInfo(
                peer.peer,
                "AUTHORITY" if peer.status.roles == AUTHORITY else "FULL",
                peer.status.best_hash,
                peer.status.best_number,
            )
            for peer in seen
        ]

    def sync_state(self) -> SyncState:
        """Return the heights of syncing."""
        best = self._client.best().number
        if self._engine is None:
            return SyncState(self._starting, best, best)
        progress = self._engine.parts.sync.progress(unix_ms())
        return SyncState(progress.starting, best, max(progress.target, best))

    def upgrade(self) -> UpgradeState:
        """Return the runtime version in force and the scheduled one. Raises StatePruned."""
        with Kept(self._client.best().hash):
            return upgrade_state(self._client, unix_ms())

    def reserved_peers(self) -> Sequence[str]:
        """Return the peer ids that the node stays connected with."""
        return () if self._network is None else self._network.reserved()

    def add_reserved_peer(self, address: str) -> None:
        """Stay connected with a peer. ValueError for an invalid address."""
        self._others().reserve(address)

    def remove_reserved_peer(self, peer_id: str) -> None:
        """Treat a reserved peer like any other. ValueError for an invalid id."""
        self._others().unreserve(peer_id)

    def set_allowed_peers(self, peer_ids: Sequence[str] | None) -> None:
        """Allow connections with these peers only, None: all. ValueError for an invalid id."""
        self._others().allow_only(peer_ids)

    def _others(self) -> Network:
        if self._network is None:
            raise ValueError("this node runs without a network")
        return self._network


MAX_TRACES: Final = 4
"""Maximum number of traces that run or wait: one runs at a time."""


class TracerView:
    """Stored blocks, executed again in a thread beside the event loop, for the RPC."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._thread: ThreadPoolExecutor | None = None
        self._count = 0

    async def trace(self, hash: bytes, show: Show[Result]) -> Result:
        """Return the result of `show` for a block's trace, in the thread.

        Raises CannotTrace, UnknownBlock, StatePruned.
        """
        if self._count == MAX_TRACES:
            raise CannotTrace(f"{MAX_TRACES} traces are being made: try again after them")
        changes = changes_of(self._client.store.aux_get, hash)
        try:
            with Kept(hash):
                job = TraceJob(self._client, hash, changes)
        except UnsupportedRuntime as error:
            raise CannotTrace(str(error)) from error
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="trace")

        def work() -> Result:
            trace = job.run()
            return show(job.parent, trace.spans, trace.records)

        self._count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._count -= 1
            job.stop()  # where the caller has gone
            job.close()


class FinalityView:
    """GRANDPA, for the RPC (`rpc.finality.Finality`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rounds(self) -> Rounds:
        """Return the voters' rounds."""
        gadget = self._engine.parts.gadget
        best, background = gadget.rounds()
        return Rounds(gadget.set_id, best, background)

    def prove(self, number: int) -> FinalityProof | None:
        """Return the proof of the final block at a height; None if none is stored near enough."""
        return prove_finality(number, ClientChain(self._engine.parts.client))

    def listen(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `listener` with every new justification."""
        return self._engine.on_proof(listener)


@dataclass(frozen=True, slots=True)
class NodeBackend:
    """The complete backend for `btt_chain.rpc`."""

    chain: ChainView
    pool: PoolView
    node: NodeView
    finality: FinalityView | None = None
    keys: KeyManager | None = None
    signing: Signer | None = None
    tracer: TracerView | None = None
    authorship: Authorship | None = None
    local_storage: LocalStorage | None = None
    log_filters: Filters | None = None
    own_groups: Sequence[object] = ()
