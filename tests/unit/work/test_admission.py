"""Models outside of what is exact, checkable or work are refused, and the node is named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import decode, encode, i16, i32, u8, u16, u32, u64
from btt_chain.work.admission import check_model
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Graph, Manifest, Node
from btt_chain.work.model import Model, quantised, real_outputs, scale_bits
from btt_chain.work.operators import (
    Add,
    Concat,
    Conv,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Op,
    Rearrange,
    Softmax,
    Table,
)
from btt_chain.work.shapes import MAX_LINES, check_graph, check_manifest, committed_bytes
from btt_chain.work.tensors import Kind, Tensor, Weights, Window
from unit.work.work_world import KINDS, attention, image_net, nodes_of, single, weights

X = Tensor(Kind.I8, [u32(6), u32(6), u32(4)], i16(0), u16(4096))
ROW = Tensor(Kind.I8, [u32(4)], i16(0), u16(4096))
WEIGHTS = Weights(H256(bytes(32)), u16(4096), u32(1000))
SEEN = window((3, 3), pads=(1, 1, 1, 1))
ZERO, HIGH = u16(0), i16(127)


def shaped(*dims: int, kind: Kind = Kind.I8, zero: int = 0) -> Tensor:
    return Tensor(kind, [u32(size) for size in dims], i16(zero), u16(4096))


def graph(op: Op, out: Tensor, given: Tensor = X) -> Graph:
    return Graph([given], [Node("guilty", op, out)], [u16(1)])


def conv(seen: Window = SEEN, groups: int = 1, limit: int = 1000) -> Op:
    held = replace(WEIGHTS, limit=u32(limit))
    return Conv(ZERO, held, seen, u16(groups), u16(1), i16(-128), HIGH)


BROKEN: dict[str, tuple[Graph, str]] = {
    "shape": (graph(conv(), shaped(5, 6, 4)), "says it makes"),
    "no image": (graph(conv(), shaped(6, 6, 4), shaped(6, 4)), "needs 2 axes and channels"),
    "window too large": (graph(conv(window((9, 9))), shaped(1, 1, 4)), "does not fit"),
    "only padding": (graph(conv(window((1, 1), pads=(1, 0, 0, 0))), shaped(7, 6, 4)), "padding"),
    "no window": (graph(conv(window((0, 1))), shaped(6, 6, 4)), "at least 1"),
    "groups": (graph(conv(groups=3), shaped(6, 6, 3)), "groups"),
    "accumulator": (graph(conv(limit=1 << 31), shaped(6, 6, 4)), "accumulator may reach"),
    "later tensor": (graph(Concat(u16(1), ZERO), shaped(6, 6, 8)), "made later or never"),
    "empty axis": (graph(conv(), shaped(6, 0, 4)), "none of them empty"),
    "huge": (graph(conv(), shaped(1 << 14, 1 << 14, 4)), "elements, allowed"),
    "zero": (graph(conv(), shaped(6, 6, 4, zero=200)), "is not a value"),
    "leaf": (graph(conv(), replace(X, leaf=u16(3000))), "power of two"),
    "softmax zero": (graph(Softmax(ZERO, [u16(300)] * 256), ROW, ROW), "no share is negative"),
    "softmax weights": (
        graph(Softmax(ZERO, [u16(300)] * 255), shaped(4, zero=-128), ROW),
        "256 weights",
    ),
    "softmax light": (
        graph(Softmax(ZERO, [u16(2)] * 256), shaped(4, zero=-128), ROW),
        "below 256",
    ),
    "matmul": (graph(MatMul(ZERO, ZERO, u32(1)), shaped(6, 6, 6)), "scale"),
    "matmul axes": (graph(MatMul(ZERO, ZERO, u32(1)), ROW, ROW), "cannot multiply"),
    "add": (
        graph(Add(ZERO, ZERO, i32(1 << 22), i32(0), u8(0)), X),
        "factors",
    ),
    "zeros differ": (graph(Concat(ZERO, ZERO), shaped(6, 6, 8, zero=3)), "one zero"),
    "pool": (graph(MaxPool(ZERO, window((2, 2), pads=(1, 1, 1, 1), apart=(2, 2))), X), "spaced"),
    "axes": (graph(Rearrange(ZERO, [u32(144)], [u8(1)]), X), "each axis once"),
    "view": (graph(Rearrange(ZERO, [u32(9)], [u8(0)]), X), "cannot be seen"),
    "norm": (graph(LayerNorm(ZERO, u64(1 << 49), WEIGHTS, u8(0)), X), "epsilon"),
    "32 bits": (graph(Concat(ZERO, ZERO), shaped(6, 6, 8, kind=Kind.I32)), "cannot make I32"),
    "record": (graph(conv(window((127, 129), pads=(126, 128, 0, 0))), X), "bytes a record"),
    "proof": (
        graph(MaxPool(ZERO, window((64, 64), (64, 64))), shaped(1, 1, 64), shaped(64, 64, 64)),
        "fraud proof may need",
    ),
}


# ---- tensors without leaves

BARE = replace(ROW, leaf=u16(0))
PASS = Table(ZERO, bytes(256))


def row(*nodes: tuple[Op, Tensor]) -> Graph:
    """Nodes by the name of their number, over a row of four."""
    return Graph(
        [ROW], [Node(f"n{at}", op, out) for at, (op, out) in enumerate(nodes)], [u16(len(nodes))]
    )


def dense(x: int) -> Op:
    return Linear(u16(x), WEIGHTS, u16(1), i16(-128), HIGH)


def both(a: int, b: int) -> Op:
    return Add(u16(a), u16(b), i32(1), i32(1), u8(0))


WITHOUT_LEAVES: dict[str, tuple[Graph, str]] = {
    "input": (replace(row((PASS, ROW)), inputs=[BARE]), "inputs and outputs must have leaves"),
    "output": (row((PASS, BARE)), "inputs and outputs must have leaves"),
    "two readers": (
        row((PASS, BARE), (Table(u16(1), bytes(256)), ROW), (both(1, 2), ROW)),
        "'n2'.*cannot read 'n0' without leaves",
    ),
    "twice by one": (row((PASS, BARE), (both(1, 1), ROW)), "'n1'.*cannot read 'n0'"),
    "by rows": (row((PASS, BARE), (dense(1), ROW)), "'n1'.*cannot read 'n0'"),
    "shares by a norm": (
        row(
            (Softmax(ZERO, [u16(300)] * 256), replace(shaped(4, zero=-128), leaf=u16(0))),
            (LayerNorm(u16(1), u64(1), WEIGHTS, u8(0)), ROW),
        ),
        "'n1'.*cannot read 'n0'",
    ),
    "two weights": (
        row((dense(0), BARE), (dense(0), BARE), (both(1, 2), ROW)),
        "'n2'.*weights of two nodes",
    ),
    "too many": (
        row(
            *[(Table(u16(at), bytes(256)), BARE) for at in range(8)],
            (Table(u16(8), bytes(256)), ROW),
        ),
        "'n8'.*8 nodes without leaves, allowed are 7",
    ),
    "too wide": (
        row(
            *[(PASS, ROW)] * 6,
            (both(1, 2), BARE),
            (both(7, 3), BARE),
            (both(8, 4), BARE),
            (both(9, 5), BARE),
            (both(10, 6), ROW),
        ),
        "'n10'.*7 tensors, allowed are 6",
    ),
}


@pytest.mark.parametrize("what", WITHOUT_LEAVES)
def test_leaves_are_missing_only_where_a_proof_can_do_without(what: str) -> None:
    broken, why = WITHOUT_LEAVES[what]

    with pytest.raises(ModelRefused, match=why):
        check_graph(broken)


def test_a_row_of_seven_without_leaves_is_as_many_as_there_may_be() -> None:
    nodes: list[tuple[Op, Tensor]] = [(Table(u16(at), bytes(256)), BARE) for at in range(7)]

    check_graph(row(*nodes, (Table(u16(7), bytes(256)), ROW)))


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_graph_is_refused_with_the_name_of_its_node(what: str) -> None:
    broken, why = BROKEN[what]

    with pytest.raises(ModelRefused, match=f"'guilty'.*{why}"):
        check_graph(broken)


def test_graphs_that_lead_nowhere_are_refused() -> None:
    join = Node("one", Concat(ZERO, ZERO), shaped(8))
    again = Node("two", Concat(ZERO, ZERO), shaped(8))
    same_name = replace(again, name="one")

    for nodes, why in (
        ([], "no node"),
        ([join, again], "'one': nothing reads"),
        ([join, same_name], "two nodes"),
        ([replace(join, name="")], "1 to 64"),
        ([replace(join, name="x" * 65)], "1 to 64"),
    ):
        with pytest.raises(ModelRefused, match=why):
            check_graph(Graph([ROW], nodes, [u16(len(nodes))]))
    with pytest.raises(ModelRefused, match="cannot read I32"):
        check_graph(Graph([shaped(4, kind=Kind.I32)], [join], [u16(1)]))


def test_a_manifest_says_truly_how_much_work_it_is() -> None:
    model, _ = image_net()
    manifest = model.manifest
    check_manifest(manifest)

    with pytest.raises(ModelRefused, match="MACs are claimed"):
        check_manifest(replace(manifest, macs=u64(manifest.macs + 1)))
    with pytest.raises(ModelRefused, match="scale of an input"):
        check_manifest(replace(manifest, input_scales=[u32(0)]))


@pytest.mark.parametrize("make", [image_net, attention])
def test_a_manifest_survives_the_wire(make: Callable[[], tuple[Model, object]]) -> None:
    manifest = make()[0].manifest

    assert decode(Manifest, encode(Manifest, manifest)) == manifest


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoded_manifest_executes_like_the_one_that_was_built(kind: str) -> None:
    model, items = single(kind, 11)
    again = Model(decode(Manifest, encode(Manifest, model.manifest)), model.records)

    np.testing.assert_array_equal(
        Executor(again).run(*items).outputs[0], Executor(model).run(*items).outputs[0]
    )


def test_weights_that_are_mostly_nothing_are_no_work() -> None:
    made = Builder(Kind.I8, (100,))
    columns = np.zeros((4, 100), np.int8)
    columns[:, :9] = 5
    ones = np.ones(4, np.float32)
    made.linear("idle", 0, columns, np.zeros(4, np.int32), ones, Numbers(Kind.I8))

    with pytest.raises(ModelRefused, match="'idle': 9 %"):
        made.model()


def test_accumulators_that_could_overflow_are_refused_when_the_model_is_made() -> None:
    made = Builder(Kind.U8, (100,))
    columns = np.ones((1, 100), np.int8)
    one = np.ones(1, np.float32)

    with pytest.raises(ModelRefused, match="'much': an accumulator"):
        made.linear("much", 0, columns, np.array([2**31 - 1], np.int32), one, Numbers(Kind.I8))


def test_a_scale_that_is_not_exact_is_refused() -> None:
    for scale in (0.0, -1.0, np.inf, np.nan, 1e-30):
        rng = np.random.default_rng(1)
        columns, bias, _ = weights(rng, 2, 8)
        made = Builder(Kind.I8, (8,))
        scales = np.array([0.01, scale], np.float32)
        made.linear("odd", 0, columns, bias, scales, Numbers(Kind.I8))
        with pytest.raises(ModelRefused, match="'odd': a scale"):
            made.model()


def test_a_limit_that_is_not_that_of_the_weights_is_refused() -> None:
    model, _ = single("linear", 4)
    node = model.graph.nodes[0]
    op = node.op
    assert isinstance(op, Linear)
    lower = replace(op.weights, limit=u32(op.weights.limit - 1))
    claimed = Node(node.name, Linear(op.x, lower, op.parts, op.low, op.high), node.out)
    manifest = replace(model.manifest, graph=replace(model.graph, nodes=[claimed]))

    claimed_model = Model(manifest, model.records)

    # Neither registered nor executed: an honest provider could be judged wrong.
    for use in (check_model, Executor):
        with pytest.raises(ModelRefused, match="'linear': says"):
            use(claimed_model)


def test_weights_other_than_those_of_the_manifest_are_refused() -> None:
    model, _ = single("linear", 4)
    changed = model.records[0].copy()
    changed[0, 0] ^= 1

    with pytest.raises(ModelRefused, match="'linear': weights with root"):
        Model(model.manifest, {0: changed})
    with pytest.raises(ModelRefused, match="'linear': records of None"):
        Model(model.manifest, {})
    with pytest.raises(ModelRefused, match="'linear': records of"):
        Model(model.manifest, {0: changed[:, 1:]})


def test_real_numbers_are_quantised_like_onnx_does() -> None:
    made = Builder(Kind.U8, (4,), 100, 0.5)
    made.concat("twice", 0, 0)
    manifest = made.model(output_scale=0.5).manifest

    items = quantised(manifest, np.array([[0.25, 0.75, -1000.0, 1000.0]]))

    assert items.tolist() == [[100, 102, 0, 255]]
    assert real_outputs(manifest, items).tolist() == [[0.0, 1.0, -50.0, 77.5]]
    assert manifest.input_scales == [scale_bits(0.5)] == [126 << 23]


def test_where_a_proof_would_be_too_large_more_tensors_get_leaves() -> None:
    """Image and largest of long windows, added: windows alone nearly fill a proof."""
    found: list[bool] = []
    for lines in range(30, 60):
        made = Builder(Kind.I8, (64, 64, 16))
        pool = made.max_pool("pool", 0, window((lines, 1), pads=(lines - 1, 0, 0, 0)))
        made.add("sum", 0, pool, (0.5, 0.5), Numbers(Kind.I8))
        with suppress(ModelRefused):  # the windows alone are too long
            found.append(made.model().graph.nodes[0].out.committed)
    assert found == sorted(found)
    assert {*found} == {False, True}


def test_of_a_long_row_of_tables_every_eighth_has_leaves() -> None:
    made = Builder(Kind.I8, (4,))
    for at in range(17):
        made.table(f"t{at}", at, range(-128, 128), Numbers(Kind.I8))
    assert nodes_of(made.model().graph) == [0, 8, 16]


def test_a_proof_reads_no_more_lines_of_windows_than_are_allowed() -> None:
    """Each line is read by itself: of lines of one element, a proof would hold 20,000."""

    def tall(lines: int) -> Graph:
        pool = MaxPool(ZERO, window((lines, 1)))
        return Graph([shaped(lines, 1, 1)], [Node("pool", pool, shaped(1, 1, 1))], [u16(1)])

    check_graph(tall(MAX_LINES))
    with pytest.raises(ModelRefused, match=f"reads {MAX_LINES + 1} lines of windows, allowed are"):
        check_graph(tall(MAX_LINES + 1))


def test_leaves_of_an_item_fit_into_32_bits_and_are_counted() -> None:
    large = shaped(1 << 12, 1 << 12)
    identity = bytes(range(256))

    def chain(count: int) -> Graph:
        nodes = [Node(f"{at}", Table(u16(at), identity), large) for at in range(count)]
        return Graph([large], nodes, [u16(count)])

    assert committed_bytes(chain(254)) == 255 << 24
    check_graph(chain(254))
    with pytest.raises(ModelRefused, match="4294967296 bytes of leaves, allowed are 4294967295"):
        check_graph(chain(255))


def test_tensors_without_leaves_do_not_count() -> None:
    passing = replace(ROW, leaf=u16(0))
    nodes = [
        Node("first", Table(u16(0), bytes(256)), passing),
        Node("second", Table(u16(1), bytes(256)), ROW),
    ]
    assert committed_bytes(Graph([ROW], nodes, [u16(2)])) == 8
