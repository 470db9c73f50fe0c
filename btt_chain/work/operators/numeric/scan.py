"""Recurrent layers in numpy: step by step, or all steps at once from claimed rows.

Gates are computed in float64. It is exact: arguments fit 33 bits, values 15, products 48.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.scale import i16, u32
from btt_chain.work.arithmetic import GATE_BITS, GATE_LIMIT, GATE_ONE, gate_table, hyperbolic
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import (
    Bytes2D,
    Constants,
    Elements,
    Float32s,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
)
from btt_chain.work.operators import Scan
from btt_chain.work.operators.base import ACCUMULATORS, check_scale
from btt_chain.work.operators.numeric import blocks
from btt_chain.work.operators.numeric.columns import Columns
from btt_chain.work.operators.numeric.kernel import Booleans, FloatFunction, Kernel, NodeOf
from btt_chain.work.operators.numeric.products import EXACT
from btt_chain.work.operators.numeric.requantise import centred
from btt_chain.work.operators.numeric.weights import check_weights
from btt_chain.work.operators.scan import Cell
from btt_chain.work.tensors import Kind, Tensor

Floats: TypeAlias = Float32s | Float64s
Number: TypeAlias = type[np.float32] | type[np.float64]

MAX_CONSTANT_PERCENT: Final = 10
"""Maximum percentage of a node's gates that have one value for every input, or every state."""


# ---- constants


@dataclass(frozen=True, slots=True)
class ScanWeights:
    """Weights of a recurrent layer: a row for each gate and hidden unit, gate by gate as in ONNX.

    A factor turns a sum of products into 1/512 of the argument of a gate, which is also the unit
    of biases. `state_bias` is 0 by default: only GRU_LINEAR distinguishes it from `bias`.
    """

    w: Int8s
    r: Int8s
    bias: Int32s
    factors: Float32s
    state_factors: Float32s
    state_bias: Int32s | None = None

    def check(self, name: str, gates: int, inputs: int) -> None:
        """Raise ModelRefused unless all parts have the same rows, and fit the input."""
        rows, hidden = self.r.shape
        if rows != gates * hidden or not hidden:
            raise ModelRefused.at(name, f"state weights of {self.r.shape} for {gates} gates")
        if self.w.shape != (rows, inputs):
            raise ModelRefused.at(
                name, f"input weights of {self.w.shape} in place of {(rows, inputs)}"
            )
        for part in (self.bias, self.factors, self.state_factors, self.state_bias):
            if part is not None and part.shape != (rows,):
                raise ModelRefused.at(name, f"{part.size} biases or factors for {rows} gates")

    def records(self) -> Bytes2D:
        """Return the records: the gates of a hidden unit follow each other."""
        state_bias = np.zeros_like(self.bias) if self.state_bias is None else self.state_bias
        parts = [
            self.w.astype("<i1"),
            self.r.astype("<i1"),
            *(self.bias.astype("<i4")[:, None], self.factors.astype("<f4")[:, None]),
            *(state_bias.astype("<i4")[:, None], self.state_factors.astype("<f4")[:, None]),
        ]
        raw = np.concatenate([np.ascontiguousarray(part).view(np.uint8) for part in parts], axis=1)
        return np.ascontiguousarray(raw[transposed(*self.r.shape)])


def transposed(rows: int, together: int) -> NDArray[np.intp]:
    """Return the order of rows that takes one of each `together` successive ones in turn."""
    return np.arange(rows).reshape(-1, together).T.reshape(-1)


def quantised_weights(
    cell: Cell, w: Float64s, r: Float64s, bias: Float64s, scale: float, *, wide: bool = False
) -> ScanWeights:
    """Return weights in 8 bits from real ones of one direction, in ONNX's order.

    `bias` holds those of the input, then those of the state; `scale` is that of the input's
    elements; `wide` is True for states of 16 bits.
    """
    steps, state_steps = (np.maximum(np.abs(part).max(axis=1) / 127, 1e-12) for part in (w, r))
    first, second = bias.reshape(2, -1)
    if cell is not Cell.GRU_LINEAR:
        first, second = first + second, np.zeros_like(second)
    one = 1 << GATE_BITS
    return ScanWeights(
        np.rint(w / steps[:, None]).astype(np.int8),
        np.rint(r / state_steps[:, None]).astype(np.int8),
        np.rint(first * one).astype(np.int32),
        (steps * scale * one).astype(np.float32),
        (state_steps * one / (1 << (15 if wide else 7))).astype(np.float32),
        np.rint(second * one).astype(np.int32),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """Weights of the input or of the state, gate by gate, and the tensor that they multiply."""

    constants: Constants
    x: Tensor

    @property
    def limits(self) -> Int64s:
        """The maximum absolute sum of products of each gate."""
        return self.constants.sums * self.x.reach

    @property
    def reaches(self) -> Float64s:
        """The same in 1/512 of an argument, without the bias."""
        reaches: Float64s = self.limits.astype(np.float64)
        reaches *= self.constants.scales
        return reaches

    def terms(self, gates: slice, number: Number) -> _Terms:
        """Return the products of some gates of all units, prepared for execution."""
        return _Terms(self.constants, self.x, gates, number)


def sides_of(node: NodeOf[Scan], constants: Constants) -> tuple[_Side, _Side]:
    """Return the weights of the input, and those of the state; TypeError if they are not two."""
    if constants.others is None:
        raise TypeError(f"node {node.name!r} needs biases and scales of input and state")
    x, order = node.inputs[0], transposed(len(constants.first), node.op.cell.gates)
    states = replace(node.out, shape=[*node.out.shape[:-1], u32(node.op.hidden)])
    columns, others = constants.columns[order], constants.others[order]
    width = x.dims[-1]
    by_input = Constants(columns[:, :width], constants.first[order], constants.second[order])
    by_states = Constants(columns[:, width:], others[:, 0].copy(), others[:, 1].copy())
    return _Side(by_input, x), _Side(by_states, states)


def arguments_of(sides: tuple[_Side, _Side]) -> Float64s:
    """Return the maximum absolute argument of each gate, in 1/512."""
    by_input, by_state = (side.reaches + np.abs(side.constants.first) for side in sides)
    return by_input + by_state


class _Terms:
    """Products of rows with the weights of some gates, in 1/512, plus bias."""

    def __init__(self, constants: Constants, x: Tensor, gates: slice, number: Number) -> None:
        """`gates` are rows of the constants; `number` holds all sums of arguments exactly."""
        self._bias = constants.first[gates].astype(number)
        self._biased = bool(self._bias.any())
        self._scales = constants.scales[gates]
        nothing = np.zeros(len(self._bias), np.int32)
        products = Constants(constants.columns[gates], nothing, constants.second[gates])
        self._columns = Columns(products, x, replace(x, kind=Kind.I32, zero=i16(0)), (0, 0))
        self._zero = int(x.zero)

    def of(self, rows: Elements) -> Floats:
        """Return the terms of rows; these are the last axis."""
        flat = rows.reshape(-1, rows.shape[-1])
        matrix = np.ones((len(flat), flat.shape[1] + 1), np.float32)
        centred(flat, self._zero, matrix[:, :-1])
        room = np.empty((len(flat), len(self._bias)), np.float32)
        terms = self._columns.sums(matrix, room).astype(np.float32, copy=False)
        terms *= self._scales
        np.rint(terms, out=terms)
        made: Floats = np.add(terms, self._bias) if self._biased else terms
        return made.reshape(*rows.shape[:-1], -1)


# ---- execution


class ScanKernel(Kernel[Scan]):
    """A recurrent layer, prepared for execution."""

    def __init__(self, node: NodeOf[Scan], constants: Constants | None) -> None:
        super().__init__(node, constants)
        if constants is None:
            raise TypeError(f"node {node.name!r} needs its weights")
        sides = sides_of(node, constants)
        exact = arguments_of(sides).max() < EXACT
        number: Number = np.float32 if exact else np.float64
        self._input = sides[0].terms(slice(None), number)
        self._formulas = FORMULAS[node.op.cell](int(node.op.hidden), sides[1], number)

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Compute step by step; the input is multiplied for many steps at once."""
        rows = self._sequences(made)
        before = np.zeros_like(rows[:, 0])
        for first, terms in self._pieces(inputs[0]):
            for at in range(terms.shape[1]):
                row = rows[:, first + at]
                self._formulas.write(terms[:, at], before, row, row)
                before = row

    def recompute(self, inputs: Sequence[Elements], claimed: Elements, made: Elements) -> None:
        """Compute many steps at once, each from the claimed one before it."""
        said, rows = self._sequences(claimed), self._sequences(made)
        before = np.zeros_like(said)
        before[:, 1:] = said[:, :-1]
        for first, terms in self._pieces(inputs[0]):
            part = slice(None), slice(first, first + terms.shape[1])
            self._formulas.write(terms, before[part], said[part], rows[part])

    def first_wrong(self, wrong: Booleans) -> int | None:
        """Return the wrong element that is computed first."""
        indices = np.flatnonzero(wrong)
        if not len(indices):
            return None
        *_, steps, width = wrong.shape
        rows, at = np.divmod(indices, width)
        if self.op.reverse:
            rows += steps - 1 - 2 * (rows % steps)
        if self.op.cell is Cell.GRU:
            at = (at - int(self.op.hidden)) % width
        return int(indices[np.argmin(rows * width + at)])

    def _sequences(self, rows: Elements) -> Elements:
        """Return a view: sequences, steps in the order of computation, elements."""
        sequences: Elements = rows.reshape(-1, *rows.shape[-2:])
        return sequences[:, ::-1] if self.op.reverse else sequences

    def _pieces(self, x: Elements) -> Iterator[tuple[int, Floats]]:
        """Yield the terms of the input of some steps at a time, with the first step's number."""
        rows = self._sequences(x)
        length = max(rows.shape[2], self.op.cell.gates * int(self.op.hidden))
        count = max(1, blocks.matrix_rows(length) // len(rows))
        for first in range(0, rows.shape[1], count):
            yield first, self._input.of(rows[:, first : first + count])

    @staticmethod
    def accumulator_limit(node: NodeOf[Scan], constants: Constants) -> int:
        """Return the largest sum of products of the input, or of the state."""
        return max(int(side.limits.max()) for side in sides_of(node, constants))

    @staticmethod
    def check_constants(node: NodeOf[Scan], constants: Constants) -> None:
        """Check weights and scales, and that few gates are without input, state or effect."""
        sides = sides_of(node, constants)
        for side in sides:
            check_weights(node.name, side.constants.columns)
            for bits in np.unique(side.constants.second).tolist():
                check_scale(node.name, bits)
        most = int(arguments_of(sides).max())
        if most >= ACCUMULATORS:
            raise ModelRefused.at(
                node.name, f"the argument of a gate may reach {most}, allowed is less than 2^31"
            )
        _check_gates(node.name, sides)

    @staticmethod
    def in_floats(node: NodeOf[Scan], rng: Generator) -> FloatFunction:
        """Return the same layer, its memory as often as it has elements."""
        return float_layer(node.op, node.inputs[0].dims[-1], node.out, rng)


def _check_gates(name: str, sides: tuple[_Side, _Side]) -> None:
    """Raise ModelRefused if many gates have one value for every input, or for every state."""
    by_input, by_state = sides
    bias = by_input.constants.first.astype(np.float64) + by_state.constants.first
    saturated = np.abs(bias) - by_input.reaches - by_state.reaches >= GATE_LIMIT
    for of, constant in (
        ("input", by_input.reaches < 1),
        ("state", by_state.reaches < 1),
        ("input and state: their bias is too large", saturated),
    ):
        count = int(np.count_nonzero(constant))
        if count * 100 > MAX_CONSTANT_PERCENT * len(constant):
            raise ModelRefused.at(
                name,
                f"{count} of {len(constant)} gates do not depend on {of}, "
                f"allowed are {MAX_CONSTANT_PERCENT} %",
            )


# ---- formulas of the cells


@cache
def _tables() -> tuple[Float64s, Float64s]:
    """Return the logistic function and the hyperbolic tangent of all arguments."""
    half = GATE_LIMIT // 2
    tangents = [hyperbolic(at) for at in range(-half, half + 1)]
    return np.array(gate_table(), np.float64), np.array(tangents, np.float64)


def clamped(numbers: Floats, low: int, high: int) -> Floats:
    """Return numbers within bounds; for a few of them this is faster than `np.clip`."""
    made: Floats = np.maximum(numbers, low)
    return np.minimum(made, high, out=made)


def _of_table(table: Float64s, arguments: Floats) -> Float64s:
    """Return the values of arguments; those outside are clamped.

    `take` would clamp, too, but with a branch for each element.
    """
    middle = len(table) // 2
    places = clamped(arguments, -middle, len(table) - 1 - middle).astype(np.intp)
    places += middle
    return table.take(places, mode="wrap")


def logistics(arguments: Floats) -> Float64s:
    """Apply `arithmetic.logistic`."""
    return _of_table(_tables()[0], arguments)


def hyperbolics(arguments: Floats) -> Float64s:
    """Apply `arithmetic.hyperbolic`."""
    return _of_table(_tables()[1], arguments)


def shifted(numbers: NDArray[np.floating], shift: int) -> Float64s:
    """Apply `arithmetic.shifted`: exact below 2^53."""
    made: Float64s = np.multiply(numbers, 2.0**-shift, dtype=np.float64)
    return np.rint(made, out=made)


class _Formulas(ABC):
    """The formulas of one cell."""

    def __init__(self, hidden: int, side: _Side, number: Number) -> None:
        """`side` is that of the state."""
        self.hidden = hidden
        self.kind = side.x.kind
        self.bits = 8 * self.kind.width
        self.prepare(side, number)

    @abstractmethod
    def prepare(self, side: _Side, number: Number) -> None:
        """Prepare the weights of the state."""

    @abstractmethod
    def write(self, terms: Floats, before: Elements, said: Elements, made: Elements) -> None:
        """Write rows of one step to `made`, or of many.

        `terms` are those of the input, `before` are the rows before. `said` are the claimed rows;
        in execution they are `made`.
        """

    def gate(self, number: int) -> slice:
        """Return the place of a gate in the last axis of arguments and of values."""
        return slice(number * self.hidden, (number + 1) * self.hidden)

    def state(self, numbers: Float64s) -> Floats:
        """Return states of products of two values, in 2^-30."""
        return clamped(shifted(numbers, 31 - self.bits), self.kind.low, self.kind.high)


class _Lstm(_Formulas):
    """Gates i, o, f, c."""

    def prepare(self, side: _Side, number: Number) -> None:
        self._state = side.terms(slice(None), number)

    def write(self, terms: Floats, before: Elements, said: Elements, made: Elements) -> None:
        hidden = self.hidden
        arguments = terms + self._state.of(before[..., :hidden])
        values = logistics(arguments[..., : 3 * hidden])
        new = hyperbolics(arguments[..., self.gate(3)])
        memory = shifted(values[..., self.gate(2)] * self._memory(before), 15)
        memory += shifted(values[..., self.gate(0)] * new, 18)
        held = clamped(memory, Kind.I16.low, Kind.I16.high)
        made[..., hidden:] = held if self.bits == 16 else held.astype("<i2").view(np.int8)
        made[..., :hidden] = self.state(values[..., self.gate(1)] * hyperbolics(shifted(held, 3)))

    def _memory(self, rows: Elements) -> Float64s:
        memory = rows[..., self.hidden :]
        if self.bits == 8:
            memory = np.ascontiguousarray(memory).view("<i2")
        return memory.astype(np.float64)


class _Gru(_Formulas):
    """Gates z, r, h; the state is multiplied by r before its product."""

    def prepare(self, side: _Side, number: Number) -> None:
        self._state = side.terms(slice(2 * self.hidden), number)
        self._of_reset = side.terms(slice(2 * self.hidden, None), number)

    def write(self, terms: Floats, before: Elements, said: Elements, made: Elements) -> None:
        hidden = self.hidden
        states = before[..., :hidden]
        values = logistics(terms[..., : 2 * hidden] + self._state.of(states))
        made[..., hidden:] = shifted(values[..., self.gate(1)] * states, 15)
        arguments = terms[..., self.gate(2)] + self._of_reset.of(said[..., hidden:])
        self.finish(values[..., self.gate(0)], arguments, states, made)

    def finish(self, keep: Float64s, arguments: Floats, states: Elements, made: Elements) -> None:
        """Write the states: those before times `keep`, and new ones times the rest."""
        new = (GATE_ONE - keep) * hyperbolics(arguments)
        new += keep * states * 2.0 ** (16 - self.bits)
        made[..., : self.hidden] = self.state(new)


class _GruLinear(_Gru):
    """Gates z, r, h; the product of the state is multiplied by r."""

    def prepare(self, side: _Side, number: Number) -> None:
        self._state = side.terms(slice(None), number)

    def write(self, terms: Floats, before: Elements, said: Elements, made: Elements) -> None:
        states = before[..., : self.hidden]
        by_states = self._state.of(states)
        both = 2 * self.hidden
        values = logistics(terms[..., :both] + by_states[..., :both])
        reset = shifted(values[..., self.gate(1)] * by_states[..., self.gate(2)], 15)
        self.finish(values[..., self.gate(0)], terms[..., self.gate(2)] + reset, states, made)


FORMULAS: Final[Mapping[Cell, type[_Formulas]]] = {
    Cell.LSTM: _Lstm,
    Cell.GRU: _Gru,
    Cell.GRU_LINEAR: _GruLinear,
}


# ---- the baseline


def float_layer(op: Scan, inputs: int, out: Tensor, rng: Generator) -> FloatFunction:
    """Return a layer in float32 with random weights."""
    hidden, gates = int(op.hidden), op.cell.gates
    scale = np.float32(1 / np.sqrt(hidden))
    w = rng.standard_normal((inputs, gates * hidden), np.float32) * scale
    r = rng.standard_normal((hidden, gates * hidden), np.float32) * scale

    def run(given: Sequence[Float32s]) -> Float32s:
        x = given[0].reshape(-1, *given[0].shape[-2:])
        terms = x @ w
        made = np.zeros((*x.shape[:2], out.dims[-1]), np.float32)
        states, memory = np.zeros((2, len(x), hidden), np.float32)
        order = range(x.shape[1])
        for at in reversed(order) if op.reverse else order:
            by_states = states @ r
            states, memory = _float_step(op.cell, terms[:, at], by_states, states, memory)
            made[:, at, :hidden] = states
            for first in range(hidden, made.shape[-1], hidden):
                made[:, at, first : first + hidden] = memory
        return made.reshape(len(given[0]), *out.dims)

    return run


def _float_step(
    cell: Cell, terms: Float32s, by_states: Float32s, states: Float32s, memory: Float32s
) -> tuple[Float32s, Float32s]:
    """Return the next states and memory."""
    hidden = states.shape[1]
    last = (cell.gates - 1) * hidden
    values = 1 / (1 + np.exp(-terms[:, :last] - by_states[:, :last]))
    first, second = values[:, :hidden], values[:, hidden : 2 * hidden]
    if cell is Cell.LSTM:
        new = np.tanh(terms[:, last:] + by_states[:, last:])
        memory = values[:, 2 * hidden :] * memory + first * new
        return second * np.tanh(memory), memory
    new = np.tanh(terms[:, last:] + second * by_states[:, last:])
    return (1 - first) * new + first * states, second * states
