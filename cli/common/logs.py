"""Log lines of a running node: on standard error, short, with colours on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

import click

from btt_chain.telemetry.log_filters import NoFilter, UnknownTarget, apply, is_target, parse
from cli.common.errors import Mistyped, hint
from cli.common.options import Command

_COLOURS: Final = {
    logging.DEBUG: "blue",
    logging.INFO: "green",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "red",
}


def parse_filters(text: str) -> dict[str, int]:
    """Return levels by target, "" for all others: `info,grandpa=debug`. Mistyped if none."""
    try:
        return {"": logging.INFO} | parse(text, is_target)
    except UnknownTarget as problem:
        raise Mistyped(f"--log: {problem}; {hint(problem.name, list(problem.known))}") from None
    except NoFilter as problem:
        raise Mistyped(f"--log: {problem}") from None


def start(filters: dict[str, int]) -> None:
    """Write log lines from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(sys.stderr.isatty() and not os.environ.get("NO_COLOR")))
    logging.basicConfig(handlers=[handler], level=filters[""], force=True)
    apply(filters)


class _Lines(logging.Formatter):
    """Format of lines: `2026-11-21 11:04:43 INFO  btt_chain.node: block 7 ...`."""

    def __init__(self, colours: bool) -> None:
        super().__init__("%(asctime)s %(level)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<7}"
        record.level = click.style(level, fg=_COLOURS[record.levelno]) if self._colours else level
        return super().format(record)


def log_option(command: Command) -> Command:
    """Add `--log`: the lines that are written to standard error."""
    return click.option(
        "-l",
        "--log",
        "filters",
        default="info",
        show_default=True,
        help="LEVEL or TARGET=LEVEL, comma-separated; a level is error, warn, info, debug or off, "
        "a target is babe, grandpa, sync, peers, pool, rpc, … or a module.",
    )(command)
