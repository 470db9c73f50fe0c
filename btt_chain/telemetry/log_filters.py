"""Log filters: levels by target, as `--log` and `system_addLogFilter` take them.

A filter is `LEVEL` or `TARGET=LEVEL`; several are separated by commas. Levels belong to the whole
process, as Python's loggers do.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import util
from typing import Final

from btt_chain.packages import PACKAGES, imported_name

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
        "btt_chain.node.babe",
        "btt_chain.node.dev.sealing",
        "btt_chain.node.keys.signing",
    ),
    "grandpa": ("btt_chain.consensus.finality", "btt_chain.node.grandpa"),
    "sync": ("p2p.sync",),
    "peers": ("p2p",),
    "sub-libp2p": ("p2p",),
    "pool": ("btt_chain.txpool", "btt_chain.node.transactions.pool"),
    "txpool": ("btt_chain.txpool", "btt_chain.node.transactions.pool"),
    "rpc": ("btt_chain.rpc", "btt_chain.web"),
    "runtime": ("runtime",),
    "db": ("storage",),
}
"""Substrate's names of parts of a node, and the modules that they are here.

Each is a logger of its own as well, for lines that belong to no module of their own.
"""

MAX_LENGTH: Final = 1_000
"""Maximum number of characters of filters that are added while a node runs."""


class NoFilter(ValueError):
    """A part of the text is not a filter; the message says how one is written."""


class UnknownTarget(ValueError):
    """No part of the program has the name of a filter."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no target {name!r}")
        self.name = name

    @property
    def known(self) -> tuple[str, ...]:
        """The targets and the packages."""
        return (*TARGETS, *PACKAGES)


def parse(text: str, is_target: Callable[[str], bool]) -> dict[str, int]:
    """Return levels by target, "" for all others; only of what the text names.

    Raises:
        NoFilter: if a part has another form, or an unknown level.
        UnknownTarget: if a name is not a target.

    """
    levels: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, equals, level = part.rpartition("=")
        if level.lower() not in LEVELS or (equals and not name):
            raise NoFilter(
                f"{part!r} is not a filter; write LEVEL or TARGET=LEVEL with one of "
                f"{', '.join(LEVELS)}"
            )
        if name and not is_target(name):
            raise UnknownTarget(name)
        levels[name] = LEVELS[level.lower()]
    return levels


def is_target(name: str) -> bool:
    """Return True if the name is a target of Substrate, or a module that can be imported."""
    if name in TARGETS:
        return True
    try:
        return util.find_spec(imported_name(name)) is not None
    except (ImportError, ValueError):
        return False


def is_loaded_target(name: str) -> bool:
    """Return True if the name is a target of Substrate, or a module that the process has loaded.

    It imports nothing, so that a name from outside has no effect.
    """
    return name in TARGETS or imported_name(name) in sys.modules


def loggers(target: str) -> tuple[str, ...]:
    """Return the loggers of a target or a module."""
    modules = map(imported_name, TARGETS.get(target, (target,)))
    return tuple(dict.fromkeys((target, *modules)))


def apply(levels: dict[str, int]) -> None:
    """Set the levels of loggers by target; "" is the root of all."""
    for target, level in levels.items():
        for logger in loggers(target):
            logging.getLogger(logger).setLevel(level)


class LogFilters:
    """The filters of a running process: those of its start, and those added since."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        """Levels of the changed loggers at the start."""

    def add(self, text: str) -> None:
        """Apply filters on top of those in force.

        Raises:
            ValueError: with the reason, if a part is not a filter, or its target is unknown.

        """
        if len(text) > MAX_LENGTH:
            raise NoFilter(f"longer than {MAX_LENGTH} characters")
        levels = parse(text, is_loaded_target)
        if not levels:
            raise NoFilter("there is no filter; write LEVEL or TARGET=LEVEL")
        for target in levels:
            for logger in loggers(target):
                self._before.setdefault(logger, logging.getLogger(logger).level)
        apply(levels)

    def reset(self) -> None:
        """Restore the levels of the start."""
        for logger, level in self._before.items():
            logging.getLogger(logger).setLevel(level)
        self._before.clear()
