"""A Dask cluster as a provider's engine. Needs the extra `cluster`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from btt_chain.work.cluster import Cluster
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.model import Inputs
from btt_chain.work.package import Package


class OnCluster:
    """Executes items on a cluster; the result is the same, byte by byte."""

    def __init__(self, address: str, memory: int) -> None:
        """Connect; `memory`: bytes of tensors of a piece. Raises NoCluster."""
        self._cluster: Final = Cluster(address)
        self._memory: Final = memory

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        """Execute all items, in order, without accumulators. Raises NoCluster."""
        del accumulators  # four times the bytes, on the way here
        return self._cluster.stream(Package(executor.model), batches, self._memory)
