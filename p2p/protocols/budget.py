"""A shared time budget for answering requests, and the order of the requests. Pure.

Each peer may send requests at a limited rate (`p2p/limits.py`); but fifty of them at their limits
are too much for a node that has blocks to make. So all share one budget of time, and within it the
peer that has used the least is served first: a peer that asks little does not wait behind one that
asks much. The cost of a request is known after it is answered; a costly one is compensated by a
pause.

Times are milliseconds of a monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from p2p.limits import MAX_REQUESTS
from p2p.network import EXCHANGES, Asked

SHARE: Final = 0.5
"""Share of one core that answering may use in the long run."""
SAVED_MS: Final = 1_000.0
"""Maximum amount of time that may be saved up."""
SPARE_MS: Final = 1_000
"""Time reserved for sending the answer; a request with less time left is dropped."""


@dataclass(slots=True)
class _Asker:
    """A peer that has sent requests."""

    had: float
    """Its account: milliseconds that were spent on it, or on others while it had no request."""
    waiting: deque[tuple[float, Asked]] = field(default_factory=deque)
    """Its requests, and when they arrived."""


class Budget:
    """Waiting requests, and the time there is for them."""

    def __init__(self, now: float) -> None:
        """Start with the maximum savings."""
        self._time = TokenBucket(SHARE, SAVED_MS, now)
        self._askers: dict[str, _Asker] = {}
        self._level = 0.0
        """Account of the peer served last, when it was served."""

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return sum(len(asker.waiting) for asker in self._askers.values())

    def put(self, asked: Asked, now: float) -> bool:
        """Queue a request. Return True if it was queued, False if its peer has too many here."""
        asker = self._askers.setdefault(asked.peer, _Asker(self._level))
        if len(asker.waiting) >= MAX_REQUESTS:
            return False
        if not asker.waiting:
            # Time without requests is not saved up against those who sent some.
            asker.had = max(asker.had, self._level)
        asker.waiting.append((now, asked))
        return True

    def take(self, now: float) -> Asked | None:
        """Return the request to answer now; the caller then reports its cost by `spent`. None if
        there is none, or no time. Requests that have timed out are dropped.
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
        """Add the cost of the answer to a peer's request."""
        self._time.level -= ms
        asker = self._askers.get(peer)
        if asker is not None:
            asker.had += ms

    def gone(self, peer: str) -> None:
        """Drop a peer that left, with its requests."""
        self._askers.pop(peer, None)

    def due(self, now: float) -> float | None:
        """Return when the next question may be answered: `now`, or later; None without one."""
        left = self._time.refill(now)
        if self._next() is None:
            return None
        return now if left > 0 else now + 1 - left / SHARE

    def _next(self) -> _Asker | None:
        asking = (asker for asker in self._askers.values() if asker.waiting)
        return min(asking, key=lambda asker: asker.had, default=None)
