"""Transactions that may not come back for a while, and why.

A transaction that was found invalid, or did not fit into a full pool, is offered
again by every peer that still has it. The ban makes each repetition cheap. It ends
by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple


class Ban(NamedTuple):
    """Until when (seconds, the caller's clock) and for what."""

    until: float
    reason: str


class Bans:
    """The banned hashes, the oldest ban first."""

    __slots__ = ("_banned", "_entries")

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._banned: OrderedDict[bytes, Ban] = OrderedDict()

    def __len__(self) -> int:
        return len(self._banned)

    def add(self, tx_hash: bytes, reason: str, until: float) -> None:
        """Ban from now on. At twice the size aimed at, the oldest half is let go."""
        self._banned[tx_hash] = Ban(until, reason)
        self._banned.move_to_end(tx_hash)
        if len(self._banned) > 2 * self._entries:
            while len(self._banned) > self._entries:
                self._banned.popitem(last=False)

    def get(self, tx_hash: bytes, now: float) -> Ban | None:
        """The ban that still holds, if any."""
        ban = self._banned.get(tx_hash)
        return ban if ban is not None and ban.until > now else None

    def clear_ended(self, now: float) -> None:
        """Forget the bans that are over, but for those behind a longer one: they cost room only."""
        while self._banned:
            tx_hash, ban = next(iter(self._banned.items()))
            if ban.until > now:
                return
            del self._banned[tx_hash]
