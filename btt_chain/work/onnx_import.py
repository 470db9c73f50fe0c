"""Conversion of ONNX models of 8-bit integers to our graphs.

Accepted are QLinearConv, QLinearMatMul, ConvInteger and MatMulInteger directly, and operations
between DequantizeLinear and QuantizeLinear, which are folded here: an engine's result for such a
pair depends on its optimiser, so the fold is the definition. The other QLinear operators, which are
onnxruntime's (com.microsoft), are defined by such a pair, and are read as one. Any remaining float
computation is refused with the node's name, never approximated.

ONNX's images are channels first and ours channels last: `Imported` converts items and outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from btt_chain.work.build import (
    Builder,
    Numbers,
    exponentials,
    norm_constants,
    norm_epsilon,
    window,
)
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Kind, Window
from btt_chain.work.model import Float32s, Int8s, Int32s, Model

try:
    import onnx
    from onnx import numpy_helper
except ImportError as error:
    raise ImportError("reading ONNX models needs the package onnx: pip install onnx") from error

E = TypeVar("E", bound=np.generic)
Array: TypeAlias = NDArray[np.generic]

MAX_FILE_BYTES: Final = 1 << 30
_KINDS: Final[Mapping[int, Kind]] = {
    int(onnx.TensorProto.INT8): Kind.I8,
    int(onnx.TensorProto.UINT8): Kind.U8,
}
_FUNCTIONS: Final[Mapping[str, Callable[[float], float]]] = {
    "Relu": lambda x: max(x, 0.0),
    "Sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "Tanh": math.tanh,
    "Gelu": lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))),
}
_ONNX: Final = frozenset({"", "ai.onnx"})
_MICROSOFT: Final = "com.microsoft"
_PAIRED: Final[Mapping[str, tuple[str, slice, int]]] = {
    "QLinearAdd": ("Add", slice(0, 6, 3), 6),
    "QLinearAveragePool": ("AveragePool", slice(1), 3),
    "QLinearConcat": ("Concat", slice(2, None, 3), 0),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", slice(1), 3),
    "QLinearLeakyRelu": ("LeakyRelu", slice(1), 3),
    "QLinearSigmoid": ("Sigmoid", slice(1), 3),
    "QLinearSoftmax": ("Softmax", slice(1), 3),
}
"""Operation within a pair; operand inputs (scale and zero follow each); input of the scale."""


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


def load(path: Path) -> Imported:
    """Read a file; ModelRefused if it is damaged or cannot be executed exactly."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelRefused(f"{path.name} is larger than {MAX_FILE_BYTES} bytes")
    return loads(path.read_bytes())


def loads(raw: bytes) -> Imported:
    """Read a model from its bytes; ModelRefused as for `load`."""
    try:
        proto = onnx.load_model_from_string(raw)
        onnx.checker.check_model(proto)
    except (DecodeError, UnicodeDecodeError, onnx.checker.ValidationError) as broken:
        raise ModelRefused(f"no valid ONNX model: {broken}") from broken
    for node in proto.graph.node:
        # protobuf returns text that is no UTF-8 as bytes
        if not all(isinstance(text, str) for text in (node.name, *node.input, *node.output)):
            raise ModelRefused(f"no valid ONNX model: a name of {node.op_type!r} is no UTF-8")
    return _Reader(proto.graph).imported()


# ---- values while the graph is read


@dataclass(frozen=True, slots=True)
class _Real:
    """A committed tensor, and the scale of its elements; an image if channels are last."""

    tensor: int
    scale: np.float32
    image: bool
    quantised: bool
    """True if the file has it as integers, False for their real values."""


@dataclass(frozen=True, slots=True)
class _Constant:
    """A constant, times a scale if it was dequantised (one, or one for each output channel)."""

    values: Array
    scale: Float32s | None = None


@dataclass(frozen=True, slots=True)
class _Product:
    """A product whose output numbers are not known yet."""

    emit: Callable[[Int32s, Float32s, Numbers], int]
    bias: Int32s
    factor: Float32s
    """Real value of one unit of each channel's accumulator."""
    image: bool
    relu: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Another node whose output numbers are not known yet: a function of their scale and kind."""

    emit: Callable[[np.float32, Numbers], int]
    image: bool


_Value: TypeAlias = _Real | _Constant | _Product | _Waiting


class _Reader:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._values: dict[str, _Value] = {}
        self._serial = count()
        self._names: dict[str, None] = {}
        self._node = onnx.NodeProto()
        self._inputs: Sequence[str] = ()
        for constant in graph.initializer:
            self._values[constant.name] = _Constant(self._array(constant))
        given = [value for value in graph.input if value.name not in self._values]
        if len(given) != 1 or len(graph.output) != 1:
            raise ModelRefused(f"{len(given)} inputs and {len(graph.output)} outputs: one of each")
        self._given = given[0]
        self._builder: Builder | None = None

    def imported(self) -> Imported:
        for whole in self._graph.node:
            for node in self._in_steps(whole):
                self._node = node
                self._inputs = list(node.input)
                reader = self._reader()
                if reader is None or len(node.output) != 1:
                    raise self._refused(self._why_not())
                self._values[node.output[0]] = reader(self)
        result = self._values.get(self._graph.output[0].name)
        if isinstance(result, _Product):
            result = self._accumulators(result)
        if not isinstance(result, _Real):
            raise self._refused("the output is not quantised")
        model = self.builder.model(float(result.scale))
        dims = self._given.type.tensor_type.shape.dim
        return Imported(model, len(dims) == 4, result.image)

    def _in_steps(self, node: onnx.NodeProto) -> Sequence[onnx.NodeProto]:
        """Return a node; or the pair that defines it, with the operation between."""
        self._node = node
        self._inputs = list(node.input)
        if node.domain != _MICROSOFT or node.op_type not in _PAIRED or len(node.output) != 1:
            return [node]
        if self._whole("channels_last", 0):
            raise self._refused("channels_last: export with the channels first")
        between, operands, result = _PAIRED[node.op_type]
        if not self._has(result + 1):
            raise self._refused("its output's zero must be written out")
        made, steps = node.output[0], list[onnx.NodeProto]()
        reals: list[str] = []
        for at in range(len(node.input))[operands]:
            reals.append(f"{made}: operand {len(reals)}")
            steps.append(_step("DequantizeLinear", node, node.input[at : at + 3], reals[-1]))
        operation = _step(between, node, reals, f"{made}: reals")
        operation.attribute.extend(node.attribute)
        numbers = node.input[result : result + 2]
        return [
            *steps,
            operation,
            _step("QuantizeLinear", node, [f"{made}: reals", *numbers], made),
        ]

    def _reader(self) -> Callable[[_Reader], _Value] | None:
        if self._node.domain in _ONNX:
            return _OPERATIONS.get(self._node.op_type)
        if (self._node.domain, self._node.op_type) == (_MICROSOFT, "QGemm"):
            return _Reader.qgemm
        return None

    def _why_not(self) -> str:
        kind = self._node.op_type
        if self._node.domain != _MICROSOFT:
            return f"{kind} has no exact form here"
        return (
            f"{kind} of {_MICROSOFT} has no exact form here: export with QuantFormat.QDQ, "
            "where operations of ONNX stand between QuantizeLinear and DequantizeLinear"
        )

    @property
    def builder(self) -> Builder:
        if self._builder is None:
            raise self._refused("computes before the input is quantised")
        return self._builder

    # -- reading arguments

    def _refused(self, why: str) -> ModelRefused:
        return ModelRefused.at(self._node.name or self._node.op_type, why)

    def _array(self, tensor: onnx.TensorProto) -> Array:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ModelRefused(f"constant {tensor.name!r} lies in another file: save it within")
        try:
            return numpy_helper.to_array(tensor)
        except (KeyError, TypeError, ValueError) as broken:
            raise ModelRefused(f"constant {tensor.name!r} is broken: {broken}") from broken

    def _attribute(self, name: str, default: object) -> object:
        for attribute in self._node.attribute:
            if attribute.name == name:
                return onnx.helper.get_attribute_value(attribute)
        return default

    def _whole(self, name: str, default: int) -> int:
        value = self._attribute(name, default)
        if not isinstance(value, int):
            raise self._refused(f"{name} is no whole number")
        return value

    def _wholes(self, name: str, default: Sequence[int]) -> list[int]:
        value = self._attribute(name, list(default))
        if not isinstance(value, list) or len(value) != len(default):
            raise self._refused(f"{name} has not {len(default)} numbers")
        return [int(number) for number in value]

    def _has(self, at: int) -> bool:
        return at < len(self._inputs) and bool(self._inputs[at])

    def _value(self, at: int) -> _Value:
        if not self._has(at):
            raise self._refused(f"has no input {at}")
        value = self._values.get(self._inputs[at])
        if value is None:
            if self._inputs[at] != self._given.name:
                raise self._refused(f"reads {self._inputs[at]!r}, which nothing makes")
            raise self._refused("reads the input as floats: quantise it first")
        return value

    def _constant(self, at: int) -> Array:
        value = self._value(at)
        if not isinstance(value, _Constant) or value.scale is not None:
            raise self._refused(f"input {at} must be a constant")
        return value.values

    def _scale(self, at: int) -> Float32s:
        scales = np.atleast_1d(self._constant(at).astype(np.float32)).reshape(-1)
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise self._refused("a scale is not positive")
        return scales

    def _one_scale(self, at: int) -> np.float32:
        scales = self._scale(at)
        if len(scales) != 1:
            raise self._refused("activations have one scale, not one for each channel")
        return np.float32(scales[0])

    def _zero(self, at: int) -> tuple[Kind, int]:
        """Return kind and zero of a tensor; ONNX's default is an unsigned zero."""
        if not self._has(at):
            return Kind.U8, 0
        zeros = np.atleast_1d(self._constant(at)).reshape(-1)
        kind = _KINDS.get(int(onnx.helper.np_dtype_to_tensor_dtype(zeros.dtype)))
        if kind is None or len(np.unique(zeros)) != 1:
            raise self._refused("elements must be of 8 bits and have one zero")
        return kind, int(zeros[0])

    def _numbers(self, at: int) -> Numbers:
        kind, zero = self._zero(at)
        return Numbers(kind, zero)

    def _quantised_input(self, name: str, scale: np.float32, numbers: Numbers) -> _Real:
        """Return the model's input, which the file has as integers or quantises at once."""
        if self._builder is not None:
            raise self._refused("the input is read with a second quantisation")
        dims = [dim.dim_value for dim in self._given.type.tensor_type.shape.dim]
        if not 2 <= len(dims) <= 4 or min(dims[1:]) < 1:
            raise ModelRefused(
                f"the input has the shape {dims}: 2 to 4 axes, all but the first fixed"
            )
        image = len(dims) == 4
        shape = (dims[2], dims[3], dims[1]) if image else tuple(dims[1:])
        self._builder = Builder(numbers.kind, shape, numbers.zero, float(scale))
        real = _Real(0, scale, image, quantised=True)
        self._values[name] = real
        return real

    def _integers(self, at: int, scale: np.float32, zero_at: int) -> _Real:
        """Return a quantised activation, with its scale in the node; the default zero is 0."""
        name = self._inputs[at]
        if name == self._given.name and name not in self._values:
            kind = _KINDS.get(self._given.type.tensor_type.elem_type)
            if kind is None:
                raise self._refused("the input is not of 8 bits")
            numbers = self._numbers(zero_at) if self._has(zero_at) else Numbers(kind)
            if numbers.kind is not kind:
                raise self._refused("the input is of another kind than its zero")
            return self._quantised_input(name, scale, numbers)
        value = self._value(at)
        if not isinstance(value, _Real) or not value.quantised:
            raise self._refused(f"input {at} is not quantised")
        tensor = self.builder.tensor(value.tensor)
        numbers = self._numbers(zero_at) if self._has(zero_at) else Numbers(tensor.kind)
        if (tensor.kind, int(tensor.zero)) != (numbers.kind, numbers.zero):
            raise self._refused(f"input {at} is read with another zero than it was made with")
        return replace(value, scale=scale)

    def _reals(self, at: int) -> _Real:
        """Return a dequantised activation."""
        value = self._value(at)
        if not isinstance(value, _Real) or value.quantised:
            raise self._refused(f"input {at} is computed in floats: quantise it (QuantizeLinear)")
        return value

    def _weights(self, at: int, zero_at: int | None, axis: int) -> Int8s:
        """Return weights minus their zero; all must still be of 8 bits."""
        values = self._constant(at)
        if values.dtype not in {np.dtype(np.int8), np.dtype(np.uint8)}:
            raise self._refused(f"weights of {values.dtype}: quantise them to 8 bits")
        wide = values.astype(np.int16)
        if zero_at is not None and self._has(zero_at):
            wide -= self._along(self._constant(zero_at).astype(np.int16), axis, wide.shape)
        return self._narrow(wide)

    def _narrow(self, wide: NDArray[np.int16]) -> Int8s:
        if int(wide.min()) < -128 or int(wide.max()) > 127:
            raise self._refused("weights less their zero do not fit 8 bits")
        return wide.astype(np.int8)

    # -- making nodes

    def _name(self, what: str = "") -> str:
        """Return a name that no other node has."""
        base = (self._node.name or self._node.op_type)[:40] + what
        name = base
        while name in self._names:
            name = f"{base}.{next(self._serial)}"
        self._names[name] = None
        return name

    def _plain(self, value: _Real) -> _Real:
        """Return the same value in ONNX's order of axes."""
        if not value.image:
            return value
        height, width, channels = self.builder.tensor(value.tensor).dims
        view, shape = (height, width, channels), (channels, height, width)
        made = self.builder.rearrange(self._name(":plain"), value.tensor, view, (2, 0, 1), shape)
        return replace(value, tensor=made, image=False)

    def _image(self, value: _Real) -> _Real:
        """Return the same value with channels last."""
        if value.image:
            return value
        dims = self.builder.tensor(value.tensor).dims
        if len(dims) != 3:
            raise self._refused(f"needs an image, not items of shape {dims}")
        shape = (dims[1], dims[2], dims[0])
        made = self.builder.rearrange(self._name(":image"), value.tensor, dims, (1, 2, 0), shape)
        return replace(value, tensor=made, image=True)

    def _accumulators(self, product: _Product) -> _Real:
        """Return a product at the end, without requantisation."""
        if product.relu or len(np.unique(product.factor)) != 1:
            raise self._refused("the output has a scale for each channel: quantise it")
        made = product.emit(product.bias, product.factor, Numbers(Kind.I32))
        return _Real(made, np.float32(product.factor[0]), product.image, quantised=True)

    def _finish(self, product: _Product, scale: np.float32, numbers: Numbers) -> _Real:
        """Return a requantised product: f32(f32(sx * sw) / sy), as in ONNX."""
        scales = (product.factor / scale).astype(np.float32)
        if product.relu:
            numbers = replace(numbers, low=numbers.zero)
        made = product.emit(product.bias, scales, numbers)
        return _Real(made, scale, product.image, quantised=True)

    def _conv_product(
        self, x: _Real, weights: Int8s, bias: Int32s, factor: Float32s, name: str
    ) -> _Product:
        if weights.ndim != 4:
            raise self._refused("only windows of two dimensions")
        x = self._image(x)
        seen = self._window(weights.shape[2:])
        groups = self._whole("group", 1)
        kernels = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))

        def emit(bias: Int32s, scales: Float32s, out: Numbers) -> int:
            return self.builder.conv(name, x.tensor, kernels, bias, scales, seen, out, groups)

        return _Product(emit, bias, factor, image=True)

    def _dense_product(
        self, x: _Real, columns: Int8s, bias: Int32s, factor: Float32s, name: str
    ) -> _Product:
        x = self._plain(x)
        if columns.ndim != 2 or columns.shape[1] != self.builder.tensor(x.tensor).dims[-1]:
            raise self._refused("weights do not fit the rows that they multiply")

        def emit(bias: Int32s, scales: Float32s, out: Numbers) -> int:
            held = np.ascontiguousarray(columns)
            return self.builder.linear(name, x.tensor, held, bias, scales, out)

        return _Product(emit, bias, factor, image=False)

    def _window(self, size: Sequence[int]) -> Window:
        """Return the window of a convolution or a pool."""
        pads = self._wholes("pads", (0, 0, 0, 0))
        if self._attribute("auto_pad", b"NOTSET") not in {b"NOTSET", b"VALID"}:
            raise self._refused("auto_pad: write the pads out")
        if self._whole("ceil_mode", 0):
            raise self._refused("ceil_mode is not supported")
        step, apart = self._wholes("strides", (1, 1)), self._wholes("dilations", (1, 1))
        numbers = (*size, *step, *apart, *pads)
        if min(numbers) < 0 or max(numbers) > 1 << 15 or min(size) < 1:
            raise self._refused("a window has negative or huge numbers, or no size")
        return window(
            (size[0], size[1]),
            (step[0], step[1]),
            (pads[0], pads[1], pads[2], pads[3]),
            (apart[0], apart[1]),
        )

    def _per_channel(self, factor: Float32s, channels: int) -> Float32s:
        if len(factor) not in {1, channels}:
            raise self._refused(f"{len(factor)} scales for {channels} channels")
        return np.broadcast_to(factor, (channels,)).astype(np.float32)

    def _along(
        self, zeros: NDArray[np.signedinteger], axis: int, dims: Sequence[int]
    ) -> NDArray[np.signedinteger]:
        """Return zeros of channels, so that they broadcast along one axis."""
        if zeros.size == 1:
            return zeros.reshape(())
        if not -len(dims) <= axis < len(dims) or zeros.size != dims[axis]:
            channels = dims[axis] if -len(dims) <= axis < len(dims) else 0
            raise self._refused(f"{zeros.size} zeros for {channels} channels")
        shape = [1] * len(dims)
        shape[axis] = zeros.size
        return zeros.reshape(shape)

    # -- the operations

    def quantize(self) -> _Value:
        scale, numbers = self._one_scale(1), self._numbers(2)
        if self._inputs[0] == self._given.name:
            return self._quantised_input(self._node.output[0], scale, numbers)
        value = self._value(0)
        if isinstance(value, _Product):
            return self._finish(value, scale, numbers)
        if isinstance(value, _Waiting):
            return _Real(value.emit(scale, numbers), scale, value.image, quantised=True)
        real = self._reals(0)
        return _Real(self._in_steps_of(scale, real, numbers), scale, real.image, quantised=True)

    def _in_steps_of(self, scale: np.float32, real: _Real, numbers: Numbers) -> int:
        """Return a tensor with the same real values, in other numbers if they differ."""
        tensor = self.builder.tensor(real.tensor)
        same = (tensor.kind, int(tensor.zero), real.scale) == (numbers.kind, numbers.zero, scale)
        if same:
            return real.tensor
        return self._tabled(real, lambda x: x, scale, numbers, self._name())

    def dequantize(self) -> _Value:
        if self._inputs[0] != self._given.name:
            value = self._value(0)
            if isinstance(value, _Constant):
                wide = value.values.astype(np.int64)
                if self._has(2):
                    axis = self._whole("axis", 1)
                    wide -= self._along(self._constant(2).astype(np.int64), axis, wide.shape)
                return _Constant(wide, self._scale(1))
        return replace(self._integers(0, self._one_scale(1), 2), quantised=False)

    def qlinear_conv(self) -> _Value:
        x = self._integers(0, self._one_scale(1), 2)
        weights = self._weights(3, 5, 0)
        factor = self._per_channel((x.scale * self._scale(4)).astype(np.float32), len(weights))
        bias = self._whole_bias(8, len(weights))
        product = self._conv_product(x, weights, bias, factor, self._name())
        return self._finish(product, self._one_scale(6), self._numbers(7))

    def qlinear_matmul(self) -> _Value:
        x = self._integers(0, self._one_scale(1), 2)
        out_scale, out = self._one_scale(6), self._numbers(7)
        if not isinstance(self._values.get(self._inputs[3]), _Constant):
            other = self._integers(3, self._one_scale(4), 5)
            return _Real(
                self._multiplied(x, other, out_scale, out, self._name()), out_scale, False, True
            )
        columns = self._weights(3, 5, 1).T
        factor = self._per_channel((x.scale * self._scale(4)).astype(np.float32), len(columns))
        bias = np.zeros(len(columns), np.int32)
        product = self._dense_product(x, columns, bias, factor, self._name())
        return self._finish(product, out_scale, out)

    def qgemm(self) -> _Value:
        if self._attribute("alpha", 1.0) != 1.0:
            raise self._refused("alpha must be 1")
        if self._whole("transA", 0):
            raise self._refused("transA would mix the items")
        turned = self._whole("transB", 0)
        x = self._integers(0, self._one_scale(1), 2)
        weights = self._weights(3, 5, 0 if turned else 1)
        columns = weights if turned else weights.T
        factor = self._per_channel((x.scale * self._scale(4)).astype(np.float32), len(columns))
        bias = self._whole_bias(6, len(columns))
        product = self._dense_product(x, columns, bias, factor, self._name())
        if not self._has(7):
            return product
        return self._finish(product, self._one_scale(7), self._numbers(8))

    def matmul_integer(self) -> _Value:
        columns = self._weights(1, 3, 1).T
        x = self._integers(0, np.float32(1), 2)
        ones = np.ones(len(columns), np.float32)
        bias = np.zeros(len(columns), np.int32)
        return self._dense_product(x, columns, bias, ones, self._name())

    def conv_integer(self) -> _Value:
        weights = self._weights(1, 3, 0)
        x = self._integers(0, np.float32(1), 2)
        ones = np.ones(len(weights), np.float32)
        bias = np.zeros(len(weights), np.int32)
        return self._conv_product(x, weights, bias, ones, self._name())

    def cast(self) -> _Value:
        value = self._value(0)
        if not isinstance(value, _Product) or self._whole("to", 0) != onnx.TensorProto.FLOAT:
            raise self._refused("only accumulators can be cast, and only to float")
        return value

    def mul(self) -> _Value:
        product, factor = self._value(0), self._constant(1).astype(np.float32).reshape(-1)
        if not isinstance(product, _Product) or product.relu:
            raise self._refused("only accumulators can be multiplied, by constants")
        scaled = product.factor * self._per_channel(factor, len(product.factor))
        return replace(product, factor=scaled.astype(np.float32))

    def conv(self) -> _Value:
        weights, scale = self._folded_weights(1)
        x = self._reals(0)
        factor = self._per_channel((x.scale * scale).astype(np.float32), len(weights))
        bias = self._folded_bias(2, factor)
        return self._conv_product(x, weights, bias, factor, self._name())

    def matmul(self) -> _Value:
        x = self._reals(0)
        if isinstance(self._value(1), _Real):
            other, name = self._reals(1), self._name()
            return _Waiting(lambda s, out: self._multiplied(x, other, s, out, name), image=False)
        weights, scale = self._folded_weights(1)
        factor = self._per_channel((x.scale * scale).astype(np.float32), weights.shape[-1])
        bias = np.zeros(len(factor), np.int32)
        return self._dense_product(x, weights.T, bias, factor, self._name())

    def gemm(self) -> _Value:
        if self._attribute("alpha", 1.0) != 1.0 or self._attribute("beta", 1.0) != 1.0:
            raise self._refused("alpha and beta must be 1")
        if self._whole("transA", 0):
            raise self._refused("transA would mix the items")
        weights, scale = self._folded_weights(1)
        columns = weights if self._whole("transB", 0) else weights.T
        x = self._reals(0)
        factor = self._per_channel((x.scale * scale).astype(np.float32), len(columns))
        bias = self._folded_bias(2, factor)
        return self._dense_product(x, columns, bias, factor, self._name())

    def _folded_weights(self, at: int) -> tuple[Int8s, Float32s]:
        value = self._value(at)
        if not isinstance(value, _Constant) or value.scale is None:
            raise self._refused("weights are floats: quantise them (DequantizeLinear)")
        return self._narrow(value.values.astype(np.int16)), value.scale

    def _folded_bias(self, at: int, factor: Float32s) -> Int32s:
        if not self._has(at):
            return np.zeros(len(factor), np.int32)
        value = self._value(at)
        if not isinstance(value, _Constant):
            raise self._refused("a bias must be constant")
        return self._bias_of(value, factor)

    def _whole_bias(self, at: int, channels: int) -> Int32s:
        """Return a bias that is already in units of the accumulator."""
        if not self._has(at):
            return np.zeros(channels, np.int32)
        bias = self._constant(at)
        if bias.dtype != np.dtype(np.int32):
            raise self._refused(f"a bias of {bias.dtype}: it must be of 32-bit integers")
        return (bias.reshape(-1) if bias.shape[-1:] == (channels,) else bias).astype(np.int32)

    def _bias_of(self, value: _Constant, factor: Float32s) -> Int32s:
        """Return a bias in units of the accumulator."""
        real = value.values.astype(np.float64).reshape(-1)
        if len(real) not in {1, len(factor)}:
            raise self._refused(f"{len(real)} biases for {len(factor)} channels")
        if value.scale is not None:
            real = real * self._per_channel(value.scale, len(real)).astype(np.float64)
        whole = np.rint(real / factor.astype(np.float64))
        if not (np.abs(whole) < 1 << 31).all():
            raise self._refused("a bias does not fit its accumulators")
        return np.broadcast_to(whole, factor.shape).astype(np.int32)

    def _multiplied(self, a: _Real, b: _Real, scale: np.float32, out: Numbers, name: str) -> int:
        """Return a product of two activations: ours has the second one's columns as rows."""
        a, b = self._plain(a), self._plain(b)
        dims = self.builder.tensor(b.tensor).dims
        if len(dims) < 2:
            raise self._refused("a product would mix the items")
        axes = (*range(len(dims) - 2), len(dims) - 1, len(dims) - 2)
        turned = [dims[axis] for axis in axes]
        rows = self.builder.rearrange(self._name(":turned"), b.tensor, dims, axes, turned)
        factor = np.float32(np.float32(a.scale * b.scale) / scale)
        return self.builder.matmul(name, a.tensor, rows, float(factor), out)

    def add(self) -> _Value:
        one, other = self._value(0), self._value(1)
        if isinstance(one, _Constant):
            one, other = other, one
        if isinstance(one, _Product) and isinstance(other, _Constant) and not one.relu:
            total = one.bias.astype(np.int64) + self._bias_of(other, one.factor)
            if int(np.abs(total).max()) >> 31:
                raise self._refused("a bias does not fit its accumulators")
            return replace(one, bias=total.astype(np.int32))
        a, b = self._reals(0), self._reals(1)
        if a.image != b.image:
            a, b = self._plain(a), self._plain(b)
        name = self._name()

        def emit(scale: np.float32, out: Numbers) -> int:
            ratios = (float(a.scale) / float(scale), float(b.scale) / float(scale))
            return self.builder.add(name, a.tensor, b.tensor, ratios, out)

        return _Waiting(emit, a.image)

    def function(self) -> _Value:
        value = self._value(0)
        kind = self._node.op_type
        if kind == "Gelu" and self._attribute("approximate", b"none") != b"none":
            raise self._refused("only the exact Gelu")
        if isinstance(value, _Product) and kind == "Relu":
            return replace(value, relu=True)
        real, name = self._reals(0), self._name()
        function = self._leaky() if kind == "LeakyRelu" else _FUNCTIONS[kind]
        return _Waiting(lambda s, out: self._tabled(real, function, s, out, name), real.image)

    def _leaky(self) -> Callable[[float], float]:
        alpha = self._attribute("alpha", 0.01)
        if not isinstance(alpha, float) or not math.isfinite(alpha):
            raise self._refused("alpha is no number")
        return lambda x: max(x, 0.0) + alpha * min(x, 0.0)

    def _tabled(
        self,
        x: _Real,
        function: Callable[[float], float],
        scale: np.float32,
        out: Numbers,
        name: str,
    ) -> int:
        tensor = self.builder.tensor(x.tensor)
        values: list[int] = []
        for element in range(tensor.kind.low, tensor.kind.high + 1):
            real = function((element - int(tensor.zero)) * float(x.scale)) / float(scale)
            values.append(min(max(round(real) + out.zero, out.kind.low), out.kind.high))
        return self.builder.table(name, x.tensor, values, out)

    def concat(self) -> _Value:
        reals = [self._reals(at) for at in range(len(self._inputs))]
        if not reals:
            raise self._refused("has no inputs")
        rank = len(self.builder.tensor(reals[0].tensor).dims) + 1
        axis = self._whole("axis", 0)
        channels = rank == 4 and axis in {1, -3}
        if not channels and axis not in {-1, rank - 1}:
            raise self._refused("only channels of images, or along the last axis")
        reals = [self._image(real) if channels else self._plain(real) for real in reals]
        names = [self._name() for _ in reals[1:]]

        def emit(scale: np.float32, out: Numbers) -> int:
            made, *others = (self._in_steps_of(scale, real, out) for real in reals)
            for name, other in zip(names, others, strict=True):
                made = self.builder.concat(name, made, other)
            return made

        return _Waiting(emit, channels)

    def max_pool(self) -> _Value:
        real = self._image(self._moved())
        seen = self._window(self._wholes("kernel_shape", (1, 1)))
        return replace(real, tensor=self.builder.max_pool(self._name(), real.tensor, seen))

    def average_pool(self) -> _Value:
        real = self._image(self._reals(0))
        size = self._wholes("kernel_shape", (0, 0))
        if any(self._wholes("pads", (0, 0, 0, 0))) and not self._whole("count_include_pad", 0):
            raise self._refused("with pads, only count_include_pad=1")
        seen, name = self._window(size), self._name()

        def emit(scale: np.float32, out: Numbers) -> int:
            factor = float(real.scale) / float(scale) / (size[0] * size[1])
            return self.builder.average_pool(name, real.tensor, seen, factor, out)

        return _Waiting(emit, image=True)

    def global_average_pool(self) -> _Value:
        real = self._plain(self._image(self._reals(0)))
        channels, height, width = self.builder.tensor(real.tensor).dims
        number, name = height * width, self._name()

        def emit(scale: np.float32, out: Numbers) -> int:
            # Channels as lines of an image: a fraud proof then opens one row, not all pixels.
            whole = (channels, height, width)
            lines = (channels, number, 1)
            flat = self.builder.rearrange(f"{name}:rows", real.tensor, whole, (0, 1, 2), lines)
            seen = window((1, number), (1, number))
            factor = float(real.scale) / float(scale) / number
            mean = self.builder.average_pool(name, flat, seen, factor, out)
            return self.builder.rearrange(
                f"{name}:image", mean, (channels,), (0,), (1, 1, channels)
            )

        return _Waiting(emit, image=True)

    def flatten(self) -> _Value:
        if self._whole("axis", 1) != 1:
            raise self._refused("only axis 1: items stay apart")
        return self._reshaped([self.builder.tensor(self._moved().tensor).size])

    def reshape(self) -> _Value:
        target = [int(size) for size in self._constant(1).reshape(-1).tolist()]
        real = self._plain(self._moved())
        dims = self.builder.tensor(real.tensor).dims
        if len(target) < 2:
            raise self._refused("the items must stay apart")
        shape = [
            dims[at - 1] if size == 0 and at <= len(dims) else size
            for at, size in enumerate(target)
        ][1:]
        if shape.count(-1) == 1:
            known = math.prod(size for size in shape if size != -1)
            shape[shape.index(-1)] = math.prod(dims) // max(known, 1)
        return self._reshaped(shape)

    def _reshaped(self, shape: Sequence[int]) -> _Real:
        real = self._plain(self._moved())
        dims = self.builder.tensor(real.tensor).dims
        if math.prod(shape) != math.prod(dims) or min(shape) < 1:
            raise self._refused(f"{dims} cannot be seen as {list(shape)}")
        axes = range(len(dims))
        made = self.builder.rearrange(self._name(), real.tensor, dims, axes, shape)
        return replace(real, tensor=made, image=False)

    def transpose(self) -> _Value:
        real = self._plain(self._moved())
        dims = self.builder.tensor(real.tensor).dims
        order = self._wholes("perm", list(range(len(dims), -1, -1)))
        if order[0] != 0 or sorted(order) != list(range(len(dims) + 1)):
            raise self._refused("the items must stay the first axis")
        axes = [axis - 1 for axis in order[1:]]
        turned = [dims[axis] for axis in axes]
        made = self.builder.rearrange(self._name(), real.tensor, dims, axes, turned)
        return replace(real, tensor=made)

    def _moved(self) -> _Real:
        """Return the input of a node that only moves elements: integers or their real values."""
        value = self._value(0)
        return value if isinstance(value, _Real) else self._reals(0)

    def softmax(self) -> _Value:
        real = self._plain(self._reals(0))
        dims = self.builder.tensor(real.tensor).dims
        if self._whole("axis", -1) not in {-1, len(dims)}:
            raise self._refused("only over the last axis")
        name = self._name()

        def emit(scale: np.float32, out: Numbers) -> int:
            if scale != np.float32(1 / 256) or out.zero != out.kind.low:
                raise self._refused("its output must have the scale 1/256 and the least zero")
            table = exponentials(float(real.scale))
            return self.builder.softmax(name, real.tensor, table, out.kind)

        return _Waiting(emit, image=False)

    def layer_norm(self) -> _Value:
        real = self._plain(self._reals(0))
        length = self.builder.tensor(real.tensor).dims[-1]
        if self._whole("axis", -1) not in {-1, len(self.builder.tensor(real.tensor).dims)}:
            raise self._refused("only over the last axis")
        gain = self._constant(1).astype(np.float32)
        offset = np.zeros(length, np.float32)
        if self._has(2):
            offset = self._constant(2).astype(np.float32)
        epsilon = self._attribute("epsilon", 1e-5)
        if gain.shape != (length,) or offset.shape != (length,) or not isinstance(epsilon, float):
            raise self._refused("gain and offset need one number for each channel")
        added = norm_epsilon(epsilon, float(real.scale), length)
        name = self._name()

        def emit(scale: np.float32, out: Numbers) -> int:
            norm = norm_constants(gain, offset, float(scale))
            return self.builder.layer_norm(name, real.tensor, norm, added, 24, out)

        return _Waiting(emit, image=False)

    def identity(self) -> _Value:
        return self._value(0)

    def constant(self) -> _Value:
        for attribute in self._node.attribute:
            if attribute.name == "value":
                return _Constant(self._array(attribute.t))
        raise self._refused("only constants that are tensors")


def _step(kind: str, whole: onnx.NodeProto, inputs: Sequence[str], output: str) -> onnx.NodeProto:
    """Return an ONNX node for a part of another one's operation, under its name."""
    return onnx.helper.make_node(kind, inputs, [output], name=whole.name or whole.op_type)


_OPERATIONS: Final[Mapping[str, Callable[[_Reader], _Value]]] = {
    "Add": _Reader.add,
    "AveragePool": _Reader.average_pool,
    "Cast": _Reader.cast,
    "Concat": _Reader.concat,
    "Constant": _Reader.constant,
    "Conv": _Reader.conv,
    "ConvInteger": _Reader.conv_integer,
    "DequantizeLinear": _Reader.dequantize,
    "Flatten": _Reader.flatten,
    "Gelu": _Reader.function,
    "Gemm": _Reader.gemm,
    "GlobalAveragePool": _Reader.global_average_pool,
    "Identity": _Reader.identity,
    "LeakyRelu": _Reader.function,
    "LayerNormalization": _Reader.layer_norm,
    "MatMul": _Reader.matmul,
    "MatMulInteger": _Reader.matmul_integer,
    "MaxPool": _Reader.max_pool,
    "Mul": _Reader.mul,
    "QLinearConv": _Reader.qlinear_conv,
    "QLinearMatMul": _Reader.qlinear_matmul,
    "QuantizeLinear": _Reader.quantize,
    "Relu": _Reader.function,
    "Reshape": _Reader.reshape,
    "Sigmoid": _Reader.function,
    "Softmax": _Reader.softmax,
    "Tanh": _Reader.function,
    "Transpose": _Reader.transpose,
}
