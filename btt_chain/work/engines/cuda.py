"""Products on a GPU by torch: int8 times int8 as int32, requantised there. Needs the extra `gpu`.

`torch._int_mm` adds integers, so nothing can round; but it has had defects for single shapes and
memory layouts, so all its matrices are contiguous and padded with zeros, on every device: rows to
at least 32, which CUDA needs, and both other sides to multiples of 16. Requantising is a sequence
of single IEEE operations; the rounding stands between multiplication and addition, so none can be
fused. Operators other than dense layers and ungrouped convolutions are numpy's, on the processor.
On a GPU the leaves of commitments are hashed there, too, by triton, which torch brings on Linux.

Not measured: no GPU has run this yet. Tests run it on the processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from btt_chain.extras import needs_extra
from btt_chain.work.engines.leaves import leaves_of
from btt_chain.work.engines.products import (
    ColumnsOf,
    Part,
    ProductEngine,
    engine_parts,
    operands_of,
)
from btt_chain.work.errors import EngineRefused
from btt_chain.work.execute import DEFAULT_MEMORY, Batch, Executor
from btt_chain.work.model import Elements, Float32s, Inputs, Int8s, Int32s
from btt_chain.work.operators import Conv
from btt_chain.work.tensors import Kind, Tensor, Window

try:
    import torch
except ImportError as error:
    raise ImportError(needs_extra("the engine of GPUs needs torch from", "gpu")) from error

PIECE_BYTES: Final = 64 << 20
"""Maximum bytes of a matrix that is multiplied at a time, and of its sums."""
MIN_ROWS: Final = 32
MULTIPLE: Final = 16
"""Divisor of the length and of the number of columns."""


class Cuda(ProductEngine):
    """The engine of NVIDIA GPUs."""

    def __init__(self, memory: int = DEFAULT_MEMORY, device: str = "cuda") -> None:
        """`memory`: bytes of tensors at a time; `device`: torch's name. Raises EngineRefused."""
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise EngineRefused(
                "torch sees no CUDA device: check the driver with nvidia-smi, or run without it"
            )
        super().__init__(partial(_Product, device), memory)
        self._device = device

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order, and hash their leaves on the GPU."""
        made = super().stream(executor, batches, accumulators=accumulators)
        if not self._device.startswith("cuda"):
            return made
        return (replace(batch, leaves=leaves_of(batch, self._device)) for batch in made)


class _Product:
    """A dense layer or a convolution on a device."""

    def __init__(self, device: str, kernel: ColumnsOf) -> None:
        node = kernel.node
        self._device = device
        self._kernel = kernel
        self._operands = operands_of(node.inputs[0])
        parts = engine_parts(kernel, Kind.I8)
        self._parts = [_DevicePart(device, part, kernel.out, kernel.bounds) for part in parts]
        self._window = node.op.window if isinstance(node.op, Conv) else None
        self._length = max(part.taps.stop for part in parts)
        self._most = max(1, PIECE_BYTES // max(self._length, 4 * len(parts[0].columns)))
        """Maximum rows of a piece."""

    def multiply(self, x: Elements, made: Elements, sink: Int32s | None) -> None:
        """Multiply some rows, or some lines of windows, at a time."""
        wide = made.shape[-1]
        flat = made.reshape(-1, wide)
        sums = None if sink is None else sink.reshape(-1, wide)
        factors = [operand.factor for operand in self._operands]
        done = 0
        for operands in self._pieces(_operands(x, self._device), made.shape[1:-1]):
            rows = slice(done, done + len(operands[0]))
            for part in self._parts:
                total = part.sums(operands, factors)
                if sums is not None:
                    sums[rows, part.channels] = total.cpu().numpy()
                flat[rows, part.channels] = part.elements(total).cpu().numpy()
            done = rows.stop

    def _pieces(
        self, operands: Sequence[torch.Tensor], sides: tuple[int, ...]
    ) -> Iterator[Sequence[torch.Tensor]]:
        """Yield rows of all operands, in the order of the output."""
        if self._window is not None:
            yield from self._windows(self._window, operands, sides)
            return
        rows = [operand.reshape(-1, self._length) for operand in operands]
        for at in range(0, len(rows[0]), self._most):
            yield [operand[at : at + self._most] for operand in rows]

    def _windows(
        self, window: Window, operands: Sequence[torch.Tensor], sides: tuple[int, ...]
    ) -> Iterator[Sequence[torch.Tensor]]:
        """Yield windows as rows: of some lines of an image, or of several images."""
        first_side, *others = sides
        wanted = max(1, self._most // math.prod(others))
        lines, together = min(first_side, wanted), max(1, wanted // first_side)
        fillers = [operand.filler(Kind.I8) for operand in self._operands]
        for at in range(0, len(operands[0]), together):
            images = zip((x[at : at + together] for x in operands), fillers, strict=True)
            seen = [_windows_of(_framed(x, window, zero), window, sides) for x, zero in images]
            for top in range(0, first_side, lines):
                yield [one[:, top : top + lines].reshape(-1, self._length) for one in seen]


class _DevicePart:
    """One matrix product, with its weights on the device."""

    def __init__(self, device: str, part: Part, out: Tensor, bounds: tuple[int, int]) -> None:
        self.channels = part.channels
        self._taps = part.taps
        self._columns = len(part.columns)
        self._weights = _padded(_on(device, part.columns), 0).t()
        self._first, self._scales = _on(device, part.first), _on(device, part.scales)
        self._zero, self._bounds, self._kind = float(out.zero), bounds, out.kind

    def sums(self, operands: Sequence[torch.Tensor], factors: Sequence[int]) -> torch.Tensor:
        """Return the accumulators of some rows."""
        total = self._first
        for rows, factor in zip(operands, factors, strict=True):
            taken = _padded(rows[:, self._taps], MIN_ROWS)
            product = torch._int_mm(taken, self._weights)  # noqa: SLF001 - the only one of int8
            sums = product[: len(rows), : self._columns]
            if factor != 1:
                sums *= factor
            sums += total  # of the channels first, then of the operand before
            total = sums
        return total

    def elements(self, total: torch.Tensor) -> torch.Tensor:
        """Requantise accumulators."""
        if self._kind is Kind.I32:
            return total
        scaled = total.to(torch.float32)
        scaled *= self._scales
        torch.round(scaled, out=scaled)  # halves to even
        scaled += self._zero
        return scaled.clamp_(*self._bounds).to(_TYPES[self._kind])


_TYPES: Final = {Kind.I8: torch.int8, Kind.U8: torch.uint8, Kind.I16: torch.int16}


def _on(device: str, values: Elements | Int8s | Float32s) -> torch.Tensor:
    """Return an array on a device; torch takes no arrays that are read only."""
    return torch.from_numpy(values if values.flags.writeable else values.copy()).to(device)


def _operands(x: Elements, device: str) -> list[torch.Tensor]:
    """Return the operands of a batch as signed bytes: the sign of unsigned ones is inverted."""
    given = _on(device, x)
    if given.dtype == torch.int8:
        return [given]
    if given.dtype == torch.uint8:
        return [given.view(torch.int8) ^ -128]
    return [(given >> 8).to(torch.int8), ((given & 255) - 128).to(torch.int8)]


def _padded(matrix: torch.Tensor, rows: int) -> torch.Tensor:
    """Return a contiguous matrix with zeros up to `rows` and to multiples of both sides."""
    count, length = matrix.shape
    below = max(rows - count, 0) if rows else -count % MULTIPLE
    beside = -length % MULTIPLE
    if below or beside:
        return torch.nn.functional.pad(matrix, (0, beside, 0, below))
    return matrix.contiguous()


def _framed(images: torch.Tensor, window: Window, filler: int) -> torch.Tensor:
    """Return contiguous images with padding around them."""
    pads = [0, 0]
    for axis in reversed(window.axes):
        pads += [int(axis.before), int(axis.after)]
    return torch.nn.functional.pad(images, pads, value=filler).contiguous()


def _windows_of(images: torch.Tensor, window: Window, sides: tuple[int, ...]) -> torch.Tensor:
    """Return a view of all windows: images, sides of the output, taps of each axis, channels."""
    each, *along, channels = images.stride()
    axes = list(zip(along, window.axes, strict=True))
    strides = (
        each,
        *(stride * int(axis.step) for stride, axis in axes),
        *(stride * int(axis.apart) for stride, axis in axes),
        channels,
    )
    shape = (len(images), *sides, *window.sizes, images.shape[-1])
    return images.as_strided(shape, strides)
