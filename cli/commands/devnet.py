"""`btt-chain devnet`: validators on this machine, each a real process, with faults on request.

`btt_chain.testing.Devnet` does the work; this module has the commands. The state of a network is in
its base path, so each command finds it there, regardless of its starter.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.logs import log_option, parse_filters
from cli.common.options import Command, Group, examples, json_option

if TYPE_CHECKING:
    from btt_chain.testing import Devnet, DevNode
    from btt_chain.testing.helper import Helper

STOP_SECONDS: Final = 4.0
"""Seconds from the request to stop until nodes are killed."""
FOLLOW_PAUSE: Final = 0.3


def base_option(command: Command) -> Command:
    """Add `--base-path`: the devnet of the command."""
    return click.option(
        "-d",
        "--base-path",
        required=True,
        envvar="BTT_DEVNET",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the devnet lies, as `devnet up` said.",
    )(command)


def up_options(command: Command) -> Command:
    """Add the options of a new devnet."""
    port = click.IntRange(1, 65_000)
    options = [
        click.option(
            "-n",
            "--validators",
            type=click.IntRange(1, 32),
            default=4,
            show_default=True,
            help="How many nodes make blocks: Alice, Bob, ...",
        ),
        click.option(
            "--providers",
            type=click.IntRange(0, 16),
            default=0,
            show_default=True,
            help="How many compute beside them; a market posts jobs all the while.",
        ),
        click.option("--explorer", is_flag=True, help="Add an explorer: pages for the browser."),
        click.option(
            "--explorer-port", type=port, default=4480, show_default=True, help="Its port."
        ),
        click.option("--feeders", is_flag=True, help="Add feeders: prices of BASE_PATH/prices."),
        click.option(
            "-d",
            "--base-path",
            envvar="BTT_DEVNET",
            show_envvar=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="Keep data here. [default: a new directory, deleted at the end]",
        ),
        click.option(
            "--slot-ms",
            type=click.IntRange(min=200),
            default=2_000,
            show_default=True,
            help="Milliseconds of a slot.",
        ),
        click.option(
            "--rpc-base-port",
            type=port,
            default=9944,
            show_default=True,
            help="JSON-RPC of node 0; node i has this port + i.",
        ),
        click.option(
            "--p2p-base-port", type=port, help="The same for the network. [default: free ports]"
        ),
        click.option(
            "--prometheus-base-port", type=port, help="For metrics. [default: free ports]"
        ),
        click.option("--detach", is_flag=True, help="Return when all nodes answer; they go on."),
        json_option,
        log_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@examples(
    "btt-chain devnet",
    "btt-chain devnet up --validators 4 --base-path net --detach",
    "btt-chain devnet partition 0,1/2,3 --base-path net",
    "btt-chain devnet down --base-path net",
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
    "btt-chain devnet up --validators 7 --base-path net --detach",
)
@devnet.command()
@up_options
def up(base_path: Path | None, *, detach: bool, as_json: bool, filters: str, **made: Any) -> None:
    """Start all nodes and watch them; Ctrl-C stops all."""
    from btt_chain.testing import Devnet, DevnetError

    parse_filters(filters)
    if made["providers"] and find_spec("numpy") is None:
        from cli.common.working import EXTRA

        raise Refused(f"--providers: {EXTRA}")
    if made["explorer"]:
        from cli.commands.explorer import check_installed

        check_installed()
    is_temporary = base_path is None
    base = base_path or Path(tempfile.mkdtemp(prefix="btt-devnet-"))
    with plain_errors():
        try:
            net = Devnet.create(
                base,
                validators=made["validators"],
                slot_ms=made["slot_ms"],
                rpc_base_port=made["rpc_base_port"],
                port_base=made["p2p_base_port"],
                prometheus_base_port=made["prometheus_base_port"],
                log=filters,
                providers=made["providers"],
                feeders=made["feeders"],
                explorer_port=made["explorer_port"] if made["explorer"] else None,
            )
        except DevnetError:
            if is_temporary:
                shutil.rmtree(base, ignore_errors=True)
            raise
        try:
            with _interrupted_by_signals():
                _start(net, detach=detach, as_json=as_json)
        except BaseException:
            net.down(STOP_SECONDS)
            raise
    if detach:
        return
    _attend(net, is_temporary=is_temporary, as_json=as_json)


@examples("btt-chain devnet down --base-path net")
@devnet.command()
@base_option
@json_option
def down(base_path: Path, *, as_json: bool) -> None:
    """Stop all nodes in order; data stays."""
    with plain_errors():
        from btt_chain.testing import Devnet

        _stop(Devnet.open(base_path), as_json=as_json)


@examples("btt-chain devnet status --base-path net --json")
@devnet.command()
@base_option
@json_option
def status(base_path: Path, *, as_json: bool) -> None:
    """Print the state, address and heights of each node."""
    with plain_errors():
        from btt_chain.testing import Devnet

        net = Devnet.open(base_path)
        found = net.status()
    if as_json:
        show.document(_document(net))
        return
    show.table(
        (">#", "name", "state", ">best", ">final", ">lag", ">peers", ">pool", "rpc", ">pid"),
        [
            (
                str(said.index), said.name, said.state, str(said.best), str(said.finalized),
                str(said.lag), str(said.peers), str(said.pool), node.ws, _pid(node),
            )
            for said, node in zip(found, net.nodes, strict=True)
        ],
    )  # fmt: skip
    _show_helpers(net)
    if net.groups is not None:
        from cli.commands.devnet_view import spelt

        show.note(f"the network is cut: {spelt(net.groups)} (devnet heal makes it whole)")


@examples("btt-chain devnet kill 2 --base-path net")
@devnet.command()
@click.argument("index", metavar="N", type=int)
@base_option
def kill(index: int, base_path: Path) -> None:
    """Kill node N (from 0) with SIGKILL, as a power cut would."""
    with plain_errors():
        from btt_chain.testing import Devnet

        net = Devnet.open(base_path)
        net.kill(index)
    show.note(f"killed node {index} ({net[index].name}); devnet restart {index} brings it back")


@examples("btt-chain devnet restart 2 --base-path net")
@devnet.command()
@click.argument("index", metavar="N", type=int)
@base_option
def restart(index: int, base_path: Path) -> None:
    """Stop node N if it runs, start it again, wait until it answers."""
    with plain_errors():
        from btt_chain.testing import Devnet

        net = Devnet.open(base_path)
        with _interrupted_by_signals():
            net.restart(index)
    show.note(f"node {index} ({net[index].name}) answers on {net[index].ws}")


@examples("btt-chain devnet partition 0,1/2,3 --base-path net")
@devnet.command()
@click.argument("groups", metavar="GROUPS")
@base_option
def partition(groups: str, base_path: Path) -> None:
    """Cut the network into GROUPS, such as 0,1/2,3; a node in none is connected to no other."""
    cut = read_groups(groups)
    with plain_errors():
        from btt_chain.testing import Devnet

        Devnet.open(base_path).partition(cut)
    show.note(f"the network is cut: {groups}; devnet heal makes it whole")


@examples("btt-chain devnet heal --base-path net")
@devnet.command()
@base_option
def heal(base_path: Path) -> None:
    """Make a network whole again that was cut."""
    with plain_errors():
        from btt_chain.testing import Devnet

        Devnet.open(base_path).heal()
    show.note("the network is whole; nodes find each other within seconds")


@examples("btt-chain devnet logs 2 -f --base-path net", "btt-chain devnet logs --base-path net")
@devnet.command()
@click.argument("index", metavar="[N]", type=int, required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=40,
    show_default=True,
    help="How many of each log's last lines.",
)
@base_option
def logs(index: int | None, base_path: Path, *, follow: bool, lines: int) -> None:
    """Print the end of the log of node N, or of all."""
    with plain_errors():
        from btt_chain.testing import Devnet

        net = Devnet.open(base_path)
        nodes = net.nodes if index is None else [net.node(index)]
    names = len(nodes) > 1
    width = max(len(node.name) for node in nodes)
    ends = {}
    for node in nodes:
        text, ends[node.index] = _read_from(node.log, 0)
        _print_log(node, text[-lines:] if lines else [], width if names else 0)
    while follow:
        time.sleep(FOLLOW_PAUSE)
        for node in nodes:
            text, ends[node.index] = _read_from(node.log, ends[node.index])
            _print_log(node, text, width if names else 0)


def read_groups(text: str) -> list[list[int]]:
    """Return a typed partition: `0,1/2,3`. Mistyped if it is none."""
    try:
        return [[int(word) for word in group.split(",")] for group in text.split("/")]
    except ValueError:
        raise Mistyped(f"{text!r} is no partition: write the groups' nodes like 0,1/2,3") from None


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn errors of the package into errors of commands, each of one line."""
    from btt_chain.testing import DevnetError, NodeDied, NoDevnet, NoSuchNode, NotInTime

    try:
        yield
    except NoDevnet as error:
        raise NotFound(f"{error}: start one with `btt-chain devnet up`") from None
    except NoSuchNode as error:
        raise NotFound(str(error)) from None
    except (NodeDied, NotInTime) as error:
        first, *log = str(error).splitlines()
        last = f": {log[-1].strip()}" if len(log) > 1 else ""
        where = f" ({log[0].strip(' -').removeprefix('the end of ')})" if log else ""
        raise Refused(f"{first}{last}{where}") from None
    except DevnetError as error:
        raise Refused(str(error)) from None


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP interrupt blocking calls, as Ctrl-C does, to stop the nodes."""

    def interrupt(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(net: Devnet, *, detach: bool, as_json: bool) -> None:
    """Start all nodes; print their addresses, except to a terminal that shows them anyway."""
    began = time.monotonic()
    if sys.stdout.isatty() and not as_json:
        show.note(f"starting {len(net)} nodes, which takes some seconds; logs: {net.base}")
    net.up()
    seconds = time.monotonic() - began
    if as_json:
        # Alone it is a document; with further output it is one line of many.
        (show.document if detach else show.line)(_document(net))
    elif detach or not sys.stdout.isatty():
        _introduce(net, seconds)


def _attend(net: Devnet, *, is_temporary: bool, as_json: bool) -> None:
    """Show the network until Ctrl-C or until all nodes have ended; then stop them."""
    failed = True
    try:
        asyncio.run(_watch(net, as_json=as_json))
        failed = False
    finally:
        _stop(net, as_json=as_json, is_last=not is_temporary or failed)
    if is_temporary:
        shutil.rmtree(net.base, ignore_errors=True)
        show.note("its data is deleted; with --base-path it stays")


async def _watch(net: Devnet, *, as_json: bool) -> None:
    from cli.commands.devnet_view import watch_lines, watch_live

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if sys.stdout.isatty() and not as_json:
        await watch_live(net, stop)
    else:
        await watch_lines(net, stop, as_json=as_json)


def _stop(net: Devnet, *, as_json: bool, is_last: bool = True) -> None:
    began = time.monotonic()
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
    show.note(f"stopped {nodes} in {seconds:.1f} s" + (f"; data: {net.base}" if is_last else ""))


def _introduce(net: Devnet, seconds: float) -> None:
    """Print the addresses and places of the network."""
    show.note(f"{len(net)} nodes answer after {seconds:.1f} s; data and logs: {net.base}")
    show.table(
        (">#", "name", "rpc", "metrics", ">pid"),
        [(str(n.index), n.name, n.ws, n.metrics_url, _pid(n)) for n in net.nodes],
    )
    _show_helpers(net)
    show.table(("account", "address", "secret"), [(f.name, f.address, f.uri) for f in net.funded()])
    show.note(f"stop them: btt-chain devnet down --base-path {net.base}")


def _document(net: Devnet) -> dict[str, object]:
    """Return the state of a network as JSON."""
    from btt_chain.testing.creation import explorer_address

    return {
        "basePath": str(net.base),
        "slotMs": net.slot_ms,
        "groups": net.groups,
        "nodes": [
            {
                "index": said.index,
                "name": said.name,
                "state": said.state,
                "isValidator": node.key is not None,
                "pid": node.process.pid if node.is_alive and node.process else None,
                "ws": node.ws,
                "http": node.http,
                "metrics": node.metrics_url,
                "peerId": node.peer_id,
                "address": node.address,
                "log": str(node.log),
                "best": said.best,
                "bestHash": said.best_hash,
                "finalized": said.finalized,
                "finalizedHash": said.finalized_hash,
                "peers": said.peers,
                "pool": said.pool,
            }
            for said, node in zip(net.status(), net.nodes, strict=True)
        ],
        "explorer": explorer_address(net.helpers),
        "helpers": [
            {
                "name": helper.name,
                "isRunning": helper.is_alive,
                "key": helper.key,
                "pid": helper.process.pid if helper.is_alive and helper.process else None,
                "log": str(helper.log),
            }
            for helper in net.helpers
        ],
        "accounts": [
            {"name": each.name, "uri": each.uri, "address": each.address} for each in net.funded()
        ],
    }


def _show_helpers(net: Devnet) -> None:
    """Print the programs beside the nodes, if there are any."""
    from btt_chain.testing.creation import explorer_address

    address = explorer_address(net.helpers)
    if address is not None:
        show.note(f"explorer: {address}")
    if net.helpers:
        show.table(
            ("beside them", "state", "account", "log", ">pid"),
            [
                (each.name, "running" if each.is_alive else "down", each.key or "-", str(each.log),
                 _pid(each))
                for each in net.helpers
            ],
        )  # fmt: skip


def _pid(node: DevNode | Helper) -> str:
    return str(node.process.pid) if node.is_alive and node.process else "-"


def _read_from(log: Path, at: int) -> tuple[list[str], int]:
    """Return the whole lines of a log after an offset, and the offset after them."""
    if not log.exists():
        return [], at
    with log.open("rb") as file:
        file.seek(at)
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    return whole.decode(errors="replace").splitlines(), at + len(whole)


def _print_log(node: DevNode, lines: Sequence[str], width: int) -> None:
    for text in lines:
        click.echo(f"{node.name:<{width}}  {text}" if width else text)
