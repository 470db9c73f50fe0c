"""Moves and means of images are those of the ONNX nodes that an importer would make of them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.execute import Executor
from btt_chain.work.model import Elements, Float32s
from btt_chain.work.operators.moves import Padding
from btt_chain.work.tensors import Kind

MODES = {Padding.Edge: "edge", Padding.Reflect: "reflect", Padding.Wrap: "wrap"}


def in_onnx(
    kind: str, x: Float32s, *constants: np.ndarray | None, **attributes: object
) -> Float32s:
    """Return the output of one node of ONNX; tensors have channels first."""
    names = ["" if array is None else f"c{at}" for at, array in enumerate(constants)]
    node = helper.make_node(kind, ["x", *names], ["y"])
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    held = [
        numpy_helper.from_array(array, name)
        for name, array in zip(names, constants, strict=True)
        if array is not None
    ]
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * x.ndim)],
        held,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    proto.ir_version = 9
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    output: Float32s = session.run(None, {"x": x})[0]
    return output


def executed(builder: Builder, items: Elements) -> Elements:
    output: Elements = Executor(builder.model()).run(items).outputs[0]
    return output


def first(items: np.ndarray) -> Float32s:
    """Channels first, in float32."""
    return np.ascontiguousarray(np.moveaxis(items, -1, 1), np.float32)


@pytest.mark.parametrize("sides", [(7, 9), (14, 18), (3, 4), (20, 5)])
@pytest.mark.parametrize("form", ["linear", "half_pixel", "asymmetric"])
def test_images_are_resized(form: str, sides: tuple[int, int]) -> None:
    items = np.random.default_rng(1).integers(-128, 128, (2, 7, 9, 3)).astype(np.int8)
    made = Builder(Kind.I8, items.shape[1:])
    made.resize("resize", 0, sides, form == "linear", form == "asymmetric")
    sizes = np.array([2, 3, *sides], np.int64)
    mode = {"mode": "linear"} if form == "linear" else {"mode": "nearest"}
    rounding = "floor" if form == "asymmetric" else "round_prefer_ceil"

    right = in_onnx(
        "Resize",
        first(items),
        None,
        None,
        sizes,
        coordinate_transformation_mode="asymmetric" if form == "asymmetric" else "half_pixel",
        nearest_mode=rounding,
        **mode,
    )

    difference = np.abs(first(executed(made, items)) - right).max()
    assert difference <= (0.75 if form == "linear" else 0)


@pytest.mark.parametrize("mode", Padding)
def test_images_are_padded(mode: Padding) -> None:
    items = np.random.default_rng(2).integers(-128, 128, (2, 5, 6, 3)).astype(np.int8)
    made = Builder(Kind.I8, items.shape[1:], 4)
    made.pad("pad", 0, (2, 1, 0), (3, 4, 0), mode)
    pads = np.array([0, 0, 2, 1, 0, 0, 3, 4], np.int64)
    zero = np.array(4, np.float32) if mode is Padding.Zero else None

    right = in_onnx("Pad", first(items), pads, zero, mode=MODES.get(mode, "constant"))

    np.testing.assert_array_equal(first(executed(made, items)), right)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("size", "step", "pads", "extra"),
    [(4, 2, (1, 1), 0), (3, 2, (1, 1), 1), (2, 2, (0, 0), 0), (5, 3, (2, 1), 2), (3, 1, (1, 1), 0)],
)
def test_convolutions_are_transposed(
    size: int, step: int, pads: tuple[int, int], extra: int, groups: int
) -> None:
    rng = np.random.default_rng(3)
    items = rng.integers(-50, 51, (2, 5, 6, 4)).astype(np.int8)
    kernels = rng.integers(-9, 10, (6, size, size, 4 // groups)).astype(np.int8)
    bias = rng.integers(-99, 100, 6).astype(np.int32)
    ones = np.ones(6, np.float32)
    made = Builder(Kind.I8, items.shape[1:])
    along = (pads[0], pads[0], pads[1], pads[1])
    made.conv_transposed(
        "up", 0, kernels, bias, ones, (step,) * 2, along, (extra,) * 2, Numbers(Kind.I16), groups
    )
    # ONNX's kernels are inputs, outputs of a group, taps.
    by_group = kernels.reshape(groups, 6 // groups, size, size, 4 // groups)
    weights = by_group.transpose(0, 4, 1, 2, 3).reshape(4, 6 // groups, size, size)

    right = in_onnx(
        "ConvTranspose",
        first(items),
        weights.astype(np.float32),
        bias.astype(np.float32),
        strides=[step] * 2,
        pads=along,
        output_padding=[extra] * 2,
        group=groups,
    )

    np.testing.assert_array_equal(first(executed(made, items)), right)


def test_rows_of_a_table_are_gathered() -> None:
    rng = np.random.default_rng(4)
    table = rng.integers(-128, 128, (20, 5)).astype(np.int8)
    ids = rng.integers(0, 20, (2, 7)).astype(np.int32)
    made = Builder(Kind.I32, (7,))
    made.gather("rows", 0, table)

    np.testing.assert_array_equal(executed(made, ids), table[ids])
