"""The bytes of all request bodies in memory, within one limit.

A body is counted as it arrives, and until its request is answered. Where the next bytes would
exceed the limit, the largest incomplete body of the address that has most is cut, so that no
address can have the requests of another one refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from btt_chain.lazyclass import dataclass


@dataclass(eq=False, slots=True)
class Body:
    """The body of one request in progress."""

    address: str
    cut: Callable[[], None]
    """Ends its connection."""
    size: int = 0
    is_complete: bool = False
    data: bytearray = field(default_factory=bytearray)
    """The bytes so far; released when the body ends or is complete."""


class Bodies:
    """The bodies of all requests in progress."""

    def __init__(self, limit: float) -> None:
        """`limit` is in bytes."""
        self._limit = limit
        self._all: dict[Body, None] = {}
        self.total = 0
        """Bytes of all bodies."""

    def begin(self, address: str, cut: Callable[[], None]) -> Body:
        """Return the body of a new request, empty yet."""
        body = Body(address, cut)
        self._all[body] = None
        return body

    def receive(self, body: Body, size: int) -> bool:
        """Return True if there is room for more bytes of a body; they are counted then."""
        while self.total + size > self._limit:
            victim = self._victim(body, size)
            if victim is None or victim is body:
                return False
            cut = victim.cut
            self.end(victim)
            cut()
        if body not in self._all:
            return False
        body.size += size
        self.total += size
        return True

    def empty(self, body: Body) -> None:
        """Count the bytes of a body no more: its request is complete, and the next one begins."""
        if body in self._all:
            self.total -= body.size
            body.size = 0

    def end(self, body: Body) -> None:
        """Remove a body whose request has ended, and its bytes. Idempotent."""
        # Both may refer to the body in a cycle, which would keep the bytes: an exception of the
        # stream, and the connection that `cut` ends.
        body.data.clear()
        body.cut = _nothing
        if body in self._all:
            del self._all[body]
            self.total -= body.size

    def _victim(self, newest: Body, size: int) -> Body | None:
        """Return the largest incomplete body of the address with most bytes of such bodies."""
        waiting = [open_body for open_body in self._all if not open_body.is_complete]
        of_address: dict[str, int] = {newest.address: size}
        for open_body in waiting:
            of_address[open_body.address] = of_address.get(open_body.address, 0) + open_body.size

        def weight(body: Body) -> tuple[int, int]:
            more = size if body is newest else 0
            return of_address[body.address], body.size + more

        return max(waiting, key=weight, default=None)


def _nothing() -> None:
    """Cut nothing: the request has ended."""
