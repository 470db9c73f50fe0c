"""Hosts for blobs on the loopback, and peers that misbehave."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import LOCAL_GATE, BlobHost, BlobSettings, GateLimits
from p2p.address import parse
from p2p.host import containment
from p2p.host.basic_host import new_host
from p2p.host.containment import new_swarm
from p2p.host.thread import TrioThread
from p2p.limits import Gate
from p2p.network import protocol_name
from p2p.protocols.work import WORK
from p2p.settings import unix_ms

GENESIS = b"\x07" * 32
PROTOCOL = TProtocol(protocol_name(GENESIS, WORK))
NAME = "model/" + "ab" * 32
HANG = 200.0

Handler = Callable[[INetStream], Awaitable[None]]


@asynccontextmanager
async def serving(store: BlobStore, gate: GateLimits = LOCAL_GATE) -> AsyncIterator[BlobHost]:
    """A host that serves a store."""
    listen = ("/ip4/127.0.0.1/tcp/0",)
    host = BlobHost(
        BlobSettings(os.urandom(32), GENESIS, listen, gate=gate, allow_private=True), store
    )
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


@asynccontextmanager
async def fetching(*, allow_private: bool = True) -> AsyncIterator[BlobHost]:
    """A host that only fetches."""
    host = BlobHost(BlobSettings(os.urandom(32), GENESIS, allow_private=allow_private))
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


@asynccontextmanager
async def hostile(handler: Handler, protocol: str = PROTOCOL) -> AsyncIterator[str]:
    """A server that does with each stream of the protocol as `handler` likes; its address."""
    swarm = new_swarm(os.urandom(32), Gate(LOCAL_GATE), 64, unix_ms, Counter())
    host = new_host(swarm)
    found: list[str] = []

    async def main(ready: Callable[[], None], stop: trio.Event) -> None:
        containment.install()
        host.set_stream_handler(TProtocol(protocol), handler)
        async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
            for listener in swarm.listeners.values():
                found.extend(f"{at}/p2p/{swarm.get_peer_id()}" for at in listener.get_addrs())
            ready()
            await stop.wait()
            with trio.move_on_after(2) as scope:
                scope.shield = True
                await host.close()

    thread = TrioThread(main, "hostile")
    await thread.start()
    try:
        yield found[0]
    finally:
        await thread.stop()


@dataclass
class Attacker:
    """A client that speaks libp2p well, and everything above it as it likes."""

    host: BasicHost
    victim: ID
    connection: INetConn

    async def stream(self, protocol: str = PROTOCOL) -> INetStream:
        """A stream to the victim."""
        return await self.host.new_stream(self.victim, [TProtocol(protocol)])

    async def is_cut_off(self) -> None:
        """Wait until the victim has closed the connection."""
        with trio.fail_after(HANG):
            while not self.connection.is_closed:
                await trio.sleep(0.02)


async def attack(endpoint: str, script: Callable[[Attacker], Awaitable[None]]) -> None:
    """Run `script` against a server, in a thread of its own."""
    await asyncio.to_thread(trio.run, _attack, endpoint, script)


async def _attack(endpoint: str, script: Callable[[Attacker], Awaitable[None]]) -> None:
    target = parse(endpoint)
    swarm = new_swarm(os.urandom(32), Gate(LOCAL_GATE), 64, unix_ms, Counter())
    host = new_host(swarm)
    victim = ID.from_string(target.peer)
    with trio.fail_after(HANG):
        async with host.run(listen_addrs=[]):
            try:
                connection = await swarm.dial_addr(Multiaddr(target.socket), victim)
                await script(Attacker(host, victim, connection))
            finally:
                with trio.move_on_after(2) as scope:
                    scope.shield = True
                    await host.close()
