"""Conditions on the weights of a model, beyond its manifest (`shapes` checks that).

A limit that is too low would let a wrong product pass the range check before Freivalds; weights
that are mostly zero would be paid as work. Both are refused with the node's name.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from btt_chain.work.arithmetic import usable_scale
from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Model
from btt_chain.work.operators import Conv, Linear
from btt_chain.work.tensors import Kind

MIN_DENSITY_PERCENT: Final = 10
"""Minimum percentage of a node's weights that are not zero."""
MAX_WEIGHT_BYTES: Final = 1 << 30
"""Maximum bytes of all records of a model."""


def check_model(model: Model) -> None:
    """Raise ModelRefused, with the name of the node, if the weights may not be registered."""
    total = sum(records.nbytes for records in model.records.values())
    if total > MAX_WEIGHT_BYTES:
        raise ModelRefused(f"{total} bytes of weights, allowed are {MAX_WEIGHT_BYTES}")
    tensors = model.graph.tensors
    for number, constants in model.constants.items():
        node = model.graph.nodes[number]
        if isinstance(node.op, Linear | Conv):
            limit = int(constants.reach(tensors[node.op.x]).max())
            _check_weights(node.name, constants.columns)
            scales = [] if node.out.kind is Kind.I32 else np.unique(constants.second).tolist()
            if not all(bits >= 0 and usable_scale(bits) for bits in scales):
                raise ModelRefused.at(node.name, "a scale is not between 2^-63 and 2^64")
        else:
            limit = 0
        weights = node.op.constants
        if weights is not None and weights.limit != limit:
            raise ModelRefused.at(
                node.name, f"says {int(weights.limit)} bounds its accumulators, but {limit} does"
            )


def _check_weights(name: str, columns: np.typing.NDArray[np.int8]) -> None:
    filled = int(np.count_nonzero(columns)) * 100
    if filled < MIN_DENSITY_PERCENT * columns.size:
        raise ModelRefused.at(
            name,
            f"{filled // columns.size} % of its weights are not zero, "
            f"at least {MIN_DENSITY_PERCENT} % must be",
        )
