"""Comparison of an imported model with ONNX's reference implementation, node by node.

Random items go through the model; each ONNX node then gets the elements that the model made before
it, so that roundings do not add up, and its result is compared with the model's tensor of the same
name. A conversion that takes a node for something else shows here, whatever the cause. The
reference (`onnx.reference`) is slow: where an image or a sequence is large, its first rows are
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from btt_chain.work.errors import ModelRefused
from btt_chain.work.execute import Executor
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Model, elements_of
from btt_chain.work.onnx_import.forms import MICROSOFT
from btt_chain.work.onnx_import.values import Array, Real, Value
from btt_chain.work.tensors import Kind, Tensor

Step: TypeAlias = tuple[onnx.NodeProto, int]
"""A node, and the version of the operators that it is of."""

ITEMS: Final = 2
SHARES: Final = (1.0, 0.1)
"""Parts of the range from which the elements of the items of a round are taken."""
MAX_STEPS: Final = 2
"""Maximum difference in steps of an element: folded biases, roundings, and shares of a softmax."""
NEAR: Final = 1e-4
BUDGET: Final = 1 << 22
"""Numbers that the reference lays out for a node; an input is cut to it, rows first."""
POOLED: Final = 1 << 17
"""The same for a pool."""
MAX_BYTES: Final = 1 << 30
"""Maximum bytes of the items' tensors, where the file fixes the number of items."""

DEQUANTIZE: Final = 19
"""First version of DequantizeLinear that the reference has; older ones are a part of it."""
_WEIGHTS_OF_WINDOWS: Final[Mapping[str, int | None]] = {
    "AveragePool": None, "Conv": 1, "ConvInteger": 1, "MaxPool": None, "QLinearConv": 3,
}  # fmt: skip
"""Operators over windows, and their input that has the weights."""
_WEIGHTS_OF_ROWS: Final = {"MatMulInteger": 1, "QLinearMatMul": 3}
_IMAGE, _SEQUENCE = 4, 3


class Comparison:
    """The values of an ONNX graph, by name, for some random items."""

    def __init__(
        self,
        model: Model,
        values: Mapping[str, Value],
        given: onnx.ValueInfoProto,
        entry: Real | None,
    ) -> None:
        """Prepare the model; `values` has its tensors by ONNX's names, `entry` is its input."""
        self._executor = Executor(model)
        self._graph: Graph = model.graph
        self._values = values
        self._given = given
        self._entry = entry

    def check(self, steps: Iterable[Step], constants: Mapping[str, Array]) -> None:
        """Compare all nodes. Raises ModelRefused with the first node that differs."""
        steps = list(steps)
        batch = self._given.type.tensor_type.shape.dim[0].dim_value or ITEMS
        if batch * sum(tensor.nbytes for tensor in self._graph.tensors) > MAX_BYTES:
            raise ModelRefused(f"the file is for {batch} items at once: export it for one")
        for number, share in enumerate(SHARES):
            rng = np.random.default_rng(number)
            items = random_items(rng, self._graph.inputs[0], batch, share)
            tensors = self._executor.run(items).tensors
            self._check_items(steps, dict(constants), tensors)

    def _check_items(
        self, steps: Sequence[Step], known: dict[str, Array], tensors: Sequence[Elements]
    ) -> None:
        if self._entry is not None:
            of_floats = self._given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
            known[self._given.name] = self._elements(self._entry, tensors, real=of_floats)
        partial: set[str] = set()
        for node, opset in steps:
            output = node.output[0]
            expected, cut = self._reference(node, opset, known)
            if cut or partial.intersection(node.input):
                partial.add(output)
            value = self._values[output]
            if not isinstance(value, Real):
                known[output] = expected
                continue
            found = self._elements(value, tensors, real=not value.quantised)
            compare(node, found, expected, 1.0 if value.quantised else float(value.scale),
                    partial=output in partial)  # fmt: skip
            partial.discard(output)
            known[output] = found

    def _elements(self, value: Real, tensors: Sequence[Elements], *, real: bool) -> Array:
        """Return a tensor in ONNX's order of axes: its elements, or their real values."""
        found: Array = np.asarray(tensors[value.tensor])
        if value.image:
            found = found.transpose(0, 3, 1, 2)
        if not real:
            return found
        zero = np.float32(self._graph.tensors[value.tensor].zero)
        return (found.astype(np.float32) - zero) * value.scale

    def _reference(
        self, node: onnx.NodeProto, opset: int, known: Mapping[str, Array]
    ) -> tuple[Array, bool]:
        """Return the reference's result for a node, and True if it is of the first rows only."""
        whole = {name: known[name] for name in node.input if name}
        if node.domain == MICROSOFT:
            return gemm_of_integers(node, known), False
        if node.op_type == "DequantizeLinear":
            opset = max(opset, DEQUANTIZE)
        node, feeds, cut = cut_rows(node, whole)
        given = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ]
        output = helper.make_empty_tensor_value_info(node.output[0])
        graph = helper.make_graph([node], "node", given, [output])
        try:
            with np.errstate(all="ignore"):
                made = ReferenceEvaluator(graph, opsets={"": opset}).run(None, dict(feeds))
        except Exception as broken:  # noqa: BLE001 - any: it runs what an untrusted file says
            raise ModelRefused.at(
                node.name or node.op_type,
                f"ONNX's reference does not execute it ({type(broken).__name__}: {broken})",
            ) from None
        (result,) = made.values() if isinstance(made, dict) else made
        return np.asarray(result), cut


def random_items(rng: np.random.Generator, tensor: Tensor, batch: int, share: float) -> Elements:
    """Return random items; `share`: the part of the range around the zero that is taken."""
    zero = int(tensor.zero)
    low, high = (zero + round((end - zero) * share) for end in (tensor.kind.low, tensor.kind.high))
    return elements_of(tensor.kind, rng.integers(low, high + 1, (batch, *tensor.dims)))


def gemm_of_integers(node: onnx.NodeProto, known: Mapping[str, Array]) -> Array:
    """Return the result of onnxruntime's QGemm, which is not an operator of ONNX."""
    names = [*node.input, *[""] * 9][:9]
    x, scale, zero, weights, scales, zeros, bias, out_scale, out_zero = (
        known[name].astype(np.float64) if name else np.zeros(()) for name in names
    )
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    columns = (weights.T if turned else weights) - zeros
    real = ((x - zero) @ columns + bias) * scale * scales
    if not names[7]:
        return np.asarray(real, np.float32)
    signed = names[8] and known[names[8]].dtype == np.dtype(np.int8)
    kind = Kind.I8 if signed else Kind.U8
    return np.clip(np.rint(real / out_scale) + out_zero, kind.low, kind.high)


def cut_rows(
    node: onnx.NodeProto, whole: Mapping[str, Array]
) -> tuple[onnx.NodeProto, dict[str, Array], bool]:
    """Return a node, its inputs, and True if the first one is cut to its first rows."""
    feeds = dict(whole)
    x = whole.get(node.input[0]) if node.input else None
    if x is None:
        return node, feeds, False
    if node.op_type in _WEIGHTS_OF_ROWS and x.ndim == _SEQUENCE:
        weights = whole[node.input[_WEIGHTS_OF_ROWS[node.op_type]]]
        rows = max(1, BUDGET // (len(x) * weights.size)) if weights.ndim < x.ndim else len(x[0])
        feeds[node.input[0]] = x[:, :rows]
        return node, feeds, rows < x.shape[1]
    if node.op_type not in _WEIGHTS_OF_WINDOWS or x.ndim != _IMAGE:
        return node, feeds, False
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    pads = attributes.get("pads", [0, 0, 0, 0])
    at = _WEIGHTS_OF_WINDOWS[node.op_type]
    if at is None:
        # The reference's pools mistake pads that differ: it gets an image with them.
        size = attributes["kernel_shape"]
        low = 0 if node.op_type == "AveragePool" else lowest(x)
        x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=low)
        attributes["pads"] = pads = [0, 0, 0, 0]
    else:
        size = whole[node.input[at]].shape[2:]
    # The reference visits windows one by one in pools, and all at once in products.
    budget = (POOLED if at is None else BUDGET) // (len(x) * x.shape[1] * size[0] * size[1])
    cut, pads = False, list(pads)
    for axis, windows in enumerate((budget // x.shape[3], budget)):
        reach = (size[axis] - 1) * attributes.get("dilations", [1, 1])[axis] + 1
        step = attributes.get("strides", [1, 1])[axis]
        end = max(1, (max(windows, 1) - 1) * step + reach - pads[axis])
        if end < x.shape[2 + axis]:
            x = x[:, :, :end] if axis == 0 else x[..., :end]
            cut, pads[2 + axis] = True, 0
    attributes["pads"] = pads
    feeds[node.input[0]] = x
    whole_node, node = node, onnx.NodeProto()
    node.CopyFrom(whole_node)
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(*each) for each in attributes.items())
    return node, feeds, cut


def lowest(x: Array) -> float:
    """Return a number that is in no window the largest."""
    return {"i": -128.0, "u": 0.0}.get(x.dtype.kind, -np.inf)


def compare(
    node: onnx.NodeProto, found: Array, expected: Array, step: float, *, partial: bool
) -> None:
    """Raise ModelRefused unless two results are equal but for `MAX_STEPS` steps."""
    name = node.name or node.op_type
    if partial and found.ndim == expected.ndim:
        found = found[tuple(slice(0, size) for size in expected.shape)]
    if found.shape != expected.shape:
        raise ModelRefused.at(
            name, f"makes the shape {found.shape} here, {expected.shape} by ONNX's reference"
        )
    if not found.size:
        raise ModelRefused.at(name, "makes an empty tensor")
    apart: NDArray[np.float64] = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    largest = float(np.abs(expected.astype(np.float64)).max())
    worst = float(apart.max())
    # NaN and infinity fail the comparison, as they must.
    if not worst <= MAX_STEPS * step + NEAR * largest:
        at = np.unravel_index(int(np.nan_to_num(apart, nan=np.inf).argmax()), apart.shape)
        raise ModelRefused.at(
            name,
            f"{node.op_type} makes {found[at]:g} at {tuple(map(int, at))} for random inputs, "
            f"{expected[at]:g} by ONNX's reference: it is not read as the file means it",
        )
