"""Transactions that are refused for a while, with the reason.

A transaction that was found invalid, or did not fit into a full pool, is offered again by every
peer that still has it. The ban makes each repetition cheap. It ends by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple


class Ban(NamedTuple):
    """End (seconds, the caller's clock) and reason of a ban."""

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
        """Ban from now on. At twice the intended size, the oldest half is dropped."""
        self._banned[tx_hash] = Ban(until, reason)
        self._banned.move_to_end(tx_hash)
        if len(self._banned) > 2 * self._entries:
            while len(self._banned) > self._entries:
                self._banned.popitem(last=False)

    def get(self, tx_hash: bytes, now: float) -> Ban | None:
        """Return the ban in force, None without one."""
        ban = self._banned.get(tx_hash)
        return ban if ban is not None and ban.until > now else None

    def clear_ended(self, now: float) -> None:
        """Remove the bans that are over, except those after a longer one: they only take room."""
        while self._banned:
            tx_hash, ban = next(iter(self._banned.items()))
            if ban.until > now:
                return
            del self._banned[tx_hash]
