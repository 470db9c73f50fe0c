"""The actions of one event, in the order in which they are to be carried out."""

from __future__ import annotations

from typing import Final

from btt_chain.consensus.finality import records
from btt_chain.consensus.finality.environment import Action, Save
from btt_chain.consensus.finality.messages import GOSSIP, GossipMessage
from btt_chain.consensus.finality.peers import Peers
from p2p.network import GOSSIP_BYTES, GRANDPA, NOTE_BYTES, Penalise, Publish, SendNote

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
