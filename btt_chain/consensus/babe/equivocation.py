"""Equivocations of authors: an author's second header for a slot is an equivocation."""

from __future__ import annotations

from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.header import Header


class EquivocationTracker:
    """The recent verified headers, to detect an author's second one for a slot."""

    def __init__(self, slots: int) -> None:
        """Remember the headers of the last `slots` slots."""
        self._slots = slots
        self._seen: dict[int, dict[bytes, Header]] = {}
        self._newest = 0

    def see(self, header: Header, author: bytes, slot: int) -> EquivocationProof | None:
        """Record a verified header; return the proof if it is its author's second."""
        if slot > self._newest:
            before, self._newest = self._newest, slot
            self._forget(before - self._slots + 1, slot - self._slots + 1)
        if slot < self._newest - self._slots + 1:
            return None
        first = self._seen.setdefault(slot, {}).setdefault(author, header)
        if first.hash() == header.hash():
            return None
        return EquivocationProof(AuthorityId(author), Slot(slot), first, header)

    def _forget(self, start: int, stop: int) -> None:
        """Drop the slots from `start` up to below `stop`: there are none before."""
        for old in range(start, stop) if stop - start < len(self._seen) else list(self._seen):
            if old < stop:
                self._seen.pop(old, None)
