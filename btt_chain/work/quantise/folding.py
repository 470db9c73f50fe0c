"""Folding of affine steps (batch norms, factors, offsets) into products; chains of functions.

Into the product before; or into all products behind, if they have no padding and no input column
becomes much larger than the others: the factor of a dead channel would take the bits of all others.
Else the step stays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import isinf
from typing import Final

import numpy as np

from btt_chain.work.model import Float64s
from btt_chain.work.quantise.attention import take_attention
from btt_chain.work.quantise.patterns import composed, elementwise
from btt_chain.work.quantise.rows import take_rows
from btt_chain.work.quantise.steps import (
    Affine,
    Function,
    Normalize,
    Plan,
    Product,
    Step,
    channel_row,
)

FOLD_LIMIT: Final = 8.0
"""Maximum largest weight of an input column, in multiples of the median column's."""


def fold(plan: Plan) -> Counter[str]:
    """Fold until nothing is left to fold, and take the parts of transformers.

    Return how many steps went where.
    """
    counts: Counter[str] = Counter()
    while True:
        done = _fold_next(plan)
        if not done:
            break
        counts[done] += 1
    take_attention(plan)
    _fuse_bounds(plan)
    _chain_functions(plan)
    take_rows(plan)
    counts["kept"] = sum(isinstance(step, Affine) for step in plan.steps)
    return counts


def _fold_next(plan: Plan) -> str:
    """Fold one affine step and return where it went; nothing if none can be folded."""
    readers, makers = plan.readers(), plan.makers()
    for step in plan.steps:
        if not isinstance(step, Affine) or step.inputs[0] not in makers:
            continue
        maker = makers[step.inputs[0]]
        alone = len(readers[maker.output]) == 1 and maker.output not in plan.outputs
        folded = _into_maker(plan, maker, step) if alone else None
        if folded is not None:
            plan.steps.remove(step)
            _put(plan, maker, folded)
            return "back"
    for step in plan.steps:
        if isinstance(step, Affine) and step.output not in plan.outputs:
            behind = readers.get(step.output, [])
            folded_readers = [_into_reader(plan, step, reader) for reader in behind]
            if behind and all(folded_readers):
                plan.steps.remove(step)
                for reader, changed in zip(behind, folded_readers, strict=True):
                    _put(plan, reader, changed)
                return "forward"
    return ""


def _put(plan: Plan, old: Step, new: Step | None) -> None:
    """Replace a step."""
    if new is not None:
        plan.steps[plan.steps.index(old)] = new


def channel_axis(step: Product | Normalize, shape: tuple[int, ...]) -> int:
    """Return the axis of the channels of a product, or of normalised rows."""
    return 1 if isinstance(step, Product) and step.frame is not None else len(shape) - 1


def _into_maker(plan: Plan, maker: Step, step: Affine) -> Step | None:
    """Return the maker of an affine step's input with that step, None if it cannot have it."""
    if isinstance(maker, Affine):
        factor = maker.factor * step.factor
        return replace(
            maker,
            factor=factor,
            offset=maker.offset * step.factor + step.offset,
            output=step.output,
        )
    if not isinstance(maker, Product | Normalize) or _is_clamped(maker):
        return None
    shape = plan.shapes[step.output]
    axis = channel_axis(maker, shape)
    if step.axes - {axis}:
        return None
    factor, offset = _rows(step, axis, shape[axis])
    if isinstance(maker, Normalize):
        gain, shift = maker.gain * factor, maker.offset * factor + offset
        return replace(maker, gain=gain, offset=shift, output=step.output)
    along = (-1, *[1] * (maker.weights.ndim - 1))
    return replace(
        maker,
        weights=maker.weights * factor.reshape(along),
        bias=maker.bias * factor + offset,
        output=step.output,
    )


def _is_clamped(step: Product | Normalize) -> bool:
    """Return True if a step has a fused activation."""
    return isinstance(step, Product) and step.clamp is not None


def _rows(step: Affine, axis: int, size: int) -> tuple[Float64s, Float64s]:
    """Return factor and offset for each place of the channels' axis."""
    return channel_row(step.factor, axis, size), channel_row(step.offset, axis, size)


def _into_reader(plan: Plan, step: Affine, reader: Step) -> Product | None:
    """Return a reader of an affine step with that step, None if it would lose by it."""
    if not isinstance(reader, Product) or reader.transposed or reader.groups != 1:
        return None
    shape = plan.shapes[step.output]
    axis = channel_axis(reader, shape)
    if step.axes - {axis}:
        return None
    factor, offset = _rows(step, axis, shape[axis])
    if reader.frame is not None and reader.frame.is_padded and offset.any():
        return None
    along = (1, -1, *[1] * (reader.weights.ndim - 2))
    weights = reader.weights * factor.reshape(along)
    columns = np.abs(weights).reshape(*weights.shape[:2], -1).max(axis=(0, 2))
    if columns.max() > FOLD_LIMIT * np.median(columns):
        return None
    added = (reader.weights * offset.reshape(along)).reshape(len(weights), -1).sum(axis=1)
    return replace(reader, weights=weights, bias=reader.bias + added, inputs=step.inputs)


def _fuse_bounds(plan: Plan) -> None:
    """Move a clamp (ReLU, ReLU6) into the product before it."""
    readers, makers = plan.readers(), plan.makers()
    for step in list(plan.steps):
        if not isinstance(step, Function) or step.clamp is None:
            continue
        maker = makers.get(step.inputs[0])
        fits = step.clamp[0] <= 0 <= step.clamp[1] and not all(map(isinf, step.clamp))
        alone = len(readers[step.inputs[0]]) == 1 and step.inputs[0] not in plan.outputs
        if not fits or not alone or not isinstance(maker, Product | Affine) or maker.clamp:
            continue
        if isinstance(maker, Product):
            fused: Step = replace(maker, clamp=step.clamp, raw=maker.output, output=step.output)
        elif not maker.is_scalar:
            fused = replace(maker, clamp=step.clamp, output=step.output)
        else:
            continue
        plan.steps.remove(step)
        _put(plan, maker, fused)
        makers[step.output] = fused


def _chain_functions(plan: Plan) -> None:
    """Join functions and scalar affine steps that follow each other to one function."""
    readers, makers = plan.readers(), plan.makers()
    for step in list(plan.steps):
        outer = elementwise(step)
        inner_step = makers.get(step.inputs[0])
        inner = None if inner_step is None else elementwise(inner_step)
        if outer is None:
            continue
        if inner is None or inner_step is None or inner_step.output in plan.outputs \
                or len(readers[inner_step.output]) > 1:  # fmt: skip
            joined = step if isinstance(step, Function) else None
            joined = joined or Function(step.name, step.inputs, step.output, outer, "affine")
        else:
            apply = composed(inner, outer)
            joined = Function(step.name, inner_step.inputs, step.output, apply, "chain")
            plan.steps.remove(inner_step)
        _put(plan, step, joined)
        makers[step.output] = joined
