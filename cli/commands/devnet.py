"""`btt-chain devnet`: validators on this machine, each a real process, with faults on request.

`btt_chain.testing.Devnet` does the work; this module has the commands that start, watch and stop.
The state of a network is in its base path: each command finds it there.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from btt_chain.extras import needs_extra
from btt_chain.testing import Devnet, DevNode, NodeStatus, network_file, state
from btt_chain.testing.creation import Ports, Settings
from btt_chain.testing.helper import Helper
from btt_chain.testing.network_file import NetworkFile
from cli.commands.devnet_common import FOLDER, VARIABLE, base_option, opened, plain_errors
from cli.commands.devnet_faults import COMMANDS
from cli.commands.devnet_interrupts import Interrupts
from cli.commands.devnet_report import document, features, introduce, pid, show_helpers, trouble
from cli.commands.devnet_schedule import Schedule
from cli.commands.devnet_screen import spelt
from cli.commands.devnet_view import watch_lines, watch_live
from cli.common import show
from cli.common.errors import ExitCode, Mistyped, Refused
from cli.common.logs import log_option, parse_filters
from cli.common.node_options import asked_for, check_explorer
from cli.common.options import (
    Command,
    Group,
    add_options,
    base_path_option,
    examples,
    json_option,
    runtime_option,
)

STOP_SECONDS: Final = 4.0
"""Seconds from the request to stop until nodes are killed."""
FOLLOW_PAUSE: Final = 0.3
RPC_PORT: Final = 9944
EXPLORER_PORT: Final = 4480


def port_options(command: Command) -> Command:
    """Add the first ports of the nodes."""
    port = click.IntRange(1, 65_000)
    return add_options(
        command,
        click.option(
            "--rpc-base-port", type=port,
            help="JSON-RPC of node 0; node i has this + i. [default: as before, or "
            f"{RPC_PORT}; free ports if those are in use]",
        ),
        click.option(
            "--p2p-base-port", type=port, help="The same for the network. [default: free ports]"
        ),
        click.option(
            "--prometheus-base-port", type=port, help="For metrics. [default: free ports]"
        ),
    )  # fmt: skip


def up_options(command: Command) -> Command:
    """Add the options of a new devnet."""
    port = click.IntRange(1, 65_000)
    return add_options(
        command,
        click.option(
            "-f", "--file", type=click.Path(dir_okay=False, path_type=Path),
            help="A file with nodes by name, and with faults at times; see `docs/cli.md`.",
        ),
        click.option(
            "-n", "--validators", type=click.IntRange(1, 32),
            help="How many nodes make blocks: Alice, Bob, ... [default: as before, or 4]",
        ),
        click.option(
            "--providers", type=click.IntRange(0, 16), default=0, show_default=True,
            help="How many compute beside them; a market posts jobs all the while.",
        ),
        click.option("--explorer", is_flag=True, help="Add an explorer: pages for the browser."),
        click.option(
            "--explorer-port", type=port, default=EXPLORER_PORT,
            help=f"Its port. [default: {EXPLORER_PORT}; a free port if that is in use]",
        ),
        click.option("--feeders", is_flag=True, help="Add feeders: prices of BASE_PATH/prices."),
        base_path_option(
            f"Keep data here, and go on with what is there. [default: ./{FOLDER}]", VARIABLE
        ),
        click.option("--fresh", is_flag=True, help="Delete the chain that is there, begin anew."),
        click.option("--tmp", is_flag=True, help="Use a new directory, deleted at the end."),
        click.option(
            "--slot-ms", type=click.IntRange(min=200),
            help="Milliseconds of a slot. [default: as before, or 500]",
        ),
        runtime_option("as before, or full"),
        port_options,
        click.option("--detach", is_flag=True, help="Return when all nodes answer; they go on."),
        json_option,
        log_option,
    )  # fmt: skip


@examples(
    "btt-chain devnet",
    "btt-chain devnet up --validators 3 --detach",
    "btt-chain devnet kill Charlie",
    "btt-chain devnet partition 0,1/2",
    "btt-chain devnet down",
)
@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def devnet(ctx: click.Context) -> None:
    """Run validators on this machine and watch them; without a command: `up` as it is.

    A wallet connects to ws://127.0.0.1:9944, as to any Substrate node. A single node without
    validators is quicker for most work: `btt-chain node --dev --sealing instant`.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(up)


@examples(
    "btt-chain devnet up --providers 2 --feeders",
    "btt-chain devnet up --runtime minimal --providers 2 --tmp",
    "btt-chain devnet up --validators 7 --base-path net --detach",
    "btt-chain devnet up -f examples/devnet/faults.toml --fresh",
)
@devnet.command()
@up_options
def up(
    base_path: Path | None, *, detach: bool, as_json: bool, filters: str, fresh: bool, tmp: bool,
    file: Path | None, explorer: bool, explorer_port: int, rpc_base_port: int | None,
    p2p_base_port: int | None, prometheus_base_port: int | None, **made: Any,
) -> None:  # fmt: skip
    """Start all nodes and watch them; Ctrl-C stops all."""
    parse_filters(filters)
    settings, schedule = Settings(log=filters, **made), Schedule()
    if file is not None:
        with plain_errors():
            network = network_file.read(file)
        settings, schedule = _with_file(settings, network), Schedule.of(file, network)
        rpc_base_port, explorer = (
            rpc_base_port or network.rpc_base_port,
            explorer or network.explorer,
        )
        if detach and (schedule.faults or schedule.end is not None):
            raise Mistyped("--detach leaves none to do the faults of the file: leave it out")
    if explorer:
        settings = replace(settings, explorer_port=explorer_port)
    _check_extras(settings)
    if tmp and (base_path is not None or fresh or detach):
        raise Mistyped("--tmp has a new directory, deleted at the end: give no other of them")
    base = Path(tempfile.mkdtemp(prefix="btt-devnet-")) if tmp else base_path or Path(FOLDER)
    # Made by this command: what an interrupted start has left is deleted.
    is_new = not base.exists() or not any(base.iterdir())
    with plain_errors(), Interrupts() as interrupts:
        try:
            if fresh:
                _delete(base)
                is_new = True
            is_fixed = asked_for("explorer_port")
            net = _created(
                base,
                settings,
                Ports(rpc_base_port, p2p_base_port, prometheus_base_port, None, is_fixed),
            )
            schedule.check(net)
            interrupts.net = net
            _start(net, interrupts, detach=detach, as_json=as_json)
        except BaseException as error:
            interrupts.is_ending = True
            if interrupts.net is not None:
                interrupts.net.down(STOP_SECONDS)
            if is_new and (interrupts.net is None or isinstance(error, KeyboardInterrupt)):
                shutil.rmtree(base, ignore_errors=True)
            raise
        if detach:
            net.ports.close()
        else:
            _attend(net, interrupts, schedule, is_temporary=tmp, as_json=as_json)


@examples("btt-chain devnet down", "btt-chain devnet down --delete")
@devnet.command()
@base_option
@click.option("--delete", "is_deleted", is_flag=True, help="Delete the data, too.")
@json_option
def down(base_path: Path | None, *, is_deleted: bool, as_json: bool) -> None:
    """Stop all nodes in order; data stays."""
    with opened(base_path) as net, Interrupts() as interrupts:
        interrupts.net, interrupts.is_ending = net, True
        _stop(net, as_json=as_json, is_last=not is_deleted)
        if is_deleted:
            _delete(net.base)


@examples("btt-chain devnet status", "btt-chain devnet status --json")
@devnet.command()
@base_option
@json_option
def status(base_path: Path | None, *, as_json: bool) -> None:
    """Print the state, address and heights of each node, and the state of each program.

    Exit code 0 if each node answers and each program runs, else 1.
    """
    with opened(base_path) as net:
        found = net.status()
    wrong = trouble(net, found)
    if as_json:
        show.document(document(net, found))
    else:
        _print_status(net, found, wrong)
    if wrong:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _print_status(net: Devnet, found: Sequence[NodeStatus], wrong: Sequence[str]) -> None:
    show.table(
        (">#", "name", "state", ">best", ">final", ">lag", ">peers", ">pool", "rpc", ">pid"),
        [
            (
                str(said.index), said.name, said.state, str(said.best), str(said.finalized),
                str(said.lag), str(said.peers), str(said.pool), node.ws, pid(node),
            )
            for said, node in zip(found, net.nodes, strict=True)
        ],
    )  # fmt: skip
    show.note(features(net))
    show_helpers(net)
    if net.groups is not None:
        show.note(f"the network is cut: {spelt(net.groups)} (devnet heal makes it whole)")
    for line in wrong:
        show.note(line)


for _command in COMMANDS:
    devnet.add_command(_command)


@examples("btt-chain devnet logs Charlie -f", "btt-chain devnet logs provider-0")
@devnet.command()
@click.argument("member", metavar="[NODE]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "--lines", type=click.IntRange(min=0), default=40, show_default=True,
    help="How many of each log's last lines.",
)  # fmt: skip
@base_option
def logs(member: str | None, base_path: Path | None, *, follow: bool, lines: int) -> None:
    """Print the end of the log of NODE, a number or a name also of a helper; or of all nodes."""
    with opened(base_path) as net:
        chosen = net.nodes if member is None else [net.member(member)]
    width = max(len(one.name) for one in chosen) if len(chosen) > 1 else 0
    ends = {}
    for one in chosen:
        text, ends[one.name] = _read_from(one.log, 0)
        _print_log(one, text[-lines:] if lines else [], width)
    while follow:
        time.sleep(FOLLOW_PAUSE)
        for one in chosen:
            text, ends[one.name] = _read_from(one.log, ends[one.name])
            _print_log(one, text, width)


def _with_file(settings: Settings, network: NetworkFile) -> Settings:
    """Return the settings of a file; options of the command line stand over it."""
    if settings.validators is not None:
        raise Mistyped("the file says which nodes there are: leave out --validators")
    return replace(
        settings,
        validators=sum(node.is_validator for node in network.nodes),
        slot_ms=settings.slot_ms or network.slot_ms,
        providers=settings.providers or network.providers,
        feeders=settings.feeders or network.feeders,
        log=network.log or settings.log,
        spec=network.preset,
        runtime=settings.runtime or network.runtime,
        nodes=network.nodes,
    )


def _check_extras(settings: Settings) -> None:
    """Raise Refused if a program beside the nodes needs a package that is not installed."""
    if settings.providers and find_spec("numpy") is None:
        raise Refused(needs_extra("--providers needs", "work"))
    if settings.explorer_port is not None:
        check_explorer()


def _created(base: Path, settings: Settings, ports: Ports) -> Devnet:
    usual = state.read(base).nodes[0].rpc_port if state.exists(base) else RPC_PORT
    net = Devnet.planned(base, settings, ports._replace(usual_rpc=usual))
    if ports.rpc is None and net.nodes and net.nodes[0].rpc_port != usual:
        show.note(
            f"port {usual}, or one behind it, is in use: node 0 ({net.nodes[0].name}) answers at "
            f"{net.nodes[0].ws}"
        )
    return net


def _delete(base: Path) -> None:
    """Delete the network in a folder, and nothing else there. Refused while it runs."""
    if not state.exists(base):
        return
    net = Devnet.open(base)
    if any(one.is_alive for one in (*net.nodes, *net.helpers)):
        raise Refused(f"the devnet in {base} is running: stop it with `btt-chain devnet down`")
    state.delete(base, [*net.nodes, *net.helpers])


def _option(net: Devnet) -> str:
    """Return the option by which the other commands find a network; empty if they need none."""
    return "" if net.base == Path(FOLDER).resolve() else f" --base-path {net.base}"


def _start(net: Devnet, interrupts: Interrupts, *, detach: bool, as_json: bool) -> None:
    """Start all nodes; print their addresses, except to a terminal that shows them anyway."""
    began = time.monotonic()
    if sys.stdout.isatty() and not as_json:
        show.note(f"starting {len(net)} nodes, which takes some seconds; logs: {net.base}")
    net.up(is_kept=detach)
    interrupts.begin_watch()
    seconds = time.monotonic() - began
    if as_json:
        # Alone it is a document; with further output it is one line of many.
        (show.document if detach else show.line)(document(net, net.status()))
    elif detach or not sys.stdout.isatty():
        introduce(net, seconds, _option(net))


def _attend(
    net: Devnet, interrupts: Interrupts, schedule: Schedule, *, is_temporary: bool, as_json: bool
) -> None:
    """Show the network until Ctrl-C or until all nodes have ended; then stop them."""
    failed = True
    try:
        asyncio.run(_watch(net, interrupts, schedule, as_json=as_json))
        failed = False
    finally:
        interrupts.is_ending = True
        _stop(net, as_json=as_json, is_last=not is_temporary or failed)
    if is_temporary:
        shutil.rmtree(net.base, ignore_errors=True)
        show.note("its data is deleted; without --tmp it stays")


async def _watch(net: Devnet, interrupts: Interrupts, schedule: Schedule, *, as_json: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_stop() -> None:
        loop.call_soon_threadsafe(stop.set)

    interrupts.on_stop = on_stop
    if interrupts.is_ending:
        stop.set()
    if sys.stdout.isatty() and not as_json:
        await watch_live(net, stop, schedule)
    else:
        await watch_lines(net, stop, schedule, as_json=as_json)


def _stop(net: Devnet, *, as_json: bool, is_last: bool = True) -> None:
    began = time.monotonic()
    net.reload()  # a fault, or another terminal, may have restarted nodes
    running = sum(node.is_alive for node in net.nodes)
    killed = net.down(STOP_SECONDS)
    seconds = time.monotonic() - began
    if as_json:
        show.line(
            {"stopped": running, "killed": [node.index for node in killed],
             "basePath": str(net.base)}
        )  # fmt: skip
        return
    for node in killed:
        show.note(f"node {node.index} ({node.name}) did not end in time and was killed")
    nodes = "1 node" if running == 1 else f"{running} nodes"
    show.note(
        f"stopped {nodes} in {seconds:.1f} s" + (f"; data stays in {net.base}" if is_last else "")
    )


def _read_from(log: Path, at: int) -> tuple[list[str], int]:
    """Return the whole lines of a log after an offset, and the offset after them."""
    if not log.exists():
        return [], at
    with log.open("rb") as file:
        file.seek(at)
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    return whole.decode(errors="replace").splitlines(), at + len(whole)


def _print_log(one: DevNode | Helper, lines: Sequence[str], width: int) -> None:
    for text in lines:
        click.echo(f"{one.name:<{width}}  {text}" if width else text)
