"""Reputation of peers, and bans. Pure; time is an argument.

A peer's reputation starts at 0, falls by the cost of each offence and recovers slowly; at `BAN_AT`
it is banned, each time for twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS

BAN_AT: Final = -10_000
"""Two invalid commits, or a hundred bad signatures."""
FATAL: Final = -BAN_AT
"""Cost of an offence that no honest node commits: banned at once."""
RECOVERY_PER_SECOND: Final = 10
BAN_MS: Final = 10 * MINUTE_MS
MAX_BAN_MS: Final = 24 * HOUR_MS
KEPT_BANS: Final = 256


@dataclass(slots=True)
class Reputation:
    """Reputation and bans of one peer."""

    value: int = 0
    """Reputation at `value_ms`: 0, or negative."""
    value_ms: int = 0
    bans: int = 0
    """Number of bans so far."""
    banned_until_ms: int = 0

    def at(self, now_ms: int) -> int:
        """Return the reputation now."""
        passed = max(0, now_ms - self.value_ms)
        return min(0, self.value + passed * RECOVERY_PER_SECOND // SECOND_MS)

    def charge(self, cost: int, now_ms: int) -> bool:
        """Lower the reputation. Return True if the peer is to be banned.

        Raises ValueError unless `cost` > 0.
        """
        if cost <= 0:
            raise ValueError(f"a cost of {cost}")
        self.value = max(self.at(now_ms) - cost, BAN_AT)
        self.value_ms = now_ms
        return self.value <= BAN_AT

    def ban(self, now_ms: int) -> None:
        """Ban the peer; a ban that lasts already starts again, and is not counted."""
        if self.banned_until_ms <= now_ms:
            self.bans += 1
        lasting = min(BAN_MS << min(self.bans - 1, 16), MAX_BAN_MS)
        self.banned_until_ms = now_ms + lasting

    def forgive(self) -> None:
        """Restore the reputation and end a ban. The number of bans is kept."""
        self.value = self.banned_until_ms = 0


class Ban(NamedTuple):
    """A banned peer, the end of the ban and its reason."""

    peer: str
    until_ms: int
    why: str


class BanList:
    """The last bans with their reasons, at most KEPT_BANS."""

    def __init__(self) -> None:
        self._bans: dict[str, Ban] = {}

    def add(self, ban: Ban) -> None:
        """Add the ban of a peer in place of its last one; drop the oldest above the limit."""
        self._bans.pop(ban.peer, None)
        self._bans[ban.peer] = ban
        if len(self._bans) > KEPT_BANS:
            del self._bans[next(iter(self._bans))]

    def remove(self, peer: str) -> None:
        """Remove the ban of a peer, if there is one."""
        self._bans.pop(peer, None)

    def reason(self, peer: str) -> str | None:
        """Return the reason of a peer's last ban, None if it is not kept."""
        ban = self._bans.get(peer)
        return None if ban is None else ban.why

    def current(self, now_ms: int) -> Sequence[Ban]:
        """Return the bans that have not ended, the oldest first."""
        return [ban for ban in self._bans.values() if ban.until_ms > now_ms]
