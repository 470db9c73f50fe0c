"""Rows with scales of their own: their making at all bounds, and what refutes a wrong one."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import encode, i16, u8, u16, u32
from btt_chain.work.arithmetic import MAX_ROW_NUMBER, RowScale, row_element, row_scale, shifted
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused, NotFraud, ProofRefused
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof, Reader, judgement
from btt_chain.work.functions import Function
from btt_chain.work.model import (
    Constants,
    Elements,
    Int8s,
    Int32s,
    Model,
    Rows,
    outputs_of,
    real_outputs,
    rows_of,
    scale_bits,
    store_rows,
)
from btt_chain.work.operators import RowLinear, ToRows
from btt_chain.work.operators.dynamic import MAX_NORMALIZED
from btt_chain.work.operators.numeric.dynamic import RowLinearKernel, rope_records, row_weights
from btt_chain.work.operators.numeric.kernel import NodeOf
from btt_chain.work.operators.numeric.scaled_rows import bit_lengths, quantise_rows, rounded
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.shapes import check_graph, judged_of, largest_proof
from btt_chain.work.tensors import Kind, Tensor, Weights
from unit.work.row_world import ROW_KINDS, ROWS, dense, quant, witnesses_of
from unit.work.test_fraud import Receipt
from unit.work.work_world import nodes_of, single

NUMBERS = st.integers(-MAX_ROW_NUMBER, MAX_ROW_NUMBER) | st.integers(-(2**26), 2**26)
PEAKS = {Kind.D8: 127, Kind.D16: 32767}
I64 = np.int64


def rows_tensor(kind: Kind, *dims: int) -> Tensor:
    return Builder(kind, dims).tensor(0)


# ---- the making of a row


@settings(max_examples=150, deadline=None)
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=6),
    mantissa=st.integers(1, 2**16 - 1),
    exponent=st.integers(-40_000, 40_000),
    kind=st.sampled_from(ROWS),
)
@example([0, 0], 1, 0, Kind.D16)
@example([MAX_ROW_NUMBER, -MAX_ROW_NUMBER], 2**16 - 1, 40_000, Kind.D16)
@example([2**24 - 1, 2**25 - 1, 2**25], 2**15, -40_000, Kind.D8)
def test_a_row_is_the_same_in_numpy_by_elements_and_by_the_definition(
    numbers: list[int], mantissa: int, exponent: int, kind: Kind
) -> None:
    peak, unit = PEAKS[kind], RowScale(mantissa, exponent)
    right = quant(numbers, Fraction(mantissa), exponent, peak)
    right[-1] = min(max(right[-1], -(2**15)), 2**15 - 1)

    rows = quantise_rows(
        np.array([numbers], I64),
        (np.array([mantissa], I64), np.array([exponent], I64)),
        rows_tensor(kind, 1, len(numbers)),
    )

    tail = [rows.top[0], rows.mantissa[0], rows.exponent[0]]
    assert [*rows.elements[0].tolist(), *map(int, tail)] == right
    largest = abs(numbers[int(rows.top[0])])
    assert [row_element(number, largest, peak) for number in numbers] == right[:-3]
    assert row_scale(largest, unit, peak) == tuple(right[-2:])


@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=6), kind=st.sampled_from(ROWS))
def test_a_row_is_close_to_its_numbers_and_reaches_its_peak(numbers: list[int], kind: Kind) -> None:
    peak = PEAKS[kind]
    *elements, top, mantissa, exponent = quant(numbers, Fraction(2**15), -15, peak)
    largest = max(map(abs, numbers))
    if largest == 0:
        assert elements == [0] * len(numbers)
        return
    assert abs(elements[top]) == peak
    step = Fraction(mantissa) * Fraction(2) ** exponent
    errors = [abs(e * step - n) for e, n in zip(elements, numbers, strict=True)]
    assert max(errors) <= Fraction(largest, peak) * (Fraction(51, 100) if peak == 127 else 2)


@given(NUMBERS, st.integers(0, 100_000))
def test_numbers_of_64_bits_are_rounded_as_by_the_definition(number: int, shift: int) -> None:
    assert rounded(np.array([number], I64), shift).tolist() == [shifted(number, shift)]
    assert bit_lengths(np.array([abs(number)], I64)).tolist() == [abs(number).bit_length()]


@pytest.mark.parametrize("length", [1 << 13, 1 << 16])
@pytest.mark.parametrize("kind", ROWS)
def test_the_longest_rows_are_exact(kind: Kind, length: int) -> None:
    numbers = np.full((3, length), MAX_ROW_NUMBER, I64)
    numbers[1, ::2] = -MAX_ROW_NUMBER
    numbers[2] = np.random.default_rng(1).integers(-MAX_ROW_NUMBER, MAX_ROW_NUMBER, length)
    units = (np.full(3, 2**16 - 1, I64), np.zeros(3, I64))

    rows = quantise_rows(numbers, units, rows_tensor(kind, 3, length))

    for row in range(3):
        right = quant(numbers[row].tolist(), Fraction(2**16 - 1), 0, PEAKS[kind])
        assert rows.elements[row].tolist() == right[:-3]
        assert [int(rows.top[row]), int(rows.mantissa[row])] == right[-3:-1]


@pytest.mark.parametrize("length", [1 << 13, 1 << 16])
@pytest.mark.parametrize("exponent", [-(2**15), -90, -61, -60, -59, 0, 2**15 - 8])
def test_sums_at_their_bound_and_the_largest_biases_are_exact(length: int, exponent: int) -> None:
    """The largest products, factors and biases, in units of every size."""
    made = Builder(Kind.I8, (1, length))
    made.to_rows("rows", 0, 1.0, Kind.D8)
    x = made.tensor(1)
    columns = np.full((2, length), 127, np.int8)
    columns[1] = -127
    ends = np.array([2**31 - 1, -(2**31)], np.int32)
    constants = Constants(columns, ends, np.full(2, 1 << 15, np.int32))
    weights = Weights(H256(bytes(32)), u16(4096), u32(0))
    op = RowLinear(u16(1), weights, u8(0), Function.IDENTITY, gated=False)
    out = rows_tensor(Kind.D16, 1, 2)
    kernel = RowLinearKernel(NodeOf("dense", op, [x], out), constants)
    row, made_of = np.empty((1, 1, x.row_bytes), np.uint8), np.empty((1, 1, 12), np.uint8)
    full = np.full((1, 1, length), 127, np.int8)
    for mantissa in (2**15, 2**16 - 1):
        tail = (np.array([[value]]) for value in (0, mantissa, exponent))
        store_rows(x, Rows(full, *tail), row)
        sums = np.empty((1, 1, 2), np.int32)
        kernel.multiply([row], made_of, sums)
        assert sums.tolist() == [[[127 * 127 * length, -127 * 127 * length]]]
        lift = -exponent - 60
        numbers = [
            shifted(total * (1 << 15), max(lift, 0))
            + shifted(bias * (2**40 // mantissa), max(-lift, 0))
            for total, bias in zip(sums.ravel().tolist(), ends.tolist(), strict=True)
        ]
        assert max(map(abs, numbers)) < MAX_ROW_NUMBER
        right = quant(numbers, Fraction(mantissa), exponent + max(lift, 0), 32767)
        found = rows_of(out, made_of[0, 0])
        assert [*found.elements.tolist(), int(found.top), int(found.mantissa)] == right[:-1]
        assert int(found.exponent) == min(max(right[-1], -(2**15)), 2**15 - 1)


@pytest.mark.parametrize("centred", [False, True])
def test_the_longest_rows_are_normalised_exactly(centred: bool) -> None:
    length = MAX_NORMALIZED
    made = Builder(Kind.I16, (3, length))
    ends = np.array([-(2**31), 2**31 - 1], np.int32)
    offset, gain = np.resize(ends, length), np.resize(ends[::-1], length)
    made.norm("norm", 0, (offset, gain), Kind.D16, centred=centred)
    model = made.model()
    items = np.full((1, 3, length), -(2**15), np.int16)
    items[0, 1, 5], items[0, 2, ::2] = 2**15 - 1, 2**15 - 1
    batch = Executor(model).run(items)
    rows = rows_of(model.graph.nodes[0].out, batch.outputs[0][0])
    reader = Whole(model, batch.tensors, 0)

    for row, top in enumerate(rows.top.tolist()):
        for claim in (row * length + top, row * length + 6, 3 * length + row):
            claimed, right = judgement(model.graph, 0, claim, None, reader)
            assert claimed == right


# ---- what refutes a wrong row


class Whole(Reader):
    """A reader of everything that is there."""

    def __init__(self, model: Model, tensors: Sequence[Elements], node: int) -> None:
        self.tensors = [tensor[0].tobytes() for tensor in tensors]
        self.records = model.records.get(node)

    def activation(self, tensor: int, start: int, length: int) -> bytes:
        raw: bytes = self.tensors[tensor][start : start + length]
        return raw

    def record(self, row: int) -> bytes:
        assert self.records is not None
        raw: bytes = self.records[row].tobytes()
        return raw


@cache
def dense_model(kind: Kind) -> Model:
    rng = np.random.default_rng(7)
    made = Builder(Kind.I16, (2, 24))
    x = made.to_rows("rows", 0, 2.0**-8, Kind.D16)
    columns, bias, factors, _ = dense(rng, 9, 24)
    made.row_linear("dense", x, (columns, bias >> 8, factors, 15), kind)
    return made.model()


def refutes(model: Model, tensors: Sequence[Elements], fault: Fault) -> bool:
    reader = Whole(model, tensors, fault.node)
    claimed, right = judgement(model.graph, fault.node, fault.element, fault.witness, reader)
    return claimed != right


TAMPERINGS = ("element", "top", "mantissa", "exponent", "consistent maximum", "bytes")


def tampered(tensor: Tensor, stored: Elements, way: str, rng: np.random.Generator) -> Elements:
    """Another row in place of a right one, in one of the ways to lie about it."""
    wrong = stored.copy()
    rows = rows_of(tensor, wrong)
    row, width = int(rng.integers(tensor.rows)), tensor.dims[-1]
    if way == "bytes":
        at = rng.integers(tensor.row_bytes, size=3)
        wrong[row, at] ^= rng.integers(1, 256, 3).astype(np.uint8)
        return wrong
    if way == "element":
        with np.errstate(over="ignore"):
            rows.elements[row, rng.integers(width)] += rows.elements.dtype.type(rng.choice([-1, 1]))
    elif way == "top":
        rows.top[row] = rng.choice([int(rng.integers(width)), width, 2**32 - 1])
    elif way == "mantissa":
        rows.mantissa[row] ^= 1 << int(rng.integers(16))
    elif way == "exponent":
        rows.exponent[row] = rng.integers(-(2**15), 2**15)
    else:  # everything follows from a number that is not the largest
        elements = rows.elements[row].astype(I64)
        top = int(rng.integers(width))
        peak, largest = tensor.kind.high, max(abs(int(elements[top])), 1)
        rows.elements[row] = [row_element(n, largest, peak) for n in elements.tolist()]
        unit = RowScale(int(rows.mantissa[row]), int(rows.exponent[row]))
        rows.mantissa[row], rows.exponent[row] = row_scale(largest, unit, peak)
        rows.top[row] = top
    store_rows(tensor, rows, wrong)
    return wrong


def tamperings_accepted(count: int, seed: int) -> tuple[int, int]:
    """Return how many of so many lies were lies, and how many of those are not refuted."""
    rng = np.random.default_rng(seed)
    lies = accepted = 0
    while lies < count:
        kind = ROWS[int(rng.integers(2))]
        model = dense_model(kind)
        items = rng.integers(-(2**15), 2**15, (1, 2, 24)).astype(np.int16)
        items >>= rng.integers(0, 15, (1, 2, 1)).astype(np.int16)
        executor = Executor(model)
        batch = executor.run(items)
        out = model.graph.nodes[1].out
        for _ in range(40):
            way = TAMPERINGS[int(rng.integers(len(TAMPERINGS)))]
            wrong = tampered(out, batch.outputs[0][0], way, rng)
            if np.array_equal(wrong, batch.outputs[0][0]):
                continue
            lies += 1
            tensors = [*batch.tensors[:2], wrong[None]]
            fault = first_fault(executor, [tensor[0] for tensor in tensors])
            accepted += fault is None or not refutes(model, tensors, fault)
    return lies, accepted


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_no_tampered_row_is_accepted(seed: int) -> None:
    lies, accepted = tamperings_accepted(80, seed)

    assert lies >= 80
    assert accepted == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(list(ROW_KINDS)))
def test_no_claim_of_an_honest_row_can_be_refuted_by_any_witness(seed: int, kind: str) -> None:
    model, items = single(kind, seed)
    batch = Executor(model).run(*(one[:1] for one in items))
    for number in nodes_of(model.graph):
        node = model.graph.nodes[number]
        reader = Whole(model, batch.tensors, number)
        for claim in range(node.op.claims(node.out)):
            for witness in witnesses_of(node, claim):
                claimed, right = judgement(model.graph, number, claim, witness, reader)
                assert claimed == right


def test_a_false_maximum_with_everything_consistent_needs_its_witness() -> None:
    model = dense_model(Kind.D8)
    items = np.random.default_rng(3).integers(-999, 999, (1, 2, 24)).astype(np.int16)
    batch = Executor(model).run(items)
    out, honest = model.graph.nodes[1].out, batch.outputs[0][0]
    top = int(rows_of(out, honest).top[1])
    rows = rows_of(out, honest)
    rows.top[1] = (top + 1) % 9
    wrong = honest.copy()
    store_rows(out, rows, wrong)

    fault = first_fault(Executor(model), [items[0], batch.tensors[1][0], wrong])

    assert fault == Fault(1, out.size + 1, top)
    receipt = Receipt(model, [items[0], batch.tensors[1][0], wrong])
    assert receipt.judged(receipt.proof(*fault)) == ((top + 1) % 9, top)
    with pytest.raises(NotFraud, match="as claimed"):
        receipt.judged(receipt.proof(1, out.size + 1, (top + 1) % 9))


def test_of_equal_numbers_only_the_first_may_be_called_the_largest() -> None:
    made = Builder(Kind.I8, (1, 4))
    made.to_rows("rows", 0, 1.0, Kind.D8)
    model = made.model()
    items = np.array([[[3, -7, 7, 7]]], np.int8)
    batch = Executor(model).run(items)
    out, honest = model.graph.nodes[0].out, batch.outputs[0][0]
    assert rows_of(out, honest).top.tolist() == [1]
    rows, wrong = rows_of(out, honest), honest.copy()
    rows.top[0] = 3
    store_rows(out, rows, wrong)
    receipt = Receipt(model, [items[0], wrong])

    assert receipt.judged(receipt.proof(0, 4, 1)) == (3, 1)
    assert receipt.judged(receipt.proof(0, 4, 2)) == (3, 2)
    for witness in (0, 3):
        with pytest.raises(NotFraud):
            receipt.judged(receipt.proof(0, 4, witness))


def test_a_claim_that_cannot_be_judged_is_refused() -> None:
    model = dense_model(Kind.D8)
    items = np.zeros((1, 2, 24), np.int16)
    batch = Executor(model).run(items)
    out = model.graph.nodes[1].out
    tensors = [tensor[0] for tensor in batch.tensors]
    outside = tensors[2].copy()
    outside[0, -8:] = np.frombuffer(struct.pack("<IHh", 9, 2**15, 0), np.uint8)
    bare = tensors[1].copy()
    bare[0, -4:-2] = 0

    for said, claim, witness, reason in (
        (tensors, 3, 1, "has no witness"),
        (tensors, out.size, 9, "witness 9 in a row of 9"),
        ([*tensors[:2], outside], 3, None, "claimed at 9: prove its tail"),
        ([tensors[0], bare, tensors[2]], 3, None, "row 0 of tensor 1 has no scale"),
    ):
        with pytest.raises(ProofRefused, match=reason):
            Receipt(model, said).proof(1, claim, witness)
    receipt = Receipt(model, [*tensors[:2], outside])
    assert receipt.judged(receipt.proof(1, out.size)).claimed == 9


@pytest.mark.parametrize("width", [2042, 2046, 4090, 4094, 6142])
@pytest.mark.parametrize("kind", ROWS)
def test_proofs_of_rows_in_several_leaves_are_within_their_bound(kind: Kind, width: int) -> None:
    """Also where the tail lies in two leaves, far from the element and from the largest one."""
    made = Builder(Kind.I16, (2, width))
    x = made.to_rows("rows", 0, 1.0, kind)
    y = made.to_rows("others", 0, 2.0**-5, Kind.D16)
    at = made.add_rows("sum", x, y, kind)
    turned = made.rotate("turned", at, 1, rope_records(2, width), kind)
    made.from_rows("static", turned, 100.0, Numbers(Kind.I16))
    model = made.model()
    items = np.random.default_rng(width).integers(-99, 99, (1, 2, width)).astype(np.int16)
    items[0, :, width // 2 + 1] = 32767
    honest = Executor(model).run(items).committed(0)
    for place, number in enumerate(nodes_of(model.graph), start=1):
        out = model.graph.nodes[number].out
        for claim in (1, out.size - 1, *range(out.size, model.graph.nodes[number].op.claims(out))):
            receipt = Receipt(model, honest)
            proof = receipt.proof(number, claim)
            assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, number)
            with pytest.raises(NotFraud):
                receipt.judged(proof)
        wrong = honest[place].copy()
        wrong.reshape(-1).view(np.uint8)[0] ^= 1
        receipt = Receipt(model, [*honest[:place], wrong, *honest[place + 1 :]])
        assert receipt.judged(receipt.proof(number, 0))


# ---- models


def test_a_layer_of_real_numbers_is_close_to_them_for_rows_of_every_size() -> None:
    rng = np.random.default_rng(2)
    weights, bias = rng.normal(size=(20, 64)) / 8, rng.normal(size=20) / 100
    made = Builder(Kind.I16, (5, 64), 0, 2.0**-10)
    x = made.to_rows("rows", 0, 2.0**-10, Kind.D16)
    made.row_linear("dense", x, row_weights(weights, bias), Kind.D16)
    model = made.model()
    items = np.rint(rng.normal(size=(1, 5, 64)) * 2.0 ** np.arange(3, 13, 2)[:, None])
    items = items.astype(np.int16)

    found = real_outputs(model.manifest, Executor(model).run(items).outputs[0])[0]

    right = items[0] / 2.0**10 @ weights.T + bias
    errors = np.linalg.norm(found - right, axis=1) / np.linalg.norm(right, axis=1)
    assert errors.max() < 0.03


def test_rows_with_scales_of_their_own_are_read_only_by_operators_for_them() -> None:
    made = Builder(Kind.D8, (2, 3))
    made.add_rows("sum", 0, 0, Kind.D8)
    with pytest.raises(ModelRefused, match="input 0 has rows with scales of their own"):
        made.model()
    made = Builder(Kind.I8, (2, 3))
    made.add("twice", made.to_rows("rows", 0, 1.0, Kind.D8), 0, (1.0, 1.0), Numbers(Kind.I8))
    with pytest.raises(ModelRefused, match="Add cannot read D8"):
        made.model()


def layer_of(constants: tuple[Int8s, Int32s, Int32s, int]) -> Model:
    made = Builder(Kind.I8, (2, 6))
    made.row_linear("dense", made.to_rows("rows", 0, 1.0, Kind.D8), constants, Kind.D8)
    return made.model()


def test_constants_and_scales_that_are_not_exact_are_refused() -> None:
    rng = np.random.default_rng(1)
    columns, bias, factors, shift = dense(rng, 4, 6)
    for wrong, reason in (
        ((columns, bias, factors * 0, shift), "factor is not between 1 and 2"),
        ((columns, bias, factors * 0 + 32769, shift), "factor is not between 1 and 2"),
        ((columns * 0, bias, factors, shift), "0 % of its weights are not zero"),
        ((columns, bias, factors, 64), "a shift of 64"),
        ((columns[:, :5], bias, factors, 4), "weights of .4, 5. for 6 inputs"),
    ):
        with pytest.raises(ModelRefused, match=reason):
            layer_of(wrong)
    made = Builder(Kind.I16, (1, MAX_NORMALIZED + 1))
    zeros = np.zeros(MAX_NORMALIZED + 1, np.int32)
    made.norm("norm", 0, (zeros, zeros), Kind.D8, centred=True)
    with pytest.raises(ModelRefused, match="rows of 8193, allowed are 8192"):
        made.model()
    made = Builder(Kind.I8, (2, 6))
    scale = ToRows(u16(0), u16(5), made.tensor(0).zero)
    made.node("rows", scale, Numbers(Kind.D8), (2, 6))
    with pytest.raises(ModelRefused, match="mantissa 5 is not between"):
        made.model()


def test_real_values_of_rows_are_read_from_the_bytes_of_a_result() -> None:
    made = Builder(Kind.I16, (2, 5))
    rows = made.to_rows("rows", 0, 2.0**-9, Kind.D16)
    static = made.from_rows("static", rows, 0.5, Numbers(Kind.I8, -7))
    model = made.model([1.0, 0.5], outputs=[rows, static])
    items = np.random.default_rng(4).integers(-30_000, 30_000, (3, 2, 5)).astype(np.int16)
    outputs = Executor(model).run(items).outputs
    raw = b"".join(output[at].tobytes() for at in range(3) for output in outputs)

    scales = [int(bits) for bits in model.manifest.output_scales]
    first, second = outputs_of(model.graph.made, scales, raw)

    assert np.abs(first - items / 512).max() < 0.003
    assert np.abs(second - items / 512).max() < 0.253


def test_rows_and_tokens_have_leaves_for_every_reader() -> None:
    """A claim about them reads the commitment, so no other claim may stand for it."""
    rng = np.random.default_rng(5)
    columns, _, factors, _ = dense(rng, 9, 6)
    made = Builder(Kind.I8, (2, 6))
    rows = made.to_rows("rows", 0, 1.0, Kind.D8)
    token = made.arg_max("token", rows, columns, factors)
    made.gather("next", token, rng.integers(1, 100, (9, 4)).astype(np.int8))
    graph = made.model().graph

    assert nodes_of(graph) == [0, 1, 2]
    for number in (0, 1):
        nodes = list(graph.nodes)
        nodes[number] = replace(nodes[number], out=replace(nodes[number].out, leaf=u16(0)))
        with pytest.raises(ModelRefused, match=r"cannot read '(rows|token)' without leaves"):
            check_graph(replace(graph, nodes=nodes))


def test_proofs_of_rows_are_judged_by_two_exact_numbers() -> None:
    rng = np.random.default_rng(6)
    columns, _, factors, _ = dense(rng, 7, 20)
    constants = np.zeros(20, np.int32), np.full(20, 1 << 12, np.int32)
    made = Builder(Kind.I16, (3, 20))
    rows = made.to_rows("rows", 0, 1.0, Kind.D16)
    normed = made.norm("norm", rows, constants, Kind.D8, centred=False)
    gated = made.row_linear("gated", normed, dense(rng, 16, 20), Kind.D8, gated=True)
    values = made.from_rows("values", gated, 1.0, Numbers(Kind.I8))
    values = made.rearrange("turned", values, (3, 8), (1, 0), (8, 3))
    scores = made.scores("scores", gated, gated, 4, causal=True)
    means = made.attend("means", scores, values, 1.0, Kind.D8)
    token = made.arg_max("token", normed, columns, factors)
    graph = made.model([1.0, 1.0], outputs=[means, token]).graph

    assert {graph.nodes[at].name: judged_of(graph, at) for at in nodes_of(graph)} == {
        "rows": 2, "norm": 2 * 20, "gated": 2 * 2 * 20, "turned": 1 + 1, "scores": 2 * 2 * 4,
        "means": 2 * 2 * 3, "token": 2 * 20,
    }  # fmt: skip


@pytest.mark.parametrize("exponent", [-32_768, -97, 97, 32_767])
def test_reals_of_rows_are_numbers_for_any_scale(exponent: int) -> None:
    tensor = Tensor(Kind.D8, [u32(2)], i16(0), u16(4096))
    raw = bytes([0, 127]) + struct.pack("<IHh", 1, 0xFFFF, exponent)

    (reals,) = outputs_of([tensor], [scale_bits(1.0)], raw)

    zero, largest = reals.reshape(-1).tolist()
    assert zero == 0
    assert 0 <= largest < math.inf
