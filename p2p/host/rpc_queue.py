"""The queue of RPCs to one peer: what comes within a few milliseconds is sent as one.

Each RPC costs a frame of Yamux and of Noise on both sides, which for a vote is more than the vote
itself. Votes come in bursts, and so do the messages that are forwarded: those wait longer than what
begins here, because their peers may have them from others, and neither wait for an announce.

RPCs wait encoded: a message is encoded once for all peers, and two encoded RPCs one after the
other are one RPC with the content of both, as Protocol Buffers define it for lists.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import trio
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.utils.varint import encode_uvarint

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC

QUEUE: Final = 512
"""RPCs that wait for one slow peer (the library's 32 lose bursts, defect 10)."""
GATHER_SECONDS: Final = 0.01
"""Time for which an RPC waits for others, unless it is urgent."""
FORWARD_SECONDS: Final = (0.01, 0.04)
"""The same for a message of another node: a random time between these, so that not all neighbours
of a peer forward it at once. What a peer has delivered or refused meanwhile is not sent to it."""
GATHERED_BYTES: Final = 64 << 10
"""Size above which an RPC is not extended: a frame of Noise has 64 KiB."""
GATHERED: Final = 128
"""Maximum number of messages of an RPC that was put together."""
GATHERED_ENTRIES: Final = 8
"""Maximum number of its entries that name unwanted messages; peers accept a few more."""


class Outgoing(NamedTuple):
    """An encoded RPC."""

    data: bytes
    messages: int
    entries: int
    """Number of entries that name unwanted messages."""
    is_plain: bool
    """True if it has only messages and ids of unwanted ones: then it may be joined with others."""
    is_needed: Callable[[], bool] | None = None
    """Returns False if it is not to be sent any more; None: it is needed in any case."""

    @classmethod
    def of(cls, rpc: RPC) -> Outgoing:
        """Encode an RPC."""
        control = rpc.control
        is_plain = not (
            rpc.subscriptions or control.graft or control.prune or control.iwant
            or control.ihave or control.HasField("extensions")
        )  # fmt: skip
        return cls(rpc.SerializeToString(), len(rpc.publish), len(control.idontwant), is_plain)


class GatheringQueue:
    """RPCs that wait for a peer, in order; urgent ones go first."""

    def __init__(self, max_size: int = QUEUE, max_message_size: int = 1 << 20) -> None:
        self.max_message_size: Final = max_message_size
        self._max_size: Final = max_size
        self._splitter: Final = RpcQueue(0, max_message_size)
        self._urgent: deque[Outgoing] = deque()
        self._usual: deque[Outgoing] = deque()
        self._due = 0.0
        """Time at which the waiting RPCs go."""
        self._changed = trio.Event()
        self.closed = False

    def __len__(self) -> int:
        return len(self._urgent) + len(self._usual)

    def push(self, rpc: RPC, priority: bool = False) -> bool:
        """Queue an RPC; one with `priority` is urgent. Return True if there was room for it."""
        return self.put(Outgoing.of(rpc), 0 if priority else GATHER_SECONDS)

    def put(self, rpc: Outgoing, wait: float) -> bool:
        """Queue an RPC that waits for others for so many seconds; 0: it is urgent.

        Return True if there was room for it.
        """
        count = len(self)
        if self.closed or count >= self._max_size:
            return False
        due = trio.current_time() + (wait if len(rpc.data) < GATHERED_BYTES else 0)
        (self._usual if wait else self._urgent).append(rpc)
        if not count or due < self._due:
            self._due = due
            self._changed.set()
        return True

    async def pop(self) -> bytes | None:
        """Wait for the next RPCs; return them as one, after their length. None once closed."""
        while len(self) or not self.closed:
            left = self._due - trio.current_time() if len(self) else math.inf
            if left > 0 and not self.closed:
                self._changed = trio.Event()
                with trio.move_on_after(left):
                    await self._changed.wait()
            elif data := self._take():
                return encode_uvarint(len(data)) + data
        return None

    def close(self) -> None:
        """End: what waits can still be taken."""
        self.closed = True
        self._changed.set()

    def split_rpc(self, rpc: RPC) -> list[RPC]:
        """Return the parts of an RPC that each fit into a message."""
        return self._splitter.split_rpc(rpc)

    def _take(self) -> bytes:
        """Remove and return the first RPC, and those that follow it and may be sent with it.

        Empty if none is needed any more.
        """
        parts: list[bytes] = []
        size = messages = entries = 0
        while queue := self._urgent or self._usual:
            rpc = queue[0]
            if rpc.is_needed is not None and not rpc.is_needed():
                queue.popleft()
                continue
            size += len(rpc.data)
            messages += rpc.messages
            entries += rpc.entries
            is_joined = (
                rpc.is_plain
                and size <= GATHERED_BYTES
                and messages <= GATHERED
                and entries <= GATHERED_ENTRIES
            )
            if parts and not is_joined:
                break
            parts.append(queue.popleft().data)
            if not rpc.is_plain:
                break
        return b"".join(parts)
