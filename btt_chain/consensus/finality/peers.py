"""The neighbours' positions, the requests to them, and the costs of misbehaviour.

Notes between neighbours arrive in order, gossip does not: a peer's position follows from its notes
alone. Costs are those of Substrate's `sc_consensus_grandpa` (`communication::gossip::cost`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

BAD_SIGNATURE: Final = 100
MALFORMED: Final = 1_000
"""A commit or catch-up of impossible form."""
INVALID: Final = 5_000
"""An invalid commit or catch-up."""
FUTURE: Final = 500
PAST: Final = 50
UNKNOWN_VOTER: Final = 150
UNDECODABLE_BYTE: Final = 5
SIGNATURE_CHECKED: Final = 25
"""Per signature checked in vain."""
OUT_OF_SCOPE: Final = 50
"""An unsolicited answer, a request sent again too soon, or a note that was gossiped."""

CATCH_UP_THRESHOLD: Final = 2
"""Rounds behind a peer from which on its votes are requested at once."""
CATCH_UP_TIMEOUT: Final = 10_000
"""Milliseconds until another peer is asked. Substrate waits 45 s; here an answer takes one trip,
and a silent peer must not keep us behind for long."""

MAX_OWED: Final = 256
"""Maximum number of neighbours whose pending answers are remembered."""


class View(NamedTuple):
    """A voter's position; a later one is greater."""

    set_id: int
    round: int
    final: int
    """The height of the last final block."""


@dataclass(slots=True)
class Peer:
    """A neighbour."""

    view: View | None = None
    """Its last neighbour packet; None before the first."""
    has: set[bytes] = field(default_factory=set)
    """Signatures of the votes it sent us: these are not sent to it."""
    told_at: int = 0
    """Time of our last neighbour packet to it."""
    helped: View | None = None
    """The view for which it was last helped."""
    helped_at: int = 0
    answered_at: int | None = None
    """Time of our last catch-up to it; None: never."""
    gave_at: int | None = None
    """Time of its last catch-up to us; None: never."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The pending request for a catch-up; there is at most one."""

    peer: str
    set_id: int
    round: int
    at: int


class Peers:
    """All neighbours in the order of connection, and the pending request."""

    def __init__(self) -> None:
        self.known: dict[str, Peer] = {}
        self.asked: Asked | None = None
        self._silent: list[str] = []
        self._owed: dict[str, int] = {}

    def connected(self, name: str) -> Peer:
        """Return a fresh record of a neighbour, whatever was known of it before."""
        self.known.pop(name, None)
        self.known[name] = Peer()
        return self.known[name]

    def disconnected(self, name: str) -> None:
        """Remove a neighbour."""
        self.known.pop(name, None)
        if self.asked is not None and self.asked.peer == name:
            self.asked = None

    def may_stand_at(self, set_id: int) -> bool:
        """Return True if some neighbour is in this set or later, or has not sent its position."""
        return any(peer.view is None or peer.view.set_id >= set_id for peer in self.known.values())

    def stand_near(self, set_id: int, round_number: int) -> bool:
        """Return True if some neighbour's position is in this round, or the one before or after."""
        return any(
            peer.view is not None
            and peer.view.set_id == set_id
            and abs(peer.view.round - round_number) <= 1
            for peer in self.known.values()
        )

    def whom_to_ask(self, set_id: int, round_number: int, now: int) -> str | None:
        """Return the peer to ask for a catch-up; None if none is ahead, or a request is pending.

        A peer that did not answer is asked again only after all others that are ahead.
        """
        if self.asked is not None and now < self.asked.at + CATCH_UP_TIMEOUT:
            return None
        if self.asked is not None:
            self._silent.append(self.asked.peer)
            self.asked = None
        ahead = [
            name
            for name, peer in self.known.items()
            if peer.view is not None
            and peer.view.set_id == set_id
            and peer.view.round >= round_number + CATCH_UP_THRESHOLD
        ]
        if not ahead:
            return None
        willing = [name for name in ahead if name not in self._silent]
        if not willing:
            self._silent = []
            willing = ahead
        return willing[0]

    def ask(self, asked: Asked) -> None:
        """Record a request for a catch-up."""
        self.asked = asked
        self._owed[asked.peer] = self._owed.pop(asked.peer, 0) + 1
        if len(self._owed) > MAX_OWED:
            del self._owed[next(iter(self._owed))]

    def was_asked(self, name: str) -> bool:
        """Return True if a catch-up of this peer was requested, and count one request as answered.

        Later requests to other peers, or a reconnection, do not matter: their events may have been
        queued here behind the answer.
        """
        left = self._owed.pop(name, 0) - 1
        if left > 0:
            self._owed[name] = left
        return left >= 0

    def owe(self, before: Peers) -> None:
        """Take over the pending requests of an earlier state."""
        self._owed.update(before._owed)

    def forget_votes(self) -> None:
        """Clear the record of the votes each neighbour has."""
        for peer in self.known.values():
            peer.has.clear()
