"""Authoring: a block made of inherents and of the pool's ready transactions.

`make_block` is one step without waiting: it takes the transactions in the pool's order, leaves
out what does not fit, tells the pool what turned out invalid, and stops when the block is full
or its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from btt_chain.chain.client import Client, Made
from btt_chain.chain.memory import NoCollection
from btt_chain.primitives import validity
from btt_chain.primitives.babe import (
    Claim,
    SecondaryPlain,
    SecondaryPlainClaim,
    Slot,
    pre_runtime,
)
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import u32
from runtime.executive import Executive
from runtime.inherents import InherentData, create_inherents
from runtime.kept import FindKept, nothing_kept

MAX_MISFITS: Final = 8
"""Transactions that may be left out for lack of room before a block in a hurry counts as full.

While there is time the others are looked at all the same: a few that never fit, whatever they
promise to pay, must not keep the rest waiting. Source: sc_basic_authorship, soft deadline.
"""


class Pace(Enum):
    """How much of its time a block in the making has used."""

    EARLY = "early"
    LATE = "late"
    """The soft deadline has passed: fill up, do not search."""
    OVER = "over"


ZERO: Final = H256(bytes(32))


class Ready(Protocol):
    """A ready transaction of the pool."""

    @property
    def hash(self) -> bytes:
        """Its hash."""

    @property
    def raw(self) -> bytes:
        """Its bytes, with the length in front."""


@dataclass(slots=True)
class Proposal:
    """A block that was made, and what was learned of the pool on the way."""

    made: Made
    refused: dict[bytes, str] = field(default_factory=dict)
    """Transactions that can never be in a block on this parent, with the reason."""
    included: int = 0
    """How many transactions the block holds, inherents left out."""


def manual_slot(parent_slot: int, now_ms: int, slot_ms: int, earliest_ms: int) -> tuple[int, int]:
    """Return slot and timestamp (ms) of a block that is sealed by hand.

    Slots run ahead of the clock when blocks come faster than slots; time then follows them.
    `earliest_ms` is the least time that the Timestamp pallet accepts.
    """
    slot = max(parent_slot + 1, now_ms // slot_ms)
    return slot, max(now_ms, slot * slot_ms, earliest_ms)


def manual_claim(slot: int) -> Claim:
    """Return the claim of a block that is sealed by hand (ruling A2)."""
    return SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(slot)))


def make_block(
    client: Client,
    parent: bytes,
    *,
    claim: Claim,
    timestamp_ms: int,
    ready: Iterable[Ready],
    skip: Callable[[bytes], None],
    pace: Callable[[], Pace],
) -> Proposal:
    """Make a block on `parent` for the slot of `claim`; nothing is stored, and there is no seal.

    `skip` is told of each transaction that was left out, so that those which depend on it are
    passed over. Raises UnknownBlock, StateUnavailable or NoLaw for the parent, NotCarried if the
    block would move the chain on to a law that is not here.
    """
    parent_header = client.header_of(parent)
    overlay = client.overlay(parent)
    executive = client.laws.of_block(overlay.get, int(claim.claim.slot)).blocks
    header = Header(
        parent_hash=H256(parent),
        number=u32(int(parent_header.number) + 1),
        state_root=ZERO,
        extrinsics_root=ZERO,
        digest=Digest([pre_runtime(claim)]),
    )
    with NoCollection():
        executive.initialize_block(overlay, header)
        body = create_inherents(executive.runtime, InherentData.at(timestamp_ms))
        for inherent in body:
            executive.apply_extrinsic(inherent)
        included, refused = fill(executive, ready, skip, pace, client.kept.get)
        finished = executive.finalize_block()
    if overlay.pending is None:
        raise RuntimeError("the block was closed without a state root")
    made = Made(finished, body + included, overlay.pending)
    return Proposal(made, refused, len(included))


def fill(
    executive: Executive,
    ready: Iterable[Ready],
    skip: Callable[[bytes], None],
    pace: Callable[[], Pace],
    kept: FindKept = nothing_kept,
) -> tuple[list[bytes], dict[bytes, str]]:
    """Apply ready transactions to the open block; return those it took, and why others never.

    `kept` returns what was kept of a transaction, by its hash, when it was admitted.
    """
    taken: list[bytes] = []
    refused: dict[bytes, str] = {}
    misfits = 0
    for transaction in ready:
        now = pace()
        if now is Pace.OVER or (now is Pace.LATE and misfits > MAX_MISFITS):
            break
        raw = unwrap(transaction.raw)
        try:
            executive.apply_extrinsic(raw, kept(transaction.hash))
        except Invalid as refusal:
            skip(transaction.hash)
            if isinstance(refusal.reason, validity.ExhaustsResources):
                misfits += 1
            elif not isinstance(refusal.reason, validity.Future):
                refused[transaction.hash] = str(refusal)
        except Unknown as refusal:
            skip(transaction.hash)
            refused[transaction.hash] = str(refusal)
        else:
            taken.append(raw)
    return taken, refused
