"""Execution on an existing Dask cluster: `execute.stream`, with the cores of other machines.

The output is the same, byte by byte and in the same order, so receipts are the same as well: items
never mix, and every element has one right value. Needs the extra `cluster`. Payloads are sent to
the workers unencrypted: the cluster must be the provider's own, with TLS on an untrusted network
(`tls://`, see Dask's documentation).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, Self

from btt_chain.extras import needs_extra
from btt_chain.work.errors import WorkError
from btt_chain.work.execute import DEFAULT_MEMORY, Batch, Executor
from btt_chain.work.graph import Graph
from btt_chain.work.model import Elements, Inputs
from btt_chain.work.package import Package, loads

try:
    from distributed import Client
except ImportError as error:
    raise ImportError(
        needs_extra("a Dask cluster needs the package distributed from", "cluster")
    ) from error

AHEAD: Final = 2
"""Pieces in flight for each worker: one is computed while the next is being sent."""
CONNECT_SECONDS: Final = 30.0


class NoCluster(WorkError):
    """The cluster is not reachable, has no workers, or lost a piece permanently."""


class _Client(Client):
    """Dask's client, closed at once if it does not connect.

    Dask's own closes itself at the end of the program, without a running event loop: the program
    then waits twice the connection time, and prints a traceback.
    """

    def start(self, **kwargs: Any) -> None:
        untyped: Any = super()
        try:
            untyped.start(**kwargs)
        except BaseException:
            untyped.close()
            raise


class Cluster:
    """A connection to a scheduler, used with `with`."""

    def __init__(self, address: str) -> None:
        """Connect to `tcp://HOST:8786` or the like. Raises NoCluster."""
        try:
            connect: Any = _Client
            self._client: Any = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as reason:
            raise NoCluster(f"the cluster at {address} is not reached: {reason}") from None
        except TypeError as reason:  # a scheme that needs a certificate, without one
            raise NoCluster(
                f"the cluster at {address} is not reached: {reason}; name key and certificate in "
                "Dask's configuration (distributed.comm.tls)"
            ) from None

    @property
    def workers(self) -> int:
        """Number of workers now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def stream(
        self, package: Package, batches: Iterable[Inputs], memory: int = DEFAULT_MEMORY
    ) -> Iterator[Batch]:
        """Execute as `execute.stream` does, a piece on each worker. Raises NoCluster.

        A piece takes about `memory` bytes for its tensors; `AHEAD` for each worker are in flight.
        """
        workers = self.workers
        if not workers:
            raise NoCluster("the cluster has no workers")
        graph = package.manifest.graph
        each = sum(tensor.nbytes for tensor in graph.tensors)
        count = max(1, memory // each)
        held = self._client.scatter(
            # A unique name: a piece that is cancelled here may be used by another stream.
            b"".join(package.chunks()),
            broadcast=True,
            hash=False,
        )
        flying: deque[Any] = deque()
        try:
            for batch in batches:
                for at in range(0, len(batch[0]), count):
                    if len(flying) >= AHEAD * workers:
                        yield self._landed(graph, flying.popleft())
                    piece = [given[at : at + count] for given in batch]
                    flying.append(self._client.submit(_run, held, piece, pure=False))
            while flying:
                yield self._landed(graph, flying.popleft())
        finally:
            self._client.cancel([*flying, held])

    def _landed(self, graph: Graph, future: Any) -> Batch:
        if future.exception() is not None:
            raise NoCluster(f"a piece of work failed on the cluster: {future.exception()}")
        return Batch(graph, future.result())

    def close(self) -> None:
        """Disconnect; the cluster keeps running."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


@lru_cache(maxsize=2)
def _executor(package: bytes) -> Executor:
    return Executor(loads(package).model)


def _run(package: bytes, inputs: Inputs) -> list[Elements]:
    """Return all tensors of some items; runs on a worker."""
    return list(_executor(package).run(*inputs).tensors)
