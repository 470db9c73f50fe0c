"""Voter participation in finality, as seen by one node.

The current round is not evidence: just begun, it has no votes. So past rounds are compared, two at
least, because a vote may come too late for one of them. If a round does not end, its missing voters
are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from btt_chain.lazyclass import dataclass

Voter = TypeVar("Voter")

ROUNDS: Final = 4
"""Number of past rounds remembered."""
ENOUGH: Final = 2
LONG_ROUND_MS: Final = 10_000
"""A round that lasts longer waits for missing voters; healthy ones take a few seconds."""


@dataclass(frozen=True, slots=True)
class RoundSeen(Generic[Voter]):
    """A round, and the voters without any vote in it."""

    number: int
    missing: tuple[Voter, ...]


class VoterParticipation(Generic[Voter]):
    """Tracks rounds and determines the missing voters. Times in milliseconds."""

    def __init__(self) -> None:
        """Start without any round."""
        self._set_id: int | None = None
        self._round = 0
        self._since = 0
        self._now = 0
        self._current: tuple[Voter, ...] = ()
        self._over: dict[int, tuple[Voter, ...]] = {}

    def look(
        self,
        set_id: int,
        current: RoundSeen[Voter],
        past: Sequence[RoundSeen[Voter]],
        now_ms: int,
    ) -> None:
        """Record the current round, and those before it that still take votes."""
        if set_id != self._set_id:
            self._set_id = set_id
            self._over.clear()
            self._round, self._since = current.number, now_ms
        if current.number != self._round:
            self._round, self._since = current.number, now_ms
        self._now, self._current = now_ms, current.missing
        for seen in past:
            self._over[seen.number] = seen.missing
        while len(self._over) > ROUNDS:
            del self._over[min(self._over)]

    @property
    def rounds_seen(self) -> int:
        """Number of past rounds of this set that were seen, at most ROUNDS."""
        return len(self._over)

    @property
    def is_stuck(self) -> bool:
        """True if the current round does not end."""
        return self._now - self._since >= LONG_ROUND_MS

    def missing(self) -> tuple[Voter, ...] | None:
        """Return the voters without recent votes; None while too few rounds were seen."""
        if self.is_stuck:
            return self._current
        if len(self._over) < ENOUGH:
            return None
        first, *others = (self._over[number] for number in sorted(self._over))
        return tuple(who for who in first if all(who in missing for missing in others))
