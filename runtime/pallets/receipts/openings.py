"""Check that leaves shown on chain are those that a receipt commits to."""

from __future__ import annotations

from btt_chain.work.errors import ProofRefused
from btt_chain.work.graph import Graph
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, check_opening
from runtime.pallets.receipts.types import LeafProof


def shown(graph: Graph, root: bytes, items: int, proof: LeafProof, *, keyed: bool) -> Leaf:
    """Return the leaf that `proof` shows, of the receipt with this root over items.

    Raises ProofRefused, with the reason, if the receipt does not commit to it.
    """
    tensors = graph.committed
    if proof.tensor >= len(tensors):
        raise ProofRefused(f"tensor {int(proof.tensor)} of {len(tensors)}")
    item_root = only(proof.job, root, items, int(proof.item)).data
    tensor_root = only(proof.roots, item_root, len(tensors), int(proof.tensor)).data
    layout = tensor_layout(tensors[proof.tensor])
    if len(proof.leaf.leaves) != 1:
        raise ProofRefused(f"{len(proof.leaf.leaves)} leaves are shown, one is asked for")
    check_opening(proof.leaf, tensor_root, layout.count, keyed=keyed)
    leaf = proof.leaf.leaves[0]
    start, end = layout.span(int(leaf.index))
    if len(leaf.data) != end - start:
        raise ProofRefused(f"a leaf of {end - start} bytes, {len(leaf.data)} are shown")
    return leaf


def only(opening: Opening, root: bytes, count: int, index: int) -> Leaf:
    """Return the only leaf that `opening` shows. Raises ProofRefused unless it is `index`."""
    found = [int(leaf.index) for leaf in opening.leaves]
    if found != [index]:  # before hashing: the opening may be a megabyte
        raise ProofRefused(f"leaf {index} must be opened, and no other; these are: {found}")
    check_opening(opening, root, count)
    return opening.leaves[0]


def is_leaf(graph: Graph, items: int, item: int, tensor: int, leaf: int) -> bool:
    """Return True if the leaf exists in a receipt of a job with `items` items."""
    tensors = graph.committed
    return item < items and tensor < len(tensors) and leaf < tensor_layout(tensors[tensor]).count
