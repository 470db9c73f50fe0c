"""One altered element anywhere is found and proven; nothing honest can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import decode, encode, i16, u16, u32
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.commit import commit_item, roots_tree
from btt_chain.work.errors import NotFraud, ProofRefused
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import (
    Evidence,
    Fraud,
    FraudProof,
    Job,
    element,
    judge,
    judge_edge,
    prove,
    prove_edge,
)
from btt_chain.work.graph import PROOF_BYTES, Graph, Node, opened_of
from btt_chain.work.layout import tensor_layout
from btt_chain.work.merkle import Leaf, Opening
from btt_chain.work.model import Elements, Model
from btt_chain.work.operators import MaxPool
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind, Tensor
from unit.work.row_world import ROWS, fault_at, witnesses_of
from unit.work.work_world import (
    KINDS,
    attention,
    image_net,
    items_of,
    nodes_of,
    records_of,
    single,
    weights,
)

KEY = b"0123456789abcdef" * 2
NETS = {"image_net": image_net, "attention": attention}


class Receipt:
    """A job of which every item has the same tensors, and one item that is looked at."""

    def __init__(
        self, model: Model, tensors: Sequence[Elements], item: int = 1, key: bytes | None = None
    ) -> None:
        self.model = model
        self.tensors = tensors
        raw = [np.ascontiguousarray(tensor).data.cast("B") for tensor in tensors]
        commitment = commit_item(model.graph, item, raw, key)
        others = [H256(bytes([at]) * 32) for at in range(3)]
        tree = roots_tree([*others[:item], commitment.root, *others[item:]])
        self.evidence = Evidence(item, raw, commitment, tree, key)
        self.job = Job(tree.root, len(others) + 1, key is not None)

    def proof(self, node: int, index: int, witness: int | None = None) -> FraudProof:
        held = records_of(self.model, node)
        records = None if held is None else (held[0].data, held[1])
        return prove(self.model.graph, self.evidence, node, index, records, witness)

    def judged(self, proof: FraudProof) -> Fraud:
        return judge(self.model.graph, self.job, proof)


def altered(tensors: Sequence[Elements], place: int, index: int) -> list[Elements]:
    """The same, but one element is one more, or the smallest if it was the largest."""
    lie = tensors[place].copy()
    with np.errstate(over="ignore"):
        lie.reshape(-1)[index] += lie.dtype.type(1)
    changed = list(tensors)
    changed[place] = lie
    return changed


def first_item(model: Model, *items: Elements) -> list[Elements]:
    return Executor(model).run(*(one[:1] for one in items)).committed(0)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), keyed=st.booleans(), data=st.data())
def test_a_wrong_element_of_any_node_is_found_and_proven(
    kind: str, seed: int, keyed: bool, data: st.DataObject
) -> None:
    model, items = single(kind, seed)
    honest = first_item(model, *items)
    node = len(model.graph.nodes) - 1
    index = data.draw(st.integers(0, honest[-1].size - 1))
    receipt = Receipt(model, altered(honest, -1, index), key=KEY if keyed else None)

    fault = first_fault(Executor(model), receipt.tensors)
    out = model.graph.nodes[node].out
    assert fault == fault_at(node, model.graph.nodes[node], honest[-1], receipt.tensors[-1])
    proof = receipt.proof(*fault)

    said = receipt.judged(proof)
    if out.kind not in ROWS:
        right = int(honest[-1].ravel()[index])
        assert said == Fraud(int(receipt.tensors[-1].ravel()[index]), right)
    size = len(encode(FraudProof, proof))
    assert size <= largest_proof(model.graph, node) <= PROOF_BYTES
    assert decode(FraudProof, encode(FraudProof, proof)) == proof


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_nothing_honest_can_be_proven(kind: str, seed: int, data: st.DataObject) -> None:
    model, items = single(kind, seed)
    receipt = Receipt(model, first_item(model, *items))
    first = len(model.graph.inputs)
    place = data.draw(st.integers(first, len(receipt.tensors) - 1))
    node = nodes_of(model.graph)[place - first]
    made = model.graph.nodes[node]
    index = data.draw(st.integers(0, made.op.claims(made.out) - 1))
    witness = data.draw(st.sampled_from(witnesses_of(made, index)))

    assert first_fault(Executor(model), receipt.tensors) is None
    with pytest.raises(NotFraud, match="as claimed"):
        receipt.judged(receipt.proof(node, index, witness))


@pytest.mark.parametrize("net", NETS)
def test_a_lie_in_every_node_of_a_net_is_found_where_it_is(net: str) -> None:
    model, items = NETS[net]()
    honest = first_item(model, items)
    executor = Executor(model)
    rng = np.random.default_rng(4)
    for place, node in enumerate(nodes_of(model.graph), start=1):
        index = int(rng.integers(honest[place].size))
        receipt = Receipt(model, altered(honest, place, index))

        # What comes after the lie is not what follows from it: the first fault is the lie itself.
        assert first_fault(executor, receipt.tensors) == Fault(node, index)
        assert receipt.judged(receipt.proof(node, index)).right == honest[place].ravel()[index]


def test_other_weights_a_skipped_layer_and_another_rounding_are_found() -> None:
    model, items = image_net()
    other, _ = image_net(seed=9)
    honest = first_item(model, items)
    both = honest[2]
    lies = {
        "other weights": [*first_item(other, items)],
        "skipped layer": [*honest[:2], honest[1], *honest[3:]],
        "rounded down": [*honest[:2], np.where(both > 0, both - 1, both), *honest[3:]],
    }
    for lie in lies.values():
        receipt = Receipt(model, lie)
        fault = first_fault(Executor(model), receipt.tensors)
        assert fault is not None
        place = 1 + nodes_of(model.graph).index(fault.node)
        assert receipt.judged(receipt.proof(*fault)).claimed == lie[place].ravel()[fault.element]


def test_no_part_of_a_proof_can_be_exchanged() -> None:
    rng = np.random.default_rng(7)
    made = Builder(Kind.I8, (48, 48, 8))
    seen, i8 = window((3, 3), pads=(1, 1, 1, 1)), Numbers(Kind.I8)
    made.conv(
        "second",
        made.conv("first", 0, *weights(rng, 8, 3, 3, 8), seen, i8),
        *weights(rng, 8, 3, 3, 8),
        seen,
        i8,
    )
    model = made.model()
    honest = first_item(model, items_of(rng, model.graph.inputs[0], 1))
    # A window whose lines lie in two leaves.
    wrong_at = (10 * 48 + 30) * 8
    receipt = Receipt(model, altered(honest, 2, wrong_at))
    proof = receipt.proof(1, wrong_at)
    assert receipt.judged(proof)
    assert len(proof.tensors[0].leaves) == 2
    elsewhere = receipt.proof(1, wrong_at + 30 * 48 * 8)
    lacking = Opening(proof.tensors[0].leaves[:1], proof.tensors[0].siblings)
    forged = [
        replace(proof, item=u32(2)),
        replace(proof, node=u16(0)),
        replace(proof, node=u16(99)),
        replace(proof, element=u32(wrong_at + 30 * 48 * 8)),
        replace(proof, element=u32(1 << 20)),
        replace(proof, job=proof.roots),
        replace(proof, roots=elsewhere.job),
        replace(proof, tensors=elsewhere.tensors),
        replace(proof, tensors=proof.tensors[::-1]),
        replace(proof, tensors=proof.tensors[:1]),
        replace(proof, tensors=[lacking, proof.tensors[1]]),
        replace(proof, weights=None),
        replace(proof, weights=proof.tensors[0]),
    ]
    for wrong in forged:
        with pytest.raises(ProofRefused):
            receipt.judged(wrong)
    for job in (
        receipt.job._replace(root=bytes(32)),
        receipt.job._replace(items=5),
        receipt.job._replace(keyed=True),
    ):
        with pytest.raises(ProofRefused):
            judge(model.graph, job, proof)


def test_a_proof_about_a_tensor_without_a_commitment_is_refused() -> None:
    model, items = image_net()
    receipt = Receipt(model, first_item(model, items))
    body = next(at for at, node in enumerate(model.graph.nodes) if not node.out.committed)
    proof = receipt.proof(body + 1, 3)

    with pytest.raises(ProofRefused, match="the result of node 'body' has no commitment"):
        receipt.judged(replace(proof, node=u16(body)))


def test_a_sum_is_judged_by_the_weights_of_the_product_in_it() -> None:
    """A residual has no leaves of its product: image, product's weights and sum are opened."""
    model, items = image_net()
    graph, honest = model.graph, first_item(model, items)
    index = honest[2].size // 2
    receipt = Receipt(model, altered(honest, 2, index))
    proof = receipt.proof(2, index)

    assert [node.name for node in graph.nodes[1:3]] == ["body", "residual"]
    assert opened_of(graph, 2) == [1, 3]
    assert receipt.judged(proof).right == honest[2].ravel()[index]
    with pytest.raises(ProofRefused):
        receipt.judged(replace(proof, weights=Receipt(model, honest).proof(0, 5).weights))


def test_a_leaf_of_the_wrong_length_is_no_evidence() -> None:
    # A commitment to shorter leaves than those of the layout proves nothing either.
    model, items = image_net()
    receipt = Receipt(model, first_item(model, items))
    proof = receipt.proof(2, 3)
    leaf = proof.tensors[1].leaves[0]
    short = replace(leaf, data=leaf.data[:-1])
    with pytest.raises(ProofRefused, match="does not lead"):
        receipt.judged(
            replace(proof, tensors=[proof.tensors[0], replace(proof.tensors[1], leaves=[short])])
        )


def test_the_widest_nodes_have_proofs_within_the_limit() -> None:
    rng = np.random.default_rng(6)
    i8 = Numbers(Kind.I8)
    wide = Builder(Kind.I8, (4096,))
    wide.linear("wide", 0, *weights(rng, 3, 4096, most=40), i8)
    deep = Builder(Kind.I8, (24, 24, 384))
    same = window((3, 3), pads=(1, 1, 1, 1))
    deep.conv("deep", 0, *weights(rng, 3, 3, 3, 384, most=40), same, i8)
    for builder, index in ((wide, 1), (deep, 3 * (24 * 12 + 12))):
        model = builder.model()
        tensors = first_item(model, items_of(rng, model.graph.inputs[0], 1))
        receipt = Receipt(model, altered(tensors, 1, index), key=KEY)

        proof = receipt.proof(0, index)

        assert receipt.judged(proof)
        size = len(encode(FraudProof, proof))
        assert size <= largest_proof(model.graph, 0) <= PROOF_BYTES


def test_a_window_whose_lines_all_lie_in_two_leaves_has_a_proof_within_the_limit() -> None:
    """Leaves of image and weights count alike, and nearly fill a proof together."""
    rng = np.random.default_rng(1)
    made = Builder(Kind.I8, (20, 20, 192))
    made.conv("deep", 0, *weights(rng, 3, 5, 5, 192, most=20), window((5, 5)), Numbers(Kind.I8))
    model = made.model()
    honest = first_item(model, items_of(rng, model.graph.inputs[0], 1))
    for x in (0, 7, 15):
        index = (8 * 16 + x) * 3
        receipt = Receipt(model, altered(honest, 1, index))
        proof = receipt.proof(0, index)
        assert receipt.judged(proof)
        assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, 0) <= PROOF_BYTES


class Touching:
    """A reader of zeros that notes the leaves of the image."""

    def __init__(self, image: Tensor) -> None:
        self.layout = tensor_layout(image)
        self.touched: dict[int, None] = {}

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        first, last = self.layout.leaf_at(start), self.layout.leaf_at(start + length - 1)
        self.touched.update(dict.fromkeys(range(first, last + 1)))
        return bytes(length)

    def record(self, row: int) -> bytes:
        raise AssertionError("a pool has no weights")


@settings(max_examples=60, deadline=None)
@given(
    sides=st.tuples(*map(st.sampled_from, [(1, 3, 5, 9), (1, 2, 4, 8), (16, 32, 64, 100, 257)])),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    step=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    apart=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    leaf=st.sampled_from([256, 512, 4096]),
    kind=st.sampled_from([Kind.I8, Kind.I16]),
)
def test_no_window_touches_more_leaves_than_its_proof_has_room_for(
    sides: tuple[int, int, int],
    size: tuple[int, int],
    step: tuple[int, int],
    apart: tuple[int, int],
    leaf: int,
    kind: Kind,
) -> None:
    high, wide = (
        (side - (taps - 1) * gap - 1) // stride + 1
        for side, taps, gap, stride in zip(sides, size, apart, step, strict=False)
    )
    assume(min(high, wide) >= 1)
    image = Tensor(kind, list(map(u32, sides)), i16(0), u16(leaf))
    out = Tensor(kind, list(map(u32, (high, wide, sides[2]))), i16(0), u16(4096))
    pool = MaxPool(u16(0), window(size, step, (0, 0, 0, 0), apart))
    _, most = pool.openings(image)
    for pixel in range(high * wide):
        reader = Touching(image)
        element(Graph([image], [Node("pool", pool, out)], [u16(1)]), 0, pixel * sides[2], reader)
        assert len(reader.touched) <= most


@pytest.mark.parametrize("output", [False, True])
def test_work_on_another_input_or_another_output_than_said_is_proven(output: bool) -> None:
    model, items = image_net()
    receipt = Receipt(model, first_item(model, items))
    honest = receipt.evidence.commitment.tensors[-1 if output else 0].root
    others = [H256(bytes([at]) * 32) for at in range(3)]

    for root in (honest, others[0]):
        said = roots_tree([others[0], root, *others[1:]])
        proof = prove_edge(model.graph, receipt.evidence, said, root, output=output)
        if root == honest:
            with pytest.raises(NotFraud, match="agreed on"):
                judge_edge(model.graph, receipt.job, said.root, proof, output=output)
            continue
        judge_edge(model.graph, receipt.job, said.root, proof, output=output)
        for wrong in (
            replace(proof, item=u32(0)),
            replace(proof, said=proof.job),
            replace(proof, roots=proof.job),
        ):
            with pytest.raises(ProofRefused):
                judge_edge(model.graph, receipt.job, said.root, wrong, output=output)
        with pytest.raises(ProofRefused, match="root"):
            judge_edge(model.graph, receipt.job, said.root, proof, output=not output)


def test_a_proof_of_an_edge_that_is_too_large_is_refused_before_anything_is_hashed() -> None:
    model, items = image_net()
    receipt = Receipt(model, first_item(model, items))
    root = receipt.evidence.commitment.tensors[0].root
    proof = prove_edge(model.graph, receipt.evidence, roots_tree([root]), root, output=False)
    many = Opening([Leaf(u32(at), None, bytes(4096)) for at in range(256)], [])
    with pytest.raises(ProofRefused, match=f"at most {PROOF_BYTES} bytes"):
        judge_edge(model.graph, receipt.job, root, replace(proof, said=many), output=False)
