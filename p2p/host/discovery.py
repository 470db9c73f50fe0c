"""Discovery of nodes: the driver of the Kademlia finder (`p2p.kademlia.finder`).

It sends the finder's searches and probes, reports their results, and answers the searches of peers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import trio

from p2p.address import UNSPECIFIED, Address, parse
from p2p.dial_plan import Dial
from p2p.errors import Refused, WireError
from p2p.host.connected import ConnectedPeers, Peer
from p2p.host.containment import contain, note
from p2p.host.dialer import DIAL_SECONDS
from p2p.host.penalties import Penalties
from p2p.host.probe import ForeignNode
from p2p.host.streams import READ_SECONDS
from p2p.host.transport import Transport
from p2p.kademlia.finder import Find, Finder, Probe
from p2p.kademlia.table import KEY_BYTES
from p2p.network import KAD
from p2p.peers import PeerBook
from p2p.reputation import FATAL
from p2p.steady import now_ms
from p2p.wire import Search, decode_addresses, encode_addresses, encode_search

log = logging.getLogger(__name__)


class Discovery:
    """Searches for nodes, ours and those of peers. `nodes_known` may be read from other threads."""

    def __init__(
        self,
        transport: Transport,
        book: PeerBook,
        finder: Finder,
        peers: ConnectedPeers,
        penalties: Penalties,
        traffic: Counter[str],
    ) -> None:
        """`traffic` counts lookups."""
        self._transport = transport
        self._book = book
        self._finder = finder
        self._peers = peers
        self._penalties = penalties
        self._traffic = traffic
        self.nodes_known = 0

    # --- our searches -----------------------------------------------------------------

    async def run(self, every_ms: int) -> None:
        """Start the due searches and probes, repeatedly."""
        while True:
            with contain("discovery"):
                self._start_due()
            await trio.sleep(every_ms / 1_000)

    def _start_due(self) -> None:
        for action in self._finder.todo(now_ms()):
            match action:
                case Find():
                    self._transport.start_soon(self._find, action)
                case Probe():
                    self._transport.start_soon(self._probe, action)
        self.nodes_known = len(self._finder.table)
        self._traffic["lookups"] = self._finder.lookups

    async def _find(self, find: Find) -> None:
        """Ask a node for others: a connected one, or one that the book permits to dial."""
        target = self._target_of(find)
        if target is None:
            self._finder.skipped(find)
            self._start_due()
            return
        named: Sequence[Address] | None = None
        try:
            answer = await self._search(target, find.target)
            named = None if answer is None else readable(decode_addresses(answer))
        except WireError as error:
            self._penalties.penalise(find.peer, FATAL, f"{KAD}: {error}")
        except ForeignNode:
            self.note_foreign(find.peer)
        except Exception as error:  # noqa: BLE001  (libp2p ends a request in a dozen ways)
            note(KAD, error)
        finally:
            # Also if the host failed: without a reported end the peer would not be asked again.
            if isinstance(target, Dial):
                self._book.dials.failed(find.peer, now_ms())  # no effect if it was reached
            if named is None:
                self._finder.failed(find)
            else:
                self._finder.answered(find, named, now_ms())
                self._book.add_reported(named)
        self._start_due()

    def _target_of(self, find: Find) -> Peer | Dial | None:
        """Return the peer to send a search to, or where to dial it; None if it must wait."""
        peer = self._peers.by_name(find.peer)
        if peer is None or peer.status is None:
            return self._book.dials.once(find.peer, now_ms())
        return peer if peer.outbound_limits.allows(KAD, now_ms()) else None

    async def _search(self, node: Peer | Dial, target: int) -> bytes | None:
        """Return the answer of a node to a search; None if it refuses."""
        search = Search(target.to_bytes(KEY_BYTES, "big"), self._transport.reported_addresses())
        request = encode_search(search)
        if isinstance(node, Peer):
            with trio.fail_after(READ_SECONDS):
                return await self._transport.request(node.id, KAD, request)
        with trio.fail_after(DIAL_SECONDS):
            private = self._book.allows_private(node.address)
            ip, answer = await self._transport.request_once(
                node.address, KAD, request, allow_private=private
            )
        self._book.dialled_once(node.address, now_ms())
        self._finder.reached(node.address, ip, now_ms())
        return answer

    async def _probe(self, action: Probe) -> None:
        """Probe whether a node that connected to us can be reached at its reported address."""
        address, ip = action.address, None
        try:
            if self._book.bar(address.peer, now_ms()) is None:
                with trio.fail_after(READ_SECONDS):
                    private = self._book.allows_private(address)
                    ip = await self._transport.probe(address, allow_private=private)
        except Exception as error:  # noqa: BLE001  (a dial fails in a dozen ways)
            log.debug("no answer at %s: %r", address, error)
        finally:
            if ip is None:
                self._finder.unreachable(action, now_ms())
            else:
                self._book.reached(address, now_ms())
                self._finder.reached(address, ip, now_ms())
        self._start_due()

    # --- peers ------------------------------------------------------------------------

    def connected(self, peer: Peer, claims: Sequence[Address]) -> None:
        """Note that the handshake with a peer, which claims these addresses, succeeded."""
        self._finder.connected(peer.name, now_ms())
        if not peer.outbound:
            self._add_claims(peer, claims)
        elif peer.at is not None:
            self._finder.reached(peer.at, peer.ip, now_ms())

    def answer(self, peer: Peer, search: Search) -> bytes:
        """Return the answer to a node's search, whether it has a place here or not.

        Raises Refused.
        """
        why = self._book.bar(peer.name, now_ms())
        if why is not None:
            raise Refused(why)
        if peer.status is None:
            claims = claimed(search.addresses, peer.name, peer.ip)
            self._book.add_reported(claims)
            self._add_claims(peer, claims)
        nodes = self._finder.table.closest(int.from_bytes(search.target, "big"), spare=peer.name)
        return encode_addresses([str(node) for node in nodes if self._book.accepts(node)])

    def _add_claims(self, peer: Peer, claims: Sequence[Address]) -> None:
        """Queue a probe of one of the addresses that a node which connected to us reports."""
        accepted = [address for address in claims if self._book.accepts(address)]
        for address in sorted(accepted, key=lambda one: one.host != peer.ip)[:1]:
            self._finder.add_claim(address, peer.ip)

    def note_foreign(self, name: str) -> None:
        """Note that a node is of another chain or version."""
        self._book.note_foreign(name, now_ms())
        self._finder.forget(name)


def claimed(texts: Sequence[str], peer: str, ip: str) -> Sequence[Address]:
    """Return the listen addresses that a peer claims; 0.0.0.0 or :: becomes its IP address."""
    addresses = []
    for address in readable(texts):
        if address.peer != peer:
            continue
        if address.host not in UNSPECIFIED:
            addresses.append(address)
        elif ip:
            addresses.append(address._replace(kind="ip6" if ":" in ip else "ip4", host=ip))
    return addresses


def readable(texts: Sequence[str]) -> Sequence[Address]:
    """Return the addresses that can be dialled; others are dropped and counted."""
    addresses = []
    for text in texts:
        try:
            addresses.append(parse(text))
        except ValueError as error:
            note("address", error)
    return addresses
