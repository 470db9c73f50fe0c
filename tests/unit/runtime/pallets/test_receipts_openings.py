"""Leaves shown on chain: a proof that is not of the receipt is refused with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.scale import u16, u32
from btt_chain.work.commit import roots_tree
from btt_chain.work.errors import ProofRefused
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening, Tree, leaf_hash
from runtime.pallets.receipts.challenges import is_leaf, shown
from runtime.pallets.receipts.types import LeafProof
from support.market import Claim, opened

HONEST = Claim(4)
ITEM, TENSOR = 1, 1


def check(proof: LeafProof, claim: Claim = HONEST) -> bytes:
    return shown(claim.graph, claim.item_root, claim.items, proof, keyed=False).data


def test_a_leaf_of_the_receipt_is_shown() -> None:
    layout = tensor_layout(HONEST.graph.committed[TENSOR])
    start, end = layout.span(0)
    assert check(HONEST.leaf(ITEM, TENSOR, 0)) == HONEST.tensors[ITEM][TENSOR][start:end]


def test_a_tensor_that_does_not_exist_is_refused_before_any_hashing() -> None:
    count = len(HONEST.graph.committed)
    with pytest.raises(ProofRefused, match=f"tensor {count} of {count}"):
        check(replace(HONEST.leaf(ITEM, TENSOR, 0), tensor=u16(count)))


def test_exactly_one_leaf_is_shown() -> None:
    proof = HONEST.leaf(ITEM, TENSOR, 0)
    for leaves in ([], [*proof.leaf.leaves, *proof.leaf.leaves]):
        many = replace(proof, leaf=Opening(leaves, proof.leaf.siblings))
        with pytest.raises(ProofRefused, match=f"{len(leaves)} leaves are shown"):
            check(many)


def test_roots_of_another_item_or_tensor_are_refused() -> None:
    proof = HONEST.leaf(ITEM, TENSOR, 0)
    for other in (replace(proof, item=u32(ITEM + 1)), replace(proof, tensor=u16(TENSOR + 1))):
        with pytest.raises(ProofRefused, match="must be opened, and no other"):
            check(other)


def test_a_leaf_of_another_receipt_is_refused() -> None:
    lie = Claim(4, [(ITEM, TENSOR, 0)])
    with pytest.raises(ProofRefused):
        check(lie.leaf(ITEM, TENSOR, 0))


def test_a_provider_that_committed_to_a_leaf_of_another_length_cannot_show_it() -> None:
    """Its tree is right by its hashes: only the layout says how long a leaf is."""
    layout = tensor_layout(HONEST.graph.committed[TENSOR])
    raw = HONEST.tensors[ITEM][TENSOR]
    leaves = [raw[slice(*layout.span(place))] for place in range(layout.count)]
    leaves[0] = leaves[0][:-1]
    tensor = Tree([leaf_hash(leaf) for leaf in leaves])
    roots = [one.root for one in HONEST.commitments[ITEM].tensors]
    roots[TENSOR] = tensor.root
    item = roots_tree(roots)
    items = [one.root for one in HONEST.commitments]
    items[ITEM] = item.root
    job = roots_tree(items)
    proof = LeafProof(
        u32(ITEM),
        u16(TENSOR),
        opened(job, ITEM, item.root),
        opened(item, TENSOR, tensor.root),
        Opening([Leaf(u32(0), None, leaves[0])], tensor.siblings([0])),
    )
    size = len(leaves[0])
    with pytest.raises(ProofRefused, match=f"a leaf of {size + 1} bytes, {size} are shown"):
        shown(HONEST.graph, job.root, HONEST.items, proof, keyed=False)


def test_leaves_exist_within_items_tensors_and_layout() -> None:
    graph, items = HONEST.graph, HONEST.items
    count = tensor_layout(graph.committed[TENSOR]).count
    assert is_leaf(graph, items, items - 1, TENSOR, count - 1)
    assert not is_leaf(graph, items, items, TENSOR, 0)
    assert not is_leaf(graph, items, 0, len(graph.committed), 0)
    assert not is_leaf(graph, items, 0, TENSOR, count)
