"""The peer book: known peers, admission, dials and bans. Pure; time is an argument.

A peer is judged by its own behaviour towards this node, never by reports. At too low a reputation
it is banned (`reputation.py`); peers that the operator reserved are not. `dials` selects the peers
to dial (`dial_plan.py`).

Addresses that other peers report are unverified: bounded in number, and neither passed on nor
stored until they were dialled with success (`peer_records.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from p2p.address import Address
from p2p.dial_plan import BookConfig, DialPlan, Places
from p2p.peer_records import ADDRESSES_PER_PEER, MAX_PROVEN, KnownPeer, PeerRecord, PeerRecords
from p2p.reputation import MINUTE_MS, Ban, BanList

FOREIGN_MS: Final = 30 * MINUTE_MS
"""Time in which a peer of another chain or version is not dialled."""
GUIDES: Final = 20
"""Maximum number of peers that a search may start with if no near node is known."""
NO_PLACE: Final = "no place left"
"""Reason why a peer is refused when all places of its direction are taken."""


class PeerBook:
    """All known peers. Not thread-safe."""

    def __init__(
        self, local_peer: str, config: BookConfig, seed: int, known: Iterable[KnownPeer] = ()
    ) -> None:
        self._local = local_peer
        self._config = config
        self._records = PeerRecords()
        self._bans = BanList()
        self._allowed: frozenset[str] | None = None
        self.places = Places(config, self._records)
        self.dials = DialPlan(config, self._records, self.places, self.allows, seed)
        # One list of boot nodes serves all nodes of a network, also those in it.
        for address in config.bootnodes:
            if address.peer != local_peer:
                self._named(address).bootnode = True
        for address in config.reserved:
            if address.peer != local_peer:
                self._named(address).reserved = True
        self.remember(known)

    def _named(self, address: Address) -> PeerRecord:
        record = self._records.get_or_add(address.peer)
        record.addresses.append(address)
        return record

    # --- queries --------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._records)

    def is_reserved(self, peer: str) -> bool:
        """Return True if the operator reserved a place for `peer`."""
        record = self._records.get(peer)
        return record is not None and record.reserved

    def is_named(self, peer: str) -> bool:
        """Return True if `peer` is a boot node or reserved."""
        record = self._records.get(peer)
        return record is not None and record.anchor

    def allows(self, peer: str) -> bool:
        """Return True if `allow_only` admits `peer`."""
        return self._allowed is None or peer in self._allowed

    def is_banned(self, peer: str, now_ms: int) -> bool:
        """Return True if `peer` is banned now. Reserved peers are not."""
        record = self._records.get(peer)
        if record is None or record.reserved:
            return False
        return record.reputation.banned_until_ms > now_ms

    def reputation(self, peer: str, now_ms: int) -> int:
        """Return the reputation of `peer` now: 0, or negative."""
        record = self._records.get(peer)
        return 0 if record is None else record.reputation.at(now_ms)

    def bans(self, now_ms: int) -> Sequence[Ban]:
        """Return the current bans, the oldest first."""
        return self._bans.current(now_ms)

    def refusal(self, peer: str, now_ms: int, *, outbound: bool) -> str | None:
        """Return why `peer` cannot be connected now; None if it can."""
        why = self.bar(peer, now_ms)
        record = self._records.get(peer)
        if why is not None or (record is not None and record.reserved):
            return why
        if outbound:
            left = self.places.left_out(anchor=record is not None and record.anchor)
        else:
            left = self.places.left_in()
        return NO_PLACE if left <= 0 else None

    def bar(self, peer: str, now_ms: int) -> str | None:
        """Return why not even a one-shot request of `peer` is served; None if it is."""
        if peer == self._local:
            return "it is this node"
        if not self.allows(peer):
            return "it is not one of the peers allowed now"
        if self.is_reserved(peer):
            return None
        if self._config.reserved_only:
            return "only reserved peers are let in"
        if self.is_banned(peer, now_ms):
            why = self._bans.reason(peer)
            return "banned" if why is None else f"banned: {why}"
        return None

    def accepts(self, address: Address) -> bool:
        """Return True if an address that another peer reported may be dialled, and passed on."""
        return address.public or self._config.allow_private

    def allows_private(self, address: Address) -> bool:
        """Return True if an address may lead into a private network.

        The operator named it or permits all, or it is an IP address that we reached before. A name
        may lead elsewhere today.
        """
        record = self._records.get(address.peer)
        if self._config.allow_private or record is None:
            return self._config.allow_private
        is_named = record.anchor and address in record.addresses
        return is_named or (record.proven == address and not address.is_name)

    def guides(self) -> Sequence[str]:
        """Return the peers that a search may start with: the named, then those seen last."""
        named = [record.peer for record in self._records if record.anchor]
        return [*named, *(peer.address.peer for peer in self.known())][:GUIDES]

    def known(self) -> Sequence[KnownPeer]:
        """Return the peers to store: those that we reached ourselves, the most recent first."""
        proven = [
            KnownPeer(record.proven, record.last_seen_ms)
            for record in self._records
            if record.proven is not None and not record.reputation.banned_until_ms
        ]
        return sorted(proven, key=_recent_first)[:MAX_PROVEN]

    # --- events ---------------------------------------------------------------------

    def remember(self, known: Iterable[KnownPeer]) -> None:
        """Add peers that were stored before a restart."""
        for peer in known:
            if peer.address.peer == self._local:
                continue
            record = self._records.get_or_add(peer.address.peer)
            record.last_seen_ms = peer.last_seen_ms
            if not record.anchor:
                record.proven = peer.address
                record.addresses.append(peer.address)

    def add_reported(self, addresses: Iterable[Address]) -> None:
        """Add addresses that another peer reported."""
        for address in addresses:
            if address.peer == self._local or self._config.reserved_only:
                continue
            if not self.accepts(address):
                continue
            is_new = address.peer not in self._records
            record = self._records.get_or_add(address.peer)
            if is_new:
                self._records.bound_reported()
            # Configured addresses stay as they are: unverified ones must not redirect us.
            if not record.anchor and address not in record.addresses:
                record.addresses.append(address)
                del record.addresses[:-ADDRESSES_PER_PEER]

    def turned_away(self, peer: str) -> None:
        """Note that the peer we dialled has no place for us; one-shot requests remain possible."""
        record = self._records.get(peer)
        if record is not None:
            record.is_reachable = True

    def dialled_once(self, at: Address, now_ms: int) -> None:
        """Note that a one-shot request reached a node of our chain there, and is over."""
        self._records.get_or_add(at.peer).dialling = False
        self.reached(at, now_ms)

    def reached(self, at: Address, now_ms: int) -> None:
        """Note that we reached a node of our chain there, and closed the connection again."""
        record = self._records.get_or_add(at.peer)
        record.failures = 0
        record.is_reachable = True
        record.last_seen_ms = now_ms
        record.proven = at
        if not record.addresses:
            record.addresses.append(at)
        self._records.bound_proven(now_ms, spare=at.peer)

    def connected(self, peer: str, now_ms: int, *, outbound: bool, at: Address | None) -> None:
        """Note that `peer` finished the handshake; `at` is where we reached it, if we dialled."""
        record = self._records.get_or_add(peer)
        record.dialling = False
        record.failures = 0
        record.last_seen_ms = now_ms
        if outbound and at is not None:
            record.proven = at
        if record.connected:
            return
        record.connected, record.outbound = True, outbound
        self.places.take(record)

    def disconnected(self, peer: str, now_ms: int) -> None:
        """Note that `peer` is disconnected."""
        record = self._records.get(peer)
        if record is None or not record.connected:
            return
        record.connected = False
        record.last_seen_ms = now_ms
        self.places.release(record)
        self.dials.delay(record, now_ms)
        # A peer that connected once and cannot be dialled need not be remembered.
        if not record.addresses and record.proven is None and not record.anchor:
            self._records.forget(record, now_ms)

    def note_foreign(self, peer: str, now_ms: int) -> None:
        """Note that `peer` is of another chain or version: do not dial it for a while."""
        record = self._records.get(peer)
        if record is not None:
            record.not_before_ms = now_ms + FOREIGN_MS
            record.is_reachable = False

    def penalise(self, peer: str, cost: int, why: str, now_ms: int) -> bool:
        """Charge `peer`. Return True if that bans it. Raises ValueError unless `cost` > 0."""
        if cost <= 0:
            raise ValueError(f"a cost of {cost}")
        record = self._records.get_or_add(peer)
        self._records.bound_reported(spare=peer)
        reputation = record.reputation
        if not reputation.charge(cost, now_ms) or record.reserved:
            return False
        reputation.ban(now_ms)
        record.not_before_ms = max(record.not_before_ms, reputation.banned_until_ms)
        record.is_reachable = False
        self._bans.add(Ban(peer, reputation.banned_until_ms, why))
        return True

    # --- operator -------------------------------------------------------------------

    def reserve(self, address: Address) -> None:
        """Reserve a place for the peer at `address`, and forgive its offences."""
        if address.peer == self._local:
            return
        record = self._records.get_or_add(address.peer)
        if record.connected and not record.reserved:
            self.places.release(record)
        record.reserved = True
        record.addresses = [address, *(one for one in record.addresses if one != address)]
        del record.addresses[ADDRESSES_PER_PEER:]
        if not record.connected:
            record.proven = None  # the operator's address replaces ours
        record.reputation.forgive()
        record.not_before_ms = record.failures = 0
        self._bans.remove(address.peer)

    def unreserve(self, peer: str) -> None:
        """Treat `peer` like any other from now on."""
        record = self._records.get(peer)
        if record is None or not record.reserved:
            return
        record.reserved = False
        if record.connected:
            self.places.take(record)

    def allow_only(self, peers: Iterable[str] | None, now_ms: int) -> None:
        """Admit and dial these only, reserved ones too; None admits all, and dials them now."""
        self._allowed = None if peers is None else frozenset(peers)
        for record in self._records:
            if self.allows(record.peer) and record.reputation.banned_until_ms <= now_ms:
                record.failures = record.not_before_ms = 0


def _recent_first(peer: KnownPeer) -> tuple[int, str]:
    return -peer.last_seen_ms, peer.address.peer
