"""Opening a chain, running a node on it, and closing both in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.crypto.hashing import blake2_256
from btt_chain.node.backend import Identity
from btt_chain.node.config import NodeConfig, Paths
from btt_chain.node.identity import network_key, peer_id, pick_name
from btt_chain.node.sealing import Interval, Sealing, parse_sealing
from btt_chain.node.service import Service, ServiceConfig
from genesis.build import Genesis, build
from genesis.catalogue import load, presets
from genesis.spec import ChainSpec
from runtime.pallets.babe import Babe, Engine
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.database import WINDOW, ChainStore
from storage.kv import StorageError

log = logging.getLogger(__name__)

SPEC_KEY: Final = b"chain-specification"
"""Where the store remembers which specification its genesis was built from."""


class WrongChain(Exception):
    """The database belongs to another chain, or the specification cannot be run."""


@dataclass(slots=True)
class OpenChain:
    """A chain that is open: its specification, where it lies, its store and client."""

    spec: ChainSpec
    paths: Paths
    store: ChainStore
    client: Client

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()


def open_chain(config: NodeConfig, *, create: bool = True) -> OpenChain:
    """Open the chain of a configuration, made with its genesis block if it is not there.

    Raises SpecError for a bad specification, WrongChain when the database is another chain's,
    StorageError when the database cannot be used, FileNotFoundError unless `create`.
    """
    spec = load(config.chain)
    paths = Paths(config.base_path, spec.id)
    if not create and not paths.database.exists():
        raise FileNotFoundError(f"there is no chain {spec.id} in {paths.base}")
    try:
        paths.database.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the directory {paths.database.parent} cannot be made: {error.strerror}. Check its "
            "owner and its permissions, or choose another with --base-path"
        ) from error
    pruning, untold = pruning_of(config, spec), config.pruning is None
    store = ChainStore.open(paths.database, pruning=pruning, as_made=untold, create=create)
    try:
        if store.note:
            log.warning("%s", store.note)
        settle_genesis(store, spec)
        return OpenChain(spec, paths, store, Client(store, presets()))
    except BaseException:
        store.close()
        raise


def settle_genesis(store: ChainStore, spec: ChainSpec) -> None:
    """Write the genesis block into an empty store; make sure that a full one has the same.

    Raises SpecError, WrongChain, StorageError.
    """
    fingerprint = blake2_256(spec.dumps().encode())
    if store.has_genesis and store.aux_get(SPEC_KEY) == fingerprint:
        return
    made = build(spec)
    if not made.is_ours:
        raise WrongChain(
            f"{spec.name} runs a runtime that this node does not carry; "
            "it can be inspected with build-spec, not run"
        )
    if not store.has_genesis:
        store.insert_genesis(
            made.state,
            lambda root: header_over(made, root),
            version=made.state_version,
            aux={SPEC_KEY: fingerprint},
        )
        log.info("genesis of %s: 0x%s", spec.name, made.hash.hex())
        return
    if store.blocks.genesis != made.hash:
        raise WrongChain(
            f"the database holds another chain (genesis 0x{(store.blocks.genesis or b'').hex()}), "
            f"{spec.name} begins with 0x{made.hash.hex()}: use another --base-path or purge-chain"
        )
    store.aux_put({SPEC_KEY: fingerprint}, sync=True)


def header_over(made: Genesis, root: bytes) -> bytes:
    """Return the genesis header; WrongChain if the store came to another root than genesis did."""
    if root != made.header.state_root:
        raise WrongChain(f"the stored state has root 0x{root.hex()}, not that of the specification")
    return made.header.encode()


def pruning_of(config: NodeConfig, spec: ChainSpec) -> int | None:
    """Return how many finalised blocks keep their state, None for all. ValueError if misspelt."""
    if config.pruning is None:
        return WINDOW if spec.is_live else None
    if config.pruning == "archive":
        return None
    if not (config.pruning.isascii() and config.pruning.isdecimal()):
        raise ValueError(f"--pruning {config.pruning}: expected archive or a number of blocks")
    if int(config.pruning) < WINDOW:
        log.warning(
            "--pruning %s: %d is the least, so the states of %d final blocks are kept",
            config.pruning, WINDOW, WINDOW,
        )  # fmt: skip
    return max(int(config.pruning), WINDOW)


def sealing_of(config: NodeConfig, client: Client) -> Sealing | None:
    """Return how blocks are made: as told, else one a slot where the chain is sealed by hand."""
    # The best block, because the state of block zero is pruned like any other.
    best = client.best().hash
    state = client.state(best)
    law = client.law(best)
    law.queries.runtime.enter(client.overlay(best))
    manual = law.queries.runtime.pallet(Babe).engine.value is Engine.Manual
    if config.sealing is not None:
        if not manual:
            raise ValueError("--sealing: this chain is not sealed by hand")
        return parse_sealing(config.sealing)
    if not manual:
        return None
    params = RuntimeParams.decode(state.get(PARAMS_KEY) or b"")
    return Interval(int(params.slot_ms))


def identity_of(chain: OpenChain, *, makes_blocks: bool) -> Identity:
    """Return what the node says of itself."""
    spec = chain.spec
    try:
        key = network_key(chain.paths.network)
    except ValueError as error:
        raise WrongChain(f"the node's network key cannot be read: {error}") from None
    return Identity(
        chain_name=spec.name,
        chain_type=spec.chain_type,
        properties=spec.properties,
        roles=("Authority",) if makes_blocks else ("Full",),
        local_peer_id=peer_id(key),
    )


async def run_node(config: NodeConfig) -> None:
    """Run a node until SIGINT or SIGTERM.

    Raises what `open_chain` does; StorageError or NoLaw when the node cannot go on; OSError if
    the RPC port is taken; ValueError for flags that do not fit the chain.
    """
    chain = open_chain(config)
    try:
        sealing = sealing_of(config, chain.client)
        identity = identity_of(chain, makes_blocks=sealing is not None)
        service = Service(chain.client, ServiceConfig(identity, sealing, config.rpc))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        log.info("%s %s, node %s", identity.name, identity.version, config.name or pick_name())
        log.info(
            "chain %s (%s), genesis 0x%s",
            chain.spec.name,
            chain.spec.id,
            chain.client.genesis_hash.hex(),
        )
        log.info("database %s", chain.paths.database)
        if chain.spec.warning:
            log.warning("this chain was %s", chain.spec.warning)
        if sealing is None:
            log.info("no blocks are made here: this chain is not sealed by hand")
        await service.run(stop)
        log.info("stopped")
    finally:
        chain.close()
