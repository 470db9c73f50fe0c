"""Small float nets of every kind, quantised, against the float model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.scale import encode
from btt_chain.work.execute import Executor
from btt_chain.work.fraud import FraudProof
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.model import real_outputs
from btt_chain.work.operators import Affine, Hypot, Linear, Scan, Sum, Table
from btt_chain.work.quantise.floats import runner
from btt_chain.work.quantise.importing import Imported, Importer, Settings
from btt_chain.work.recheck import Fault, first_fault
from btt_chain.work.shapes import largest_proof
from btt_chain.work.tensors import Kind
from unit.work.float_nets import Net, items
from unit.work.test_fraud import Receipt, altered, first_item
from unit.work.work_world import nodes_of

Shapes = Mapping[str, Sequence[int]]
Made = tuple[Net, list[str], Shapes]


def mlp() -> Made:
    net = Net({"x": ["n", 10]})
    h = net.relu(net.dense("x", 10, 32))
    h = net.relu(net.dense(h, 32, 24))
    return net, [net.node("Softmax", net.dense(h, 24, 4), axis=-1)], {"x": (1, 10)}


def cnn_with_pools() -> Made:
    net = Net({"x": ["n", 3, 16, 16]})
    h = net.relu(net.conv("x", 3, 8, 3, 3, pads=[1] * 4))
    h = net.node("MaxPool", h, kernel_shape=[2, 2], strides=[2, 2])
    h = net.node("Clip", net.conv(h, 8, 8, 3, 3, strides=[2, 2]), "", net.constant(6.0))
    h = net.node("AveragePool", h, kernel_shape=[3, 3])
    return net, [net.dense(net.node("Flatten", h), 8, 4)], {"x": (1, 3, 16, 16)}


def resnet_block() -> Made:
    net = Net({"x": ["n", 3, 12, 12]})
    h = net.relu(net.batch_norm(net.conv("x", 3, 8, 3, 3, pads=[1] * 4), 8))
    b = net.relu(net.batch_norm(net.conv(h, 8, 8, 3, 3, pads=[1] * 4), 8))
    b = net.batch_norm(net.conv(b, 8, 8, 3, 3, pads=[1] * 4), 8)
    h = net.relu(net.node("Add", b, h))
    h = net.node("Flatten", net.node("GlobalAveragePool", h))
    return net, [net.dense(h, 8, 5)], {"x": (1, 3, 12, 12)}


def dense_block() -> Made:
    net = Net({"x": ["n", 3, 12, 12]})
    h = net.conv("x", 3, 8, 3, 3, pads=[1] * 4)
    for channels in (8, 12):
        part = net.relu(net.batch_norm(h, channels))
        part = net.conv(part, channels, 4, 3, 3, pads=[1] * 4)
        h = net.node("Concat", h, part, axis=1)
    h = net.node("GlobalAveragePool", net.relu(net.batch_norm(h, 16)))
    return net, [net.dense(net.node("Flatten", h), 16, 4)], {"x": (1, 3, 12, 12)}


def signal() -> Made:
    net = Net({"x": ["n", 4, 128]})
    h = net.relu(net.batch_norm(net.conv("x", 4, 8, 7, pads=[3, 3], strides=[2]), 8))
    h = net.node("MaxPool", h, kernel_shape=[2], strides=[2])
    h = net.relu(net.conv(h, 8, 16, 3, pads=[2, 2], dilations=[2]))
    h = net.node("ReduceMean", h, axes=[2], keepdims=0)
    return net, [net.dense(h, 16, 3)], {"x": (1, 4, 128)}


def volume() -> Made:
    net = Net({"x": ["n", 2, 8, 8, 8]})
    h = net.relu(net.conv("x", 2, 4, 3, 3, 3, pads=[1] * 6))
    h = net.node("MaxPool", h, kernel_shape=[2] * 3, strides=[2] * 3)
    h = net.relu(net.conv(h, 4, 8, 3, 3, 3, pads=[1] * 6))
    h = net.node("Flatten", net.node("GlobalAveragePool", h))
    return net, [net.dense(h, 8, 3)], {"x": (1, 2, 8, 8, 8)}


def two_ends() -> Made:
    net = Net({"a": ["n", 6], "b": ["n", 3, 8, 8]})
    h = net.node("Flatten", net.relu(net.conv("b", 3, 4, 3, 3, strides=[2, 2])))
    h = net.relu(net.dense(h, 36, 10))
    joined = net.node("Concat", net.relu(net.dense("a", 6, 10)), h, axis=1)
    classes = net.node("Softmax", net.dense(joined, 20, 4))
    flags = net.node("Sigmoid", net.dense(joined, 20, 2))
    return net, [classes, flags], {"a": (1, 6), "b": (1, 3, 8, 8)}


def wide_dense() -> Made:
    net = Net({"x": ["n", 25088]})
    h = net.relu(net.dense("x", 25088, 16))
    return net, [net.dense(h, 16, 4)], {"x": (1, 25088)}


def squeeze_excite() -> Made:
    net = Net({"x": ["n", 3, 16, 16]})
    h = net.conv("x", 3, 8, 3, 3, pads=[1] * 4)
    h = net.node("Mul", h, net.node("Sigmoid", h))
    d = net.node("Conv", h, net.weights(8, 1, 3, 3), group=8, pads=[1] * 4)
    d = net.node("Mul", d, net.node("HardSigmoid", d, alpha=1 / 6))
    s = net.relu(net.conv(net.node("GlobalAveragePool", d), 8, 4, 1, 1))
    d = net.node("Mul", d, net.node("Sigmoid", net.conv(s, 4, 8, 1, 1)))
    h = net.node("Add", h, net.conv(d, 8, 8, 1, 1))
    h = net.node("Flatten", net.node("GlobalAveragePool", h))
    return net, [net.dense(h, 8, 4)], {"x": (1, 3, 16, 16)}


def unet(up: Callable[[Net, str], str]) -> Made:
    net = Net({"x": ["n", 1, 16, 16]})
    a = net.relu(net.conv("x", 1, 8, 3, 3, pads=[1] * 4))
    b = net.node("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
    b = net.relu(net.conv(b, 8, 8, 3, 3, pads=[1] * 4))
    joined = net.node("Concat", up(net, b), a, axis=1)
    h = net.relu(net.conv(joined, 16, 8, 3, 3, pads=[1] * 4))
    return net, [net.node("Sigmoid", net.conv(h, 8, 1, 1, 1))], {"x": (1, 1, 16, 16)}


def transposed_unet() -> Made:
    return unet(
        lambda net, x: net.node("ConvTranspose", x, net.weights(8, 8, 2, 2), strides=[2, 2])
    )


def resized_unet() -> Made:
    return unet(
        lambda net, x: net.conv(
            net.node("Resize", x, "", net.constant([1, 1, 2, 2]), mode="linear"), 8, 8, 1, 1
        )
    )


def volume_unet() -> Made:
    net = Net({"x": ["n", 1, 8, 8, 8]})
    a = net.relu(net.conv("x", 1, 4, 3, 3, 3, pads=[1] * 6))
    b = net.node("MaxPool", a, kernel_shape=[2] * 3, strides=[2] * 3)
    b = net.relu(net.conv(b, 4, 8, 3, 3, 3, pads=[1] * 6))
    up = net.node("ConvTranspose", b, net.weights(8, 4, 2, 2, 2), strides=[2] * 3)
    h = net.relu(net.conv(net.node("Concat", up, a, axis=1), 8, 8, 3, 3, 3, pads=[1] * 6))
    classes = net.node("Softmax", net.conv(h, 8, 3, 1, 1, 1), axis=1)
    return net, [classes], {"x": (1, 1, 8, 8, 8)}


def magnitudes() -> Made:
    """A short-time Fourier transform of eight rows at once, as in detectors of speech."""
    net = Net({"x": [8, 64]})
    h = net.node("Pad", "x", net.constant([0, 0, 0, 16], "i8"), mode="reflect")
    h = net.node("Unsqueeze", h, net.constant([1], "i8"))
    h = net.node("Conv", h, net.weights(18, 1, 32), strides=[16])
    ends = [net.constant([at], "i8") for at in (0, 9, 18)]
    axis, two = net.constant([1], "i8"), net.constant(2.0)
    squares = [
        net.node("Pow", net.node("Slice", h, begin, end, axis), two)
        for begin, end in pairwise(ends)
    ]
    h = net.node("Sqrt", net.node("Add", *squares))
    h = net.node("ReduceMean", net.relu(net.conv(h, 9, 8, 3, pads=[1, 1])), axes=[2], keepdims=0)
    return net, [net.node("Sigmoid", net.dense(h, 8, 1))], {"x": (8, 64)}


def _recurrent(kind: str, gates: int, **attributes: int) -> tuple[Net, str]:
    """A bidirectional layer of 8 units behind a convolution of a signal."""
    net = Net({"x": ["n", 4, 40]})
    h = net.relu(net.conv("x", 4, 6, 5, pads=[2, 2]))
    h = net.node("Transpose", h, perm=[2, 0, 1])
    constants = [
        net.constant(net.rng.normal(0, width, shape))
        for width, shape in (
            (0.5, (2, gates * 8, 6)), (0.4, (2, gates * 8, 8)), (0.1, (2, 2 * gates * 8)),
        )
    ]  # fmt: skip
    return net, net.node(
        kind, h, *constants, direction="bidirectional", hidden_size=8, outputs=2, **attributes
    )


def lstm() -> Made:
    net, y = _recurrent("LSTM", 4)
    h = net.node("Transpose", y, perm=[0, 2, 1, 3])
    h = net.node("Reshape", h, net.constant([0, 0, -1], "i8"))
    h = net.node("Add", net.node("MatMul", h, net.weights(16, 3)), net.constant([0.1, 0.2, 0.3]))
    return net, [h], {"x": (1, 4, 40)}


def gru() -> Made:
    net, y = _recurrent("GRU", 3, linear_before_reset=1)
    h = net.node("Transpose", f"{y}_1", perm=[1, 0, 2])
    h = net.node("Reshape", h, net.constant([1, 16], "i8"))
    return net, [net.dense(h, 16, 3)], {"x": (1, 4, 40)}


NETS: Mapping[str, tuple[Callable[[], Made], float]] = {
    make.__name__: (make, least)
    for make, least in (
        (mlp, 0.95), (cnn_with_pools, 0.95), (resnet_block, 0.98), (dense_block, 0.98),
        (signal, 0.98), (volume, 0.98), (two_ends, 0.95), (wide_dense, 0.98),
        (squeeze_excite, 0.98), (transposed_unet, 0.97), (resized_unet, 0.97),
        (volume_unet, 0.97),
        (magnitudes, 0.98), (lstm, 0.98), (gru, 0.94),
    )
}  # fmt: skip
"""Nets, and the share of equal decisions over 100 items that each must have."""


def imported(
    made: Made, folder: Path, settings: Settings | None = None, count: int = 100
) -> Imported:
    net, outputs, shapes = made
    chosen = settings or Settings(method="minmax", accept_loss=True)
    importer = Importer(net.save(folder, *outputs), chosen)
    return importer.quantised(items(1, 48, **shapes), items(2, count, **shapes))


@pytest.mark.parametrize("kind", NETS)
def test_a_float_net_keeps_its_decisions(kind: str, tmp_path: Path) -> None:
    make, least = NETS[kind]
    result = imported(make(), tmp_path)
    comparison = result.comparison

    assert (comparison.items, comparison.independent) == (100, True)
    assert comparison.agreement >= least
    assert comparison.dice >= 0.97
    graph = result.quantised.model.graph
    for number, node in enumerate(graph.nodes):
        if node.out.committed:
            assert largest_proof(graph, number) <= PROOF_BYTES


@pytest.mark.parametrize("kind", NETS)
def test_a_lie_in_every_node_of_an_imported_net_is_proven(kind: str, tmp_path: Path) -> None:
    make, _ = NETS[kind]
    made = make()
    result = imported(made, tmp_path, count=2)
    model, executor = result.quantised.model, Executor(result.quantised.model)
    honest = first_item(model, *result.quantised.items(items(3, 1, **made[2])))
    rng, first = np.random.default_rng(5), len(model.graph.inputs)
    for place, node in enumerate(nodes_of(model.graph), start=first):
        index = int(rng.integers(honest[place].size))
        receipt = Receipt(model, altered(honest, place, index))

        assert first_fault(executor, receipt.tensors) == Fault(node, index)
        proof = receipt.proof(node, index)
        assert receipt.judged(proof).right == honest[place].ravel()[index]
        assert len(encode(FraudProof, proof)) <= largest_proof(model.graph, node)


def _operators(result: Imported) -> list[type]:
    return [type(node.op) for node in result.quantised.model.graph.nodes]


def test_each_net_becomes_the_operators_that_it_is_for(tmp_path: Path) -> None:
    assert _operators(imported(mlp(), tmp_path)) == [Linear] * 3
    assert Sum in _operators(imported(wide_dense(), tmp_path, count=2))
    assert Hypot in _operators(imported(magnitudes(), tmp_path, count=2))
    assert _operators(imported(lstm(), tmp_path, count=2)).count(Scan) == 2
    assert _operators(imported(dense_block(), tmp_path, count=2)).count(Affine) == 3
    assert Affine not in _operators(imported(resnet_block(), tmp_path, count=2))


def test_the_last_product_has_16_bits_and_a_softmax_is_left_to_the_reader(tmp_path: Path) -> None:
    result = imported(mlp(), tmp_path)
    (out,) = result.quantised.model.graph.made

    assert (out.kind, out.dims) == (Kind.I16, (4,))
    assert any("Softmax of output" in remark for remark in result.remarks)


def test_without_a_method_the_best_of_six_candidates_is_taken(tmp_path: Path) -> None:
    result = imported(resnet_block(), tmp_path, Settings())
    (line,) = [remark for remark in result.remarks if remark.startswith("ranges: ")]
    chosen, _, tried = line.removeprefix("ranges: ").partition(" (")
    errors = [each.rpartition(" ") for each in tried.rpartition("items: ")[2][:-1].split(", ")]

    assert len(errors) == 6
    assert chosen == min(errors, key=lambda each: float(each[2]))[0]


def _uneven() -> Made:
    """A net whose decisions are in channels a thousandth of the largest one."""
    net = Net({"x": ["n", 8]})
    weights = net.rng.normal(0, 0.5, (9, 8))
    weights[0] *= 1000
    h = net.node("Gemm", "x", net.constant(weights), transB=1)
    h = net.node("Tanh", net.node("Mul", h, net.constant([[1e-3] + [1.0] * 8])))
    last = net.rng.normal(0, 1, (4, 9))
    last[:, 0] = 0.01
    return net, [net.node("Gemm", h, net.constant(last), transB=1)], {"x": (1, 8)}


def _hidden() -> Made:
    """The same decisions behind a rectified layer with one large channel, which nothing folds."""
    net = Net({"x": ["n", 8]})
    weights = net.rng.normal(0, 0.5, (9, 8))
    weights[0] *= 1000
    h = net.relu(net.node("Gemm", "x", net.constant(weights), transB=1))
    last = net.rng.normal(0, 1, (4, 9))
    last[:, 0] = 1e-4
    return net, [net.node("Gemm", h, net.constant(last), transB=1)], {"x": (1, 8)}


def test_a_factor_behind_a_product_is_folded(tmp_path: Path) -> None:
    result = imported(_uneven(), tmp_path)
    assert _operators(result) == [Linear, Table, Linear]
    assert result.comparison.agreement >= 0.95


def test_16_bits_are_taken_where_8_lose_too_much_and_only_within_the_budget(
    tmp_path: Path,
) -> None:
    narrow = imported(_hidden(), tmp_path, Settings(method="minmax", budget=0, accept_loss=True))
    wide = imported(_hidden(), tmp_path, Settings(method="minmax", budget=1.0, accept_loss=True))
    kinds = [node.out.kind for node in wide.quantised.model.graph.nodes]

    assert narrow.comparison.agreement < 0.9
    assert wide.comparison.agreement >= 0.97
    assert kinds == [Kind.I16, Kind.I16]
    assert any(remark.startswith("16 bits: ") for remark in wide.remarks)
    assert not any(remark.startswith("16 bits: ") for remark in narrow.remarks)


def test_a_net_that_needs_no_16_bits_gets_none(tmp_path: Path) -> None:
    result = imported(resnet_block(), tmp_path, Settings(method="minmax", budget=1.0))
    kinds = {node.out.kind for node in result.quantised.model.graph.nodes[:-1]}
    assert kinds == {Kind.I8}


# ---- random nets


def random_net(seed: int) -> Made:
    """A random chain of layers over an image, with joins of earlier tensors."""
    rng = np.random.default_rng(seed)
    net = Net({"x": ["n", 4, 8, 8]}, seed)
    h, earlier = net.conv("x", 4, 4, 3, 3, pads=[1] * 4), "x"
    for _ in range(int(rng.integers(2, 7))):
        last = h
        match int(rng.integers(9)):
            case 0:
                h = net.conv(h, 4, 4, 3, 3, pads=[1] * 4)
            case 1:
                h = net.batch_norm(h, 4)
            case 2:
                h = net.relu(h)
            case 3:
                h = net.node("Mul", h, net.node("Sigmoid", h))
            case 4:
                h = net.node("Add", h, earlier)
            case 5:
                h = net.conv(net.node("Concat", earlier, h, axis=1), 8, 4, 1, 1)
            case 6:
                h = net.node("Tanh", net.node("Mul", h, net.constant(0.7)))
            case 7:
                h = net.node("MaxPool", h, kernel_shape=[3, 3], pads=[1] * 4)
            case _:
                h = net.node("Mul", h, earlier)
        earlier = last
    h = net.node("Flatten", net.node("GlobalAveragePool", h))
    return net, [net.dense(h, 4, 3)], {"x": (1, 4, 8, 8)}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_printed_is_what_the_integers_do(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = random_net(seed)
    result = imported(made, tmp_path_factory.mktemp("net"), count=12)
    feeds = items(2, 12, **made[2])
    model, (printed,) = result.quantised.model, result.comparison.outputs
    batch = Executor(model).run(*result.quantised.items(feeds))
    found = real_outputs(model.manifest, batch.outputs[0])
    exact = runner(result.graph.proto, made[1])
    real = np.concatenate([exact(feed)[made[1][0]] for feed in feeds])

    assert printed.equal == int((found.argmax(1) == real.argmax(1)).sum())
    assert printed.largest_error == pytest.approx(float(np.abs(found - real).max()), rel=1e-5)
    assert printed.largest_error < 0.5 * float(np.abs(real).max()) + 0.5


def random_moves(seed: int) -> Made:
    """A random chain of moves of an image between two products."""
    rng = np.random.default_rng(seed)
    net = Net({"x": ["n", 4, 6, 8]}, seed)
    h, shape = net.conv("x", 4, 4, 1, 1), [1, 4, 6, 8]
    for _ in range(int(rng.integers(2, 8))):
        axis = int(rng.integers(1, len(shape)))
        match int(rng.integers(8)):
            case 0:
                order = [0, *(1 + rng.permutation(len(shape) - 1)).tolist()]
                h, shape = net.node("Transpose", h, perm=order), [shape[at] for at in order]
            case 1 if len(shape) > 2 and axis + 1 < len(shape):
                shape = [*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]]
                h = net.node("Reshape", h, net.constant(shape, "i8"))
            case 2 if len(shape) < 5 and shape[axis] % 2 == 0:
                shape = [*shape[:axis], 2, shape[axis] // 2, *shape[axis + 1 :]]
                h = net.node("Reshape", h, net.constant(shape, "i8"))
            case 3 if shape[axis] > 3:
                ends = [net.constant([at], "i8") for at in (1, shape[axis], axis, 2)]
                h = net.node("Slice", h, *ends)
                shape[axis] //= 2
            case 4 if shape[axis] < 16:
                h = net.node("Concat", h, net.relu(h), axis=axis)
                shape[axis] *= 2
            case 5 if shape[axis] > 1:
                pads = [0] * (2 * len(shape))
                pads[axis], pads[len(shape) + axis] = 1, 1
                h = net.node("Pad", h, net.constant(pads, "i8"), mode="reflect")
                shape[axis] += 2
            case 6 if len(shape) < 5:
                h = net.node("Unsqueeze", h, net.constant([axis], "i8"))
                shape.insert(axis, 1)
            case _:
                first, second = net.node("Tanh", h), net.node("Neg", h)
                h = net.node("Mul", net.node("Add", first, second), net.constant(0.5))
    h = net.node("Flatten", h)
    return net, [net.dense(h, int(np.prod(shape)), 3)], {"x": (1, 4, 6, 8)}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_moves_keep_every_element_in_its_place(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = imported(random_moves(seed), tmp_path_factory.mktemp("net"), count=6)
    assert result.comparison.error < 0.25
