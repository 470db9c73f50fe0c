"""Where the others stand, what is asked of them, and what bad manners cost.

Notes between neighbours come in order, gossip does not: a peer's place is known from its notes
alone. Costs are those of Substrate's `sc_consensus_grandpa` (`communication::gossip::cost`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

BAD_SIGNATURE: Final = 100
MALFORMED: Final = 1_000
"""A commit or catch-up that could not be meant."""
INVALID: Final = 5_000
"""A commit or catch-up that says what is not so."""
FUTURE: Final = 500
PAST: Final = 50
UNKNOWN_VOTER: Final = 150
UNDECODABLE_BYTE: Final = 5
SIGNATURE_CHECKED: Final = 25
"""For each signature that was checked for nothing."""
OUT_OF_SCOPE: Final = 50
"""What nobody asked for, or what is asked of the wrong one."""

CATCH_UP_THRESHOLD: Final = 2
"""Rounds behind a peer from which on its votes are asked for at once."""
CATCH_UP_TIMEOUT: Final = 10_000
"""Milliseconds until another peer is asked. Substrate waits 45 s; here an answer takes one trip,
and one who never answers must not keep us behind for long."""

MAX_OWED: Final = 256
"""Neighbours of whom is remembered that they were asked for votes."""


class View(NamedTuple):
    """Where a voter stands; later is greater."""

    set_id: int
    round: int
    final: int
    """The height of the last final block."""


@dataclass(slots=True)
class Peer:
    """A neighbour."""

    view: View | None = None
    """What it last told; None before it told anything."""
    has: set[bytes] = field(default_factory=set)
    """Signatures of votes it handed to us: it need not be told those."""
    told_at: int = 0
    """When we last told it where we stand."""
    helped: View | None = None
    """The view for which it was last helped."""
    helped_at: int = 0
    answered_at: int | None = None
    """When it was last given a catch-up; None: never."""
    gave_at: int | None = None
    """When it last gave us one; None: never."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request for a catch-up that is out; there is one at a time."""

    peer: str
    set_id: int
    round: int
    at: int


class Peers:
    """All neighbours, in the order of their coming, and the one request that is out."""

    def __init__(self) -> None:
        self.known: dict[str, Peer] = {}
        self.asked: Asked | None = None
        self._silent: list[str] = []
        self._owed: dict[str, int] = {}

    def connected(self, name: str) -> Peer:
        """Return a neighbour of whom nothing is known, whoever it was before."""
        self.known.pop(name, None)
        self.known[name] = Peer()
        return self.known[name]

    def disconnected(self, name: str) -> None:
        """Forget a neighbour."""
        self.known.pop(name, None)
        if self.asked is not None and self.asked.peer == name:
            self.asked = None

    def may_stand_at(self, set_id: int) -> bool:
        """Tell whether some neighbour is in this set or a later one, or has not yet said where."""
        return any(peer.view is None or peer.view.set_id >= set_id for peer in self.known.values())

    def stand_near(self, set_id: int, round_number: int) -> bool:
        """Tell whether some neighbour says that it is in this round, or the one before or after."""
        return any(
            peer.view is not None
            and peer.view.set_id == set_id
            and abs(peer.view.round - round_number) <= 1
            for peer in self.known.values()
        )

    def whom_to_ask(self, set_id: int, round_number: int, now: int) -> str | None:
        """Return who is to be asked for a catch-up; None if nobody is ahead, or somebody is asked.

        Who did not answer the last time is asked again only when everybody has been.
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
        """Note that somebody is asked for a catch-up."""
        self.asked = asked
        self._owed[asked.peer] = self._owed.pop(asked.peer, 0) + 1
        if len(self._owed) > MAX_OWED:
            del self._owed[next(iter(self._owed))]

    def was_asked(self, name: str) -> bool:
        """Tell whether a catch-up of this peer was asked for, and take it off the account.

        That others were asked since, or that the line broke and was made anew, is no matter: the
        news of it may have waited here behind what led to the question.
        """
        left = self._owed.pop(name, 0) - 1
        if left > 0:
            self._owed[name] = left
        return left >= 0

    def owe(self, before: Peers) -> None:
        """Await what others were asked for before this began."""
        self._owed.update(before._owed)

    def forget_votes(self) -> None:
        """Forget who has which vote."""
        for peer in self.known.values():
            peer.has.clear()
