"""Examinations of the node: the checks of `btt-chain doctor`, made at most once a minute.

The checks watch the node for some seconds, so they run beside the requests; a page shows the last
ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

EVERY_SECONDS: Final = 60.0
"""Time for which the results of an examination are shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check of the node."""

    name: str
    verdict: str
    """`OK`, `WARN` or `FAIL`."""
    seen: str
    todo: str


class Doctor:
    """Examines the node when a page wants to show it."""

    def __init__(self, examine: Callable[[], Awaitable[Sequence[Finding]]]) -> None:
        """`examine` makes the checks; it may take half a minute."""
        self._examine = examine
        self._task: asyncio.Task[None] | None = None
        self.findings: Sequence[Finding] = ()
        self.time: int | None = None
        """Time of the findings in milliseconds since 1970; None before the first."""

    @property
    def is_busy(self) -> bool:
        """True if an examination is under way."""
        return self._task is not None and not self._task.done()

    def look(self) -> None:
        """Begin an examination, unless one is under way or the last one is fresh."""
        is_fresh = self.time is not None and time.time() - self.time / 1_000 < EVERY_SECONDS
        if not is_fresh and not self.is_busy:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        self.findings = await self._examine()
        self.time = int(time.time() * 1_000)

    async def close(self) -> None:
        """End an examination that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
