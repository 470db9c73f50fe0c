"""Whether this node's clock agrees with those of the others. Pure: what is heard in, news out.

Each answer about a peer's status carries its time (`p2p.network.ClockHeard`). What counts is the
median of what all peers say, so nobody can make us doubt our clock who is not half of them; of two
peers both must say it, and one alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from p2p.network import ClockHeard

FEWEST: Final = 2
"""Peers that must be heard."""


@dataclass(frozen=True, slots=True)
class ClockNews:
    """Something to tell about this node's clock."""

    ahead_ms: int
    """How far it is ahead of the others; negative: behind; 0: it is right again."""
    peers: int
    """How many were heard."""

    def __str__(self) -> str:
        """What the log says."""
        heard = f"(median of {self.peers} peers)"
        if not self.ahead_ms:
            return f"this clock agrees with those of the others again {heard}"
        seconds = f"{abs(self.ahead_ms) / 1_000:.1f} s"
        where = (
            "ahead of those of the others" if self.ahead_ms > 0 else "behind those of the others"
        )
        return (
            f"this clock is {seconds} {where} {heard}: it takes blocks too late or offers them too "
            "early, and a validator loses its slots. Set it by NTP: timedatectl set-ntp true"
        )


class ClockWatch:
    """Compares clocks, and says when there is something new."""

    def __init__(self, slot_ms: int) -> None:
        """A clock is wrong that is off by more than a slot."""
        self._slot = slot_ms
        self._ahead: dict[str, int] = {}
        """How far each peer is ahead of us, at least; 0: as far as can be seen, not at all."""
        self._told = 0

    def heard(self, event: ClockHeard) -> ClockNews | None:
        """Take what a peer says; return what is to be told, if that changes it."""
        sure = max(abs(event.ahead_ms) - event.within_ms, 0)
        self._ahead[event.peer] = sure if event.ahead_ms > 0 else -sure
        return self._judge()

    def gone(self, peer: str) -> None:
        """A peer left: what it said counts no more."""
        self._ahead.pop(peer, None)

    def _judge(self) -> ClockNews | None:
        if len(self._ahead) < FEWEST:
            return None
        found = middle(sorted(self._ahead.values()))
        if found is None:
            return None
        ours = -found
        if not self._told:
            return self._tell(ours) if abs(ours) > self._slot else None
        if 2 * abs(ours) <= self._slot:
            return self._tell(0)
        # A clock that runs away is told again and again, but ever more rarely.
        moved = abs(ours - self._told) > max(self._slot, abs(self._told) // 2)
        return self._tell(ours) if moved and abs(ours) > self._slot else None

    def _tell(self, ahead: int) -> ClockNews:
        self._told = ahead
        return ClockNews(ahead, len(self._ahead))


def middle(values: Sequence[int]) -> int | None:
    """Return the median of sorted numbers; of two in the middle, what both of them say at least.

    None if these two contradict each other.
    """
    high = values[len(values) // 2]
    low = values[(len(values) - 1) // 2]
    if low < 0 < high:
        return None
    return min(low, high, key=abs)
