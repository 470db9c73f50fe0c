"""The node's status for its peers, and the proof that it lacks for its last final block."""

from __future__ import annotations

from typing import Final

from btt_chain.chain.notify import ChainEvent, Finalized, NewBest
from btt_chain.node.parts import Parts
from p2p.network import AUTHORITY, FULL, Status
from p2p.sync.types import BlockId
from storage.database import ChainStore

MARGIN: Final = 64
"""Maximum number of blocks that keep their bodies and are no longer offered: peers that were
promised them have requests under way."""


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
        lowest = lowest_served(client.store)
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


def lowest_served(store: ChainStore) -> int:
    """Return the height from which on this node offers peers each block of the best chain.

    Where bodies are pruned, those that will be removed next are not offered.
    """
    lowest, window = store.state_import.lowest, store.blocks.retention.bodies
    if window is None:
        return lowest
    return max(lowest, store.blocks.finalized.number - window + 1 + min(window // 4, MARGIN))
