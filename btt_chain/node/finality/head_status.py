"""The node's status for its peers, and the proof that it lacks for its last final block."""

from __future__ import annotations

from btt_chain.chain.notify import ChainEvent, Finalized, NewBest
from btt_chain.node.engine.parts import Parts
from p2p.network import AUTHORITY, FULL, Status
from p2p.sync.types import BlockId


class HeadStatus:
    """The heads of the chain as last reported."""

    def __init__(self, parts: Parts, *, validator: bool) -> None:
        self._parts = parts
        self._role = AUTHORITY if validator else FULL
        self._asked_proof: bytes | None = None
        self.has_changed = True
        """The heads, or the lowest block, may have moved since the status was taken."""
        parts.client.listen(self._on_chain_event)

    def mark_changed(self) -> None:
        """Record that the lowest block has moved: there are lower blocks to serve."""
        self.has_changed = True

    def take(self) -> Status:
        """Return the status."""
        self.has_changed = False
        client = self._parts.client
        best, final = client.best(), client.finalized()
        lowest = client.store.state_import.lowest
        return Status(self._role, best.number, best.hash, final.number, final.hash, lowest)

    def unproven(self) -> BlockId | None:
        """Return a block whose justification is missing, unless it was returned before."""
        wanted = self._parts.gadget.must_be_proven()
        if wanted is None or wanted.hash == self._asked_proof:
            return None
        self._asked_proof = bytes(wanted.hash)
        return BlockId(wanted.number, bytes(wanted.hash))

    def _on_chain_event(self, event: ChainEvent) -> None:
        match event:
            case NewBest() | Finalized():
                self.has_changed = True
