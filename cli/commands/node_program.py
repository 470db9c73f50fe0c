"""A node of `btt-chain node`: its configuration from the options, and its run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import uvloop

from btt_chain.node.dev.cache import CACHE_MIB
from btt_chain.node.service.config import NetworkConfig, NodeConfig, ValidatorConfig
from btt_chain.node.service.lifecycle import run_node
from btt_chain.node.service.paths import default_base_path
from btt_chain.rpc.access import DEFAULT_ORIGINS, MethodPolicy
from btt_chain.rpc.limits import HTTP_LIMITS
from btt_chain.rpc.server import RpcConfig
from btt_chain.signals import ENDING
from btt_chain.web.access import OriginCheck
from btt_chain.web.proxies import Proxies
from cli.common import show
from cli.common.chain_data import known_chain, plain_errors
from cli.common.errors import ExitCode, Mistyped
from cli.common.files import secret_of
from cli.common.keystore_passwords import keystore_password
from cli.common.logs import parse_filters, start
from cli.common.node_options import asked_for, check_explorer
from cli.common.secret_uri import check_secret
from genesis.catalogue import chain_named
from genesis.presets import CHAINS, ChainType

MANUAL_DEV: Final = "dev-manual"
"""The development chain whose blocks are sealed by hand."""

AS_GIVEN: Final = (
    "name", "pruning", "blocks_pruning", "sealing", "mock_signatures", "sync", "trusted_block",
)  # fmt: skip
"""Options that are settings of the node as they are."""

NETWORK_NAMES: Final = (
    "port",
    "listen",
    "public",
    "bootnodes",
    "reserved",
    "reserved_only",
    "in_peers",
    "out_peers",
    "node_key",
    "node_key_file",
)


def run_program(
    chain: str | None, base_path: Path | None, given: dict[str, Any], *, dev: bool, tmp: bool,
    explorer_port: int | None,
) -> None:  # fmt: skip
    """Run a node by its options until it is stopped. Raises Mistyped, NotFound, Refused."""
    chain = known_chain(chain or "dev")
    if dev:
        chain = development(given)
    alone = is_development(chain)
    start(parse_filters(given["filters"]))
    with (
        data_directory(base_path, tmp=tmp) as base,
        explorer_beside(base, given["rpc_port"], explorer_port),
    ):
        config = node_config(
            chain,
            base,
            given,
            **{name: given[name] for name in AS_GIVEN},
            sync_helper=given["sync_helper"] == "auto",
            network=network_of(given, alone=alone),
            validator=validator_of(given),
            metrics_port=metrics_port(given, alone=alone),
            metrics_external=given["prometheus_external"],
            metrics_wanted=asked_for("prometheus_port"),
        )
        if given["fork_url"] is None:
            run(config)
        else:
            run_a_fork(config, given["fork_url"], given["at"], given["fork_cache"])


def is_development(chain: str) -> bool:
    """Return True if the chain is a development chain of the program: its node needs no others."""
    preset = chain_named(chain)
    return preset is not None and preset.chain_type is ChainType.DEVELOPMENT


def development(given: dict[str, object]) -> str:
    """Return the chain of --dev, and set its author unless blocks are sealed by hand."""
    is_by_slots = given["sealing"] is None
    chain = CHAINS["dev" if is_by_slots else MANUAL_DEV]
    if is_by_slots:
        given["dev_names"] = given["dev_names"] or ("alice",)
        given["force_authoring"] = True
    runtime = given["runtime"]
    return (chain.with_runtime(runtime) if isinstance(runtime, str) else chain).preset


@contextmanager
def data_directory(given: Path | None, *, tmp: bool) -> Iterator[Path]:
    """Yield the base path; a temporary one is removed at the end."""
    if tmp:
        with tempfile.TemporaryDirectory(prefix="btt-chain-") as made:
            yield Path(made)
        return
    yield given or default_base_path()


@contextmanager
def explorer_beside(base: Path, rpc_port: int, port: int | None) -> Iterator[None]:
    """Run an explorer of this node as a process of its own, on `port`; None: none is wanted."""
    if port is None:
        yield
        return
    check_explorer()
    words = ["-m", "cli.main", "explorer", "--url", f"ws://127.0.0.1:{rpc_port}"]
    words += ["--listen", f"127.0.0.1:{port}"]
    # Its input ends with this process, also with one that was killed.
    child = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-P", *words, "--base-path", str(base / "explorer"), "--until-input-ends"],
        stdin=subprocess.PIPE,
    )
    is_stopping = threading.Event()

    def watch() -> None:
        status = child.wait()
        # Ctrl-C reaches both processes, and the explorer is the first to end.
        stopped = [code for each in (*ENDING, signal.SIGINT) for code in (-each, 128 + each)]
        asked = (0, ExitCode.INTERRUPTED, *stopped)
        if not is_stopping.is_set() and status not in asked:
            again = f"btt-chain {' '.join(words[2:])} --base-path {base / 'explorer'}"
            show.note(f"the explorer ended with status {status}; start it again: {again}")

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        is_stopping.set()
        child.terminate()
        child.wait()


# ---- configuration


def node_config(chain: str, base: Path, rpc: dict[str, Any], **more: Any) -> NodeConfig:
    """Return the configuration of the options; Mistyped if they contradict each other."""
    methods = rpc["rpc_methods"].lower()
    if methods == "unsafe" and rpc["rpc_external"] and not rpc["unsafe_rpc_external"]:
        raise Mistyped(
            "--rpc-methods unsafe with --rpc-external lets unknown callers command this node; "
            "if that is wanted, say --unsafe-rpc-external"
        )
    cors = rpc["rpc_cors"]
    # Pages may call unsafe methods: of a validator, those that change its keys.
    origins: tuple[str, ...] = () if rpc.get("validator") else DEFAULT_ORIGINS
    if cors is not None:
        origins = () if cors == "none" else tuple(filter(None, map(str.strip, cors.split(","))))
    try:
        OriginCheck(origins)
    except ValueError as error:
        raise Mistyped(f"--rpc-cors: {error}") from None
    proxies = tuple(rpc["trusted_proxies"])
    try:
        Proxies(proxies)
    except ValueError as error:
        raise Mistyped(f"--rpc-trusted-proxy: {error}") from None
    external = rpc["rpc_external"] or rpc["unsafe_rpc_external"]
    if external:
        show.note(
            "warning: JSON-RPC answers other machines; put a proxy with TLS and limits in front"
        )
        validator = more.get("validator")
        if validator is not None and not validator.dev_keys:
            show.note(
                "warning: unknown callers may call unsafe methods of this validator, such as those "
                "that change its keys"
                if methods == "unsafe"
                else "warning: this is a validator; a node without keys is better for answering "
                "others"
            )
    places = rpc["rpc_max_connections"]
    answers = RpcConfig(
        port=rpc["rpc_port"],
        external=external,
        origins=origins,
        methods=MethodPolicy(methods),
        hosts=tuple(rpc["rpc_hosts"]),
        trusted_proxies=proxies,
        http=replace(HTTP_LIMITS, connections_external=places, answered_refusals=places),
    )
    return NodeConfig(chain, base, rpc=answers, **more)


def network_of(given: dict[str, Any], *, alone: bool) -> NetworkConfig | None:
    """Return the network configuration of the options. Raises Mistyped.

    None for a chain that is run `alone`, unless one of the options is for peers.
    """
    if alone and not asked_for(*NETWORK_NAMES):
        return None
    return NetworkConfig(
        port=given["port"],
        listen=tuple(given["listen"]),
        public=tuple(given["public"]),
        bootnodes=split(given["bootnodes"], "--bootnodes"),
        reserved=split(given["reserved"], "--reserved-nodes"),
        reserved_only=given["reserved_only"],
        in_peers=given["in_peers"],
        out_peers=given["out_peers"],
        node_key=node_key(given["node_key"], given["node_key_file"]),
        mdns=not given["no_mdns"],
        allow_private=given["allow_private"],
    )


def validator_of(given: dict[str, Any]) -> ValidatorConfig | None:
    """Return the validator's configuration; None if it does not validate. Raises Mistyped."""
    for uri in given["dev_keys"]:
        check_secret(uri)
    uris = (*(f"//{name.capitalize()}" for name in given["dev_names"]), *given["dev_keys"])
    if not given["validator"] and not uris:
        for name, flag in (
            ("force_authoring", "--force-authoring"),
            ("never_signed", "--i-know-this-key-never-signed"),
            ("no_verify_work", "--no-verify-work"),
            ("password", "--password"),
            ("password_file", "--password-filename"),
            ("password_interactive", "--password-interactive"),
        ):
            if given[name]:
                raise Mistyped(f"{flag} is about validators: add --validator")
        return None
    return ValidatorConfig(
        uris,
        keystore_password(given["password"], given["password_file"], given["password_interactive"]),
        given["force_authoring"],
        given["never_signed"],
        verify_work=not given["no_verify_work"],
    )


def metrics_port(given: dict[str, Any], *, alone: bool) -> int | None:
    """Return the port of the metrics; None: they are not served."""
    if given["no_prometheus"] or (alone and not asked_for("prometheus_port")):
        return None
    port: int = given["prometheus_port"]
    return port


def split(texts: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """Return addresses that were given one by one or with commas between. Raises Mistyped."""
    found = tuple(filter(None, (part.strip() for text in texts for part in text.split(","))))
    for address in found:
        if not address.startswith("/") or "/p2p/" not in address:
            raise Mistyped(
                f"{flag} {address}: expected a multiaddress that ends in the peer id, such as "
                "/ip4/10.0.0.1/tcp/30333/p2p/12D3KooW…"
            )
    return found


def node_key(text: str | None, file: Path | None) -> bytes | None:
    """Return the seed of the node's identity, None if it is not given. Raises Mistyped."""
    if text is not None and file is not None:
        raise Mistyped("give one of --node-key and --node-key-file")
    if file is not None:
        raw = file.read_bytes()
        if len(raw) == 32:
            return raw
        text = secret_of(raw, f"--node-key-file {file}").strip()
    if text is None:
        return None
    try:
        seed = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        seed = b""
    if len(seed) != 32:
        where = "--node-key" if file is None else f"--node-key-file {file}"
        raise Mistyped(f"{where}: expected 32 bytes, 64 hex digits")
    return seed


# ---- run


def run_a_fork(config: NodeConfig, url: str, at: str | None, cache_mib: int | None) -> None:
    """Run a fork of another node's chain; Refused with the reason if it cannot continue."""
    # Imported here: it reads another chain by a client, and usual nodes have none.
    from btt_chain.node.dev.fork import ForkConfig, run_fork

    fork = ForkConfig(
        url,
        config.base_path,
        at=at,
        sealing=config.sealing,
        mock_signatures=config.mock_signatures,
        rpc=config.rpc,
        cache_mib=cache_mib or CACHE_MIB,
    )
    with plain_errors():
        uvloop.run(run_fork(fork))


def run(config: NodeConfig) -> None:
    """Run a node here; Refused with the reason if it cannot continue."""
    with plain_errors():
        uvloop.run(run_node(config))
