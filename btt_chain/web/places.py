"""Places for long answers, as streams and downloads: few in all, and of these few for one caller.

Without the second limit one address, which may have many connections, would take all places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from btt_chain.web.addresses import is_loopback, network_of


class Places:
    """The places of one kind of answer."""

    def __init__(self, total: int, of_caller: int) -> None:
        """A caller on this machine may have all: it may be a proxy that was not named."""
        self.total: Final = total
        self.of_caller: Final = of_caller
        self._taken: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of taken places."""
        return sum(self._taken.values())

    @property
    def is_full(self) -> bool:
        """True if all places are taken."""
        return len(self) >= self.total

    @contextmanager
    def place(self, caller: str) -> Iterator[bool]:
        """Yield True if the caller has a place, until the end of the block."""
        name = network_of(caller)
        count = self._taken.get(name, 0)
        is_free = count < (self.total if is_loopback(caller) else self.of_caller)
        if not is_free or self.is_full:
            yield False
            return
        self._taken[name] = count + 1
        try:
            yield True
        finally:
            left = self._taken[name] - 1
            if left:
                self._taken[name] = left
            else:
                del self._taken[name]
