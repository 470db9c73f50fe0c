"""Attention: a softmax between two products of activations, with moves around them.

How an exporter cuts rows into heads is not a list of forms. The places of all elements go through
its moves (Reshape, Transpose, Slice), and what comes out shows which column of which product each
element of a head is. So separate and joint projections, and any order of axes, are read alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Final

import numpy as np

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s, Int64s
from btt_chain.work.quantise.steps import (
    Affine,
    Attention,
    FromRows,
    PairProduct,
    Plan,
    Product,
    Reshape,
    RowProduct,
    Shares,
    Slice,
    Step,
    Transpose,
)

UNSEEN: Final = -80.0
"""A key whose score a mask makes less by this is not seen: its weight is below 2^-115."""
SAME: Final = 1e-3
"""Maximum difference of mask values that are read as equal."""
_MOVES: Final = (Reshape, Transpose, Slice)
_FORM: Final = (
    "the form that is read: MatMul of queries and keys, one factor, Softmax over the last axis, "
    "MatMul with values; each of the three a dense layer, cut into heads by Reshape and Transpose"
)


@dataclass(frozen=True, slots=True)
class Heads:
    """The source of an operand: columns of a product, times a factor."""

    source: Product
    columns: Int64s
    """Heads by elements of a head."""
    factor: float

    def product(self, name: str, output: str, factor: float) -> RowProduct:
        """Return the part of the product that makes these columns, heads side by side."""
        chosen = self.columns.reshape(-1)
        weights, bias = (each[chosen] * factor for each in (self.source.weights, self.source.bias))
        return RowProduct(name, self.source.inputs, output, weights, bias)


def take_attention(plan: Plan) -> None:
    """Replace the steps of each attention by `Attention`. Raises ModelRefused."""
    for softmax in [step for step in plan.steps if isinstance(step, Shares)]:
        _take(plan, softmax)
        plan.drop_unused()
    for step in plan.steps:
        if isinstance(step, PairProduct):
            raise ModelRefused.at(step.name, f"a product of two activations; {_FORM}")


def _take(plan: Plan, softmax: Shares) -> None:
    makers, readers = plan.makers(), plan.readers()
    pair, factor, causal = _scores(plan, softmax, makers)
    behind = readers.get(softmax.output, [])
    means = behind[0] if len(behind) == 1 and softmax.output not in plan.outputs else None
    if not isinstance(means, PairProduct) or means.inputs[0] != softmax.output:
        raise ModelRefused.at(softmax.name, f"its shares are not multiplied with values; {_FORM}")
    queries = _heads(plan, pair, 0, makers)
    keys = _heads(plan, pair, 1, makers, turned=True)
    values = _heads(plan, means, 1, makers)
    count, length = queries.columns.shape
    if not queries.columns.shape == keys.columns.shape == values.columns.shape:
        raise ModelRefused.at(softmax.name, f"queries, keys and values have other heads; {_FORM}")
    output = _joined(plan, means, (count, length))
    scale = factor * queries.factor * keys.factor * sqrt(length)
    steps = _steps(plan, softmax.name, (queries, keys, values), scale)
    held = f"{steps[-1].output}:static"
    plan.shapes[held], plan.copies[held] = plan.shapes[steps[-1].output], means.inputs[1]
    rows = (steps[0].output, steps[1].output, held)
    at = plan.steps.index(makers[output])
    plan.steps[at : at + 1] = [
        *steps,
        FromRows(f"{softmax.name}:static", (steps[-1].output,), held),
        Attention(softmax.name, rows, output, length, causal),
    ]


def _steps(plan: Plan, name: str, parts: Sequence[Heads], scale: float) -> list[RowProduct]:
    """Return the products that make queries, keys and values; the first take the scale."""
    steps: list[RowProduct] = []
    factors = (scale, 1.0, parts[2].factor)
    for what, part, factor in zip(("queries", "keys", "values"), parts, factors, strict=True):
        output = f"{name}:{what}"
        rows = plan.shapes[part.source.output][:-1]
        plan.shapes[output] = (*rows, part.columns.size)
        steps.append(part.product(output, output, factor))
    return steps


# ---- scores


def _scores(
    plan: Plan, softmax: Shares, makers: Mapping[str, Step]
) -> tuple[PairProduct, float, bool]:
    """Return the product behind the scores, its factor, and True if they are causal."""
    factor, offset = 1.0, np.zeros(1)
    step = makers.get(softmax.inputs[0])
    while isinstance(step, Affine) and step.factor.size == 1:
        offset = offset + factor * step.offset
        factor *= float(step.factor.reshape(-1)[0])
        step = makers.get(step.inputs[0])
    if not isinstance(step, PairProduct):
        raise ModelRefused.at(
            softmax.name,
            "its scores are not a product of queries and keys, times one number, plus a constant "
            "mask: export for one length without mask, or fix the mask with --fix NAME=1; "
            f"{_FORM}",
        )
    return step, factor, _is_causal(softmax, offset, plan.shapes[step.output])


def _is_causal(softmax: Shares, offset: Float64s, shape: tuple[int, ...]) -> bool:
    """Return True if a constant mask hides all keys after a query, False if it hides none."""
    mask = np.broadcast_to(offset, shape).reshape(-1, *shape[-2:])
    with np.errstate(invalid="ignore"):
        behind = mask - mask.max(axis=-1, keepdims=True)
    if (np.abs(behind) < SAME).all():
        return False
    queries, keys = shape[-2:]
    seen = np.tri(queries, keys, keys - queries, dtype=np.bool_)
    if (np.abs(behind[:, seen]) < SAME).all() and (behind[:, ~seen] < UNSEEN).all():
        return True
    raise ModelRefused.at(
        softmax.name,
        "its constant mask hides other keys than those after each query: export for one length "
        "without padding",
    )


# ---- heads


def _heads(
    plan: Plan, pair: PairProduct, at: int, makers: Mapping[str, Step], *, turned: bool = False
) -> Heads:
    """Return the source of an operand, of which places are the last axis if it is turned."""
    step, factor, moves = makers.get(pair.inputs[at]), 1.0, list[Step]()
    while step is not None and (isinstance(step, _MOVES) or _is_factor(step)):
        if isinstance(step, Affine):
            factor *= float(step.factor.reshape(-1)[0])
        else:
            moves.insert(0, step)
        step = makers.get(step.inputs[0])
    if not isinstance(step, Product) or step.frame is not None or step.clamp is not None:
        raise ModelRefused.at(pair.name, f"operand {at} is not a part of a dense layer; {_FORM}")
    places = _places(plan.shapes[step.output])
    for move in moves:
        places = _moved(move, places, plan.shapes[move.output])
    heads = places.reshape(-1, *places.shape[-2:])
    if turned:
        heads = heads.swapaxes(1, 2)
    rows, columns = np.divmod(heads, len(step.weights))
    same = (rows == np.arange(rows.shape[1])[:, None]).all() and (columns == columns[:, :1]).all()
    if not same:
        raise ModelRefused.at(pair.name, f"the heads of operand {at} mix places; {_FORM}")
    return Heads(step, columns[:, 0], factor)


def _is_factor(step: Step) -> bool:
    """Return True if a step multiplies with one number."""
    return isinstance(step, Affine) and step.factor.size == 1 and not step.offset.any()


def _places(shape: Sequence[int]) -> Int64s:
    """Return the places of all elements of a tensor."""
    return np.arange(prod(shape), dtype=np.int64).reshape(shape)


def _moved(move: Step, places: Int64s, shape: Sequence[int]) -> Int64s:
    """Return places after a move."""
    if isinstance(move, Transpose):
        return places.transpose(move.axes)
    if isinstance(move, Slice):
        parts = zip(move.begin, move.step, move.size, strict=True)
        return places[tuple(slice(at, at + by * size, by) for at, by, size in parts)]
    return places.reshape(shape)


def _joined(plan: Plan, means: PairProduct, heads: tuple[int, int]) -> str:
    """Return the tensor behind the means of values in which a row has all heads side by side."""
    readers, (count, length) = plan.readers(), heads
    shape, name = plan.shapes[means.output], means.output
    rows = _places((prod(shape) // (count * length), count, length))
    places = rows.swapaxes(0, 1).reshape(shape)
    while name not in plan.outputs and len(behind := readers.get(name, [])) == 1:
        move = behind[0]
        if not isinstance(move, _MOVES):
            break
        name = move.output
        places = _moved(move, places, plan.shapes[name])
        if places.shape[-1] == count * length and _is_whole(places, rows.size):
            return name
    raise ModelRefused.at(means.name, f"its heads are not put side by side again; {_FORM}")


def _is_whole(places: Int64s, size: int) -> bool:
    """Return True if places are all, in order."""
    return places.size == size and bool((places.reshape(-1) == np.arange(size)).all())
