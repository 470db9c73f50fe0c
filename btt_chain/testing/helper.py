"""A program that runs beside the nodes of a network: a provider, its market, or a feeder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btt_chain.testing.node import HOME
from btt_chain.testing.process import Life, ProcessId

PYTHON: Final = (sys.executable, "-P")
PROVIDER: Final = "//Provider//"
"""Beginning of the keys of providers."""


@dataclass(slots=True)
class Helper(Life):
    """A real process and its log, with a folder of its own."""

    name: str
    folder: Path
    words: list[str]
    """Arguments of Python: a module and its arguments, or a file and its arguments."""
    key: str
    """The secret URI of the account that it works for."""
    process: ProcessId | None = None
    """The last started process, of any starter."""
    is_wanted: bool = True
    """False once it was stopped or killed on purpose: it is not started again by itself."""
    deaths: int = 0
    """Number of times that it ended by itself since the network was started."""
    last_death: str = ""
    """The manner of its last end, in words."""

    @property
    def is_dead(self) -> bool:
        """True if it was started, has ended, and should run."""
        return self.is_wanted and self.process is not None and not self.is_alive

    @property
    def state(self) -> str:
        """Its state in one word: running, paused, dead, or down on purpose."""
        if self.is_alive:
            return "paused" if self.is_paused else "running"
        return "dead" if self.is_dead else "down"

    @property
    def is_provider(self) -> bool:
        """True if it is a provider."""
        return self.key.startswith(PROVIDER)

    def start(self) -> None:
        """Start the process; does not wait. DevnetError if it runs already."""
        # Several of them share the machine with the nodes.
        limits = {"PYTHONPATH": HOME, "OPENBLAS_NUM_THREADS": "1"}
        self.process = self.spawned([*PYTHON, *self.words], limits)
        self.is_wanted = True
