"""The upper levels of recent tries, kept in memory within a bound.

All blocks use the same few thousand branches at the top, but mostly different leaves. So the nodes
that a block loaded are kept, and once there are too many, all but the topmost are dropped, level by
level. Changed leaves are dropped at once.
"""

from __future__ import annotations

from typing import Final

from storage.trie.node import Node
from storage.trie.trie import Record, Sealed, Trie

ROOTS: Final = 4
"""Number of cached roots: the best block, and its neighbours in a reorganization."""


class TrieCache:
    """A factory of tries that share their upper nodes. `limit` counts nodes, about 1 KiB each.

    Up to twice as many are held, so that not each block has the cost of dropping nodes.
    """

    def __init__(self, record: Record, limit: int = 16_384) -> None:
        self._record = record
        self._limit = limit
        self._tops: dict[bytes, tuple[Node, int]] = {}  # with the number of nodes copied for it
        self._held = 0

    def trie(self, root: bytes) -> Trie:
        """Return the trie with this root. Raises MissingNode if it is not stored."""
        known = self._tops.get(root)
        return Trie(self._record, root, None if known is None else known[0])

    def keep(self, trie: Trie, sealed: Sealed) -> None:
        """Cache a sealed trie whose records have been written."""
        # The next change of a leaf rarely loads the old one (`expected` of Trie.put), while a
        # dropped branch costs a read: the memory is for branches.
        for kids, slot in sealed.leaves:
            kids.pop(slot, None)
        tops, most = self._tops, 2 * self._limit
        if sealed.top is not None:
            tops.pop(sealed.root, None)
            tops[sealed.root] = sealed.top, trie.copies
            self._held += trie.loads + trie.copies
        # The nodes that only one root has are those that the next one copied: dropping a root frees
        # a block's worth of them, without a search.
        while len(tops) > 1 and (len(tops) > ROOTS or self._held > most):
            del tops[next(iter(tops))]
            self._held -= next(iter(tops.values()))[1]
        if self._held > most:
            self._trim()

    def clear(self) -> None:
        """Drop everything."""
        self._tops.clear()
        self._held = 0

    def _trim(self) -> None:
        """Keep the `limit` nodes nearest to the only remaining root."""
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
