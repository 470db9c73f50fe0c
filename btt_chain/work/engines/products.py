"""Products by an engine: what engines share whose dense layers and convolutions are their own.

Engines multiply bytes. Elements of 16 bits are two operands, 256 * high + low, of which each is
multiplied by the same weights. An engine takes either signed or unsigned bytes; elements of the
other kind are shifted by 128 (the sign bit is inverted), and the zero and this shift are corrected
once, in the constant that is added to each sum:

    sum of (x - zero) * w  =  sum of byte * w  +  (shift - zero) * sum of w

All sums are of 32 bits and exact; where intermediate ones pass 2^31 they wrap, and the result does
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from btt_chain.work.execute import DEFAULT_MEMORY, Batch, Executor, stream
from btt_chain.work.model import Constants, Elements, Float32s, Inputs, Int8s, Int32s
from btt_chain.work.operators import Conv, Linear
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric import KERNELS
from btt_chain.work.operators.numeric.columns import ConvKernel, LinearKernel, parts_of
from btt_chain.work.operators.numeric.kernel import KernelMaker, NodeOf
from btt_chain.work.tensors import BYTES, SMALL, Kind, Tensor

ColumnsOf: TypeAlias = LinearKernel | ConvKernel


class Product(Protocol):
    """A product of one node on an engine."""

    def multiply(self, x: Elements, made: Elements, sink: Int32s | None) -> None:
        """Write the output of a batch to `made`, and its accumulators to `sink` if it is given."""


ProductMaker: TypeAlias = Callable[[ColumnsOf], Product]


class ProductEngine:
    """An engine whose dense layers and ungrouped convolutions are its own; the rest is numpy's."""

    def __init__(self, make: ProductMaker, memory: int = DEFAULT_MEMORY) -> None:
        """`make` prepares the product of a node; `memory`: bytes of tensors at a time."""
        self._kernels: Final[dict[type[Operator], KernelMaker]] = {
            **KERNELS,
            Linear: partial(_Linear, make),
            Conv: partial(_Conv, make),
        }
        self._memory: Final = memory
        self._prepared: Final[WeakKeyDictionary[Executor, Executor]] = WeakKeyDictionary()
        self._lock: Final = Lock()

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order."""
        return stream(self._of(executor), batches, self._memory, accumulators=accumulators)

    def _of(self, executor: Executor) -> Executor:
        """Return the executor with this engine's products, prepared once."""
        with self._lock:
            prepared = self._prepared.get(executor)
            if prepared is None:
                prepared = Executor(executor.model, self._kernels)
                self._prepared[executor] = prepared
            return prepared


class _Linear(LinearKernel):
    """A dense layer by an engine."""

    def __init__(
        self, make: ProductMaker, node: NodeOf[Linear], constants: Constants | None
    ) -> None:
        super().__init__(node, constants)
        self._product = make(self) if node.inputs[0].kind in SMALL else None

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply by the engine, unless it has no product for this kind of elements."""
        if self._product is None:
            super().multiply(inputs, made, sink)
        else:
            self._product.multiply(inputs[0], made, sink)


class _Conv(ConvKernel):
    """A convolution by an engine, unless it has groups."""

    def __init__(self, make: ProductMaker, node: NodeOf[Conv], constants: Constants | None) -> None:
        super().__init__(node, constants)
        taken = node.op.groups == 1 and node.inputs[0].kind in SMALL
        self._product = make(self) if taken else None

    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Multiply by the engine, if it has a product for this convolution."""
        if self._product is None:
            super().multiply(inputs, made, sink)
        else:
            self._product.multiply(inputs[0], made, sink)


@dataclass(frozen=True, slots=True)
class Operand:
    """The bytes of an input, or the high or the low ones of its elements of 16 bits."""

    kind: Kind
    zero: int
    factor: int
    """Factor of its sums."""

    def shift(self, taken: Kind) -> int:
        """Return the element of byte 0 where an engine takes bytes of the kind `taken`."""
        return self.kind.low - taken.low

    def filler(self, taken: Kind) -> int:
        """Return the byte of padding."""
        return self.zero - self.shift(taken)


def operands_of(x: Tensor) -> list[Operand]:
    """Return the operands of an input of one or two bytes an element."""
    if x.kind in BYTES:
        return [Operand(x.kind, int(x.zero), 1)]
    return [Operand(Kind.I8, 0, 256), Operand(Kind.U8, 0, 1)]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a product that is one matrix product; whole products are one part."""

    columns: Int8s
    first: Int32s
    """Added to each channel's sum: its bias, corrected for the zeros and shifts of the bytes."""
    scales: Float32s
    taps: slice
    """Elements that it reads of each row of the input, or of each window."""
    channels: slice
    """Channels of the output that it makes."""


def engine_parts(kernel: ColumnsOf, taken: Kind) -> list[Part]:
    """Return the parts of a product for an engine that takes bytes of the kind `taken`."""
    constants = parts_of(kernel.node, kernel.constants)
    length = kernel.constants.columns.shape[1]
    correction = sum(
        operand.factor * (operand.shift(taken) - operand.zero)
        for operand in operands_of(kernel.node.inputs[0])
    )
    parts: list[Part] = []
    for at, own in enumerate(constants):
        columns = own.columns
        corrected = own.first + correction * columns.sum(axis=1, dtype=np.int64)
        parts.append(
            Part(
                columns,
                corrected.astype(np.int32),  # wraps as the sums do
                own.scales,
                slice(at * length, at * length + columns.shape[1]),
                slice(at, None, len(constants)),
            )
        )
    return parts
