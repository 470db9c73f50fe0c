"""The picture of a devnet: tables in one column or two, cut to the size of the terminal.

What a low terminal has no room for is left out from the end of each table, and a row says how much.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from btt_chain.client.amount import BTT
from btt_chain.testing import NodeStatus
from btt_chain.testing.helper import Helper
from cli.commands.devnet_work import Work

SLOTS_KEPT: Final = 40
EVENTS_KEPT: Final = 40
MIN_ROWS: Final = 2
"""Rows that each table has at least."""
WIDE: Final = 110
"""Columns of a terminal from which there are two columns of tables."""
LEFT: Final = 76
"""Columns of the left of the two: those of the table of nodes."""
UNBOUNDED: Final = 60
"""Lines of a picture on what has no height, such as a file."""

_COLOURS: Final = {
    "running": "green", "silent": "yellow", "paused": "yellow", "down": "red", "dead": "red",
}  # fmt: skip


@dataclass(slots=True)
class Block:
    """A block as the table shows it."""

    number: int
    hash: str
    slot: int | None = None
    author: str = "?"
    transactions: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """An account as the table shows it."""

    name: str
    free: int
    """In planck."""
    address: str


Row = Sequence["RenderableType"]


@dataclass(frozen=True, slots=True)
class Section:
    """A table before it is cut: its columns (`>` in front: right-aligned) and all its rows."""

    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    """A line below the table, as wide as the table: no column grows with it."""

    def table(self, rows: int) -> Table:
        """Return the table with so many rows at most; the last says what is missing."""
        grid = Table(
            box=None, header_style="bold cyan", pad_edge=False, padding=(0, 1, 0, 0), expand=True
        )
        for place, column in enumerate(self.columns):
            is_right = column.startswith(">")
            grid.add_column(
                column.removeprefix(">"),
                justify="right" if is_right else "left",
                no_wrap=True,
                overflow="ellipsis",
                ratio=1 if place == len(self.columns) - 1 else None,
            )
        shown = self.rows if len(self.rows) <= rows else self.rows[: rows - 1]
        for row in shown:
            grid.add_row(*row)
        if len(shown) < len(self.rows):
            grid.add_row(Text(f"+ {len(self.rows) - len(shown)} more", style="dim"))
        return grid


@dataclass(slots=True)
class View:
    """The state of the screen."""

    base: str
    explorer: str | None = None
    """Address of the explorer's pages, if there is one."""
    urls: dict[int, str] = field(default_factory=dict)
    """JSON-RPC of each node."""
    nodes: Sequence[NodeStatus] = ()
    groups: list[list[int]] | None = None
    helpers: Sequence[Helper] = ()
    """The programs beside the nodes."""
    blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=SLOTS_KEPT))
    authored: Counter[str] = field(default_factory=Counter)
    events: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    accounts: list[Balance] = field(default_factory=list)
    work: Work | None = None
    """Jobs and receipts, if there are providers."""
    is_held: bool = False
    """True while the picture stands still, by the key `p`."""

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Yield the picture for the size of the terminal."""
        height = options.height or (console.height if console.is_terminal else UNBOUNDED)
        yield from self._head(options.max_width)
        room = height - len(list(self._head(options.max_width)))
        nodes, slots = self._nodes(), self._slots()
        accounts, events = self._accounts(), self._events()
        works = [section for section in (self._ended(), self._work()) if section is not None]
        if options.max_width < WIDE:
            yield _fitted([nodes, *works, accounts, slots, events], room, options.max_width)
            return
        left = [nodes, *works, accounts]
        top = min(_lines(left), room - MIN_ROWS - 2)
        right = options.max_width - LEFT - 2
        yield _beside(_fitted(left, top, LEFT), _fitted([slots], top, right))
        yield ""
        yield _fitted([events], room - top - 1, options.max_width)

    def _head(self, width: int) -> Iterator[RenderableType]:
        best = max((node.best for node in self.nodes), default=0)
        final = max((node.finalized for node in self.nodes), default=0)
        line = Text.assemble(
            ("BTT devnet", "bold"), "   best ", (f"{best:_}", "green"),
            "   final ", (f"{final:_}", "green"), no_wrap=True, overflow="ellipsis",
        )  # fmt: skip
        if self.groups is not None:
            line.append(f"   partition {spelt(self.groups)}", style="yellow")
        if self.is_held:
            line.append("   held", style="yellow")
        line.append("   q stops all, p holds the picture", style="dim")
        yield line
        first = [] if not self.urls else [f"wallets: {self.urls[min(self.urls)]}"]
        pages = [] if self.explorer is None else [f"explorer: {self.explorer}"]
        parts = [*first, *pages, "keys: //Alice, //Bob, ...", f"data: {self.base}"]
        # An address is never cut: what does not fit is left out, from the end.
        while len(parts) > 1 and len("   ".join(parts)) > width:
            parts.pop()
        yield Text("   ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")

    def _nodes(self) -> Section:
        rows: list[Row] = []
        for node in self.nodes:
            said = ["-"] * 5
            if node.state == "running":
                said = [f"{node.best:_}", f"{node.finalized:_}", str(node.lag), str(node.peers),
                        str(node.pool)]  # fmt: skip
            rows.append(
                (str(node.index), node.name, Text(node.state, style=_COLOURS[node.state]), *said,
                 str(self.authored[node.name]), self.urls.get(node.index, ""))
            )  # fmt: skip
        running = sum(helper.state == "running" for helper in self.helpers)
        return Section(
            (">#", "node", "state", ">best", ">final", ">lag", ">peers", ">pool", ">made",
             "JSON-RPC"),
            rows,
            f"{running} of {len(self.helpers)} programs run beside them" if self.helpers else "",
        )  # fmt: skip

    def _ended(self) -> Section | None:
        """Return the programs that do not run, or died before; None if there are none."""
        rows: list[Row] = [
            (helper.name, Text(helper.state, style=_COLOURS[helper.state]), str(helper.deaths),
             helper.last_death)
            for helper in self.helpers if helper.state != "running" or helper.deaths
        ]  # fmt: skip
        return Section(("program", "state", ">deaths", "how"), rows) if rows else None

    def _work(self) -> Section | None:
        if self.work is None:
            return None
        return Section(
            ("provider", "state", ">jobs", ">done", ">slashed", ">paid", "work as weight"),
            self.work.rows(short),
            f"{self.work.line()}, {short(self.work.paid)} paid",
        )

    def _slots(self) -> Section:
        rows: list[Row] = []
        after: int | None = None
        for block in reversed(self.blocks):
            if after is not None and block.slot is not None and after - block.slot > 1:
                count = after - block.slot - 1
                said = "empty" if count == 1 else f"{count} empty"
                # Unassigned, missed, or of a fork.
                rows.append((Text(str(after - 1), style="dim"), Text(said, style="yellow")))
            rows.append(
                ("-" if block.slot is None else str(block.slot), block.author,
                 f"{block.number:_}", str(block.transactions), block.hash)
            )  # fmt: skip
            after = block.slot
        return Section((">slot", "author", ">block", ">txs", "hash"), rows)

    def _accounts(self) -> Section:
        rows = [(each.name, short(each.free), each.address) for each in self.accounts]
        return Section(("account", ">free", "address"), rows)

    def _events(self) -> Section:
        # Text: a list in brackets is not markup.
        rows: list[Row] = [
            (f"{number:_}", name, Text(shown)) for number, name, shown in reversed(self.events)
        ]
        return Section((">block", "event", "fields"), rows)


def short(planck: int) -> str:
    """Return an amount with four decimals, rounded down."""
    whole, part = divmod(planck, 10**BTT.decimals)
    return f"{whole:_}.{part * 10_000 // 10**BTT.decimals:04} {BTT.symbol}"


def spelt(groups: Sequence[Sequence[int]]) -> str:
    """Return a partition in the typed form: `0,1/2,3`."""
    return "/".join(",".join(map(str, group)) for group in groups)


def _fitted(sections: Sequence[Section], room: int, width: int) -> RenderableType:
    """Return the tables below each other, cut so that they have no more lines than `room`.

    The first keeps its rows longest: rows are taken from the longest of the others.
    """
    rows = [len(section.rows) for section in sections]
    spare = room - _lines(sections) + sum(rows)
    others = range(1, len(rows))
    while sum(rows) > spare:
        longest = max(others, key=lambda place: rows[place], default=0)
        if rows[longest] <= MIN_ROWS:
            longest = 0
        if rows[longest] <= MIN_ROWS:
            break
        rows[longest] -= 1
    parts: list[RenderableType] = []
    for section, count in zip(sections, rows, strict=True):
        if parts:
            parts.append("")
        parts.append(section.table(max(count, 1)))
        if section.note:
            parts.append(Text(section.note, no_wrap=True, overflow="ellipsis"))
    return Constrain(Group(*parts), width)


def _lines(sections: Sequence[Section]) -> int:
    """Return the lines of whole tables: with headers and notes, and a blank line between two."""
    return sum(len(section.rows) + 2 + bool(section.note) for section in sections) - 1


def _beside(left: RenderableType, right: RenderableType) -> RenderableType:
    """Return two columns."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LEFT)
    grid.add_column(ratio=1)
    grid.add_row(left, right)
    return grid
