"""Values of an ONNX graph while it is converted: committed tensors, constants, open products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.build import Numbers
from btt_chain.work.model import Float32s, Int32s

Array: TypeAlias = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Real:
    """A committed tensor, and the scale of its elements; an image if channels are last."""

    tensor: int
    scale: np.float32
    image: bool
    quantised: bool
    """True if the file has it as integers, False for their real values."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant, times a scale if it was dequantised: one, or one for each place of an axis."""

    values: Array
    scale: Float32s | None = None
    axis: int | None = None
    """Axis of the scales; None if there is one scale for all."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product whose output numbers are not known yet."""

    emit: Callable[[Int32s, Float32s, Numbers], int]
    bias: Int32s
    factor: Float32s
    """Real value of one unit of each channel's accumulator."""
    image: bool
    rank: int
    """Number of ONNX's axes; the channels are axis 1 of an image, or else the last one."""
    relu: bool = False

    @property
    def channel_axis(self) -> int:
        """ONNX's axis of the channels."""
        return 1 if self.image else self.rank - 1

    def finish(self, scale: np.float32, numbers: Numbers) -> Real:
        """Return the requantised product: f32(f32(sx * sw) / sy), as in ONNX."""
        scales = (self.factor / scale).astype(np.float32)
        if self.relu:
            numbers = replace(numbers, low=numbers.zero)
        made = self.emit(self.bias, scales, numbers)
        return Real(made, scale, self.image, quantised=True)


@dataclass(frozen=True, slots=True)
class Pending:
    """Another node whose output numbers are not known yet: a function of their scale and kind."""

    emit: Callable[[np.float32, Numbers], int]
    image: bool


Value: TypeAlias = Real | Constant | Product | Pending
