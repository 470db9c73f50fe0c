"""Output of commands: tables and colours on a terminal, JSON on request.

A pipe or a file receives the same text without colours, and unfolded: nothing is cut. Results are
written to standard output; all other messages to standard error. `rich` is imported inside of
functions: it takes a tenth of a second, and only tables and progress bars need it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from btt_chain.client.amount import Currency
from btt_chain.client.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

DECIMALS: Final = 4
"""Maximum number of decimals of an amount in a list."""

_SMALLEST: Final = "planck"
_PLACES: Final = 18
_EXACT: Final = rf"([0-9][0-9_]*)(?:\.([0-9]+))? ([A-Z]{{2,12}}|{_SMALLEST})"
"""An amount as `Currency.format` writes it."""

_UNFOLDED = 100_000
"""Columns of an output other than a terminal."""

_LONG_WORD: Final = r"(\S{60})\S{940,}"
"""A word of 1,000 characters or more, such as a number that was typed."""
_NOT_ASCII: Final = r"[^\n -~]"
_Pair: TypeAlias = tuple[str, str]


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(_json(value, indent=2))


def line(value: object) -> None:
    """Print a JSON document on one line, as one of many."""
    click.echo(_json(value, separators=(",", ":")))


def _json(value: object, *, indent: int | None = None, separators: _Pair | None = None) -> str:
    """Return JSON with the control characters escaped that JSON permits in texts."""
    return re.sub(
        _NOT_ASCII,
        lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1],
        json.dumps(value, indent=indent, separators=separators, ensure_ascii=False),
    )


def note(text: str) -> None:
    """Print a message on standard error."""
    _echo(printable(text), err=True)


def record(fields: Mapping[str, str | Sequence[str]], *, width: int = 0) -> None:
    """Print facts about one item, a line each (or several lines under one name).

    Names have at least `width` columns, so that consecutive records are aligned.
    """
    width = max(width, *map(len, fields), 0)
    for name, value in fields.items():
        label = name
        for text in [value] if isinstance(value, str) else value:
            _echo(click.style(label.ljust(width), fg="cyan") + "  " + printable(text))
            label = ""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print items of one kind, a row each. A column named `>name` is right-aligned.

    Amounts in such a column are aligned as by `amounts`, unless they are prices.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD,
        title=title and Text(title),
        title_justify="left",
        title_style="bold",
        header_style="cyan",
        pad_edge=False,
    )
    for column in columns:
        right = column.startswith(">")
        grid.add_column(
            # Text: a type like [u8; 32] is not markup.
            Text(column.removeprefix(">")),
            justify="right" if right else "left",
            overflow="fold",
        )
    for row in _aligned(columns, rows):
        grid.add_row(*(Text(printable(cell)) for cell in row))
    terminal = console()
    if terminal.is_terminal:
        terminal.print(grid)
        return
    with terminal.capture() as text:
        terminal.print(grid)
    for printed in text.get().splitlines():
        click.echo(printed.rstrip())


def _aligned(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[Sequence[str]]:
    """Return the rows with their right-aligned columns of amounts as by `amounts`."""
    found = [list(row) for row in rows]
    for place, column in enumerate(columns):
        if column.startswith(">") and "price" not in column:
            for row, cell in zip(found, _column([row[place] for row in found]), strict=True):
                row[place] = cell
    return found


def _column(cells: Sequence[str]) -> Sequence[str]:
    """Return a column with aligned amounts, if all its cells are exact amounts of one currency."""
    parts = [re.fullmatch(_EXACT, cell) for cell in cells]
    symbols = {part[3] for part in parts if part is not None} - {_SMALLEST}
    is_other = any(part is None and cell != "-" for part, cell in zip(parts, cells, strict=True))
    if len(symbols) != 1 or is_other:
        return cells
    return amounts(
        Currency(symbols.pop(), _PLACES), [None if part is None else _value(part) for part in parts]
    )


def _value(part: re.Match[str]) -> int:
    """Return an amount in units of 10^-18; amounts in planck are below the shown decimals."""
    whole = int(part[1].replace("_", ""))
    if part[3] == _SMALLEST:
        return min(whole, 1)
    return int(f"{whole}{(part[2] or '')[:_PLACES].ljust(_PLACES, '0')}")


def amounts(currency: Currency, column: Sequence[int | None]) -> list[str]:
    """Return the amounts of a column in whole units, with their decimal points aligned.

    They have as many decimals as needed, `DECIMALS` at most, and are rounded towards zero: lists
    are for reading, and `--json` has the exact amounts. A smaller amount is `<0.0001 BTT`, a
    missing one (None) is `-`.
    """
    places = min(DECIMALS, currency.decimals)
    scale = 10 ** (currency.decimals - places)
    rounded = [0 if planck is None else abs(planck) // scale for planck in column]
    spare = next((n for n in range(places, 0, -1) if all(each % 10**n == 0 for each in rounded)), 0)
    return [
        "-" if planck is None else _amount(currency, planck, each, places, spare)
        for planck, each in zip(column, rounded, strict=True)
    ]


def _amount(currency: Currency, planck: int, rounded: int, places: int, spare: int) -> str:
    """Return one amount, without the last `spare` of its `places` decimals."""
    sign = "-" if planck < 0 else ""
    if planck and not rounded:
        return f"{sign}<0.{1:0{places}} {currency.symbol}" if places else f"{sign}<1"
    whole, fraction = divmod(rounded, 10**places)
    digits = f"{fraction:0{places}}"[: places - spare] if places else ""
    return f"{sign}{whole:_}{'.' if digits else ''}{digits} {currency.symbol}"


def percent(part: int, whole: int) -> str:
    """Return a share in per cent with at most two decimals, rounded down."""
    hundredths = part * 10_000 // whole if whole else 0
    text = f"{hundredths // 100:_}.{hundredths % 100:02}".rstrip("0").rstrip(".")
    return f"{text} %"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number of items with its noun: `1 block`, `1_200 blocks`."""
    return f"{number:_} {singular if number == 1 else plural or singular + 's'}"


def good(text: str) -> None:
    """Print a line about a success."""
    _echo(click.style(printable(text), fg="green"))


def outcome(facts: object, text: str, *, as_json: bool) -> None:
    """Print the result of a command: a line for readers, or facts for programs."""
    if as_json:
        document(facts)
    else:
        good(text)


def bad(text: str) -> None:
    """Print a line about a failure."""
    _echo(click.style(printable(text), fg="red", bold=True))


def labelled(label: str, text: str, colour: str | None = None) -> None:
    """Print a line with a label in colour."""
    _echo(click.style(label, fg=colour) + "  " + printable(text))


def heading(text: str) -> None:
    """Print a line above a section."""
    _echo(click.style(printable(text), bold=True))


def complain(message: str) -> None:
    """Print an error in one line on standard error; words of no use at full length are cut."""
    label = click.style("error:", fg="red", bold=True)
    line = re.sub(_LONG_WORD, r"\1...", " ".join(message.split()))
    _echo(f"{label} {printable(line)}", err=True)


def _echo(text: str, *, err: bool = False) -> None:
    # None: click checks whether the output is a terminal.
    colour = False if os.environ.get("NO_COLOR") else None
    # Messages have no other place: a full or closed one neither stops a command nor hides its code.
    with suppress(OSError) if err else nullcontext():
        click.echo(text, err=err, color=colour)


def has_colours() -> bool:
    """Return True if standard output is a terminal that shows colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def console(*, stderr: bool = False) -> Console:
    """Return the output; with colours only on a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # `rich` itself applies NO_COLOR and TERM=dumb.
    width = None if stream.isatty() else _UNFOLDED
    return Console(file=stream, width=width, highlight=False, emoji=False)


@contextmanager
def progress(*, silent: bool = False) -> Iterator[Progress]:
    """Show a bar with the remaining time, on a terminal only; none if `silent`, as for --json."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        disable=silent or not sys.stderr.isatty(),
    ) as bar:
        yield bar
