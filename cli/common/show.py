"""Output of commands: tables and colours on a terminal, JSON on request.

A pipe or a file receives the same text without colours, and unfolded: nothing is cut. Results are
written to standard output; all other messages to standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from btt_chain.client.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_UNFOLDED = 100_000
"""Columns of an output other than a terminal."""

_NOT_ASCII = re.compile(r"[^\n -~]")


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(_json(json.dumps(value, indent=2, ensure_ascii=False)))


def line(value: object) -> None:
    """Print a JSON document on one line, as one of many."""
    click.echo(_json(json.dumps(value, separators=(",", ":"), ensure_ascii=False)))


def _json(text: str) -> str:
    """Return JSON with the control characters escaped that JSON permits in texts."""
    return _NOT_ASCII.sub(
        lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text
    )


def note(text: str) -> None:
    """Print a message on standard error."""
    click.echo(printable(text), err=True)


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
    """Print items of one kind, a row each. A column named `>name` is right-aligned."""
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
            # Text: a type like [u8; 32] is no markup.
            Text(column.removeprefix(">")),
            justify="right" if right else "left",
            overflow="fold",
        )
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    terminal = console()
    if terminal.is_terminal:
        terminal.print(grid)
        return
    with terminal.capture() as text:
        terminal.print(grid)
    for printed in text.get().splitlines():
        click.echo(printed.rstrip())


def good(text: str) -> None:
    """Print a line about a success."""
    _echo(click.style(printable(text), fg="green"))


def bad(text: str) -> None:
    """Print a line about a failure."""
    _echo(click.style(printable(text), fg="red", bold=True))


def heading(text: str) -> None:
    """Print a line above a section."""
    _echo(click.style(printable(text), bold=True))


def complain(message: str) -> None:
    """Print an error in one line on standard error."""
    label = click.style("error:", fg="red", bold=True)
    _echo(f"{label} {printable(' '.join(message.split()))}", err=True)


def _echo(text: str, *, err: bool = False) -> None:
    # None: click checks whether the output is a terminal.
    click.echo(text, err=err, color=False if os.environ.get("NO_COLOR") else None)


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
def progress() -> Iterator[Progress]:
    """Show a bar with the remaining time, on a terminal only."""
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
        disable=not sys.stderr.isatty(),
    ) as bar:
        yield bar
