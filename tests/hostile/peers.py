"""A hostile peer: real libp2p, a correct handshake, and then any bytes.

One attack has any number of identities, each a host of its own with a connection to each target.
An identity that is cut off dials again every second, with the same key, or with a fresh one
(`fresh_identities`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from hostile.order import BROKEN, CONNECTED, CUT, Attack, Order, Recorder, Target
from p2p.address import parse
from p2p.errors import WireError
from p2p.host.streams import StreamEnded, write_frame
from p2p.network import protocol_name
from p2p.wire import gossip_id, pack
from support.p2p_attack import Attacker, dialled

AGAIN: Final = 1.0
"""Seconds between two attempts of one identity."""
GREETING: Final = 5.0
"""Time limit of the handshake in seconds."""
WRITING: Final = 10.0
"""Seconds after which a write fails: the node reads no more."""


EXPECTED: Final = (
    BaseLibp2pError, OSError, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError,
    StreamEnded, WireError,
)  # fmt: skip
"""Errors of a connection that the node has closed, refused, or does not read."""


def is_of_connection(error: BaseException) -> bool:
    """Return True if an error, or each of a group, says that a connection has ended."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_of_connection, error.exceptions))
    return isinstance(error, EXPECTED)


class Session:
    """One connection of the attacker to a node."""

    def __init__(self, attacker: Attacker, who: str, record: Recorder, attack: PeerAttack) -> None:
        self.attacker = attacker
        self.who = who
        self.attack = attack
        self._record = record
        self._mesh: INetStream | None = None
        self._notes: INetStream | None = None

    @property
    def is_closed(self) -> bool:
        return self.attacker.connection.is_closed

    async def gossip(self, topic: str, *payloads: bytes) -> None:
        """Publish messages in one RPC."""
        if self._mesh is None:
            self._mesh = await self.attacker.stream(PROTOCOL_ID_V11)
        name = protocol_name(self.attacker.genesis, topic)
        messages = [
            rpc_pb2.Message(data=data, topicIDs=[name], seqno=gossip_id(topic, data))
            for data in map(pack, payloads)
        ]
        rpc = rpc_pb2.RPC(publish=messages).SerializeToString()
        await self._write(self._mesh, encode_varint_prefixed(rpc))

    async def control(self, control: rpc_pb2.ControlMessage) -> None:
        """Send a control message of GossipSub."""
        if self._mesh is None:
            self._mesh = await self.attacker.stream(PROTOCOL_ID_V11)
        rpc = rpc_pb2.RPC(control=control).SerializeToString()
        await self._write(self._mesh, encode_varint_prefixed(rpc))

    async def note(self, protocol: str, payload: bytes) -> None:
        """Write a note to the node alone."""
        if self._notes is None:
            self._notes = await self.attacker.stream(protocol)
        with trio.fail_after(WRITING):
            await write_frame(self._notes, payload)
        self._record.sent(self.who, len(payload))

    async def request(self, protocol: str, payload: bytes) -> None:
        """Ask, and do not wait for the answer."""
        stream = await self.attacker.stream(protocol)
        with trio.fail_after(WRITING):
            await write_frame(stream, payload)
            await stream.reset()
        self._record.sent(self.who, len(payload))

    async def _write(self, stream: INetStream, data: bytes) -> None:
        with trio.fail_after(WRITING):
            await stream.write(data)
        self._record.sent(self.who, len(data))
        if self.attacker.connection.is_closed:
            raise ConnectionError("the node has closed the connection")


class PeerAttack(Attack):
    """An attack by peers."""

    fresh_identities = False
    """True if an identity that was cut off is replaced by a new one."""

    def run(self, record: Recorder) -> None:
        trio.run(self._run, record)

    @abstractmethod
    async def script(self, session: Session) -> None:
        """Attack over one connection until the attack is over."""

    def addresses(self, name: str) -> Sequence[str]:
        """Return the listen addresses that the peer of this name claims."""
        del name
        return ()

    async def prepare(self, session: Session) -> None:
        """Set up what is sent before the end of the handshake."""
        session.attacker.answer_status()

    async def _run(self, record: Recorder) -> None:
        with trio.move_on_after(self.left + GREETING):
            async with trio.open_nursery() as nursery:
                for target in self.order.targets:
                    for number in range(self.order.identities):
                        nursery.start_soon(self._identity, target, number, record)

    async def _identity(self, target: Target, number: int, record: Recorder) -> None:
        who, attempts = f"{number}>{target.index}", 0
        while not self.over:
            turn = number + 1_000 * attempts if self.fresh_identities else number
            attempts += 1
            seed, source = self.order.identity(turn), self.order.source_of(number)
            ended = await self._connection(target, seed, source, who, record)
            if not self.over:
                record.add(CUT, who, ended)
                await trio.sleep(min(AGAIN, self.left))

    async def _connection(
        self, target: Target, seed: bytes, source: str, who: str, record: Recorder
    ) -> str:
        """Dial, greet and attack; return why it ended."""
        order, session = self.order, None
        try:
            async with dialled(
                parse(target.address), seed, genesis=order.genesis_hash, source=source
            ) as attacker:
                session = Session(attacker, who, record, self)
                await self.prepare(session)
                with trio.fail_after(GREETING):
                    if await attacker.greet(addresses=self.addresses(attacker.name)) is None:
                        return "the handshake was refused"
                record.add(CONNECTED, who)
                await self._watched(session)
        except Exception as error:  # noqa: BLE001  (libp2p ends in a dozen ways, groups among them)
            if not (is_of_connection(error) or (session is not None and session.is_closed)):
                record.add(BROKEN, who, repr(error))
            return repr(error)
        return "the node has closed the connection"

    async def _watched(self, session: Session) -> None:
        """Run the script until it ends or the connection does."""
        async with trio.open_nursery() as nursery:

            async def scripted() -> None:
                await self.script(session)
                nursery.cancel_scope.cancel()

            nursery.start_soon(scripted)
            while not session.attacker.connection.is_closed and not self.over:
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()


class GossipFlood(PeerAttack):
    """Gossips one payload after another, `rate` bytes a second from all identities together.

    From many networks it is a tenth of that from each.
    """

    topic: str
    rate: float
    """Bytes a second at each target."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.make: Callable[[], bytes] = self.maker()

    @abstractmethod
    def maker(self) -> Callable[[], bytes]:
        """Return the function that makes the next payload."""

    async def script(self, session: Session) -> None:
        due = trio.current_time()
        # Attackers in many networks have more of all: a tenth of the rate for each network.
        rate = self.rate * max(1.0, self.order.networks / 10) / self.order.identities
        while not self.over:
            payload = self.make()
            await session.gossip(self.topic, payload)
            due = max(due, trio.current_time() - 1) + len(payload) / rate
            await trio.sleep_until(due)


class Leaver(GossipFlood):
    """Writes for a second, disconnects, and connects again with another identity."""

    fresh_identities = True

    async def script(self, session: Session) -> None:
        with trio.move_on_after(1.0):
            await super().script(session)
