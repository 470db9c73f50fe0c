"""Work before the first call that needs metadata: in slices, while that caller waits.

Metadata shows docstrings of the program's source. Reading them takes some tenths of a second once
per process, and neither consensus nor other callers wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from btt_chain.rpc.protocol import Request
from btt_chain.rpc.registry import Method
from btt_chain.web.turns import TurnQueue

FUNCTIONS: Final = "Metadata_"
"""Prefix of the runtime's functions that return metadata."""


class Preparation:
    """Runs the steps of a preparation once, each in a separate turn."""

    def __init__(
        self, methods: Mapping[str, Method], turns: TurnQueue, steps: Callable[[], Iterator[None]]
    ) -> None:
        self._methods = {name: method for name, method in methods.items() if method.needs_metadata}
        """Methods whose calls may have to wait; none after the preparation."""
        self._turns = turns
        self._steps = steps
        self._lock = asyncio.Lock()

    @property
    def is_done(self) -> bool:
        """True if no call has to wait any more."""
        return not self._methods

    def concerns(self, request: Request) -> bool:
        """Return True if a call has to wait for the preparation."""
        method = self._methods.get(request.method)
        if method is None or request.id is None:
            return False
        if method.function is None:
            return True
        name = method.signature.raw(request.params, method.function)
        return isinstance(name, str) and name.startswith(FUNCTIONS)

    async def run(self, rank: Callable[[], float]) -> float:
        """Prepare, unless that is done; return the seconds of work that it took.

        The next caller does the rest if this one leaves in between.
        """
        seconds = 0.0
        async with self._lock:
            if self.is_done:
                return seconds
            since = self._turns.now()
            for _ in self._steps():
                seconds += self._turns.now() - since
                since = await self._turns.rest(since, rank)
            self._methods = {}
        return seconds
