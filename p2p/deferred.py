"""A network whose program is imported when it starts.

libp2p takes longer to import than most of the node. A node opens its RPC first, and imports libp2p
in a thread meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

from p2p.address import other_than, parse_peer
from p2p.errors import NetworkError
from p2p.network import TRAFFIC, Action, Event, Network, PeerView

Order = Callable[[Network], None]


class DeferredNetwork:
    """`p2p.network.Network`, made by `open_network` when it starts.

    Before that it has no peers and no addresses. Orders of the operator wait; actions are refused.
    """

    def __init__(
        self, open_network: Callable[[], Network], local_peer: str, reserved: Sequence[str] = ()
    ) -> None:
        self._open = open_network
        self._local_peer = local_peer
        self._reserved = tuple(dict.fromkeys(reserved))
        self._orders: list[Order] = []
        self._network: Network | None = None

    @property
    def local_peer(self) -> str:
        """Peer id of this node."""
        return self._local_peer

    def listen_addresses(self) -> Sequence[str]:
        """Return the listen multiaddresses, which end in our peer id; empty before `start`."""
        return () if self._network is None else self._network.listen_addresses()

    def peers(self) -> Sequence[PeerView]:
        """Return the connected peers, handshake finished, in the order of connecting."""
        return () if self._network is None else self._network.peers()

    def nodes_known(self) -> int:
        """Return the number of nodes, connected or not, that we reached and would report."""
        return 0 if self._network is None else self._network.nodes_known()

    def counters(self) -> Mapping[str, int]:
        """Return counters for metrics, which only grow; those of TRAFFIC are always there."""
        return dict.fromkeys(TRAFFIC, 0) if self._network is None else self._network.counters()

    def do(self, action: Action) -> None:
        """Carry out `action` soon. Raises ValueError, and NetworkError before `start`."""
        self._started().do(action)

    def reserved(self) -> Sequence[str]:
        """Return the peers that the operator reserved: the node stays connected with them."""
        return self._reserved if self._network is None else self._network.reserved()

    def reserve(self, address: str) -> None:
        """Stay connected with the peer at a multiaddress. Raises ValueError."""
        peer = other_than(self._local_peer, address).peer
        if peer not in self._reserved:
            self._reserved = (*self._reserved, peer)
        self._order(lambda network: network.reserve(address))

    def unreserve(self, peer: str) -> None:
        """Treat a reserved peer like any other from now on. Raises ValueError: no peer id."""
        parse_peer(peer)
        self._reserved = tuple(one for one in self._reserved if one != peer)
        self._order(lambda network: network.unreserve(peer))

    def allow_only(self, peers: Sequence[str] | None) -> None:
        """Allow only these peers; None allows all. Raises ValueError for an invalid peer id."""
        chosen = None if peers is None else tuple(parse_peer(peer) for peer in peers)
        self._order(lambda network: network.allow_only(chosen))

    def events(self) -> AsyncIterator[Event]:
        """Yield the events, in order, until `stop`. Raises NetworkError before `start`."""
        return self._started().events()

    async def start(self) -> None:
        """Import the program; then listen and dial. Raises NetworkError if that fails."""
        self._network = network = await _imported(self._open)
        for order in self._orders:
            order(network)
        self._orders.clear()
        await network.start()

    async def stop(self) -> None:
        """Close all connections. Safe to call twice, and before `start`."""
        if self._network is not None:
            await self._network.stop()

    # --- internals ----------------------------------------------------------------------

    def _order(self, order: Order) -> None:
        if self._network is None:
            self._orders.append(order)
        else:
            order(self._network)

    def _started(self) -> Network:
        if self._network is None:
            raise NetworkError("the network has not started")
        return self._network


async def _imported(make: Callable[[], Network]) -> Network:
    """Return the result of `make`, called in a thread of its own.

    A program that is stopped meanwhile does not wait for the thread, as it would for one of
    `asyncio.to_thread`: it ends with the process.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Network] = loop.create_future()

    def set_result(result: Network | BaseException) -> None:
        if made.done():  # the start was cancelled
            return
        if isinstance(result, BaseException):
            made.set_exception(result)
        else:
            made.set_result(result)

    def work() -> None:
        try:
            result: Network | BaseException = make()
        except BaseException as error:  # noqa: BLE001 - a thread has no caller: raised in `await`
            result = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(set_result, result)

    threading.Thread(target=work, name="import of libp2p", daemon=True).start()
    return await made
