"""Neighbour packets: our position to the neighbours, and help for those that are stalled.

A peer that repeats its position lacks messages: it is sent the votes of its rounds, our highest
commit, or the commit that ended its set.
"""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.best_justification import BestJustification
from btt_chain.consensus.finality.catch_up import CATCH_UP_THRESHOLD
from btt_chain.consensus.finality.kept_votes import KeptVotes
from btt_chain.consensus.finality.messages import NeighborV1, encode_position, encode_vote
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peer, Peers, View
from btt_chain.consensus.finality.timers import Clock

SEND_EVERY: Final = 120_000
"""Maximum milliseconds between neighbour packets with our position."""


class NeighborPackets:
    """Sends our position, and answers those of the neighbours."""

    def __init__(
        self,
        floor: View,
        peers: Peers,
        votes: KeptVotes,
        best: BestJustification,
        gossip_ms: int,
        clock: Clock,
        outbox: Outbox,
    ) -> None:
        """Begin at a position; none before `floor` is ever sent."""
        self._floor = floor
        self._peers: Final = peers
        self._votes: Final = votes
        self._best: Final = best
        self._gossip: Final = gossip_ms
        self._clock: Final = clock
        self._outbox: Final = outbox
        self.due = clock.now + SEND_EVERY
        """Time of the next packets to all neighbours."""

    def raise_floor(self, view: View) -> None:
        """Send no position before this one: our earlier state may have sent it."""
        self._floor = view

    def send_all(self, ours: View) -> None:
        """Send our position to all neighbours."""
        now = self._clock.now
        self.due = now + SEND_EVERY
        raw = self._packet(ours)
        for name, peer in self._peers.known.items():
            peer.sent_at = now
            if raw is not None:
                self._outbox.send_encoded(name, raw)

    def send(self, name: str, peer: Peer, ours: View) -> None:
        """Send our position to one neighbour."""
        peer.sent_at = self._clock.now
        raw = self._packet(ours)
        if raw is not None:
            self._outbox.send_encoded(name, raw)

    def on_packet(self, name: str, packet: NeighborV1, ours: View) -> bool:
        """Process a neighbour's position; return True if it is so far ahead that a catch-up is
        to be requested.
        """
        view = View(int(packet.set_id), int(packet.round), int(packet.commit_finalized_height))
        peer = self._peers.known.get(name)
        if peer is None:
            return False  # it is gone already
        before = peer.view
        if before is not None and view[:2] < before[:2]:
            self._outbox.penalize(name, cost.PAST, "it says that it went back")
            return False
        peer.view = view
        if view[:2] < ours[:2] and self._clock.now >= peer.sent_at + 2 * self._gossip:
            self.send(name, peer, ours)
        # A peer that repeats its position is stalled; a new one may have missed everything.
        if before is None or view[:2] == before[:2]:
            self._help(name, peer, view, ours)
        return view.set_id == ours.set_id and view.round >= ours.round + CATCH_UP_THRESHOLD

    def _packet(self, ours: View) -> bytes | None:
        """Return the packet with our position; None if we sent a later one."""
        if ours[:2] < self._floor[:2]:
            return None
        return encode_position(ours)

    def _help(self, name: str, peer: Peer, view: View, ours: View) -> None:
        """Send a stalled peer what it may lack."""
        now = self._clock.now
        if peer.helped == view and now < peer.helped_at + self._gossip:
            return
        peer.helped, peer.helped_at = view, now
        if view.set_id < ours.set_id:
            ended = self._best.commit_that_ended(view.set_id)
            if ended is not None:
                self._outbox.send_encoded(name, ended)
            return
        if view.set_id > ours.set_id:
            return
        if view.final < ours.final:
            commit = self._best.commit_of(ours.set_id)
            if commit is not None:
                self._outbox.send_encoded(name, commit)
        for number in (view.round - 1, view.round):
            for signed in self._votes.in_round(number):
                if signed.signature not in peer.has:
                    self._outbox.send_encoded(name, encode_vote(number, ours.set_id, signed))
