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
from btt_chain.work.model import Model, quantised, real_outputs, records_of_table, scale_bits
from btt_chain.work.operators import (
    Add,
    Affine,
    AveragePool,
    Concat,
    Conv,
    Gather,
    Hypot,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Op,
    Pad,
    Rearrange,
    Resize,
    Slice,
    Softmax,
    Table,
    WideTable,
)
from btt_chain.work.operators.moves import Padding
from btt_chain.work.shapes import (
    MAX_JUDGED,
    MAX_LINES,
    check_graph,
    check_manifest,
    committed_bytes,
    judged_of,
)
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


def affine(shift: int = 0, low: int = -128) -> Op:
    return Affine(ZERO, WEIGHTS, False, u8(shift), i16(low), HIGH)


def times(scale: float) -> Op:
    return Mul(ZERO, ZERO, u32(scale_bits(scale)))


def root(scale: float) -> Op:
    return Hypot(ZERO, ZERO, u32(scale_bits(scale)))


def wide(op: Op, *dims: int) -> Graph:
    """A node that reads a tensor of 16 bits and makes one."""
    return graph(op, shaped(*dims, kind=Kind.I16), shaped(4, kind=Kind.I16))


def mean(*sides: int, kind: Kind = Kind.I8) -> Graph:
    """The mean of a whole image."""
    pool = AveragePool(ZERO, window(sides), u32(scale_bits(1.0)))
    return graph(pool, shaped(1, 1, 1, kind=kind), shaped(*sides, 1, kind=kind))


def unlike(op: Op, other: Tensor) -> Graph:
    """A node that reads a row of four elements of 8 bits, and another tensor."""
    return Graph([ROW, other], [Node("guilty", op, ROW)], [u16(2)])


def numbers(*values: int) -> list[u32]:
    return list(map(u32, values))


def part(begin: int, step: int, size: int) -> Op:
    """Part of the first axis of the image."""
    return Slice(ZERO, numbers(begin, 0, 0), numbers(step, 1, 1), numbers(size, 6, 4))


def padded(*after: int, mode: Padding = Padding.Zero) -> Op:
    return Pad(ZERO, numbers(*(0 for _ in after)), numbers(*after), mode)


def resized(*sides: int, linear: bool = False, asymmetric: bool = False) -> Op:
    return Resize(ZERO, numbers(*sides), linear, asymmetric)


def gather(rows: int, width: int) -> Op:
    return Gather(ZERO, WEIGHTS, u32(rows), u32(width))


IDS = Tensor(Kind.I32, [u32(4)], i16(0), u16(4096))

BROKEN: dict[str, tuple[Graph, str]] = {
    "shape": (graph(conv(), shaped(5, 6, 4)), "says it makes"),
    "no image": (graph(conv(), shaped(6, 6, 4), shaped(6, 4)), "needs 2 axes and channels"),
    "window too large": (graph(conv(window((9, 9))), shaped(1, 1, 4)), "does not fit"),
    "only padding": (graph(conv(window((1, 1), pads=(1, 0, 0, 0))), shaped(7, 6, 4)), "padding"),
    "no window": (graph(conv(window((0, 1))), shaped(6, 6, 4)), "at least 1"),
    "window without axes": (graph(conv(Window([])), ROW, ROW), "its window has no axis"),
    "pool without axes": (graph(MaxPool(ZERO, Window([])), ROW, ROW), "its window has no axis"),
    "mean without axes": (
        graph(AveragePool(ZERO, Window([]), u32(scale_bits(1.0))), ROW, ROW),
        "its window has no axis",
    ),
    "pool of too many taps": (
        graph(MaxPool(ZERO, window((7, 7), pads=(3, 3, 3, 3))), *[shaped(1024, 1024, 16)] * 2),
        "reads 822083584 elements, allowed are 536870912",
    ),
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
    "slice axes": (graph(Slice(ZERO, numbers(0), numbers(1), numbers(4)), ROW), "begin, step"),
    "slice shape": (graph(part(0, 1, 3), X), "says it makes"),
    "slice step": (graph(part(0, 0, 6), X), "step along an axis is at least 1"),
    "slice end": (graph(part(1, 2, 4), shaped(4, 6, 4)), "takes element 7 of axis 0, which has 6"),
    "slice far": (graph(part((1 << 32) - 1, 1, 6), X), "takes element 4294967300"),
    "slice zero": (graph(part(0, 1, 2), shaped(2, 6, 4, zero=1)), "one kind and one zero"),
    "pad axes": (graph(padded(1, 1), shaped(7, 7, 4)), "each of the 3 axes"),
    "pad shape": (graph(padded(1, 0, 0), X), "says it makes"),
    "pad growth": (
        graph(padded(0, 0, 253, mode=Padding.Wrap), shaped(6, 6, 257)),
        "makes 9252 elements of 144, allowed are 64",
    ),
    "pad kind": (graph(padded(1, 0, 0), shaped(7, 6, 4, kind=Kind.U8)), "one kind"),
    "resize axes": (graph(resized(9), shaped(9, 6, 4)), "one to three new sides"),
    "resize nothing": (graph(resized(), ROW, ROW), "one to three new sides"),
    "resize shape": (graph(resized(9, 9), shaped(9, 8, 4)), "says it makes"),
    "resize growth": (graph(resized(48, 49), shaped(48, 49, 4)), "allowed are 64 of each"),
    "resize both": (
        graph(resized(9, 9, linear=True, asymmetric=True), shaped(9, 9, 4)),
        "they are not asymmetric",
    ),
    "resize zero": (graph(resized(9, 9), shaped(9, 9, 4, zero=3)), "one zero"),
    "resize kind": (graph(resized(9), shaped(9, 4), shaped(4, 4, kind=Kind.I32)), "cannot read"),
    "gather bytes": (graph(gather(3, 2), shaped(4, 2), ROW), "cannot read I8"),
    "gather kind": (graph(gather(3, 2), shaped(4, 2, kind=Kind.U8), IDS), "cannot make U8"),
    "gather shape": (graph(gather(3, 2), shaped(4, 3), IDS), "says it makes"),
    "gather empty": (graph(gather(0, 2), shaped(4, 2), IDS), "has no row"),
    "gather wide": (graph(gather(2, 65_530), shaped(4, 65_530), IDS), "bytes a record"),
    "gather huge": (
        graph(gather(2, 4096), shaped(5000, 4096), shaped(5000, kind=Kind.I32)),
        "elements, allowed",
    ),
    "record": (graph(conv(window((127, 129), pads=(126, 128, 0, 0))), X), "bytes a record"),
    "affine shape": (graph(affine(), shaped(6, 6, 2)), "says it makes"),
    "affine shift": (graph(affine(30), X), "shift 30, allowed are 29"),
    "affine bounds": (graph(affine(low=-129), X), "bounds -129 to 127 of I8"),
    "factors that do not fit": (
        unlike(Mul(ZERO, u16(1), u32(scale_bits(1.0))), shaped(2)),
        "cannot repeat .2,. along .4,.: each size must be equal or 1",
    ),
    "factors of other axes": (
        unlike(Mul(ZERO, u16(1), u32(scale_bits(1.0))), shaped(1, 1)),
        "cannot repeat",
    ),
    "factors repeat the second alone": (
        Graph(
            [shaped(1), ROW],
            [Node("guilty", Mul(ZERO, u16(1), u32(scale_bits(1.0))), ROW)],
            [u16(2)],
        ),
        "says it makes",
    ),
    "product without scale": (graph(times(0.0), ROW, ROW), "scale 0x00000000 is not between"),
    "product of nothing": (graph(times(2.0**-15), ROW, ROW), "makes 0 of every number up to 16384"),
    "terms of two kinds": (
        unlike(Hypot(ZERO, u16(1), u32(scale_bits(1.0))), shaped(4, kind=Kind.I16)),
        "terms of I8 and I16: give both one kind",
    ),
    "terms of two shapes": (
        unlike(Hypot(ZERO, u16(1), u32(scale_bits(1.0))), shaped(1)),
        "says it makes",
    ),
    "root without scale": (graph(root(2.0**-60), ROW, ROW), "is not between"),
    "root of nothing": (graph(root(2.0**-9), ROW, ROW), "makes 0 of every number up to 2896"),
    "table of 16 bits": (
        wide(Table(ZERO, bytes(256)), 4),
        "Table cannot read I16: use WideTable for elements of 16 bits",
    ),
    "wide table of 8 bits": (
        graph(WideTable(ZERO, WEIGHTS), ROW, ROW),
        "WideTable cannot read I8: use Table for elements of 8 bits",
    ),
    "wide table shape": (wide(WideTable(ZERO, WEIGHTS), 5), "says it makes"),
    "mean of 16 bits": (
        mean(256, 256, kind=Kind.I16),
        "may reach 2147483648, allowed is less than 2.31: pool its 65536 taps in two steps",
    ),
    "proof": (
        graph(MaxPool(ZERO, window((32, 32), (32, 32))), shaped(1, 1, 64), shaped(32, 32, 64)),
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
    "weights and factors": (
        row(
            (dense(0), BARE),
            (Affine(u16(1), WEIGHTS, True, u8(0), i16(-128), HIGH), ROW),
        ),
        "'n1'.*weights of two nodes: give the tensor between them leaves",
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


def test_a_proof_is_judged_by_no_more_numbers_than_are_allowed() -> None:
    def wide(channels: int) -> Graph:
        seen = window((16, 16))
        pool = AveragePool(ZERO, seen, u32(scale_bits(1.0)))
        return graph(pool, shaped(1, 1, channels), shaped(16, 16, channels))

    allowed, refused = wide(256), wide(257)

    assert judged_of(allowed, 0) == MAX_JUDGED
    with pytest.raises(ModelRefused, match="a fraud proof may need"):
        check_graph(allowed)
    with pytest.raises(ModelRefused, match=r"'guilty'.*reads 65792 numbers in a proof.*cut"):
        check_graph(refused)


def test_taps_in_the_padding_are_not_read() -> None:
    seen = window((256, 256), pads=(122, 122, 122, 122))
    pool = AveragePool(ZERO, seen, u32(scale_bits(1.0)))
    padded = graph(pool, shaped(89, 89, 1), shaped(100, 100, 1))

    check_graph(padded)
    assert judged_of(padded, 0) == 100 * 100


def test_all_nodes_of_a_proof_are_judged_together() -> None:
    made = Builder(Kind.I8, (2, 5, 20))
    shares = made.softmax("shares", 0, [256] * 256)
    mixed = made.matmul("mixed", shares, 0, 1 / 256, Numbers(Kind.I8))
    made.table("end", mixed, range(-128, 128), Numbers(Kind.I8))
    graph = made.model().graph

    assert nodes_of(graph) == [2]
    assert judged_of(graph, 2) == 20 + 2 * 20 + 1


def test_products_are_cut_until_each_part_can_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("btt_chain.work.shapes.MAX_JUDGED", 800)
    rng = np.random.default_rng(3)
    i8 = Numbers(Kind.I8)
    made = Builder(Kind.I8, (4, 4, 200))
    image = made.conv("conv", 0, *weights(rng, 3, 3, 3, 200), window((3, 3), pads=(1, 1, 1, 1)), i8)
    flat = made.rearrange("flat", image, (48,), (0,), (48,))
    wide = made.linear("wide", flat, *weights(rng, 1601, 48), i8)
    made.linear("head", wide, *weights(rng, 3, 1601), i8)

    graph = made.model().graph

    assert {node.name: node.op.partial_sums for node in graph.nodes if node.op.constants} == {
        "conv:parts": 3, "conv": 1, "wide": 1, "head:parts": 3, "head": 1,
    }  # fmt: skip
    assert all(judged_of(graph, number) <= 800 for number in nodes_of(graph))


# ---- constants of operators on each element


def affine_model(factor: list[int], offset: int = 0, kind: Kind = Kind.I8) -> Model:
    made = Builder(kind, (2, len(factor)))
    offsets = np.full(len(factor), offset, np.int32)
    made.affine("moved", 0, offsets, np.array(factor, np.int32), 20, Numbers(Kind.I8))
    return made.model()


def test_factors_and_offsets_beyond_what_is_exact_are_refused() -> None:
    affine_model([1 << 21, -(1 << 21)], 1 << 30)
    affine_model([1 << 14], -(1 << 30), Kind.I16)

    for factor, offset, kind, why in (
        ((1 << 21) + 1, 0, Kind.I8, "factor 2097153 for I8, at most 2097152 is exact: use a"),
        (-(1 << 31), 0, Kind.U8, "factor 2147483648 for U8"),
        ((1 << 14) + 1, 0, Kind.I16, "factor 16385 for I16, at most 16384"),
        (1, (1 << 30) + 1, Kind.I8, "offset 1073741825 for I8, at most 1073741824"),
        (1, -(1 << 31), Kind.I16, "offset 2147483648"),
    ):
        with pytest.raises(ModelRefused, match=f"'moved': {why}"):
            affine_model([factor], offset, kind)


def test_factors_of_which_too_many_are_zero_are_refused() -> None:
    affine_model([0, *[1] * 9])

    with pytest.raises(ModelRefused, match="'moved': 2 of 19 factors are 0, at most 10 %"):
        affine_model([0, 0, *[1] * 17])


def test_factors_are_given_by_channel_or_by_element() -> None:
    for count, per_element in ((4, False), (12, True)):
        made = Builder(Kind.I8, (3, 4))
        ones = np.ones(count, np.int32)
        made.affine("moved", 0, ones, ones, 0, Numbers(Kind.I8))
        model = made.model()
        (node,) = model.graph.nodes
        assert isinstance(node.op, Affine)
        assert node.op.per_element == per_element
        assert model.records[0].shape == (count, 8)
        with pytest.raises(ModelRefused, match="'moved': records of"):
            Model(model.manifest, {0: model.records[0][1:]})

    made = Builder(Kind.I8, (3, 4))
    ones = np.ones(3, np.int32)
    with pytest.raises(ModelRefused, match=r"'moved': 3 factors and 3 offsets.*4 channels.*12"):
        made.affine("moved", 0, ones, ones, 0, Numbers(Kind.I8))


def wide_table(values: list[int], out: Numbers, kind: Kind = Kind.I16) -> Model:
    made = Builder(kind, (2, 3))
    made.wide_table("wide", 0, values, out)
    return made.model()


def test_wide_tables_of_too_few_or_of_other_numbers_are_refused() -> None:
    i16, u8 = Numbers(Kind.I16), Numbers(Kind.U8)
    wide_table([0, 1, 2, 3] * 1024, i16)

    for values, out, why in (
        ([0, 1, 2, 2] * 1024, i16, "3 different numbers, at least 4 are needed"),
        ([0, 1, 2, 3] * 1023, i16, "4092 numbers, needed are 4096"),
        ([0, 1, 2, 256] * 1024, u8, "a number is not an element of U8"),
        ([0, 1, 2, 1 << 15] * 1024, i16, "a number is not an element of I16"),
    ):
        with pytest.raises(ModelRefused, match=f"'wide': {why}"):
            wide_table(values, out)
    with pytest.raises(ModelRefused, match="'wide': WideTable cannot read U8: use Table"):
        wide_table([0, 1, 2, 3] * 1024, i16, Kind.U8)
    with pytest.raises(ModelRefused, match="'narrow': Table cannot read I16: use WideTable"):
        Builder(Kind.I16, (2,)).table("narrow", 0, range(256), Numbers(Kind.U8))


def test_numbers_of_a_wide_table_are_elements_of_its_output() -> None:
    made = Builder(Kind.I16, (2,))
    records = records_of_table(np.arange(-2048, 2048).astype(np.int16))
    made.node("wide", WideTable(ZERO, WEIGHTS), Numbers(Kind.I8), (2,), records)

    with pytest.raises(ModelRefused, match="'wide': numbers -2048 to 2047 are not elements of I8"):
        made.model()


def test_a_table_of_8_bits_may_have_one_number() -> None:
    made = Builder(Kind.I8, (4,))
    made.table("constant", 0, [5] * 256, Numbers(Kind.I8))

    assert len(made.model().graph.nodes) == 1


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
