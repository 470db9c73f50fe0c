"""Changes of the runtime version, as far as they concern the transactions of peers.

Around a change not all nodes are at the same block, so a peer is not penalized for a transaction
that was signed for the version of the other side. Where the chain has moved to a version that this
node does not carry, it gossips no transactions.
"""

from __future__ import annotations

from typing import Final

from btt_chain.chain.client import Client
from btt_chain.primitives.header import Header
from runtime.pallets.upgrade.pallet import Due, coming
from storage.state import StateUnavailable

CHANGE_SLOTS: Final = 8
"""Slots around a change of the runtime in which no peer is penalized for a transaction that was
signed for the version of the other side."""


class RuntimeChanges:
    """The last change of the runtime, and the one that the best block's state schedules."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changed: int | None = None
        """The slot of the last imported block that changes the runtime."""
        self._due: tuple[bytes, Due | None] | None = None
        """The runtime that the state of a block schedules, with that block's hash."""

    def imported(self, header: Header, slot: int) -> None:
        """Process a block that was imported in this slot."""
        if header.digest.updates_runtime():
            self._changed = slot

    def is_near(self, slot: int) -> bool:
        """Return True if peers may run another runtime than the best block's, or we stopped."""
        recent = self._changed is not None and slot <= self._changed + CHANGE_SLOTS
        return recent or self._is_due(slot + CHANGE_SLOTS)

    def is_stalled(self, slot: int) -> bool:
        """Return True if the chain has moved to a runtime version that is not carried."""
        if not self._is_due(slot):
            return False
        client = self._client
        return client.runtimes.lacks(client.state(client.best().hash).get) is not None

    def _is_due(self, slot: int) -> bool:
        """Return True if our best block's state schedules a runtime up to this slot."""
        client = self._client
        best = client.best().hash
        if self._due is None or self._due[0] != best:
            try:
                self._due = best, coming(client.state(best).get)
            except StateUnavailable:  # it is being fetched
                return False
        due = self._due[1]
        return due is not None and due.in_headers <= slot
