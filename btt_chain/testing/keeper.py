"""Starts the programs beside a network's nodes again when they die, with growing pauses.

`devnet up` does so while it watches; for a detached network `python -m btt_chain.testing.keeper
FOLDER` runs until `devnet down`. A program that was stopped on purpose stays down.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Final

from btt_chain.daemon import Backoff
from btt_chain.testing import state
from btt_chain.testing.devnet import locked
from btt_chain.testing.errors import DevnetError
from btt_chain.testing.helper import Helper
from btt_chain.testing.process import ProcessId, uninterrupted

PAUSE: Final = 1.0
"""Seconds between two checks of `main`."""


class Keeper:
    """Starts dead programs of one network again."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._kept: dict[str, _Kept] = {}

    def look(self) -> list[str]:
        """Start again what has died and waited long enough; return a line for each event.

        NoDevnet if the network was deleted.
        """
        if not any(helper.is_dead for helper in state.read(self._base).helpers):
            return []
        with locked(self._base), uninterrupted():
            plan = state.read(self._base)
            lines = [self._look_at(helper) for helper in plan.helpers if helper.is_dead]
            state.write(self._base, plan)
        return [line for line in lines if line]

    def _look_at(self, helper: Helper) -> str:
        kept = self._kept.setdefault(helper.name, _Kept())
        now = time.monotonic()
        if kept.process != helper.process:
            kept.process = helper.process
            helper.deaths += 1
            helper.last_death = how_ended(helper.process)
            pause = kept.backoff.failed(now - kept.started)
            kept.due = now + pause
            return (
                f"{helper.name} {helper.last_death}, and is started again in {pause:.1f} s; "
                f"its log: {helper.log}"
            )
        if now < kept.due:
            return ""
        try:
            helper.start()
        except (DevnetError, OSError) as error:
            # Such as a full disk: the other programs are kept all the same.
            pause = kept.backoff.failed(0)
            kept.due = now + pause
            return f"{helper.name} cannot be started: {error}; tried again in {pause:.1f} s"
        kept.started = now
        return f"{helper.name} is started again"


class _Kept:
    """The last death of a program."""

    def __init__(self) -> None:
        self.backoff = Backoff()
        self.process: ProcessId | None = None
        """The process whose death was reported."""
        self.started = time.monotonic()
        self.due = 0.0
        """Time of the next start."""


def how_ended(process: ProcessId | None) -> str:
    """Return how a process ended, in words; its code is known to its starter only."""
    code = None if process is None else process.exit_code()
    if code is None:
        return "ended"
    return f"ended with code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"


def main() -> None:
    """Keep the programs of the network of a folder until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    keeper = Keeper(Path(sys.argv[1]))
    while True:
        for line in keeper.look():
            sys.stdout.write(line + "\n")
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
