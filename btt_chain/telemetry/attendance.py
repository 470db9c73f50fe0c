"""Who takes part in finality, as far as one node can hear.

The round that is voted in tells little: just begun, it misses everybody. So the rounds that are
over are looked at, two at least, because a vote may come too late for one of them. If a round
does not end, those that it misses are the ones who are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Voter = TypeVar("Voter")

ROUNDS: Final = 4
"""Rounds that are over and remembered."""
ENOUGH: Final = 2
LONG_ROUND_MS: Final = 10_000
"""A round that lasts longer waits for somebody; healthy ones take a few seconds."""


@dataclass(frozen=True, slots=True)
class RoundSeen(Generic[Voter]):
    """A round, and the voters of whom it has no vote at all."""

    number: int
    missing: tuple[Voter, ...]


class Attendance(Generic[Voter]):
    """Looks at rounds now and then, and says who is missing. Times in milliseconds."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
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
        """Take in the round that is voted in, and those before it that still take votes."""
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
        """Rounds of this set that are over and were seen, ROUNDS at most."""
        return len(self._over)

    @property
    def is_stuck(self) -> bool:
        """Whether the round that is voted in does not come to its end."""
        return self._now - self._since >= LONG_ROUND_MS

    def missing(self) -> tuple[Voter, ...] | None:
        """The voters that were not heard of lately; None while too little was seen."""
        if self.is_stuck:
            return self._current
        if len(self._over) < ENOUGH:
            return None
        first, *others = (self._over[number] for number in sorted(self._over))
        return tuple(who for who in first if all(who in missing for missing in others))
