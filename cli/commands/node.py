"""`btt-chain node`: run a node, with Substrate's flags as far as they apply."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from btt_chain.chain.gc import hold_off
from btt_chain.primitives.digits import U64, whole_number
from btt_chain.rpc.access import DEFAULT_ORIGINS, MethodPolicy
from btt_chain.signals import ENDING
from btt_chain.web.server_only import import_without_client
from cli.common import show
from cli.common.chain_data import known_chain, plain_errors
from cli.common.errors import ExitCode, Mistyped
from cli.common.logs import log_option, parse_filters, start
from cli.common.node_options import (
    asked_for,
    forwarding_option,
    metrics_port,
    network_of,
    network_options,
    validator_of,
    validator_options,
)
from cli.common.options import (
    Command,
    add_options,
    chain_names,
    data_path_option,
    examples,
    runtime_option,
)
from cli.common.types import Form

if TYPE_CHECKING:
    from btt_chain.node.service.config import NodeConfig

MANUAL_DEV: Final = "dev-manual"
"""The development chain whose blocks are sealed by hand."""

AS_GIVEN: Final = (
    "name", "pruning", "blocks_pruning", "sealing", "mock_signatures", "sync", "trusted_block",
)  # fmt: skip
"""Options that are settings of the node as they are."""

NOT_HERE: Final = {
    # Flags that Substrate users try, and their replacements.
    **dict.fromkeys(
        ("--node-key-type", "--unsafe-force-node-key-generation"),
        "the identity is an ed25519 key, made when it is first needed: leave it out",
    ),
    "--keystore-path": "keys lie in the base path: key insert --base-path DIR puts them there",
    "--discover-local": "nodes on the local network are found unless --no-mdns is given",
    **dict.fromkeys(
        ("--ws-port", "--ws-external", "--ws-max-connections", "--rpc-ws-port"),
        "HTTP and WebSocket share one port: use --rpc-port, --rpc-external, "
        "--rpc-max-connections",
    ),
    **dict.fromkeys(
        ("--telemetry-url", "--no-telemetry"), "this node sends no telemetry"
    ),
    **dict.fromkeys(
        ("--execution", "--wasm-execution", "--wasm-runtime-overrides",
         "--wasmtime-instantiation-strategy", "--max-runtime-instances", "--runtime-cache-size"),
        "the runtime is not Wasm: there is nothing to choose",
    ),
    "--state-pruning": "use --pruning N or --pruning archive",
    **dict.fromkeys(
        ("--database", "--db-cache", "--trie-cache-size"),
        "there is one database, LevelDB, and nothing to choose",
    ),
    **dict.fromkeys(
        ("--rpc-rate-limit", "--rpc-max-request-size", "--rpc-max-response-size",
         "--rpc-max-subscriptions-per-connection", "--rpc-max-batch-request-len", "--pool-limit",
         "--pool-kbytes"),
        "the limits are fixed, docs/operating.md names them",
    ),
    **dict.fromkeys(
        ("--offchain-worker", "--no-hardware-benchmarks", "--detailed-log-output",
         "--enable-log-reloading", "--disable-log-color", "--tracing-targets"),
        "leave it out: there is nothing of that kind here",
    ),
}  # fmt: skip


class NodeCommand(click.Command):
    """A command that explains Substrate's missing flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Search for them before the parser reports them as unknown."""
        for arg in args:
            flag = arg.partition("=")[0]
            if flag in NOT_HERE:
                raise click.UsageError(f"{flag} is not supported: {NOT_HERE[flag]}", ctx)
        return super().parse_args(ctx, args)


def pruning_type(*words: str) -> Form[str]:
    """Return the type of a number of blocks, or one of some words."""

    def read(text: str) -> str | None:
        word = text.lower()
        return word if word in words or whole_number(word) is not None else None

    refusal = f"neither a number of blocks nor {' nor '.join(words)}"
    return Form("|".join(("N", *words)), read, refusal)


def _sealing(text: str) -> str | None:
    """Return `instant`, `manual` or `interval:MS`; None for other texts."""
    kind, _, ms = text.partition(":")
    is_timed = kind == "interval" and bool(whole_number(ms, U64))
    return text if is_timed or text in {"instant", "manual"} else None


def rpc_options(command: Command) -> Command:
    """Add the options of the RPC server."""
    return add_options(
        command,
        click.option(
            "--rpc-port", type=click.IntRange(0, 65_535), default=9944, show_default=True,
            help="The port of JSON-RPC, HTTP and WebSocket; 0 takes a free one.",
        ),
        click.option("--rpc-external", is_flag=True, help="Answer other machines too."),
        click.option(
            "--unsafe-rpc-external", is_flag=True, help="The same, also with --rpc-methods unsafe."
        ),
        click.option(
            "--rpc-methods", type=click.Choice(["auto", "safe", "unsafe"], case_sensitive=False),
            default="auto", show_default=True,
            help="Who may call unsafe methods: local callers, none, all.",
        ),
        click.option(
            "--rpc-cors", metavar="ORIGINS",
            help="Web pages that may call, comma-separated; all, or none. "
            "[default: local pages and https://polkadot.js.org; none with --validator]",
        ),
        click.option(
            "--rpc-max-connections", type=click.IntRange(min=1), default=100, show_default=True,
            help="The most connections from other machines.",
        ),
    )  # fmt: skip


@examples(
    "btt-chain node --dev --tmp",
    "btt-chain node --chain mainnet --base-path /var/lib/btt --pruning 1000",
)
@click.command(cls=NodeCommand)
@click.option("--dev", is_flag=True, help="The development chain: the same as --chain dev.")
@click.option(
    "--chain", metavar="NAME|FILE", shell_complete=chain_names,
    help="A chain that comes along, or its file.",
)  # fmt: skip
@data_path_option
@runtime_option()
@click.option("--tmp", is_flag=True, help="Keep data in a new directory, deleted at the end.")
@click.option("--name", help="What the node calls itself in its log. [default: a random name]")
@click.option(
    "--pruning", type=pruning_type("archive"),
    help="Of how many final blocks the state is kept, 256 at least. [default: the chain's]",
)  # fmt: skip
@click.option(
    "--blocks-pruning", type=pruning_type("archive", "archive-canonical"),
    help="Of how many final blocks the extrinsics are kept; archive-canonical: of all, archive: "
    "also blocks that did not become final. Headers stay. [default: archive where --pruning is, "
    "else archive-canonical]",
)  # fmt: skip
@click.option(
    "--sealing",
    type=Form("instant|interval:MS|manual", _sealing, "neither instant, manual nor interval:MS"),
    help="When blocks are made, on chains sealed by hand. [default: the chain's slot]",
)  # fmt: skip
@click.option(
    "--fork", "fork_url", metavar="URL",
    help="With --dev: go on from a block of another node of this chain, sealed by hand, for "
    "yourself alone; its state is read when it is needed.",
)  # fmt: skip
@click.option("--at", metavar="BLOCK", help="The block of --fork. [default: the last final one]")
@click.option(
    "--fork-cache", metavar="MIB", type=click.IntRange(16, 65_536),
    help="How much of that node's state --fork keeps on the disk. [default: 256]",
)  # fmt: skip
@click.option(
    "--mock-signature-host", "mock_signatures", is_flag=True,
    help="On development chains sealed by hand: accept 0xdeadbeef, then 0xcd, as a signature.",
)  # fmt: skip
@click.option("--explorer", is_flag=True, help="With --dev: also serve pages for the browser.")
@click.option(
    "--explorer-port", type=click.IntRange(0, 65_535), default=4480, show_default=True,
    help="Their port; 0 takes a free one.",
)  # fmt: skip
@validator_options
@network_options
@rpc_options
@forwarding_option
@log_option
def node(
    dev: bool, chain: str | None, base_path: Path | None, tmp: bool, explorer: bool,
    explorer_port: int, filters: str, **given: Any,
) -> None:  # fmt: skip
    """Run a node until it is stopped.

    It follows the chain; with --validator it makes blocks and votes as well. --dev is a chain of
    its own with one validator, Alice; with --sealing, its blocks come as that says instead.
    """
    prepare_process()
    own_folder = tmp and base_path is not None
    check_flags(given, dev=dev, chain=chain, own_folder=own_folder, explorer=explorer)
    chain = known_chain(chain or "dev")
    if dev:
        chain = development(given)
    alone = is_development(chain)
    start(parse_filters(filters))
    with (
        data_directory(base_path, tmp=tmp) as base,
        explorer_beside(base, given["rpc_port"], explorer_port if explorer else None),
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
    from genesis.catalogue import chain_named
    from genesis.presets import ChainType

    preset = chain_named(chain)
    return preset is not None and preset.chain_type is ChainType.DEVELOPMENT


def prepare_process() -> None:
    """Let the process start fast: without collecting garbage, and without a client of HTTP."""
    # A node that does not start leaves the process as it was: tests run commands in theirs.
    click.get_current_context().call_on_close(gc.enable)
    hold_off()
    import_without_client()


def development(given: dict[str, object]) -> str:
    """Return the chain of --dev, and set its author unless blocks are sealed by hand."""
    from genesis.presets import CHAINS

    is_by_slots = given["sealing"] is None
    chain = CHAINS["dev" if is_by_slots else MANUAL_DEV]
    if is_by_slots:
        given["dev_names"] = given["dev_names"] or ("alice",)
        given["force_authoring"] = True
    runtime = given["runtime"]
    return (chain.with_runtime(runtime) if isinstance(runtime, str) else chain).preset


def check_flags(
    given: Mapping[str, object], *, dev: bool, chain: str | None, own_folder: bool, explorer: bool
) -> None:
    """Raise Mistyped for flags that contradict each other."""
    fork = given["fork_url"]
    fork_options = {"--at": given["at"], "--fork-cache": given["fork_cache"]}
    if dev and chain not in {None, "dev"}:
        raise Mistyped("--dev is the chain dev: leave out either --dev or --chain")
    if not dev and not chain:
        raise Mistyped("which chain? Give --dev, or --chain with a name or a file")
    if own_folder:
        raise Mistyped("--tmp makes its own directory: leave out either --tmp or --base-path")
    for option, value in fork_options.items():
        if value is not None and fork is None:
            raise Mistyped(f"{option} goes with --fork: give both")
    if given["runtime"] is not None and (fork is not None or not dev):
        raise Mistyped(
            "--runtime goes with --dev: the state of another chain says which runtime it has"
        )
    if fork is not None and not dev:
        raise Mistyped("--fork goes with --dev: a fork is for yourself alone")
    if explorer and not (dev and given["rpc_port"]):
        raise Mistyped(
            "--explorer goes with --dev and a fixed --rpc-port; for other nodes there "
            "is the command `btt-chain explorer --url`"
        )


@contextmanager
def data_directory(given: Path | None, *, tmp: bool) -> Iterator[Path]:
    """Yield the base path; a temporary one is removed at the end."""
    if tmp:
        with tempfile.TemporaryDirectory(prefix="btt-chain-") as made:
            yield Path(made)
        return
    from btt_chain.node.service.paths import default_base_path

    yield given or default_base_path()


@contextmanager
def explorer_beside(base: Path, rpc_port: int, port: int | None) -> Iterator[None]:
    """Run an explorer of this node as a process of its own, on `port`; None: none is wanted."""
    if port is None:
        yield
        return
    from cli.commands.explorer import check_installed

    check_installed()
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


def node_config(chain: str, base: Path, rpc: dict[str, Any], **more: Any) -> NodeConfig:
    """Return the configuration of the options; Mistyped if they contradict each other."""
    from btt_chain.node.service.config import NodeConfig
    from btt_chain.rpc.limits import HTTP_LIMITS
    from btt_chain.rpc.server import RpcConfig
    from btt_chain.web.access import OriginCheck
    from btt_chain.web.proxies import Proxies

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


def run_a_fork(config: NodeConfig, url: str, at: str | None, cache_mib: int | None) -> None:
    """Run a fork of another node's chain; Refused with the reason if it cannot continue."""
    import uvloop

    from btt_chain.node.dev.cache import CACHE_MIB
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
    import uvloop

    from btt_chain.node.service.lifecycle import run_node

    with plain_errors():
        uvloop.run(run_node(config))
