"""The screen of `devnet up`: nodes, slots with their authors, accounts, events.

On a terminal tables that are updated; elsewhere a line for each block and each change of a node.
All data are from the JSON-RPC of a node that answers, as for any wallet.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Final

from rich.live import Live

from btt_chain.client.chain import BlockView, Chain, read_header
from btt_chain.client.errors import ClientError
from btt_chain.client.values import field
from btt_chain.client.wire import member, to_bytes
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.testing import Devnet, Funds, NodeStatus
from btt_chain.testing.creation import explorer_address
from btt_chain.testing.keeper import Keeper
from cli.commands.devnet_events import rows_of
from cli.commands.devnet_schedule import Schedule
from cli.commands.devnet_screen import EVENTS_KEPT, SLOTS_KEPT, Balance, Block, View
from cli.commands.devnet_work import look
from cli.common import show
from cli.common.block_facts import author_of
from cli.common.errors import Refused
from cli.common.session import open_chain
from genesis.accounts import address, dev_account

ACCOUNTS_SHOWN: Final = 6
LOOK_BACK: Final = 16
"""Maximum number of blocks read in one update."""

PATIENCE: Final = 10.0
"""Seconds for an answer of a node."""


class Watcher:
    """Updates a view; one `look` after the other, until it is closed."""

    def __init__(self, net: Devnet, *, with_accounts: bool) -> None:
        """Watch a network that has been started."""
        self.net = net
        self.view = View(str(net.base), explorer_address(net.helpers))
        self.news: list[Block] = []
        """Blocks of the last update, oldest first."""
        self.changes: list[str] = []
        """Changes of nodes since the last update, in words."""
        self.deaths: list[str] = []
        """Programs beside the nodes that died, or were started again, since then."""
        self._keeper = Keeper(net.base)
        self._with_accounts = with_accounts
        self._funded: list[Funds] = net.funded()[:ACCOUNTS_SHOWN]
        self._names = {each.address: each.name for each in net.funded()}
        self._states: dict[int, str] = {}
        self._seen: dict[int, Block] = {}
        """Blocks of the best chain that were read, by height."""
        self._validators = {
            address(dev_account(node.key)): node.name for node in net.nodes if node.key is not None
        }
        self._chain: Chain | None = None
        self._source = -1
        """Index of the node that is connected."""
        self._connection = AsyncExitStack()

    async def look(self) -> None:
        """Read the status of all nodes, and the new blocks of one of them."""
        self.deaths = await asyncio.to_thread(self._keeper.look)
        await asyncio.to_thread(self.net.reload)
        view = self.view
        view.nodes = await asyncio.to_thread(self.net.status)
        view.groups = self.net.groups
        view.helpers = self.net.helpers
        view.urls = {node.index: node.ws for node in self.net.nodes}
        self._note_changes()
        self.news = []
        running = [node for node in view.nodes if node.state == "running"]
        if not running:
            return

        source = max(running, key=lambda node: (node.best, -node.index))
        try:
            chain = await self._connected(source)
            self.news = await self._blocks(chain, source.best_hash)
            if self._with_accounts:
                view.accounts = await _accounts(chain, self._funded)
            if self.news and any(helper.is_provider for helper in self.net.helpers):
                view.work = await look(chain.connection, self.net)
        except ClientError:
            # A node may be killed at any moment, which is a purpose of a devnet. And a block that
            # was the best one a moment ago may be on a fork that is forgotten by now.
            await self.close()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        self._chain = None
        await self._connection.aclose()

    def _note_changes(self) -> None:
        before, self._states = self._states, {n.index: str(n.state) for n in self.view.nodes}
        self.changes = [
            f"node {node.index} ({node.name}) is {node.state}"
            for node in self.view.nodes
            # The caller has seen all of them answer.
            if before.get(node.index, "running") != node.state
        ]

    async def _connected(self, source: NodeStatus) -> Chain:
        """Return the chain of a node; the connection stays open for the next update."""
        if self._chain is not None and self._source != source.index:
            kept = self.view.nodes[self._source]
            # Two nodes at one height alternate in being first: no reason to change.
            if kept.state != "running" or kept.best < source.best:
                await self.close()
        if self._chain is None:
            url = self.net.node(source.index).ws

            self._chain = await self._connection.enter_async_context(open_chain(url, PATIENCE))
            self._source = source.index
        return self._chain

    async def _blocks(self, chain: Chain, best: str) -> list[Block]:
        """Return the new blocks, oldest first; at most LOOK_BACK."""
        found: list[Block] = []
        events: list[tuple[int, str, str]] = []
        hash = best
        while len(found) < LOOK_BACK:
            view = await chain.block(to_bytes(hash))
            known = self._seen.get(view.number)
            if view.number == 0 or (known is not None and known.hash == hash):
                break
            found.append(await self._open(chain, view, hash))
            events = self._events_of(chain, view) + events
            hash = str(member(view.header, "parentHash"))
        if found:
            self._replace(found, events)
        found.reverse()
        return found

    def _replace(self, found: Sequence[Block], events: Sequence[tuple[int, str, str]]) -> None:
        """Add blocks, the newest first; those they replace were on a fork, and do not count."""
        view, lowest, newest = self.view, found[-1].number, found[0].number
        for number in [number for number in self._seen if number >= lowest]:
            view.authored[self._seen.pop(number).author] -= 1
        kept = [block for block in view.blocks if block.number < lowest]
        view.blocks = deque([*kept, *reversed(found)], maxlen=SLOTS_KEPT)
        view.events = deque(
            [*(event for event in view.events if event[0] < lowest), *events], maxlen=EVENTS_KEPT
        )
        for block in found:
            self._seen[block.number] = block
            view.authored[block.author] += 1
        self._seen = {n: block for n, block in self._seen.items() if n > newest - 2 * LOOK_BACK}

    async def _open(self, chain: Chain, view: BlockView, hash: str) -> Block:
        block = Block(view.number, hash)
        block.transactions = sum(each.signer is not None for each in view.extrinsics)
        logs = read_header(view.header).digest.logs
        with suppress(NoPreDigest):
            block.slot = int(pre_digest(logs).claim.slot)
        author = await author_of(chain, view, logs)
        block.author = self._validators.get(author or "", author or "?")
        return block

    def _events_of(self, chain: Chain, view: BlockView) -> list[tuple[int, str, str]]:
        rows = rows_of(view.events or [], chain.metadata.currency, self._names)
        return [(view.number, name, shown) for name, shown in rows]


async def _accounts(chain: Chain, funded: Sequence[Funds]) -> list[Balance]:
    rows = []
    for each in funded:
        info = await chain.storage("System.Account", each.address)
        free = int(str(field(field(info, "data"), "free")))
        rows.append(Balance(each.name, free, each.address))
    return rows


async def watch_live(net: Devnet, stop: asyncio.Event, schedule: Schedule) -> None:
    """Show the tables on the whole terminal until `stop` is set, or the key q is pressed."""
    watcher = Watcher(net, with_accounts=True)
    view = watcher.view
    # The alternate screen: nothing remains of a picture of another size.
    with Live(view, console=show.console(), auto_refresh=False, screen=True) as live:

        def press(key: str) -> None:
            if key in "qQ":
                stop.set()
            elif key in "pP ":
                view.is_held = not view.is_held
                live.refresh()

        def shown() -> None:
            for text in watcher.deaths:
                note("program", text)
            if not view.is_held:
                live.refresh()

        def note(name: str, text: str) -> None:
            best = max((node.best for node in view.nodes), default=0)
            view.events.append((best, name, text))

        def say(text: str) -> None:
            note("fault", text)

        with keys_pressed(press):
            await _watch(watcher, stop, shown, schedule.run(net, stop, say))


@contextmanager
def keys_pressed(press: Callable[[str], None]) -> Iterator[None]:
    """Call `press` with each key while the terminal is read without waiting for whole lines.

    Ctrl-C remains a signal. If standard input is not a terminal, no key is read.
    """
    if not sys.stdin.isatty():
        yield
        return
    number, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    loop.add_reader(number, lambda: press(os.read(number, 1).decode(errors="replace") or "q"))
    try:
        yield
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)


async def watch_lines(
    net: Devnet, stop: asyncio.Event, schedule: Schedule, *, as_json: bool
) -> None:
    """Print a line for each block and each change until `stop` is set."""
    watcher = Watcher(net, with_accounts=False)

    def say(text: str) -> None:
        show.line({"event": text}) if as_json else show.note(text)

    def shown() -> None:
        for text in (*watcher.changes, *watcher.deaths):
            say(text)
        for block in watcher.news:
            final = max(node.finalized for node in watcher.view.nodes)
            work = watcher.view.work
            if as_json:
                more = {} if work is None else {"work": work.document()}
                show.line(
                    {"block": block.number, "hash": block.hash, "slot": block.slot,
                     "author": block.author, "transactions": block.transactions,
                     "finalized": final} | more
                )  # fmt: skip
                continue
            slot = "" if block.slot is None else f" slot {block.slot}"
            show.note(
                f"block {block.number} {block.hash[:10]}… author {block.author}{slot} "
                f"txs {block.transactions}; final {final}; peers "
                + ",".join(str(node.peers) for node in watcher.view.nodes)
                + ("" if work is None else f"; {work.line()}")
            )

    await _watch(watcher, stop, shown, schedule.run(net, stop, say))


async def _watch(
    watcher: Watcher,
    stop: asyncio.Event,
    shown: Callable[[], None],
    faults: Coroutine[object, object, None],
) -> None:
    task = asyncio.create_task(faults)
    pause = min(watcher.net.slot_ms / 2_000, 1.0)
    try:
        while not stop.is_set():
            await watcher.look()
            shown()
            if task.done():
                task.result()  # raises an error that is none of the network
            states = {str(node.state) for node in watcher.view.nodes}
            # While faults are to come, one of them may start a node again.
            if task.done() and states == {"down"}:
                raise Refused(
                    f"all nodes have ended; their logs are in {watcher.net.base}: "
                    "`btt-chain devnet logs` shows them"
                )
            try:
                async with asyncio.timeout(pause):
                    await stop.wait()
            except TimeoutError:
                continue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await watcher.close()
