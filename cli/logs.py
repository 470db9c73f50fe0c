"""Log lines of a running node: on standard error, short, with colours on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

import click

from cli.errors import Mistyped

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

_COLOURS: Final = {
    logging.DEBUG: "blue",
    logging.INFO: "green",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "red",
}


def parse_filters(text: str) -> dict[str, int]:
    """`info,btt_chain.txpool=debug`: levels by logger, "" for all others. Mistyped says why not."""
    levels = {"": logging.INFO}
    for part in filter(None, text.split(",")):
        name, equals, level = part.rpartition("=")
        if level.lower() not in LEVELS or (equals and not name):
            raise Mistyped(
                f"--log: {part!r} is no filter; write LEVEL or MODULE=LEVEL with one of "
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
        logging.getLogger(name).setLevel(level)


class _Lines(logging.Formatter):
    """`2026-11-21 11:04:43 INFO  btt_chain.node: block 7 ...`."""

    def __init__(self, colours: bool) -> None:
        super().__init__("%(asctime)s %(level)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<7}"
        record.level = click.style(level, fg=_COLOURS[record.levelno]) if self._colours else level
        return super().format(record)
