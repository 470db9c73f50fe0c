"""Equivocations of authors: an author's second header for a slot is an equivocation."""

from __future__ import annotations

from btt_chain.primitives.babe import NoPreDigest, Slot, pre_digest
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.header import Header


class EquivocationTracker:
    """The recent verified headers, to detect an author's second one for a slot."""

    def __init__(self, slots: int) -> None:
        """Remember the headers of the last `slots` slots."""
        self._slots = slots
        self._seen: dict[int, dict[bytes, Header]] = {}
        self._proven: dict[tuple[int, bytes], None] = {}
        self._newest = 0

    def see(self, header: Header, author: bytes, slot: int) -> EquivocationProof | None:
        """Record a verified header; return the proof if it is its author's second, once."""
        if slot > self._newest:
            before, self._newest = self._newest, slot
            self._forget(before - self._slots + 1, slot - self._slots + 1)
        if slot < self._newest - self._slots + 1:
            return None
        first = self._seen.setdefault(slot, {}).setdefault(author, header)
        if first.hash() == header.hash() or (slot, author) in self._proven:
            return None
        self._proven[slot, author] = None
        return EquivocationProof(AuthorityId(author), Slot(slot), first, header)

    def may_prove(self, header: Header) -> bool:
        """Return True if an unverified header claims the slot of another one for the same author.

        It is read by what both claim: a verified one with another hash would be an equivocation.
        """
        try:
            claim = pre_digest(header.digest.logs).claim
        except NoPreDigest:
            return False
        first = self._seen.get(int(claim.slot), {}).values()
        return any(
            pre_digest(one.digest.logs).claim.authority_index == claim.authority_index
            and one.hash() != header.hash()
            for one in first
        )

    def _forget(self, start: int, stop: int) -> None:
        """Drop the slots from `start` up to below `stop`: there are none before."""
        for old in range(start, stop) if stop - start < len(self._seen) else list(self._seen):
            if old < stop:
                for author in self._seen.pop(old, ()):
                    self._proven.pop((old, author), None)
