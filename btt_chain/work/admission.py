"""Conditions on the weights of a model, beyond its manifest (`shapes` checks that).

A limit that is too low would let a wrong product pass the range check before Freivalds; weights
that are mostly zero would be paid as work. Both are refused with the node's name.
"""

from __future__ import annotations

from typing import Final

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Model
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.kernel import node_of

MAX_WEIGHT_BYTES: Final = 1 << 30
"""Maximum bytes of all records of a model."""


def check_model(model: Model) -> None:
    """Raise ModelRefused, with the name of the node, if the weights may not be registered."""
    total = sum(records.nbytes for records in model.records.values())
    if total > MAX_WEIGHT_BYTES:
        raise ModelRefused(f"{total} bytes of weights, allowed are {MAX_WEIGHT_BYTES}")
    for number, constants in model.constants.items():
        node = node_of(model.graph, number)
        kernel = kernel_of(node.op)
        kernel.check_constants(node, constants)
        limit = kernel.accumulator_limit(node, constants)
        weights = node.op.constants
        if weights is not None and weights.limit != limit:
            raise ModelRefused.at(
                node.name, f"says {int(weights.limit)} bounds its accumulators, but {limit} does"
            )
