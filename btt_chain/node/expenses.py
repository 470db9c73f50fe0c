"""Processor time that peers cause in the engine, collected into charges for the network.

One action for each message would cost more than most messages do, so amounts are summed by peer and
kind of message, and reported when they are large or old. Amounts are microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from p2p.network import Charge

Meter = Callable[[], int]
"""Return the microseconds of processor time that this thread has used so far."""

REPORT_US: Final = 5_000
"""Amount of one peer from which on all are reported at once."""
REPORT_MS: Final = 250
"""Maximum age of unreported amounts."""


def processor_time_us() -> int:
    """Return the processor time of this thread so far, in microseconds."""
    return time.thread_time_ns() // 1_000


class Expenses:
    """Unreported amounts."""

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], list[int]] = {}
        self._since = 0
        self._is_large = False

    def note(self, peer: str, kind: str, spent: int, useless: int, now_ms: int) -> None:
        """Add `spent` microseconds, `useless` of which were wasted."""
        if not self._amounts:
            self._since = now_ms
        amount = self._amounts.setdefault((peer, kind), [0, 0])
        amount[0] += max(useless, spent)
        amount[1] += useless
        self._is_large |= amount[0] >= REPORT_US

    def take(self, now_ms: int) -> list[Charge]:
        """Return the charges that are due."""
        if not self._amounts or not (self._is_large or now_ms >= self._since + REPORT_MS):
            return []
        found = [
            Charge(peer, kind, spent, useless)
            for (peer, kind), (spent, useless) in self._amounts.items()
        ]
        self._amounts.clear()
        self._is_large = False
        return found
