"""Room in the pool for transactions that are submitted to this node.

Every node has the transactions of all others in its pool. If each accepted its own until its pool
is full, those of the others would no longer fit: a nonce would be missing here and another one
there, and no maker of blocks could include the later ones. So a node stops accepting its own while
there is still room for what others have accepted already. Refusals come before the signature is
checked, and only where blocks are full: then the wait would be longer than `BLOCKS` blocks.

Pure: the engine records blocks and the transactions that wait to be validated.
"""

from __future__ import annotations

from collections import deque
from typing import Final

BLOCKS: Final = 4
"""Number of blocks that may be waited for while blocks are full."""
RECORDED: Final = 8
"""Number of blocks whose size is recorded."""
MAX_PERCENT: Final = 75
"""Maximum percentage of the ready queue for which transactions are accepted; the rest is for those
that other nodes have accepted."""
MIN_PERCENT: Final = 25
"""The same while blocks are full but small."""
WIRE_BYTES: Final = 128
"""Bytes of gossip that are counted as one transaction; a transfer has about 150."""


class Backpressure:
    """The number of ready transactions from which on a submitted one must pay more than others."""

    def __init__(self, ready: int) -> None:
        """`ready` is the maximum number of ready transactions."""
        self._max = ready * MAX_PERCENT // 100
        self._min = ready * MIN_PERCENT // 100
        self._reserve = ready - self._max
        self._blocks: deque[int] = deque(maxlen=RECORDED)
        self._waiting = 0
        self._held = 0

    def record_block(self, included: int, left: int) -> None:
        """Record a best block, and the number of ready transactions that it left."""
        is_full = left >= included
        self._blocks.append(included if is_full else self._max)

    def record_waiting(self, bytes: int) -> None:
        """Record the bytes of gossip with transactions that are not validated yet."""
        self._waiting = bytes // WIRE_BYTES

    def record_held(self, count: int) -> None:
        """Record the number of gossiped transactions that wait for room in the pool."""
        self._held = count

    @property
    def room(self) -> int:
        """Number of ready transactions up to which every valid one is accepted.

        What waits to be validated or held counts as ready, but only up to the reserve for other
        nodes and half the room: otherwise a flood of gossip could stop submission.
        """
        room = self._max
        if len(self._blocks) == RECORDED:
            room = min(room, max(self._min, BLOCKS * max(self._blocks)))
        return room - min(self._waiting + self._held, self._reserve, room // 2)
