"""Who made which header of late: an author's second one for a slot is an equivocation."""

from __future__ import annotations

from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.header import Header


class Sightings:
    """The verified headers of late, to notice when an author makes a second one for its slot."""

    def __init__(self, slots: int) -> None:
        """Remember the headers of the last `slots` slots."""
        self._slots = slots
        self._seen: dict[int, dict[bytes, Header]] = {}
        self._newest = 0

    def see(self, header: Header, author: bytes, slot: int) -> EquivocationProof | None:
        """Take note of a verified header; return the proof if it is its author's second."""
        self._newest = max(self._newest, slot)
        oldest = self._newest - self._slots + 1
        if slot < oldest:
            return None
        for old in [old for old in self._seen if old < oldest]:
            del self._seen[old]
        first = self._seen.setdefault(slot, {}).setdefault(author, header)
        if first.hash() == header.hash():
            return None
        return EquivocationProof(AuthorityId(author), Slot(slot), first, header)
