"""A node of an ONNX graph: its attributes and inputs, read with errors that name the node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from btt_chain.work.build import Numbers
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float32s
from btt_chain.work.onnx_import.values import Array, Constant, Real, Value
from btt_chain.work.tensors import Kind

KINDS: Final[Mapping[int, Kind]] = {
    int(onnx.TensorProto.INT8): Kind.I8,
    int(onnx.TensorProto.UINT8): Kind.U8,
}
"""Kinds of elements by ONNX's type numbers."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and the values that were read before it."""

    proto: onnx.NodeProto
    values: Mapping[str, Value]
    given: str
    """Name of the model's input."""
    version: int = 0
    """Version of the operator, which decides on its defaults; 0 for onnxruntime's."""

    @property
    def name(self) -> str:
        """The node's name, or its operator if it has none."""
        return self.proto.name or self.proto.op_type

    @property
    def kind(self) -> str:
        """The node's operator."""
        return self.proto.op_type

    @property
    def inputs(self) -> Sequence[str]:
        """Names of the node's inputs; empty for those that are omitted."""
        return self.proto.input

    @property
    def output(self) -> str:
        """Name of the node's output."""
        return self.proto.output[0]

    def refused(self, why: str) -> ModelRefused:
        """Return the error that names this node and the reason."""
        return ModelRefused.at(self.name, why)

    def attribute(self, name: str, default: object) -> object:
        """Return the value of an attribute, or `default`."""
        for attribute in self.proto.attribute:
            if attribute.name == name:
                return onnx.helper.get_attribute_value(attribute)
        return default

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number. Raises ModelRefused."""
        value = self.attribute(name, default)
        if not isinstance(value, int):
            raise self.refused(f"{name} is not a whole number")
        return value

    def integers(self, name: str, default: Sequence[int]) -> list[int]:
        """Return an attribute of as many whole numbers as `default`. Raises ModelRefused."""
        value = self.attribute(name, list(default))
        if not isinstance(value, list) or len(value) != len(default):
            raise self.refused(f"{name} has not {len(default)} numbers")
        return [int(number) for number in value]

    def has(self, at: int) -> bool:
        """Return True if the node has an input at this place."""
        return at < len(self.inputs) and bool(self.inputs[at])

    def value(self, at: int) -> Value:
        """Return the value of an input. Raises ModelRefused if it has none."""
        if not self.has(at):
            raise self.refused(f"has no input {at}")
        value = self.values.get(self.inputs[at])
        if value is None:
            if self.inputs[at] != self.given:
                raise self.refused(f"reads {self.inputs[at]!r}, which nothing makes")
            raise self.refused("reads the input as floats: quantise it first")
        return value

    def constant(self, at: int) -> Array:
        """Return an input that is a constant. Raises ModelRefused."""
        value = self.value(at)
        if not isinstance(value, Constant) or value.scale is not None:
            raise self.refused(f"input {at} must be a constant")
        return value.values

    def scales(self, at: int) -> Float32s:
        """Return the scales of an input, all positive. Raises ModelRefused."""
        values = self.constant(at)
        if values.dtype != np.dtype(np.float32) or values.ndim > 1:
            raise self.refused(
                f"scales of {values.dtype} {values.shape}: write float32, one or a row"
            )
        scales = np.atleast_1d(values.astype(np.float32))
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise self.refused("a scale is not positive")
        return scales

    def scale(self, at: int) -> np.float32:
        """Return the scale of an activation. Raises ModelRefused if there are several."""
        scales = self.scales(at)
        if len(scales) != 1:
            raise self.refused("activations have one scale, not one for each channel")
        return np.float32(scales[0])

    def zero(self, at: int) -> tuple[Kind, int]:
        """Return kind and zero of a tensor; ONNX's default is an unsigned zero."""
        if not self.has(at):
            return Kind.U8, 0
        zeros = np.atleast_1d(self.constant(at)).reshape(-1)
        kind = KINDS.get(int(onnx.helper.np_dtype_to_tensor_dtype(zeros.dtype)))
        if kind is None or len(np.unique(zeros)) != 1:
            raise self.refused("elements must be of 8 bits and have one zero")
        return kind, int(zeros[0])

    def numbers(self, at: int) -> Numbers:
        """Return kind and zero of an output."""
        kind, zero = self.zero(at)
        return Numbers(kind, zero)

    def named_numbers(self, at: int) -> Numbers:
        """Return kind and zero of QuantizeLinear's output; an attribute may name the kind."""
        kind, zero = self.zero(at)
        named = self.integer("output_dtype", 0)
        if named and not self.has(at):
            kind = KINDS.get(named, kind)
        if named and KINDS.get(named) is not kind:
            raise self.refused(f"output_dtype {named}: only INT8 and UINT8, as its zero")
        return Numbers(kind, zero)

    def check_plain(self) -> None:
        """Refuse a conversion of numbers by blocks, or in other floats than float32."""
        if self.integer("block_size", 0):
            raise self.refused("block_size: use a scale for each channel")
        if self.integer("precision", 0) not in {0, onnx.TensorProto.FLOAT}:
            raise self.refused("precision: only float32")

    def axis(self, default: int, rank: int) -> int:
        """Return the attribute `axis` as a number from 0. Raises ModelRefused."""
        axis = self.integer("axis", default)
        if not -rank <= axis < rank:
            raise self.refused(f"axis {axis} of {rank} axes")
        return axis % rank

    def reals(self, at: int) -> Real:
        """Return a dequantised activation."""
        value = self.value(at)
        if not isinstance(value, Real) or value.quantised:
            raise self.refused(f"input {at} is computed in floats: quantise it (QuantizeLinear)")
        return value

    def moved(self) -> Real:
        """Return the input of a node that only moves elements: integers or their real values."""
        value = self.value(0)
        return value if isinstance(value, Real) else self.reals(0)


def array_of(tensor: onnx.TensorProto) -> Array:
    """Return the elements of a constant; ModelRefused if it is damaged or in another file."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelRefused(f"constant {tensor.name!r} lies in another file: save it within")
    try:
        return numpy_helper.to_array(tensor)
    except (KeyError, TypeError, ValueError) as broken:
        raise ModelRefused(f"constant {tensor.name!r} is broken: {broken}") from broken
