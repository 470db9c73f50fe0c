"""The request tracker: peers and in-flight requests.

A peer is judged by what it delivers. Its claims decide only which peer is asked first, and for how
long: a claim that is not kept is dropped, and so, in the end, is the peer.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import field
from statistics import median
from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.scale import DecodeError
from p2p.network import EXCHANGES, LATE, OWN_FAILURES, Ask, Penalise
from p2p.sync.types import Action, BlockId, ChainView

log = logging.getLogger(__name__)

# The peer book (p2p/peers.py) bans at 10,000 and recovers 600 a minute.
LIE: Final = 4_000
"""Cost of an answer that is provably wrong."""
INVALID: Final = 8_000
"""Cost of a block, proof or state that breaks a rule."""
BROKEN_CLAIM: Final = 800
"""Cost of not having a claimed block, from the second time on: honest nodes leave a fork, too."""
FORGIVE_MS: Final = 600_000
SILENT: Final = 300
"""Cost of no answer in time, from the second failure in a row on: less than what recovers during
the rests in between. A slow or busy connection is not an offence; its peer is asked later."""
FLOOD: Final = 100

MAX_OUT: Final = 2
"""Maximum number of in-flight requests to one peer."""
GRACE_MS: Final = 2_000
"""Time after a request's own timeout at which it counts as lost."""
QUICK_MS: Final = 6_000
"""Time limit of a small answer."""
REST_MS: Final = 1_000
MAX_REST_MS: Final = 60_000
STALLED_MS: Final = 1_500
"""Maximum pause between two clock checks; after a longer one this node itself stalled."""
TIMES_SLOWER: Final = 4
"""Factor by which a peer may be slower than others before another peer takes over."""


@dataclass(slots=True)
class Peer:
    """Another node."""

    name: str
    best: BlockId
    """Head that it claims."""
    final: BlockId
    lowest: int = 0
    """Lowest block that it claims to have; it is not asked for lower ones."""
    known: bytes = b""
    """The head that it claimed when that was last looked up, if the block was known then."""
    out: int = 0
    """Number of requests that it has not answered."""
    faults: int = 0
    """Number of failures since its last good answer."""
    broken: int = 0
    """Number of claims not kept, and lies; one is forgiven after FORGIVE_MS without another."""
    broke_at: int = 0
    """Time of the last of them, or of the last forgiveness."""
    rests_until: int = 0
    is_apart: bool = False
    """True if its chain is not ours: it parts from ours below what is final here, or does not have
    the trusted block. One of the two is false, and its peer need not know."""
    is_compact: bool = True
    """False once it turned out that it does not know compact blocks."""
    pace: float = 0.0
    """Recent milliseconds per block; 0: unknown."""

    def has(self, number: int) -> bool:
        """Return True if it claims to have blocks at a height."""
        return self.lowest <= number <= self.best.number


class Task(Protocol):
    """The sender of a request, which receives the answer."""

    def answered(self, pending: PendingRequest, data: bytes, now: int) -> None:
        """Process an answer. Raises DecodeError if it is malformed: `failed` is called then."""
        ...

    def failed(self, pending: PendingRequest, now: int) -> None:
        """Note that there will be no (useful) answer."""
        ...


@dataclass(slots=True)
class PendingRequest:
    """An in-flight request."""

    id: int
    peer: str
    task: Task
    sent: int
    deadline: int
    excused: bool = False
    """True if it failed through no fault of its peer."""
    is_optional: bool = False
    """True if a peer need not know the protocol: only its silence is a fault."""
    why: str = ""
    """Reason for which it failed."""


@dataclass
class RequestTracker:
    """The state that the parts of sync share."""

    chain: ChainView
    new_id: Callable[[], int]
    rng: random.Random
    body_root: Callable[[list[bytes]], bytes]
    peers: dict[str, Peer] = field(default_factory=dict)
    pending: dict[int, PendingRequest] = field(default_factory=dict)
    out: list[Action] = field(default_factory=list)
    _looked: int = 0
    _stalled_at: int = -1
    """Last time at which a stall of this node was noticed."""

    def ask(
        self, task: Task, peer: Peer, protocol: str, data: bytes, now: int, patience: int = 0
    ) -> PendingRequest:
        """Send a request; `patience` in milliseconds, 0: the protocol's timeout."""
        patience = patience or EXCHANGES[protocol].timeout_ms
        pending = PendingRequest(self.new_id(), peer.name, task, now, now + patience + GRACE_MS)
        self.pending[pending.id] = pending
        peer.out += 1
        self.out.append(Ask(pending.id, peer.name, protocol, data, patience))
        return pending

    def close(self, id: int) -> PendingRequest | None:
        """Remove a request; None if it is not in flight."""
        pending = self.pending.pop(id, None)
        if pending is not None and (peer := self.peers.get(pending.peer)) is not None:
            peer.out -= 1
        return pending

    def answered(self, id: int, data: bytes, now: int) -> None:
        """Pass an answer to its task; late and unexpected ones are dropped."""
        pending = self.close(id)
        if pending is None:
            return
        try:
            pending.task.answered(pending, data, now)
        except DecodeError as error:
            self.blame(pending.peer, LIE, f"a malformed answer: {error}", now)
            pending.task.failed(pending, now)

    def failed(self, id: int, why: str, now: int) -> None:
        """Note that a request failed; the peer's faults grow unless it was our own."""
        pending = self.close(id)
        if pending is None:
            return
        pending.why = why
        peer = self.peers.get(pending.peer)
        if pending.is_optional and why != LATE:
            pending.excused = True
        elif peer is not None:
            self._note_fault(peer, pending, why, now)
        pending.task.failed(pending, now)

    def _note_fault(self, peer: Peer, pending: PendingRequest, why: str, now: int) -> None:
        if why in OWN_FAILURES or pending.sent <= self._stalled_at:
            pending.excused = True
            self.rest(peer, now)  # the peer is not at fault, but a request at once would fail again
        elif why == LATE and peer.faults:
            self.blame(peer.name, SILENT, "no answer", now)
        else:
            peer.faults += 1
            self.rest(peer, now)

    def expire(self, now: int) -> None:
        """Fail requests whose time is over."""
        if self.pending and now - self._looked > STALLED_MS:
            # Answers may wait unread: a stall of this node does not make its peers silent.
            self._stalled_at = now
            for pending in self.pending.values():
                pending.deadline += now - self._looked
        self._looked = now
        for peer in self.peers.values():
            if peer.broken and now - peer.broke_at >= FORGIVE_MS:
                peer.broken, peer.broke_at = peer.broken - 1, now
        if self.pending:
            late = [pending.id for pending in self.pending.values() if pending.deadline <= now]
            for id in late:
                self.failed(id, LATE, now)

    def leave(self, name: str, now: int) -> None:
        """Remove a peer; its requests fail."""
        gone = [pending for pending in self.pending.values() if pending.peer == name]
        self.peers.pop(name, None)
        for pending in gone:
            del self.pending[pending.id]
            pending.task.failed(pending, now)

    def blame(self, name: str, cost: int, why: str, now: int) -> None:
        """Penalize a peer and let it rest for a while, longer each time."""
        peer = self.peers.get(name)
        if peer is None:
            return
        self.out.append(Penalise(name, cost, why))
        if cost >= LIE:
            peer.broken, peer.broke_at = peer.broken + 1, now
        peer.faults += 1
        self.rest(peer, now)

    def note_delivery(self, pending: PendingRequest, blocks: int, now: int) -> None:
        """Note that a peer delivered blocks that were asked for."""
        peer = self.peers.get(pending.peer)
        if peer is None or blocks <= 0:
            return
        peer.faults = 0
        pace = (now - pending.sent) / blocks
        peer.pace = pace if peer.pace == 0 else (3 * peer.pace + pace) / 4

    def usual(self, without: str) -> float:
        """Return the recent pace of other peers, in milliseconds per block; 0: unknown."""
        paces = [p.pace for p in self.peers.values() if p.pace and p.name != without]
        return median(paces) if paces else 0.0

    def pass_over(self, name: str, now: int) -> None:
        """Let a slow peer rest: no offence, but others come first for a while."""
        peer = self.peers.get(name)
        if peer is not None:
            peer.faults += 1
            self.rest(peer, now)

    def rest(self, peer: Peer, now: int) -> None:
        """Ask a peer nothing for a while, longer with each fault and broken claim."""
        wait = self.backoff(REST_MS, peer.faults + peer.broken)
        peer.rests_until = max(peer.rests_until, now + wait)

    def backoff(self, first: int, attempt: int) -> int:
        """Return a wait that doubles with each attempt, varied by up to a quarter."""
        wait = min(first << min(attempt, 10), MAX_REST_MS)
        return wait * self.rng.randrange(75, 126) // 100

    def break_claim(self, name: str, why: str, now: int) -> None:
        """Note that a peer does not have what it claims to have."""
        peer = self.peers.get(name)
        if peer is None:
            return
        # More expensive each time: an honest head does not stay out of reach.
        cost = min(BROKEN_CLAIM * peer.broken, LIE - 1)
        peer.broken, peer.broke_at = peer.broken + 1, now
        peer.best = peer.final
        if cost:
            self.blame(name, cost, why, now)
        else:
            self.pass_over(name, now)

    def is_free(self, peer: Peer, now: int) -> bool:
        """Return True if the peer may be sent a request now."""
        return peer.out < MAX_OUT and peer.rests_until <= now

    @property
    def followed(self) -> list[Peer]:
        """The peers that are not set apart."""
        return [peer for peer in self.peers.values() if not peer.is_apart]

    def joins(self, peer: Peer) -> bool:
        """Return True if a peer claims to have the block that follows our last final one."""
        return not peer.is_apart and peer.lowest <= self.chain.finalized().number + 1

    def set_apart(self, name: str, why: str) -> None:
        """Note that a peer follows another chain: it is asked nothing, and not penalized.

        Each of its answers may be right on its chain, and ours may be the false one.
        """
        peer = self.peers.get(name)
        if peer is not None and not peer.is_apart:
            peer.is_apart = True
            log.warning("peer %s follows another chain: %s (docs/security.md)", name, why)

    def free(
        self,
        now: int,
        number: int,
        without: Iterable[str] = (),
        first: Iterable[str] = (),
        *,
        down_to: int | None = None,
    ) -> Peer | None:
        """Return the best free peer for a request at a height; None if none is free.

        Peers in `first` qualify whatever head they claim, and come before others with as few
        faults. With `down_to`, only peers that claim to have blocks as low as that.
        """
        banned, liked = set(without), set(first)
        found = [
            peer
            for peer in self.peers.values()
            if peer.name not in banned
            and not peer.is_apart
            and peer.out < MAX_OUT  # `is_free`, without a call
            and peer.rests_until <= now
            and (peer.best.number >= number or peer.name in liked)
            and (down_to is None or peer.lowest <= down_to)
        ]
        if not found:
            return None
        return min(
            found,
            key=lambda peer: (
                peer.broken,
                peer.faults,
                peer.name not in liked,
                peer.out,
                peer.pace,
                self.rng.random(),
            ),
        )
