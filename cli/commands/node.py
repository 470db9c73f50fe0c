"""`btt-chain node`: run a node, with Substrate's flags as far as they apply."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from btt_chain.chain.gc import hold_off
from btt_chain.primitives.digits import U64, whole_number
from btt_chain.web.server_only import import_without_client
from cli.common.errors import Mistyped
from cli.common.logs import log_option
from cli.common.node_options import (
    forwarding_option,
    network_options,
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
    explorer_port: int, **given: Any,
) -> None:  # fmt: skip
    """Run a node until it is stopped.

    It follows the chain; with --validator it makes blocks and votes as well. --dev is a chain of
    its own with one validator, Alice; with --sealing, its blocks come as that says instead.
    """
    prepare_process()
    own_folder = tmp and base_path is not None
    check_flags(given, dev=dev, chain=chain, own_folder=own_folder, explorer=explorer)
    # Imported here: a node takes a second to import, and its help and completion need none of it.
    from cli.commands.node_program import run_program

    run_program(
        chain, base_path, given, dev=dev, tmp=tmp,
        explorer_port=explorer_port if explorer else None,
    )  # fmt: skip


def prepare_process() -> None:
    """Let the process start fast: without collecting garbage, and without a client of HTTP."""
    # A node that does not start leaves the process as it was: tests run commands in theirs.
    click.get_current_context().call_on_close(gc.enable)
    hold_off()
    import_without_client()


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
