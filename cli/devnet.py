"""`btt-chain devnet`: a development chain, watched live.

The node is a process of its own; this one talks to it like any wallet. Where nobody watches (the
output is no terminal) there is only the node, with its log lines.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections import deque
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from cli import show
from cli.errors import CannotConnect, Refused
from cli.logs import parse_filters, start
from cli.node import SealingType, data_directory, log_option, node_config, rpc_options, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table

    from cli.chain import Chain

ACCOUNTS: Final = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
"""Whose balances are shown: the well-known development keys."""

BLOCKS_SHOWN: Final = 6
EVENTS_SHOWN: Final = 12

HOME: Final = str(Path(__file__).resolve().parent.parent)
"""Where our packages lie: the node finds them wherever we were started, and nobody else's."""

START_TIME: Final = 60.0
"""Seconds that the node may take until it answers."""

# What every block has, and nobody looks for.
_DULL_EVENTS: Final = {"System.ExtrinsicSuccess", "TransactionPayment.TransactionFeePaid"}


@click.command()
@click.option(
    "-d",
    "--base-path",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep data here. [default: a new directory, deleted at the end]",
)
@click.option(
    "--sealing",
    type=SealingType(),
    help="When blocks are made. [default: interval, one a second]",
)
@rpc_options
@log_option
def devnet(base_path: Path | None, sealing: str | None, filters: str, **rpc: Any) -> None:
    """Run a development chain and watch it: blocks, events, balances. Ctrl-C ends it.

    A wallet connects to ws://127.0.0.1:9944, as to any Substrate node.
    """
    levels = parse_filters(filters)
    with data_directory(base_path, tmp=base_path is None) as base:
        config = node_config("dev", base, rpc, sealing=sealing)
        if not sys.stdout.isatty():
            start(levels)
            run(config)
            return
        if config.rpc.port == 0:
            raise Refused("to watch the chain, its port must be known: give --rpc-port")
        arguments = [
            "node", "--dev", "--base-path", str(base), "--log", filters, *_spelt(rpc),
            *(("--sealing", sealing) if sealing else ()),
        ]  # fmt: skip
        with _log_file(base_path) as log:
            asyncio.run(_watch(arguments, config.rpc.port, log))


def _spelt(rpc: dict[str, Any]) -> list[str]:
    """The options of JSON-RPC as they are typed."""
    words: list[str] = []
    for name, value in rpc.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value not in {None, False}:
            words += [flag, str(value)]
    return words


@contextmanager
def _log_file(base_path: Path | None) -> Iterator[IO[bytes]]:
    """Where the node's log goes while the terminal shows tables; kept, to be read afterwards."""
    if base_path is None:
        with tempfile.NamedTemporaryFile(prefix="btt-devnet-", suffix=".log", delete=False) as file:
            yield file
        return
    base_path.mkdir(parents=True, exist_ok=True)
    with (base_path / "devnet.log").open("ab") as file:
        yield file


async def _watch(arguments: list[str], port: int, log: IO[bytes]) -> None:
    """Start the node, show it until it ends or Ctrl-C, stop it."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cli.main", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        env=os.environ | {"PYTHONPATH": HOME},
        # Ctrl-C reaches us alone, and we stop the node in order.
        start_new_session=True,
    )  # fmt: skip
    ends = {
        asyncio.create_task(child.wait()): "node",
        asyncio.create_task(stop.wait()): "stop",
        asyncio.create_task(_show(f"ws://127.0.0.1:{port}", log.name)): "view",
    }
    done, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    died = child.returncode
    if died is None:
        child.terminate()
        await child.wait()
    if died is not None and not stop.is_set():
        raise Refused(f"the node ended with code {died}: {_last_line(log.name)} (see {log.name})")
    for task in done:
        task.result()
    show.note(f"stopped; the node's log is {log.name}")


def _last_line(path: str) -> str:
    lines = Path(path).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


@dataclass(slots=True)
class _Row:
    """A block as the table shows it."""

    number: int
    hash: str
    calls: str


@dataclass(slots=True)
class _View:
    """What is on the screen."""

    url: str
    log: str
    best: int = 0
    final: int = 0
    pool: int = 0
    blocks: deque[_Row] = field(default_factory=lambda: deque(maxlen=BLOCKS_SHOWN))
    events: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))
    balances: list[tuple[str, str, str]] = field(default_factory=list)

    def render(self) -> RenderableType:
        """The tables, one below the other."""
        from rich.console import Group
        from rich.text import Text

        facts = Text.assemble(
            ("BTT devnet", "bold"), "   best ", (f"{self.best:_}", "green"),
            "   final ", (f"{self.final:_}", "green"), f"   pool {self.pool}",
        )  # fmt: skip
        hint = Text(f"{self.url}   Ctrl-C ends it   log: {self.log}", style="dim")
        blocks = _grid("Blocks", ">number", "hash", "calls")
        for row in reversed(self.blocks):
            blocks.add_row(f"{row.number:_}", row.hash, row.calls)
        # The last column is what a narrow terminal cuts: never an amount.
        balances = _grid("Accounts", "name", "free", "address")
        for balance in self.balances:
            balances.add_row(*balance)
        # Last, because a low terminal cuts there.
        events = _grid("Events", ">block", "event", "fields")
        # Folded, not cut: an amount may stand at the end.
        events.columns[-1].no_wrap, events.columns[-1].overflow = False, "fold"
        for number, name, shown in reversed(self.events):
            # Text: a list in brackets is no markup.
            events.add_row(f"{number:_}", name, Text(shown))
        return Group(facts, hint, Text(), blocks, balances, events)


def _grid(title: str, *columns: str) -> Table:
    """A table as wide as the terminal; its last column takes what the others leave."""
    from rich import box
    from rich.table import Table

    grid = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        header_style="cyan", pad_edge=False, expand=True,
    )  # fmt: skip
    for column in columns:
        name, is_right = column.removeprefix(">"), column.startswith(">")
        grid.add_column(
            name,
            justify="right" if is_right else "left",
            no_wrap=True,
            ratio=1 if column == columns[-1] else None,
        )
    return grid


async def _show(url: str, log: str) -> None:
    """Connect when the node is up, and keep the screen true."""
    from rich.live import Live

    async with AsyncExitStack() as stack:
        chain = await _connected(url, stack)
        view = _View(url, log)
        heads = await stack.enter_async_context(
            chain.client.subscribe("chain_subscribeNewHeads", "chain_unsubscribeNewHeads")
        )
        with Live(view.render(), console=show.console(), auto_refresh=False) as live:
            async for head in heads:
                await _take(chain, view, head, live)


async def _connected(url: str, stack: AsyncExitStack) -> Chain:
    from cli.chain import Chain

    deadline = asyncio.get_running_loop().time() + START_TIME
    while True:
        with suppress(CannotConnect):
            return await stack.enter_async_context(Chain.open(url, START_TIME))
        if asyncio.get_running_loop().time() > deadline:
            raise CannotConnect(f"the node did not answer on {url} within {START_TIME:g} s")
        await asyncio.sleep(0.2)


async def _take(chain: Chain, view: _View, head: Any, live: Live) -> None:
    """A new best block: look at it, and at what it changed."""
    from cli.chain import header_hash, header_number

    hash = header_hash(head)
    (final, _), pending, block, balances = await asyncio.gather(
        chain.head("chain_getFinalizedHead"),
        chain.client.call("author_pendingExtrinsics"),
        chain.block(hash),
        _balances(chain),
    )
    view.best, view.final = header_number(head), final
    view.pool = len(pending) if isinstance(pending, list) else 0
    view.balances = balances
    calls = [each.call.name for each in block.extrinsics if each.signer is not None]
    view.blocks.append(_Row(block.number, f"0x{hash.hex()[:16]}…", ", ".join(calls) or "-"))
    for event in block.events or []:
        if event.name not in _DULL_EVENTS:
            view.events.append((block.number, event.name, _by_name(event.shown, balances)))
    live.update(view.render(), refresh=True)


def _by_name(shown: str, balances: list[tuple[str, str, str]]) -> str:
    """What an event says, with the names of the accounts that are on the screen anyway."""
    for name, _, address in balances:
        shown = shown.replace(address, name)
    return shown


async def _balances(chain: Chain) -> list[tuple[str, str, str]]:
    from btt_chain.primitives import ss58
    from cli.accounts import read_account
    from cli.chain import member

    catalogue = chain.catalogue
    rows = []
    for name in ACCOUNTS:
        account = read_account(f"//{name}")
        _, info = await chain.storage("System.Account", "0x" + account.hex())
        free = int(str(member(member(info, "data"), "free")))
        address = ss58.encode(account, catalogue.prefix)
        rows.append((name, catalogue.currency.format(free), address))
    return rows
