"""system_addLogFilter and system_resetLogFilter: the log lines that the node writes. Unsafe."""

from __future__ import annotations

from typing import Protocol

from btt_chain.rpc.params import Text
from btt_chain.rpc.protocol import invalid_params
from btt_chain.rpc.registry import method


class Filters(Protocol):
    """Levels of the process's log lines (`btt_chain.telemetry.log_filters.LogFilters`)."""

    def add(self, text: str) -> None:
        """Apply filters on top of those in force. ValueError with the reason if it has none."""

    def reset(self) -> None:
        """Restore the levels of the start."""


class LogFiltersApi:
    """Levels of log lines by RPC."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters

    @method("system_addLogFilter", unsafe=True)
    def add(self, directives: Text) -> None:
        """Apply filters as of `--log`, such as `grandpa=debug,sync=off`, until they are reset."""
        try:
            self.filters.add(directives)
        except ValueError as problem:
            raise invalid_params(f"`directives`: {problem}") from None

    @method("system_resetLogFilter", unsafe=True)
    def reset(self) -> None:
        """Restore the filters that the node was started with."""
        self.filters.reset()
