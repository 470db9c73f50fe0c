"""A node of ONNX means what its opset, attributes and shapes say, or the model is refused by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.model import real_outputs
from btt_chain.work.onnx_import import elementwise, linear, loads, reader, reference
from btt_chain.work.onnx_import.constants import window_of
from btt_chain.work.onnx_import.node import Node
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Pending, Value
from btt_chain.work.tensors import Window

f32, i8 = np.float32, np.int8
STEP = 0.1
Constants = Mapping[str, object]


def node(
    kind: str, inputs: Sequence[str], output: str, domain: str = "", **more: object
) -> onnx.NodeProto:
    made = helper.make_node(kind, inputs, [output], f"n_{output}", domain=domain)
    made.attribute.extend(helper.make_attribute(name, value) for name, value in more.items())
    return made


def model(
    middle: Sequence[onnx.NodeProto],
    given: Sequence[int | None],
    constants: Constants,
    opset: int = 21,
) -> onnx.ModelProto:
    """Return the file of `x`, quantised and opened as `r`; `t` is quantised and opened as `y`."""
    numbers: dict[str, object] = {"s": f32(STEP), "z": i8(0), "os": f32(STEP), "oz": i8(0)}
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "r"),
        *middle,
        node("QuantizeLinear", ["t", "os", "oz"], "yq"),
        node("DequantizeLinear", ["yq", "os", "oz"], "y"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(given))],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in (numbers | dict(constants)).items()
        ],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=domains)
    made.ir_version = 8
    return made


RNG = np.random.default_rng(1)
SQUARE = {
    "w": RNG.integers(-60, 60, (4, 4)).astype(i8),
    "ws": RNG.uniform(0.01, 0.05, 4).astype(f32),
}
KERNELS = {"w": RNG.integers(-60, 60, (4, 4, 3, 3)).astype(i8), "ws": f32(0.01)}
OPENED = node("DequantizeLinear", ["w", "ws"], "wr")
ROWS = (None, 4)
IMAGE = (None, 4, 6, 6)


def along(axis: int) -> onnx.NodeProto:
    return node("DequantizeLinear", ["w", "ws"], "wr", axis=axis)


def after_conv(kind: str) -> list[onnx.NodeProto]:
    return [OPENED, node("Conv", ["r", "wr"], "m"), node(kind, ["m", "b"], "t")]


def after_matmul(kind: str) -> list[onnx.NodeProto]:
    return [along(1), node("MatMul", ["r", "wr"], "m"), node(kind, ["m", "b"], "t")]


Case = tuple[Sequence[onnx.NodeProto], Sequence[int | None], Constants, int]
READ: Sequence[Case] = [
    ([along(1), node("MatMul", ["r", "wr"], "t")], ROWS, SQUARE, 21),
    ([along(0), node("Gemm", ["r", "wr"], "t", transB=1)], ROWS, SQUARE, 21),
    ([along(-1), node("Gemm", ["r", "wr", "b"], "t")], ROWS, {**SQUARE, "b": f32(0.4)}, 21),
    (after_conv("Add"), IMAGE, {**KERNELS, "b": np.ones((4, 1, 1), f32)}, 21),
    (after_conv("Mul"), IMAGE, {**KERNELS, "b": np.full((1, 4, 1, 1), 3, f32)}, 21),
    (after_matmul("Mul"), (None, 3, 4), {**SQUARE, "b": np.arange(1, 5, dtype=f32)}, 21),
    ([node("Softmax", ["r"], "t")], (None, 5), {"os": f32(1 / 256), "oz": np.uint8(0)}, 11),
    ([node("Softmax", ["r"], "t", axis=2)], (None, 3, 5),
     {"os": f32(1 / 256), "oz": np.uint8(0)}, 11),
    ([node("MaxPool", ["r"], "t", kernel_shape=[3, 2], pads=[1, 1, 1, 1])], IMAGE, {}, 21),
    ([node("Reshape", ["r", "sh"], "t")], (1, 4), {"sh": np.array([1, 2, 2])}, 21),
    ([node("QuantizeLinear", ["r", "s"], "p", output_dtype=TensorProto.INT8, saturate=1),
      node("DequantizeLinear", ["p", "s"], "d", output_dtype=TensorProto.FLOAT),
      node("Tanh", ["d"], "t")], ROWS, {}, 23),
]  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_opset_attributes_and_broadcasting_mean_what_the_reference_makes(case: Case) -> None:
    middle, given, constants, opset = case
    proto = model(middle, given, constants, opset)
    items = RNG.integers(-120, 120, [3 if size is None else size for size in given]).astype(i8)

    imported = loads(proto.SerializeToString())
    outputs = Executor(imported.model).run(imported.items(items)).outputs[0]
    found = imported.outputs(real_outputs(imported.model.manifest, outputs))
    if opset < 19:  # the reference has no older DequantizeLinear
        proto.opset_import[0].version = 19
    made = ReferenceEvaluator(proto).run(None, {"x": items.astype(f32) * f32(STEP)})
    expected = np.asarray(made[0] if isinstance(made, list) else made["y"], f32)

    step = float(np.asarray(constants.get("os", STEP)))
    assert np.abs(found - expected).max() <= 2.01 * step
    assert len(np.unique(found)) > 3


NAMED = "is not read: export"
REFUSED: Sequence[tuple[Sequence[onnx.NodeProto], Sequence[int | None], Constants, int, str]] = [
    ([node("Softmax", ["r"], "t")], (None, 3, 5), {}, 11, "only over the last axis"),
    ([along(0), node("MatMul", ["r", "wr"], "t")], ROWS, SQUARE, 21, "each place of axis 0"),
    ([along(1), node("Gemm", ["r", "wr"], "t", transB=1)], ROWS, SQUARE, 21, "place of axis 1"),
    ([along(1), node("Conv", ["r", "wr"], "t")], IMAGE,
     {**KERNELS, "ws": np.full(4, 0.01, f32)}, 21, "place of axis 1"),
    ([OPENED, node("MatMul", ["r", "wr"], "t")], ROWS, SQUARE, 11, "before opset 13"),
    (after_conv("Add"), IMAGE, {**KERNELS, "b": np.ones(4, f32)}, 21, "not one number for each"),
    (after_conv("Add"), IMAGE, {**KERNELS, "b": np.ones((1, 4, 1), f32)}, 21, "not one number"),
    (after_conv("Mul"), IMAGE, {**KERNELS, "b": np.ones(4, f32)}, 21, "not one number for each"),
    (after_conv("Mul"), IMAGE, {**KERNELS, "b": np.ones((4, 1, 1))}, 21, "float64"),
    (after_matmul("Add"), ROWS, {**SQUARE, "b": np.ones((4, 1), f32)}, 21, "not one number"),
    (after_matmul("Add"), ROWS, {**SQUARE, "b": np.ones((1, 1, 4), f32)}, 21, "not one number"),
    ([along(1), node("Gemm", ["r", "wr", "b"], "t")], ROWS,
     {**SQUARE, "b": np.ones((4, 1), f32)}, 21, "not one number for each"),
    ([OPENED, node("Conv", ["r", "wr"], "t", kernel_shape=[2, 2])], IMAGE, KERNELS, 21,
     "kernel_shape"),
    ([OPENED, node("Conv", ["r", "wr"], "t", auto_pad="VALID", pads=[1] * 4)], IMAGE, KERNELS, 21,
     "auto_pad"),
    ([node("GlobalAveragePool", ["r"], "m"), node("QuantizeLinear", ["m", "s", "z"], "mq"),
      node("DequantizeLinear", ["mq", "s", "z"], "g"), node("Add", ["r", "g"], "t")], IMAGE, {}, 21,
     "adds items of"),
    ([node("QuantizeLinear", ["r", "s"], "p", output_dtype=TensorProto.INT16),
      node("DequantizeLinear", ["p", "s"], "t")], ROWS, {}, 21, "output_dtype"),
    ([node("QuantizeLinear", ["r", "s", "z"], "p", block_size=2),
      node("DequantizeLinear", ["p", "s", "z"], "t")], ROWS, {}, 21, "block_size"),
    ([node("QuantizeLinear", ["r", "s", "z"], "p", precision=TensorProto.FLOAT16),
      node("DequantizeLinear", ["p", "s", "z"], "t")], ROWS, {}, 23, "precision"),
    ([node("QuantizeLinear", ["r", "h", "z"], "p"), node("DequantizeLinear", ["p", "h", "z"], "t")],
     ROWS, {"h": np.float16(0.1)}, 21, "scales of float16"),
    ([node("LayerNormalization", ["r", "b"], "t", stash_type=TensorProto.BFLOAT16)], ROWS,
     {"b": np.ones(4, f32)}, 21, "stash_type"),
    ([node("Reshape", ["r", "sh"], "t", allowzero=1)], ROWS, {"sh": np.array([0, 4])}, 21,
     "allowzero"),
    ([node("Reshape", ["r", "sh"], "t")], ROWS, {"sh": np.array([3, 4])}, 21, "stay apart"),
    ([node("Add", ["r", "r"], "t")], ROWS, {}, 6, "Add of version 6|QuantizeLinear"),
    ([node("QLinearSigmoid", ["q", "s", "z", "s", "z"], "v", "com.microsoft", mode=1),
      node("DequantizeLinear", ["v", "s", "z"], "t")], ROWS, {}, 21, f"'mode' {NAMED}"),
    ([node("QLinearSigmoid", ["q", "s", "z", "s", "z", "s"], "v", "com.microsoft"),
      node("DequantizeLinear", ["v", "s", "z"], "t")], ROWS, {}, 21, "6 inputs"),
    ([node("QGemm", ["q", "s", "z", "w", "s", "z", "", "s", "z"], "v", "com.microsoft", beta=2.0),
      node("DequantizeLinear", ["v", "s", "z"], "t")], ROWS, SQUARE, 21, f"'beta' {NAMED}"),
]  # fmt: skip


@pytest.mark.parametrize(("middle", "given", "constants", "opset", "why"), REFUSED)
def test_a_node_that_means_something_else_is_refused_by_name(
    middle: Sequence[onnx.NodeProto],
    given: Sequence[int | None],
    constants: Constants,
    opset: int,
    why: str,
) -> None:
    with pytest.raises(ModelRefused, match=why):
        loads(model(middle, given, constants, opset).SerializeToString())


def test_parts_of_a_file_that_are_not_read_are_refused_by_name() -> None:
    def changed(change: str) -> bytes:
        proto = model([node("Relu", ["r"], "t")], ROWS, {})
        match change:
            case "functions":
                operators = [helper.make_opsetid("", 21)]
                body = [helper.make_node("Abs", ["a"], ["b"])]
                proto.functions.append(
                    helper.make_function("", "Relu", ["a"], ["b"], body, operators)
                )
            case "sparse_initializer":
                values = numpy_helper.from_array(np.ones(1, f32), "sparse")
                places = numpy_helper.from_array(np.zeros(1, np.int64), "sparse_at")
                proto.graph.sparse_initializer.append(
                    helper.make_sparse_tensor(values, places, [4])
                )
            case "training_info":
                proto.training_info.add().algorithm.name = "a"
            case "opset 99":
                proto.opset_import[0].version = 99
            case "float64":
                proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        return bytes(proto.SerializeToString())

    for change in ("functions", "sparse_initializer", "training_info"):
        with pytest.raises(ModelRefused, match=change):
            loads(changed(change))
    with pytest.raises(ModelRefused, match="99"):
        loads(changed("opset 99"))
    with pytest.raises(ModelRefused, match="float32, or of 8 bits"):
        loads(changed("float64"))


def test_a_pool_with_pads_on_two_sides_is_read() -> None:
    pool = node("MaxPool", ["r"], "t", kernel_shape=[3, 2], pads=[0, 1, 0, 1])

    imported = loads(model([pool], IMAGE, {}).SerializeToString())

    assert imported.model.graph.made[0].dims == (4, 7, 4)


def mistaken(node: Node, target: Target) -> Value:
    """Take every Relu for a Sigmoid, as a faulty conversion could."""
    real, name = node.reals(0), target.name()
    sigmoid = elementwise.FUNCTIONS["Sigmoid"]
    return Pending(
        lambda scale, out: elementwise.tabled(target, real, sigmoid, scale, out, name), real.image
    )


def test_a_conversion_that_mistakes_a_node_is_found_by_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = model([node("Relu", ["r"], "t")], ROWS, {}).SerializeToString()
    loads(raw)

    monkeypatch.setattr(reader, "OPERATIONS", {**reader.OPERATIONS, "Relu": mistaken})

    with pytest.raises(ModelRefused, match=r"'n_yq'.*makes .* for random inputs"):
        loads(raw)


def test_the_first_rows_of_a_large_image_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    convolution = [OPENED, node("Conv", ["r", "wr"], "t", pads=[1, 2, 1, 0])]
    raw = model(convolution, (None, 4, 64, 64), KERNELS).SerializeToString()
    monkeypatch.setattr(reference, "BUDGET", 1 << 16)
    loads(raw)

    def mirrored(node: Node, size: Sequence[int]) -> Window:
        seen = window_of(node, size)
        axes = [*seen.axes]
        axes[-1] = replace(axes[-1], before=axes[-1].after, after=axes[-1].before)
        return Window(axes)

    monkeypatch.setattr(linear, "window_of", mirrored)

    with pytest.raises(ModelRefused, match=r"'n_yq'.*makes .* for random inputs"):
        loads(raw)
