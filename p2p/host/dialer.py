"""Dialling of the peers that the peer book selects."""

from __future__ import annotations

import logging
from typing import Final

import trio
from libp2p.peer.id import ID

from p2p.address import Address
from p2p.dial_plan import Dial
from p2p.host.connected import ConnectedPeers
from p2p.host.containment import contain
from p2p.host.transport import Transport
from p2p.peers import PeerBook
from p2p.steady import now_ms

log = logging.getLogger(__name__)

DIAL_SECONDS: Final = 10.0


class Dialer:
    """Dials in progress, by peer."""

    def __init__(self, transport: Transport, book: PeerBook, peers: ConnectedPeers) -> None:
        self._transport = transport
        self._book = book
        self._peers = peers
        self._dialled: dict[ID, Address] = {}

    def address_of(self, peer_id: ID) -> Address | None:
        """Return the address at which a peer is being dialled, None if it is not."""
        return self._dialled.get(peer_id)

    async def run(self, every_ms: int) -> None:
        """Dial the due peers, repeatedly."""
        while True:
            with contain("dials"):
                for dial in self._book.dials.tick(now_ms()):
                    self._transport.start_soon(self._dial, dial)
            await trio.sleep(every_ms / 1_000)

    async def _dial(self, dial: Dial) -> None:
        peer_id = ID.from_string(dial.peer)
        if peer_id in self._peers:
            # It connected to us in the meantime: its handshake informs the book.
            self._book.dials.failed(dial.peer, now_ms())
            return
        self._dialled[peer_id] = dial.address
        try:
            with trio.fail_after(DIAL_SECONDS):
                private = self._book.allows_private(dial.address)
                await self._transport.dial(dial.address, allow_private=private)
        except Exception as error:  # noqa: BLE001  (a dial fails in a dozen ways)
            log.debug("cannot reach %s: %r", dial.address, error)
        finally:
            self._dialled.pop(peer_id, None)
            # Also if it disconnected before, or the host failed: a dial without a reported end
            # would block all further ones of this peer.
            if peer_id not in self._peers:
                self._book.dials.failed(dial.peer, now_ms())
