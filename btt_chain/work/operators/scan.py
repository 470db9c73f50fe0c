"""Recurrent layers: one tensor of which each row depends on the row before.

A row of the output begins with the state h of all hidden units, with the scale 1/128 (8 bits) or
1/32,768 (16 bits). It is followed by what other elements need besides:

| cell | after h, for each unit |
|---|---|
| LSTM | c, 16 bits with the scale 1/4,096; if h is I8 as two bytes with the lowest first |
| GRU | r times h of the row before, numbers as those of h |
| GRU_LINEAR | nothing |

Formulas and the order of gates are ONNX's. The arguments of gates are in 1/512, their values in
1/32,767 (`arithmetic.gate_table`). The state before the first row is zero.

A proof opens the row before, the row of the input, and the records of one hidden unit. A verifier,
who has all rows, computes each row from the claimed one before it, all rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from operator import mul
from struct import unpack
from typing import ClassVar, Self

from btt_chain.scale import path, u16
from btt_chain.work.arithmetic import GATE_ONE, hyperbolic, logistic, scaled, shifted
from btt_chain.work.errors import ModelRefused
from btt_chain.work.layout import tensor_layout
from btt_chain.work.operators.base import (
    Inputs,
    Operator,
    check_accumulator,
    expect,
    whole_row,
    within,
)
from btt_chain.work.tensors import RECORD_TAIL, SMALL, Kind, Tensor, TensorId, Weights


@path("btt_work::Cell")
class Cell(IntEnum):
    """The formulas of a recurrent layer."""

    LSTM = 0
    """Gates i, o, f and c."""
    GRU = 1
    """Gates z, r and h; the state is reset before its product (`linear_before_reset` = 0)."""
    GRU_LINEAR = 2
    """Gates z, r and h; the product of the state is reset (`linear_before_reset` = 1)."""

    @property
    def gates(self) -> int:
        """The number of gates of each hidden unit."""
        return 4 if self is Cell.LSTM else 3

    def elements_of_unit(self, kind: Kind) -> int:
        """Return the number of elements that each hidden unit has in a row."""
        if self is Cell.LSTM:
            return 1 + 2 // kind.width
        return 2 if self is Cell.GRU else 1


class Scan(Operator, index=20):
    """An LSTM or a GRU: rows are steps, one after the other, or from the last to the first.

    With more than two axes each group of rows is a sequence of its own.
    """

    x: TensorId
    weights: Weights
    """A record for each gate of each hidden unit; those of a unit follow each other."""
    cell: Cell
    hidden: u16
    """Number of hidden units: their states are the first elements of a row."""
    reverse: bool

    reads: ClassVar[frozenset[Kind]] = SMALL
    makes: ClassVar[frozenset[Kind]] = frozenset((Kind.I8, Kind.I16))
    reads_itself: ClassVar[bool] = True
    record_tail: ClassVar[int] = 2 * RECORD_TAIL
    smaller_proof: ClassVar[str] = (
        "use fewer hidden units, or a dense layer before it that makes fewer channels"
    )

    @property
    def inputs(self) -> tuple[int, ...]:
        """The rows."""
        return (int(self.x),)

    @property
    def constants(self) -> Weights:
        """The weights, biases and scales."""
        return self.weights

    def with_constants(self, constants: Weights) -> Self:
        """Return the layer with other weights."""
        return type(self)(self.x, constants, self.cell, self.hidden, self.reverse)

    def check(self, name: str, inputs: Sequence[Tensor], out: Tensor) -> None:
        """Check that each row of the input becomes a row of all hidden units."""
        x = inputs[0]
        if len(x.dims) < 2:
            raise ModelRefused.at(name, f"needs a row for each step, the input has only {x.dims}")
        if self.hidden < 1:
            raise ModelRefused.at(name, "has no hidden units")
        width = int(self.hidden) * self.cell.elements_of_unit(out.kind)
        expect(name, out, (*x.dims[:-1], width))
        if out.zero:
            raise ModelRefused.at(name, f"makes states with the zero 0, not {int(out.zero)}")
        check_accumulator(name, int(self.weights.limit))

    def macs(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return one multiplication for each weight of each step; two for elements of 16 bits."""
        x, hidden = inputs[0], int(self.hidden)
        taps = x.dims[-1] * x.kind.width + hidden * out.kind.width
        return x.size // x.dims[-1] * self.cell.gates * hidden * taps

    def record_bytes(self, inputs: Sequence[Tensor]) -> int:
        """Return the length of the weights of input and state, and of bias and scale of both."""
        return inputs[0].dims[-1] + int(self.hidden) + self.record_tail

    def record_count(self, out: Tensor) -> int:
        """Return the number of gates of all hidden units."""
        return self.cell.gates * int(self.hidden)

    @property
    def records_read(self) -> int:
        """The number of gates of a hidden unit."""
        return self.cell.gates

    def judged(self, inputs: Sequence[Tensor], out: Tensor) -> int:
        """Return the length of the products of all gates of a hidden unit."""
        return self.cell.gates * (inputs[0].dims[-1] + int(self.hidden))

    def openings(self, tensor: Tensor) -> tuple[int, int]:
        """Return the openings of one row."""
        return whole_row(tensor)

    def openings_of_output(self, out: Tensor) -> tuple[int, int]:
        """Return the openings of an element, of the states before, and of what else it reads."""
        layout = tensor_layout(out)
        if layout.leaves_of_row == 1:
            return 2, 2
        states = -(-int(self.hidden) * out.kind.width // layout.leaf)
        if self.cell is Cell.LSTM:
            return 3, states + 3  # a memory of two bytes may lie in two leaves
        if self.cell is Cell.GRU:
            return 3, 2 * states + 2
        return 2, states + 1

    def element(self, index: int, out: Tensor, read: Inputs) -> int:
        """Compute one element of a row from the row before it."""
        row, at = divmod(index, out.dims[-1])
        step = _Step(self, out, read, row)
        unit, part = at, 0
        if at >= self.hidden:
            unit, part = divmod(at - int(self.hidden), self.cell.elements_of_unit(out.kind) - 1)
        if self.cell is not Cell.LSTM:
            return step.reset(unit) if at >= self.hidden else step.gru(unit)
        memory = step.memory(unit)
        if at < self.hidden:
            return step.lstm(unit, memory)
        return _elements_of(memory, out.kind)[part]


class _Step:
    """One row of the output, computed from the row before it."""

    def __init__(self, op: Scan, out: Tensor, read: Inputs, row: int) -> None:
        self._op, self._out, self._read, self._row = op, out, read, row
        self._taps = read.row(op.x, row)
        self._bits = 8 * out.kind.width
        first = out.dims[-2] - 1 if op.reverse else 0
        self._is_first = row % out.dims[-2] == first
        self._states = self._before(0, int(op.hidden))

    def _before(self, at: int, length: int) -> Sequence[int]:
        """Return successive elements of the row before; zeros if there is none."""
        if self._is_first:
            return [0] * length
        row = self._row + 1 if self._op.reverse else self._row - 1
        return self._read.own(row * self._out.dims[-1] + at, length)

    def _gate(self, unit: int, gate: int, states: Sequence[int]) -> tuple[int, int]:
        """Return the terms of the input and of the states in the argument of a gate, in 1/512."""
        op, read = self._op, self._read
        weights, tail = read.split_record(unit * op.cell.gates + gate, op.record_tail)
        bias, scale, state_bias, state_scale = unpack("<iIiI", tail)
        of_input = weights[: len(self._taps)]
        total = sum(map(mul, self._taps, of_input)) - read.zero(op.x) * sum(of_input)
        state_total: int = sum(map(mul, states, weights[len(of_input) :]))
        return scaled(total, scale) + bias, scaled(state_total, state_scale) + state_bias

    def _value(self, unit: int, gate: int) -> int:
        """Return the logistic function of a gate."""
        return logistic(sum(self._gate(unit, gate, self._states)))

    def memory(self, unit: int) -> int:
        """Return c of an LSTM: f times c of the row before, plus i times the new value."""
        width = self._op.cell.elements_of_unit(self._out.kind) - 1
        held = _number_of(self._before(int(self._op.hidden) + unit * width, width))
        new = self._value(unit, 0) * hyperbolic(sum(self._gate(unit, 3, self._states)))
        memory = shifted(self._value(unit, 2) * held, 15) + shifted(new, 18)
        return min(max(memory, Kind.I16.low), Kind.I16.high)

    def lstm(self, unit: int, memory: int) -> int:
        """Return h of an LSTM: o times the hyperbolic tangent of c."""
        value = self._value(unit, 1) * hyperbolic(shifted(memory, 3))
        return within(shifted(value, 31 - self._bits), self._out)

    def reset(self, unit: int) -> int:
        """Return r times h of the row before."""
        return shifted(self._value(unit, 1) * self._states[unit], 15)

    def gru(self, unit: int) -> int:
        """Return h of a GRU: z times h of the row before, plus 1 - z times the new value."""
        keep = self._value(unit, 0)
        value = (GATE_ONE - keep) * hyperbolic(self._argument(unit))
        value += keep * self._states[unit] << (16 - self._bits)
        return within(shifted(value, 31 - self._bits), self._out)

    def _argument(self, unit: int) -> int:
        """Return the argument of gate h of a GRU."""
        op = self._op
        if op.cell is Cell.GRU_LINEAR:
            by_input, by_states = self._gate(unit, 2, self._states)
            return by_input + shifted(self._value(unit, 1) * by_states, 15)
        hidden = int(op.hidden)
        states = self._read.own(self._row * self._out.dims[-1] + hidden, hidden)
        return sum(self._gate(unit, 2, states))


def _number_of(elements: Sequence[int]) -> int:
    """Return a number of 16 bits from one element, or from two of 8 bits, the lowest first."""
    if len(elements) == 1:
        return elements[0]
    low, high = elements
    return (low & 255) + (high << 8)


def _elements_of(number: int, kind: Kind) -> Sequence[int]:
    """Return the elements of a kind that hold a number of 16 bits."""
    if kind is Kind.I16:
        return [number]
    low, high = number & 255, number >> 8
    return [low - 256 if low > 127 else low, high]
