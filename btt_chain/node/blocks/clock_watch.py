"""Comparison of this node's clock with those of its peers; a pure state machine.

Each answer about a peer's status carries its time (`p2p.network.ClockReceived`). The median over
all peers counts, so less than half of them cannot make us doubt our clock; of two peers both must
disagree with it, and a single peer is not enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.lazyclass import dataclass
from p2p.network import ClockReceived

FEWEST: Final = 2
"""Minimum number of peers for a comparison."""


@dataclass(frozen=True, slots=True)
class ClockNews:
    """A new result of the comparison."""

    ahead_ms: int
    """Lead of this clock over the peers'; negative: behind; 0: it agrees again."""
    peers: int
    """Number of peers compared."""

    def __str__(self) -> str:
        """Return the log line."""
        median = f"(median of {self.peers} peers)"
        if not self.ahead_ms:
            return f"this clock agrees with those of the others again {median}"
        seconds = f"{abs(self.ahead_ms) / 1_000:.1f} s"
        where = (
            "ahead of those of the others" if self.ahead_ms > 0 else "behind those of the others"
        )
        return (
            f"this clock is {seconds} {where} {median}: it imports blocks too late or makes them "
            "too early, and a validator loses its slots. Set it by NTP: timedatectl set-ntp true"
        )


class ClockWatch:
    """Compares clocks, and reports new results."""

    def __init__(self, slot_ms: int) -> None:
        """A clock is wrong if it is off by more than a slot."""
        self._slot = slot_ms
        self._ahead: dict[str, int] = {}
        """Certain part of each peer's lead over us, negative: lag."""
        self._reported = 0

    def received(self, event: ClockReceived) -> ClockNews | None:
        """Process a peer's clock; return the new result, None if nothing changed."""
        sure = max(abs(event.ahead_ms) - event.within_ms, 0)
        self._ahead[event.peer] = sure if event.ahead_ms > 0 else -sure
        return self._judge()

    def gone(self, peer: str) -> None:
        """Remove a peer that has left."""
        self._ahead.pop(peer, None)

    def _judge(self) -> ClockNews | None:
        if len(self._ahead) < FEWEST:
            return None
        found = middle(sorted(self._ahead.values()))
        if found is None:
            return None
        ours = -found
        if not self._reported:
            return self._report(ours) if abs(ours) > self._slot else None
        if 2 * abs(ours) <= self._slot:
            return self._report(0)
        # A clock that runs away is reported repeatedly, but ever more rarely.
        moved = abs(ours - self._reported) > max(self._slot, abs(self._reported) // 2)
        return self._report(ours) if moved and abs(ours) > self._slot else None

    def _report(self, ahead: int) -> ClockNews:
        self._reported = ahead
        return ClockNews(ahead, len(self._ahead))


def middle(values: Sequence[int]) -> int | None:
    """Return the median of sorted numbers; of two in the middle, the one nearer to zero.

    None if these two have opposite signs.
    """
    high = values[len(values) // 2]
    low = values[(len(values) - 1) // 2]
    if low < 0 < high:
        return None
    return min(low, high, key=abs)
