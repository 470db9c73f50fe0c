"""A verifier's look at one item: is every tensor what its node makes of the tensors before it?

Each node is computed from what was committed, not from what should have been: so the first fault is
where somebody lied, and all after it may be honest again. A fault names an element, from which
`fraud.prove` makes a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from btt_chain.work.freivalds import Challenge, is_checked
from btt_chain.work.graph import inputs_of
from btt_chain.work.model import Elements, Int32s


class Fault(NamedTuple):
    """One element that is not what it must be."""

    node: int
    element: int


class AccumulatorsRefused(WorkError):
    """The accumulators that were sent are wrong, though what was committed is right.

    They were signed, not committed: it is a lie to the verifier, which no fraud proof can show.
    """


def first_fault(executor: Executor, tensors: Sequence[Elements]) -> Fault | None:
    """Re-execute one item (no batch axis), node by node; None if all of it is right."""
    one = [tensor[None] for tensor in tensors]
    for number in range(len(executor.model.graph.nodes)):
        fault = _compare(number, executor.node(number, one)[0], tensors)
        if fault is not None:
            return fault
    return None


def first_fault_by_vectors(
    executor: Executor,
    tensors: Sequence[Elements],
    accumulators: Mapping[int, Int32s],
    challenge: Challenge,
) -> Fault | None:
    """As `first_fault`, but products are checked with random vectors and only requantised.

    `accumulators` are the item's, by node. AccumulatorsRefused if those are wrong and the
    committed tensors are not; KeyError if some are missing.
    """
    graph = executor.model.graph
    one = [tensor[None] for tensor in tensors]
    for number, node in enumerate(graph.nodes):
        if not is_checked(graph, number):
            made = executor.node(number, one)[0]
        else:
            inputs = [tensors[tensor] for tensor in inputs_of(node.op)]
            sums = accumulators[number]
            rows = challenge.wrong_rows(number, inputs, sums)
            made = executor.finish(number, sums)
            if rows:
                fault = _compare(number, executor.node(number, one)[0], tensors)
                if fault is None:
                    raise AccumulatorsRefused(f"node {node.name!r}, row {rows[0]}")
                return fault
        fault = _compare(number, made, tensors)
        if fault is not None:
            return fault
    return None


def _compare(number: int, made: Elements, tensors: Sequence[Elements]) -> Fault | None:
    wrong = np.flatnonzero(made != tensors[number + 1])
    return Fault(number, int(wrong[0])) if len(wrong) else None
