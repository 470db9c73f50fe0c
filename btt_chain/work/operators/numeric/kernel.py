"""The numpy half of an operator: execution of a node, and the baseline in float32.

A kernel is prepared for one node of a model and runs any number of batches. `run` and the pure
half's `element` define the same numbers; tests compare them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from btt_chain.work.graph import Graph
from btt_chain.work.model import Constants, Elements, Float32s
from btt_chain.work.operators import Op
from btt_chain.work.operators.base import Operator
from btt_chain.work.tensors import Tensor

O_co = TypeVar("O_co", bound=Operator, covariant=True)

Booleans: TypeAlias = NDArray[np.bool_]
FloatFunction: TypeAlias = Callable[[Sequence[Float32s]], Float32s]
"""An operation in float32, from the batches of all inputs to that of the output."""


@dataclass(frozen=True, slots=True)
class NodeOf(Generic[O_co]):
    """A node of one operator, with the kinds and shapes of its inputs."""

    name: str
    op: O_co
    inputs: Sequence[Tensor]
    out: Tensor


def node_of(graph: Graph, number: int) -> NodeOf[Op]:
    """Return a node with its inputs."""
    node = graph.nodes[number]
    return NodeOf(node.name, node.op, graph.inputs_of(node), node.out)


class Kernel(ABC, Generic[O_co]):
    """One node, prepared for execution."""

    def __init__(self, node: NodeOf[O_co], constants: Constants | None) -> None:
        """Prepare a node; `constants` are None for an operator without any."""
        self.node = node
        self.op = node.op
        self.out = node.out

    @abstractmethod
    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Write the output of a batch to `made`; the items are the first axis of each tensor."""

    def recompute(self, inputs: Sequence[Elements], claimed: Elements, made: Elements) -> None:
        """Write the right output to `made`, where elements of it that others need are claimed.

        The output is right if and only if it is the same as the claimed one. That is `run`, but
        for operators that read their own output (`Operator.reads_itself`).
        """
        self.run(inputs, made)

    def first_wrong(self, wrong: Booleans) -> int | None:
        """Return the number of the wrong element that is computed first, if there is one."""
        indices = np.flatnonzero(wrong)
        return int(indices[0]) if len(indices) else None

    @staticmethod
    @abstractmethod
    def in_floats(node: NodeOf[O_co], rng: Generator) -> FloatFunction:
        """Return the operation before quantisation, with random weights."""

    @staticmethod
    def wrong_claim(
        out: Tensor, right: Elements, said: Elements, first: int
    ) -> tuple[int, int | None]:
        """Return the number of a wrong claim of one item's output, and its witness if it needs one.

        `first` is the place of the first difference between the right output and the said one.
        """
        return first, None

    @staticmethod
    def accumulator_limit(node: NodeOf[O_co], constants: Constants) -> int:
        """Return the maximum absolute accumulator with these constants; 0 if none are summed."""
        return 0

    @staticmethod
    def check_constants(node: NodeOf[O_co], constants: Constants) -> None:
        """Raise ModelRefused, with the node's name, unless the constants may be registered."""


KernelMaker: TypeAlias = Callable[[NodeOf[Operator], Constants | None], Kernel[Operator]]
"""A kernel's class, or a function that makes one for a node."""
