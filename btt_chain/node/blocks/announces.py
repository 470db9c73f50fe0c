"""Announces of peers: which are forwarded, and when.

A peer is responsible for the announces it hands over, so only a valid header is forwarded: one that
continues a block we have and is signed by an author who may claim its slot, before its block is
fetched and executed; or one whose block was imported later. Each header is forwarded once, and of
each author and slot no more than prove the equivocation.

A header whose slot has not come is held until its block can be imported: an earlier fetch would be
in vain.

A small block is announced with its body, which must have the root that the header states. An
announce is decoded once. Before that its height and the size of its digest are read from a few
bytes: at or below the last final block it is of no use to any node.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.runtimes import extrinsics_root
from btt_chain.consensus.babe.verify import Reason, Refused, slot_of
from btt_chain.consensus.importer import Importer, NotTrusted
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.header import Header
from p2p.network import GossipReceived
from p2p.protocols.messages import Announce, announced_height, read_announce
from storage.state import StateUnavailable

REMEMBERED: Final = 1_024
"""Number of headers, and of claims by author and slot, remembered as forwarded."""
WAITING: Final = 128
"""Maximum number of announces that wait for the import of their block."""
WAITING_OF_ONE: Final = 32
"""Maximum number of those from one peer: its next one replaces its oldest."""
HELD: Final = 64
"""Maximum number of announces held because they came too early."""
HELD_OF_ONE: Final = 4
"""Maximum number of those from one peer."""
HELD_MS: Final = 60_000
"""Maximum time to hold one; an earlier one means a wrong clock, ours or theirs."""
LATE: Final = 8
"""Blocks below the last final one whose headers may still prove an equivocation."""
PER_TURN: Final = 2
"""Maximum number of headers of one author for one slot that are forwarded."""

K = TypeVar("K")
V = TypeVar("V")


class Verdict(NamedTuple):
    """The decision about an announce."""

    pass_on: bool
    fault: str | None = None
    """The fault that its sender must have known."""


NO_VERDICT: Final = Verdict(pass_on=False)


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
    """The announces that were forwarded, and those that wait."""

    def __init__(self, client: Client, importer: Importer, slot_ms: int) -> None:
        self._client = client
        self._importer = importer
        self._slot_ms = slot_ms
        self.decode: Callable[[bytes], Announce] = partial(read_announce, body_root=extrinsics_root)
        self.held: list[_Held] = []
        """Announces that wait for their slot; not to be changed from outside."""
        self._forwarded: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: list[Received] = []
        self._turns: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def write(self, header: Header, body: Sequence[bytes], *, is_best: bool) -> bytes:
        """Return the announce of a block of this node."""
        return Announce.of(header, body, is_best=is_best).encode()

    def read(self, event: GossipReceived) -> Received | None:
        """Decode an announce; None if it is at or below the last final block.

        Raises DecodeError.
        """
        if announced_height(event.data) <= self._client.finalized().number:
            return None
        announce = self.decode(event.data)
        return Received(event.peer, event.data, announce, bytes(announce.header.hash()))

    def read_late(self, event: GossipReceived, now_ms: int) -> EquivocationProof | None:
        """Return the equivocation that an announce at or below the last final block proves.

        Blocks become final within milliseconds, before an author's second one for the slot comes.
        A proof is returned once. Raises DecodeError, Refused.
        """
        if announced_height(event.data) + LATE < self._client.finalized().number:
            return None
        header = self.decode(event.data).header
        hash = bytes(header.hash())
        if hash in self._forwarded:
            return None
        proof = self._importer.prove(header, now_ms)
        if proof is not None:
            _remember(self._forwarded, hash, None, REMEMBERED)
        return proof

    def hold(self, received: Received, now_ms: int) -> bool:
        """Hold an announce whose slot has not come; return True if it is not to be judged now.

        One that is too early, or exceeds the limits, is dropped: other peers will announce the
        block.
        """
        try:
            slot = slot_of(received.announce.header)
        except Refused:
            return False
        due = (slot - 1) * self._slot_ms  # blocks up to slot_now + 1
        if due <= now_ms:
            return False
        same = sum(held.received.peer == received.peer for held in self.held)
        if due - now_ms <= HELD_MS and len(self.held) < HELD and same < HELD_OF_ONE:
            self.held.append(_Held(due, received))
        return True

    def take_due(self, now_ms: int) -> list[Received]:
        """Remove and return the held announces that are due, in order of arrival."""
        found = [held.received for held in self.held if held.due_ms <= now_ms]
        if found:
            self.held = [held for held in self.held if held.due_ms > now_ms]
        return found

    def judge(self, received: Received, now_ms: int) -> Verdict:
        """Return the decision about an announce that a peer handed over."""
        header, hash = received.announce.header, received.hash
        if hash in self._forwarded or self._client.header(hash) is not None:
            return Verdict(pass_on=False)
        if int(header.number) <= self._client.finalized().number:
            # It is of no use to any node, and a former author could make any number of them.
            return Verdict(pass_on=False)
        try:
            stands = self._stands(header, now_ms)
        except Refused as refused:
            late = refused.reason is Reason.SLOT_IN_FUTURE
            if late:
                self._wait(received)
            return Verdict(pass_on=False, fault=None if late else str(refused))
        if stands:
            _remember(self._forwarded, hash, None, REMEMBERED)
        else:
            self._wait(received)
        return Verdict(stands)

    def imported(self, hash: bytes) -> bytes | None:
        """Return the announce of an imported block, if it waited for the import."""
        if not self._waiting:
            return None
        data = next((one.data for one in self._waiting if one.hash == hash), None)
        if data is not None:
            self._waiting = [one for one in self._waiting if one.hash != hash]
            _remember(self._forwarded, hash, None, REMEMBERED)
        return data

    def _wait(self, received: Received) -> None:
        """Keep an announce for the import of its block.

        Its header may be invented, so a peer cannot replace more than its own share of the others.
        """
        same = [one for one in self._waiting if one.peer == received.peer]
        if any(one.hash == received.hash for one in same):
            return
        if len(same) >= WAITING_OF_ONE:
            self._waiting.remove(same[0])
        elif len(self._waiting) >= WAITING:
            del self._waiting[0]
        self._waiting.append(received)

    def _stands(self, header: Header, now_ms: int) -> bool:
        """Return True if a header is valid; False if that is not known. Raises Refused."""
        parent = self._client.header(header.parent_hash)
        if parent is None or int(parent.number) + 1 != int(header.number):
            return False
        try:
            verified = self._importer.check(header, now_ms)
        except (NotTrusted, UnknownBlock, StateUnavailable):
            return False
        if verified is None:
            return False
        self._importer.see(header, verified)
        turn = (verified.author, verified.slot)
        count = self._turns.get(turn, 0) + 1
        _remember(self._turns, turn, count, REMEMBERED)
        return count <= PER_TURN


def _remember(memory: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    memory[key] = value
    if len(memory) > most:
        memory.popitem(last=False)
