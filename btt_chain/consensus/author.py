"""Authoring: a block made of inherents and of the pool's ready transactions.

`make_block` is one step without waiting: it applies the transactions in the pool's order, skips
those that do not fit, returns those that turned out invalid, and stops when the block is full or
its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Final, Protocol

from btt_chain.chain.client import Client, Made, RootedOverlay, UnknownBlock
from btt_chain.chain.gc import without_collection
from btt_chain.lazyclass import dataclass
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
from runtime.frame import Runtime, State
from runtime.inherents import InherentData, create_inherents
from runtime.kept import FindKept, nothing_kept

MAX_MISFITS: Final = 8
"""Transactions skipped for lack of room before a block past its soft deadline counts as full.

Before that deadline the search goes on: a few that never fit, whatever tip they offer, must not
keep the rest waiting. Source: sc_basic_authorship, soft deadline.
"""


class Pace(Enum):
    """The time used of a block in the making."""

    EARLY = "early"
    LATE = "late"
    """The soft deadline has passed: few more misfits are skipped."""
    OVER = "over"


class SealingFailed(Exception):
    """A block made by this node is invalid: it must stop. The message gives the reason."""


def pace_of(used: float, given: float) -> Pace:
    """Return the pace of a block that has used `used` of `given` seconds."""
    if used > given:
        return Pace.OVER
    return Pace.LATE if used > given / 2 else Pace.EARLY


ZERO: Final = H256(bytes(32))


Edit = Callable[[Runtime, State], None]
"""Changes a state, which the runtime has entered; see `make_block`."""


class Ready(Protocol):
    """A ready transaction of the pool."""

    @property
    def hash(self) -> bytes:
        """Its hash."""

    @property
    def raw(self) -> bytes:
        """The encoded extrinsic, with its length prefix."""


@dataclass(slots=True)
class Proposal:
    """A block that was made, and the transactions that were refused."""

    made: Made
    refused: dict[bytes, str] = field(default_factory=dict)
    """Transactions that cannot be in a block on this parent, with the reason."""
    included: int = 0
    """Number of transactions in the block, without inherents."""
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    """Values that `edit` set at the end of the block; None for a removed key."""


def manual_slot(parent_slot: int, now_ms: int, slot_ms: int, earliest_ms: int) -> tuple[int, int]:
    """Return slot and timestamp (ms) of a manually sealed block.

    Slots run ahead of the clock when blocks come faster than slots; time then follows them.
    `earliest_ms` is the lowest timestamp that the Timestamp pallet accepts.
    """
    slot = max(parent_slot + 1, now_ms // slot_ms)
    return slot, max(now_ms, slot * slot_ms, earliest_ms)


def manual_claim(slot: int) -> Claim:
    """Return the claim of a manually sealed block: secondary plain, by authority 0."""
    return SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(slot)))


@without_collection
def make_block(
    client: Client,
    parent: bytes,
    *,
    claim: Claim,
    timestamp_ms: int,
    ready: Iterable[Ready],
    skip: Callable[[bytes], None],
    pace: Callable[[], Pace],
    edit: Edit | None = None,
) -> Proposal:
    """Make a block on `parent` for the slot of `claim`; it is neither stored nor sealed.

    `skip` is called with each transaction that was left out, so that those which depend on it are
    skipped. `edit` changes the state after the block, on a development chain: only a node that
    knows its changes can execute the block again. Raises UnknownBlock, StateUnavailable or
    UnsupportedRuntime for the parent, UnsupportedUpgrade if the block would move the chain to a
    runtime version that this node does not carry; and what `edit` raises.
    """
    overlay = client.overlay_of_child(parent)
    executive = client.runtimes.of_block(overlay.get, int(claim.claim.slot)).blocks
    changes: dict[bytes, bytes | None] = {}
    body = begin(executive, overlay, next_header(client, parent, claim), timestamp_ms)
    included, refused = fill(executive, ready, skip, pace, client.kept.get)
    finished = executive.finalize_block()
    if edit is not None:
        before = overlay.changes()
        edit(executive.runtime, overlay)
        changes = changed(before, overlay.changes())
        finished = replace(finished, state_root=H256(overlay.root()))
    if overlay.pending is None:
        raise RuntimeError("the block was closed without a state root")
    made = Made(finished, body + included, overlay.pending)
    return Proposal(made, refused, len(included), changes)


def next_header(client: Client, parent: bytes, claim: Claim) -> Header:
    """Return the header of a block on `parent`, without its roots. Raises UnknownBlock."""
    number = client.store.blocks.number(parent)
    if number is None:
        raise UnknownBlock(parent)
    return Header(
        parent_hash=H256(parent),
        number=u32(number + 1),
        state_root=ZERO,
        extrinsics_root=ZERO,
        digest=Digest([pre_runtime(claim)]),
    )


def begin(
    executive: Executive, overlay: RootedOverlay, header: Header, timestamp_ms: int
) -> list[bytes]:
    """Begin a block, and apply its inherents; return them."""
    executive.initialize_block(overlay, header)
    body = create_inherents(executive.runtime, InherentData.at(timestamp_ms))
    for inherent in body:
        executive.apply_extrinsic(inherent)
    return body


def changed(
    before: Mapping[bytes, bytes | None], after: Mapping[bytes, bytes | None]
) -> dict[bytes, bytes | None]:
    """Return the entries of `after` that `before` lacks, or has with another value."""
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def fill(
    executive: Executive,
    ready: Iterable[Ready],
    skip: Callable[[bytes], None],
    pace: Callable[[], Pace],
    kept: FindKept = nothing_kept,
) -> tuple[list[bytes], dict[bytes, str]]:
    """Apply ready transactions to the open block; return those included, and those refused.

    `kept` returns what the pool kept of a transaction on admission, by its hash.
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
