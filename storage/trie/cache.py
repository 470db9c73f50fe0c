"""The upper levels of recent tries, kept in memory within a bound.

Every block walks through the same few thousand branches at the top; the leaves it touches are
mostly others than last time. So after a block the nodes it loaded stay, and once there are too
many, all but the topmost are let go, level by level.
"""

from __future__ import annotations

from typing import Final

from storage.trie.node import Node
from storage.trie.trie import Record, Sealed, Trie

ROOTS: Final = 4
"""Roots that stay known: the best block, and its neighbours in a reorganisation."""


class TrieCache:
    """Hands out tries that share their upper nodes. `limit` counts nodes, about 1 KiB each."""

    def __init__(self, record: Record, limit: int = 16_384) -> None:
        self._record = record
        self._limit = limit
        self._tops: dict[bytes, Node] = {}
        self._held = 0

    def trie(self, root: bytes) -> Trie:
        """The trie under this root; raises MissingNode when it is not stored."""
        return Trie(self._record, root, self._tops.get(root))

    def keep(self, trie: Trie, sealed: Sealed) -> None:
        """Remember a sealed trie whose records have been written."""
        self._held += trie.loads + len(sealed.inserted)
        tops = self._tops
        tops.pop(sealed.root, None)
        if sealed.top is not None:
            tops[sealed.root] = sealed.top
        while len(tops) > ROOTS:
            del tops[next(iter(tops))]
        if self._held > 2 * self._limit:
            self._trim()

    def clear(self) -> None:
        """Forget everything."""
        self._tops.clear()
        self._held = 0

    def _trim(self) -> None:
        """Keep the newest root and the `limit` nodes nearest to it."""
        root, top = next(reversed(self._tops.items()))
        self._tops = {root: top}
        held = 1
        level = [top]
        while level:
            below: list[Node] = []
            for node in level:
                if node.kids is None:
                    continue
                if held + len(node.kids) > self._limit:
                    node.kids = None
                    continue
                held += len(node.kids)
                below.extend(node.kids.values())
            level = below
        self._held = held
