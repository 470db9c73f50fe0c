"""Growth rate of the chain, estimate of the remaining time, and both as text."""

from __future__ import annotations

from collections import deque
from typing import Final

from p2p.sync.types import Phase, Progress

WINDOW_MS: Final = 30_000
STEP_MS: Final = 500


class Speed:
    """Heights over the last half minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()
        self.due = 0
        """Time from which on the height is to be noted again."""

    def note(self, height: int, now: int) -> None:
        """Note the height at a time."""
        marks, self.due = self._marks, now + STEP_MS
        marks.append((now, height))
        while marks[0][0] < now - WINDOW_MS:
            marks.popleft()

    def rate(self, height: int, now: int) -> float:
        """Return the blocks per second; 0 if unknown or decreasing."""
        if not self._marks:
            return 0.0
        then, was = self._marks[0]
        return max(0.0, 1000 * (height - was) / (now - then)) if now > then else 0.0


def describe(found: Progress) -> str:
    """Return the progress of sync as text for the log."""
    if found.phase is Phase.WARP:
        return f"warp: looking for the voters of now, {found.peers} peers"
    if found.phase is Phase.STATE:
        return f"state: {found.state_entries:,} entries, {found.peers} peers"
    if found.syncing:
        left = "" if found.seconds_left is None else f", {duration(found.seconds_left)} left"
        speed = f"{found.rate:.1f} blocks/s{left}"
        return f"syncing: {found.current:,} of {found.target:,}, {speed}, {found.peers} peers"
    history = f", history: {found.history_left:,} blocks to go" if found.history_left else ""
    return f"idle: {found.current:,}{history}, {found.peers} peers"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{amount}{unit}" for amount, unit in parts[:2])
