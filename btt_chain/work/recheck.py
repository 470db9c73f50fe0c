"""A verifier's check of one item: every tensor must be its node's output for the previous tensors.

Each node is computed from the committed tensors, not from the right ones: so the first fault is
where the provider deviated, and all nodes after it may be consistent again. The same holds within a
tensor of which elements depend on others of it, as the steps of a recurrent layer do. A fault names
an element, from which `fraud.prove` makes a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from btt_chain.work.errors import WorkError
from btt_chain.work.execute import Executor
from btt_chain.work.freivalds import Challenge, is_checked
from btt_chain.work.model import Elements, Int32s


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
    one = _Item(executor, tensors)
    for number in range(len(executor.model.graph.nodes)):
        fault = one.compare(number, one.recompute(number))
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
    one = _Item(executor, tensors)
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
            made = one.recompute(number)
        fault = one.compare(number, made)
        if fault is not None:
            return fault
    return None


class _Item:
    """A provider's tensors of one item, completed by those without a commitment."""

    def __init__(self, executor: Executor, tensors: Sequence[Elements]) -> None:
        """Raise ValueError unless there is one for each committed tensor."""
        graph = executor.model.graph
        if len(tensors) != len(graph.committed):
            raise ValueError(f"{len(tensors)} tensors, the graph commits to {len(graph.committed)}")
        self._executor = executor
        inputs = len(graph.inputs)
        rest = iter(tensors[inputs:])
        self._claimed = [next(rest) if node.out.committed else None for node in graph.nodes]
        """Claimed outputs by node; None without a commitment."""
        self.made: list[Elements] = [tensor[None] for tensor in tensors[:inputs]]
        """Tensors before the current node, with a batch axis."""

    def recompute(self, number: int) -> Elements:
        """Return the right output of the current node."""
        claimed = self._claimed[number]
        if claimed is None:
            right = self._executor.node(number, self.made)
        else:
            right = self._executor.recompute(number, self.made, claimed[None])
        return right.reshape(right.shape[1:])

    def compare(self, number: int, right: Elements) -> Fault | None:
        """Append the claimed tensor, else `right`, to `made`; return its first fault or None."""
        claimed = self._claimed[number]
        if claimed is None:
            self.made.append(right[None])
            return None
        self.made.append(claimed[None])
        wrong = self._executor.first_wrong(number, right, claimed)
        return None if wrong is None else Fault(number, *wrong)
