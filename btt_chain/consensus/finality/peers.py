"""The neighbours' positions, and the costs of misbehaviour.

Notes between neighbours arrive in order, gossip does not: a peer's position follows from its notes
alone. Costs are those of Substrate's `sc_consensus_grandpa` (`communication::gossip::cost`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass

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

MAX_LAG: Final = 4
"""Rounds by which a neighbour may be ahead of the position that it sent us last."""


class View(NamedTuple):
    """A voter's position; a later one is greater."""

    set_id: int
    round: int
    final: int
    """The height of the last final block."""


@dataclass(slots=True)
class Peer:
    """A neighbour."""

    turn: int
    """Its number in the order of connection: the rounds in which it receives our position."""
    view: View | None = None
    """Its last position; None before the first."""
    sent_at: int = 0
    """Time when our position was last sent to it."""
    sent_round: int = 0
    """Round of that position."""
    answers_due: int = 1
    """Number of requests for votes that it may still answer, one of an earlier connection."""
    helped_at: int | None = None
    """Time of our last answer to its own request for votes; None: never."""
    answered_at: int | None = None
    """Time of our last catch-up to it; None: never."""
    gave_at: int | None = None
    """Time of its last catch-up to us; None: never."""


class Peers:
    """All neighbours in the order of connection."""

    def __init__(self) -> None:
        self.known: dict[str, Peer] = {}
        self._connections = 0

    def connected(self, name: str) -> Peer:
        """Return a fresh record of a neighbour, whatever was known of it before."""
        self.known.pop(name, None)
        self.known[name] = Peer(self._connections)
        self._connections += 1
        return self.known[name]

    def disconnected(self, name: str) -> None:
        """Remove a neighbour."""
        self.known.pop(name, None)

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

    def between(
        self, set_id: int, first: int, last: int, *, besides: str | None = None
    ) -> tuple[str, ...]:
        """Return the neighbours whose last position is in these rounds of a set, or not known.

        `besides` is one to leave out.
        """
        names = []
        for name, peer in self.known.items():
            if peer.view is not None:
                its_set, its_round, _ = peer.view
                if its_set != set_id or not first <= its_round <= last:
                    continue
            if name != besides:
                names.append(name)
        return tuple(names)
