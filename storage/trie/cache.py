"""The upper levels of recent tries, kept in memory within a bound.

Every block walks through the same few thousand branches at the top; the leaves it touches are
mostly others than last time. So after a block the nodes it loaded stay, and once there are too
many, all but the topmost are let go, level by level. Changed leaves go at once.
"""

from __future__ import annotations

from typing import Final

from storage.trie.node import Node
from storage.trie.trie import Record, Sealed, Trie

ROOTS: Final = 4
"""Roots that stay known: the best block, and its neighbours in a reorganisation."""


class TrieCache:
    """Hands out tries that share their upper nodes. `limit` counts nodes, about 1 KiB each.

    Up to twice as many are held, so that a block in several pays for letting go, not each.
    """

    def __init__(self, record: Record, limit: int = 16_384) -> None:
        self._record = record
        self._limit = limit
        self._tops: dict[bytes, tuple[Node, int]] = {}  # with the nodes copied on the way to it
        self._held = 0

    def trie(self, root: bytes) -> Trie:
        """The trie under this root; raises MissingNode when it is not stored."""
        known = self._tops.get(root)
        return Trie(self._record, root, None if known is None else known[0])

    def keep(self, trie: Trie, sealed: Sealed) -> None:
        """Remember a sealed trie whose records have been written."""
        # The next change of a leaf hardly ever loads the old one (`expected` of Trie.put), while
        # a branch that was let go costs a read: the room is for branches.
        for kids, slot in sealed.leaves:
            kids.pop(slot, None)
        tops, most = self._tops, 2 * self._limit
        if sealed.top is not None:
            tops.pop(sealed.root, None)
            tops[sealed.root] = sealed.top, trie.copies
            self._held += trie.loads + trie.copies
        # What a root has alone are the nodes that the next one copied: a block's worth of them
        # goes with each, and costs no walk.
        while len(tops) > 1 and (len(tops) > ROOTS or self._held > most):
            del tops[next(iter(tops))]
            self._held -= next(iter(tops.values()))[1]
        if self._held > most:
            self._trim()

    def clear(self) -> None:
        """Forget everything."""
        self._tops.clear()
        self._held = 0

    def _trim(self) -> None:
        """Keep the `limit` nodes nearest to the only root left."""
        ((root, (top, _)),) = self._tops.items()
        self._tops = {root: (top, 0)}
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
