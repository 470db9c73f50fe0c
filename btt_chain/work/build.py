"""Building a model node by node: the shapes of outputs are derived, and products cut into parts.

Each method adds a node and returns the number of its output tensor. `Draft.model` completes the
graph, and raises errors with the name of the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Final

import numpy as np

from btt_chain.scale import u8, u16, u32, u64
from btt_chain.work.build_rows import RowBuilder
from btt_chain.work.draft import Numbers, new_tensor, no_weights, numbers_of
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import (
    PROOF_BYTES,
    Graph,
    Node,
)
from btt_chain.work.model import (
    Float32s,
    Int8s,
    Int16s,
    Int32s,
    records_of_norm,
    records_of_product,
    records_of_rows,
    records_of_table,
    scale_bits,
)
from btt_chain.work.operators import (
    Add,
    Affine,
    AveragePool,
    Concat,
    Conv,
    Gather,
    Hypot,
    LayerNorm,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Op,
    Pad,
    Rearrange,
    Resize,
    Scan,
    Slice,
    Softmax,
    Sum,
    Table,
    WideTable,
)
from btt_chain.work.operators.base import check_read
from btt_chain.work.operators.elementwise import TABLE_ENTRIES
from btt_chain.work.operators.moves import Padding
from btt_chain.work.operators.numeric.elementwise import bytes_of, factors_of
from btt_chain.work.operators.numeric.scan import ScanWeights
from btt_chain.work.operators.rows import zero_of_shares
from btt_chain.work.operators.scan import Cell
from btt_chain.work.operators.windows import sides_of
from btt_chain.work.shapes import (
    is_judged,
    largest_proof,
)
from btt_chain.work.tensors import (
    LEAF_BYTES,
    MIN_LEAF_BYTES,
    Axis,
    Kind,
    Window,
)
from btt_chain.work.transposed import phases_of

__all__ = ["MIN_PART", "Builder", "Numbers", "window"]

MIN_PART: Final = 256
"""Minimum length of a part of a row."""
MAX_LINE: Final = 4096
"""Maximum number of elements whose mean is one node."""
PROOF_SPARE: Final = 2048
"""Bytes of a proof that depend on the number of nodes, which is not known yet."""


def window(
    size: Sequence[int],
    step: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    apart: Sequence[int] | None = None,
) -> Window:
    """Return a window of one to three axes.

    As in ONNX, pads are those before the image, axis by axis, then those after it.
    """
    rank = len(size)
    ones = [1] * rank
    pads = [0] * (2 * rank) if pads is None else pads
    columns = (size, step or ones, apart or ones, pads[:rank], pads[rank:])
    return Window([Axis(*map(u16, axis)) for axis in zip(*columns, strict=True)])


class Builder(RowBuilder):
    """A draft with a method for each operator."""

    def linear(
        self, name: str, x: int, columns: Int8s, bias: Int32s, scales: Float32s, out: Numbers
    ) -> int:
        """Add rows times weights: `columns` is outputs by inputs."""
        dims = self._tensors[x].dims
        self._check_weights(name, columns, dims[-1], bias, scales)

        def op(x: int, parts: int, out: Numbers) -> Op:
            return Linear(u16(x), no_weights(), u16(parts), *out.bounds)

        choices = range(1, 1 + -(-dims[-1] // MIN_PART))
        return self._product(name, op, x, choices, dims[:-1], (columns, bias, scales), out)

    def conv(
        self,
        name: str,
        x: int,
        kernels: Int8s,
        bias: Int32s,
        scales: Float32s,
        seen: Window,
        out: Numbers,
        groups: int = 1,
    ) -> int:
        """Add windows times weights: `kernels` is outputs, height, width, channels of a group."""
        sides = sides_of(name, seen, self._tensors[x])
        inside = self._tensors[x].dims[-1]
        if groups < 1 or inside % groups or len(kernels) % groups:
            raise ModelRefused.at(name, f"{groups} groups of {inside} to {len(kernels)} channels")
        columns = kernels.reshape(len(kernels), -1)
        length = prod(seen.sizes) * (inside // groups)
        self._check_weights(name, columns, length, bias, scales)
        if min(sides) < 1:
            raise ModelRefused.at(name, f"makes the sides {sides}: its window does not fit")

        def op(x: int, parts: int, out: Numbers) -> Op:
            return Conv(u16(x), no_weights(), seen, u16(groups), u16(parts), *out.bounds)

        taps, line = prod(seen.sizes), seen.sizes[-1]
        sizes = [taps // parts for parts in range(1, taps + 1) if taps % parts == 0]
        choices = [taps // size for size in sizes if size % line == 0 or line % size == 0]
        return self._product(name, op, x, choices, sides, (columns, bias, scales), out)

    def conv_transposed(
        self,
        name: str,
        x: int,
        kernels: Int8s,
        bias: Int32s,
        scales: Float32s,
        step: Sequence[int],
        pads: Sequence[int],
        output_padding: Sequence[int],
        out: Numbers,
        groups: int = 1,
        apart: Sequence[int] = (1,),
    ) -> int:
        """Add ONNX's ConvTranspose: a convolution that makes all phases, and moves of elements.

        `kernels` is outputs, taps of each axis, inputs of a group; pads are as in `window`. Taps
        that are `apart` (dilations) are refused. The moves are judged together with the product.
        """
        if max(apart) > 1:
            raise ModelRefused.at(name, f"dilations {tuple(apart)}: a transposed one has only 1")
        phases = phases_of(name, self._tensors[x], kernels, step, pads, output_padding, groups)
        if bias.shape != scales.shape or bias.shape != (len(kernels),):
            raise ModelRefused.at(
                name, f"{bias.size} biases and {scales.size} scales for {len(kernels)} channels"
            )
        moved, cut = phases.count > 1, phases.shape != phases.enlarged
        made = self.conv(
            f"{name}:phases" if moved or cut else name,
            x,
            phases.kernels(kernels),
            phases.repeated(bias),
            phases.repeated(scales),
            phases.window,
            out,
            groups,
        )
        if moved:
            label = f"{name}:space" if cut else name
            made = self.rearrange(label, made, phases.view, phases.order, phases.enlarged)
        if cut:
            made = self.slice(name, made, phases.begin, [1] * len(phases.begin), phases.shape)
        return made

    def _product(
        self,
        name: str,
        op: Callable[[int, int, Numbers], Op],
        x: int,
        choices: Iterable[int],
        sides: Sequence[int],
        constants: tuple[Int8s, Int32s, Float32s],
        out: Numbers,
    ) -> int:
        """Add a product in as few parts as its proofs allow: several are followed by a `Sum`.

        `op` makes the operator of an input, a number of parts and the output's numbers.
        """
        columns, bias, scales = constants
        count, length = columns.shape
        parts = self._parts(name, op, x, choices, (*sides, count))
        if parts == 1:
            records = records_of_product(columns, bias, scales)
            return self.node(name, op(x, 1, out), out, (*sides, count), records)
        most = -(-length // parts)
        held = np.zeros((count, parts * most), np.int8)
        held[:, :length] = columns
        nothing, ones = np.zeros(count * parts, np.int32), np.ones(count * parts, np.float32)
        records = records_of_product(held.reshape(count * parts, most), nothing, ones)
        sums = Numbers(Kind.I32)
        shape = (*sides, count * parts)
        x = self.node(f"{name}:parts", op(x, parts, sums), sums, shape, records)
        total = Sum(u16(x), no_weights(), u16(parts), *out.bounds)
        records = records_of_product(np.empty((count, 0), np.int8), bias, scales)
        return self.node(name, total, out, (*sides, count), records)

    def _parts(
        self,
        name: str,
        op: Callable[[int, int, Numbers], Op],
        x: int,
        choices: Iterable[int],
        shape: Sequence[int],
    ) -> int:
        """Return the fewest parts with which a product has a small enough proof; 1 if none has."""
        for parts in choices:
            numbers = Numbers(Kind.I8 if parts == 1 else Kind.I32)
            made = op(0, parts, numbers)
            out = new_tensor(numbers, (*shape[:-1], shape[-1] * parts))
            for leaf in (LEAF_BYTES, LEAF_BYTES // 4, MIN_LEAF_BYTES):
                given, result = (replace(one, leaf=u16(leaf)) for one in (self._tensors[x], out))
                held = made.with_constants(replace(no_weights(), leaf=u16(leaf)))
                graph = Graph([given], [Node(name, held, result)], [u16(1)])
                if is_judged(graph, 0) and largest_proof(graph, 0) <= PROOF_BYTES - PROOF_SPARE:
                    return parts
        return 1

    def matmul(self, name: str, a: int, b: int, scale: float, out: Numbers) -> int:
        """Add rows of `a` times rows of `b`."""
        shape = (*self._tensors[a].dims[:-1], self._tensors[b].dims[-2])
        return self.node(name, MatMul(u16(a), u16(b), u32(scale_bits(scale))), out, shape)

    def add(self, name: str, a: int, b: int, ratios: tuple[float, float], out: Numbers) -> int:
        """Add `a * ratios[0] + b * ratios[1]`; ModelRefused if a ratio is too large to be exact."""
        op = Add(u16(a), u16(b), *factors_of(name, ratios))
        return self.node(name, op, out, self._tensors[a].dims)

    def table(self, name: str, x: int, values: Sequence[int], out: Numbers) -> int:
        """Add a table of 256 elements, in ascending order of the input elements."""
        check_read(name, Table, self._tensors[x])
        op = Table(u16(x), bytes_of(self._tensors[x].kind, values))
        return self.node(name, op, out, self._tensors[x].dims)

    def wide_table(self, name: str, x: int, values: Sequence[int] | Int16s, out: Numbers) -> int:
        """Add a table of elements of 16 bits: 4,096 numbers, ascending as the input elements."""
        check_read(name, WideTable, self._tensors[x])
        numbers = np.asarray(values, np.int64)
        if numbers.shape != (TABLE_ENTRIES,):
            raise ModelRefused.at(name, f"{numbers.size} numbers, needed are {TABLE_ENTRIES}")
        if int(numbers.min()) < out.kind.low or int(numbers.max()) > out.kind.high:
            raise ModelRefused.at(name, f"a number is not an element of {out.kind.name}")
        records = records_of_table(numbers.astype(np.int16))
        return self.node(name, WideTable(u16(x), no_weights()), out, self._tensors[x].dims, records)

    def affine(
        self, name: str, x: int, offset: Int32s, factor: Int32s, shift: int, out: Numbers
    ) -> int:
        """Add elements times `factor` plus `offset`, over 2^shift: by channel, or by element."""
        tensor = self._tensors[x]
        channels = tensor.dims[-1]
        if offset.shape != factor.shape or factor.shape not in {(channels,), (tensor.size,)}:
            raise ModelRefused.at(
                name,
                f"{factor.size} factors and {offset.size} offsets: give one for each of "
                f"{channels} channels, or of {tensor.size} elements",
            )
        per_element = len(factor) != channels
        op = Affine(u16(x), no_weights(), per_element, u8(shift), *out.bounds)
        return self.node(name, op, out, tensor.dims, records_of_norm(offset, factor))

    def multiply(self, name: str, a: int, b: int, scale: float, out: Numbers) -> int:
        """Add `a` times `b`, requantised; `b` is repeated along axes on which its size is 1."""
        op = Mul(u16(a), u16(b), u32(scale_bits(scale)))
        return self.node(name, op, out, self._tensors[a].dims)

    def hypot(self, name: str, a: int, b: int, scale: float, out: Numbers) -> int:
        """Add the root of the squares of `a` and `b`, which have one scale, times `scale`."""
        op = Hypot(u16(a), u16(b), u32(scale_bits(scale)))
        return self.node(name, op, out, self._tensors[a].dims)

    def max_pool(self, name: str, x: int, seen: Window) -> int:
        """Add the maximum of each window."""
        tensor = self._tensors[x]
        shape = (*sides_of(name, seen, tensor), tensor.dims[-1])
        return self.node(name, MaxPool(u16(x), seen), numbers_of(tensor), shape)

    def average_pool(self, name: str, x: int, seen: Window, scale: float, out: Numbers) -> int:
        """Add the sum of each window times `scale`; include the division by the number of taps."""
        tensor = self._tensors[x]
        shape = (*sides_of(name, seen, tensor), tensor.dims[-1])
        return self.node(name, AveragePool(u16(x), seen, u32(scale_bits(scale))), out, shape)

    def global_mean(self, name: str, x: int, scale: float, out: Numbers) -> int:
        """Add the mean over all axes but the channels times `scale`; the axes get the side 1.

        Lines of up to 4,096 pixels are summed exactly. Longer ones are first cut into shorter
        lines, whose sums have 16 bits: exact if their pixels are of 8 bits and few, else divided
        by a power of two and rounded. The mean is then off by at most 1/128 of the distance of
        neighbouring 8-bit elements of `x` (of 16 bits: about 1), before it is multiplied.
        """
        *sides, channels = dims = self._tensors[x].dims
        number = prod(sides)
        order = (len(sides), *range(len(sides)))
        # Channels as lines of an image: a fraud proof then opens one row, not all pixels.
        at = self.rearrange(f"{name}:rows", x, dims, order, (channels, number, 1))
        factor = scale / number
        for level, (length, shift) in enumerate(short_lines(number, self._tensors[x].reach)):
            count = -(-number // length)
            line = window((1, length), (1, length), (0, 0, 0, count * length - number))
            sums = Numbers(Kind.I16)
            at = self.average_pool(f"{name}:sums{level}", at, line, 2.0**-shift, sums)
            number, factor = count, factor * 2.0**shift
        mean = self.average_pool(name, at, window((1, number), (1, number)), factor, out)
        shape = (*(1 for _ in sides), channels)
        return self.rearrange(f"{name}:image", mean, (channels,), (0,), shape)

    def softmax(self, name: str, x: int, table: Sequence[int], kind: Kind = Kind.U8) -> int:
        """Add shares of each row; `table[d]` is the weight of an element d below the largest."""
        op = Softmax(u16(x), [u16(weight) for weight in table])
        return self.node(name, op, Numbers(kind, zero_of_shares(kind)), self._tensors[x].dims)

    def layer_norm(
        self, name: str, x: int, norm: tuple[Int32s, Int32s], epsilon: int, shift: int, out: Numbers
    ) -> int:
        """Add normalised rows times `norm[1]` plus `norm[0]`, over 2^shift."""
        op = LayerNorm(u16(x), u64(epsilon), no_weights(), u8(shift))
        return self.node(name, op, out, self._tensors[x].dims, records_of_norm(*norm))

    def rearrange(
        self, name: str, x: int, view: Sequence[int], axes: Sequence[int], shape: Sequence[int]
    ) -> int:
        """Add the same elements in another order and shape."""
        op = Rearrange(u16(x), [u32(size) for size in view], [u8(axis) for axis in axes])
        return self.node(name, op, numbers_of(self._tensors[x]), shape)

    def concat(self, name: str, a: int, b: int) -> int:
        """Add rows of `a` followed by rows of `b`."""
        first, second = self._tensors[a], self._tensors[b]
        shape = (*first.dims[:-1], first.dims[-1] + second.dims[-1])
        return self.node(name, Concat(u16(a), u16(b)), numbers_of(first), shape)

    def slice(
        self, name: str, x: int, begin: Sequence[int], step: Sequence[int], size: Sequence[int]
    ) -> int:
        """Add `size` elements along each axis, from `begin` on and `step` apart."""
        places = ([u32(number) for number in numbers] for numbers in (begin, step, size))
        return self.node(name, Slice(u16(x), *places), numbers_of(self._tensors[x]), size)

    def pad(
        self, name: str, x: int, before: Sequence[int], after: Sequence[int], mode: Padding
    ) -> int:
        """Add a tensor with elements before and after it along each axis."""
        tensor = self._tensors[x]
        op = Pad(u16(x), [u32(more) for more in before], [u32(more) for more in after], mode)
        shape = [sum(axis) for axis in zip(before, tensor.dims, after, strict=False)]
        return self.node(name, op, numbers_of(tensor), shape)

    def resize(
        self, name: str, x: int, sides: Sequence[int], linear: bool, asymmetric: bool = False
    ) -> int:
        """Add an image with other sides: its nearest pixels, or linear means of them."""
        tensor = self._tensors[x]
        op = Resize(u16(x), [u32(side) for side in sides], linear, asymmetric)
        return self.node(name, op, numbers_of(tensor), (*sides, tensor.dims[-1]))

    def gather(self, name: str, ids: int, table: Int8s, zero: int = 0) -> int:
        """Add the rows of `table` with these numbers; others stand for row 0."""
        op = Gather(u16(ids), no_weights(), u32(len(table)), u32(table.shape[1]))
        shape = (*self._tensors[ids].dims, table.shape[1])
        return self.node(name, op, Numbers(Kind.I8, zero), shape, records_of_rows(table))

    def scan(
        self,
        name: str,
        x: int,
        weights: ScanWeights,
        cell: Cell,
        *,
        reverse: bool = False,
        wide: bool = False,
    ) -> int:
        """Add a recurrent layer over rows; `wide` states have 16 bits and the scale 1/32,768.

        States of 8 bits have the scale 1/128. They are the first elements of a row of the output
        (`operators.scan`).
        """
        tensor = self._tensors[x]
        weights.check(name, cell.gates, tensor.dims[-1])
        out, hidden = Numbers(Kind.I16 if wide else Kind.I8), weights.r.shape[1]
        op = Scan(u16(x), no_weights(), cell, u16(hidden), reverse)
        shape = (*tensor.dims[:-1], hidden * cell.elements_of_unit(out.kind))
        return self.node(name, op, out, shape, weights.records())

    def _check_weights(
        self, name: str, columns: Int8s, length: int, bias: Int32s, scales: Float32s
    ) -> None:
        if not columns.size or columns.shape[1] != length:
            raise ModelRefused.at(name, f"weights of {columns.shape} for {length} inputs")
        if bias.shape != (len(columns),):
            raise ModelRefused.at(name, f"{bias.size} biases for {len(columns)} channels")
        if scales.shape != (len(columns),):
            raise ModelRefused.at(name, f"{scales.size} scales for {len(columns)} channels")


def short_lines(number: int, reach: int) -> Iterator[tuple[int, int]]:
    """Yield the levels in which lines of `number` elements are summed to at most `MAX_LINE`.

    A level is the length of lines and the shift of their sums, with which these fit 16 bits.
    `reach` is the largest distance of an element from zero.
    """
    while number > MAX_LINE:
        length, exact = -(-number // MAX_LINE), Kind.I16.high // reach
        length = min(length, exact) if exact > 1 else length
        shift = 0
        while length * reach > Kind.I16.high << shift:
            shift += 1
        yield length, shift
        number, reach = -(-number // length), -(-length * reach >> shift)
