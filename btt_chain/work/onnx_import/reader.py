"""Conversion of ONNX models of 8-bit integers to our graphs.

Accepted are QLinearConv, QLinearMatMul, ConvInteger and MatMulInteger directly, and operations
between DequantizeLinear and QuantizeLinear, which are folded here: an engine's result for such a
pair depends on its optimiser, so the fold is the definition. The other QLinear operators, which are
onnxruntime's (com.microsoft), are defined by such a pair, and are read as one. Any remaining float
computation is refused with the node's name, never approximated.

ONNX's images are channels first and ours channels last: `Imported` converts items and outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from btt_chain.extras import needs_extra
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Model

try:
    import onnx
except ImportError as error:
    raise ImportError(needs_extra("reading ONNX models needs", "work")) from error

from btt_chain.work.onnx_import import elementwise, linear, movement, reductions
from btt_chain.work.onnx_import.forms import (
    MICROSOFT,
    ONNX,
    check_fields,
    check_form,
    operator_set,
)
from btt_chain.work.onnx_import.node import Node, array_of
from btt_chain.work.onnx_import.reference import Comparison, Step
from btt_chain.work.onnx_import.target import Target
from btt_chain.work.onnx_import.values import Constant, Product, Real, Value

E = TypeVar("E", bound=np.generic)

MAX_FILE_BYTES: Final = 1 << 30
PAIR_SET: Final = 13
"""Version of ONNX's operators that define the pairs."""
PAIRED: Final[Mapping[str, tuple[str, slice, int]]] = {
    "QLinearAdd": ("Add", slice(0, 6, 3), 6),
    "QLinearAveragePool": ("AveragePool", slice(1), 3),
    "QLinearConcat": ("Concat", slice(2, None, 3), 0),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", slice(1), 3),
    "QLinearLeakyRelu": ("LeakyRelu", slice(1), 3),
    "QLinearSigmoid": ("Sigmoid", slice(1), 3),
    "QLinearSoftmax": ("Softmax", slice(1), 3),
}
"""Operation within a pair; operand inputs (scale and zero follow each); input of the scale."""


OPERATIONS: Final[Mapping[str, Callable[[Node, Target], Value]]] = {
    "Add": elementwise.add,
    "AveragePool": reductions.average_pool,
    "Cast": linear.cast,
    "Concat": elementwise.concat,
    "Constant": movement.constant,
    "Conv": linear.conv,
    "ConvInteger": linear.conv_integer,
    "DequantizeLinear": elementwise.dequantize,
    "Flatten": movement.flatten,
    "Gelu": elementwise.function,
    "Gemm": linear.gemm,
    "GlobalAveragePool": reductions.global_average_pool,
    "Identity": movement.identity,
    "LeakyRelu": elementwise.function,
    "LayerNormalization": reductions.layer_norm,
    "MatMul": linear.matmul,
    "MatMulInteger": linear.matmul_integer,
    "MaxPool": reductions.max_pool,
    "Mul": linear.mul,
    "QLinearConv": linear.qlinear_conv,
    "QLinearMatMul": linear.qlinear_matmul,
    "QuantizeLinear": elementwise.quantize,
    "Relu": elementwise.function,
    "Reshape": movement.reshape,
    "Sigmoid": elementwise.function,
    "Softmax": reductions.softmax,
    "Tanh": elementwise.function,
    "Transpose": movement.transpose,
}
"""Operators of ONNX."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A model, and the conversion of items and outputs between its order of axes and ONNX's."""

    model: Model
    image_in: bool
    image_out: bool

    def items(self, values: NDArray[E]) -> NDArray[E]:
        """Return items (or their real values) in the model's order; first axis the batch."""
        return values.transpose(0, 2, 3, 1) if self.image_in else values

    def outputs(self, values: NDArray[E]) -> NDArray[E]:
        """Return outputs in ONNX's order, from the model's."""
        return values.transpose(0, 3, 1, 2) if self.image_out else values


Report = Callable[[int, int], None]
"""Receives the number of converted nodes, and of all."""


def no_report(_done: int, _of: int) -> None:
    """Ignore the progress."""


def load(path: Path, report: Report = no_report) -> Imported:
    """Read a file; ModelRefused if it is damaged or cannot be executed exactly.

    `report` receives the number of converted nodes and of all, after each.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelRefused(f"{path.name} is larger than {MAX_FILE_BYTES} bytes")
    return loads(path.read_bytes(), report)


def loads(raw: bytes, report: Report = no_report) -> Imported:
    """Read a model from its bytes; ModelRefused as for `load`."""
    try:
        proto = onnx.load_model_from_string(raw)
        onnx.checker.check_model(proto)
    except (DecodeError, UnicodeDecodeError, onnx.checker.ValidationError) as broken:
        raise ModelRefused(f"no valid ONNX model: {broken}") from broken
    for node in proto.graph.node:
        # protobuf returns text that is not UTF-8 as bytes
        if not all(isinstance(text, str) for text in (node.name, *node.input, *node.output)):
            raise ModelRefused(f"no valid ONNX model: a name of {node.op_type!r} is not UTF-8")
    check_fields(proto)
    return converted(proto.graph, operator_set(proto), report)


def converted(graph: onnx.GraphProto, opset: int, report: Report = no_report) -> Imported:
    """Convert a graph, node by node. Raises ModelRefused with the node's name and the reason.

    The model is compared with ONNX's reference before it is returned.
    """
    constants = {each.name: array_of(each) for each in graph.initializer}
    values: dict[str, Value] = {name: Constant(array) for name, array in constants.items()}
    given = [value for value in graph.input if value.name not in values]
    if len(given) != 1 or len(graph.output) != 1:
        raise ModelRefused(f"{len(given)} inputs and {len(graph.output)} outputs: one of each")
    target = Target(given[0], values)
    steps: list[Step] = []
    for done, whole in enumerate(graph.node, 1):
        target.node = Node(whole, values, given[0].name)
        check_form(whole, opset)
        parts = in_steps(target.node)
        of_pair = whole.domain == MICROSOFT
        for proto in parts:
            version = check_form(proto, PAIR_SET if of_pair else opset)
            node = target.node = Node(proto, values, given[0].name, version)
            convert = operation(node)
            if convert is None or len(proto.output) != 1:
                raise node.refused(why_not(node))
            if node.output in values or node.output == given[0].name:
                raise node.refused(f"makes {node.output!r}, which is there already")
            values[node.output] = convert(node, target)
            steps.append((proto, PAIR_SET if of_pair else opset))
        report(done, len(graph.node))
    result = values.get(graph.output[0].name)
    if isinstance(result, Product):
        result = target.accumulators(result)
        # In ONNX they are integers or real values; the scale makes either of them.
        values[graph.output[0].name] = replace(result, quantised=False)
    if not isinstance(result, Real):
        raise target.node.refused("the output is not quantised")
    model = target.builder.model(float(result.scale))
    Comparison(model, values, given[0], target.entry).check(steps, constants)
    return Imported(model, len(given[0].type.tensor_type.shape.dim) == 4, result.image)


def in_steps(node: Node) -> Sequence[onnx.NodeProto]:
    """Return a node; or the pair that defines it, with the operation between."""
    proto = node.proto
    if proto.domain != MICROSOFT or node.kind not in PAIRED or len(proto.output) != 1:
        return [proto]
    if node.integer("channels_last", 0):
        raise node.refused("channels_last: export with the channels first")
    between, operands, result = PAIRED[node.kind]
    if not node.has(result + 1):
        raise node.refused("its output's zero must be written out")
    last = operands.stop if operands.stop is not None else len(proto.input)
    if len(proto.input) != max(last, 3 if operands.step is None else 0, result + 2) or (
        (last - (operands.start or 0)) % 3 and operands.step is not None
    ):
        raise node.refused(f"has {len(proto.input)} inputs: each operand has a scale and a zero")
    steps: list[onnx.NodeProto] = []
    reals: list[str] = []
    for at in range(len(proto.input))[operands]:
        reals.append(f"{node.output}: operand {len(reals)}")
        steps.append(_step("DequantizeLinear", node, proto.input[at : at + 3], reals[-1]))
    operation = _step(between, node, reals, f"{node.output}: reals")
    operation.attribute.extend(
        attribute
        for attribute in proto.attribute
        if attribute.name not in {"channels_last", "opset"}
    )
    if between == "Softmax" and not operation.attribute:
        operation.attribute.append(onnx.helper.make_attribute("axis", -1))
    numbers = proto.input[result : result + 2]
    return [
        *steps,
        operation,
        _step("QuantizeLinear", node, [f"{node.output}: reals", *numbers], node.output),
    ]


def operation(node: Node) -> Callable[[Node, Target], Value] | None:
    """Return the function that converts a node, None if there is none."""
    if node.proto.domain in ONNX:
        return OPERATIONS.get(node.kind)
    if (node.proto.domain, node.kind) == (MICROSOFT, "QGemm"):
        return linear.qgemm
    return None


def why_not(node: Node) -> str:
    """Return the reason why a node is refused, and what to do."""
    if node.proto.domain != MICROSOFT:
        return f"{node.kind} has no exact form here"
    return (
        f"{node.kind} of {MICROSOFT} has no exact form here: export with QuantFormat.QDQ, "
        "where operations of ONNX stand between QuantizeLinear and DequantizeLinear"
    )


def _step(kind: str, whole: Node, inputs: Sequence[str], output: str) -> onnx.NodeProto:
    """Return an ONNX node for a part of another one's operation, under its name."""
    return onnx.helper.make_node(kind, inputs, [output], name=whole.name)
