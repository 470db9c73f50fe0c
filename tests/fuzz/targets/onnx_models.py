"""ONNX models: imported, or refused with the node's name."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from btt_chain.work.errors import ModelRefused
from btt_chain.work.onnx_import import loads
from fuzz.target import Target


def run(raw: bytes) -> None:
    """Import a model."""
    try:
        loads(raw)
    except ModelRefused:
        return


def seeds() -> list[bytes]:
    """Return models with a product, a convolution, and nodes that are not executed."""
    constants = {
        "xs": np.float32(0.1), "xz": np.int8(0), "w": np.ones((4, 3), np.int8),
        "ws": np.float32(0.2), "wz": np.int8(0), "ys": np.float32(0.3), "yz": np.int8(0),
        "k": np.ones((2, 1, 3, 3), np.int8), "b": np.zeros(2, np.int32),
    }  # fmt: skip
    product = helper.make_node(
        "QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"]
    )
    conv = helper.make_node(
        "QLinearConv", ["x", "xs", "xz", "k", "ws", "wz", "ys", "yz", "b"], ["y"], pads=[1] * 4
    )
    relu = helper.make_node("Relu", ["x"], ["y"])
    made = []
    for node, given, result in ((product, [None, 4], [None, 3]),
                                (conv, [None, 1, 6, 6], [None, 2, 6, 6]),
                                (relu, [None, 4], [None, 4])):  # fmt: skip
        graph = helper.make_graph(
            [node],
            "net",
            [helper.make_tensor_value_info("x", TensorProto.INT8, given)],
            [helper.make_tensor_value_info("y", TensorProto.INT8, result)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 9
        made.append(model.SerializeToString())
    return made


TARGET = Target(run=run, seeds=seeds, instrument=("btt_chain.work",))
