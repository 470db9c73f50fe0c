"""The roots behind a receipt, which a provider serves besides the tensors themselves.

A receipt names three roots over all items: of their inputs (the job's), of the items, of their
outputs. The roots below those are served as one blob, 96 bytes an item, which is checked against
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from btt_chain.primitives.digest import H256
from btt_chain.work.commit import ItemCommitment, end_root, roots_tree
from btt_chain.work.graph import Graph
from btt_chain.work.merkle import Tree

_HASH = 32


class NotTheRoots(Exception):
    """The blob does not match the roots of the receipt: its server is at fault."""


class Roots(NamedTuple):
    """For each item the root of its inputs, of all its tensors, and of its outputs."""

    inputs: Sequence[H256]
    items: Sequence[H256]
    outputs: Sequence[H256]

    @classmethod
    def of(cls, graph: Graph, commitments: Sequence[ItemCommitment]) -> Roots:
        """Return the roots of committed items, in order."""
        inputs, outputs = (graph.ends(output=output) for output in (False, True))
        return cls(
            [end_root([item.tensors[at].root for at in inputs]) for item in commitments],
            [item.root for item in commitments],
            [end_root([item.tensors[at].root for at in outputs]) for item in commitments],
        )

    def encode(self) -> bytes:
        """Return the bytes of the blob."""
        return b"".join((*self.inputs, *self.items, *self.outputs))

    @classmethod
    def decode(cls, raw: bytes, items: int) -> Roots:
        """Read the blob of a receipt over `items` items. Raises NotTheRoots."""
        if len(raw) != roots_size(items):
            raise NotTheRoots(f"{len(raw)} bytes of roots where {roots_size(items)} must be")
        hashes = [H256(raw[at : at + _HASH]) for at in range(0, len(raw), _HASH)]
        return cls(hashes[:items], hashes[items : 2 * items], hashes[2 * items :])

    def trees(self, input_root: bytes, item_root: bytes, output_root: bytes) -> RootTrees:
        """Return the trees over them. Raises NotTheRoots if their roots differ from these."""
        trees = RootTrees(*map(roots_tree, self))
        wanted = (input_root, item_root, output_root)
        for name, tree, root in zip(RootTrees._fields, trees, wanted, strict=True):
            if tree.root != root:
                raise NotTheRoots(f"the roots of the {name} do not lead to {bytes(root).hex()}")
        return trees


class RootTrees(NamedTuple):
    """The trees over the roots of all items."""

    inputs: Tree
    items: Tree
    outputs: Tree


def roots_size(items: int) -> int:
    """Return the size of the blob, in bytes."""
    return 3 * _HASH * items
