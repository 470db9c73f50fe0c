"""RPCs of GossipSub: their length, what they may contain, its price, and the queue to one peer."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import trio
from libp2p.abc import INetStream
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.utils.varint import encode_uvarint

from p2p.errors import WireError
from p2p.host.reports import MAX_IDS

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlMessage

CONTROL_ENTRIES: Final = 32
HAVES: Final = 2_048
"""Maximum number of announced ids of one entry that are read."""
WANTS: Final = 256
"""Maximum number of wanted messages of one RPC that are answered."""
ENTRY_US: Final = 40
"""Charge for a subscription or an entry of a control message, which the library handles later."""
ID_US: Final = 3
"""Charge for a message id in an entry."""
ID_BYTES: Final = 20
MAX_BACKOFF: Final = 3_600


def price_of(rpc: RPC, control: ControlMessage | None) -> int:
    """Return the microseconds that the library will take for an RPC's control and subscriptions."""
    price = ENTRY_US * len(rpc.subscriptions)
    if control is None:
        return price
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    entries += len(control.idontwant)
    ids = sum(len(have.messageIDs) for have in control.ihave)
    ids += sum(len(want.messageIDs) for want in control.iwant)
    ids += sum(len(unwanted.messageIDs) for unwanted in control.idontwant)
    return price + ENTRY_US * entries + ID_US * ids


def bounded_control(control: ControlMessage, topics: Mapping[str, str]) -> ControlMessage:
    """Return the part of a peer's control message that 1.1 defines, for our topics, bounded, and
    the ids that it does not want.

    The library stores any topic it receives, and answers any number of ids. Raises WireError for
    messages that no honest node sends.
    """
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    entries += len(control.idontwant)
    if entries > CONTROL_ENTRIES:
        raise WireError(f"{entries} control entries")
    wanted = [message_id for want in control.iwant for message_id in want.messageIDs]
    haves = [have for have in control.ihave if have.topicID in topics]
    ids = [*wanted, *(message_id for have in haves for message_id in have.messageIDs)]
    if any(len(message_id) != ID_BYTES for message_id in ids):
        raise WireError("a message id that is none")
    named = (one for entry in control.idontwant for one in entry.messageIDs)
    unwanted = [one for one in named if len(one) == ID_BYTES]
    return rpc_pb2.ControlMessage(
        # Long lists may be honest after a busy time: they are cut, not penalized.
        ihave=[
            rpc_pb2.ControlIHave(topicID=have.topicID, messageIDs=have.messageIDs[:HAVES])
            for have in haves
        ],
        # Without ids there is none: the library answers ten a second of a peer.
        iwant=[rpc_pb2.ControlIWant(messageIDs=list(dict.fromkeys(wanted))[:WANTS])]
        if wanted
        else [],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=unwanted[:MAX_IDS])] if unwanted else [],
        graft=[graft for graft in control.graft if graft.topicID in topics],
        # Without the peers it names: discovery is separate, and verifies addresses before use.
        prune=[
            rpc_pb2.ControlPrune(topicID=prune.topicID, backoff=min(prune.backoff, MAX_BACKOFF))
            for prune in control.prune
            if prune.topicID in topics
        ],
    )


async def read_rpc(stream: INetStream, buffer: bytearray, bound: int) -> bytes | None:
    """Read one length-prefixed RPC; None at the end of the stream. Raises WireError.

    Reads in large pieces: the library's reads of one byte cost a packet each.
    """
    while True:
        length = shift = 0
        for index, byte in enumerate(buffer[:5]):
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte & 0x80:
                continue
            if length > bound:
                raise WireError(f"an RPC of {length} bytes")
            if not length:
                raise WireError("an empty RPC")
            start = index + 1
            if len(buffer) >= start + length:
                data = bytes(buffer[start : start + length])
                del buffer[: start + length]
                return data
            break
        else:
            if len(buffer) >= 5:
                raise WireError("an RPC without a length")
        piece = await stream.read(1 << 16)
        if not piece:
            return None
        buffer += piece


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
    """RPCs that wait for a peer, in order; urgent ones go first.

    What comes within a few milliseconds is sent as one. Each RPC costs a frame of Yamux and of
    Noise on both sides, which for a vote is more than the vote itself. Votes come in bursts, and so
    do the messages that are forwarded: those wait longer than what begins here, because their peers
    may have them from others, and neither wait for an announce.

    RPCs wait encoded: a message is encoded once for all peers, and two encoded RPCs one after the
    other are one RPC with the content of both, as Protocol Buffers define it for lists.
    """

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
