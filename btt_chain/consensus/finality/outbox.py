"""The actions of one event, in the order in which they are to be carried out."""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.environment import Action, Save
from btt_chain.consensus.finality.messages import GOSSIP, GossipMessage, VoteMessage
from btt_chain.consensus.finality.peers import MAX_LAG, Peers
from p2p.network import GOSSIP_BYTES, GRANDPA, NOTE_BYTES, Penalise, Publish, SendNote

FORWARDED: Final = 3
"""Maximum number of neighbours that a vote of another voter is forwarded to at once: with its own
voter's messages each node receives it four times at most, on average. Nine of ten nodes receive it
that way where few know its voter, and two thirds of the votes complete a round.
"""
_GOSSIPED: Final = GOSSIP_BYTES[GRANDPA]


class Outbox:
    """Collects the actions that an event leads to."""

    def __init__(self, peers: Peers) -> None:
        self._peers: Final = peers
        self._actions: list[Action] = []

    def put(self, action: Action) -> None:
        """Append an action."""
        self._actions.append(action)

    def send(self, peer: str, message: GossipMessage) -> None:
        """Send a message to one peer, unless it is too large."""
        raw = GOSSIP.encode(message)
        if len(raw) <= NOTE_BYTES:
            self.put(SendNote(peer, raw))

    def send_encoded(self, peer: str, raw: bytes) -> None:
        """Send an encoded message to one peer."""
        self._actions.append(SendNote(peer, raw))

    def gossip(self, raw: bytes) -> None:
        """Gossip a message; one that is too large for that goes to every neighbour."""
        if len(raw) <= _GOSSIPED:
            self._actions.append(Publish(GRANDPA, raw))
            return
        for peer in self._peers.known:
            self.put(SendNote(peer, raw))

    def gossip_vote(self, raw: bytes, set_id: int, number: int) -> None:
        """Gossip a vote of ours to the neighbours that may accept votes of its round."""
        to = self._peers.between(set_id, number - MAX_LAG, number + 1)
        if to:
            self._actions.append(Publish(GRANDPA, raw, to))

    def forward_vote(self, raw: bytes, vote: VoteMessage, sender: str, ours: int) -> None:
        """Gossip a vote that `sender` delivered to a few neighbours that may be in its round.

        If we have completed that round, most have: then only to those whose last position is in it,
        or in the one before.
        """
        number = int(vote.round)
        lag = MAX_LAG if number >= ours else 1
        to = self._peers.between(int(vote.set_id), number - lag, number, besides=sender)
        if to:
            self._actions.append(Publish(GRANDPA, raw, to, FORWARDED))

    def penalize(self, peer: str, price: int, why: str, *, is_certain: bool = False) -> None:
        """Penalize a peer; `is_certain` for what is invalid on any chain."""
        self.put(Penalise(peer, price, why, is_certain))

    def unsaved(self) -> records.Changes:
        """Return the records of the actions that are not carried out yet."""
        changes: dict[bytes, bytes | None] = {}
        for action in self._actions:
            if isinstance(action, Save):
                changes |= action.changes
        return changes

    def take(self) -> list[Action]:
        """Return the actions, and begin with none."""
        actions, self._actions = self._actions, []
        return actions
