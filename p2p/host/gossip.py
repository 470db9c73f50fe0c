"""GossipSub 1.1, with the reading and the judging done here.

The library keeps the mesh, the message cache and the have/want chatter. What comes from a peer is
read, bounded and judged by this file first; nothing a peer writes reaches a library path that
raises, waits, or remembers without bound.

Messages are anonymous and unsigned. Their id is the hash of their content, carried where others
have a sequence number and checked on arrival. So nothing repeats after a restart (defect 6), no
key is parsed (3) and nobody pays for signatures that prove only who spoke first: announcements,
transactions and votes carry their own.

Who handed a message over answers for it, so nothing is forwarded here: a message is delivered, and
goes on when the engine has judged it and publishes the same bytes again. Else one node that says
what is malformed or invalid could have honest nodes ban each other. Nothing is read from a peer
before its handshake is over.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import libp2p.pubsub.gossipsub
import libp2p.pubsub.pubsub
from google.protobuf.message import DecodeError
from libp2p.abc import IHost, INetStream
from libp2p.io.exceptions import IOException
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.pubsub.utils import safe_bytes_from_hex

from p2p.errors import WireError
from p2p.host.containment import note, reset
from p2p.host.guard import thread_us
from p2p.limits import GOSSIP_CONTROL, LARGE_BYTES, LARGE_TX, SUBSCRIBE
from p2p.network import GOSSIP_BYTES, MIB, TX
from p2p.peers import FATAL
from p2p.wire import ENVELOPE, gossip_id, pack, unpack

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlIWant, ControlMessage, Message

MAX_RPC: Final = 1 * MIB
"""Bytes of one RPC, the library's own bound for what it sends."""
QUEUE: Final = 512
"""RPCs that wait for one slow peer (the library's 32 lose bursts, defect 10)."""
READERS: Final = 2
"""Streams of one peer that are read: the old one may not have ended when the new one comes."""
MESSAGES: Final = 512
"""Messages of one RPC. A neighbour sends one, or as many as were wanted in one RPC (WANTS)."""
SUBSCRIPTIONS: Final = 16
CONTROL_ENTRIES: Final = 32
HAVES: Final = 2_048
"""Announced ids of one entry that are looked at."""
WANTS: Final = 256
"""Wanted messages of one RPC that are answered."""
WANTS_WAITING: Final = 16
"""RPCs on the way to a peer until its wants are ignored."""
ENTRY_US: Final = 40
"""Charge for a subscription or an entry of a control message: the library looks at it later."""
ID_US: Final = 3
"""Charge for an id in it."""
ID_BYTES: Final = 20
MAX_BACKOFF: Final = 3_600
SEEN_SECONDS: Final = 60
"""How long a message is known; saying it again within that time says nothing."""
TELLERS: Final = 16
"""Peers remembered as having handed over a message."""

FOREIGN: Final = 200
"""Cost of a message on a topic that we never joined."""


class Ear(Protocol):
    """What gossip needs to know of peers, and whom it tells."""

    async def admitted(self, peer: ID) -> bool:
        """Wait until the handshake of `peer` is over; false if it never will be."""
        ...

    def allows(self, peer: ID, kind: str, size: int = 0) -> bool:
        """Count a message of `peer`; false if it is one too many, which may have a price."""
        ...

    def penalise(self, peer: ID, cost: int, why: str) -> None:
        """Charge `peer`."""
        ...

    def heard(self, peer: ID, topic: str, payload: bytes) -> None:
        """Take a message."""
        ...

    def listens(self, peer: ID) -> bool:
        """Return False once `peer` has no place here any more: its stream is read no further."""
        ...

    def read(self, peer: ID, begun: int, more: int = 0) -> None:
        """Charge `peer` for the reading of an RPC that began at a reading of `thread_us`, and for
        `more` microseconds that it will take.
        """
        ...

    def serves(self, peer: ID, size: int) -> bool:
        """Charge `peer` for so many bytes that it wants; false if it has had too much already."""
        ...

    def repeated(self, peer: ID, size: int = 0) -> None:
        """Charge `peer` for a message that it had handed over before, or that says nothing."""
        ...


class Recent:
    """Ids of the messages of the last while, with those who handed them over.

    In place of the library's cache, which needs a thread (defect 17) and starts the time anew with
    each look: what is said again and again would never be heard again.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends: OrderedDict[bytes, tuple[float, list[ID]]] = OrderedDict()

    def add(self, message_id: bytes, teller: ID | None = None) -> bool:
        """Remember a message; whether it is new."""
        now = self._clock()
        while self._ends and next(iter(self._ends.values()))[0] <= now:
            self._ends.popitem(last=False)
        known = self._ends.get(message_id)
        if known is None:
            self._ends[message_id] = (now + self._seconds, [] if teller is None else [teller])
            return True
        if teller is not None and teller not in known[1] and len(known[1]) < TELLERS:
            known[1].append(teller)
        return False

    def has(self, message_id: bytes) -> bool:
        """Whether a message is remembered."""
        known = self._ends.get(message_id)
        return known is not None and known[0] > self._clock()

    def tellers(self, message_id: bytes) -> list[ID]:
        """Who handed a message over."""
        known = self._ends.get(message_id)
        return [] if known is None else known[1]

    def forget(self, teller: ID) -> None:
        """Forget what a peer handed over: when it comes back it may say it again."""
        for _, tellers in self._ends.values():
            if teller in tellers:
                tellers.remove(teller)

    def stop(self) -> None:
        """Nothing: there is no thread. The library calls this."""


@functools.cache
def install() -> None:
    """Set what the library has no parameter for. Once per process."""
    # Looked up by this name at each new peer (defect 10).
    setattr(libp2p.pubsub.pubsub, "RpcQueue", functools.partial(RpcQueue, max_size=QUEUE))  # noqa: B010
    # Each message would carry a signed list of our addresses; a handshake has told them.
    setattr(libp2p.pubsub.gossipsub, "env_to_send_in_RPC", _no_record)  # noqa: B010


def _no_record(_host: IHost) -> tuple[bytes, bool]:
    return b"", False


class ContainedGossipSub(GossipSub):
    """The mesh. What it sends goes through the peer's queue, always."""

    def send_rpc(self, peer_id: ID, rpc: RPC, priority: bool = False) -> None:
        """Queue `rpc` for a peer."""
        rpc.ClearField("senderRecord")
        super().send_rpc(peer_id, rpc, priority)

    def _get_peers_to_send(
        self,
        topic_ids: Iterable[str],
        msg_forwarder: ID,
        origin: ID,
        msg_id: bytes | None = None,
    ) -> Iterable[ID]:
        """Those of the mesh that have not handed it to us themselves."""
        peers = super()._get_peers_to_send(topic_ids, msg_forwarder, origin, msg_id)
        if msg_id is None or not isinstance(self.pubsub, ContainedPubsub):
            return peers
        tellers = self.pubsub.recent.tellers(msg_id)
        return [peer for peer in peers if peer not in tellers]

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Give a new neighbour what was said lately.

        The original writes to the stream beside the queue's task; two writers of one stream cut
        each other's frames when the window is full.
        """
        for message_id in self.mcache.window(topic):
            message = self.mcache.get(message_id)
            if message is not None:
                self.send_rpc(peer_id, rpc_pb2.RPC(publish=[message]))

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Nothing: `send_recent_messages` has what a peer may have missed, and one writer."""
        self._pending_messages.pop(peer_id, None)

    async def handle_iwant(self, iwant_msg: ControlIWant, sender_peer_id: ID) -> None:
        """Give a peer what it missed, unless much is on its way to it already.

        A want of forty bytes may bring a megabyte: who asks quicker than it reads gets no more.
        """
        if self.pubsub is None:
            return
        queue = self.pubsub.peer_queues.get(sender_peer_id)
        if queue is None or len(queue) > WANTS_WAITING:
            return
        ids = map(safe_bytes_from_hex, iwant_msg.messageIDs)
        found = (self.mcache.get(one) for one in ids if one is not None)
        size = sum(len(message.data) for message in found if message is not None)
        if isinstance(self.pubsub, ContainedPubsub) and self.pubsub.serves(sender_peer_id, size):
            await super().handle_iwant(iwant_msg, sender_peer_id)

    def _check_equivocation(self, msg: Message) -> bool:
        return True  # the id is the content: there is no second message with it


def new_router() -> ContainedGossipSub:
    """Return a mesh with the figures measured to lose nothing."""
    return ContainedGossipSub(
        protocols=[PROTOCOL_ID_V11],
        degree=6,
        degree_low=4,
        degree_high=12,
        heartbeat_interval=1,
        # Short: a peer that restarts is to be back in the mesh within seconds.
        prune_back_off=10,
        # Ours are by peer and kind, and count in both directions (`p2p.limits`).
        spam_protection_enabled=False,
        adaptive_gossip_enabled=False,
        eclipse_protection_enabled=False,
    )


class ContainedPubsub(Pubsub):
    """Reading, judging and publishing (defects 2, 3, 4, 6, 9, 17, 19, 20)."""

    def __init__(
        self, host: IHost, router: ContainedGossipSub, ear: Ear, topics: Mapping[str, str]
    ) -> None:
        """`topics` maps names on the wire to ours."""
        super().__init__(
            host,
            router,
            strict_signing=False,
            msg_id_constructor=_message_id,
            max_inbound_rpc_size=MAX_RPC,
            max_subscriptions_per_peer=SUBSCRIPTIONS,
            allowed_topics=frozenset(topics),
        )
        self.seen_messages.stop()
        self.recent = Recent(SEEN_SECONDS)
        """What was heard or said."""
        setattr(self, "seen_messages", self.recent)  # noqa: B010  (the router asks it)
        self._said = Recent(SEEN_SECONDS)
        self._ear = ear
        self._topics = dict(topics)
        self._wire_names = {topic: name for name, topic in topics.items()}
        self._readers: dict[ID, int] = {}

    async def join(self) -> None:
        """Take part in all topics. Nothing is queued for subscribers: `Ear.heard` is called."""
        for name in self._topics:
            await self.subscribe(name)

    def get_hello_packet(self) -> RPC:
        """Return our subscriptions."""
        return rpc_pb2.RPC(
            subscriptions=[
                rpc_pb2.RPC.SubOpts(subscribe=True, topicid=name) for name in self._topics
            ]
        )

    # --- what we say ----------------------------------------------------------------

    async def say(self, topic: str, payload: bytes) -> None:
        """Publish `payload`, unless we said it a moment ago; what we only heard goes on by this."""
        data = pack(payload)
        message_id = gossip_id(topic, data)
        if not self._said.add(message_id):
            return
        self.recent.add(message_id)
        message = rpc_pb2.Message(data=data, topicIDs=[self._wire_names[topic]], seqno=message_id)
        await self.router.publish(self.my_id, message)

    # --- what we hear ---------------------------------------------------------------

    async def stream_handler(self, stream: INetStream) -> None:
        """Read what a peer gossips until it or we have had enough."""
        peer = stream.muxed_conn.peer_id
        if self._readers.get(peer, 0) >= READERS or not await self._ear.admitted(peer):
            await reset(stream)
            return
        self._readers[peer] = self._readers.get(peer, 0) + 1
        try:
            await self._read(peer, stream)
        except WireError as error:
            self._ear.penalise(peer, FATAL, f"gossip: {error}")
            await reset(stream)
            self._handle_dead_peer(peer)
        except (StreamError, IOException) as error:
            note("gossip stream", error)
            await reset(stream)
            self._handle_dead_peer(peer)
        finally:
            self._readers[peer] -= 1
            if not self._readers[peer]:
                del self._readers[peer]
                self.recent.forget(peer)

    async def _read(self, peer: ID, stream: INetStream) -> None:
        buffer = bytearray()
        while True:
            data = await read_rpc(stream, buffer, MAX_RPC)
            if data is None:
                return
            if not self._ear.listens(peer):
                await reset(stream)
                return
            begun, rpc = thread_us(), rpc_pb2.RPC()
            try:
                rpc.ParseFromString(data)
            except DecodeError as error:
                raise WireError(f"not an RPC: {error}") from error
            if len(rpc.publish) > MESSAGES:
                raise WireError(f"{len(rpc.publish)} messages in an RPC")
            for message in rpc.publish:
                self._judge(peer, message)
            control = self._tamed(peer, rpc)
            self._ear.read(peer, begun, _price(rpc, control))
            if not (rpc.publish or rpc.subscriptions or rpc.HasField("control")):
                self._ear.repeated(peer)
            await self._take(peer, rpc, control)

    def _tamed(self, peer: ID, rpc: RPC) -> ControlMessage | None:
        """Return what is heeded of an RPC's control message, if there is any."""
        if not rpc.HasField("control"):
            return None
        if not self._ear.allows(peer, GOSSIP_CONTROL, rpc.control.ByteSize()):
            return None
        return tame(rpc.control, self._topics)

    def serves(self, peer: ID, size: int) -> bool:
        """Charge a peer for messages that it wants; return False if it has had too much."""
        return self._ear.serves(peer, size)

    async def _take(self, peer: ID, rpc: RPC, control: ControlMessage | None) -> None:
        if rpc.subscriptions:
            if len(rpc.subscriptions) > SUBSCRIPTIONS:
                raise WireError(f"{len(rpc.subscriptions)} subscriptions")
            if not self._ear.allows(peer, SUBSCRIBE):
                return
            for subscription in rpc.subscriptions:
                self.handle_subscription(peer, subscription)
        if control is not None:
            await self.router.handle_rpc(rpc_pb2.RPC(control=control), peer)

    def _judge(self, peer: ID, message: Message) -> None:
        topic = self._topics.get(message.topicIDs[0]) if len(message.topicIDs) == 1 else None
        if topic is None:
            self._ear.penalise(peer, FOREIGN, "gossip on a topic we did not join")
            return
        is_large = topic == TX and len(message.data) > LARGE_BYTES + ENVELOPE
        if not self._ear.allows(peer, LARGE_TX if is_large else topic, len(message.data)):
            return
        if message.from_id or message.key or message.signature:
            raise WireError("a signed message")
        if message.seqno != gossip_id(topic, message.data):
            raise WireError("a message whose id is not its content")
        if self.recent.has(message.seqno):
            if peer in self.recent.tellers(message.seqno):
                self._ear.repeated(peer, len(message.data))
            self.recent.add(message.seqno, peer)
            return
        payload = unpack(message.data, GOSSIP_BYTES[topic])
        self.recent.add(message.seqno, peer)
        self._ear.heard(peer, topic, payload)


def _price(rpc: RPC, control: ControlMessage | None) -> int:
    """Return the microseconds that the library will take for an RPC's control and subscriptions."""
    price = ENTRY_US * len(rpc.subscriptions)
    if control is None:
        return price
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    ids = sum(len(have.messageIDs) for have in control.ihave)
    ids += sum(len(want.messageIDs) for want in control.iwant)
    return price + ENTRY_US * entries + ID_US * ids


def tame(control: ControlMessage, topics: Mapping[str, str]) -> ControlMessage:
    """Return of a peer's control message what 1.1 knows, about topics of ours, bounded.

    The library remembers any topic it is told, and answers any number of ids. Raises WireError
    for what no honest node writes.
    """
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    if entries > CONTROL_ENTRIES:
        raise WireError(f"{entries} control entries")
    wanted = [message_id for want in control.iwant for message_id in want.messageIDs]
    haves = [have for have in control.ihave if have.topicID in topics]
    ids = [*wanted, *(message_id for have in haves for message_id in have.messageIDs)]
    if any(len(message_id) != ID_BYTES for message_id in ids):
        raise WireError("a message id that is none")
    return rpc_pb2.ControlMessage(
        # A busy hour makes long lists honestly: they are cut, not punished.
        ihave=[
            rpc_pb2.ControlIHave(topicID=have.topicID, messageIDs=have.messageIDs[:HAVES])
            for have in haves
        ],
        iwant=[rpc_pb2.ControlIWant(messageIDs=list(dict.fromkeys(wanted))[:WANTS])],
        graft=[graft for graft in control.graft if graft.topicID in topics],
        # Without the peers it names: discovery is elsewhere, and asks before it dials.
        prune=[
            rpc_pb2.ControlPrune(topicID=prune.topicID, backoff=min(prune.backoff, MAX_BACKOFF))
            for prune in control.prune
            if prune.topicID in topics
        ],
    )


async def read_rpc(stream: INetStream, buffer: bytearray, bound: int) -> bytes | None:
    """Read one RPC with its length in front; None at the end of the stream. Raises WireError.

    In large pieces: the library's reads of one byte cost a packet each.
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


def _message_id(message: Message) -> bytes:
    return bytes(message.seqno)
