"""Opening a chain, running a node on it, and closing both in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from btt_chain import __version__
from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import UnsupportedRuntime, carried
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore import BABE, GRANDPA, KeyManager, Keystore
from btt_chain.lazyclass import dataclass
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.keys.identity import network_key, peer_id, pick_name
from btt_chain.node.service.backend import Identity
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.descriptors import callers_within, raise_limit
from btt_chain.node.service.paths import Paths
from btt_chain.node.service.service import DEVELOPMENT, Service, ServiceConfig
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.digits import whole_number
from btt_chain.signals import ending_signals
from btt_chain.telemetry.metrics import Metrics
from genesis.build import Genesis, build
from genesis.catalogue import load, presets
from genesis.checkpoint import checkpoint_of
from genesis.spec import ChainSpec
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Engine as SlotEngine
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.database import ChainStore
from storage.kv import StorageError
from storage.retention import WINDOW, BlockRetention
from storage.state import StateUnavailable

if TYPE_CHECKING:
    from btt_chain.node.blocks.trust import Trust
    from btt_chain.node.dev.by_hand import HandSealing
    from btt_chain.node.engine.engine import Engine
    from btt_chain.node.service.verifier_service import Verifying
    from p2p.network import Network

log = logging.getLogger(__name__)

SPEC_KEY: Final = b"chain-specification"
"""Auxiliary key of the hash of the specification that the genesis was built from."""


class WrongChain(Exception):
    """The database belongs to another chain, or the specification cannot be run."""


@dataclass(slots=True)
class OpenChain:
    """An open chain: its specification, folders, store and client."""

    spec: ChainSpec
    paths: Paths
    store: ChainStore
    client: Client
    trust: Trust | None = None
    """The blocks that the operator trusts; None without any."""

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def open_chain(config: NodeConfig, *, create: bool = True) -> OpenChain:
    """Open the chain of a configuration; make it with its genesis block if it is missing.

    Raises SpecError for a bad specification, WrongChain when the database is another chain's,
    UntrustedDatabase if it does not have a trusted block, StorageError when it cannot be used,
    FileNotFoundError if it is missing without `create`.
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
    store = ChainStore.open(
        paths.database,
        pruning=pruning,
        retention=block_retention(config.blocks_pruning),
        as_made=untold,
        create=create,
    )
    try:
        if store.note:
            log.warning("%s", store.note)
        if store.blocks.bodies_from and config.blocks_pruning in {"archive", "archive-canonical"}:
            log.warning(
                "--blocks-pruning %s: the extrinsics of blocks below %d were removed before, and "
                "stay so; to have them, purge the chain and sync again",
                config.blocks_pruning, store.blocks.bodies_from,
            )  # fmt: skip
        settle_genesis(store, spec)
        client = Client(store, presets())
        return OpenChain(spec, paths, store, client, trust_of(config, spec, client))
    except BaseException:
        store.close()
        raise


def trust_of(config: NodeConfig, spec: ChainSpec, client: Client) -> Trust | None:
    """Return the trusted blocks of a node, None without any. Raises SpecError, UntrustedDatabase.

    A node without any starts without the modules of sync.
    """
    checkpoint = checkpoint_of(spec)
    if checkpoint is None and config.trusted_block is None:
        return None
    from btt_chain.node.blocks.trust import trust_in

    return trust_in(client, checkpoint, config.trusted_block)


def settle_genesis(store: ChainStore, spec: ChainSpec) -> None:
    """Write the genesis block into an empty store; check that a full one has the same.

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
    """Return the genesis header; WrongChain if the store has another root than it."""
    if root != made.header.state_root:
        raise WrongChain(f"the stored state has root 0x{root.hex()}, not that of the specification")
    return made.header.encode()


def pruning_of(config: NodeConfig, spec: ChainSpec) -> int | None:
    """Return the number of finalized blocks that keep their state, None for all.

    ValueError for an invalid setting.
    """
    if config.pruning is None:
        return WINDOW if spec.is_live else None
    if config.pruning == "archive":
        return None
    blocks = whole_number(config.pruning)
    if blocks is None:
        raise ValueError(f"--pruning {config.pruning}: expected archive or a number of blocks")
    if blocks < WINDOW:
        log.warning(
            "--pruning %s: %d is the least, so the states of %d final blocks are kept",
            config.pruning, WINDOW, WINDOW,
        )  # fmt: skip
    return max(blocks, WINDOW)


def block_retention(setting: str | None) -> BlockRetention | None:
    """Return the retention of blocks, None for that of the states.

    ValueError for an invalid setting.
    """
    match setting:
        case None:
            return None
        case "archive" | "archive-canonical":
            return BlockRetention(forks=setting == "archive")
    blocks = whole_number(setting)
    if not blocks:
        raise ValueError(
            f"--blocks-pruning {setting}: expected archive, archive-canonical or a number of "
            "blocks, 1 at least"
        )
    return BlockRetention(blocks)


def params_of(chain: OpenChain) -> RuntimeParams:
    """Return the chain's runtime parameters. Raises WrongChain where they are not known."""
    client = chain.client
    try:
        raw = client.state(client.best().hash).get(PARAMS_KEY)
    except StateUnavailable:
        # The state is being fetched from peers; the parameters never change.
        raw = build(chain.spec).state.get(PARAMS_KEY)
    if raw is None:
        raise WrongChain(f"the state of {chain.spec.name} has no parameters")
    return RuntimeParams.decode(raw)


def is_by_hand(client: Client) -> bool:
    """Return True if the chain's blocks are sealed manually. Raises UnsupportedRuntime."""
    if client.store.state_import.progress is not None:
        return False  # states come from peers, and manually sealed chains have none
    # The best block, because the state of block zero is pruned like any other.
    best = client.best().hash
    loaded = client.runtime_at(best)
    loaded.queries.runtime.enter(client.overlay(best))
    return loaded.queries.runtime.pallet(Babe).engine.value is SlotEngine.Manual


def lacks_runtime(client: Client) -> bool:
    """Return True if the best block's state needs a runtime version that is not carried.

    For example, in a program older than the one that made the database.
    """
    if client.store.state_import.progress is not None:
        return False  # the runtime of that state was checked before it was fetched
    try:
        client.runtime_at(client.best().hash)
    except UnsupportedRuntime:
        return True
    return False


def by_hand_of(chain: OpenChain, config: NodeConfig, pool: PoolService) -> HandSealing | None:
    """Return the maker of blocks on a manually sealed chain: as configured, else one block a slot.

    None for other chains; ValueError for flags that do not fit the chain.
    """
    is_manual, is_for_development = is_by_hand(chain.client), chain.spec.chain_type == DEVELOPMENT
    if config.sealing is not None and not is_manual:
        raise ValueError("--sealing: this chain is not sealed by hand")
    if config.mock_signatures and not (is_manual and is_for_development):
        raise ValueError(
            "--mock-signature-host goes with --dev and --sealing: no other chain accepts "
            "signatures that are not valid"
        )
    if not is_manual:
        return None
    # Nodes with an engine start without the modules of sealing by hand.
    from btt_chain.node.dev.by_hand import HandSealing
    from btt_chain.node.dev.sealing import parse_sealing

    return HandSealing(
        chain.client,
        pool,
        parse_sealing(config.sealing or f"interval:{int(params_of(chain).slot_ms)}"),
        is_for_development=is_for_development,
        mock_signatures=config.mock_signatures,
    )


def identity_of(chain: OpenChain, key: KeyPair, *, is_authority: bool) -> Identity:
    """Return the node's identity as shown by RPC."""
    spec = chain.spec
    return Identity(
        chain_name=spec.name,
        chain_type=spec.chain_type,
        properties=spec.properties,
        roles=("Authority",) if is_authority else ("Full",),
        local_peer_id=peer_id(key),
        spec=spec,
    )


def node_key(chain: OpenChain, config: NodeConfig) -> KeyPair:
    """Return the node's network key: the configured one, else the stored one.

    Raises WrongChain when that cannot be read.
    """
    if config.network is not None and config.network.node_key is not None:
        return KeyPair.from_seed(config.network.node_key, Scheme.ED25519)
    try:
        return network_key(chain.paths.network)
    except ValueError as error:
        raise WrongChain(f"the node's network key cannot be read: {error}") from None


def key_manager_of(chain: OpenChain, config: NodeConfig) -> KeyManager:
    """Return the session keys of a node, with the locks of a validator's records taken.

    Raises KeystoreError or RecordError when a validator cannot use its keys; ValueError where no
    node can validate on the chain, and for development keys on a Live one.
    """
    asked, spec = config.validator, chain.spec
    if asked is None:
        # Nothing is signed here, so keys with an unknown password do not matter.
        return _open_key_manager(chain, Keystore(chain.paths.keystore), forced=False)
    if why := build(spec).no_validating:
        raise ValueError(f"--validator: no node can validate on {spec.name}: {why}")
    if asked.dev_keys and spec.is_live:
        raise ValueError(
            f"--dev-key: {spec.name} is Live, and the development keys are public; put "
            "yours into the keystore with `btt-chain key insert`"
        )
    keystore = Keystore.open(chain.paths.keystore, asked.password)
    if asked.password is not None:
        asked.password.forget()
    key_manager = _open_key_manager(chain, keystore, forced=asked.never_signed)
    for uri in asked.dev_keys:
        for key_type in (BABE, GRANDPA):
            key_manager.keystore.remember(key_type, uri)
    problems = key_manager.check()
    if problems:
        key_manager.close()
        raise problems[0]
    if not any(key_manager.keystore.public_keys(key_type) for key_type in (BABE, GRANDPA)):
        log.warning(
            "no session keys are here, so no block is made and no vote cast: see `btt-chain key "
            "insert` or author_rotateKeys; keys are used as soon as they are here"
        )
    return key_manager


def _open_key_manager(chain: OpenChain, keystore: Keystore, *, forced: bool) -> KeyManager:
    return KeyManager(
        keystore,
        chain.paths.signing,
        chain.client.genesis_hash,
        is_live=chain.spec.is_live,
        forced=forced,
    )


def engine_of(
    chain: OpenChain,
    config: NodeConfig,
    pool: PoolService,
    key_manager: KeyManager | None,
    metrics: Metrics,
) -> Engine:
    """Return the engine of a node on a chain with BABE authors.

    It makes no blocks unless the node is a validator. Raises BadRecord, UnsupportedRuntime,
    WrongChain if the chain has no validators.
    """
    # Nodes that seal by hand have no engine; they start without its modules.
    from btt_chain.node.engine.start import new_engine

    engine = new_engine(chain, params_of(chain), config, pool, key_manager, metrics)
    if engine is None:
        reason = build(chain.spec).no_validating or "block zero has no voters"
        raise WrongChain(f"{chain.spec.name} cannot run: {reason}")
    return engine


def reading_engine(chain: OpenChain, config: NodeConfig) -> Engine:
    """Return a started engine that imports blocks from a file (`Engine.take`).

    Raises BadRecord, UnsupportedRuntime, WrongChain.
    """
    pool = PoolService(chain.client)
    metrics = Metrics("import", __version__, is_authority=False, chain=chain.spec.id)
    engine = engine_of(chain, config, pool, None, metrics)
    engine.start(unix_ms())
    return engine


def network_of(
    chain: OpenChain, config: NodeConfig, key: KeyPair, *, is_authority: bool
) -> Network | None:
    """Return the network of a node, not started yet; None for a stand-alone node.

    Raises ValueError for invalid addresses.
    """
    if config.network is None:
        return None
    from btt_chain.node.service.networking import open_network

    return open_network(
        chain.client,
        chain.spec,
        chain.paths,
        config.network,
        key,
        is_authority=is_authority,
        slot_ms=int(params_of(chain).slot_ms),
    )


def verifying_of(
    chain: OpenChain,
    config: NodeConfig,
    pool: PoolService,
    key_manager: KeyManager,
    engine: Engine | None,
    metrics: Metrics,
) -> Verifying | None:
    """Return the checker of useful work with a validator's keys; None for other nodes."""
    if engine is None or config.validator is None or not config.validator.verify_work:
        return None
    from btt_chain.node.service.verifier_service import ClientChain, Settings, Verifying

    private = None if config.network is None else config.network.allow_private
    settings = Settings(
        folder=chain.paths.work,
        commit_slots=int(params_of(chain).work.commit_slots),
        allow_private=not chain.spec.is_live if private is None else private,
        on_checked=metrics.work.on_receipt_checked,
    )
    return Verifying(
        ClientChain(chain.client, pool),
        key_manager.keystore,
        settings,
        is_ready=lambda: not engine.parts.sync.major,
    )


def limit_callers(config: NodeConfig) -> None:
    """Limit JSON-RPC connections by the available file descriptors.

    Raises TooFewDescriptors.
    """
    network, limits = config.network, config.rpc.http
    peers = 0 if network is None else network.in_peers + network.out_peers
    connections = callers_within(raise_limit(), peers, limits.connections)
    config.rpc.http = replace(limits, connections=connections)


async def run_node(config: NodeConfig) -> None:
    """Run a node until SIGINT, SIGTERM or SIGHUP.

    If the chain's runtime version is not carried, it serves stored data, and does nothing else.
    Raises as `open_chain` and `key_manager_of` do; StorageError, UnsupportedRuntime,
    MigrationFailed, RecordNotWritten or NetworkError when the node cannot go on; PortTaken for a
    port that another program uses; TooFewDescriptors; ValueError for flags that do not fit the
    chain.
    """
    limit_callers(config)
    chain = open_chain(config)
    key_manager = engine = None
    try:
        pool, by_hand = PoolService(chain.client), None
        is_read_only = lacks_runtime(chain.client)
        if is_read_only:
            # The log gives the reason once the service checks the runtime.
            config = replace(config, sealing=None, validator=None, network=None)
        else:
            by_hand = by_hand_of(chain, config, pool)
        key_manager = key_manager_of(chain, config)
        key = node_key(chain, config)
        makes_blocks = by_hand is not None or config.validator is not None
        identity = identity_of(chain, key, is_authority=makes_blocks)
        name = config.name or pick_name()
        metrics = Metrics(
            identity.name, identity.version, is_authority=makes_blocks, chain=chain.spec.id
        )
        if not is_read_only and by_hand is None:
            engine = engine_of(chain, config, pool, key_manager, metrics)
        network = network_of(chain, config, key, is_authority=makes_blocks)
        service = Service(
            chain.client,
            pool,
            ServiceConfig(
                identity,
                rpc=config.rpc,
                by_hand=by_hand,
                engine=engine,
                network=network,
                keys=key_manager,
                metrics=metrics,
                metrics_port=config.metrics_port,
                metrics_external=config.metrics_external,
                metrics_wanted=config.metrics_wanted,
                verifying=verifying_of(chain, config, pool, key_manager, engine, metrics),
            ),
        )
        stop = stopped_by_signals()
        log_start(chain, identity, name)
        if chain.spec.is_live and engine is not None:
            from btt_chain.node.blocks.trust import Trust, warn_if_old

            trust = chain.trust or Trust()
            warn_if_old(chain.client, trust, params_of(chain), unix_ms())
        await service.run(stop)
        log.info("stopped")
    finally:
        close_all(chain, key_manager, engine)


def stopped_by_signals() -> asyncio.Event:
    """Return an event that SIGINT, SIGTERM and SIGHUP set; SIGHUP stays ignored under `nohup`."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, *ending_signals()):
        loop.add_signal_handler(number, stop.set)
    return stop


def close_all(chain: OpenChain, key_manager: KeyManager | None, engine: Engine | None) -> None:
    """Close the parts of a node that were opened, the store last."""
    if engine is not None and engine.parts.prechecks is not None:
        engine.parts.prechecks.close()
    if key_manager is not None:
        key_manager.close()
    chain.close()


def log_start(chain: OpenChain, identity: Identity, name: str) -> None:
    """Log version, chain, role and database."""
    log.info("%s %s, node %s", identity.name, identity.version, name)
    log.info(
        "chain %s (%s), genesis 0x%s",
        chain.spec.name,
        chain.spec.id,
        chain.client.genesis_hash.hex(),
    )
    log.info("role %s, peer id %s", identity.roles[0], identity.local_peer_id)
    log.info("database %s", chain.paths.database)
    log.info(
        "runtimes %s",
        ", ".join(f"{release} ({runtime.origin})" for release, runtime in carried().items()),
    )
    if chain.spec.warning:
        log.warning("this chain was %s", chain.spec.warning)
