"""Blocks that fork sync fetches later: early ones, and those that only votes name.

An early block cannot be imported before its slot. Votes are smaller than announces and often arrive
first. Most announces come with the block, so it is requested only if its announce does not come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from p2p.sync.types import BlockId

MAX_EARLY: Final = 64
"""Maximum number of early blocks; a further one replaces the oldest."""
MAX_EARLY_MS: Final = 60_000
ANNOUNCE_MS: Final = 100
"""Time that a block that only votes name waits for its announce before it is requested."""
MAX_NAMED: Final = 64
"""Maximum number of such blocks; further ones are requested at once."""
MAX_PEERS: Final = 16
"""Maximum number of peers of one block."""


class Delayed(NamedTuple):
    """A block, the time of its fetch, and the peers that referred to it, in order."""

    block: BlockId
    due: int
    peers: dict[str, None]


class DelayedBlocks:
    """The blocks that wait."""

    def __init__(self, announce_ms: int) -> None:
        """`announce_ms` is the time that blocks that votes name wait."""
        self._announce_ms: Final = announce_ms
        self._early: dict[bytes, Delayed] = {}
        self._named: dict[BlockId, Delayed] = {}
        """By height as well: a vote may name a block with a height that is not its own."""

    def add_early(self, block: BlockId, peers: Iterable[str], wait: int, now: int) -> None:
        """Let a block wait until it can be imported."""
        due = now + min(wait, MAX_EARLY_MS)
        self._early[block.hash] = Delayed(block, due, dict.fromkeys(peers))
        if len(self._early) > MAX_EARLY:
            del self._early[next(iter(self._early))]

    def is_early(self, hash: bytes, now: int) -> bool:
        """Return True if a block cannot be imported yet."""
        early = self._early.get(hash)
        return early is not None and now < early.due

    def add_named(self, block: BlockId, peer: str, now: int) -> bool:
        """Return True if a block that a vote of a peer names waits; False if there is no room."""
        known = self._named.get(block)
        if known is not None:
            if len(known.peers) < MAX_PEERS:
                known.peers[peer] = None
            return True
        if len(self._named) >= MAX_NAMED:
            return False
        self._named[block] = Delayed(block, now + self._announce_ms, {peer: None})
        return True

    def take_named(self, block: BlockId) -> Iterable[str]:
        """Remove a block that is fetched now; return the peers whose votes named it."""
        known = self._named.pop(block, None)
        return () if known is None else known.peers

    def take_due(self, now: int) -> list[Delayed]:
        """Remove and return the blocks to fetch now."""
        early = [one for one in self._early.values() if one.due <= now]
        named = [one for one in self._named.values() if one.due <= now]
        for one in early:
            del self._early[one.block.hash]
        for one in named:
            del self._named[one.block]
        return early + named

    @property
    def due(self) -> int | None:
        """Time of the next `take_due`; None if no block waits."""
        if not (self._early or self._named):
            return None
        return min(one.due for waiting in (self._early, self._named) for one in waiting.values())
