"""The graph that is built while an ONNX graph is read: its builder, names and order of axes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import onnx

from btt_chain.work.build import Builder, Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.onnx_import.node import KINDS, Node
from btt_chain.work.onnx_import.values import Product, Real, Value
from btt_chain.work.tensors import Kind


class Target:
    """The graph under construction. It begins when the model's input is quantised."""

    def __init__(self, given: onnx.ValueInfoProto, values: dict[str, Value]) -> None:
        self.given = given
        self.values = values
        self.node = Node(onnx.NodeProto(), values, given.name)
        """The node that is being converted; errors and names refer to it."""
        self.entry: Real | None = None
        """The model's input, once it is quantised."""
        self._serial = count()
        self._names: dict[str, None] = {}
        self._builder: Builder | None = None

    @property
    def batch(self) -> int:
        """The number of items that the file fixes, 0 if it is any."""
        return int(self.given.type.tensor_type.shape.dim[0].dim_value)

    @property
    def builder(self) -> Builder:
        """The builder; ModelRefused if the input was not quantised yet."""
        if self._builder is None:
            raise self.node.refused("computes before the input is quantised")
        return self._builder

    def quantised_input(self, name: str, scale: np.float32, numbers: Numbers) -> Real:
        """Return the model's input, which the file has as integers or quantises at once."""
        if self._builder is not None:
            raise self.node.refused("the input is read with a second quantisation")
        dims = [dim.dim_value for dim in self.given.type.tensor_type.shape.dim]
        if not 2 <= len(dims) <= 4 or min(dims[1:]) < 1:
            raise ModelRefused(
                f"the input has the shape {dims}: 2 to 4 axes, all but the first fixed"
            )
        image = len(dims) == 4
        shape = (dims[2], dims[3], dims[1]) if image else tuple(dims[1:])
        self._builder = Builder(numbers.kind, shape, numbers.zero, float(scale))
        real = Real(0, scale, image, quantised=True)
        self.values[name] = self.entry = real
        return real

    def quantised(self, at: int, scale: np.float32, zero_at: int) -> Real:
        """Return a quantised activation, with its scale in the node; the default zero is 0."""
        name = self.node.inputs[at]
        if name == self.given.name and name not in self.values:
            kind = KINDS.get(self.given.type.tensor_type.elem_type)
            if kind is None:
                raise self.node.refused("the input is not of 8 bits")
            numbers = self.node.numbers(zero_at) if self.node.has(zero_at) else Numbers(kind)
            if numbers.kind is not kind:
                raise self.node.refused("the input is of another kind than its zero")
            return self.quantised_input(name, scale, numbers)
        value = self.node.value(at)
        if not isinstance(value, Real) or not value.quantised:
            raise self.node.refused(f"input {at} is not quantised")
        tensor = self.builder.tensor(value.tensor)
        numbers = self.node.numbers(zero_at) if self.node.has(zero_at) else Numbers(tensor.kind)
        if (tensor.kind, int(tensor.zero)) != (numbers.kind, numbers.zero):
            raise self.node.refused(f"input {at} is read with another zero than it was made with")
        return replace(value, scale=scale)

    def name(self, what: str = "") -> str:
        """Return a name that no other node has."""
        base = self.node.name[:40] + what
        name = base
        while name in self._names:
            name = f"{base}.{next(self._serial)}"
        self._names[name] = None
        return name

    def plain(self, value: Real) -> Real:
        """Return the same value in ONNX's order of axes."""
        if not value.image:
            return value
        height, width, channels = self.builder.tensor(value.tensor).dims
        view, shape = (height, width, channels), (channels, height, width)
        made = self.builder.rearrange(self.name(":plain"), value.tensor, view, (2, 0, 1), shape)
        return replace(value, tensor=made, image=False)

    def image(self, value: Real) -> Real:
        """Return the same value with channels last."""
        if value.image:
            return value
        dims = self.builder.tensor(value.tensor).dims
        if len(dims) != 3:
            raise self.node.refused(f"needs an image, not items of shape {dims}")
        shape = (dims[1], dims[2], dims[0])
        made = self.builder.rearrange(self.name(":image"), value.tensor, dims, (1, 2, 0), shape)
        return replace(value, tensor=made, image=True)

    def accumulators(self, product: Product) -> Real:
        """Return a product at the end, without requantisation."""
        if product.relu or len(np.unique(product.factor)) != 1:
            raise self.node.refused("the output has a scale for each channel: quantise it")
        made = product.emit(product.bias, product.factor, Numbers(Kind.I32))
        return Real(made, np.float32(product.factor[0]), product.image, quantised=True)
