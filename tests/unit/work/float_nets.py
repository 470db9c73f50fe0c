"""Small float nets in ONNX with seeded weights, and items for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]


@dataclass
class Net:
    """A graph under construction: each method adds a node and returns its output's name."""

    inputs: Mapping[str, Sequence[int | str]]
    seed: int = 1
    opset: int = 17
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Types of inputs that are not of float32."""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def constant(self, values: object, kind: str = "f4") -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, kind)
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node; the attribute `outputs` is the number of its outputs."""
        count = attributes.pop("outputs", 1)
        assert isinstance(count, int)
        names = [f"t{len(self.nodes)}"] + [f"t{len(self.nodes)}_{at}" for at in range(1, count)]
        made = helper.make_node(kind, inputs, names, f"{kind.lower()}{len(self.nodes)}")
        made.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self.nodes.append(made)
        return names[0]

    def weights(self, *shape: int) -> str:
        length = int(np.prod(shape[1:]))
        return self.constant(self.rng.normal(0, (2 / length) ** 0.5, shape))

    def dense(self, x: str, inside: int, outside: int) -> str:
        bias = self.constant(self.rng.normal(0, 0.1, outside))
        return self.node("Gemm", x, self.weights(outside, inside), bias, transB=1)

    def conv(self, x: str, inside: int, outside: int, *size: int, **attributes: object) -> str:
        bias = self.constant(self.rng.normal(0, 0.1, outside))
        return self.node("Conv", x, self.weights(outside, inside, *size), bias, **attributes)

    def batch_norm(self, x: str, channels: int, variance: Sequence[float] | None = None) -> str:
        variances = self.rng.uniform(0.5, 2, channels) if variance is None else variance
        columns = (
            self.rng.uniform(0.5, 1.5, channels), self.rng.normal(0, 0.3, channels),
            self.rng.normal(0, 0.3, channels), variances,
        )  # fmt: skip
        return self.node("BatchNormalization", x, *map(self.constant, columns))

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def model(self, *outputs: str) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(
                name, TensorProto.DataType.Value(self.kinds.get(name, "FLOAT")), list(shape)
            )
            for name, shape in self.inputs.items()
        ]
        graph = helper.make_graph(
            self.nodes,
            "net",
            inputs,
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 9
        return onnx.shape_inference.infer_shapes(model)

    def save(self, folder: Path, *outputs: str) -> Path:
        file = folder / "net.onnx"
        onnx.save(self.model(*outputs), str(file))
        return file


def items(seed: int, count: int, **shapes: Sequence[int]) -> list[dict[str, Array]]:
    """Smooth random items: neighbours along the last axis are alike, as in pictures and signals."""
    rng = np.random.default_rng(seed)
    made: list[dict[str, Array]] = []
    for _ in range(count):
        item: dict[str, Array] = {}
        for name, shape in shapes.items():
            noise = rng.normal(0, 1, shape)
            item[name] = ((noise + np.roll(noise, 1, -1)) * rng.uniform(0.5, 1.5)).astype(
                np.float32
            )
        made.append(item)
    return made
