"""The libp2p host of the network, with the operations on it that the network needs.

The host may fail and be rebuilt (`build`); this object, and everything that uses it, lives on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVarTuple, cast

import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2p.address import Address
from p2p.errors import NetworkError
from p2p.host.basic_host import new_host, probe_port, quietly
from p2p.host.containment import new_swarm, note, reset, run_contained
from p2p.host.probe import probe, request_once
from p2p.host.resolving import dial_first
from p2p.host.streams import read_frame, write_frame
from p2p.limits import Gate
from p2p.network import EXCHANGES, GRANDPA_PEER, protocol_name
from p2p.settings import NetworkSettings
from p2p.steady import now_ms
from p2p.wire import OWN_ADDRESSES

if TYPE_CHECKING:
    from libp2p.network.connection.swarm_connection import SwarmConn

CLOSE_SECONDS: Final = 1.5

Ts = TypeVarTuple("Ts")


class Transport:
    """Streams, requests and dials on the current libp2p host."""

    nursery: trio.Nursery
    """Nursery of the tasks of peers; there is one while the host runs."""

    def __init__(
        self, settings: NetworkSettings, new_gate: Callable[[], Gate], traffic: Counter[str]
    ) -> None:
        """`traffic` counts bytes in and out."""
        self.settings = settings
        self._new_gate = new_gate
        self._traffic = traffic
        self._protocols = {
            name: TProtocol(protocol_name(settings.genesis, name))
            for name in (*EXCHANGES, GRANDPA_PEER)
        }
        self.local_peer = str(ID.from_pubkey(create_new_key_pair(settings.key_seed).public_key))
        self.gate = new_gate()
        self.addresses: tuple[str, ...] = ()
        """Listen addresses, which end in our peer id. Read from other threads."""

    # --- the host ---------------------------------------------------------------------

    def build(self, on_stream: Callable[[ID], bool]) -> Sequence[Multiaddr]:
        """Make a new host and return the addresses to listen on. Raises PortInUse.

        `on_stream` counts a stream of a peer and returns True if it is admitted.
        """
        settings = self.settings
        listen = [Multiaddr(text) for text in self._to_bind()]
        for text in self._to_bind():
            probe_port(text)
        most = settings.gate.total + settings.book.max_out + len(settings.book.reserved) + 16
        self.gate = self._new_gate()
        self.swarm = new_swarm(settings.key_seed, self.gate, most, now_ms, self._traffic)
        self.swarm.on_stream = on_stream
        self.host = new_host(self.swarm)
        return listen

    def _to_bind(self) -> Sequence[str]:
        """Return the addresses to listen on: after a failure the same ports as before."""
        if not self.addresses:
            return self.settings.listen
        return [text.partition("/p2p/")[0] for text in self.addresses]

    def check_listeners(self, wanted: int) -> None:
        """Raise NetworkError if libp2p could not listen: it does not report it (defect 11)."""
        bound = [
            address
            for listener in self.swarm.listeners.values()
            for address in listener.get_addrs()
        ]
        if len(bound) < wanted:
            raise NetworkError(f"cannot listen on {', '.join(self._to_bind())}")
        self.addresses = tuple(f"{address}/p2p/{self.local_peer}" for address in bound)

    async def close(self) -> None:
        """Close all connections concurrently: the library takes 0.2 s for each, one by one.

        Without this the sockets stay open when the host is left (defect 8).
        """
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            async with trio.open_nursery() as nursery:
                for connection in self.swarm.get_connections():
                    nursery.start_soon(quietly, connection.close)
        with trio.move_on_after(CLOSE_SECONDS) as scope:
            scope.shield = True
            await quietly(self.host.close)

    def reported_addresses(self) -> tuple[str, ...]:
        """Return the listen addresses that we report."""
        public = [f"{text}/p2p/{self.local_peer}" for text in self.settings.public]
        return tuple((public or list(self.addresses))[:OWN_ADDRESSES])

    def start_soon(self, task: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> None:
        """Start a task that ends with the host; what it raises does not end the host.

        A host that is ending starts no more: peers may still connect to it then.
        """
        try:
            self.nursery.start_soon(run_contained, task, *args)
        except RuntimeError as error:  # the nursery is closed
            note("start", error)

    # --- connections ------------------------------------------------------------------

    def connections(self, peer: ID | None = None) -> Sequence[SwarmConn]:
        """Return the connections with a peer; all connections without one."""
        return cast("list[SwarmConn]", self.swarm.get_connections(peer))

    async def dial(self, address: Address, *, allow_private: bool) -> None:
        """Dial one address, past the library's negative cache and its own choice (defect 7).

        Raises what libp2p raises, and what `dial_first` raises.
        """
        peer = ID.from_string(address.peer)
        dial = partial(self.swarm.dial_addr, peer_id=peer)
        await dial_first(address, dial, allow_private=allow_private)

    async def close_peer(self, peer: ID) -> None:
        """Close all connections with a peer."""
        await self.swarm.close_peer(peer)

    async def probe(self, address: Address, *, allow_private: bool) -> str:
        """Return the IP address at which the node of `address` answered. Raises as `dial` does."""
        return await probe(self.swarm, address, allow_private=allow_private)

    # --- streams ----------------------------------------------------------------------

    def handle(self, protocol: str, handler: Callable[[INetStream], Awaitable[None]]) -> None:
        """Register the handler of streams that peers open for a protocol."""
        self.host.set_stream_handler(self._protocols[protocol], handler)

    async def open_stream(self, peer: ID, protocol: str) -> INetStream:
        """Open a stream to a connected peer. Raises what libp2p raises."""
        return await self.host.new_stream(peer, [self._protocols[protocol]])

    async def request(self, peer: ID, protocol: str, data: bytes) -> bytes | None:
        """Send a request on a stream of its own and return the answer, None if it is refused.

        The caller sets the deadline (defect 16). Raises WireError for a malformed answer,
        StreamEnded, and any error of libp2p.
        """
        stream = await self.open_stream(peer, protocol)
        try:
            await write_frame(stream, data)
            answer = await read_frame(stream, EXCHANGES[protocol].answer)
            await stream.close()
        except BaseException:
            await reset(stream)
            raise
        return answer

    async def request_once(
        self, address: Address, protocol: str, data: bytes, *, allow_private: bool
    ) -> tuple[str, bytes | None]:
        """Send a request to a node that is not connected (`p2p.host.probe.request_once`)."""
        return await request_once(
            self.swarm,
            address,
            self._protocols[protocol],
            data,
            EXCHANGES[protocol].answer,
            allow_private=allow_private,
        )
