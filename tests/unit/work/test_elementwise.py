"""Operators on each element: fixed vectors of their formulas, and exactness at their bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.scale import encode, i16, i32, u8, u16, u32
from btt_chain.work.arithmetic import RowScale
from btt_chain.work.build import Builder, Numbers, window
from btt_chain.work.commit import commit_item, roots_tree
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import Evidence, FraudProof, prove
from btt_chain.work.model import (
    Constants,
    Elements,
    Int32s,
    constants_of,
    dtype_of,
    elements_of,
    records_of_norm,
    records_of_table,
    scale_bits,
)
from btt_chain.work.operators import Add, Affine, AveragePool, Hypot, MaxPool, Mul, Op, WideTable
from btt_chain.work.operators.elementwise import entry_of
from btt_chain.work.operators.numeric import KERNELS
from btt_chain.work.operators.numeric.kernel import NodeOf, node_of
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind, RowTail, Tensor
from unit.work.work_world import KINDS, NOTHING, nodes_of, records_of

I16 = Numbers(Kind.I16)
SMALL_KINDS = (Kind.I8, Kind.U8, Kind.I16)


def shaped(kind: Kind, *dims: int, zero: int = 0) -> Tensor:
    return Tensor(kind, [u32(size) for size in dims], i16(zero), u16(4096))


class InputLists:
    """Inputs of one node from lists."""

    def __init__(
        self, tensors: Sequence[Tensor], values: Sequence[Elements], constants: Constants | None
    ) -> None:
        self.tensors = tensors
        self.values = [array.reshape(-1).tolist() for array in values]
        self.constants = constants

    def tensor(self, tensor: int) -> Tensor:
        return self.tensors[tensor]

    def zero(self, tensor: int) -> int:
        return int(self.tensors[tensor].zero)

    def one(self, tensor: int, index: int) -> int:
        return int(self.values[tensor][index])

    def row(self, tensor: int, row: int) -> Sequence[int]:
        width = self.tensors[tensor].dims[-1]
        return self.numbers(tensor, row * width, width)

    def numbers(self, tensor: int, start: int, length: int) -> Sequence[int]:
        return self.values[tensor][start : start + length]

    def scale(self, tensor: int, row: int) -> RowScale:
        raise AssertionError("these operators read no rows with scales of their own")

    def claimed(self, index: int) -> int:
        raise AssertionError("these operators do not read their output")

    def claimed_tail(self, row: int) -> RowTail:
        raise AssertionError("these operators do not read their output")

    def record(self, row: int) -> tuple[Sequence[int], int, int]:
        assert self.constants is not None
        bits = int(self.constants.second[row]) & 0xFFFFFFFF
        return [], int(self.constants.first[row]), bits

    def split_record(self, row: int, tail: int) -> tuple[Sequence[int], bytes]:
        raise AssertionError("these operators have plain records")

    def own(self, start: int, length: int) -> Sequence[int]:
        raise AssertionError("these operators do not read their output")

    def number(self, row: int, at: int, kind: Kind) -> int:
        assert self.constants is not None
        assert kind is Kind.I16
        return int(self.constants.table[64 * row + at])


def computed(
    op: Op,
    tensors: Sequence[Tensor],
    out: Tensor,
    values: Sequence[Elements],
    constants: Constants | None = None,
) -> list[int]:
    """All elements of one item by numpy; those in plain integers must be the same."""
    op.check("node", tensors, out)
    node = NodeOf("node", op, tensors, out)
    outputs = np.empty((1, *out.dims), dtype_of(out.kind))
    KERNELS[type(op)](node, constants).run([array[None] for array in values], outputs)
    read = InputLists(tensors, values, constants)
    slow = [op.element(index, out, read) for index in range(out.size)]
    assert outputs.reshape(-1).tolist() == slow
    return slow


def row(kind: Kind, *values: int) -> Elements:
    return elements_of(kind, np.array(values))


def affine(shift: int, bounds: tuple[int, int] = (-128, 127), *, per_element: bool = False) -> Op:
    return Affine(u16(0), NOTHING, per_element, u8(shift), *map(i16, bounds))


def moved(offset: Sequence[int], factor: Sequence[int]) -> Constants:
    pair = np.array([offset, factor], np.int32)
    return constants_of(records_of_norm(pair[0], pair[1]))


# ---- fixed vectors


def test_an_affine_rounds_halves_to_even_before_it_adds_the_zero_and_clamps() -> None:
    x, out = shaped(Kind.I8, 6, 1, zero=-7), shaped(Kind.I8, 6, 1, zero=11)
    values = row(Kind.I8, -6, -4, -8, -10, 127, -128).reshape(6, 1)

    constants = moved([0], [1])
    assert computed(affine(1), [x], out, [values], constants) == [11, 13, 11, 9, 78, -49]
    assert computed(affine(1, (11, 50)), [x], out, [values], constants) == [11, 13, 11, 11, 50, 11]
    assert computed(affine(2), [x], out, [values], moved([5], [-3])) == [11, 10, 13, 15, -88, 103]


def test_an_affine_has_a_record_for_each_channel_or_for_each_element() -> None:
    x = shaped(Kind.U8, 2, 2)
    values = row(Kind.U8, 1, 2, 3, 4).reshape(2, 2)

    by_channel = computed(affine(0), [x], shaped(Kind.I8, 2, 2), [values], moved([5, -9], [2, -3]))
    constants = moved([5, -9, 0, 1], [2, -3, 1, 0])
    by_element = computed(
        affine(0, per_element=True), [x], shaped(Kind.I8, 2, 2), [values], constants
    )

    assert by_channel == [7, -15, 11, -21]
    assert by_element == [7, -15, 3, 1]


def test_a_product_is_rounded_twice_as_in_binary32() -> None:
    a = shaped(Kind.I16, 5)
    first = row(Kind.I16, 1, 3, -3, 16475, -32768)
    second = row(Kind.I16, 4096, 4096, 4096, 8147, -32768)

    outputs = computed(Mul(u16(0), u16(1), u32(scale_bits(2.0**-13))), [a, a], a, [first, second])

    # 16475 * 8147 / 2^13 is 16384.5 and a little more, which binary32 has no bits for.
    assert outputs == [0, 2, -2, 16384, 32767]


def test_a_factor_of_size_one_is_repeated_along_its_axis() -> None:
    a, b = shaped(Kind.U8, 2, 2, 2, zero=10), shaped(Kind.I8, 2, 1, 2, zero=-1)
    values = row(Kind.U8, *range(10, 18)).reshape(2, 2, 2)
    factors = row(Kind.I8, 0, 1, 2, 3).reshape(2, 1, 2)

    op = Mul(u16(0), u16(1), u32(scale_bits(1.0)))
    outputs = computed(op, [a, b], shaped(Kind.I16, 2, 2, 2), [values, factors])

    assert outputs == [0, 2, 2, 6, 12, 20, 18, 28]


def test_a_root_is_rounded_down_to_a_sixteenth_and_then_requantised() -> None:
    x = shaped(Kind.I16, 4)
    values = [row(Kind.I16, 3, 1, 0, -32768), row(Kind.I16, -4, 1, 0, -32768)]

    for scale, right in (
        (1.0, [5, 1, 0, 32767]),
        (8.0, [40, 11, 0, 32767]),
        # 100 * sqrt(2) is 141; of 22/16 it is 137.5, which goes to even.
        (100.0, [500, 138, 0, 32767]),
        (0.5, [2, 1, 0, 23170]),
    ):
        op = Hypot(u16(0), u16(1), u32(scale_bits(scale)))
        assert computed(op, [x, x], x, values) == right
    zeros = [shaped(Kind.U8, 1, zero=100), shaped(Kind.U8, 1, zero=7)]
    op = Hypot(u16(0), u16(1), u32(scale_bits(0.5)))
    pair = [row(Kind.U8, 40), row(Kind.U8, 87)]
    assert computed(op, zeros, shaped(Kind.U8, 1, zero=3), pair) == [53]


def test_the_entry_of_a_wide_table_is_the_nearest_sixteenth_halves_to_even() -> None:
    elements = {
        -32768: 0, -32760: 0, -32759: 1, -24: 2046, -8: 2048, 0: 2048, 8: 2048, 9: 2049,
        24: 2050, 32743: 4094, 32744: 4094, 32745: 4095, 32767: 4095,
    }  # fmt: skip
    assert {element: entry_of(element) for element in elements} == elements

    x = shaped(Kind.I16, len(elements))
    table = constants_of(records_of_table(np.arange(-2048, 2048).astype(np.int16)))
    values = row(Kind.I16, *elements)
    outputs = computed(WideTable(u16(0), NOTHING), [x], x, [values], table)

    assert outputs == [entry - 2048 for entry in elements.values()]


def test_a_record_of_a_wide_table_has_64_numbers_lowest_byte_first() -> None:
    values = np.arange(-2048, 2048).astype(np.int16) * np.int16(5)

    records = records_of_table(values)

    assert records.shape == (64, 128)
    assert records[1, :4].tolist() == [*(-9920).to_bytes(2, "little", signed=True), 0x45, 0xD9]
    np.testing.assert_array_equal(constants_of(records).table, values)
    with pytest.raises(ValueError, match="reshape"):
        records_of_table(values[:-64])


# ---- at the bounds


def ends(kind: Kind) -> st.SearchStrategy[int]:
    return st.sampled_from([kind.low, kind.high, 0]) | st.integers(kind.low, kind.high)


@st.composite
def tensors(draw: st.DrawFn, kind: Kind | None = None, count: int = 6) -> tuple[Tensor, Elements]:
    kind = draw(st.sampled_from(SMALL_KINDS)) if kind is None else kind
    zero = 0 if kind is Kind.I16 else draw(ends(kind))
    values = draw(st.lists(ends(kind), min_size=count, max_size=count))
    return shaped(kind, count, zero=zero), row(kind, *values)


def near(limit: int) -> st.SearchStrategy[int]:
    return st.sampled_from([-limit, limit, limit - 1]) | st.integers(-limit, limit)


@settings(deadline=None)
@given(data=st.data(), shift=st.integers(0, 29))
def test_an_affine_is_exact_at_the_bounds_of_its_constants(data: st.DataObject, shift: int) -> None:
    x, values = data.draw(tensors())
    out, _ = data.draw(tensors())
    most = 1 << 14 if x.kind is Kind.I16 else 1 << 21
    factor = data.draw(st.lists(near(most), min_size=6, max_size=6))
    offset = data.draw(st.lists(near(1 << 30), min_size=6, max_size=6))

    computed(
        affine(shift, (out.kind.low, out.kind.high)), [x], out, [values], moved(offset, factor)
    )


@settings(deadline=None)
@given(data=st.data(), exponent=st.integers(-31, 1), part=st.floats(1, 2))
def test_a_product_is_exact_for_all_elements(
    data: st.DataObject, exponent: int, part: float
) -> None:
    (a, first), (b, second), (out, _) = (data.draw(tensors()) for _ in range(3))
    exponent = max(exponent, 1 - (a.reach * b.reach).bit_length())

    op = Mul(u16(0), u16(1), u32(scale_bits(part * 2.0**exponent)))
    computed(op, [a, b], out, [first, second])


@settings(deadline=None)
@given(data=st.data(), kind=st.sampled_from(SMALL_KINDS), exponent=st.integers(-8, 8))
def test_a_root_is_exact_for_all_elements(data: st.DataObject, kind: Kind, exponent: int) -> None:
    (a, first), (b, second), (out, _) = (
        data.draw(tensors(choice)) for choice in (kind, kind, None)
    )

    op = Hypot(u16(0), u16(1), u32(scale_bits(1.37 * 2.0**exponent)))
    computed(op, [a, b], out, [first, second])


@settings(deadline=None)
@given(data=st.data(), shift=st.integers(0, 29), by=st.tuples(near(1 << 21), near(1 << 21)))
def test_a_sum_is_exact_for_all_elements(
    data: st.DataObject, shift: int, by: tuple[int, int]
) -> None:
    (a, first), (b, second), (out, _) = (data.draw(tensors()) for _ in range(3))

    op = Add(u16(0), u16(1), i32(by[0]), i32(by[1]), u8(shift))
    computed(op, [a, b], out, [first, second])


@pytest.mark.parametrize("end", [Kind.I16.low, Kind.I16.high])
@pytest.mark.parametrize("by", [-(1 << 21), 1 << 21])
def test_a_sum_of_nothing_but_extremes_of_16_bits_is_exact(end: int, by: int) -> None:
    x = shaped(Kind.I16, 3)
    values = row(Kind.I16, end, end, end)

    for shift in (0, 22, 29):
        op = Add(u16(0), u16(1), i32(by), i32(by), u8(shift))
        right = round(2 * end * by / 2**shift)
        assert computed(op, [x, x], x, [values] * 2) == [min(max(right, -32768), 32767)] * 3


POOLS: dict[str, Callable[[int], tuple[Op, int]]] = {
    # 65,535 * 32,767 / 65,536 is 32,766.5 and a little more, which binary32 has no bits for.
    "sum of most taps": lambda end: (_mean(2.0**-16), -32768 if end < 0 else 32766),
    "sum of most taps, larger": lambda end: (_mean(2.0**-15), -32768 if end < 0 else 32767),
    "maximum": lambda end: (MaxPool(u16(0), window((255, 257))), end),
}


def _mean(scale: float) -> Op:
    return AveragePool(u16(0), window((255, 257)), u32(scale_bits(scale)))


@pytest.mark.parametrize("end", [Kind.I16.low, Kind.I16.high])
@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_of_nothing_but_extremes_of_16_bits_is_exact(pool: str, end: int) -> None:
    """65,535 taps: one more could pass 32 bits, and is refused."""
    op, right = POOLS[pool](end)
    x = shaped(Kind.I16, 255, 257, 1)
    image = elements_of(Kind.I16, np.full((255, 257, 1), end))

    assert computed(op, [x], shaped(Kind.I16, 1, 1, 1), [image]) == [right]


def test_padding_of_16_bits_is_nothing_in_a_sum_and_never_the_largest() -> None:
    x, out = shaped(Kind.I16, 1, 2, 1), shaped(Kind.I16, 1, 2, 1)
    seen = window((1, 2), pads=(0, 0, 0, 1))
    image = elements_of(Kind.I16, np.full((1, 2, 1), -32768))

    mean = AveragePool(u16(0), seen, u32(scale_bits(0.5)))
    assert computed(mean, [x], out, [image]) == [-32768, -16384]
    assert computed(MaxPool(u16(0), seen), [x], out, [image]) == [-32768, -32768]


@settings(deadline=None)
@given(
    data=st.data(), sides=st.tuples(st.integers(1, 3), st.integers(1, 3)), step=st.integers(1, 2)
)
def test_pools_are_exact_for_all_elements(
    data: st.DataObject, sides: tuple[int, int], step: int
) -> None:
    kind = data.draw(st.sampled_from(SMALL_KINDS))
    row_of_x, values = data.draw(tensors(kind, 24))
    out, _ = data.draw(tensors())
    image, zero = values.reshape(3, 4, 2), int(row_of_x.zero)
    pads = [data.draw(st.integers(0, side - 1)) for side in sides * 2]
    seen = window(sides, (step, step), pads)
    high, wide = (
        (side + before + after - size) // step + 1
        for side, size, before, after in zip((3, 4), sides, pads[:2], pads[2:], strict=True)
    )
    x = shaped(kind, 3, 4, 2, zero=zero)

    mean = AveragePool(u16(0), seen, u32(scale_bits(1 / math.prod(sides))))
    computed(mean, [x], shaped(out.kind, high, wide, 2, zero=int(out.zero)), [image])
    computed(MaxPool(u16(0), seen), [x], shaped(kind, high, wide, 2, zero=zero), [image])


# ---- large tensors


@pytest.mark.parametrize("per_element", [False, True])
def test_blocks_of_large_tensors_are_computed_as_the_whole(per_element: bool) -> None:
    rng = np.random.default_rng(5)
    shape = (3, 230, 101)
    builder = Builder(Kind.I8, shape, 3)
    gates = builder.add_input(Kind.U8, (1, 230, 1))
    count = math.prod(shape) if per_element else shape[-1]
    offset, factor = (rng.integers(1, most, count).astype(np.int32) for most in (1 << 24, 1 << 20))
    at = builder.affine("affine", 0, offset, factor, 20, I16)
    builder.multiply("gated", at, gates, 2.0**-8, I16)
    x = rng.integers(-128, 128, (2, *shape)).astype(np.int8)
    y = rng.integers(0, 256, (2, 1, 230, 1)).astype(np.uint8)

    outputs = Executor(builder.model()).run(x, y).outputs[0]

    dims = shape if per_element else (101,)
    moved = (x - 3.0) * factor.reshape(dims) + offset.reshape(dims)
    right = np.clip(np.rint(moved / 2**20), -32768, 32767) * y / 256
    np.testing.assert_array_equal(outputs, np.rint(right))


def test_a_proof_about_a_wide_table_opens_one_element_and_one_leaf_of_records() -> None:
    builder = Builder(Kind.I16, (4000,))
    builder.wide_table("table", 0, [3 * entry for entry in range(-2048, 2048)], I16)
    model = builder.model()
    items = np.arange(-2000, 2000).astype(np.int16)[None] * np.int16(8)
    batch = Executor(model).run(items)
    raw = batch.item(0)
    commitment = commit_item(model.graph, 0, raw, None)
    held = records_of(model, 0)
    assert held is not None
    evidence = Evidence(0, raw, commitment, roots_tree([commitment.root]))

    proof = prove(model.graph, evidence, 0, 1999, (held[0].data, held[1]))

    assert proof.weights is not None
    assert len(proof.weights.leaves) == 1
    assert [len(opening.leaves) for opening in proof.tensors] == [1, 1]
    assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, 0)


# ---- leaves


def constant(count: int, value: int) -> Int32s:
    return np.full(count, value, np.int32)


def test_elements_are_computed_together_but_for_those_of_two_nodes_with_constants() -> None:
    builder = Builder(Kind.I16, (3, 4))
    squares = [entry**2 // 130 for entry in range(-2048, 2048)]
    root = builder.hypot("root", 0, 0, 0.7, I16)
    table = builder.wide_table("table", root, squares, I16)
    product = builder.multiply("product", table, 0, 2.0**-15, I16)
    builder.affine("affine", product, constant(4, 0), constant(4, 1 << 13), 14, I16)

    graph = builder.model().graph

    names = [graph.nodes[number].name for number in nodes_of(graph)]
    assert names == ["table", "affine"]


# ---- the baseline of the benchmark


@pytest.mark.parametrize("kind", ["affine", "multiply", "hypot", "wide_table"])
def test_each_operator_has_a_baseline_in_float32_of_its_shape(kind: str) -> None:
    rng = np.random.default_rng(1)
    graph = KINDS[kind](rng).model().graph
    node = node_of(graph, 0)
    items = [rng.standard_normal((2, *tensor.dims), np.float32) for tensor in node.inputs]

    outputs = KERNELS[type(node.op)].in_floats(node, rng)(items)

    assert outputs.dtype == np.float32
    assert outputs.shape == (2, *node.out.dims)
