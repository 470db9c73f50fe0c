"""Steps to nodes of the product's exact integers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from btt_chain.work.errors import ModelRefused
from btt_chain.work.quantise.emit_elements import (
    emit_affine,
    emit_concat,
    emit_function,
    emit_hypot,
    emit_multiply,
    emit_total,
)  # fmt: skip
from btt_chain.work.quantise.emit_moves import (
    emit_average_pool,
    emit_max_pool,
    emit_mean,
    emit_pad,
    emit_reshape,
    emit_resize,
    emit_slice,
    emit_transpose,
)  # fmt: skip
from btt_chain.work.quantise.emit_products import emit_product, emit_recurrent
from btt_chain.work.quantise.emit_rows import (
    emit_attention,
    emit_from_rows,
    emit_lookup,
    emit_normalize,
    emit_row_product,
    emit_row_total,
    emit_to_rows,
)  # fmt: skip
from btt_chain.work.quantise.emitter import Corrections, Emitter, Placed, Quantised
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Affine,
    Attention,
    AveragePool,
    Concat,
    FromRows,
    Function,
    Hypot,
    Lookup,
    MaxPool,
    Mean,
    Multiply,
    Normalize,
    Pad,
    Plan,
    Product,
    Recurrent,
    Reshape,
    Resize,
    RowProduct,
    RowTotal,
    Slice,
    Step,
    ToRows,
    Total,
    Transpose,
)  # fmt: skip


@singledispatch
def emit(step: Step, _: Emitter) -> Placed:
    """Add a step to the graph. Raises ModelRefused, with the name of the node."""
    raise ModelRefused.at(step.name, f"{type(step).__name__} has no exact form")


emit.register(Affine)(emit_affine)
emit.register(Attention)(emit_attention)
emit.register(AveragePool)(emit_average_pool)
emit.register(Concat)(emit_concat)
emit.register(FromRows)(emit_from_rows)
emit.register(Function)(emit_function)
emit.register(Hypot)(emit_hypot)
emit.register(Lookup)(emit_lookup)
emit.register(MaxPool)(emit_max_pool)
emit.register(Mean)(emit_mean)
emit.register(Multiply)(emit_multiply)
emit.register(Normalize)(emit_normalize)
emit.register(Pad)(emit_pad)
emit.register(Product)(emit_product)
emit.register(Recurrent)(emit_recurrent)
emit.register(Reshape)(emit_reshape)
emit.register(Resize)(emit_resize)
emit.register(RowProduct)(emit_row_product)
emit.register(RowTotal)(emit_row_total)
emit.register(Slice)(emit_slice)
emit.register(ToRows)(emit_to_rows)
emit.register(Total)(emit_total)
emit.register(Transpose)(emit_transpose)


def emitted(plan: Plan, numbers: Mapping[str, RealNumbers], corrections: Corrections) -> Quantised:
    """Return the model of a plan. Raises ModelRefused, with the name of the node."""
    return Emitter(plan, numbers, corrections).emitted(emit)
