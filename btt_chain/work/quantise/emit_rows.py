"""Steps of transformers: rows with scales of their own, attention, embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s, Int32s
from btt_chain.work.operators.dynamic import BIAS_BITS, GAIN_BITS
from btt_chain.work.operators.numeric.dynamic import row_weights
from btt_chain.work.quantise.emit_elements import affined
from btt_chain.work.quantise.emitter import Emitter, Placed
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Attention,
    FromRows,
    Lookup,
    Normalize,
    RowProduct,
    RowTotal,
    Step,
    ToRows,
)
from btt_chain.work.quantise.weights import MIN_SCALE, WEIGHT
from btt_chain.work.tensors import Kind

_TOP: Final = 1 << 31


def emit_to_rows(step: ToRows, emitter: Emitter) -> Placed:
    """Emit rows with scales of their own."""
    value, read = _rows(step, emitter), emitter.read(step)
    name, kind = emitter.name(step), emitter.made(step).kind
    return replace(value, tensor=emitter.builder.to_rows(name, value.tensor, read.scale, kind))


def emit_from_rows(step: FromRows, emitter: Emitter) -> Placed:
    """Emit elements with one scale."""
    value, made = _rows(step, emitter), emitter.made(step)
    numbers = made.numbers()
    tensor = emitter.builder.from_rows(emitter.name(step), value.tensor, made.scale, numbers)
    return replace(value, tensor=tensor)


def emit_normalize(step: Normalize, emitter: Emitter) -> Placed:
    """Emit normalised rows."""
    value = _rows(step, emitter)
    offset = _fixed(step, step.offset, BIAS_BITS)
    gain = _fixed(step, step.gain, GAIN_BITS)
    tensor = emitter.builder.norm(
        emitter.name(step), value.tensor, (offset, gain), emitter.made(step).kind,
        centred=step.centred,
    )  # fmt: skip
    return replace(value, tensor=tensor)


def emit_row_product(step: RowProduct, emitter: Emitter) -> Placed:
    """Emit a dense layer of rows, with its function."""
    value = _rows(step, emitter)
    _fixed(step, step.bias, BIAS_BITS)
    constants = row_weights(step.weights, step.bias)
    kind = emitter.made(step).kind
    tensor = emitter.builder.row_linear(
        emitter.name(step), value.tensor, constants, kind, step.then
    )
    shape = emitter.shape(step)
    return Placed(tensor, shape, value.order)


def emit_row_total(step: RowTotal, emitter: Emitter) -> Placed:
    """Emit a sum of rows."""
    a, b = _rows(step, emitter), _rows(step, emitter, 1)
    kind = emitter.made(step).kind
    return replace(a, tensor=emitter.builder.add_rows(emitter.name(step), a.tensor, b.tensor, kind))


def emit_attention(step: Attention, emitter: Emitter) -> Placed:
    """Emit scores of keys, and means of values by them; values are turned before."""
    queries, keys, values = (_rows(step, emitter, at) for at in range(3))
    count, width = values.sides()
    builder = emitter.builder
    columns = builder.rearrange(
        emitter.name(step, ":columns"), values.tensor, (count, width), (1, 0), (width, count)
    )
    scores = builder.scores(
        emitter.name(step, ":scores"), queries.tensor, keys.tensor, step.length, causal=step.causal
    )
    scale, kind = emitter.read(step, 2).scale, emitter.made(step).kind
    tensor = builder.attend(emitter.name(step), scores, columns, scale, kind)
    shape = emitter.shape(step)
    return Placed(tensor, shape, _order(shape))


def emit_lookup(step: Lookup, emitter: Emitter) -> Placed:
    """Emit rows of a table of 8 bits, in which each channel has a scale of its own."""
    ids, shape = emitter.placed[step.inputs[0]], emitter.shape(step)
    scales = np.maximum(np.abs(step.table).max(axis=0) / WEIGHT, MIN_SCALE)
    table = np.rint(step.table / scales).astype(np.int8)
    rows = emitter.builder.gather(emitter.name(step, ":table"), ids.tensor, table)
    read = RealNumbers(Kind.I8, 0, 1.0)
    constants = (scales, np.zeros(len(scales)))
    tensor = affined(emitter, step, rows, constants, read, emitter.made(step))
    return Placed(tensor, shape, (*ids.order, len(shape) - 1))


def _rows(step: Step, emitter: Emitter, at: int = 0) -> Placed:
    """Return an input with its last axis last, the others in the order of ONNX."""
    value = emitter.placed[step.inputs[at]]
    return emitter.ordered(step, value, _order(value.shape))


def _order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of more than one place, and the last one."""
    last = len(shape) - 1
    return (*(axis for axis, size in enumerate(shape[:-1]) if size > 1), last)


def _fixed(step: Step, values: Float64s, bits: int) -> Int32s:
    """Return real numbers in fixed point; ModelRefused if one is too large."""
    numbers = np.rint(np.ldexp(values, bits))
    if np.abs(numbers).max() >= _TOP:
        raise ModelRefused.at(
            step.name, f"a constant of {np.abs(values).max():g}, allowed is {_TOP >> bits}"
        )
    return numbers.astype(np.int32)
