"""The peer book: known peers, dialling, admission and bans. Pure; time is an argument.

A peer is judged by its own behaviour towards this node, never by reports. Its reputation starts at
0, falls by the cost of each offence and recovers slowly; at `BAN_AT` it is banned, longer each
time. Peers that the operator reserved are not banned. The reason of each ban is kept.

Places: the numbers of inbound and of dialled peers are limited. One dialled place is kept for those
named in the configuration (boot nodes, reserved), so that an attacker that fills the address book
with its own machines cannot take all of them. Ordinary peers are selected at random from a seed,
preferably from networks with the fewest dialled peers. Reserved peers need no place.

Addresses that other peers report are unverified: bounded in number, and neither passed on nor
stored until they were dialled with success.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from p2p.address import Address

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS

BAN_AT: Final = -10_000
"""Two invalid commits, or a hundred bad signatures."""
FATAL: Final = -BAN_AT
"""Cost of an offence that no honest node commits: banned at once."""
RECOVERY_PER_SECOND: Final = 10
BAN_MS: Final = 10 * MINUTE_MS
MAX_BAN_MS: Final = 24 * HOUR_MS
FOREIGN_MS: Final = 30 * MINUTE_MS
"""Time in which a peer of another chain or version is not dialled."""
KEPT_BANS: Final = 256

FIRST_DELAY_MS: Final = 1 * SECOND_MS
MAX_DELAY_MS: Final = 10 * MINUTE_MS
MAX_ANCHOR_DELAY_MS: Final = 30 * SECOND_MS
GIVE_UP_AFTER: Final = 12
"""Failed dials in a row after which an ordinary peer is forgotten."""

ADDRESSES_PER_PEER: Final = 4
MAX_REPORTED: Final = 512
"""Maximum number of peers that others reported and we never reached."""
MAX_PROVEN: Final = 1_024
"""Maximum number of peers that we once dialled with success."""
DIALS_AT_ONCE: Final = 8
GUIDES: Final = 20
"""Maximum number of peers that a search may start with if no near node is known."""


@dataclass(frozen=True, slots=True)
class BookConfig:
    """Settings of the operator for peers."""

    max_in: int = 40
    max_out: int = 10
    bootnodes: tuple[Address, ...] = ()
    reserved: tuple[Address, ...] = ()
    reserved_only: bool = False
    allow_private: bool = False
    """True if private addresses that others reported may be dialled."""


class Dial(NamedTuple):
    """An order to dial a peer at an address now; the result is reported to the book."""

    peer: str
    address: Address


class Ban(NamedTuple):
    """A banned peer, the end of the ban and its reason."""

    peer: str
    until_ms: int
    why: str


class KnownPeer(NamedTuple):
    """A peer to remember over a restart."""

    address: Address
    last_seen_ms: int


@dataclass(slots=True)
class _Record:
    peer: str
    addresses: list[Address] = field(default_factory=list)
    bootnode: bool = False
    reserved: bool = False
    proven: Address | None = None
    """Address at which we reached it last."""
    last_seen_ms: int = 0
    failures: int = 0
    not_before_ms: int = 0
    dialling: bool = False
    is_reachable: bool = False
    """True if it answered when it was last dialled, with or without a free place."""
    connected: bool = False
    outbound: bool = False
    reputation: int = 0
    reputation_ms: int = 0
    bans: int = 0
    banned_until_ms: int = 0

    @property
    def anchor(self) -> bool:
        return self.bootnode or self.reserved


class PeerBook:
    """All known peers. Not thread-safe."""

    def __init__(
        self, local_peer: str, config: BookConfig, seed: int, known: Iterable[KnownPeer] = ()
    ) -> None:
        self._local = local_peer
        self._config = config
        self._randomness = random.Random(seed)  # noqa: S311  (who is dialled first is no secret)
        self._records: dict[str, _Record] = {}
        self._bans: dict[str, Ban] = {}
        self._allowed: frozenset[str] | None = None
        self._in = 0
        self._out = 0
        for address in config.bootnodes:
            self._named(address).bootnode = True
        for address in config.reserved:
            self._named(address).reserved = True
        self.remember(known)

    # --- queries --------------------------------------------------------------------

    @property
    def inbound(self) -> int:
        """Number of connected peers that dialled us, without reserved ones."""
        return self._in

    @property
    def outbound(self) -> int:
        """Number of connected peers that we dialled, without reserved ones."""
        return self._out

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

    def reserved(self) -> Sequence[str]:
        """Return the reserved peers, in the order of being known."""
        return [record.peer for record in self._records.values() if record.reserved]

    def allows(self, peer: str) -> bool:
        """Return True if `allow_only` admits `peer`."""
        return self._allowed is None or peer in self._allowed

    def is_banned(self, peer: str, now_ms: int) -> bool:
        """Return True if `peer` is banned now. Reserved peers are not."""
        record = self._records.get(peer)
        return record is not None and not record.reserved and record.banned_until_ms > now_ms

    def reputation(self, peer: str, now_ms: int) -> int:
        """Return the reputation of `peer` now: 0, or negative."""
        record = self._records.get(peer)
        return 0 if record is None else _recovered(record, now_ms)

    def bans(self, now_ms: int) -> Sequence[Ban]:
        """Return the current bans, the oldest first."""
        return [ban for ban in self._bans.values() if ban.until_ms > now_ms]

    def refusal(self, peer: str, now_ms: int, *, outbound: bool) -> str | None:
        """Return why `peer` cannot be connected now; None if it can."""
        why = self.bar(peer, now_ms)
        record = self._records.get(peer)
        if why is not None or (record is not None and record.reserved):
            return why
        if outbound:
            room = self._room_out(anchor=record is not None and record.anchor)
        else:
            room = self._config.max_in - self._in
        if room <= 0:
            return "no place left"
        return None

    def bar(self, peer: str, now_ms: int) -> str | None:
        """Return why not even a one-shot request of `peer` is served; None if it is."""
        if peer == self._local:
            return "it is this node"
        if not self.allows(peer):
            return "it is none of the peers allowed now"
        if self.is_reserved(peer):
            return None
        if self._config.reserved_only:
            return "only reserved peers are let in"
        if self.is_banned(peer, now_ms):
            return f"banned: {self._bans[peer].why}" if peer in self._bans else "banned"
        return None

    def accepts(self, address: Address) -> bool:
        """Return True if an address that another peer reported may be dialled, and passed on."""
        return address.public or self._config.allow_private

    def guides(self) -> Sequence[str]:
        """Return the peers that a search may start with: the named, then those seen last."""
        named = [record.peer for record in self._records.values() if record.anchor]
        return [*named, *(peer.address.peer for peer in self.known())][:GUIDES]

    def known(self) -> Sequence[KnownPeer]:
        """Return the peers to store: those that we reached ourselves, the most recent first."""
        proven = [
            KnownPeer(record.proven, record.last_seen_ms)
            for record in self._records.values()
            if record.proven is not None and not record.banned_until_ms
        ]
        return sorted(proven, key=_recent_first)[:MAX_PROVEN]

    # --- dialling -------------------------------------------------------------------

    def tick(self, now_ms: int) -> Sequence[Dial]:
        """Return the peers to dial now. Each of them is busy until `connected` or `dial_failed`."""
        busy = sum(record.dialling for record in self._records.values())
        due = self._due(now_ms)
        groups = self._groups()
        dials: list[Dial] = []
        while due and busy + len(dials) < DIALS_AT_ONCE:
            record = min(due, key=lambda one: self._rank(one, groups))
            due.remove(record)
            if not record.reserved and self._room_out(anchor=record.anchor) <= self._dialling():
                continue
            record.dialling, record.is_reachable = True, False
            address = self._address_of(record)
            groups[address.group] = groups.get(address.group, 0) + 1
            dials.append(Dial(record.peer, address))
        return dials

    def dial_once(self, peer: str, now_ms: int) -> Dial | None:
        """Return where to dial `peer` for a one-shot request; None if it is not to be dialled now.

        It needs no place here or there, and the peer is busy until `dialled_once` or `dial_failed`.
        """
        record = self._records.get(peer)
        if record is None:
            return None
        # The pause between dials is for peers that do not answer, or have no place.
        when_ms = max(now_ms, record.not_before_ms) if record.is_reachable else now_ms
        if not self._may_dial(record, when_ms):
            return None
        record.dialling, record.is_reachable = True, False
        return Dial(peer, self._address_of(record))

    # --- events ---------------------------------------------------------------------

    def remember(self, known: Iterable[KnownPeer]) -> None:
        """Add peers that were stored before a restart."""
        for peer in known:
            if peer.address.peer == self._local:
                continue
            record = self._records.setdefault(peer.address.peer, _Record(peer.address.peer))
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
            record = self._records.get(address.peer)
            if record is None:
                record = self._records[address.peer] = _Record(address.peer)
                self._forget_reported()
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
        self._records.setdefault(at.peer, _Record(at.peer)).dialling = False
        self.reached(at, now_ms)

    def reached(self, at: Address, now_ms: int) -> None:
        """Note that we reached a node of our chain there, and closed the connection again."""
        record = self._records.setdefault(at.peer, _Record(at.peer))
        record.failures = 0
        record.is_reachable = True
        record.last_seen_ms = now_ms
        record.proven = at
        if not record.addresses:
            record.addresses.append(at)
        self._forget_proven(now_ms, spare=at.peer)

    def connected(self, peer: str, now_ms: int, *, outbound: bool, at: Address | None) -> None:
        """Note that `peer` finished the handshake; `at` is where we reached it, if we dialled."""
        record = self._records.setdefault(peer, _Record(peer))
        record.dialling = False
        record.failures = 0
        record.last_seen_ms = now_ms
        if outbound and at is not None:
            record.proven = at
        if record.connected:
            return
        record.connected, record.outbound = True, outbound
        self._count(record, 1)

    def disconnected(self, peer: str, now_ms: int) -> None:
        """Note that `peer` is disconnected."""
        record = self._records.get(peer)
        if record is None or not record.connected:
            return
        record.connected = False
        record.last_seen_ms = now_ms
        self._count(record, -1)
        record.not_before_ms = max(record.not_before_ms, now_ms + self._delay(record))
        # A peer that connected once and cannot be dialled need not be remembered.
        if not record.addresses and record.proven is None and not record.anchor:
            self._forget(record, now_ms)

    def dial_failed(self, peer: str, now_ms: int) -> None:
        """Note that a dial of `peer` failed or was refused; do nothing if it was not dialled."""
        record = self._records.get(peer)
        if record is None or not record.dialling:
            return
        record.dialling = False
        record.failures += 1
        if record.failures >= GIVE_UP_AFTER and not record.anchor and not record.connected:
            self._forget(record, now_ms)
            return
        record.not_before_ms = max(record.not_before_ms, now_ms + self._delay(record))
        if len(record.addresses) > 1:
            record.addresses.append(record.addresses.pop(0))  # another one next time
            record.proven = None

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
        record = self._records.setdefault(peer, _Record(peer))
        self._forget_reported(spare=peer)
        record.reputation = _recovered(record, now_ms) - cost
        record.reputation_ms = now_ms
        if record.reputation > BAN_AT:
            return False
        record.reputation = BAN_AT
        if record.reserved:
            return False
        if record.banned_until_ms <= now_ms:
            record.bans += 1
        lasting = min(BAN_MS << min(record.bans - 1, 16), MAX_BAN_MS)
        record.banned_until_ms = now_ms + lasting
        record.not_before_ms = max(record.not_before_ms, record.banned_until_ms)
        record.is_reachable = False
        self._bans.pop(peer, None)
        self._bans[peer] = Ban(peer, record.banned_until_ms, why)
        if len(self._bans) > KEPT_BANS:
            del self._bans[next(iter(self._bans))]
        return True

    # --- operator -------------------------------------------------------------------

    def reserve(self, address: Address) -> None:
        """Reserve a place for the peer at `address`, and forgive its offences."""
        record = self._records.setdefault(address.peer, _Record(address.peer))
        if record.connected and not record.reserved:
            self._count(record, -1)
        record.reserved = True
        record.addresses = [address, *(one for one in record.addresses if one != address)]
        del record.addresses[ADDRESSES_PER_PEER:]
        if not record.connected:
            record.proven = None  # the operator's address replaces ours
        record.reputation = record.banned_until_ms = record.not_before_ms = record.failures = 0
        self._bans.pop(address.peer, None)

    def unreserve(self, peer: str) -> None:
        """Treat `peer` like any other from now on."""
        record = self._records.get(peer)
        if record is None or not record.reserved:
            return
        record.reserved = False
        if record.connected:
            self._count(record, 1)

    def allow_only(self, peers: Iterable[str] | None, now_ms: int) -> None:
        """Admit and dial these only, reserved ones too; None admits all, and dials them now."""
        self._allowed = None if peers is None else frozenset(peers)
        for record in self._records.values():
            if self.allows(record.peer) and record.banned_until_ms <= now_ms:
                record.failures = record.not_before_ms = 0

    # --- internals ------------------------------------------------------------------

    def _named(self, address: Address) -> _Record:
        record = self._records.setdefault(address.peer, _Record(address.peer))
        record.addresses.append(address)
        return record

    def _due(self, now_ms: int) -> list[_Record]:
        """Return the peers that may be dialled now, shuffled."""
        due = [record for record in self._records.values() if self._may_dial(record, now_ms)]
        self._randomness.shuffle(due)
        return due

    def _may_dial(self, record: _Record, now_ms: int) -> bool:
        return (
            bool(record.addresses)
            and not record.connected
            and not record.dialling
            and record.not_before_ms <= now_ms
            and (record.reserved or not self._config.reserved_only)
            and self.allows(record.peer)
        )

    def _groups(self) -> dict[str, int]:
        """Return the number of dialled peers by network."""
        groups: dict[str, int] = {}
        for record in self._records.values():
            if record.addresses and (record.dialling or (record.connected and record.outbound)):
                group = self._address_of(record).group
                groups[group] = groups.get(group, 0) + 1
        return groups

    def _rank(self, record: _Record, groups: dict[str, int]) -> tuple[bool, bool, int]:
        """Return the sort key: reserved first, then boot nodes, then networks with fewest peers."""
        group = self._address_of(record).group
        return not record.reserved, not record.bootnode, groups.get(group, 0)

    def _room_out(self, *, anchor: bool) -> int:
        """Return the places left for dialled peers; one is kept for an anchor if none has it."""
        room = self._config.max_out - self._out
        if anchor:
            return room
        records = self._records.values()
        # A reserved peer needs no place, but a connected one fulfils the purpose of the kept place.
        if any(record.anchor and record.connected and record.outbound for record in records):
            return room
        return room - any(record.anchor for record in records)

    def _dialling(self) -> int:
        return sum(r.dialling for r in self._records.values() if not r.reserved)

    @staticmethod
    def _address_of(record: _Record) -> Address:
        return record.proven if record.proven is not None else record.addresses[0]

    def _delay(self, record: _Record) -> int:
        """Return the pause before the next dial: doubling, bounded, and half of it random."""
        most = MAX_ANCHOR_DELAY_MS if record.anchor else MAX_DELAY_MS
        delay = min(FIRST_DELAY_MS << min(record.failures, 20), most)
        return delay // 2 + self._randomness.randrange(delay // 2 + 1)

    def _count(self, record: _Record, step: int) -> None:
        if record.reserved:
            return
        if record.outbound:
            self._out += step
        else:
            self._in += step

    def _forget(self, record: _Record, now_ms: int) -> None:
        """Drop the addresses of a peer. Debts and bans are kept: a new start must not be cheap."""
        record.addresses.clear()
        record.proven = None
        if record.banned_until_ms <= now_ms and _recovered(record, now_ms) == 0:
            del self._records[record.peer]

    def _forget_proven(self, now_ms: int, spare: str) -> None:
        """Make room: drop the longest unseen of the reached peers without a connection."""
        proven = [
            record
            for record in self._records.values()
            if record.proven is not None
            and record.peer != spare
            and not (record.anchor or record.connected or record.dialling)
        ]
        if len(proven) >= MAX_PROVEN:
            self._forget(min(proven, key=lambda record: record.last_seen_ms), now_ms)

    def _forget_reported(self, spare: str = "") -> None:
        """Make room: drop the oldest of the peers that were only reported, or have only a debt."""
        reported = [
            record.peer
            for record in self._records.values()
            if record.proven is None
            and record.peer != spare
            and not (record.anchor or record.connected or record.dialling)
        ]
        if len(reported) > MAX_REPORTED:
            del self._records[reported[0]]


def _recovered(record: _Record, now_ms: int) -> int:
    passed = max(0, now_ms - record.reputation_ms)
    return min(0, record.reputation + passed * RECOVERY_PER_SECOND // SECOND_MS)


def _recent_first(peer: KnownPeer) -> tuple[int, str]:
    return -peer.last_seen_ms, peer.address.peer
