"""A node of a float graph: attributes, constants and shapes; errors name the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s
from btt_chain.work.quantise.floats import Array, FloatGraph
from btt_chain.work.quantise.steps import Frame


@dataclass(frozen=True, slots=True)
class FloatNode:
    """One node of ONNX, and the graph around it."""

    proto: onnx.NodeProto
    graph: FloatGraph

    @property
    def kind(self) -> str:
        """The operator."""
        return self.proto.op_type

    @property
    def name(self) -> str:
        """The node's name, or that of its output if it has none."""
        return self.proto.name or self.output

    @property
    def output(self) -> str:
        """Name of the first output that is not left out."""
        return next(name for name in self.proto.output if name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return self.graph.shapes[self.output]

    def refused(self, why: str) -> ModelRefused:
        """Return the error that names this node and the reason."""
        return ModelRefused.at(self.name, why)

    def has(self, at: int) -> bool:
        """Return True if the node has an input at this place."""
        return at < len(self.proto.input) and bool(self.proto.input[at])

    def input(self, at: int) -> str:
        """Return the name of an input. Raises ModelRefused if there is none."""
        if not self.has(at):
            raise self.refused(f"has no input {at}")
        return self.proto.input[at]

    def input_shape(self, at: int) -> tuple[int, ...]:
        """Return the shape of an input that is not constant."""
        return self.graph.shapes[self.input(at)]

    def is_constant(self, at: int) -> bool:
        """Return True if an input is constant."""
        return self.has(at) and self.proto.input[at] in self.graph.constants

    def constant(self, at: int) -> Array:
        """Return a constant input. Raises ModelRefused."""
        if not self.is_constant(at):
            raise self.refused(f"input {at} must be constant")
        return self.graph.constants[self.input(at)]

    def reals(self, at: int) -> Float64s:
        """Return a constant input in float64."""
        return self.constant(at).astype(np.float64)

    def whole(self, at: int) -> list[int]:
        """Return a constant input of whole numbers."""
        return [int(number) for number in self.constant(at).reshape(-1).tolist()]

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

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number. Raises ModelRefused."""
        value = self.attribute(name, default)
        if not isinstance(value, int | float):
            raise self.refused(f"{name} is not a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is a text. Raises ModelRefused."""
        value = self.attribute(name, default.encode())
        if not isinstance(value, bytes):
            raise self.refused(f"{name} is not a text")
        return value.decode(errors="replace")

    def integers(self, name: str, default: Sequence[int]) -> list[int]:
        """Return an attribute of whole numbers. Raises ModelRefused."""
        value = self.attribute(name, list(default))
        if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
            raise self.refused(f"{name} is not a list of whole numbers")
        return [int(one) for one in value]

    def listed(self, name: str, at: int) -> list[int] | None:
        """Return whole numbers that are an attribute in old opsets, and an input in new ones."""
        if self.has(at):
            return self.whole(at)
        value = self.attribute(name, None)
        return [int(one) for one in value] if isinstance(value, list) else None

    def frame(self, size: Sequence[int], *, made: Sequence[int] | None = None) -> Frame:
        """Return the window of a convolution or a pool; its pads are written out.

        `made` are the sides of the output: with ceil_mode the padding behind is enlarged to them.
        """
        rank = len(size)
        step, apart = (self.integers(name, [1] * rank) for name in ("strides", "dilations"))
        pads = self.integers("pads", [0] * (2 * rank))
        sides = self.input_shape(0)[2:]
        if len(sides) != rank or len(step) != rank or len(pads) != 2 * rank:
            raise self.refused(f"a window of {rank} axes over {len(sides)}")
        if min(pads, default=0) < 0:
            raise self.refused("negative pads: use Slice")
        automatic = self.text("auto_pad", "NOTSET")
        extents = [(taps - 1) * gap + 1 for taps, gap in zip(size, apart, strict=True)]
        if automatic in {"SAME_UPPER", "SAME_LOWER"}:
            pads = same_pads(sides, step, extents, lower=automatic == "SAME_LOWER")
        before, after = pads[:rank], pads[rank:]
        if made is not None and self.integer("ceil_mode", 0):
            needed = zip(made, step, extents, sides, before, strict=True)
            after = [(count - 1) * s + extent - side - b for count, s, extent, side, b in needed]
        if min(*before, *after) < 0:
            after = [max(pad, 0) for pad in after]
        columns = (size, step, apart, before, after)
        return Frame(*(tuple(map(int, column)) for column in columns))


def same_pads(
    sides: Sequence[int], step: Sequence[int], extents: Sequence[int], *, lower: bool
) -> list[int]:
    """Return the pads of auto_pad SAME."""
    totals = [
        max(0, (-(-side // s) - 1) * s + extent - side)
        for side, s, extent in zip(sides, step, extents, strict=True)
    ]
    small, large = [total // 2 for total in totals], [-(-total // 2) for total in totals]
    return [*large, *small] if lower else [*small, *large]
