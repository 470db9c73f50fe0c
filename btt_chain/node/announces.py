"""Announces of others: which are passed on, and when.

Who hands an announce over answers for it, so only a header that stands goes on: one that continues
a block we have and is signed by who may author its slot, before its block is fetched and executed;
or one whose block was taken in after all. Each header goes on once, and of each author and slot no
more than shows the equivocation.

A header whose slot has not come is held until its block can be taken in: to fetch it before would
be for nothing.

An announce is decoded once. Before that its height and the size of its digest are read from a few
bytes: at or below the last final block it is of no use to any node.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.consensus.babe.verify import Reason, Refused, slot_of
from btt_chain.consensus.importer import Importer
from btt_chain.primitives.header import Header
from p2p.network import GossipHeard
from p2p.protocols.messages import Announce
from p2p.protocols.peek import peek_announce
from storage.state import StateUnavailable

REMEMBERED: Final = 1_024
"""Headers, and turns of authors, that are remembered as passed on."""
WAITING: Final = 128
"""Announces that wait for their block to be taken in."""
HELD: Final = 64
"""Announces that are held because they came too early."""
HELD_OF_ONE: Final = 4
"""Of these, what one peer may have said."""
HELD_MS: Final = 60_000
"""How long one may be held; what is earlier comes from a clock that is wrong, ours or theirs."""
PER_TURN: Final = 2
"""Headers of one author for one slot that are passed on."""

K = TypeVar("K")
V = TypeVar("V")


class Verdict(NamedTuple):
    """What is to be done about an announce."""

    pass_on: bool
    fault: str | None = None
    """What is wrong with it that its sender must have known."""


class Received(NamedTuple):
    """An announce of a peer, decoded."""

    peer: str
    data: bytes
    announce: Announce
    hash: bytes


class _Held(NamedTuple):
    due_ms: int
    received: Received


class Announces:
    """Remembers what was passed on, and what waits."""

    def __init__(self, client: Client, importer: Importer, slot_ms: int) -> None:
        self._client = client
        self._importer = importer
        self._slot_ms = slot_ms
        self._held: list[_Held] = []
        self._told: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: OrderedDict[bytes, bytes] = OrderedDict()
        self._turns: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def read(self, event: GossipHeard) -> Received | None:
        """Decode an announce; None if it is at or below the last final block.

        Raises DecodeError.
        """
        if peek_announce(event.data).number <= self._client.finalized().number:
            return None
        announce = Announce.decode(event.data)
        return Received(event.peer, event.data, announce, bytes(announce.header.hash()))

    def hold(self, received: Received, now_ms: int) -> bool:
        """Keep an announce away whose slot has not come; false if it is to be looked at now.

        What is held too long, or is too much, is forgotten: others will speak of the block.
        """
        try:
            slot = slot_of(received.announce.header)
        except Refused:
            return False
        due = (slot - 1) * self._slot_ms  # ruling E: blocks up to slot_now + 1
        if due <= now_ms:
            return False
        same = sum(held.received.peer == received.peer for held in self._held)
        if due - now_ms <= HELD_MS and len(self._held) < HELD and same < HELD_OF_ONE:
            self._held.append(_Held(due, received))
        return True

    def ripe(self, now_ms: int) -> list[Received]:
        """Return what was held and may be looked at now, in the order of its coming."""
        found = [held.received for held in self._held if held.due_ms <= now_ms]
        if found:
            self._held = [held for held in self._held if held.due_ms > now_ms]
        return found

    def heard(self, received: Received, now_ms: int) -> Verdict:
        """Judge an announce that a peer handed over."""
        header, hash, data = received.announce.header, received.hash, received.data
        if hash in self._told or self._client.header(hash) is not None:
            return Verdict(pass_on=False)
        if int(header.number) <= self._client.finalized().number:
            # Nobody needs it, and who was an author once could make any number of them.
            return Verdict(pass_on=False)
        try:
            stands = self._stands(header, now_ms)
        except Refused as refused:
            late = refused.reason is Reason.SLOT_IN_FUTURE
            if late:
                self._wait(hash, data)
            return Verdict(pass_on=False, fault=None if late else str(refused))
        if stands:
            _remember(self._told, hash, None, REMEMBERED)
        else:
            self._wait(hash, data)
        return Verdict(stands)

    def imported(self, hash: bytes) -> bytes | None:
        """Return the announce of a block that was taken in, if it waited for that."""
        data = self._waiting.pop(hash, None)
        if data is not None:
            _remember(self._told, hash, None, REMEMBERED)
        return data

    def _wait(self, hash: bytes, data: bytes) -> None:
        _remember(self._waiting, hash, data, WAITING)

    def _stands(self, header: Header, now_ms: int) -> bool:
        """Whether a header is known to stand; false if we cannot tell. Raises Refused."""
        parent = self._client.header(header.parent_hash)
        if parent is None or int(parent.number) + 1 != int(header.number):
            return False
        try:
            verified = self._importer.check(header, now_ms)
        except (UnknownBlock, StateUnavailable):
            return False
        if verified is None:
            return False
        turn = (verified.author, verified.slot)
        count = self._turns.get(turn, 0) + 1
        _remember(self._turns, turn, count, REMEMBERED)
        return count <= PER_TURN


def _remember(memory: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    memory[key] = value
    if len(memory) > most:
        memory.popitem(last=False)
