"""The network's clock: milliseconds since 1970, unaffected by changes of the system's clock.

Budgets, limits, bans and pauses are counted by it. The system's clock is read once, when the
process starts; from then on only a monotonic clock is, so that a jump of the system's clock neither
refills nor freezes an account, and neither ends nor prolongs a ban. It may drift from the time of
day by as much as that was corrected since, and is not reported as the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

NS_PER_MS = 1_000_000


class SteadyClock:
    """A clock that starts at the time of day and then follows a monotonic clock."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._ahead_ns = wall_ns() - monotonic_ns()

    def __call__(self) -> int:
        """Return the milliseconds since 1970, as if the system's clock had not been set since."""
        return (self._ahead_ns + self._monotonic_ns()) // NS_PER_MS


now_ms = SteadyClock()
"""The clock of this process."""
