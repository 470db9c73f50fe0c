"""Log lines of a running node: on standard error, short, with colours on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

import click

from cli.common.errors import Mistyped
from cli.common.options import Command

LEVELS: Final = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    # Python has no level below debug; Substrate's finest one means the same here.
    "trace": logging.DEBUG,
    "off": logging.CRITICAL + 1,
}

TARGETS: Final = {
    "babe": (
        "btt_chain.consensus.babe",
        "btt_chain.consensus.author",
        "btt_chain.consensus.importer",
        "btt_chain.node.sealing",
        "btt_chain.node.signing",
    ),
    "grandpa": ("btt_chain.consensus.finality",),
    "sync": ("p2p.sync",),
    "peers": ("p2p",),
    "sub-libp2p": ("p2p",),
    "pool": ("btt_chain.txpool", "btt_chain.node.pool"),
    "txpool": ("btt_chain.txpool", "btt_chain.node.pool"),
    "rpc": ("btt_chain.rpc",),
    "runtime": ("runtime",),
    "db": ("storage",),
}
"""Substrate's names of parts of a node, and the modules that they are here.

Each is a logger of its own as well, for lines that belong to no module of their own.
"""

_COLOURS: Final = {
    logging.DEBUG: "blue",
    logging.INFO: "green",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "red",
}


def parse_filters(text: str) -> dict[str, int]:
    """Return levels by target, "" for all others: `info,grandpa=debug`. Mistyped if none."""
    levels = {"": logging.INFO}
    for part in filter(None, text.split(",")):
        name, equals, level = part.rpartition("=")
        if level.lower() not in LEVELS or (equals and not name):
            raise Mistyped(
                f"--log: {part!r} is no filter; write LEVEL or TARGET=LEVEL with one of "
                f"{', '.join(LEVELS)}"
            )
        levels[name] = LEVELS[level.lower()]
    return levels


def start(filters: dict[str, int]) -> None:
    """Write log lines from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(sys.stderr.isatty() and not os.environ.get("NO_COLOR")))
    logging.basicConfig(handlers=[handler], level=filters[""], force=True)
    for name, level in filters.items():
        for logger in loggers(name):
            logging.getLogger(logger).setLevel(level)


def loggers(target: str) -> tuple[str, ...]:
    """Return the loggers of a target or a module in `--log`."""
    return (target, *TARGETS.get(target, ()))


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
