"""Throttling of a caller whose budget is used up: delay, then an error, then disconnection.

A request waits until nothing is owed any more. If that takes longer than `MAX_DELAY`, it is refused
after that time, with the time to retry. A caller that goes on all the same, or whose requests have
been useless for a while, is disconnected.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from btt_chain.web.budget import Bill

MAX_DELAY: Final = 1.0
"""Seconds that a request waits for its caller's budget before it is refused."""
MAX_REFUSALS: Final = 5
"""Refusals in a row after which a connection is closed."""
MAX_WASTE: Final = 8
"""Delays in a row, for useless requests, after which a connection is closed."""


class Throttle:
    """Admits the requests of one connection."""

    __slots__ = ("_refusals", "_waste", "bill")

    def __init__(self, bill: Bill) -> None:
        self.bill = bill
        self._refusals = 0
        self._waste = 0

    def forgive(self) -> None:
        """Reset the counters: a request came while nothing was owed."""
        self._refusals = self._waste = 0

    async def admit(self) -> float:
        """Return 0 when a request may be processed, else the seconds after which to retry."""
        delay = self.bill.delay(monotonic())
        if delay > 0:
            await asyncio.sleep(delay)
        wait = self.bill.wait(monotonic())
        if wait <= 0:
            self.forgive()
            return 0.0
        if self.bill.is_wasteful(monotonic()):
            self._waste += 1
        end = monotonic() + MAX_DELAY
        while wait > 0:
            left = end - monotonic()
            if left <= 0:
                self._refusals += 1
                return wait
            await asyncio.sleep(min(wait, left))
            wait = self.bill.wait(monotonic())
        self._refusals = 0
        return 0.0

    @property
    def is_exhausted(self) -> bool:
        """True if the connection is to be closed."""
        return self._refusals >= MAX_REFUSALS or self._waste >= MAX_WASTE
