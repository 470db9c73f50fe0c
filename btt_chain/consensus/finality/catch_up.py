"""Catch-ups: the votes that completed a round, for nodes that are two rounds or more behind.

A peer may claim to be ahead and then stay silent, so after `PATIENCE` another one is asked too.
Source: `communication::gossip` of Substrate's `sc_consensus_grandpa`, where one request is pending
at a time.
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
from btt_chain.consensus.finality.peers import Peer, Peers, View
from btt_chain.consensus.finality.timers import Clock
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.grandpa import CatchUp
from btt_chain.scale import u64

CATCH_UP_THRESHOLD: Final = 2
"""Rounds behind a peer from which on its votes are requested at once."""
PATIENCE: Final = 1_000
"""Milliseconds until another peer is asked too; an answer takes one round trip."""
CATCH_UP_TIMEOUT: Final = 10_000
"""Milliseconds until a request is given up (45 s in Substrate)."""

MAX_EXPECTED: Final = 256
"""Maximum number of peers whose answers are expected."""
NEVER: Final = 1 << 62
"""A time that does not come: nothing is due."""


@dataclass(frozen=True, slots=True)
class Request:
    """A pending request for a catch-up; there is at most one for each peer."""

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
        self._pending: dict[str, Request] = {}
        """Requests by peer, the earliest first."""
        self.due = NEVER
        """Time when another peer is asked, or a request is given up."""
        self._silent: list[str] = []
        """Connected peers that did not answer."""
        self._expected: dict[str, int] = {}
        """Number of answers that each peer may still send."""

    # --- our requests ---

    def request(self, ours: View, *, is_given: bool) -> None:
        """Request a catch-up if a peer is ahead of us and no other was asked just before.

        `is_given` says that one is here and waits for its blocks.
        """
        now = self._clock.now
        for late in [one for one in self._pending.values() if now >= one.at + CATCH_UP_TIMEOUT]:
            del self._pending[late.peer]
            names = (*self._silent, late.peer)
            self._silent = [name for name in names if name in self._peers.known]
        if not is_given and now >= self._last_asked() + PATIENCE:
            peer = self._next_peer(ours)
            if peer is not None:
                name, wanted = peer
                self.expect(Request(name, ours.set_id, wanted, now))
                request = CatchUpRequest(u64(wanted), u64(ours.set_id))
                self._outbox.send(name, CatchUpAsked(request))
        self._set_due(now)

    def expect(self, request: Request) -> None:
        """Record a request."""
        self._pending[request.peer] = request
        self._expected[request.peer] = self._expected.pop(request.peer, 0) + 1
        if len(self._expected) > MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def accepts_answer(self, name: str, body: CatchUpMessage, ours: View) -> bool:
        """Return True if a catch-up answers one of our requests, and we still need it."""
        request, peer = self._pending.pop(name, None), self._peers.known.get(name)
        if not self.was_requested(name):
            why = "it sends votes that it was not asked for"
            self._outbox.penalize(name, cost.OUT_OF_SCOPE, why)
            return False
        if peer is not None:
            peer.gave_at = self._clock.now
        if request is not None and int(body.set_id) != request.set_id:
            why = "it sends votes of another set than asked for"
            self._outbox.penalize(name, cost.OUT_OF_SCOPE, why)
            return False
        return int(body.set_id) == ours.set_id and int(body.message.round_number) >= ours.round

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
        """Drop the pending request to this peer."""
        self._pending.pop(name, None)

    def begin_set(self) -> None:
        """Drop the pending requests: the set ended."""
        self._pending.clear()
        self.due = NEVER

    def take_over(self, before: CatchUps) -> None:
        """Take over the expected answers of an earlier state."""
        self._expected.update(before._expected)

    def _last_asked(self) -> int:
        """Return the time of the latest pending request."""
        return next((one.at for one in reversed(self._pending.values())), -PATIENCE)

    def _set_due(self, now: int) -> None:
        """Wake when another peer may be asked, and when the earliest request is given up."""
        times = [one.at + CATCH_UP_TIMEOUT for one in self._pending.values()][:1]
        if now < self._last_asked() + PATIENCE:
            times.append(self._last_asked() + PATIENCE)
        self.due = min(times, default=NEVER)

    def _next_peer(self, ours: View) -> tuple[str, int] | None:
        """Return the peer to ask for a catch-up, and its last complete round; None without one.

        A peer that did not answer is asked again only after all others that are ahead.
        """
        set_id, least = ours.set_id, ours.round + CATCH_UP_THRESHOLD
        ahead = {
            name: view.round - 1
            for name, peer in self._peers.known.items()
            if (view := peer.view) is not None and view.round >= least and view.set_id == set_id
            if name not in self._pending and not self._would_penalize(peer)
        }
        if not ahead:
            return None
        willing = [name for name in ahead if name not in self._silent]
        if not willing:
            self._silent = []
            willing = list(ahead)
        return willing[0], ahead[willing[0]]

    def _would_penalize(self, peer: Peer) -> bool:
        """Return True if another request would cost us: the peer gave a catch-up just before."""
        return peer.gave_at is not None and self._clock.now < peer.gave_at + 2 * self._gossip

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
