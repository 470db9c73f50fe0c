"""Fork mode: a development node that continues another node's chain, for itself alone.

The chain goes on from one block of the other node, sealed by hand. What blocks change stays here.
The block is identified by its hash, and its state is proven by the root in its header: the other
node can refuse to answer, but it cannot name another state.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgpack

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import RuntimeRegistry, UnsupportedRuntime, extrinsics_root
from btt_chain.client.chain import read_header
from btt_chain.client.errors import ClientError, printable
from btt_chain.client.jsonrpc import Json
from btt_chain.consensus.author import Pace, make_block, manual_claim
from btt_chain.crypto.development import dev_key
from btt_chain.node.dev.accounts import dev_accounts
from btt_chain.node.dev.by_hand import HandSealing
from btt_chain.node.dev.cache import CACHE_MIB, MIB, ForkCache, MemoryStore
from btt_chain.node.dev.errors import RemoteAway
from btt_chain.node.dev.proven import ProvenState
from btt_chain.node.dev.remote import OtherChain, Remote
from btt_chain.node.dev.remote_state import RemoteState
from btt_chain.node.dev.sealing import (
    EDITED_KEY,
    UNCOUNTABLE,
    Instant,
    ManualSealer,
    SealRefused,
    parse_sealing,
)
from btt_chain.node.service.backend import Identity
from btt_chain.node.service.lifecycle import WrongChain, stopped_by_signals
from btt_chain.node.service.service import DEVELOPMENT, Service, ServiceConfig
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex, whole_number
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.rpc.server import RpcConfig
from genesis.catalogue import presets
from runtime.frame import InvalidBlock
from runtime.frame.version import CODE_KEY
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Engine
from storage.database import ChainStore
from storage.kv import Corrupt
from storage.overlay import Overlay
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

FORK_KEY: Final = b"fork"
"""Auxiliary key of the point at which a fork begins."""
MAX_NAME: Final = 64
"""Maximum characters of the other chain's name."""
_HASH: Final = re.compile("0x[0-9a-f]{64}")


class CannotFork(WrongChain, OtherChain):
    """The other node's chain cannot be forked; the message gives reason and remedy."""


@dataclass(frozen=True, slots=True)
class ForkConfig:
    """Settings of a fork."""

    url: str
    base_path: Path
    at: str | None = None
    """Block of the other node: a number, a hash, or None for its last final one."""
    sealing: str | None = None
    """As for `NodeConfig`; None: instant."""
    mock_signatures: bool = False
    rpc: RpcConfig | None = None
    cache_mib: int = CACHE_MIB
    """Maximum size of what is kept of the other node's state."""


@dataclass(frozen=True, slots=True)
class Point:
    """The block at which a fork begins, and the chain that it is of."""

    genesis: str
    hash: str
    number: int
    chain: str
    properties: Mapping[str, object]

    def encode(self) -> bytes:
        """Return the value stored under FORK_KEY."""
        packed: bytes = msgpack.packb(
            [self.genesis, self.hash, self.number, self.chain, dict(self.properties)]
        )
        return packed

    @classmethod
    def decode(cls, raw: bytes) -> Point:
        """Return the point of a stored value."""
        return cls(*msgpack.unpackb(raw))


@dataclass(slots=True)
class Fork:
    """An open fork."""

    point: Point
    store: ChainStore
    client: Client
    remote: Remote
    beneath: RemoteState

    def close(self) -> None:
        """Close the store and the connection."""
        self.remote.abort()
        self.beneath.close()
        self.remote.close()
        self.store.close()

    def status(self) -> dict[str, object]:
        """Return where the fork begins, and the figures of its reads, for JSON."""
        begin = {"url": self.remote.url, "number": self.point.number, "block": self.point.hash}
        return {**begin, **self.beneath.status()}


def open_fork(config: ForkConfig) -> Fork:
    """Open the fork in the base path, or begin one.

    Raises CannotFork, RemoteAway, StorageError.
    """
    path = config.base_path / "chains" / "fork" / "db"
    path.parent.mkdir(parents=True, exist_ok=True)
    store = ChainStore.open(path, pruning=None)
    remote = Remote(config.url)
    try:
        raw = store.aux_get(FORK_KEY)
        point = _begin(store, remote, config.at) if raw is None else _kept(raw, config)
        remote.check = lambda call: _check_chain(call, point)
        source = ProvenState(remote, point.hash, _root_of(store, point))
        beneath = RemoteState(source, ForkCache(store, config.cache_mib * MIB))
        store.read_beneath(beneath)
        client = Client(store, presets())
        client.runtime_at(client.best().hash)
    except BaseException:
        store.close()
        remote.close()
        raise
    return Fork(point, store, client, remote, beneath)


def _kept(raw: bytes, config: ForkConfig) -> Point:
    """Return the stored point of a fork. Raises CannotFork if another one is asked for."""
    point = Point.decode(raw)
    if config.at not in {None, str(point.number), point.hash}:
        raise CannotFork(
            f"{config.base_path} holds a fork of block {point.number} ({point.hash}): leave out "
            "--at to go on with it, or choose another --base-path"
        )
    return point


def _begin(store: ChainStore, remote: Remote, at: str | None) -> Point:
    """Write the first block of a fork; return its point."""
    call = remote.call
    genesis = call("chain_getBlockHash", 0)
    hash = call("chain_getFinalizedHead") if at is None else at
    number = None if at is None else whole_number(at)
    if number is not None:
        hash = call("chain_getBlockHash", number)
    block = call("chain_getBlock", hash) if isinstance(hash, str) else None
    if not isinstance(hash, str) or not isinstance(genesis, str) or not isinstance(block, dict):
        raise CannotFork(f"{remote.url} has no block {at or 'at all'}: name one it has with --at")
    chain, properties = call("system_chain"), call("system_properties")
    header, body = _block(block)
    if to_hex(header.hash()) != hash:
        raise CannotFork(f"{remote.url} is not a node of this program: its header has another hash")
    if extrinsics_root(body) != header.extrinsics_root:
        raise CannotFork(f"{remote.url} gives other extrinsics than those of block {hash}")
    if number is not None and int(header.number) != number:
        raise CannotFork(f"{remote.url} gives block {int(header.number)} for block {at}")
    if not _HASH.fullmatch(genesis):
        raise CannotFork(f"{remote.url} names no hash of its genesis")
    point = Point(
        genesis,
        hash,
        int(header.number),
        printable(str(chain)[:MAX_NAME]),
        properties if isinstance(properties, dict) else {},
    )
    try:
        stored = point.encode()
    except (ValueError, ArithmeticError, TypeError) as error:
        raise CannotFork(f"{remote.url} has properties that cannot be kept: {error}") from None
    first = MemoryStore()  # what is read before the database has a chain
    state = RemoteState(ProvenState(remote, hash, header.state_root), ForkCache(first))
    _check_proofs(remote, hash)
    changes = _by_hand(state)
    # As after a change by its user: nothing proves that blocks can follow the other node's state.
    aux: dict[bytes, bytes | None] = {**first.rows, FORK_KEY: stored, EDITED_KEY: b"\1"}
    store.insert_fork(bytes.fromhex(genesis[2:]), header.encode(), body, changes, aux)
    log.info("fork of %s at block %d (%s)", point.chain, point.number, hash)
    return point


def _check_proofs(remote: Remote, hash: str) -> None:
    """Raise CannotFork if a node has the block's state but does not prove it, as a fork."""
    try:
        remote.call("state_getReadProof", [to_hex(CODE_KEY)], hash)
    except RemoteAway as error:
        try:
            remote.call("state_getStorage", to_hex(CODE_KEY), hash)
        except RemoteAway:
            raise error from None
        raise CannotFork(
            f"{remote.url} does not prove the state of block {hash}: if it is itself a fork, name "
            f"the node that it reads from. {error}"
        ) from error


def _root_of(store: ChainStore, point: Point) -> bytes:
    """Return the state root in the header of the block at which a fork begins."""
    raw = store.blocks.header(bytes.fromhex(point.hash[2:]))
    if raw is None:
        raise Corrupt(f"block {point.hash}, at which the fork begins, is missing")
    return bytes(Header.decode(raw).state_root)


def _by_hand(state: RemoteState) -> dict[bytes, bytes | None]:
    """Return the changes after which blocks on a state may be sealed by hand. Raises CannotFork."""
    try:
        runtime = RuntimeRegistry().of(state.get).queries.runtime
    except UnsupportedRuntime as error:
        raise CannotFork(f"the other node's chain cannot go on here: {error}") from error
    overlay = Overlay(state.get, state.keys)
    runtime.enter(overlay)
    babe = runtime.pallet(Babe)
    if babe.engine.value is not Engine.Manual:
        babe.engine.value = Engine.Manual
        babe.sealer.value = AccountId(dev_key("//Alice").account_id)
    return overlay.changes()


def _block(answer: Mapping[str, Json]) -> tuple[Header, list[bytes]]:
    inner = answer.get("block")
    if not isinstance(inner, dict) or not isinstance(wires := inner.get("extrinsics"), list):
        raise CannotFork("the other node's answer to chain_getBlock has another form")
    try:
        return read_header(inner.get("header")), [
            unwrap(bytes.fromhex(str(wire)[2:])) for wire in wires
        ]
    except (ClientError, ValueError) as error:
        raise CannotFork(f"the other node's block cannot be read: {error}") from error


def _check_chain(call: Callable[..., Json], point: Point) -> None:
    """Raise CannotFork if a node is of another chain than the fork."""
    genesis = call("chain_getBlockHash", 0)
    if genesis != point.genesis:
        raise CannotFork(
            f"the fork is of {point.chain} (genesis {point.genesis}), the node that it reads from "
            f"has genesis {genesis}: name the right one with --fork, or another --base-path"
        )


def warm(fork: Fork) -> None:
    """Read the state that the next block and the log need, while the thread is idle."""
    client = fork.client
    best = client.best()
    sealer = ManualSealer(client, PoolService(client))
    try:
        dev_accounts(client)
        slot, timestamp = sealer.next_time(best.hash)
        make_block(
            client,
            best.hash,
            claim=manual_claim(slot),
            timestamp_ms=timestamp,
            ready=(),
            skip=lambda _: None,
            pace=lambda: Pace.EARLY,
        )
    except StateUnavailable as error:
        log.warning("the fork begins with what was read before: %s", error)
    except (SealRefused, InvalidBlock, *UNCOUNTABLE) as error:
        log.warning("no block follows the present state: %s", error)


async def run_fork(config: ForkConfig) -> None:
    """Run a fork until it is signalled to end. Raises as `open_fork` does, and as `Service.run`."""
    fork = open_fork(config)
    try:
        warm(fork)
        fork.beneath.serve_beside()
        identity = Identity(
            chain_name=f"{fork.point.chain} (fork of block {fork.point.number})",
            chain_type=DEVELOPMENT,
            properties=fork.point.properties,
            roles=("Authority",),
            local_peer_id="",
        )
        sealing = Instant() if config.sealing is None else parse_sealing(config.sealing)
        pool = PoolService(fork.client)
        by_hand = HandSealing(
            fork.client,
            pool,
            sealing,
            mock_signatures=config.mock_signatures,
            fork_status=fork.status,
        )
        own = ServiceConfig(identity, rpc=config.rpc or RpcConfig(), by_hand=by_hand)
        service = Service(fork.client, pool, own)
        stop = stopped_by_signals()
        log.info("%s, read from %s", identity.chain_name, config.url)
        log.warning(
            "state roots of a fork cover its own changes only: they are not those of the chain"
        )
        await service.run(stop)
        log.info("stopped; %s", summary(fork.beneath))
    finally:
        fork.close()


def summary(state: RemoteState) -> str:
    """Return the figures of the reads in a line."""
    asked = state.hits + state.misses
    share = 100 * state.hits // asked if asked else 100
    return (
        f"{asked} reads of the other node's state, {share} % of them from the cache of "
        f"{state.cache.size / MIB:.1f} MiB"
    )
