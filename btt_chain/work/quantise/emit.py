"""Steps to nodes of the product's exact integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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
from btt_chain.work.quantise.emitter import Corrections, Emitter, Placed, Quantised
from btt_chain.work.quantise.ranges import RealNumbers
from btt_chain.work.quantise.steps import (
    Affine,
    AveragePool,
    Concat,
    Function,
    Hypot,
    MaxPool,
    Mean,
    Multiply,
    Pad,
    Plan,
    Product,
    Recurrent,
    Reshape,
    Resize,
    Slice,
    Step,
    Total,
    Transpose,
)  # fmt: skip

_EMITTERS: Final[Mapping[type[Step], Callable[[Emitter, Any], Placed]]] = {
    Affine: emit_affine,
    AveragePool: emit_average_pool,
    Concat: emit_concat,
    Function: emit_function,
    Hypot: emit_hypot,
    MaxPool: emit_max_pool,
    Mean: emit_mean,
    Multiply: emit_multiply,
    Pad: emit_pad,
    Product: emit_product,
    Recurrent: emit_recurrent,
    Reshape: emit_reshape,
    Resize: emit_resize,
    Slice: emit_slice,
    Total: emit_total,
    Transpose: emit_transpose,
}


def emitted(plan: Plan, numbers: Mapping[str, RealNumbers], corrections: Corrections) -> Quantised:
    """Return the model of a plan. Raises ModelRefused, with the name of the node."""
    return Emitter(plan, numbers, corrections).emitted(_emit)


def _emit(emitter: Emitter, step: Step) -> Placed:
    return _EMITTERS[type(step)](emitter, step)
