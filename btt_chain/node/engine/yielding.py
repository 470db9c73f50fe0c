"""Turns of the event loop between long pieces of work.

A JSON-RPC request passes through several turns of the loop: accept, connect, read, parse, answer.
If each turn waited for a block's import, a call that takes microseconds would wait for five
imports. After long work the loop therefore turns several times at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LONG_MS: Final = 20.0
"""Milliseconds of work after which the loop turns several times."""
TURNS: Final = 8
"""Number of turns that answer a request over a new connection whose body follows its head."""
MAX_YIELD_MS: Final = 30.0
"""Milliseconds after which work goes on, even if the loop is busy."""


class LoopYield:
    """Measures uninterrupted work of one task, and lets the loop turn after a long piece of it."""

    __slots__ = ("_clock_ms", "_since")

    def __init__(self, clock_ms: Callable[[], float]) -> None:
        self._clock_ms = clock_ms
        self._since = clock_ms()

    def begin(self) -> None:
        """Record that the loop has just turned."""
        self._since = self._clock_ms()

    async def after_long_work(self) -> None:
        """Let the loop turn several times if it has not turned for `LONG_MS`."""
        begun = self._clock_ms()
        if begun - self._since < LONG_MS:
            return
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if self._clock_ms() - begun >= MAX_YIELD_MS:
                break
        self._since = self._clock_ms()
