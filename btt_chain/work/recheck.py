"""A verifier's check of one item: every tensor must be its node's output for the previous tensors.

Each node is computed from the committed tensors, not from the right ones: so the first fault is
where the provider deviated, and all nodes after it may be consistent again. A fault names an
element, from which `fraud.prove` makes a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from btt_chain.work.freivalds import Challenge, is_checked
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Int32s
from btt_chain.work.operators.numeric import kernel_of
from btt_chain.work.operators.numeric.kernel import node_of


class Fault(NamedTuple):
    """One wrong claim about an element, or about the tail of a row (`Operator.claims`)."""

    node: int
    element: int
    witness: int | None = None
    """The element that shows the claim to be wrong, if it needs one (`FraudProof.witness`)."""


class AccumulatorsRefused(WorkError):
    """The received accumulators are wrong, though the committed tensors are right.

    They were signed, not committed to: the verifier is deceived, but no fraud proof can show it.
    """


def first_fault(executor: Executor, tensors: Sequence[Elements]) -> Fault | None:
    """Re-execute one item, node by node; None if all of it is right.

    `tensors` are the committed ones, without a batch axis.
    """
    one = _Item(executor.model.graph, tensors)
    for number in range(len(executor.model.graph.nodes)):
        fault = one.compare(number, executor.node(number, one.made)[0])
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
    one = _Item(graph, tensors)
    for number, node in enumerate(graph.nodes):
        if is_checked(graph, number):
            inputs = [one.made[tensor][0] for tensor in node.op.inputs]
            sums = accumulators[number]
            rows = challenge.wrong_rows(number, inputs, sums)
            if rows:
                fault = first_fault(executor, tensors)
                if fault is None:
                    raise AccumulatorsRefused(f"node {node.name!r}, row {rows[0]}")
                return fault
            made = executor.finish(number, sums, inputs)
        else:
            made = executor.node(number, one.made)[0]
        fault = one.compare(number, made)
        if fault is not None:
            return fault
    return None


class _Item:
    """A provider's tensors of one item, completed by those without a commitment."""

    def __init__(self, graph: Graph, tensors: Sequence[Elements]) -> None:
        """Raise ValueError unless there is one for each committed tensor."""
        if len(tensors) != len(graph.committed):
            raise ValueError(f"{len(tensors)} tensors, the graph commits to {len(graph.committed)}")
        self._graph = graph
        inputs = len(graph.inputs)
        self._said = iter(tensors[inputs:])
        self.made: list[Elements] = [tensor[None] for tensor in tensors[:inputs]]
        """By tensor, with a batch axis: those before the current node."""

    def compare(self, number: int, right: Elements) -> Fault | None:
        """Append the committed tensor, else `right`, to `made`; return its first fault or None."""
        if not self._graph.nodes[number].out.committed:
            self.made.append(right[None])
            return None
        said = next(self._said)
        self.made.append(said[None])
        wrong = np.flatnonzero(right != said)
        if not len(wrong):
            return None
        node = node_of(self._graph, number)
        return Fault(number, *kernel_of(node.op).wrong_claim(node.out, right, said, int(wrong[0])))
