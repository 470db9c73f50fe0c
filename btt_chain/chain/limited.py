"""Runtime calls within a limit of processor time.

The runtime runs in the thread of consensus, and Python offers no safe way to interrupt it from
outside: an exception at an arbitrary place could leave half-made objects behind. Instead the limit
is checked at every access to the state, which is where a call spends its time in proportion to what
it does. The work between two accesses is bounded otherwise: by the size of the arguments and of the
values that the runtime stores under one key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter, thread_time

from btt_chain.chain.client import Client, RootedOverlay, UnknownBlock
from storage.database import ChainStore


class TimeLimit(Exception):
    """A runtime call used up its processor time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the call took more than {seconds * 1000:.0f} ms of processor time")


class Deadline:
    """Processor time of this thread that is left for a computation."""

    __slots__ = ("_cpu", "_end", "_next", "_wall", "seconds")

    def __init__(
        self,
        seconds: float,
        wall: Callable[[], float] = perf_counter,
        cpu: Callable[[], float] = thread_time,
    ) -> None:
        """Start with `seconds`; the clocks are parameters for tests."""
        self.seconds = seconds
        self._wall = wall
        self._cpu = cpu
        self._end = cpu() + seconds
        self._next = wall() + seconds

    def check(self) -> None:
        """Raise TimeLimit if none is left.

        Reading processor time is a system call, reading real time is not, and processor time is
        never the faster: it is read again only when it can have reached the end.
        """
        now = self._wall()
        if now < self._next:
            return
        left = self._end - self._cpu()
        if left <= 0:
            raise TimeLimit(self.seconds)
        self._next = now + left


class LimitedOverlay(RootedOverlay):
    """Changes on a block's state whose accesses raise TimeLimit when the time is used up."""

    __slots__ = ("_deadline",)

    def __init__(self, store: ChainStore, parent: bytes, deadline: Deadline) -> None:
        super().__init__(store, parent, store.state.reader(parent))
        self._deadline = deadline
        read = self.get

        def get(key: bytes) -> bytes | None:
            """Return the value of a key; None if it is absent. Raises TimeLimit."""
            deadline.check()
            return read(key)

        self.get = get

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None removes it. Raises TimeLimit."""
        self._deadline.check()
        super().put(key, value)

    def _walk(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        for key in super()._walk(prefix, after):
            self._deadline.check()
            yield key


def limited_overlay(client: Client, hash: bytes, seconds: float) -> LimitedOverlay:
    """Return an overlay on a block's state, limited to `seconds` of processor time.

    Building the block's runtime, which happens once, does not count. Raises as `Client.runtime_at`.
    """
    if client.store.blocks.header(hash) is None:
        raise UnknownBlock(hash)
    _ = client.runtime_at(hash).queries
    return LimitedOverlay(client.store, hash, Deadline(seconds))
