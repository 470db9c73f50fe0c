"""Trained layers as an ONNX file of 8-bit integers, node by node with `onnx.helper`.

Everything stands between QuantizeLinear and DequantizeLinear, as quantisers write it: weights have
a scale for each output channel, activations one that fits what a sample of the data makes of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]


class Net:
    """A chain of layers under construction, and what the sample has become so far."""

    def __init__(self, sample: Floats, step: float) -> None:
        """Begin with the input: `sample` is some of it, `step` the scale of its elements."""
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, NDArray[np.generic]] = {"zero": np.array(0, np.int8)}
        self._given = sample.shape
        self.sample = sample
        self._at = "x"
        self.quantise("input", step)

    def gemm(self, name: str, weights: Floats, bias: Floats, *, relu: bool = False) -> None:
        """Rows times weights (outputs, inputs) plus bias."""
        read = [self._at, *self._weights(name, weights, bias)]
        made = self.sample @ weights.T + bias
        self._product(helper.make_node("Gemm", read, [name], name, transB=1), made, relu)

    def conv(
        self, name: str, weights: Floats, bias: Floats, step: int, *, relu: bool = False
    ) -> None:
        """Windows times weights (outputs, inputs, height, width) plus bias, no padding."""
        read = [self._at, *self._weights(name, weights, bias)]
        node = helper.make_node("Conv", read, [name], name, strides=[step, step])
        made = convolved(self.sample, weights, step) + bias[:, None, None]
        self._product(node, made, relu)

    def mean(self, name: str) -> None:
        """The mean of each channel's pixels, as a row."""
        self._add(helper.make_node("GlobalAveragePool", [self._at], [name], name))
        self.sample = self.sample.mean(axis=(2, 3), keepdims=True, dtype=np.float32)
        self.quantise(name, float(np.abs(self.sample).max()) / 127)
        self._add(helper.make_node("Flatten", [self._at], [f"{name}.row"], f"{name}.row"))
        self.sample = self.sample.reshape(len(self.sample), -1)

    def quantise(self, name: str, step: float) -> None:
        """Make what there is 8 bits, and real numbers of them again."""
        self._constants[f"{name}.scale"] = np.array(step, np.float32)
        numbers = [f"{name}.scale", "zero"]
        self._add(helper.make_node("QuantizeLinear", [self._at, *numbers], [f"{name}.8"]))
        self._add(helper.make_node("DequantizeLinear", [f"{name}.8", *numbers], [f"{name}.real"]))

    def raw(self) -> bytes:
        """The file; its output is what was made last."""
        shape = [None, *self._given[1:]]
        result = [None, *self.sample.shape[1:]]
        graph = helper.make_graph(
            self._nodes,
            "example",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(self._at, TensorProto.FLOAT, result)],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 9
        return bytes(model.SerializeToString())

    def _weights(self, name: str, weights: Floats, bias: Floats) -> list[str]:
        """Weights of 8 bits with a scale for each output; the bias stays a real constant."""
        rows = np.abs(weights.reshape(len(weights), -1)).max(axis=1)
        # A channel that hardly matters gets a scale that its bias still fits.
        scales = np.maximum(rows, rows.max() / np.float32(64)) / np.float32(127)
        along = scales.reshape(-1, *[1] * (weights.ndim - 1))
        self._constants |= {
            f"{name}.w8": np.rint(weights / along).astype(np.int8),
            f"{name}.w.scale": scales,
            f"{name}.w.zero": np.zeros(len(scales), np.int8),
            f"{name}.bias": bias.astype(np.float32),
        }
        read = [f"{name}.w8", f"{name}.w.scale", f"{name}.w.zero"]
        self._nodes.append(helper.make_node("DequantizeLinear", read, [f"{name}.w"], axis=0))
        return [f"{name}.w", f"{name}.bias"]

    def _product(self, node: NodeProto, made: Floats, relu: bool) -> None:
        self._add(node)
        if relu:
            self._add(helper.make_node("Relu", [self._at], [f"{node.name}.relu"]))
        self.sample = np.maximum(made, 0) if relu else made
        self.quantise(node.name, float(np.abs(self.sample).max()) / 127)

    def _add(self, node: NodeProto) -> None:
        self._nodes.append(node)
        self._at = node.output[0]


def convolved(images: Floats, weights: Floats, step: int) -> Floats:
    """Windows of images (item, channel, y, x) times weights (output, channel, y, x)."""
    seen = np.lib.stride_tricks.sliding_window_view(images, weights.shape[2:], axis=(2, 3))
    made: Floats = np.einsum("bcyxij,ocij->boyx", seen[:, :, ::step, ::step], weights)
    return made.astype(np.float32)
