"""The queue of RPC work: turns between those of consensus, which shares the event loop with it.

All callers take their turns here, those that spent least first. After `SLICE` of work the loop
turns, so that everything else that is due runs, however many clients there are. While consensus has
waiting work, RPC gets `SHARE` of the time and pauses for the rest of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Final

SLICE: Final = 0.02
"""Seconds of RPC work, of all connections together, before the loop turns."""
SHARE: Final = 0.5
"""Share of the time that RPC gets while consensus has waiting work."""


class TurnQueue:
    """Assigns turns: `await turn()`, then work that does not wait, then `spent()`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.is_busy: Callable[[], bool] = lambda: False
        """Returns True if consensus has waiting work; the node sets it."""
        self._clock = clock
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._used = 0.0
        self._begun = 0.0
        self._is_taken = False
        self._is_paused = False

    def begin(self) -> bool:
        """Begin a turn without waiting; return True if it began, else `turn` must be awaited."""
        if self._is_taken or self._is_paused:
            return False
        self._is_taken = True
        self._begun = self._clock()
        return True

    async def turn(self, rank: Callable[[], float] = float) -> None:
        """Return when the caller may work; of several waiting ones the lowest rank is first."""
        if self._is_taken or self._is_paused:
            await self._wait(rank())
        self._is_taken = True
        self._begun = self._clock()

    def spent(self) -> float:
        """End the turn; return its seconds."""
        seconds = self._clock() - self._begun
        self._is_taken = False
        used = self._used + seconds
        if used < SLICE and not self._waiting and not self._is_paused:
            self._used = used  # nearly every time
        else:
            self._use(seconds)
        return seconds

    async def rest(self, since: float, rank: Callable[[], float] = float) -> float:
        """Pause within longer work since `since`; return the time when it goes on."""
        self._use(self._clock() - since)
        await asyncio.sleep(0)
        await self.turn(rank)
        self.spent()
        return self._clock()

    def now(self) -> float:
        """Return the time by the queue's clock, for `rest`."""
        return self._clock()

    async def _wait(self, rank: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (rank, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn had been assigned already
                self._is_taken = False
                self._next()
            raise

    def _use(self, seconds: float) -> None:
        self._used += seconds
        if self._is_paused:
            return
        if self._used < SLICE:
            self._next()
            return
        loop = asyncio.get_running_loop()
        self._is_paused = True
        if self.is_busy():
            loop.call_later(self._used * (1 / SHARE - 1), self._resume)
        else:
            loop.call_soon(self._resume)
        self._used = 0.0

    def _resume(self) -> None:
        self._is_paused = False
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._is_taken and not self._is_paused:
            turn = heappop(self._waiting)[2]
            if not turn.done():  # else its caller has left
                self._is_taken = True
                turn.set_result(None)
