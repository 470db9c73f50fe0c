"""The bounded table of known peers. Pure; time is an argument."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.own_files import replace_own
from p2p.address import Address, parse
from p2p.reputation import Reputation

log = logging.getLogger(__name__)

ADDRESSES_PER_PEER: Final = 4
MAX_REPORTED: Final = 512
"""Maximum number of peers that others reported and we never reached."""
MAX_PROVEN: Final = 1_024
"""Maximum number of peers that we once dialled with success."""


class KnownPeer(NamedTuple):
    """A peer to remember over a restart."""

    address: Address
    last_seen_ms: int


@dataclass(slots=True)
class PeerRecord:
    """A known peer."""

    peer: str
    addresses: list[Address] = field(default_factory=list)
    bootnode: bool = False
    reserved: bool = False
    proven: Address | None = None
    """Address at which we reached it last."""
    last_seen_ms: int = 0
    failures: int = 0
    """Number of failed dials in a row."""
    not_before_ms: int = 0
    """Time before which it is not dialled."""
    dialling: bool = False
    is_reachable: bool = False
    """True if it answered when it was last dialled, with or without a free place."""
    connected: bool = False
    outbound: bool = False
    """True if we dialled it."""
    reputation: Reputation = field(default_factory=Reputation)

    @property
    def anchor(self) -> bool:
        """True if the operator named it."""
        return self.bootnode or self.reserved

    @property
    def address(self) -> Address:
        """Address at which it is dialled."""
        return self.proven if self.proven is not None else self.addresses[0]

    @property
    def is_idle(self) -> bool:
        """True if it may be dropped to make room."""
        return not (self.anchor or self.connected or self.dialling)


class PeerRecords:
    """Records by peer, in the order of being known."""

    def __init__(self) -> None:
        self._records: dict[str, PeerRecord] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[PeerRecord]:
        return iter(self._records.values())

    def __contains__(self, peer: str) -> bool:
        return peer in self._records

    def get(self, peer: str) -> PeerRecord | None:
        """Return the record of a peer, None if the peer is unknown."""
        return self._records.get(peer)

    def get_or_add(self, peer: str) -> PeerRecord:
        """Return the record of a peer, a new one if the peer is unknown."""
        record = self._records.get(peer)
        if record is None:
            record = self._records[peer] = PeerRecord(peer)
        return record

    def forget(self, record: PeerRecord, now_ms: int) -> None:
        """Drop the addresses of a peer. Debts and bans are kept: a new start must not be cheap."""
        record.addresses.clear()
        record.proven = None
        if record.reputation.banned_until_ms <= now_ms and record.reputation.at(now_ms) == 0:
            del self._records[record.peer]

    def bound_proven(self, now_ms: int, spare: str) -> None:
        """Make room: drop the longest unseen of the reached peers without a connection."""
        proven = [
            record
            for record in self
            if record.proven is not None and record.peer != spare and record.is_idle
        ]
        if len(proven) >= MAX_PROVEN:
            self.forget(min(proven, key=lambda record: record.last_seen_ms), now_ms)

    def bound_reported(self, spare: str = "") -> None:
        """Make room: drop the oldest of the peers that were only reported, or have only a debt."""
        reported = [
            record.peer
            for record in self
            if record.proven is None and record.peer != spare and record.is_idle
        ]
        if len(reported) > MAX_REPORTED:
            del self._records[reported[0]]


PEER_FILE: Final = "peers"
MAX_BYTES: Final = MAX_PROVEN * 256


def load(folder: Path) -> Sequence[KnownPeer]:
    """Read the stored peers; none if there is no file. Raises OSError if it cannot be read.

    A line that cannot be read is skipped and logged: the list only speeds up a restart, and boot
    nodes are configured elsewhere.
    """
    try:
        with (folder / PEER_FILE).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    known, bad = [], 0
    for line in text.splitlines()[:MAX_PROVEN]:
        seen, _, address = line.partition(" ")
        try:
            known.append(KnownPeer(parse(address), int(seen)))
        except ValueError:
            bad += 1
    if bad:
        log.warning("%s: %d lines are not peers, and are skipped", folder / PEER_FILE, bad)
    return known


def save(folder: Path, known: Iterable[KnownPeer]) -> None:
    """Replace the stored peers by `known`: one address per line with the time it was last seen.

    After a crash the file has the old list or the new one. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{peer.last_seen_ms} {peer.address}\n" for peer in known)
    replace_own(folder / PEER_FILE, lines, 0o644)
