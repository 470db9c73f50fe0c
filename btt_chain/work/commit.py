"""A provider's commitments: a tree for each tensor of each item, of each item, and of the job.

    job root <- item roots <- roots of tensors 0 (the first input) to n <- leaves of rows

Tensors without leaves of their own (`graph.Tensor.committed`) are left out, and n counts the rest.

A confidential job's leaves are keyed, each with a key derived from the job's: an opened leaf
discloses one key, and without the job's key a guess of the data cannot be tested. Tensors are bytes
here, from numpy or not.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.work.graph import Graph, Node, weights_layout
from btt_chain.work.layout import Layout, tensor_layout
from btt_chain.work.merkle import Tree, leaf_hash

_KEY_CONTEXT: Final = b"btt-work leaf"
NOTHING_HASHED: Final[Mapping[int, Sequence[bytes]]] = {}


@dataclass(frozen=True, slots=True)
class TensorKey:
    """Derivation of the keys of one tensor's leaves; the job's key has 32 bytes."""

    job: bytes
    item: int
    tensor: int

    def leaf(self, index: int) -> H256:
        """Return the key of one leaf: HMAC-SHA256 of its place."""
        place = (
            self.item.to_bytes(4, "little")
            + self.tensor.to_bytes(2, "little")
            + index.to_bytes(4, "little")
        )
        return H256(hmac.digest(self.job, _KEY_CONTEXT + place, "sha256"))

    def __repr__(self) -> str:
        return f"TensorKey(item={self.item}, tensor={self.tensor})"


@dataclass(frozen=True, slots=True)
class ItemCommitment:
    """The trees of one item: of each tensor, and of their roots."""

    tensors: Sequence[Tree]
    tree: Tree

    @property
    def root(self) -> H256:
        """The item's root in the job's tree."""
        return self.tree.root


def tree_of(layout: Layout, data: bytes | memoryview, key: TensorKey | None = None) -> Tree:
    """Return the tree over bytes laid out in rows; ValueError if they are more or fewer."""
    view = memoryview(data).cast("B")
    if len(view) != layout.nbytes:
        raise ValueError(f"{len(view)} bytes, the layout has {layout.nbytes}")
    step = layout.step
    if step is not None and key is None:
        # If all leaves have one length, this is the whole cost of a commitment.
        return Tree([leaf_hash(view[at : at + step]) for at in range(0, len(view), step)])
    spans = map(layout.span, range(layout.count))
    return Tree(
        [
            leaf_hash(view[start:end], None if key is None else key.leaf(index))
            for index, (start, end) in enumerate(spans)
        ]
    )


def commit_item(
    graph: Graph,
    item: int,
    tensors: Sequence[bytes | memoryview],
    job_key: bytes | None = None,
    hashed: Mapping[int, Sequence[bytes]] = NOTHING_HASHED,
) -> ItemCommitment:
    """Commit to an item by its tensors (`Graph.committed`), inputs first.

    `hashed` has the leaves' hashes of tensors, by number, that are known already; leaves with a key
    have others.
    """
    shapes = graph.committed
    if len(tensors) != len(shapes):
        raise ValueError(f"{len(tensors)} tensors, the graph commits to {len(shapes)}")
    trees: list[Tree] = []
    for number, (shape, data) in enumerate(zip(shapes, tensors, strict=True)):
        if job_key is None and number in hashed:
            trees.append(Tree(hashed[number]))
            continue
        key = None if job_key is None else TensorKey(job_key, item, number)
        trees.append(tree_of(tensor_layout(shape), data, key))
    return ItemCommitment(trees, roots_tree([tree.root for tree in trees]))


def roots_tree(roots: Sequence[H256]) -> Tree:
    """Return the tree over roots of lower trees: of an item's tensors, of a job's items.

    The requester commits to the tree over the roots of all inputs, the receipt to that over the
    roots of all outputs.
    """
    return Tree([leaf_hash(root) for root in roots])


def end_root(roots: Sequence[H256]) -> H256:
    """Return the root over an item's inputs, or over its outputs: of a single one its own."""
    return roots[0] if len(roots) == 1 else roots_tree(roots).root


def commit_weights(graph: Graph, node: Node, records: bytes | memoryview) -> Tree:
    """Commit to the constants of a node, one record for each output channel, in order."""
    return tree_of(weights_layout(graph, node), records)
