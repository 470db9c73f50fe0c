"""Selection of the peers to dial, and the places for connected peers. Pure; time is an argument.

The numbers of inbound and of dialled peers are limited. One dialled place is kept for those named
in the configuration (boot nodes, reserved), so that an attacker that fills the address book with
its own machines cannot take all of them. Ordinary peers are selected at random from a seed,
preferably from networks with the fewest dialled peers. Reserved peers need no place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from p2p.address import Address
from p2p.peer_records import PeerRecord, PeerRecords
from p2p.reputation import MINUTE_MS, SECOND_MS

FIRST_DELAY_MS: Final = 1 * SECOND_MS
MAX_DELAY_MS: Final = 10 * MINUTE_MS
MAX_ANCHOR_DELAY_MS: Final = 30 * SECOND_MS
GIVE_UP_AFTER: Final = 12
"""Failed dials in a row after which an ordinary peer is forgotten."""
DIALS_AT_ONCE: Final = 8


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
    """An order to dial a peer at an address now; the result is reported to the plan."""

    peer: str
    address: Address


class Places:
    """Taken places of connected peers, without reserved ones."""

    def __init__(self, config: BookConfig, records: PeerRecords) -> None:
        self._config = config
        self._records = records
        self.inbound = 0
        """Number of connected peers that dialled us."""
        self.outbound = 0
        """Number of connected peers that we dialled."""

    def take(self, record: PeerRecord) -> None:
        """Take the place of a connected peer."""
        self._count(record, 1)

    def release(self, record: PeerRecord) -> None:
        """Release the place of a peer."""
        self._count(record, -1)

    def _count(self, record: PeerRecord, step: int) -> None:
        if record.reserved:
            return
        if record.outbound:
            self.outbound += step
        else:
            self.inbound += step

    def left_in(self) -> int:
        """Return the number of places left for inbound peers."""
        return self._config.max_in - self.inbound

    def left_out(self, *, anchor: bool) -> int:
        """Return the places left for dialled peers; one is kept for an anchor if none has it."""
        left = self._config.max_out - self.outbound
        if anchor:
            return left
        # A reserved peer needs no place, but a connected one fulfils the purpose of the kept place.
        if any(record.anchor and record.connected and record.outbound for record in self._records):
            return left
        return left - any(record.anchor for record in self._records)


class DialPlan:
    """The peers to dial, with growing pauses after failures."""

    def __init__(
        self,
        config: BookConfig,
        records: PeerRecords,
        places: Places,
        allows: Callable[[str], bool],
        seed: int,
    ) -> None:
        """`allows` returns True if a peer may be connected (`PeerBook.allow_only`)."""
        self._config = config
        self._records = records
        self._places = places
        self._allows = allows
        self._randomness = random.Random(seed)  # noqa: S311  (the order of dials is not a secret)

    def tick(self, now_ms: int) -> Sequence[Dial]:
        """Return the peers to dial now. Each is busy until it is connected, or `failed`."""
        busy = sum(record.dialling for record in self._records)
        due = self._due(now_ms)
        groups = self._groups()
        dials: list[Dial] = []
        while due and busy + len(dials) < DIALS_AT_ONCE:
            record = min(due, key=lambda one: _rank(one, groups))
            due.remove(record)
            if not record.reserved and self._left_out(record) <= 0:
                continue
            record.dialling, record.is_reachable = True, False
            address = record.address
            groups[address.group] = groups.get(address.group, 0) + 1
            dials.append(Dial(record.peer, address))
        return dials

    def once(self, peer: str, now_ms: int) -> Dial | None:
        """Return where to dial `peer` for a one-shot request; None if it is not to be dialled now.

        It needs no place here or there, and the peer is busy until `PeerBook.dialled_once` or
        `failed`.
        """
        record = self._records.get(peer)
        if record is None:
            return None
        # The pause between dials is for peers that do not answer, or have no place.
        when_ms = max(now_ms, record.not_before_ms) if record.is_reachable else now_ms
        if not self._may_dial(record, when_ms):
            return None
        record.dialling, record.is_reachable = True, False
        return Dial(peer, record.address)

    def failed(self, peer: str, now_ms: int) -> None:
        """Note that a dial of `peer` failed or was refused; do nothing if it was not dialled."""
        record = self._records.get(peer)
        if record is None or not record.dialling:
            return
        record.dialling = False
        record.failures += 1
        if record.failures >= GIVE_UP_AFTER and not record.anchor and not record.connected:
            self._records.forget(record, now_ms)
            return
        self.delay(record, now_ms)
        if len(record.addresses) > 1:
            record.addresses.append(record.addresses.pop(0))  # another one next time
            record.proven = None

    def delay(self, record: PeerRecord, now_ms: int) -> None:
        """Delay the next dial of a peer: doubling, bounded, and half of it random."""
        most = MAX_ANCHOR_DELAY_MS if record.anchor else MAX_DELAY_MS
        delay = min(FIRST_DELAY_MS << min(record.failures, 20), most)
        delay = delay // 2 + self._randomness.randrange(delay // 2 + 1)
        record.not_before_ms = max(record.not_before_ms, now_ms + delay)

    def _due(self, now_ms: int) -> list[PeerRecord]:
        """Return the peers that may be dialled now, shuffled."""
        due = [record for record in self._records if self._may_dial(record, now_ms)]
        self._randomness.shuffle(due)
        return due

    def _may_dial(self, record: PeerRecord, now_ms: int) -> bool:
        return (
            bool(record.addresses)
            and not record.connected
            and not record.dialling
            and record.not_before_ms <= now_ms
            and (record.reserved or not self._config.reserved_only)
            and self._allows(record.peer)
        )

    def _groups(self) -> dict[str, int]:
        """Return the number of dialled peers by network."""
        groups: dict[str, int] = {}
        for record in self._records:
            if record.addresses and (record.dialling or (record.connected and record.outbound)):
                group = record.address.group
                groups[group] = groups.get(group, 0) + 1
        return groups

    def _left_out(self, record: PeerRecord) -> int:
        """Return the dialled places left for a peer, without those of dials in progress."""
        dialling = sum(one.dialling for one in self._records if not one.reserved)
        return self._places.left_out(anchor=record.anchor) - dialling


def _rank(record: PeerRecord, groups: dict[str, int]) -> tuple[bool, bool, int]:
    """Return the sort key: reserved first, then boot nodes, then networks with fewest peers."""
    return not record.reserved, not record.bootnode, groups.get(record.address.group, 0)
