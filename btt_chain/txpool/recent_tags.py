"""Tags that the transactions of the last blocks provide.

A validation may be a few blocks old and still require such a tag. Substrate calls them
`recently_pruned`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

RECENT_BLOCKS: Final = 2
"""Number of recent blocks whose tags count as provided: a validation may be that much older."""


class RecentTags:
    """The tags of the last RECENT_BLOCKS blocks, the oldest block first."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()

    def __contains__(self, tag: bytes) -> bool:
        return any(tag in tags for tags in self._blocks.values())

    def add(self, block_hash: bytes, tags: Iterable[bytes]) -> None:
        """Add a block as the latest; the oldest one beyond the limit is dropped."""
        self._blocks[block_hash] = frozenset(tags)
        self._blocks.move_to_end(block_hash)
        if len(self._blocks) > RECENT_BLOCKS:
            self._blocks.popitem(last=False)

    def remove(self, block_hash: bytes) -> None:
        """Remove a block that was retracted."""
        self._blocks.pop(block_hash, None)
