"""Products: nodes with accumulators that are requantised."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from btt_chain.work.model import Elements, Float64s, Int32s
from btt_chain.work.operators.numeric.kernel import Kernel, NodeOf, O_co
from btt_chain.work.operators.numeric.vectors import Vectors

EXACT: Final = 1 << 24
"""Up to this number float32 represents every integer."""


class ProductKernel(Kernel[O_co]):
    """A product, prepared for execution."""

    def run(self, inputs: Sequence[Elements], made: Elements) -> None:
        """Write the output of a batch to `made`."""
        self.multiply(inputs, made, None)

    @abstractmethod
    def multiply(self, inputs: Sequence[Elements], made: Elements, sink: Int32s | None) -> None:
        """Write the output of a batch to `made`, and its accumulators to `sink` if it is given."""

    @abstractmethod
    def finish(self, accumulators: Int32s, made: Elements, inputs: Sequence[Elements] = ()) -> None:
        """Write the output of one item to `made`, from its accumulators and its inputs."""

    @staticmethod
    @abstractmethod
    def by_vectors(node: NodeOf[O_co], inputs: Sequence[Elements], vectors: Vectors) -> Float64s:
        """Return the rows of one item's right accumulators times the random vectors."""
