"""The screen of `devnet up`: nodes, slots with their authors, accounts, events.

On a terminal tables that are updated; elsewhere a line for each block and each change of a node.
All data are from the JSON-RPC of a node that answers, as for any wallet.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cli.common import show
from cli.common.errors import Refused

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from btt_chain.client.chain import BlockView, Chain
    from btt_chain.testing import Devnet, Funds, NodeStatus
    from cli.commands.devnet_work import Work

SLOTS_SHOWN: Final = 8
EVENTS_SHOWN: Final = 8
ACCOUNTS_SHOWN: Final = 6
LOOK_BACK: Final = 16
"""Maximum number of blocks read in one update."""

PATIENCE: Final = 10.0
"""Seconds for an answer of a node."""

_DULL_EVENTS: Final = {"System.ExtrinsicSuccess", "TransactionPayment.TransactionFeePaid"}
"""Events of every block, which are not shown."""

_COLOURS: Final = {"running": "green", "silent": "yellow", "paused": "yellow", "down": "red"}


@dataclass(slots=True)
class Block:
    """A block as the table shows it."""

    number: int
    hash: str
    slot: int | None = None
    author: str = "?"
    transactions: int = 0


@dataclass(slots=True)
class View:
    """The state of the screen."""

    base: str
    explorer: str | None = None
    """Address of the explorer's pages, if there is one."""
    ports: dict[int, int] = field(default_factory=dict)
    """JSON-RPC port of each node."""
    nodes: Sequence[NodeStatus] = ()
    groups: list[list[int]] | None = None
    blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=SLOTS_SHOWN))
    authored: Counter[str] = field(default_factory=Counter)
    events: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))
    accounts: list[tuple[str, str, str]] = field(default_factory=list)
    work: Work | None = None
    """Jobs and receipts, if there are providers."""

    def render(self) -> RenderableType:
        """Return the tables, one below the other."""
        from rich.console import Group
        from rich.text import Text

        pages = "" if self.explorer is None else f"explorer: {self.explorer}   "
        hint = Text(
            f"{pages}wallets: ws://127.0.0.1:PORT   keys: //Alice, //Bob, ...   data: {self.base}",
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        )
        gap = Text()
        work = () if self.work is None else (self._work(self.work), gap)
        # The least important is last, because a low terminal cuts there.
        return Group(
            self._headline(), hint, gap, self._nodes(), gap, *work, self._slots(), gap,
            self._accounts(), gap, self._events(),
        )  # fmt: skip

    @staticmethod
    def _work(work: Work) -> Table:
        from btt_chain.client.amount import BTT

        table = _grid(
            f"Work   {work.line()}, {BTT.format(work.paid)} paid",
            "provider", "state", ">jobs", ">done", ">slashed", ">paid", "work as weight",
        )  # fmt: skip
        for row in work.rows(BTT):
            table.add_row(*row)
        return table

    def _headline(self) -> RenderableType:
        from rich.text import Text

        best = max((node.best for node in self.nodes), default=0)
        final = max((node.finalized for node in self.nodes), default=0)
        line = Text.assemble(
            ("BTT devnet", "bold"), "   best ", (f"{best:_}", "green"),
            "   final ", (f"{final:_}", "green"),
        )  # fmt: skip
        if self.groups is not None:
            line.append(f"   partition {spelt(self.groups)}", style="yellow")
        line.append("   Ctrl-C stops all", style="dim")
        return line

    def _nodes(self) -> Table:
        from rich.text import Text

        table = _grid(
            "Nodes", ">#", "name", "state", ">best", ">final", ">lag", ">peers", ">pool",
            ">authored", "port",
        )  # fmt: skip
        for node in self.nodes:
            state = Text(node.state, style=_COLOURS[node.state])
            said = ["-"] * 5
            if node.state == "running":
                said = [f"{node.best:_}", f"{node.finalized:_}", str(node.lag), str(node.peers),
                        str(node.pool)]  # fmt: skip
            table.add_row(
                str(node.index), node.name, state, *said, str(self.authored[node.name]),
                str(self.ports.get(node.index, "")),
            )  # fmt: skip
        return table

    def _slots(self) -> Table:
        table = _grid("Slots", ">slot", "author", ">block", ">txs", "hash")
        after: int | None = None
        for block in reversed(self.blocks):
            if after is not None and block.slot is not None:
                self._add_empty(table, block.slot + 1, after - 1)
            table.add_row(
                "-" if block.slot is None else str(block.slot), block.author,
                f"{block.number:_}", str(block.transactions), f"{block.hash[:18]}…",
            )  # fmt: skip
            after = block.slot
        return table

    @staticmethod
    def _add_empty(table: Table, first: int, last: int) -> None:
        """Add a row for slots without a best block: unassigned, missed, or of a fork."""
        from rich.text import Text

        if first > last:
            return
        count = last - first + 1
        said = "empty" if count == 1 else f"{count} empty"
        table.add_row(Text(str(last), style="dim"), Text(said, style="yellow"), "", "", "")

    def _accounts(self) -> Table:
        # A narrow terminal cuts the last column: never an amount.
        table = _grid("Accounts", "name", "free", "address")
        for account in self.accounts:
            table.add_row(*account)
        return table

    def _events(self) -> Table:
        from rich.text import Text

        table = _grid("Events", ">block", "event", "fields")
        # Folded, not cut: an amount may stand at the end.
        table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
        for number, name, shown in reversed(self.events):
            # Text: a list in brackets is no markup.
            table.add_row(f"{number:_}", name, Text(shown))
        return table


def spelt(groups: Sequence[Sequence[int]]) -> str:
    """Return a partition in the typed form: `0,1/2,3`."""
    return "/".join(",".join(map(str, group)) for group in groups)


def _grid(title: str, *columns: str) -> Table:
    """Return a table as wide as the terminal; its last column has the remaining width."""
    from rich import box
    from rich.table import Table

    grid = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        show_edge=False, header_style="cyan", pad_edge=False, expand=True,
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


class Watcher:
    """Updates a view; one `look` after the other, until it is closed."""

    def __init__(self, net: Devnet, *, with_accounts: bool) -> None:
        """Watch a network that has been started."""
        from btt_chain.testing.creation import explorer_address

        self.net = net
        self.view = View(str(net.base), explorer_address(net.helpers))
        self.news: list[Block] = []
        """Blocks of the last update, oldest first."""
        self.changes: list[str] = []
        """Changes of nodes since the last update, in words."""
        self._with_accounts = with_accounts
        self._funded: list[Funds] = net.funded()[:ACCOUNTS_SHOWN]
        self._states: dict[int, str] = {}
        self._seen: dict[int, Block] = {}
        """Blocks of the best chain that were read, by height."""
        self._authors = _Authors(net)
        self._chain: Chain | None = None
        self._source = -1
        """Index of the node that is connected."""
        self._connection = AsyncExitStack()

    async def look(self) -> None:
        """Read the status of all nodes, and the new blocks of one of them."""
        await asyncio.to_thread(self.net.reload)
        view = self.view
        view.nodes = await asyncio.to_thread(self.net.status)
        view.groups = self.net.groups
        view.ports = {node.index: node.rpc_port for node in self.net.nodes}
        self._note_changes()
        self.news = []
        running = [node for node in view.nodes if node.state == "running"]
        if not running:
            return
        from btt_chain.client.errors import ClientError

        source = max(running, key=lambda node: (node.best, -node.index))
        try:
            chain = await self._connected(source)
            self.news = await self._blocks(chain, source.best_hash)
            if self._with_accounts:
                view.accounts = await _accounts(chain, self._funded)
            if self.news and any(helper.is_provider for helper in self.net.helpers):
                from cli.commands.devnet_work import look

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
            from cli.common.session import open_chain

            self._chain = await self._connection.enter_async_context(open_chain(url, PATIENCE))
            self._source = source.index
        return self._chain

    async def _blocks(self, chain: Chain, best: str) -> list[Block]:
        """Return the new blocks, oldest first; at most LOOK_BACK."""
        from btt_chain.client.wire import member, to_bytes

        found: list[Block] = []
        events: list[tuple[int, str, str]] = []
        hash = best
        while len(found) < LOOK_BACK:
            view = await chain.block(to_bytes(hash))
            known = self._seen.get(view.number)
            if view.number == 0 or (known is not None and known.hash == hash):
                break
            found.append(await self._open(chain, view, hash))
            events = self._events_of(view) + events
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
        view.blocks = deque([*kept, *reversed(found)], maxlen=SLOTS_SHOWN)
        view.events = deque(
            [*(event for event in view.events if event[0] < lowest), *events], maxlen=EVENTS_SHOWN
        )
        for block in found:
            self._seen[block.number] = block
            view.authored[block.author] += 1
        self._seen = {n: block for n, block in self._seen.items() if n > newest - 2 * LOOK_BACK}

    async def _open(self, chain: Chain, view: BlockView, hash: str) -> Block:
        block = Block(view.number, hash)
        block.transactions = sum(each.signer is not None for each in view.extrinsics)
        block.slot, block.author = await self._authors.of(chain, view)
        return block

    def _events_of(self, view: BlockView) -> list[tuple[int, str, str]]:
        return [
            (view.number, event.name, by_name(event.shown, self.view.accounts))
            for event in view.events or []
            if event.name not in _DULL_EVENTS
        ]


class _Authors:
    """Authors of blocks, from the claim in a header and the authorities of its epoch."""

    def __init__(self, net: Devnet) -> None:
        from genesis.accounts import dev_key

        self._names = {
            dev_key(node.key).public: node.name for node in net.nodes if node.key is not None
        }
        self._keys: list[bytes] = []
        self._until = -1
        """The slot after the last of those authorities' epoch."""

    async def of(self, chain: Chain, view: BlockView) -> tuple[int | None, str]:
        """Return slot and author's name of a block; None and `?` if its header has no claim."""
        from btt_chain.primitives.babe import NoPreDigest, pre_digest
        from btt_chain.primitives.header import Header

        if not isinstance(view.header, dict):
            return None, "?"
        try:
            claim = pre_digest(Header.from_json(view.header).digest.logs).claim
        except NoPreDigest:
            return None, "?"
        slot, index = int(claim.slot), int(claim.authority_index)
        if slot >= self._until:
            await self._learn(chain, view.hash, slot)
        key = self._keys[index] if index < len(self._keys) else b""
        return slot, self._names.get(key, f"authority {index}")

    async def _learn(self, chain: Chain, hash: bytes, slot: int) -> None:
        """Read the epoch in the state after a block; without the API, names stay numbers."""
        from btt_chain.client.errors import RpcError
        from btt_chain.client.wire import to_bytes
        from btt_chain.scale.compact import compact_decode

        self._until = slot + 1
        try:
            answer = await chain.connection.call(
                "state_call", "BabeApi_current_epoch", "0x", "0x" + hash.hex()
            )
        except RpcError:
            return
        raw = to_bytes(answer)
        start, length = (int.from_bytes(raw[i : i + 8], "little") for i in (8, 16))
        count, at = compact_decode(raw, 24)
        # Key (32 bytes) and weight (8 bytes) of each.
        self._keys = [raw[at + 40 * i : at + 40 * i + 32] for i in range(count)]
        self._until = start + length


def by_name(shown: str, accounts: Sequence[tuple[str, str, str]]) -> str:
    """Return an event's text with the names of the accounts on the screen."""
    for name, _, address in accounts:
        shown = shown.replace(address, name)
    return shown


async def _accounts(chain: Chain, funded: Sequence[Funds]) -> list[tuple[str, str, str]]:
    from btt_chain.client.values import field

    rows = []
    for each in funded:
        info = await chain.storage("System.Account", each.address)
        free = int(str(field(field(info, "data"), "free")))
        rows.append((each.name, chain.metadata.currency.format(free), each.address))
    return rows


async def watch_live(net: Devnet, stop: asyncio.Event) -> None:
    """Show the tables until `stop` is set."""
    from rich.live import Live

    watcher = Watcher(net, with_accounts=True)
    with Live(watcher.view.render(), console=show.console(), auto_refresh=False) as live:

        def shown() -> None:
            live.update(watcher.view.render(), refresh=True)

        await _watch(watcher, stop, shown)


async def watch_lines(net: Devnet, stop: asyncio.Event, *, as_json: bool) -> None:
    """Print a line for each block and each change until `stop` is set."""
    watcher = Watcher(net, with_accounts=False)

    def shown() -> None:
        for text in watcher.changes:
            show.line({"event": text}) if as_json else show.note(text)
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

    await _watch(watcher, stop, shown)


async def _watch(watcher: Watcher, stop: asyncio.Event, shown: Callable[[], None]) -> None:
    pause = min(watcher.net.slot_ms / 2_000, 1.0)
    try:
        while not stop.is_set():
            await watcher.look()
            shown()
            if watcher.view.nodes and all(node.state == "down" for node in watcher.view.nodes):
                raise Refused(
                    f"all nodes have ended; their logs are in {watcher.net.base}: "
                    "`btt-chain devnet logs` shows them"
                )
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
    finally:
        await watcher.close()
