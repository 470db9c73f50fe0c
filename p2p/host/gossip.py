"""GossipSub 1.1, with messages read and checked here.

The library keeps the mesh, the message cache and the IHAVE/IWANT exchange. What a peer sends is
first read, bounded and checked by this file; no data of a peer reaches a library path that raises,
waits, or stores without bound.

Messages are anonymous and unsigned. Their id is the hash of their content, sent in the field of the
sequence number and checked on arrival. So no id repeats after a restart (defect 6), no key is
parsed (3) and no time is spent on signatures that prove only the first sender: announcements,
transactions and votes have their own.

The peer that delivers a message is responsible for it, so nothing is forwarded here: a message is
delivered to the engine, and forwarded when the engine has checked it and publishes the same bytes
again. Otherwise one node that sends malformed or invalid messages could make honest nodes ban each
other. Nothing is read from a peer before its handshake is over.

A large message is reported to the neighbours before it is checked (IDONTWANT, as in GossipSub 1.2):
they do not send it again. Nodes that do not know these reports ignore them.
"""

from __future__ import annotations

import functools
import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import libp2p.pubsub.gossipsub
import libp2p.pubsub.pubsub
import trio
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
from p2p.host.containment import contain, contained, note, report, reset
from p2p.host.gossip_environment import Environment
from p2p.host.guard import thread_us
from p2p.host.recent import Recent
from p2p.host.reports import MAX_IDS, MIN_BYTES, MessageIds, ReceptionReports, reports_to
from p2p.host.rpcs import (
    FORWARD_SECONDS,
    GATHER_SECONDS,
    WANTS,
    GatheringQueue,
    Outgoing,
    bounded_control,
    price_of,
    read_rpc,
)
from p2p.limits import GOSSIP_CONTROL, LARGE_BYTES, LARGE_TX, SUBSCRIBE
from p2p.network import ANNOUNCE, GOSSIP_BYTES, MIB, TX
from p2p.reputation import FATAL
from p2p.wire import ENVELOPE, gossip_id, pack, unpack

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlGraft, ControlIWant, ControlMessage, Message

MAX_RPC: Final = 1 * MIB
"""Maximum size of one RPC in bytes, the library's own bound for what it sends."""
READERS: Final = 2
"""Streams of one peer that are read: the old one may not have ended when the new one opens."""
MESSAGES: Final = 512
"""Maximum number of messages of one RPC. A peer sends one, or the wanted ones (WANTS)."""
SUBSCRIPTIONS: Final = 16
WANTS_WAITING: Final = 16
"""Number of RPCs queued for a peer above which its IWANT messages are ignored."""
SEEN_SECONDS: Final = 60
"""Time for which a message is remembered; publishing it again within that time has no effect."""
SENT_SECONDS: Final = 10
"""Time for which the receivers of a message are remembered: longer than it can be offered."""
OFFERED: Final = WANTS
"""Maximum number of messages offered to a peer at once."""
MAX_RECEIVERS: Final = 256
"""Maximum number of receivers remembered for a message."""
TURN_SECONDS: Final = 0.04
"""Usual time for which messages to few peers go to the same ones; they go at its end."""
OFFERED_TO: Final = 4
"""Maximum number of peers that are offered such messages at a heartbeat."""

OFFER_TURNS: Final = 10
"""Turns between two offers, where they are longer than the second of a heartbeat."""

FOREIGN: Final = 200
"""Cost of a message on a topic that we did not join."""


@functools.cache
def install() -> None:
    """Set values for which the library has no parameter. Once per process."""
    # Looked up by this name for each new peer (defect 10).
    setattr(libp2p.pubsub.pubsub, "RpcQueue", GatheringQueue)  # noqa: B010
    # Each message would carry a signed list of our addresses; the handshake reports them already.
    setattr(libp2p.pubsub.gossipsub, "env_to_send_in_RPC", _no_record)  # noqa: B010


def _no_record(_host: IHost) -> tuple[bytes, bool]:
    return b"", False


class ContainedGossipSub(GossipSub):
    """The mesh, with the parameters for which no loss was measured.

    Everything it sends goes through the peer's queue.
    """

    def __init__(self, turn_seconds: float = TURN_SECONDS) -> None:
        """`turn_seconds`: how long messages to few peers go to the same ones, and wait."""
        super().__init__(
            protocols=[PROTOCOL_ID_V11],
            degree=6,
            degree_low=4,
            degree_high=8,
            heartbeat_interval=1,
            # Short: a peer that restarts is to be back in the mesh within seconds.
            prune_back_off=10,
            max_idontwant_messages=MAX_IDS,
            # Our limits are by peer and kind, and count in both directions (`p2p.limits`).
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        # Where more peers are than a mesh may have, it grafts two at each heartbeat, until some are
        # pruned. Peers are judged by `p2p.peers` and `p2p.accounts`.
        self.scorer = None
        self._sent = Recent(SENT_SECONDS, most=MAX_RECEIVERS)
        """Recent messages, with the peers that do not need them: sent, offered, or not named."""
        self._turn_seconds: Final = turn_seconds
        self._turns: dict[str, tuple[float, list[ID]]] = {}
        """For each topic of messages that go to few peers: the end of the current turn, and all
        peers in the order in which they are sent those messages."""
        self._next_offers = 0.0
        """Time before which no messages to few peers are offered again."""
        self._refused_before: dict[ID, set[bytes]] = {}
        """Messages that peers refused before the last heartbeat."""

    def send_rpc(self, peer_id: ID, rpc: RPC, priority: bool = False) -> None:
        """Queue `rpc` for a peer."""
        rpc.ClearField("senderRecord")
        super().send_rpc(peer_id, rpc, priority)

    async def publish(self, msg_forwarder: ID, pubsub_msg: Message) -> None:
        """Queue a message for the `receivers`."""
        self.send(pubsub_msg)

    def send(
        self, message: Message, to: Sequence[str] | None = None, few: int | None = None
    ) -> None:
        """Queue a message for the `receivers`, or for the peers that `Publish` names, as far as
        they have neither delivered nor refused it.

        It is encoded once for all. An announce of a block goes first, without waiting for others;
        a message of another node waits longer than one of this node.
        """
        pubsub, message_id, topic = self.pubsub, message.seqno, message.topicIDs[0]
        if not isinstance(pubsub, ContainedPubsub):
            return
        self.mcache.put(message)
        wait = GATHER_SECONDS
        if pubsub.is_urgent(message):
            wait = 0
        elif pubsub.recent.senders(message_id):
            wait = random.uniform(*FORWARD_SECONDS)  # noqa: S311  (it protects no secret)
        peers = self.receivers(topic) if to is None else self._named(message, set(to))
        if few is not None:
            ends, order = self._turn(topic)
            wait = max(ends - trio.current_time(), GATHER_SECONDS)
            needing = {peer_id for peer_id in peers if self._is_needed(peer_id, message_id)}
            peers = [peer_id for peer_id in order if peer_id in needing][:few]
        outgoing = Outgoing.of(rpc_pb2.RPC(publish=[message]))
        for peer_id in peers:
            is_needed = functools.partial(self._is_needed, peer_id, message_id)
            if not is_needed():
                continue
            queue = cast("GatheringQueue", pubsub.peer_queues[peer_id])
            if queue.put(outgoing._replace(is_needed=is_needed), wait):
                self._sent.add(message_id, peer_id)
            else:
                contained["gossip not sent"] += 1

    def receivers(self, topic: str) -> list[ID]:
        """Return the peers that messages of a topic are sent to: those of its mesh, and if these
        are fewer than the lower degree, other subscribers at random, up to the degree.

        A mesh is thin until the first grafts, after a partition, and while peers refuse grafts.
        """
        if self.pubsub is None:
            return []
        queues = self.pubsub.peer_queues
        found = [peer_id for peer_id in self.mesh.get(topic, ()) if peer_id in queues]
        if len(found) < self.degree_low:
            others = [one for one in self.pubsub.peer_topics.get(topic, ()) if one in queues]
            found += self.select_from_minus(self.degree - len(found), others, found)
        return found

    def _named(self, message: Message, names: Collection[str]) -> list[ID]:
        """Return the subscribers with these names; the others do not need the message."""
        named, topic = [], message.topicIDs[0]
        self._turns.setdefault(topic, (0.0, []))
        for peer_id in self._subscribers(topic):
            if peer_id.to_base58() in names:
                named.append(peer_id)
            else:
                self._sent.add(message.seqno, peer_id)
        return named

    def _turn(self, topic: str) -> tuple[float, list[ID]]:
        """Return the end of the current turn of a topic, and the peers in its order: at random, not
        those of the mesh first. Peers that graft again and again would receive all.
        """
        now = trio.current_time()
        if now >= self._turns.get(topic, (now, []))[0]:
            order = self._subscribers(topic)
            random.shuffle(order)
            self._turns[topic] = now + self._turn_seconds, order
        return self._turns[topic]

    def _subscribers(self, topic: str) -> list[ID]:
        """Return the subscribers of a topic that messages can be sent to."""
        if self.pubsub is None:
            return []
        queues = self.pubsub.peer_queues
        return [one for one in self.pubsub.peer_topics.get(topic, ()) if one in queues]

    def gossip_heartbeat(self) -> defaultdict[ID, dict[str, list[bytes]]]:
        """Return the messages that are offered to each peer.

        Of a topic whose messages go to few peers, some peers are offered those that they lack as
        far as known, members of the mesh as well; the library offers all, and not to the mesh.
        """
        offers = super().gossip_heartbeat()
        are_due = self._are_offers_due()
        for topic in self._turns:
            for offer in offers.values():
                offer.pop(topic, None)
            if not are_due:
                continue
            order, offered = self._subscribers(topic), 0
            random.shuffle(order)
            for peer_id in order:
                if offered < OFFERED_TO and (missed := self._offer(peer_id, topic)):
                    offers[peer_id][topic] = missed
                    offered += 1
        return offers

    def _are_offers_due(self) -> bool:
        """Return True if votes may be offered again: with long slots not at each heartbeat."""
        now, wait = trio.current_time(), self._turn_seconds * OFFER_TURNS
        if now < self._next_offers:
            return False
        # Heartbeats are a second apart, not to the millisecond.
        self._next_offers = now + wait - 0.5 if wait > 1 else now
        return True

    def _offer(self, peer_id: ID, topic: str) -> list[bytes]:
        """Return the recent messages of a topic that a peer misses: they are offered to it now."""
        missed = [one for one in self.mcache.window(topic) if self._is_missed(peer_id, one)]
        for message_id in missed[:OFFERED]:
            self._sent.add(message_id, peer_id)
        return missed[:OFFERED]

    def _notify_mesh_peer_added(self, peer_id: ID, topic: str) -> None:
        """Offer recent messages to a peer that joins the mesh: those that it was not sent.

        At heartbeats most messages are offered to peers outside the mesh only. Without this, one is
        lost for a peer that subscribes before it is published and joins before the heartbeat.
        """
        super()._notify_mesh_peer_added(peer_id, topic)
        if self.pubsub is None or peer_id not in self.pubsub.peer_queues:
            return
        if missed := self._offer(peer_id, topic):
            have = rpc_pb2.ControlIHave(topicID=topic, messageIDs=missed)
            self.send_rpc(peer_id, rpc_pb2.RPC(control=rpc_pb2.ControlMessage(ihave=[have])))

    async def _emit_control_msgs(
        self,
        peers_to_graft: dict[ID, list[str]],
        peers_to_prune: dict[ID, list[str]],
        peers_to_gossip: dict[ID, dict[str, list[bytes]]],
    ) -> None:
        """Send the control messages of a heartbeat: to each peer its own, in one RPC.

        The library sends a peer those of the peers before it, too. A peer that is grafted or pruned
        by mistake has a mesh that this node does not share.
        """
        gossiped = [peer_id for peer_id, offer in peers_to_gossip.items() if offer]
        for peer_id in dict.fromkeys((*peers_to_graft, *peers_to_prune, *gossiped)):
            ids = peers_to_gossip.get(peer_id, {}).items()
            control = self.pack_control_msgs(
                [rpc_pb2.ControlIHave(topicID=topic, messageIDs=found) for topic, found in ids],
                [rpc_pb2.ControlGraft(topicID=one) for one in peers_to_graft.get(peer_id, ())],
                [rpc_pb2.ControlPrune(topicID=one) for one in peers_to_prune.get(peer_id, ())],
            )
            await self.emit_control_message(control, peer_id)

    def _is_missed(self, peer_id: ID, message_id: bytes) -> bool:
        """Return True if a peer needs a message, and was neither sent nor offered it."""
        was_sent = peer_id in self._sent.senders(message_id)
        return not was_sent and self._is_needed(peer_id, message_id)

    def remove_peer(self, peer_id: ID) -> None:
        """Forget a peer: what waited in its queue was not sent."""
        self._sent.forget(peer_id)
        self._refused_before.pop(peer_id, None)
        super().remove_peer(peer_id)

    def _prune_idontwant_entries(self) -> None:
        """Forget what peers refused before the last heartbeat.

        The library forgets all of it at each one, and then sends what was refused a moment ago.
        """
        self._refused_before = self.dont_send_message_ids
        self.dont_send_message_ids = {peer_id: set() for peer_id in self._refused_before}

    def _is_needed(self, peer_id: ID, message_id: bytes) -> bool:
        """Return True if a peer has neither delivered nor refused a message."""
        pubsub = self.pubsub
        if self.has_refused(peer_id, message_id) or not isinstance(pubsub, ContainedPubsub):
            return False
        return peer_id not in pubsub.recent.senders(message_id)

    def has_refused(self, peer_id: ID, message_id: bytes) -> bool:
        """Return True if a peer has reported that it does not want a message."""
        return message_id in self.dont_send_message_ids.get(
            peer_id, ()
        ) or message_id in self._refused_before.get(peer_id, ())

    def report_unwanted(self, message_ids: MessageIds) -> None:
        """Report to the mesh of each topic that its messages are here, but not to their senders."""
        for peer_id, unwanted in reports_to(message_ids, self.mesh, self._is_needed).items():
            entry = rpc_pb2.ControlIDontWant(messageIDs=unwanted)
            self.send_rpc(peer_id, rpc_pb2.RPC(control=rpc_pb2.ControlMessage(idontwant=[entry])))

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Send recent messages to a new peer.

        The original writes to the stream concurrently with the queue's task; two writers of one
        stream interleave their frames when the window is full.
        """
        for message_id in self.mcache.window(topic):
            message = self.mcache.get(message_id)
            if message is not None and self._is_missed(peer_id, message_id):
                self.send_rpc(peer_id, rpc_pb2.RPC(publish=[message]))
                self._sent.add(message_id, peer_id)

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Drop them: `send_recent_messages` sends what a peer may have missed, by its queue."""
        self._pending_messages.pop(peer_id, None)

    async def handle_graft(self, graft_msg: ControlGraft, sender_peer_id: ID) -> None:
        """Accept a peer into the mesh of a topic, unless that has as many as it may have.

        Otherwise peers that graft again and again would be all that is left after the prunes.
        """
        topic = graft_msg.topicID
        mesh = self.mesh.get(topic, set())
        if len(mesh) >= self.degree_high and sender_peer_id not in mesh:
            await self.emit_prune(topic, sender_peer_id, False, False)
        else:
            await super().handle_graft(graft_msg, sender_peer_id)

    async def handle_iwant(self, iwant_msg: ControlIWant, sender_peer_id: ID) -> None:
        """Send a peer the messages it missed, unless its queue is long.

        A want of forty bytes may cost a megabyte: a peer asking faster than it reads gets none.
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

    async def heartbeat(self) -> None:
        """Run the heartbeats; the next one follows where one failed."""
        while True:
            with contain("heartbeat"):
                await super().heartbeat()
            await trio.sleep(self.heartbeat_interval)

    def _check_equivocation(self, msg: Message) -> bool:
        return True  # the id is the hash of the content: no two messages share it


class ContainedPubsub(Pubsub):
    """Reading, checking and publishing (defects 2, 3, 4, 6, 9, 17, 19, 20)."""

    def __init__(
        self,
        host: IHost,
        router: ContainedGossipSub,
        environment: Environment,
        topics: Mapping[str, str],
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
        """Messages received or published."""
        setattr(self, "seen_messages", self.recent)  # noqa: B010  (the router uses it)
        self._sender = router
        self._published = Recent(SEEN_SECONDS)
        self._environment = environment
        self._topics = dict(topics)
        self._wire_names = {topic: name for name, topic in topics.items()}
        self._readers: dict[ID, int] = {}
        self.reports = ReceptionReports(router.report_unwanted)
        """Large messages that were received, reported to the neighbours."""

    def is_urgent(self, message: Message) -> bool:
        """Return True if a message of ours announces a block."""
        return self._topics.get(message.topicIDs[0]) == ANNOUNCE

    async def run(self) -> None:
        """Run the service of the library, and report messages."""
        self.manager.run_daemon_task(self.reports.run)
        await super().run()

    def _handle_dead_peer(self, peer_id: ID) -> None:
        topics = [topic for topic, peers in self.peer_topics.items() if peer_id in peers]
        with contain("leaving peer"):
            super()._handle_dead_peer(peer_id)
        if self._peer_is_connected(peer_id):
            # Its own stream may be another one: then it does not report its subscriptions anew.
            for topic in topics:
                self.peer_topics.setdefault(topic, set()).add(peer_id)

    async def join(self) -> None:
        """Subscribe to all topics. Messages go to `Environment.received`."""
        for name in self._topics:
            await self.subscribe(name)

    def get_hello_packet(self) -> RPC:
        """Return our subscriptions."""
        return rpc_pb2.RPC(
            subscriptions=[
                rpc_pb2.RPC.SubOpts(subscribe=True, topicid=name) for name in self._topics
            ]
        )

    # --- publishing -----------------------------------------------------------------

    def publish_payload(
        self, topic: str, payload: bytes, to: Sequence[str] | None = None, few: int | None = None
    ) -> None:
        """Publish `payload`, unless published recently; this also forwards received messages.

        `to` and `few` are those of `Publish`.
        """
        data = pack(payload)
        message_id = gossip_id(topic, data)
        if not self._published.add(message_id):
            return
        self.recent.add(message_id)
        message = rpc_pb2.Message(data=data, topicIDs=[self._wire_names[topic]], seqno=message_id)
        self._sender.send(message, to, few)
        self.reports.take_along()

    async def handle_sending_messages(
        self, peer_id: ID, stream: INetStream, queue: RpcQueue
    ) -> None:
        """Send a peer's queue until it is closed, or the stream breaks."""
        try:
            while (data := await cast("GatheringQueue", queue).pop()) is not None:
                await stream.write(data)
        except Exception as error:  # noqa: BLE001  (libp2p ends a stream in a dozen ways)
            note("gossip queue", error)
            self._handle_dead_peer(peer_id)

    # --- receiving ------------------------------------------------------------------

    async def stream_handler(self, stream: INetStream) -> None:
        """Read gossip of a peer until the stream ends, it is disconnected, or it misbehaves."""
        peer = stream.muxed_conn.peer_id
        if self._readers.get(peer, 0) >= READERS or not await self._environment.admitted(peer):
            await reset(stream)
            return
        self._readers[peer] = self._readers.get(peer, 0) + 1
        try:
            await self._read(peer, stream)
        except WireError as error:
            self._environment.penalise(peer, FATAL, f"gossip: {error}")
            await reset(stream)
            self._handle_dead_peer(peer)
        except (StreamError, IOException) as error:
            note("gossip stream", error)
            await reset(stream)
            self._handle_dead_peer(peer)
        except Exception as error:  # noqa: BLE001  (the stream ends, the host goes on)
            report("gossip stream", error)
            await reset(stream)
            self._handle_dead_peer(peer)
        finally:
            self._readers[peer] -= 1
            if not self._readers[peer]:
                del self._readers[peer]
                self.recent.forget(peer, self._published.has)

    async def _read(self, peer: ID, stream: INetStream) -> None:
        buffer = bytearray()
        while True:
            data = await read_rpc(stream, buffer, MAX_RPC)
            if data is None:
                return
            if not self._environment.is_connected(peer):
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
                self._on_message(peer, message)
            control = self._allowed_control(peer, rpc)
            self._environment.read(peer, begun, price_of(rpc, control))
            if not (rpc.publish or rpc.subscriptions or rpc.HasField("control")):
                self._environment.repeated(peer)
            await self._on_control(peer, rpc, control)

    def _allowed_control(self, peer: ID, rpc: RPC) -> ControlMessage | None:
        """Return the accepted part of an RPC's control message, None if there is none."""
        if not rpc.HasField("control"):
            return None
        if not self._environment.allows(peer, GOSSIP_CONTROL, rpc.control.ByteSize()):
            return None
        return bounded_control(rpc.control, self._topics)

    def serves(self, peer: ID, size: int) -> bool:
        """Charge a peer for messages that it wants. Return True if it is within its budget."""
        return self._environment.serves(peer, size)

    async def _on_control(self, peer: ID, rpc: RPC, control: ControlMessage | None) -> None:
        if rpc.subscriptions:
            if len(rpc.subscriptions) > SUBSCRIPTIONS:
                raise WireError(f"{len(rpc.subscriptions)} subscriptions")
            if not self._environment.allows(peer, SUBSCRIBE):
                return
            for subscription in rpc.subscriptions:
                self.handle_subscription(peer, subscription)
        if control is not None:
            await self.router.handle_rpc(rpc_pb2.RPC(control=control), peer)

    def _on_message(self, peer: ID, message: Message) -> None:
        topic = self._topics.get(message.topicIDs[0]) if len(message.topicIDs) == 1 else None
        if topic is None:
            self._environment.penalise(peer, FOREIGN, "gossip on a topic we did not join")
            return
        is_large = topic == TX and len(message.data) > LARGE_BYTES + ENVELOPE
        if not self._environment.allows(peer, LARGE_TX if is_large else topic, len(message.data)):
            return
        if message.from_id or message.key or message.signature:
            raise WireError("a signed message")
        if message.seqno != gossip_id(topic, message.data):
            raise WireError("a message whose id is not its content")
        if self.recent.has(message.seqno):
            if peer in self.recent.senders(message.seqno):
                self._environment.repeated(peer, len(message.data))
            self.recent.add(message.seqno, peer)
            return
        payload = unpack(message.data, GOSSIP_BYTES[topic])
        self.recent.add(message.seqno, peer)
        if len(message.data) >= MIN_BYTES:
            self.reports.add(message.topicIDs[0], message.seqno)
        self._environment.received(peer, topic, payload)


def _message_id(message: Message) -> bytes:
    return bytes(message.seqno)
