"""Steps of a float model: the few kinds of operations that are quantised.

Axes are those of ONNX, with the batch first. Names of tensors are those of the file, so that the
float model can be observed at each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.functions import Function as RowFunction
from btt_chain.work.model import Float64s
from btt_chain.work.tensors import Kind

RealFunction: TypeAlias = Callable[[Float64s], Float64s]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation: its tensors by name."""

    name: str
    """Name of the node, for errors and for the graph."""
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A window that moves along the axes from the third on."""

    size: tuple[int, ...]
    step: tuple[int, ...]
    apart: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def is_padded(self) -> bool:
        """True if the window reaches beyond the image."""
        return any(self.before) or any(self.after)


@dataclass(frozen=True, slots=True, eq=False)
class Product(Step):
    """Constant weights times rows (the last axis), or times windows if there is a frame."""

    weights: Float64s
    """Outputs, inputs of a group, then the taps of the window."""
    bias: Float64s
    frame: Frame | None = None
    groups: int = 1
    transposed: bool = False
    extra: tuple[int, ...] = ()
    """Output padding of a transposed convolution."""
    clamp: tuple[float, float] | None = None
    """Bounds of a fused activation."""
    raw: str = ""
    """The float tensor before the fused activation."""


@dataclass(frozen=True, slots=True, eq=False)
class Affine(Step):
    """`x * factor + offset`: constants of the rank of x, each axis 1 or that of x."""

    factor: Float64s
    offset: Float64s
    clamp: tuple[float, float] | None = None
    """Bounds of a fused activation."""

    @property
    def is_scalar(self) -> bool:
        """True if one factor and one offset hold for all elements."""
        return self.factor.size == 1 and self.offset.size == 1

    @property
    def axes(self) -> set[int]:
        """The axes along which factor or offset vary."""
        return {
            axis
            for constant in (self.factor, self.offset)
            for axis, size in enumerate(constant.shape)
            if size > 1
        }


@dataclass(frozen=True, slots=True, eq=False)
class Function(Step):
    """A function of each element."""

    apply: RealFunction
    label: str
    clamp: tuple[float, float] | None = None
    """Its bounds, if it does nothing but clamp."""


@dataclass(frozen=True, slots=True, eq=False)
class Total(Step):
    """The sum of two tensors, each times a number."""

    by: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Multiply(Step):
    """The product of two tensors; the second may have size 1 on axes."""


@dataclass(frozen=True, slots=True, eq=False)
class Hypot(Step):
    """The root of the sum of two squares."""


@dataclass(frozen=True, slots=True, eq=False)
class Concat(Step):
    """Tensors one after another along an axis."""

    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Step):
    """Axes exchanged."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Step):
    """The same elements in another shape, which the float model knows."""


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Step):
    """The first element, the distance of elements and their number along each axis."""

    begin: tuple[int, ...]
    step: tuple[int, ...]
    size: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pad(Step):
    """Elements before and after along each axis; mode of ONNX (constant is zero)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool(Step):
    """The maximum of each window."""

    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class AveragePool(Step):
    """The mean of each window, padding counted as zero."""

    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Mean(Step):
    """The mean over some axes."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Resize(Step):
    """Another size of the axes from the third on."""

    linear: bool
    asymmetric: bool


@dataclass(frozen=True, slots=True, eq=False)
class Recurrent(Step):
    """An LSTM or a GRU over one direction, or over both."""

    cell: str
    weights: Float64s
    recurrence: Float64s
    bias: Float64s
    hidden: int
    direction: str
    linear_before_reset: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Lookup(Step):
    """The rows of a constant table with these numbers."""

    table: Float64s


@dataclass(frozen=True, slots=True, eq=False)
class PairProduct(Step):
    """Matrices of one activation times those of another, over the last two axes."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares(Step):
    """A softmax along the last axis, within the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Normalize(Step):
    """Each row (the last axis) over its root mean square, times gain, plus offset."""

    gain: Float64s
    offset: Float64s
    centred: bool
    """True if the mean is subtracted first."""


@dataclass(frozen=True, slots=True, eq=False)
class RowProduct(Step):
    """A product of rows with scales of their own, then a function of the runtime."""

    weights: Float64s
    """Outputs by inputs."""
    bias: Float64s
    then: RowFunction = RowFunction.IDENTITY


@dataclass(frozen=True, slots=True, eq=False)
class RowTotal(Step):
    """The sum of two tensors of rows with scales of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class ToRows(Step):
    """Rows with scales of their own, of elements with one scale."""


@dataclass(frozen=True, slots=True, eq=False)
class FromRows(Step):
    """Elements with one scale, of rows with scales of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Attention(Step):
    """Means of values by the products of queries and keys, over the root of a head's length.

    The inputs are queries, keys and values: a row for each place, with all heads side by side.
    """

    length: int
    """Elements of a head."""
    causal: bool


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """An operation at the very end that the reader of results applies."""

    kind: str
    """Softmax, LogSoftmax, ArgMax or Sigmoid."""
    axis: int = -1


@dataclass(slots=True)
class Plan:
    """The steps of a model in order of execution."""

    steps: list[Step]
    shapes: dict[str, tuple[int, ...]]
    inputs: list[str]
    outputs: list[str]
    """Tensors of the steps that are the outputs of the graph."""
    results: list[str]
    """Outputs of the file, in the same order."""
    endings: list[Ending | None] = field(default_factory=list)
    ranges_of: dict[str, str] = field(default_factory=dict)
    """Tensors that the file does not have, and those of the file whose range they have."""
    observable: frozenset[str] = frozenset()
    """Tensors of the file; some steps make others."""
    rows: dict[str, Kind] = field(default_factory=dict)
    """Tensors whose rows have scales of their own, and their kinds."""
    copies: dict[str, str] = field(default_factory=dict)
    """Tensors that hold the values of one of the file in other numbers."""
    wide: set[str] = field(default_factory=set)
    """Tensors with one scale that need 16 bits."""

    def source_of(self, name: str) -> str:
        """Return the tensor that has the values of this one."""
        return self.copies.get(name, name)

    def readers(self) -> dict[str, list[Step]]:
        """Return the steps that read each tensor."""
        readers: dict[str, list[Step]] = {}
        for step in self.steps:
            for name in dict.fromkeys(step.inputs):
                readers.setdefault(name, []).append(step)
        return readers

    def makers(self) -> dict[str, Step]:
        """Return the step that makes each tensor."""
        return {step.output: step for step in self.steps}

    def drop_unused(self) -> None:
        """Remove steps on which no output depends."""
        wanted = set(self.outputs)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if step.output in wanted:
                kept.append(step)
                wanted.update(step.inputs)
        self.steps = kept[::-1]


def channel_row(values: NDArray[np.generic], axis: int, size: int) -> Float64s:
    """Return one number for each place of an axis, of constants that vary on no other one."""
    shape = [1] * values.ndim
    shape[axis] = size
    return np.broadcast_to(values, shape).reshape(-1).astype(np.float64)
