"""A victim, an honest peer and an attacker: real hosts on the loopback, each in its own thread."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.utils.varint import encode_varint_prefixed
from multiaddr import Multiaddr

from p2p.address import Address, parse
from p2p.dial_plan import BookConfig
from p2p.host.basic_host import new_host
from p2p.host.containment import new_swarm
from p2p.host.libp2p_network import Libp2pNetwork
from p2p.host.streams import read_frame, write_frame
from p2p.limits import LOCAL_GATE, Gate, GateLimits
from p2p.network import (
    ANNOUNCE,
    BLOCKS,
    EXCHANGES,
    STATUS,
    Answer,
    Answered,
    Ask,
    Asked,
    Connected,
    Event,
    Failed,
    GossipReceived,
    Publish,
    Status,
    protocol_name,
)
from p2p.peer_records import PeerRecord
from p2p.settings import NetworkSettings
from p2p.steady import now_ms
from p2p.wire import Hello, encode_hello

GENESIS = b"\x07" * 32
START = Status(1, 0, GENESIS, 0, GENESIS)
BAD_HOSTS = (
    "ip6/2606:4700::1%x", "ip6/fe80::1%eth0", "ip6/::%1", "ip6/::ffff:10.0.0.1",
    "ip6/::", "ip6/64:ff9b::a9fe:a9fe", "ip4/0.0.0.0", "ip4/255.255.255.255",
    "ip4/224.0.0.1", "ip4/1.2.3.4%x", "ip4/010.0.0.1", "dns/a..b",
    "dns/boot_node", "dns4/x.", "dns6/localhost", "dns/2130706433",
    "dns/%", "dnsaddr/x.example", "ip4/", "unix/x",
    "ip6/" + "1" * 80, "dns/é", "dns/\0", "dns/XN--abc",
)  # fmt: skip
"""Hosts of addresses, four for each message of a peer."""
HANG = 200.0
"""Seconds until a wait counts as a hang; no test waits for it otherwise."""


def settings(
    *boot: str,
    genesis: bytes = GENESIS,
    listen: str = "/ip4/127.0.0.1/tcp/0",
    gate: GateLimits = LOCAL_GATE,
    seed: bytes | None = None,
    book: BookConfig | None = None,
    handshake_ms: int = 10_000,
    poll_ms: int = 1_000,
) -> NetworkSettings:
    """A node on the loopback that dials `boot` at once and polls often."""
    return NetworkSettings(
        os.urandom(32) if seed is None else seed,
        genesis,
        START,
        (listen,),
        book=book or BookConfig(bootnodes=tuple(map(parse, boot)), allow_private=True),
        gate=gate,
        poll_ms=poll_ms,
        handshake_ms=handshake_ms,
        dial_every_ms=100,
        find_every_ms=500,
    )


@dataclass
class Witness:
    """A network whose events are kept, and whose questions are answered with an echo."""

    network: Libp2pNetwork
    events: list[Event] = field(default_factory=list)
    echo: bool = True
    asked: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        return self.network.listen_addresses()[0]

    async def read(self) -> None:
        async for event in self.network.events():
            self.events.append(event)
            if isinstance(event, Asked) and self.echo:
                self.network.do(Answer(event.id, b"echo " + event.data))
            self._changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true that an event can make true."""
        async with asyncio.timeout(HANG):
            while not true():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.2)
                except TimeoutError:
                    continue

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def connected(self, count: int = 1) -> None:
        await self.until(lambda: len(self.network.peers()) >= count)

    async def ask(self, peer: str, data: bytes = b"?", timeout_ms: int = 20_000) -> Event:
        """Ask for blocks and return the outcome."""
        self.asked += 1
        number = self.asked

        def outcome() -> list[Event]:
            return [e for e in self.events if isinstance(e, Answered | Failed) and e.id == number]

        self.network.do(Ask(number, peer, BLOCKS, data, timeout_ms))
        await self.until(outcome)
        return outcome()[0]


@asynccontextmanager
async def running(config: NetworkSettings) -> AsyncIterator[Witness]:
    """A started network; stopped at the end, whatever happens."""
    witness = Witness(Libp2pNetwork(config))
    await witness.network.start()
    reader = asyncio.create_task(witness.read())
    try:
        yield witness
    finally:
        await witness.network.stop()
        await asyncio.wait_for(reader, HANG)


async def serves_an_honest_peer(victim: Witness) -> None:
    """Check that the victim admits a new node, answers it, and receives its gossip."""
    async with running(settings(victim.address)) as honest:
        await honest.connected()
        answer = await honest.ask(victim.network.local_peer)
        assert isinstance(answer, Answered), answer
        assert answer.data == b"echo ?"
        news = os.urandom(8)
        honest.network.do(Publish(ANNOUNCE, news))
        await victim.until(
            lambda: any(isinstance(e, GossipReceived) and e.data == news for e in victim.events)
        )


@dataclass
class Attacker:
    """A host that speaks libp2p well, and everything above it as it likes."""

    host: BasicHost
    victim: ID
    connection: INetConn
    genesis: bytes = GENESIS
    """Genesis hash in the names of protocols."""

    @property
    def name(self) -> str:
        return str(self.host.get_id())

    @property
    def status(self) -> Status:
        """Status that it claims: the first block."""
        return Status(1, 0, self.genesis, 0, self.genesis)

    async def stream(self, name: str) -> INetStream:
        protocol = name if name.startswith("/") else protocol_name(self.genesis, name)
        return await self.host.new_stream(self.victim, [TProtocol(protocol)])

    async def greet(
        self, genesis: bytes | None = None, addresses: Sequence[str] = ()
    ) -> bytes | None:
        """The handshake, as an honest node does it."""
        chosen = self.genesis if genesis is None else genesis
        stream = await self.stream(STATUS)
        hello = Hello(chosen, self.status, tuple(addresses), now_ms())
        await write_frame(stream, encode_hello(hello))
        return await answer_of(stream, EXCHANGES[STATUS].answer)

    def answer_status(self) -> None:
        """Answer the polls of the victim, which otherwise disconnects after three of them."""

        self.answer(STATUS, encode_hello(Hello(self.genesis, self.status, (), now_ms())))

    def answer(self, name: str, payload: bytes) -> None:
        """Answer every request of a protocol with this payload."""

        async def answer(stream: INetStream) -> None:
            await read_frame(stream, EXCHANGES[name].request)
            await write_frame(stream, payload)
            await stream.close()

        protocol = TProtocol(protocol_name(self.genesis, name))
        self.host.set_stream_handler(protocol, answer)

    async def mesh(self, *rpcs: bytes) -> INetStream:
        """Write RPCs to a gossip stream."""
        stream = await self.stream(PROTOCOL_ID_V11)
        for rpc in rpcs:
            await stream.write(encode_varint_prefixed(rpc))
        return stream

    async def is_cut_off(self) -> None:
        """Wait until the victim has closed the connection."""
        with trio.fail_after(HANG):
            while not self.connection.is_closed:
                await trio.sleep(0.02)


async def answer_of(stream: INetStream, bound: int) -> bytes | None:
    """Return the answer on a stream; None if the victim refuses.

    It disconnects right after a refusal, and the library drops bytes of a closed connection that
    were not read yet: so a closed stream is a refusal, too.
    """
    try:
        return await read_frame(stream, bound)
    except StreamEOF:
        return None


async def attack(victim: Witness, script: Callable[[Attacker], Awaitable[None]]) -> str:
    """Run `script` in a thread of its own; returns the attacker's peer id."""
    target = parse(victim.address)
    return await asyncio.to_thread(trio.run, _attack, target, script)


async def turned_away(
    victim: Witness, script: Callable[[Attacker], Awaitable[None]] = Attacker.is_cut_off
) -> None:
    """Dial as an unknown peer, run `script`, by default wait for the end of the connection.

    The victim may close it before the attacker's library has it: then its dial fails.
    """
    try:
        await attack(victim, script)
    except BaseExceptionGroup as failed:
        if failed.split(_is_closed_early)[1] is not None:
            raise


def _is_closed_early(error: BaseException) -> bool:
    return isinstance(error, SwarmException) and "closed while starting" in str(error)


async def _attack(target: Address, script: Callable[[Attacker], Awaitable[None]]) -> str:
    with trio.fail_after(HANG):
        async with dialled(target, os.urandom(32)) as attacker:
            await script(attacker)
            return attacker.name


@asynccontextmanager
async def dialled(
    target: Address, seed: bytes, *, genesis: bytes = GENESIS, source: str | None = None
) -> AsyncIterator[Attacker]:
    """An attacker with this identity, connected from the address `source` (trio)."""
    swarm = new_swarm(seed, Gate(LOCAL_GATE), 64, now_ms, Counter())
    host = new_host(swarm)
    victim = ID.from_string(target.peer)
    async with host.run(listen_addrs=[]):
        try:
            bound = None if source is None else (source, 0)
            connection = await swarm.dial_addr(Multiaddr(target.socket), victim, bound)
            yield Attacker(host, victim, connection, genesis)
        finally:
            with trio.move_on_after(2) as scope:
                scope.shield = True
                await host.close()


def record_of(witness: Witness, peer: str) -> PeerRecord:
    """Return a node's record of a peer; an empty record of an unknown peer."""
    return witness.network._node._book._records.get(peer) or PeerRecord(peer)


def bans_of(victim: Witness, peer: str) -> Sequence[str]:
    """Why the victim banned `peer`."""
    return [ban.why for ban in victim.network.bans() if ban.peer == peer]


__all__ = [
    "GENESIS",
    "HANG",
    "START",
    "Attacker",
    "Connected",
    "Witness",
    "attack",
    "bans_of",
    "dialled",
    "running",
    "serves_an_honest_peer",
    "settings",
    "turned_away",
]
