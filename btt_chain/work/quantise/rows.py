"""Choice of the tensors whose rows have scales of their own: those of transformers.

Scales of whole tensors fail there: some channels are far larger than others, and rows differ in
norm. From a normalisation or an attention on, dense layers, sums, GELU and SiLU stay in such rows.
Any other step reads them, and is read by them, as elements with one scale and 16 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from btt_chain.work.functions import Function as RowFunction
from btt_chain.work.quantise.functions import clamping, gelu, sigmoid
from btt_chain.work.quantise.steps import (
    Affine,
    Attention,
    Concat,
    FromRows,
    Function,
    Normalize,
    Pad,
    Plan,
    Product,
    RealFunction,
    Reshape,
    RowProduct,
    RowTotal,
    Slice,
    Step,
    ToRows,
    Total,
    Transpose,
)
from btt_chain.work.tensors import Kind

NEAR: Final = 1e-3
"""Maximum difference of a function from one of the runtime; Gelu by tanh is 5e-4 from the exact."""
_FUNCTIONS: Final[Mapping[RowFunction, RealFunction]] = {
    RowFunction.GELU: gelu, RowFunction.SILU: lambda x: x * sigmoid(x),
}  # fmt: skip
_IN_ROWS: Final = (Normalize, RowProduct, RowTotal, Attention, ToRows)
"""Steps that make rows with scales of their own."""
_THROUGH: Final = (Affine, Concat, Pad, Reshape, Slice, Total, Transpose)
"""Steps that lose the bits that their inputs do not have."""


def take_rows(plan: Plan) -> None:
    """Replace the steps of transformers by those of rows with scales of their own."""
    if any(isinstance(step, _IN_ROWS) for step in plan.steps):
        _Rows(plan).take()


class _Rows:
    """The steps of a plan, one after another, as steps of rows where these are possible."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.readers = plan.readers()
        self.steps: list[Step] = []
        self.rows: set[str] = set()
        self.near: set[str] = set()
        """Tensors with one scale that are functions of rows: products read them as rows again."""
        self.converted: set[str] = set()

    def take(self) -> None:
        """Replace the steps, and choose the kinds of rows."""
        for step in self.plan.steps:
            made = self._taken(step)
            self.steps.append(made)
            if isinstance(made, _IN_ROWS) or (made.inputs[0] in self.rows and _is_view(made)):
                self.rows.add(made.output)
        self.plan.steps = self.steps
        self.plan.drop_unused()
        self._choose_kinds()
        self._widen()

    def _taken(self, step: Step) -> Step:
        """Return a step as one of rows, or with inputs that have one scale."""
        if isinstance(step, Normalize | Attention | FromRows):
            return step
        if isinstance(step, RowProduct):
            return self._with(step, self._row(step, 0))
        inside = [name in self.rows for name in step.inputs]
        if isinstance(step, Product) and step.frame is None and self._is_near(step.inputs[0]):
            return self._dense(step)
        if isinstance(step, Total) and any(inside) and step.by == (1.0, 1.0):
            both = (self._row(step, 0), self._row(step, 1))
            return RowTotal(step.name, both, step.output)
        if isinstance(step, Function) and self._is_near(step.inputs[0]):
            joined = self._activated(step)
            if joined is not None:
                return joined
            self.near.add(step.output)
        if isinstance(step, Reshape | Transpose) and inside[0] and self._keeps_rows(step):
            return step
        return self._with(step, *(self._static(step, at) for at in range(len(step.inputs))))

    @staticmethod
    def _with(step: Step, *inputs: str) -> Step:
        return step if inputs == step.inputs else replace(step, inputs=inputs)

    def _is_near(self, name: str) -> bool:
        """Return True if a tensor is rows with scales of their own, or a function of them."""
        return name in self.rows or name in self.near

    def _dense(self, step: Product) -> Step:
        """Return a product of rows; its bounds, if there are any, are a function after it."""
        inputs = (self._row(step, 0),)
        if step.clamp is None:
            return RowProduct(step.name, inputs, step.output, step.weights, step.bias)
        self.steps.append(RowProduct(step.name, inputs, step.raw, step.weights, step.bias))
        self.rows.add(step.raw)
        self.near.add(step.output)
        bounded = clamping(f"{step.name}:bounds", (step.raw,), step.output, *step.clamp)
        return self._with(bounded, self._static(bounded, 0))

    def _row(self, step: Step, at: int) -> str:
        """Return an input in rows with scales of their own."""
        name = step.inputs[at]
        if name in self.rows:
            return name
        return self._convert(ToRows(f"{step.name}:rows", (name,), f"{name}:rows"))

    def _static(self, step: Step, at: int) -> str:
        """Return an input with one scale."""
        name = step.inputs[at]
        if name not in self.rows:
            return name
        self.plan.copies[f"{name}:static"] = name
        return self._convert(FromRows(f"{step.name}:static", (name,), f"{name}:static"))

    def _convert(self, step: ToRows | FromRows) -> str:
        """Add a conversion of a tensor, once, and return its output."""
        if step.output not in self.converted:
            self.converted.add(step.output)
            self.plan.shapes[step.output] = self.plan.shapes[step.inputs[0]]
            self.steps.append(step)
            if isinstance(step, ToRows):
                self.rows.add(step.output)
        return step.output

    def _activated(self, step: Function) -> RowProduct | None:
        """Return the product before a function together with it, if the runtime has it."""
        then, name = row_function(step.apply), step.inputs[0]
        product = next((made for made in self.steps if made.output == name), None)
        alone = len(self.readers[name]) == 1 and name not in self.plan.outputs
        if then is None or not alone or not isinstance(product, RowProduct):
            return None
        return replace(product, output=step.output, then=then)

    def _keeps_rows(self, step: Reshape | Transpose) -> bool:
        """Return True if a move only changes axes of size 1, and the last axis stays the last."""
        old, new = (self.plan.shapes[name] for name in (step.inputs[0], step.output))
        if isinstance(step, Transpose):
            kept = [axis for axis in step.axes if old[axis] > 1]
            return kept == sorted(kept) and step.axes[-1] == len(old) - 1
        return old[-1] == new[-1] and [n for n in old if n > 1] == [n for n in new if n > 1]

    def _choose_kinds(self) -> None:
        """Choose 8 bits for rows that only products and attention read, 16 for others."""
        plan, readers, made = self.plan, self.plan.readers(), self.rows
        for step in plan.steps:
            if step.output in made:
                behind = readers.get(step.output, [])
                narrow = all(isinstance(reader, RowProduct | Attention) for reader in behind)
                alone = narrow and step.output not in plan.outputs
                kind = Kind.D8 if alone else Kind.D16
                plan.rows[step.output] = plan.rows[step.inputs[0]] if _is_view(step) else kind

    def _widen(self) -> None:
        """Give 16 bits to what is converted to rows or from them, but not to attention's values."""
        makers = self.plan.makers()
        values = {step.inputs[2] for step in self.plan.steps if isinstance(step, Attention)}
        waiting = [
            step.output if isinstance(step, FromRows) else step.inputs[0]
            for step in self.plan.steps
            if isinstance(step, FromRows | ToRows | Normalize)
        ]
        while waiting:
            name = waiting.pop()
            maker = makers.get(name)
            if name in self.plan.rows or name in values or name in self.plan.wide:
                continue
            self.plan.wide.add(name)
            if isinstance(maker, _THROUGH):
                waiting.extend(maker.inputs)


def _is_view(step: Step) -> bool:
    return isinstance(step, Reshape | Transpose)


def row_function(apply: RealFunction) -> RowFunction | None:
    """Return the function of the runtime that a function is, in whichever way it is written."""
    x = np.linspace(-12, 12, 1201)
    with np.errstate(all="ignore"):
        values = apply(x)
    near: Sequence[RowFunction] = [
        function
        for function, exact in _FUNCTIONS.items()
        if values.shape == x.shape and np.abs(values - exact(x)).max() < NEAR
    ]
    return near[0] if near else None
