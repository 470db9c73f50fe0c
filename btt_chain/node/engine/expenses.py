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
REPORT_MS: Final = 5_000
"""Maximum age of unreported amounts."""
USELESS_MS: Final = 250
"""The same if one of them is useless: peers are cut off for much less of that."""
NEVER: Final = 1 << 62
"""A time that does not come: nothing is unreported."""


def processor_time_us() -> int:
    """Return the processor time of this thread so far, in microseconds."""
    return time.thread_time_ns() // 1_000


class Expenses:
    """Unreported amounts."""

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], list[int]] = {}
        self.due = NEVER
        """Time at which the amounts are to be reported."""

    def note(self, peer: str, kind: str, spent: int, useless: int, now_ms: int) -> None:
        """Add `spent` microseconds, `useless` of which were wasted; a negative amount is none."""
        amounts, key = self._amounts, (peer, kind)
        amount = amounts.get(key)
        if amount is None:
            if not amounts:
                self.due = now_ms + REPORT_MS
            amount = amounts[key] = [0, 0]
        if useless > 0:
            amount[0] += max(useless, spent)
            amount[1] += useless
            self.due = min(self.due, now_ms + USELESS_MS)
        elif spent > 0:
            amount[0] += spent
        if amount[0] >= REPORT_US:
            self.due = now_ms

    def take(self) -> list[Charge]:
        """Return all amounts as charges, and begin anew."""
        found = [
            Charge(peer, kind, spent, useless)
            for (peer, kind), (spent, useless) in self._amounts.items()
        ]
        self._amounts.clear()
        self.due = NEVER
        return found
