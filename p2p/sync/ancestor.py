"""Bisection of the highest block in common with another chain."""

from __future__ import annotations

from p2p.sync.types import BlockId


class NoCommonBlock(Exception):
    """The other chain has not even the block at which the search started."""


class AncestorSearch:
    """A search between a common block and the highest height at which both chains have a block."""

    def __init__(self, common: BlockId, highest: int) -> None:
        self._common = common
        self._high = max(highest, common.number)
        self.probe = self._high
        """Height of the other chain's block to check next."""

    def note(self, hash: bytes, *, is_known: bool) -> BlockId | None:
        """Note the other chain's block at `probe`, and whether we have it.

        Return the highest common block once it is found. Raises NoCommonBlock.
        """
        if is_known:
            self._common = BlockId(self.probe, hash)
        else:
            self._high = self.probe - 1
        low = self._common.number
        if self._high < low:
            raise NoCommonBlock
        if self._high == low:
            return self._common
        self.probe = (low + self._high + 1) // 2
        return None
