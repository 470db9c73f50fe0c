"""Catch-ups: the votes that completed a round, for nodes that are two rounds or more behind.

One request is pending at a time. Source: `communication::gossip` of Substrate's
`sc_consensus_grandpa`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btt_chain.consensus.finality import peers as cost
from btt_chain.consensus.finality.messages import (
    CatchUpAsked,
    CatchUpGiven,
    CatchUpMessage,
    CatchUpRequest,
)
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers, View
from btt_chain.consensus.finality.timers import Clock
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import CatchUp
from btt_chain.scale import u64

CATCH_UP_THRESHOLD: Final = 2
"""Rounds behind a peer from which on its votes are requested at once."""
CATCH_UP_TIMEOUT: Final = 10_000
"""Milliseconds until another peer is asked. Substrate waits 45 s; here an answer takes one trip,
and a silent peer must not keep us behind for long."""

MAX_EXPECTED: Final = 256
"""Maximum number of peers whose answers are expected."""
NEVER: Final = 1 << 62
"""A time that does not come: no request is pending."""


@dataclass(frozen=True, slots=True)
class Request:
    """The pending request for a catch-up; there is at most one."""

    peer: str
    set_id: int
    round: int
    at: int


class CatchUps:
    """Our requests for catch-ups, and the answers to those of peers."""

    def __init__(self, peers: Peers, gossip_ms: int, clock: Clock, outbox: Outbox) -> None:
        self._peers: Final = peers
        self._gossip: Final = gossip_ms
        self._clock: Final = clock
        self._outbox: Final = outbox
        self._pending: Request | None = None
        self.due = NEVER
        """Time when the pending request expires."""
        self._silent: list[str] = []
        """Peers that did not answer."""
        self._expected: dict[str, int] = {}
        """Number of answers that each peer may still send."""

    # --- our requests ---

    def request(self, ours: View) -> None:
        """Request a catch-up if a peer is ahead of us and no request is pending."""
        name = self._next_peer(ours)
        if name is None:
            return
        peer, now = self._peers.known[name], self._clock.now
        view, given = peer.view, peer.gave_at
        if view is None or (given is not None and now < given + 2 * self._gossip):
            return  # a peer that is asked again at once would penalize us
        wanted = view.round - 1
        self.expect(Request(name, ours.set_id, wanted, now))
        self._outbox.send(name, CatchUpAsked(CatchUpRequest(u64(wanted), u64(ours.set_id))))

    def expect(self, request: Request) -> None:
        """Record a request."""
        self._pending, self.due = request, request.at + CATCH_UP_TIMEOUT
        self._expected[request.peer] = self._expected.pop(request.peer, 0) + 1
        if len(self._expected) > MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def accepts_answer(self, name: str, body: CatchUpMessage, ours: View) -> bool:
        """Return True if a catch-up answers the pending request, and we still need it."""
        request, peer = self._pending, self._peers.known.get(name)
        if not self.was_requested(name):
            why = "it sends votes that it was not asked for"
            self._outbox.penalize(name, cost.OUT_OF_SCOPE, why)
            return False
        if peer is not None:
            peer.gave_at = self._clock.now
        if request is None or request.peer != name:
            return False  # too late, and not the sender's fault
        self._pending, self.due = None, NEVER
        if int(body.set_id) != request.set_id:
            why = "it sends votes of another set than asked for"
            self._outbox.penalize(name, cost.OUT_OF_SCOPE, why)
            return False
        return request.set_id == ours.set_id and int(body.message.round_number) >= ours.round

    def was_requested(self, name: str) -> bool:
        """Return True if a catch-up of this peer was requested, and count one request as answered.

        Later requests to other peers, or a reconnection, do not matter: their events may have been
        queued here behind the answer.
        """
        left = self._expected.pop(name, 0) - 1
        if left > 0:
            self._expected[name] = left
        return left >= 0

    def disconnected(self, name: str) -> None:
        """Drop the pending request if it went to this peer."""
        if self._pending is not None and self._pending.peer == name:
            self._pending, self.due = None, NEVER

    def begin_set(self) -> None:
        """Drop the pending request: the set ended."""
        self._pending, self.due = None, NEVER

    def take_over(self, before: CatchUps) -> None:
        """Take over the expected answers of an earlier state."""
        self._expected.update(before._expected)

    def _next_peer(self, ours: View) -> str | None:
        """Return the peer to ask for a catch-up; None if none is ahead, or a request is pending.

        A peer that did not answer is asked again only after all others that are ahead.
        """
        pending = self._pending
        if pending is not None:
            if self._clock.now < pending.at + CATCH_UP_TIMEOUT:
                return None
            self._silent.append(pending.peer)
            self._pending, self.due = None, NEVER
        set_id, least = ours.set_id, ours.round + CATCH_UP_THRESHOLD
        ahead = [
            name
            for name, peer in self._peers.known.items()
            if (view := peer.view) is not None and view.round >= least and view.set_id == set_id
        ]
        if not ahead:
            return None
        willing = [name for name in ahead if name not in self._silent]
        if not willing:
            self._silent = []
            willing = ahead
        return willing[0]

    # --- requests of peers ---

    def answer(
        self,
        name: str,
        body: CatchUpRequest,
        set_id: int,
        catch_up: Callable[[int], CatchUp | None],
    ) -> None:
        """Answer a peer's request; `catch_up` returns that of a round or a later one."""
        peer = self._peers.known.get(name)
        if peer is None or peer.view is None:
            return  # its neighbour packet may be lost, without its fault
        if not peer.view.set_id == int(body.set_id) == set_id:
            return  # one of us has moved on meanwhile
        if peer.answered_at is not None and self._clock.now < peer.answered_at + self._gossip:
            self._outbox.penalize(name, cost.OUT_OF_SCOPE, "it asks for votes again at once")
            return
        answer = catch_up(int(body.round))
        if answer is not None:
            peer.answered_at = self._clock.now
            self._outbox.send(name, CatchUpGiven(CatchUpMessage(u64(set_id), answer)))
