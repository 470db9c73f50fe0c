"""The network as the engine sees it, on libp2p."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from libp2p.crypto.ed25519 import create_new_key_pair

from btt_chain.primitives.ss58 import to_base58
from p2p.address import PEER_ID_PREFIX
from p2p.checks import check
from p2p.host.containment import contained
from p2p.host.node import Node
from p2p.host.thread import TrioThread
from p2p.mailbox import Mailbox
from p2p.network import Action, Event, PeerView, Publish, Tell
from p2p.peers import Ban
from p2p.settings import NetworkSettings


class Libp2pNetwork:
    """`p2p.network.Network` on libp2p: a thread of its own, and a mailbox each way."""

    def __init__(self, settings: NetworkSettings) -> None:
        public = create_new_key_pair(settings.key_seed).public_key.to_bytes()
        self._local_peer = to_base58(PEER_ID_PREFIX + public)
        self._inbox: Mailbox[Action] = Mailbox(self._wake_inside)
        self._outbox: Mailbox[Event] = Mailbox(self._wake_outside)
        self._node = Node(settings, self._inbox, self._outbox)
        self._thread = TrioThread(self._node.run, f"p2p {self._local_peer[-6:]}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._stopped = False

    @property
    def local_peer(self) -> str:
        """Our own peer id."""
        return self._local_peer

    def listen_addresses(self) -> Sequence[str]:
        """Where we listen, as multiaddresses that end in our peer id; empty before `start`."""
        return self._node.addresses

    def peers(self) -> Sequence[PeerView]:
        """Those that are connected, handshake done, in the order of their coming."""
        return self._node.views

    def bans(self) -> Sequence[Ban]:
        """Who was banned when somebody last was, with times and reasons."""
        return self._node.banned

    def counters(self) -> Mapping[str, int]:
        """Numbers for metrics: what was contained or refused, lost in mailboxes, built anew.

        `bytes in`, `bytes out`, `penalties` and `bans` are always there.
        """
        traffic = self._node.traffic
        return {
            **contained,
            **{name: traffic[name] for name in ("bytes in", "bytes out", "penalties", "bans")},
            "lost on the way in": self._outbox.lost,
            "lost on the way out": self._inbox.lost,
            "host rebuilt": self._node.rebuilt,
        }

    def do(self, action: Action) -> None:
        """Carry out `action` soon. Never blocks.

        Raises ValueError for an unknown topic or protocol, a payload over its bound, or a cost
        that is not positive.
        """
        check(action)
        self._inbox.put(action, lossy=isinstance(action, Publish | Tell))

    async def events(self) -> AsyncIterator[Event]:
        """What happens, in order, until `stop`. One reader only."""
        while True:
            await self._news.wait()
            self._news.clear()
            for event in self._outbox.take():
                yield event
            if self._stopped:
                return

    async def start(self) -> None:
        """Listen and dial. Raises PortInUse, or NetworkError for whatever else prevents it."""
        self._loop = asyncio.get_running_loop()
        await self._thread.start()
        self._wake_inside()

    async def stop(self) -> None:
        """Close all connections. Safe to call twice, and before `start`."""
        await self._thread.stop()
        self._stopped = True
        self._news.set()

    def _wake_inside(self) -> None:
        self._thread.call(self._node.wake)

    def _wake_outside(self) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            return  # the event loop has ended: nobody reads any more
