"""Peers as sync sees them, and the requests that are out.

A peer is judged by what it delivers. What it claims of itself only tells whom to ask first, and
for how long: a claim that is not kept is forgotten, and so, in the end, is the peer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Protocol

from btt_chain.scale import DecodeError
from p2p.network import EXCHANGES, LATE, OWN_FAILURES, Ask, Penalise
from p2p.sync.types import Action, BlockId, ChainView

# The peer book (p2p/peers.py) bans at 10,000 and forgives 600 a minute.
LIE: Final = 4_000
"""Cost of an answer that is provably wrong."""
INVALID: Final = 8_000
"""Cost of a block, proof or state that breaks a rule."""
BROKEN_CLAIM: Final = 800
"""Cost of not having what one claims to have, a second time: honest nodes leave a fork, too."""
FORGIVE_MS: Final = 600_000
SILENT: Final = 300
"""Cost of no answer in time, from the second time in a row on: with the rests between, less than
what comes back meanwhile. A line that is long or full is no offence; who is on it is asked later.
"""
FLOOD: Final = 100

MAX_OUT: Final = 2
"""Requests to one peer at a time."""
GRACE_MS: Final = 2_000
"""What we wait beyond a request's own time before it counts as lost."""
QUICK_MS: Final = 6_000
"""How long a small answer may take."""
REST_MS: Final = 1_000
LONGEST_REST_MS: Final = 60_000
STOOD_STILL_MS: Final = 1_500
"""Between two looks at the clock; after a longer pause it was we who heard nothing."""
TIMES_SLOWER: Final = 4
"""How much slower than others may be whom somebody else stands in for."""


@dataclass(slots=True)
class Peer:
    """Another node."""

    name: str
    best: BlockId
    """Its head, as it claims."""
    final: BlockId
    lowest: int = 0
    """From where on it has all blocks, as it says; no question goes further down."""
    out: int = 0
    """Requests that it has not answered."""
    faults: int = 0
    """Failures since its last good answer."""
    broken: int = 0
    """Claims that it did not keep, and lies; one is forgiven after FORGIVE_MS without another."""
    broke_at: int = 0
    """When it did so last, or was forgiven one."""
    rests_until: int = 0
    pace: float = 0.0
    """Milliseconds for a block, of late; 0: unknown."""

    def has(self, number: int) -> bool:
        """Whether it says that it has blocks at a height."""
        return self.lowest <= number <= self.best.number


class Task(Protocol):
    """Who made a request, and wants the answer."""

    def answered(self, ticket: Ticket, data: bytes, now: int) -> None:
        """Take an answer. DecodeError if it is malformed: then `failed` is not called."""
        ...

    def failed(self, ticket: Ticket, now: int) -> None:
        """Note that there will be no (useful) answer."""
        ...


@dataclass(slots=True)
class Ticket:
    """A request that is out."""

    id: int
    peer: str
    task: Task
    sent: int
    deadline: int
    excused: bool = False
    """It failed, and whom it was for had no part in that."""


@dataclass
class Desk:
    """What the parts of sync share."""

    chain: ChainView
    new_id: Callable[[], int]
    luck: random.Random
    body_root: Callable[[list[bytes]], bytes]
    peers: dict[str, Peer] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    out: list[Action] = field(default_factory=list)
    _looked: int = 0
    _stood_still: int = -1
    """When we last noticed that we had heard nothing for a while."""

    def ask(
        self, task: Task, peer: Peer, protocol: str, data: bytes, now: int, patience: int = 0
    ) -> Ticket:
        """Send a request; `patience` in milliseconds, 0: what the protocol allows."""
        patience = patience or EXCHANGES[protocol].timeout_ms
        ticket = Ticket(self.new_id(), peer.name, task, now, now + patience + GRACE_MS)
        self.tickets[ticket.id] = ticket
        peer.out += 1
        self.out.append(Ask(ticket.id, peer.name, protocol, data, patience))
        return ticket

    def close(self, id: int) -> Ticket | None:
        """Take a request off the desk; None if it is not on it."""
        ticket = self.tickets.pop(id, None)
        if ticket is not None and (peer := self.peers.get(ticket.peer)) is not None:
            peer.out -= 1
        return ticket

    def answered(self, id: int, data: bytes, now: int) -> None:
        """Hand an answer to whoever asked; late ones and strangers' are dropped."""
        ticket = self.close(id)
        if ticket is None:
            return
        try:
            ticket.task.answered(ticket, data, now)
        except DecodeError as error:
            self.blame(ticket.peer, LIE, f"a malformed answer: {error}", now)
            ticket.task.failed(ticket, now)

    def failed(self, id: int, why: str, now: int) -> None:
        """Note that a request brought nothing; only silence is held against whom it was for."""
        ticket = self.close(id)
        if ticket is None:
            return
        peer = self.peers.get(ticket.peer)
        if peer is not None:
            self._weigh(peer, ticket, why, now)
        ticket.task.failed(ticket, now)

    def _weigh(self, peer: Peer, ticket: Ticket, why: str, now: int) -> None:
        if why in OWN_FAILURES or ticket.sent <= self._stood_still:
            ticket.excused = True
            self.rest(peer, now)  # it has done nothing, but at once it would be the same again
        elif why == LATE and peer.faults:
            self.blame(peer.name, SILENT, "no answer", now)
        else:
            peer.faults += 1
            self.rest(peer, now)

    def expire(self, now: int) -> None:
        """Give up requests whose time is over."""
        if self.tickets and now - self._looked > STOOD_STILL_MS:
            # Answers may lie here unread: what we could not hear is no silence of others.
            self._stood_still = now
            for ticket in self.tickets.values():
                ticket.deadline += now - self._looked
        self._looked = now
        for peer in self.peers.values():
            if peer.broken and now - peer.broke_at >= FORGIVE_MS:
                peer.broken, peer.broke_at = peer.broken - 1, now
        late = [ticket.id for ticket in self.tickets.values() if ticket.deadline <= now]
        for id in late:
            self.failed(id, LATE, now)

    def leave(self, name: str, now: int) -> None:
        """Forget a peer; what it was asked is failed."""
        gone = [ticket for ticket in self.tickets.values() if ticket.peer == name]
        self.peers.pop(name, None)
        for ticket in gone:
            del self.tickets[ticket.id]
            ticket.task.failed(ticket, now)

    def blame(self, name: str, cost: int, why: str, now: int) -> None:
        """Penalise a peer and leave it alone for a while, longer each time."""
        peer = self.peers.get(name)
        if peer is None:
            return
        self.out.append(Penalise(name, cost, why))
        if cost >= LIE:
            peer.broken, peer.broke_at = peer.broken + 1, now
        peer.faults += 1
        self.rest(peer, now)

    def praise(self, ticket: Ticket, blocks: int, now: int) -> None:
        """A peer delivered blocks that are what was asked for."""
        peer = self.peers.get(ticket.peer)
        if peer is None or blocks <= 0:
            return
        peer.faults = 0
        pace = (now - ticket.sent) / blocks
        peer.pace = pace if peer.pace == 0 else (3 * peer.pace + pace) / 4

    def usual(self, without: str) -> float:
        """Return the pace that others have of late, in milliseconds for a block; 0: unknown."""
        paces = [p.pace for p in self.peers.values() if p.pace and p.name != without]
        return median(paces) if paces else 0.0

    def pass_over(self, name: str, now: int) -> None:
        """Somebody else is quicker: no offence, but others come first for a while."""
        peer = self.peers.get(name)
        if peer is not None:
            peer.faults += 1
            self.rest(peer, now)

    def rest(self, peer: Peer, now: int) -> None:
        """Ask a peer nothing for a while, longer for one that has deceived us before."""
        wait = self.backoff(REST_MS, peer.faults + peer.broken)
        peer.rests_until = max(peer.rests_until, now + wait)

    def backoff(self, first: int, attempt: int) -> int:
        """Return a wait that doubles with each attempt, give or take a quarter."""
        wait = min(first << min(attempt, 10), LONGEST_REST_MS)
        return wait * self.luck.randrange(75, 126) // 100

    def break_claim(self, name: str, why: str, now: int) -> None:
        """A peer has not got what it claims to have."""
        peer = self.peers.get(name)
        if peer is None:
            return
        # The more often, the dearer: a head that is for ever out of reach is no honest one.
        cost = min(BROKEN_CLAIM * peer.broken, LIE - 1)
        peer.broken, peer.broke_at = peer.broken + 1, now
        peer.best = peer.final
        if cost:
            self.blame(name, cost, why, now)
        else:
            self.pass_over(name, now)

    def is_free(self, peer: Peer, now: int) -> bool:
        """The peer may be asked something now."""
        return peer.out < MAX_OUT and peer.rests_until <= now

    def joins(self, peer: Peer) -> bool:
        """Whether a peer has what follows on our last final block, by what it says."""
        return peer.lowest <= self.chain.finalised().number + 1

    def free(
        self,
        now: int,
        number: int,
        without: Iterable[str] = (),
        first: Iterable[str] = (),
        *,
        down_to: int | None = None,
    ) -> Peer | None:
        """Return who is best asked for something at a height; None if nobody is free.

        `first` may be asked whatever head they claim, and go before all who have failed us as
        rarely. With `down_to`, only those who say that they have blocks as low as that.
        """
        banned, liked = set(without), set(first)
        found = [
            peer
            for peer in self.peers.values()
            if peer.name not in banned
            and self.is_free(peer, now)
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
                self.luck.random(),
            ),
        )
