"""Our position to the neighbours, requests for votes, and help for neighbours that are stalled.

In each round a part of the neighbours receives our position, and each of them at least every
MAX_LAG rounds; all do after a change of the set, or a catch-up.

A stalled node asks a few neighbours, others each time: it sends its position and the votes that it
has, and receives in one note those that it lacks, our highest commit, or the commit that ended its
set. A node two rounds behind a commit receives no votes: a catch-up is shorter (`catch_up.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.best_justification import BestJustification
from btt_chain.consensus.finality.catch_up import CATCH_UP_THRESHOLD
from btt_chain.consensus.finality.messages import (
    MAX_VOTES,
    NeighborV1,
    VoteMessage,
    VotesAsked,
    VotesGiven,
    VotesRequest,
    encode_position,
)
from btt_chain.consensus.finality.peers import MAX_LAG, Peer, View
from btt_chain.consensus.finality.shared import Shared
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64

SEND_EVERY: Final = 120_000
"""Maximum milliseconds between neighbour packets with our position."""
MIN_PART: Final = 4
"""Number of neighbours up to which all receive our position in each round; of more it is a part,
and of four times as many a quarter.
"""
MIN_HELPERS: Final = 4
"""Minimum number of neighbours that are asked for votes at once; it grows with the root of all."""
MAX_ANSWERS_DUE: Final = 4
"""Maximum number of requests for votes that a neighbour may still answer."""
HELP_PAUSE: Final = 2
"""Minimum gossip durations between two answers to one neighbour. Stalled nodes wait longer."""


class NeighborPackets:
    """Sends our position, and answers those of the neighbours."""

    def __init__(
        self, floor: View, shared: Shared, best: BestJustification, gossip_ms: int
    ) -> None:
        """Begin at a position; none before `floor` is ever sent."""
        self._floor = floor
        self._peers: Final = shared.peers
        self._votes: Final = shared.votes
        self._best: Final = best
        self._gossip: Final = gossip_ms
        self._clock: Final = shared.clock
        self._outbox: Final = shared.outbox
        self._sent: View | None = None
        self._encoded = b""
        """The position that was sent last, and its encoding: neighbours receive the same."""
        self._asked = 0
        """Number of requests for votes."""
        self.due = self._clock.now + SEND_EVERY
        """Time of the next packets to all neighbours."""

    def raise_floor(self, view: View) -> None:
        """Send no position before this one: our earlier state may have sent it."""
        self._floor = view

    # --- our position ---

    def enter_round(self, before: View, ours: View) -> None:
        """Send our position in a new round to the neighbours whose turn it is."""
        if ours.set_id != before.set_id or ours.round != before.round + 1:
            self.send_all(ours)
            return
        parts = min(MAX_LAG, len(self._peers.known) // MIN_PART + 1)
        for name, peer in self._peers.known.items():
            is_long_ago = ours.round - peer.sent_round >= MAX_LAG  # the parts may change
            if is_long_ago or (peer.turn + ours.round) % parts == 0:
                self.send(name, peer, ours)

    def send_all(self, ours: View) -> None:
        """Send our position to all neighbours."""
        self.due = self._clock.now + SEND_EVERY
        for name, peer in self._peers.known.items():
            self.send(name, peer, ours)

    def send(self, name: str, peer: Peer, ours: View) -> None:
        """Send our position to one neighbour, unless we sent a later one."""
        peer.sent_at, peer.sent_round = self._clock.now, ours.round
        if ours[:2] >= self._floor[:2]:
            if ours != self._sent:
                self._sent, self._encoded = ours, encode_position(ours)
            self._outbox.send_encoded(name, self._encoded)

    def request_votes(self, ours: View, voters: Sequence[AuthorityId], of: str | None) -> None:
        """Request the votes that we lack, of one neighbour or of the next few."""
        if ours[:2] < self._floor[:2]:
            return
        before, current = (self._votes.bits_of(ours.round - back, voters) for back in (1, 0))
        body = VotesRequest(u64(ours.round), u64(ours.set_id), u32(ours.final), before, current)
        request = VotesAsked(body)
        for name in self._next_helpers() if of is None else [of]:
            peer = self._peers.known[name]
            peer.sent_at, peer.sent_round = self._clock.now, ours.round
            peer.answers_due = min(peer.answers_due + 1, MAX_ANSWERS_DUE)
            self._outbox.send(name, request)

    def _next_helpers(self) -> list[str]:
        """Return the neighbours whose turn it is to be asked for votes."""
        names = list(self._peers.known)
        count, first = min(max(MIN_HELPERS, isqrt(len(names))), len(names)), self._asked
        self._asked += count
        return [names[(first + turn) % len(names)] for turn in range(count)]

    # --- the neighbours ---

    def on_position(self, name: str, packet: NeighborV1 | VotesRequest, ours: View) -> bool:
        """Process a neighbour's position; return True if it is so far ahead that a catch-up is
        to be requested.
        """
        view = View(int(packet.set_id), int(packet.round), int(packet.commit_finalized_height))
        peer = self._peers.known.get(name)
        if peer is None:
            return False  # it is gone already
        if peer.view is not None and view[:2] < peer.view[:2]:
            self._outbox.penalize(name, cost.PAST, "it says that it went back")
            return False
        peer.view = view
        if view[:2] < ours[:2] and self._clock.now >= peer.sent_at + 2 * self._gossip:
            self.send(name, peer, ours)
        return view.set_id == ours.set_id and view.round >= ours.round + CATCH_UP_THRESHOLD

    def help(
        self, name: str, asked: VotesRequest, ours: View, voters: Sequence[AuthorityId]
    ) -> None:
        """Send a stalled neighbour what it lacks."""
        peer, now = self._peers.known.get(name), self._clock.now
        if peer is None:
            return
        if peer.helped_at is not None and now < peer.helped_at + HELP_PAUSE * self._gossip:
            return
        peer.helped_at = now
        set_id, number = int(asked.set_id), int(asked.round)
        if set_id < ours.set_id:
            ended = self._best.commit_that_ended(set_id)
            if ended is not None:
                self._outbox.send_encoded(name, ended)
        if set_id != ours.set_id:
            return
        if not asked.fits(len(voters)):
            self._outbox.penalize(name, cost.INVALID, "its lists of votes have another length")
            return
        is_over = number < self._best.round_of(set_id)
        commit = self._best.commit_of(set_id)
        if commit is not None and (is_over or asked.commit_finalized_height < ours.final):
            self._outbox.send_encoded(name, commit)
        if is_over and number + CATCH_UP_THRESHOLD <= ours.round:
            return
        votes = [
            VoteMessage(u64(of), asked.set_id, signed)
            for of, bits in ((number - 1, asked.before), (number, asked.current))
            for signed in self._votes.besides(of, voters, bits)
        ]
        if votes:
            self._outbox.send(name, VotesGiven(votes[:MAX_VOTES]))
