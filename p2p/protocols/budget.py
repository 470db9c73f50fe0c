"""Whose question is answered next, and how much of our time all of them may take. Pure.

Each peer may ask at a limited rate (`p2p/limits.py`); but fifty of them at their limits are more
than a node can bear that has blocks to make. So all share one budget of time, and within it whoever
has had the least of it comes first: who asks little does not wait behind who asks much. What a
question costs is known when it is answered; a costly one is paid back by a pause.

Times are milliseconds of a clock that does not jump.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from p2p.limits import MAX_REQUESTS
from p2p.network import EXCHANGES, Asked

SHARE: Final = 0.5
"""The part of one core that answering may take in the long run."""
SAVED_MS: Final = 1_000.0
"""What may be saved up of it."""
SPARE_MS: Final = 1_000
"""What is left of a question's time for sending the answer; with less it is not worth it."""


@dataclass(slots=True)
class _Asker:
    """A peer that has asked."""

    had: float
    """Its account: milliseconds that were spent on it, or on others while it asked nothing."""
    waiting: deque[tuple[float, Asked]] = field(default_factory=deque)
    """What it asks, and when that came."""


class Budget:
    """Questions that wait, and the time there is for them."""

    def __init__(self, now: float) -> None:
        """Begin with all that can be saved."""
        self._left = SAVED_MS
        self._when = now
        self._askers: dict[str, _Asker] = {}
        self._level = 0.0
        """What whoever was served last had had by then."""

    @property
    def waiting(self) -> int:
        """Questions that wait."""
        return sum(len(asker.waiting) for asker in self._askers.values())

    def put(self, asked: Asked, now: float) -> bool:
        """Let a question wait; False if its peer has too many here: then it is refused."""
        asker = self._askers.setdefault(asked.peer, _Asker(self._level))
        if len(asker.waiting) >= MAX_REQUESTS:
            return False
        if not asker.waiting:
            # Time in which nobody asked is not saved up against those who did.
            asker.had = max(asker.had, self._level)
        asker.waiting.append((now, asked))
        return True

    def take(self, now: float) -> Asked | None:
        """Return the question to answer now; then `spent` is due. None if there is none, or no
        time. Those whose own time is over are dropped.
        """
        if self.due(now) != now:
            return None
        while (asker := self._next()) is not None:
            since, asked = asker.waiting.popleft()
            if now - since < EXCHANGES[asked.protocol].timeout_ms - SPARE_MS:
                self._level = asker.had
                return asked
        return None

    def spent(self, peer: str, ms: float) -> None:
        """Note what the answer to a peer's question took."""
        self._left -= ms
        asker = self._askers.get(peer)
        if asker is not None:
            asker.had += ms

    def gone(self, peer: str) -> None:
        """A peer left: nobody waits for its answers."""
        self._askers.pop(peer, None)

    def due(self, now: float) -> float | None:
        """Return when the next question may be answered: `now`, or later; None without one."""
        self._left = min(self._left + max(now - self._when, 0.0) * SHARE, SAVED_MS)
        self._when = now
        if self._next() is None:
            return None
        return now if self._left > 0 else now + 1 - self._left / SHARE

    def _next(self) -> _Asker | None:
        asking = (asker for asker in self._askers.values() if asker.waiting)
        return min(asking, key=lambda asker: asker.had, default=None)
