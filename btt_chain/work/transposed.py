"""Transposed convolutions as ordinary ones.

With step s along an axis, element u of a transposed convolution sums the taps k of its kernel with
k = u modulo s, each times element (u - k) / s of the input. So all u of one phase, u modulo s, are
an ordinary convolution with step 1 and every s-th tap, in reverse order. Each channel is computed
once for each phase, as a channel of its own; phases then become neighbours, and the pads of the
transposed convolution are cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from btt_chain.scale import u16
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Int8s
from btt_chain.work.tensors import Axis, Tensor, Window

N = TypeVar("N", bound=np.generic)

MAX_AXES: Final = 3


@dataclass(frozen=True, slots=True)
class PhaseAxis:
    """One axis of a transposed convolution; `size` to `extra` are ONNX's numbers."""

    side: int
    """Elements of the input."""
    size: int
    """Taps of the kernel."""
    step: int
    before: int
    """Elements that are cut off at the beginning, and `after` at the end."""
    after: int
    extra: int
    """Elements that are added at the end; no tap reaches them unless the pads cut off some."""

    @property
    def made(self) -> int:
        """The number of elements of the output."""
        return (self.side - 1) * self.step + self.size + self.extra - self.before - self.after

    @property
    def taps(self) -> int:
        """The number of taps of a phase; phases with fewer have zeros."""
        # Elements that are added and not cut off need a kernel with zeros at its end.
        return -(-(self.size + max(0, self.extra - self.after)) // self.step)

    @property
    def pads(self) -> tuple[int, int]:
        """The padding of the ordinary convolution: no more windows than the output needs."""
        first, last = self.before // self.step, (self.before + self.made - 1) // self.step
        return max(0, self.taps - 1 - first), max(0, last - (self.side - 1))

    @property
    def windows(self) -> int:
        """The number of windows of the ordinary convolution."""
        return self.side + sum(self.pads) - self.taps + 1

    @property
    def begin(self) -> int:
        """The first element of the output among those of all phases of all windows."""
        return self.before - (self.taps - 1 - self.pads[0]) * self.step


@dataclass(frozen=True, slots=True)
class Phases:
    """A transposed convolution: its axes without the channels, and its groups."""

    axes: Sequence[PhaseAxis]
    channels: int
    """Channels of the output."""
    groups: int

    @property
    def count(self) -> int:
        """The number of phases."""
        return prod(axis.step for axis in self.axes)

    @property
    def window(self) -> Window:
        """The window of the ordinary convolution."""
        one = u16(1)
        return Window([Axis(u16(axis.taps), one, one, *map(u16, axis.pads)) for axis in self.axes])

    @property
    def view(self) -> tuple[int, ...]:
        """The output of the convolution by windows, group, phases and channel of a group."""
        windows = (axis.windows for axis in self.axes)
        steps = (axis.step for axis in self.axes)
        return *windows, self.groups, *steps, self.channels // self.groups

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of `view` with the phases behind their windows, and the channels last."""
        rank = len(self.axes)
        pairs = (at for axis in range(rank) for at in (axis, rank + 1 + axis))
        return *pairs, rank, 2 * rank + 1

    @property
    def enlarged(self) -> tuple[int, ...]:
        """The shape of all phases as neighbours."""
        return *(axis.windows * axis.step for axis in self.axes), self.channels

    @property
    def begin(self) -> tuple[int, ...]:
        """The first element of the output in that shape."""
        return *(axis.begin for axis in self.axes), 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output."""
        return *(axis.made for axis in self.axes), self.channels

    def kernels(self, kernels: Int8s) -> Int8s:
        """Return the ordinary kernels: group, phases and channel of a group; taps; inputs."""
        rank, inputs = len(self.axes), kernels.shape[-1]
        long = [axis.taps * axis.step for axis in self.axes]
        filled = np.zeros((self.channels, *long, inputs), np.int8)
        filled[(slice(None), *(slice(axis.size) for axis in self.axes))] = kernels
        taps = [number for axis in self.axes for number in (axis.taps, axis.step)]
        by_phase = filled.reshape(self.groups, -1, *taps, inputs)
        by_phase = np.flip(by_phase, tuple(2 + 2 * axis for axis in range(rank)))
        phases = [3 + 2 * axis for axis in range(rank)]
        order = (0, *phases, 1, *(at - 1 for at in phases), 2 * rank + 2)
        sizes = [axis.taps for axis in self.axes]
        return by_phase.transpose(order).reshape(-1, *sizes, inputs)

    def repeated(self, numbers: NDArray[N]) -> NDArray[N]:
        """Return numbers of the ordinary convolution's channels from those of the channels."""
        return np.tile(numbers.reshape(self.groups, 1, -1), (1, self.count, 1)).reshape(-1)


def phases_of(
    name: str,
    x: Tensor,
    kernels: Int8s,
    step: Sequence[int],
    pads: Sequence[int],
    extra: Sequence[int],
    groups: int,
) -> Phases:
    """Return the ordinary form of a transposed convolution; ModelRefused if it has none.

    `kernels` is outputs, taps of each axis, inputs of a group; `extra` is ONNX's output_padding.
    """
    rank = kernels.ndim - 2
    if not 1 <= rank <= MAX_AXES or len(x.dims) != rank + 1:
        raise ModelRefused.at(
            name, f"kernels of {kernels.shape} for {x.dims}: one to three axes, and channels"
        )
    if not len(step) == len(extra) == rank or len(pads) != 2 * rank:
        raise ModelRefused.at(name, f"needs step, pads and output_padding for {rank} axes")
    if groups < 1 or x.dims[-1] != groups * kernels.shape[-1] or len(kernels) % groups:
        raise ModelRefused.at(
            name, f"{groups} groups of {kernels.shape[-1]} inputs for {x.dims[-1]} channels"
        )
    if min(kernels.shape) < 1 or min(step) < 1 or min(*pads, *extra) < 0:
        raise ModelRefused.at(name, "kernels and steps are at least 1, pads not below 0")
    if any(more >= stride for more, stride in zip(extra, step, strict=True)):
        raise ModelRefused.at(name, "output_padding is less than the step of its axis")
    numbers = (x.dims[:-1], kernels.shape[1:-1], step, pads[:rank], pads[rank:], extra)
    axes = [PhaseAxis(*axis) for axis in zip(*numbers, strict=True)]
    if min(axis.made for axis in axes) < 1:
        raise ModelRefused.at(name, "its pads cut off all that it makes: use smaller ones")
    return Phases(axes, len(kernels), groups)
