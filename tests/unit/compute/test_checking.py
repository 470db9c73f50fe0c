"""Looking at receipts: nothing honest is called wrong, and nothing wrong is overlooked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from btt_chain.compute.blobs.roots import NotTheRoots, Roots, roots_size
from btt_chain.compute.blobs.transport import roots_name, sums_name, transcript_name
from btt_chain.compute.verifier import checking
from btt_chain.compute.verifier.checking import missing_leaf, read_sums, sums_of, sums_size
from btt_chain.primitives.digest import H256
from btt_chain.work import ids
from btt_chain.work.commit import commit_weights
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Graph, group_of
from btt_chain.work.model import Bytes2D, Elements, Model
from btt_chain.work.operators import Conv, LayerNorm, Linear
from runtime.pallets.receipts.types import Missing, Valid, Wrong, WrongEdge
from support.receipts_served import RECEIPT, RHO, AtOnce, Served, Work, looked
from unit.work.work_world import KINDS, attention, image_net, nodes_of, single

NETS: dict[str, Callable[[], tuple[Model, Elements]]] = {
    "image_net": image_net,
    "attention": attention,
}
ZERO = H256(bytes(32))


@pytest.fixture(params=[False, True], ids=["by re-execution", "by vectors"])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(checking, "VECTORS_FROM", 0)
    return bool(request.param)


# ---- honest providers


@pytest.mark.parametrize("net", NETS)
async def test_honest_work_is_valid_and_the_digest_is_of_every_leaf(
    net: str, vectors: bool
) -> None:
    work = Work(*NETS[net]())
    for chosen in ([0, 1, 2], [1]):
        finding = await looked(work, work.look(chosen, vectors=vectors))
        assert finding == (Valid(), work.digest(chosen), None, None, "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
async def test_no_honest_node_of_any_kind_is_ever_wrong(kind: str, seed: int) -> None:
    model, inputs = single(kind, seed)
    work = Work(model, *inputs)
    assert (await looked(work, work.look())).verdict == Valid()


async def test_an_honest_receipt_costs_its_inputs_and_roots_only() -> None:
    work = Work(*image_net())
    served = Served(work.blobs())
    await checking.look_at(work.look([1]), Executor(work.model), served, AtOnce())  # type: ignore[arg-type]
    assert served.asked == [roots_name(RECEIPT), f"{transcript_name(RECEIPT, 1)} (beginning)"]


async def test_two_verifiers_have_two_digests() -> None:
    work = Work(*attention())
    one = await looked(work, work.look([0], rho=H256(b"\1" * 32)))
    other = await looked(work, work.look([0], rho=H256(b"\2" * 32)))
    assert one.digest != other.digest
    assert one.verdict == other.verdict == Valid()


# ---- lies


def lies(net: str) -> list[tuple[int, bool]]:
    nodes = nodes_of(NETS[net]()[0].graph)
    return [(node + 1, later) for node in nodes for later in (False, True)]


def end_of(graph: Graph, node: int) -> int:
    """The node that a node is judged with."""
    return next(end for end in nodes_of(graph) if node in group_of(graph, end))


CASES = [(net, tensor, later) for net in NETS for tensor, later in lies(net)]


@pytest.mark.parametrize(("net", "tensor", "later"), CASES)
async def test_one_altered_element_of_any_node_is_found_and_proven(
    net: str, tensor: int, later: bool, vectors: bool
) -> None:
    work = Work(*NETS[net]())
    (work.alter_consistently if later else work.alter)(1, tensor)

    finding = await looked(work, work.look(vectors=vectors))

    assert isinstance(finding.verdict, Wrong)
    assert (finding.verdict.item, finding.verdict.node) == (1, tensor - 1)
    assert finding.digest == work.digest(range(3))
    fraud = work.judged(finding)
    assert fraud is not None
    assert fraud.claimed != fraud.right


@pytest.mark.parametrize("byte", [0, -8, -4, -1], ids=["element", "top", "mantissa", "exponent"])
@pytest.mark.parametrize("kind", ["row_linear", "gated_rows", "add_rows", "norm", "attended"])
async def test_a_wrong_claim_about_a_row_with_a_scale_is_proven(
    kind: str, byte: int, vectors: bool
) -> None:
    model, inputs = single(kind, 5)
    for node in nodes_of(model.graph):
        work = Work(model, *inputs)
        if model.graph.nodes[node].out.kind.tail:
            work.alter(1, model.graph.out_of(node), byte)
            finding = await looked(work, work.look(vectors=vectors))
            assert isinstance(finding.verdict, Wrong)
            assert (finding.verdict.item, finding.verdict.node) == (1, node)
            fraud = work.judged(finding)
            assert fraud is not None
            assert fraud.claimed != fraud.right


async def test_a_wrong_token_is_proven_by_the_right_one() -> None:
    model, inputs = single("arg_max", 5)
    work = Work(model, *inputs)
    work.alter(0, 2)

    finding = await looked(work, work.look())

    assert finding.fraud is not None
    assert finding.fraud.witness is not None
    assert work.judged(finding)


@pytest.mark.parametrize("net", NETS)
async def test_what_goes_wrong_where_no_leaves_are_shows_in_what_is_made_of_it(
    net: str, vectors: bool
) -> None:
    graph = NETS[net]()[0].graph
    for node in sorted({*range(len(graph.nodes))} - {*nodes_of(graph)}):
        work, end = Work(*NETS[net]()), end_of(graph, node)
        right = work.raw(1)
        for element in range(work.tensors[1][node + 1].size):
            work.alter_consistently(1, node + 1, element)
            if work.raw(1) != right:
                break
        finding = await looked(work, work.look(vectors=vectors))
        assert isinstance(finding.verdict, Wrong)
        assert (finding.verdict.item, finding.verdict.node) == (1, end)
        assert work.judged(finding) is not None


async def test_what_was_not_selected_is_not_seen() -> None:
    work = Work(*image_net())
    work.alter(2, 3)
    assert (await looked(work, work.look([0, 1]))).verdict == Valid()


@pytest.mark.parametrize("net", NETS)
async def test_other_weights_are_found_at_the_first_product(net: str, vectors: bool) -> None:
    model, items = NETS[net]()
    first = min(number for number in model.records if model.constants[number].columns.size)
    records: dict[int, Bytes2D] = {at: raw.copy() for at, raw in model.records.items()}
    body = records[first].shape[1] - 8
    records[first][:, :body] = records[first][:, :body][:, ::-1].copy()
    work = Work(with_records(model, records), items, judge=model)

    finding = await looked(work, work.look(vectors=vectors))

    assert isinstance(finding.verdict, Wrong)
    assert finding.verdict.node == end_of(model.graph, first)
    assert work.judged(finding) is not None


def with_records(model: Model, records: dict[int, Bytes2D]) -> Model:
    """The same graph with other weights, committed to as if they were its own."""
    nodes = []
    for number, node in enumerate(model.graph.nodes):
        if number in records:
            root = commit_weights(model.graph, node, records[number].data).root
            assert isinstance(node.op, Linear | Conv | LayerNorm)
            op = replace(node.op, weights=replace(node.op.weights, root=root))
            nodes.append(replace(node, op=op))
        else:
            nodes.append(node)
    graph = replace(model.graph, nodes=nodes)
    return Model(replace(model.manifest, graph=graph), records)


async def test_another_input_than_the_requesters_is_found_and_proven(vectors: bool) -> None:
    work = Work(*image_net())
    work.alter_consistently(1, 0)

    finding = await looked(work, work.look(vectors=vectors))

    assert finding.verdict == WrongEdge(1, False)  # type: ignore[arg-type]
    assert finding.digest == work.digest(range(3))
    work.judged(finding)


async def test_another_output_than_the_computed_one_is_found_and_proven(vectors: bool) -> None:
    work = Work(*attention())
    work.wrong_outputs[2] = H256(b"\1" * 32)

    finding = await looked(work, work.look(vectors=vectors))

    assert finding.verdict == WrongEdge(2, True)  # type: ignore[arg-type]
    work.judged(finding)


async def test_the_first_lie_is_reported_and_the_digest_is_of_all_items_nonetheless() -> None:
    work = Work(*image_net())
    work.alter(0, 3)
    work.alter(2, 1)
    finding = await looked(work, work.look())
    assert isinstance(finding.verdict, Wrong)
    assert (finding.verdict.item, finding.verdict.node) == (0, 2)
    assert finding.digest == work.digest([0, 1, 2])


# ---- what is not served


def cases() -> dict[str, Callable[[dict[str, bytes]], None]]:
    roots, second = roots_name(RECEIPT), transcript_name(RECEIPT, 1)

    def change(name: str, by: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
        def changed(served: dict[str, bytes]) -> None:
            served[name] = by(served[name])

        return changed

    def flipped(raw: bytes) -> bytes:
        return raw[:-1] + bytes([raw[-1] ^ 1])

    return {
        "no roots": lambda served: served.pop(roots) and None,
        "roots of others": change(roots, flipped),
        "too few roots": change(roots, lambda raw: raw[:-32]),
        "too many roots": change(roots, lambda raw: raw + bytes(32)),
        "no transcript": lambda served: served.pop(second) and None,
        "an empty transcript": change(second, lambda _: b""),
        "half an input": change(second, lambda raw: raw[:10]),
        "another input": change(second, lambda raw: bytes([raw[0] ^ 1]) + raw[1:]),
        "garbage": change(second, lambda raw: b"\7" * len(raw)),
        "too much garbage": change(second, lambda raw: b"\7" * (len(raw) + 1)),
    }


@pytest.mark.parametrize("case", cases())
async def test_what_is_withheld_or_garbage_is_asked_for_on_the_chain(
    case: str, vectors: bool
) -> None:
    work = Work(*image_net())
    served = work.blobs()
    cases()[case](served)

    finding = await looked(work, work.look(vectors=vectors), served)

    assert isinstance(finding.verdict, Missing)
    assert finding.digest == ZERO
    assert finding.why
    place = finding.verdict
    assert int(place.item) in range(3)
    counts = ids.leaf_counts(work.graph)
    assert int(place.leaf) < counts[int(place.tensor)]
    assert (finding.fraud, finding.edge) == (None, None)


@pytest.mark.parametrize("case", ["no transcript", "garbage", "another input"])
async def test_a_lie_whose_tensors_are_withheld_is_withheld(case: str) -> None:
    work = Work(*image_net())
    work.alter(1, 3)
    served = work.blobs()
    cases()[case](served)
    assert isinstance((await looked(work, work.look(), served)).verdict, Missing)


async def test_a_lie_that_is_proven_stays_one_whatever_is_withheld_after_it() -> None:
    work = Work(*image_net())
    work.alter(0, 3)
    work.alter(1, 3)
    served = work.blobs()
    served[transcript_name(RECEIPT, 1)] = served[transcript_name(RECEIPT, 1)][:-1]
    finding = await looked(work, work.look(), served)
    assert isinstance(finding.verdict, Wrong)
    assert finding.digest == ZERO
    work.judged(finding)


async def test_a_transcript_with_a_wrong_tail_does_not_matter_while_the_roots_are_right() -> None:
    work = Work(*image_net())
    served = work.blobs()
    name = transcript_name(RECEIPT, 1)
    served[name] = served[name][:-4] + b"rest"
    assert (await looked(work, work.look(), served)).verdict == Valid()


# ---- accumulators


@pytest.mark.parametrize("how", ["none", "short", "wrong", "too large"])
async def test_without_right_accumulators_the_item_is_computed(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "VECTORS_FROM", 0)
    honest, lying = Work(*attention()), Work(*attention())
    lying.alter(0, 3)
    for work, kind in ((honest, Valid), (lying, Wrong)):
        served = work.blobs()
        name = sums_name(RECEIPT, 0)
        match how:
            case "none":
                del served[name]
            case "short":
                served[name] = served[name][:-4]
            case "wrong":
                served[name] = served[name][:-4] + b"\1\2\3\0"
            case _:
                served[name] = b"\x7f" * len(served[name])
        finding = await looked(work, work.look([0], vectors=True), served)
        assert isinstance(finding.verdict, kind)


def test_accumulators_travel_as_one_blob() -> None:
    work = Work(*image_net())
    raw = sums_of(work.graph, work.accumulators[1])
    assert len(raw) == sums_size(work.graph)
    found = read_sums(work.graph, raw)
    assert found.keys() <= work.accumulators[1].keys()
    for node, sums in found.items():
        assert np.array_equal(sums, work.accumulators[1][node])


# ---- small things


def test_the_leaf_that_is_requested_is_any_leaf_and_cannot_be_predicted() -> None:
    graph = image_net()[0].graph
    counts = ids.leaf_counts(graph)
    seen = set()
    for number in range(200):
        item, tensor, leaf = missing_leaf(graph, number.to_bytes(32, "little"), 7)
        assert item == 7
        assert leaf < counts[tensor]
        seen.add((int(tensor), int(leaf)))
    assert len(seen) > sum(counts) // 2
    assert missing_leaf(graph, RHO, 7) == missing_leaf(graph, RHO, 7)


def test_roots_prove_themselves() -> None:
    work = Work(*image_net())
    roots = work.roots()
    raw = roots.encode()
    assert len(raw) == roots_size(3)
    assert Roots.decode(raw, 3) == roots
    look = work.look()
    trees = roots.trees(look.input_root, look.item_root, look.output_root)
    assert trees.items.root == look.item_root
    for wrong in range(3):
        given = [look.input_root, look.item_root, look.output_root]
        given[wrong] = ZERO
        with pytest.raises(NotTheRoots):
            roots.trees(*given)
    with pytest.raises(NotTheRoots):
        Roots.decode(raw, 4)
