"""The executor in numpy, which defines the results of a model.

Products run in float32 BLAS, which is exact as long as no partial sum passes 2^24: then all
intermediate numbers are integers and the order of summing does not matter. If weights are too large
for that, the sum is cut into blocks that are added in int32. All other operations are on integers,
integers in float64 that fit its 53 bits, or single IEEE operations (multiply, round) that have one
result on every machine.

Results do not depend on the grouping of items, nor on the number of threads: items never mix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.admission import check_model
from btt_chain.work.commit import ItemCommitment, commit_item
from btt_chain.work.errors import InputRefused
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Inputs, Int32s, Model, dtype_of
from btt_chain.work.operators.base import Operator
from btt_chain.work.operators.numeric import KERNELS
from btt_chain.work.operators.numeric.kernel import Kernel, KernelMaker, node_of
from btt_chain.work.operators.numeric.products import ProductKernel

DEFAULT_MEMORY: Final = 16 << 20
"""Bytes of a batch's tensors above which it is cut into smaller ones that fit caches."""

Accumulators = dict[int, Int32s]
"""Products before requantisation, by node. Computed only for checked items."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All tensors of some items, which are the first axis of each."""

    graph: Graph
    tensors: Sequence[Elements]
    accumulators: Accumulators = field(default_factory=dict)
    leaves: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)
    """Hashes (item, leaf, 32) of the leaves of committed tensors that the engine has hashed."""

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.tensors[0])

    @property
    def outputs(self) -> list[Elements]:
        """The model's outputs for the items."""
        return [self.tensors[tensor] for tensor in self.graph.outputs]

    def committed(self, at: int) -> list[Elements]:
        """Return one item's committed tensors (`Graph.committed`)."""
        return [
            tensor[at]
            for shape, tensor in zip(self.graph.tensors, self.tensors, strict=True)
            if shape.committed
        ]

    def item(self, at: int) -> list[memoryview]:
        """Return their bytes."""
        flat = [np.ascontiguousarray(tensor).reshape(-1) for tensor in self.committed(at)]
        return [tensor.view(np.uint8).data for tensor in flat]

    def commit(self, at: int, number: int, key: bytes | None) -> ItemCommitment:
        """Commit to the item at `at` of this batch, which is item `number` of the job."""
        hashed = {tensor: list(map(bytes, hashes[at])) for tensor, hashes in self.leaves.items()}
        return commit_item(self.graph, number, self.item(at), key, hashed)


class Executor:
    """A model prepared for execution: weights in float32, cut if the sums could be too large.

    ModelRefused if its weights are not admissible: an honest result could then be proven wrong.
    """

    def __init__(
        self, model: Model, kernels: Mapping[type[Operator], KernelMaker] = KERNELS
    ) -> None:
        check_model(model)
        self.model = model
        self._kernels: list[Kernel[Operator]] = []
        for number in range(len(model.graph.nodes)):
            node = node_of(model.graph, number)
            kernel = kernels[type(node.op)]
            self._kernels.append(kernel(node, model.constants.get(number)))

    def run(self, *inputs: Elements, accumulators: bool = False) -> Batch:
        """Execute a batch that fits into memory; InputRefused if the model does not take it.

        `inputs` are those of the model, each with the items as its first axis.
        """
        self._check(inputs)
        made: list[Elements] = [*inputs]
        kept: Accumulators = {}
        for number in range(len(self.model.graph.nodes)):
            sink = kept if accumulators else None
            made.append(self.node(number, made, sink))
        return Batch(self.model.graph, made, kept)

    def node(
        self, number: int, tensors: Sequence[Elements], accumulators: Accumulators | None = None
    ) -> Elements:
        """Execute one node; `tensors` holds at least its inputs, at their places."""
        kernel = self._kernels[number]
        inputs = [tensors[tensor] for tensor in kernel.op.inputs]
        made = np.empty((len(tensors[0]), *kernel.out.stored), dtype_of(kernel.out.kind))
        if accumulators is None or not isinstance(kernel, ProductKernel):
            kernel.run(inputs, made)
            return made
        sink = np.empty((len(made), *kernel.op.accumulators(kernel.out)), np.int32)
        accumulators[number] = sink
        kernel.multiply(inputs, made, sink)
        return made

    def recompute(self, number: int, tensors: Sequence[Elements], claimed: Elements) -> Elements:
        """Return the right output of a node; equal to the claimed one only if that is right.

        `claimed` has a batch axis. Where an element depends on others of the same output, these are
        the claimed ones.
        """
        kernel = self._kernels[number]
        made: Elements = np.empty(claimed.shape, claimed.dtype)
        kernel.recompute([tensors[tensor] for tensor in kernel.op.inputs], claimed, made)
        return made

    def first_wrong(
        self, number: int, right: Elements, claimed: Elements
    ) -> tuple[int, int | None] | None:
        """Return the claim of one item's output that is wrong and computed first, if there is one.

        With it comes its witness, if it needs one (`Kernel.wrong_claim`).
        """
        kernel = self._kernels[number]
        first = kernel.first_wrong(right != claimed)
        return None if first is None else kernel.wrong_claim(kernel.out, right, claimed, first)

    def finish(
        self, number: int, accumulators: Int32s, inputs: Sequence[Elements] = ()
    ) -> Elements:
        """Return a product's output for one item's accumulators; TypeError for other nodes.

        The node's inputs are needed if they are rows with scales of their own.
        """
        kernel = self._kernels[number]
        if not isinstance(kernel, ProductKernel):
            raise TypeError(f"{type(kernel.op).__name__} has no accumulators")
        made: Elements = np.empty(kernel.out.stored, dtype_of(kernel.out.kind))
        kernel.finish(accumulators, made, inputs)
        return made

    def _check(self, inputs: Inputs) -> None:
        tensors = self.model.graph.inputs
        if len(inputs) != len(tensors):
            raise InputRefused(f"{len(inputs)} inputs, the model takes {len(tensors)}")
        for items, tensor in zip(inputs, tensors, strict=True):
            if items.shape[1:] != tensor.stored or items.dtype != dtype_of(tensor.kind):
                raise InputRefused(
                    f"items of {items.dtype} {items.shape[1:]}, the model takes "
                    f"{dtype_of(tensor.kind)} {tensor.stored}"
                )
            if len(items) != len(inputs[0]):
                raise InputRefused(f"inputs of {len(inputs[0])} and {len(items)} items")
        if len(inputs[0]) == 0:
            raise InputRefused("a batch without items")


def stream(
    executor: Executor,
    batches: Iterable[Inputs],
    memory: int = DEFAULT_MEMORY,
    *,
    accumulators: bool = False,
) -> Iterator[Batch]:
    """Execute more items than fit into memory; yield each piece as soon as it is done.

    `batches` may be memory-mapped arrays, or read from a file one by one. A piece takes about
    `memory` bytes for its tensors (one item at least).
    """
    graph = executor.model.graph
    each = sum(tensor.nbytes for tensor in graph.tensors)
    if accumulators:
        each += sum(4 * prod(node.op.accumulators(node.out)) for node in graph.nodes)
    count = max(1, memory // each)
    for batch in batches:
        for at in range(0, len(batch[0]), count):
            part = slice(at, at + count)
            yield executor.run(*(given[part] for given in batch), accumulators=accumulators)
