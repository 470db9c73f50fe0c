"""Recurrent layers: exact gates, faults in the order of steps, proofs of bounded size, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from math import exp
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.scale import encode, i16, u16, u32
from btt_chain.work.arithmetic import gate_table, hyperbolic, logistic
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused, NotFraud
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import Elements, Float32s, Float64s, Model
from btt_chain.work.operators import Scan
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.scan import ScanWeights, quantised_weights
from btt_chain.work.operators.scan import Cell
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.shapes import check_graph, largest_proof, macs_of
from btt_chain.work.tensors import Kind
from unit.work.test_fraud import Receipt, altered
from unit.work.work_world import NOTHING, items_of, scan_weights, slowly

TABLE_SHA256: Final = "19b0a13e3196061c73ffcf2dc92aab1adce2fd92070b5f29119b4285550afc55"

OUTPUTS_SHA256: Final = "437c30988b4562013bb72952ddf7c6eb306290a39f02098f86124b4117342f2c"

LAYERS: Final = {
    f"{cell.name}{' wide' * wide}{' reverse' * reverse}": (cell, wide, reverse)
    for cell in Cell
    for wide in (False, True)
    for reverse in (False, True)
}


def layer(
    cell: Cell, *, wide: bool = False, reverse: bool = False, steps: int = 7, hidden: int = 5
) -> tuple[Model, list[Elements]]:
    """A model of one layer, and its honest tensors for one item."""
    rng = np.random.default_rng(hidden)
    made = Builder(Kind.I8, (steps, 6), 3)
    constants = scan_weights(rng, cell, 6, hidden, made.tensor(0), wide=wide)
    made.scan("scan", 0, constants, cell, reverse=reverse, wide=wide)
    model = made.model()
    return model, Executor(model).run(items_of(rng, model.graph.inputs[0], 1)).committed(0)


def order_of(model: Model) -> list[int]:
    """The elements of the output in the order of computation."""
    node = model.graph.nodes[0]
    op, (steps, width) = node.op, node.out.dims
    assert isinstance(op, Scan)
    first = int(op.hidden) if op.cell is Cell.GRU else 0
    rows = reversed(range(steps)) if op.reverse else range(steps)
    return [row * width + (at + first) % width for row in rows for at in range(width)]


def continued(model: Model, tensors: list[Elements], index: int) -> list[Elements]:
    """The same with one element altered, and everything that is computed later made of that."""
    executor = Executor(model)
    changed = altered(tensors, 1, index)
    order = order_of(model)
    later = order[order.index(index) + 1 :]
    # Each round makes another row consistent, or another half of one.
    for _ in range(2 * len(tensors[1])):
        right = executor.recompute(0, [changed[0][None]], changed[1][None])[0]
        claimed = changed[1].copy()
        claimed.reshape(-1)[later] = right.reshape(-1)[later]
        changed[1] = claimed
    return changed


# ---- gates


def test_the_table_of_gates_has_its_fixed_numbers() -> None:
    table = gate_table()

    assert len(table) == 8192
    assert sha256(np.array(table, "<i2").tobytes()).hexdigest() == TABLE_SHA256


def test_the_table_of_gates_is_the_rounded_logistic_function() -> None:
    assert list(gate_table()) == [round(32767 / (1 + exp(-at / 512))) for at in range(-4096, 4096)]


def test_arguments_beyond_the_table_have_its_last_values() -> None:
    assert logistic(-(10**9)) == logistic(-4096) == 11
    assert logistic(10**9) == logistic(4095) == 32756
    assert hyperbolic(10**9) == hyperbolic(2048) == 2 * 32756 - 32767


# ---- faults


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_wrong_element_with_consistent_later_steps_is_found_where_it_is(
    name: str, data: st.DataObject
) -> None:
    cell, wide, reverse = LAYERS[name]
    model, honest = layer(cell, wide=wide, reverse=reverse)
    index = data.draw(st.integers(0, honest[1].size - 1))
    tensors = continued(model, honest, index)

    assert first_fault(Executor(model), tensors) == Fault(0, index)
    receipt = Receipt(model, tensors)
    assert receipt.judged(receipt.proof(0, index)).right == honest[1].ravel()[index]
    for other in range(honest[1].size):
        if other != index:
            with pytest.raises(NotFraud):
                receipt.judged(receipt.proof(0, other))


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_wrong_element_with_the_honest_later_steps_is_found_where_it_is(
    name: str, data: st.DataObject
) -> None:
    cell, wide, reverse = LAYERS[name]
    model, honest = layer(cell, wide=wide, reverse=reverse)
    index = data.draw(st.integers(0, honest[1].size - 1))

    assert first_fault(Executor(model), altered(honest, 1, index)) == Fault(0, index)


@pytest.mark.parametrize("name", LAYERS)
def test_a_faulty_state_convicts_every_later_element_that_does_not_follow_from_it(
    name: str,
) -> None:
    cell, wide, reverse = LAYERS[name]
    model, honest = layer(cell, wide=wide, reverse=reverse)
    order = order_of(model)
    lie = honest[1].copy()
    lie.reshape(-1)[order[: len(order) // 2]] = 100
    receipt = Receipt(model, [honest[0], lie])
    right = Executor(model).recompute(0, [honest[0][None]], lie[None])[0]

    for index in order:
        if right.ravel()[index] == lie.ravel()[index]:
            with pytest.raises(NotFraud):
                receipt.judged(receipt.proof(0, index))
        else:
            assert receipt.judged(receipt.proof(0, index)).right == right.ravel()[index]


@pytest.mark.parametrize("name", LAYERS)
def test_all_steps_at_once_equal_the_steps_one_by_one_in_any_pieces(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, wide, reverse = LAYERS[name]
    model, honest = layer(cell, wide=wide, reverse=reverse)

    assert first_fault(Executor(model), honest) is None
    monkeypatch.setattr(blocks, "MIN_MATRIX", 45)
    assert first_fault(Executor(model), honest) is None


@pytest.mark.parametrize("name", LAYERS)
def test_the_gates_of_the_tested_layers_are_neither_open_nor_closed(name: str) -> None:
    """Else the other tests would not show a wrong sum."""
    cell, wide, reverse = LAYERS[name]
    _, honest = layer(cell, wide=wide, reverse=reverse, steps=40)
    states = honest[1][:, :5] / (32768 if wide else 128)

    assert 0.05 < np.abs(states).mean() < 0.7
    assert len(np.unique(states)) > 60


def test_fixed_weights_give_fixed_outputs_on_every_machine() -> None:
    digest = sha256()
    for cell, wide, reverse in LAYERS.values():
        digest.update(layer(cell, wide=wide, reverse=reverse)[1][1].tobytes())

    assert digest.hexdigest() == OUTPUTS_SHA256


# ---- exactness at the bounds


@pytest.mark.parametrize("cell", Cell)
@pytest.mark.parametrize("kind", [Kind.I8, Kind.I16])
def test_the_largest_sums_and_arguments_are_exact(cell: Cell, kind: Kind) -> None:
    rng = np.random.default_rng(2)
    rows, inputs, hidden = cell.gates * 3, 500, 3
    wide = kind is Kind.I16
    constants = ScanWeights(
        rng.choice([-128, 127], (rows, inputs)).astype(np.int8),
        rng.choice([-128, 127], (rows, hidden)).astype(np.int8),
        rng.integers(-(2**24), 2**24, rows).astype(np.int32),
        np.full(rows, 0.4 if wide else 20.0, np.float32),
        np.full(rows, 30.0 if wide else 9000.0, np.float32),
        rng.integers(-(2**20), 2**20, rows).astype(np.int32),
    )
    made = Builder(kind, (4, inputs), 0 if wide else 100)
    made.scan("scan", 0, constants, cell, wide=wide)
    model = made.model()
    item = rng.choice([kind.low, kind.high], (1, 4, inputs)).astype(f"<i{kind.width}")

    batch = Executor(model).run(item)

    np.testing.assert_array_equal(batch.tensors[1][0], slowly(model, item[0])[1])


# ---- sizes of proofs, work


@pytest.mark.parametrize(("hidden", "most"), [(128, 5_600), (512, 10_700), (1024, 17_200)])
def test_proofs_of_lstms_are_small(hidden: int, most: int) -> None:
    rng = np.random.default_rng(1)
    steps = 300 if hidden == 128 else 9
    made = Builder(Kind.I8, (steps, hidden))
    constants = scan_weights(rng, Cell.LSTM, hidden, hidden, made.tensor(0))
    made.scan("scan", 0, constants, Cell.LSTM)
    model = made.model()
    assert largest_proof(model.graph, 0) <= PROOF_BYTES
    honest = Executor(model).run(items_of(rng, model.graph.inputs[0], 1)).committed(0)
    while largest_proof(made._graph(), 0) > most:
        assert made._halve(0)
    model = made.model()
    for index in (5 * 3 * hidden + 7, 7 * 3 * hidden + hidden + 8):
        receipt = Receipt(model, altered(honest, 1, index), key=bytes(32))
        proof = receipt.proof(0, index)

        assert receipt.judged(proof)
        assert len(encode(FraudProof, proof)) <= most
        assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, 0) <= PROOF_BYTES


@pytest.mark.parametrize("cell", Cell)
@pytest.mark.parametrize("wide", [False, True])
def test_no_proof_is_larger_than_foreseen(cell: Cell, *, wide: bool) -> None:
    """Rows of the output take several leaves, in which halves of rows begin anywhere."""
    rng = np.random.default_rng(3)
    hidden, steps = 601, 3
    made = Builder(Kind.I8, (steps, 33))
    made.scan(
        "scan", 0, scan_weights(rng, cell, 33, hidden, made.tensor(0), wide=wide), cell, wide=wide
    )
    for tensor in (0, 1):
        made._set_leaf(tensor, 256)
    model = made.model()
    honest = Executor(model).run(items_of(rng, model.graph.inputs[0], 1)).committed(0)
    width = honest[1].shape[1]
    receipt = Receipt(model, honest, key=bytes(32))
    for index in (width + at for at in [*range(0, width, 97), hidden - 1, width - 1]):
        size = len(encode(FraudProof, receipt.proof(0, index)))
        assert size <= largest_proof(model.graph, 0)


def test_too_many_hidden_units_are_refused_with_the_cure() -> None:
    rng = np.random.default_rng(1)
    made = Builder(Kind.I8, (2, 2600))
    constants = scan_weights(rng, Cell.LSTM, 2600, 2600, made.tensor(0))
    made.scan("large", 0, constants, Cell.LSTM)

    with pytest.raises(
        ModelRefused, match=r"'large'.*allowed are 24576: use fewer hidden units, or"
    ):
        made.model()


@pytest.mark.parametrize(("cell", "gates"), [(Cell.LSTM, 4), (Cell.GRU, 3), (Cell.GRU_LINEAR, 3)])
def test_every_weight_counts_once_a_step(cell: Cell, gates: int) -> None:
    assert macs_of(layer(cell)[0].graph) == 7 * gates * 5 * (6 + 5)
    # Two products of 8 bits for each weight of a wide state.
    assert macs_of(layer(cell, wide=True)[0].graph) == 7 * gates * 5 * (6 + 2 * 5)


# ---- refusals


def good(rows: int = 8, inputs: int = 3, hidden: int = 2) -> ScanWeights:
    return ScanWeights(
        np.full((rows, inputs), 50, np.int8),
        np.full((rows, hidden), 50, np.int8),
        np.zeros(rows, np.int32),
        np.full(rows, 0.01, np.float32),
        np.full(rows, 0.01, np.float32),
    )


def float32s(value: float) -> Float32s:
    return np.full(8, value, np.float32)


BAD: Final[dict[str, tuple[ScanWeights, str]]] = {
    "no weight of the input": (
        replace(good(), w=np.zeros((8, 3), np.int8)),
        "0 % of its weights are not zero",
    ),
    "no weight of the state": (
        replace(good(), r=np.zeros((8, 2), np.int8)),
        "0 % of its weights are not zero",
    ),
    "scales without effect of the input": (
        replace(good(), factors=float32s(2.0**-30)),
        "8 of 8 gates do not depend on input, allowed are 10 %",
    ),
    "scales without effect of the state": (
        replace(good(), state_factors=float32s(2.0**-30)),
        "8 of 8 gates do not depend on state, allowed are 10 %",
    ),
    "one in eight is too many": (
        replace(good(), factors=np.array([2.0**-30, *[0.01] * 7], np.float32)),
        "1 of 8 gates",
    ),
    "biases that open or close all gates": (
        replace(good(), bias=np.full(8, -30_000, np.int32)),
        "8 of 8 gates do not depend on input and state: their bias is too large",
    ),
    "scales that are not numbers": (
        replace(good(), factors=float32s(float("nan"))),
        "is not between 2\\^-63 and 2\\^64",
    ),
    "negative scales": (
        replace(good(), state_factors=float32s(-1.0)),
        "is not between 2\\^-63 and 2\\^64",
    ),
    "arguments beyond 32 bits": (
        replace(good(), factors=float32s(1e6)),
        "the argument of a gate may reach .*, allowed is less than 2\\^31",
    ),
    "weights of another input": (
        replace(good(), w=np.full((8, 4), 50, np.int8)),
        r"input weights of \(8, 4\) in place of \(8, 3\)",
    ),
    "weights of other gates": (
        replace(good(), r=np.full((8, 3), 50, np.int8)),
        r"state weights of \(8, 3\) for 4 gates",
    ),
    "too few biases": (replace(good(), bias=np.zeros(7, np.int32)), "7 biases or factors for 8"),
}


@pytest.mark.parametrize("name", BAD)
def test_weights_that_pay_for_nothing_or_do_not_fit_are_refused(name: str) -> None:
    constants, reason = BAD[name]

    def model() -> Model:
        made = Builder(Kind.I8, (4, 3))
        made.scan("scan", 0, constants, Cell.LSTM)
        return made.model()

    with pytest.raises(ModelRefused, match=f"'scan'.*{reason}"):
        model()


def test_sums_beyond_32_bits_are_refused() -> None:
    made = Builder(Kind.I16, (4, 1000))

    with pytest.raises(ModelRefused, match=r"'scan'.*an accumulator may reach"):
        made.scan(
            "scan", 0, replace(good(inputs=1000), w=np.full((8, 1000), 127, np.int8)), Cell.LSTM
        )


SHAPES: Final[dict[str, tuple[Callable[[Scan], Scan], Numbers, tuple[int, ...], str]]] = {
    "a zero": (lambda op: op, Numbers(Kind.I8, 1), (4, 6), "zero 0, not 1"),
    "a kind": (lambda op: op, Numbers(Kind.U8), (4, 6), "Scan cannot make U8"),
    "steps": (lambda op: op, Numbers(Kind.I8), (5, 6), r"makes \(5, 6\), but makes \(4, 6\)"),
    "units": (lambda op: op, Numbers(Kind.I8), (4, 7), r"makes \(4, 7\), but makes \(4, 6\)"),
    "nothing": (
        lambda op: Scan(op.x, op.weights, op.cell, u16(0), op.reverse),
        Numbers(Kind.I8),
        (4, 6),
        "has no hidden units",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_outputs_that_the_layer_does_not_make_are_refused(name: str) -> None:
    change, numbers, shape, reason = SHAPES[name]
    made = Builder(Kind.I8, (4, 3))
    made.scan("scan", 0, good(), Cell.LSTM)
    graph = made.model().graph
    node = graph.nodes[0]
    assert isinstance(node.op, Scan)
    out = replace(node.out, kind=numbers.kind, zero=i16(numbers.zero), shape=list(map(u32, shape)))

    with pytest.raises(ModelRefused, match=f"'scan'.*{reason}"):
        check_graph(replace(graph, nodes=[replace(node, op=change(node.op), out=out)]))


def test_a_single_row_is_not_a_sequence() -> None:
    made = Builder(Kind.I8, (3,))
    op = Scan(u16(0), NOTHING, Cell.LSTM, u16(2), False)
    made.node("scan", op, Numbers(Kind.I8), (6,), good().records())

    with pytest.raises(ModelRefused, match=r"'scan'.*needs a row for each step"):
        made.model()


def test_the_rows_of_a_layer_keep_their_leaves() -> None:
    made = Builder(Kind.I8, (4, 3))
    at = made.scan("scan", 0, good(), Cell.LSTM)
    made.table("table", at, list(range(-128, 128)), Numbers(Kind.I8))
    graph = made.model().graph

    assert graph.nodes[0].out.committed
    bare = replace(graph.nodes[0], out=replace(graph.nodes[0].out, leaf=u16(0)))
    with pytest.raises(ModelRefused, match=r"'table'.*cannot read 'scan' without leaves"):
        check_graph(replace(graph, nodes=[bare, graph.nodes[1]]))


# ---- ONNX


def by_onnx(
    cell: Cell, w: Float64s, r: Float64s, bias: Float64s, x: Float64s, *, reverse: bool
) -> Float32s:
    onnx = pytest.importorskip("onnx", reason="onnx is missing: layers are NOT compared with it")
    from onnx.reference import ReferenceEvaluator

    hidden, helper, real = r.shape[1], onnx.helper, onnx.TensorProto.FLOAT
    form = {} if cell is Cell.LSTM else {"linear_before_reset": int(cell is Cell.GRU_LINEAR)}
    node = helper.make_node(
        "LSTM" if cell is Cell.LSTM else "GRU",
        ["x", "w", "r", "b"],
        ["y"],
        hidden_size=hidden,
        direction="reverse" if reverse else "forward",
        **form,
    )
    given = {
        "x": x[:, None].astype(np.float32),
        "w": w[None].astype(np.float32),
        "r": r[None].astype(np.float32),
        "b": bias[None].astype(np.float32),
    }
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info(name, real, part.shape) for name, part in given.items()],
        [helper.make_tensor_value_info("y", real, [len(x), 1, 1, hidden])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    outputs = ReferenceEvaluator(model).run(None, given)
    assert isinstance(outputs, list)
    states: Float32s = outputs[0]
    return states[:, 0, 0]


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_near_those_of_onnx_in_floats(name: str) -> None:
    cell, wide, reverse = LAYERS[name]
    rng = np.random.default_rng(8)
    steps, inputs, hidden, scale = 12, 10, 8, 0.02
    rows = cell.gates * hidden
    w, r = (rng.integers(-100, 101, (rows, size)) / 200.0 for size in (inputs, hidden))
    w[:, 0], r[:, 0] = 127 / 200, -127 / 200  # so that 8 bits hold all weights exactly
    bias = rng.normal(size=2 * rows) * 0.3
    item = rng.integers(-128, 128, (1, steps, inputs)).astype(np.int8)
    real = by_onnx(cell, w, r, bias, item[0] * np.float64(scale), reverse=reverse)
    made = Builder(Kind.I8, (steps, inputs), 0, scale)
    constants = quantised_weights(cell, w, r, bias, scale, wide=wide)
    made.scan("scan", 0, constants, cell, reverse=reverse, wide=wide)

    states = Executor(made.model()).run(item).outputs[0][0, :, :hidden] / (32768 if wide else 128)

    assert np.abs(states - real).max() < (0.005 if wide else 0.03)
