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
from btt_chain.work.model import Elements, Model, dtype_of
from btt_chain.work.onnx_import.forms import MICROSOFT
from btt_chain.work.onnx_import.values import Array, Real, Value
from btt_chain.work.tensors import Tensor

Step: TypeAlias = tuple[onnx.NodeProto, int]
"""A node, and the version of the operators that it is of."""

ITEMS: Final = 2
SPREADS: Final = (1.0, 0.1)
"""Parts of the range from which the elements of the items of a round are taken."""
MAX_STEPS: Final = 2
"""Maximum difference in steps of an element: folded biases, roundings, and shares of a softmax."""
NEAR: Final = 1e-4
BUDGET: Final = 1 << 22
"""Numbers that the reference lays out for one node; the rows of an input are cut to it."""

DEQUANTIZE: Final = 19
"""First version of DequantizeLinear that the reference has; older ones are a part of it."""
_ROWS_OF_IMAGES: Final = frozenset({"AveragePool", "Conv", "ConvInteger", "MaxPool", "QLinearConv"})
_ROWS_OF_SEQUENCES: Final = frozenset({"MatMulInteger", "QLinearMatMul"})
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
        for number, spread in enumerate(SPREADS):
            rng = np.random.default_rng(number)
            items = random_items(rng, self._graph.input, batch, spread)
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
        found: Array = tensors[value.tensor]
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
        node, feeds = cut_rows(node, whole)
        given = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ]
        result = helper.make_empty_tensor_value_info(node.output[0])
        graph = helper.make_graph([node], "node", given, [result])
        try:
            with np.errstate(all="ignore"):
                made = ReferenceEvaluator(graph, opsets={"": opset}).run(None, dict(feeds))[0]
        except Exception as broken:  # noqa: BLE001 - any: it runs what an untrusted file says
            raise ModelRefused.at(
                node.name or node.op_type,
                f"ONNX's reference does not execute it ({type(broken).__name__}: {broken})",
            ) from None
        cut = any(feeds[name] is not whole[name] for name in feeds)
        return np.asarray(made), cut


def random_items(rng: np.random.Generator, tensor: Tensor, batch: int, spread: float) -> Elements:
    """Return random items; `spread`: the part of the range around the zero that is taken."""
    zero = int(tensor.zero)
    low, high = (zero + round((end - zero) * spread) for end in (tensor.kind.low, tensor.kind.high))
    items: Elements = rng.integers(low, high + 1, (batch, *tensor.dims)).astype(
        dtype_of(tensor.kind)
    )
    return items


def gemm_of_integers(node: onnx.NodeProto, known: Mapping[str, Array]) -> Array:
    """Return the result of onnxruntime's QGemm, which is not an operator of ONNX."""
    given = [known[name] if name else None for name in node.input] + [None] * 9
    x, x_scale, x_zero, weights, scales, zeros, bias, out_scale, out_zero = given[:9]
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    assert x is not None and weights is not None
    rows = x.astype(np.float64) - (0 if x_zero is None else x_zero.astype(np.float64))
    columns = (weights.T if turned else weights).astype(np.float64)
    columns = columns - (0 if zeros is None else zeros.astype(np.float64))
    total = rows @ columns + (0 if bias is None else bias.astype(np.float64))
    real: NDArray[np.float64] = total * np.float64(x_scale) * np.asarray(scales, np.float64)
    if out_scale is None or out_zero is None:
        return real.astype(np.float32)
    steps = np.rint(real / np.float64(out_scale)) + out_zero.astype(np.float64)
    limits = np.iinfo(out_zero.dtype)
    return np.clip(steps, limits.min, limits.max).astype(out_zero.dtype)


def cut_rows(
    node: onnx.NodeProto, whole: Mapping[str, Array]
) -> tuple[onnx.NodeProto, dict[str, Array]]:
    """Return a node and its inputs, the first one cut to its first rows where it is large."""
    feeds = dict(whole)
    if not node.input or node.input[0] not in whole:
        return node, feeds
    x = whole[node.input[0]]
    if node.op_type in _ROWS_OF_SEQUENCES and x.ndim == _SEQUENCE:
        if node.input[1 if node.op_type == "MatMulInteger" else 3] == node.input[0]:
            return node, feeds
        columns = whole[node.input[1 if node.op_type == "MatMulInteger" else 3]]
        if columns.ndim == 2:  # noqa: PLR2004 - constant weights
            rows = max(1, (BUDGET << 5) // (len(x) * columns.size))
            feeds[node.input[0]] = x if rows >= x.shape[1] else x[:, :rows]
        return node, feeds
    if node.op_type not in _ROWS_OF_IMAGES or x.ndim != _IMAGE:
        return node, feeds
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    at = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}.get(node.op_type)
    size = attributes["kernel_shape"] if at is None else whole[node.input[at]].shape[2:]
    stride = attributes.get("strides", [1, 1])[0]
    pads = attributes.get("pads", [0, 0, 0, 0])
    # The reference loops over the windows of pools in Python.
    slow = 1 if at is not None else 1 << 4
    row = len(x) * x.shape[1] * x.shape[3] * size[0] * size[1] * slow
    rows = max(1, BUDGET // max(row, 1))
    height = (rows - 1) * stride + (size[0] - 1) * attributes.get("dilations", [1, 1])[0] + 1
    height -= pads[0]
    if not 0 < height < x.shape[2]:
        return node, feeds
    shorter = onnx.NodeProto()
    shorter.CopyFrom(node)
    del shorter.attribute[:]
    attributes["pads"] = [pads[0], pads[1], 0, pads[3]]
    shorter.attribute.extend(helper.make_attribute(*each) for each in attributes.items())
    feeds[node.input[0]] = x[:, :, :height]
    return shorter, feeds


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
