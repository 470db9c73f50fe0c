"""The importer: the one gate for blocks of a chain that authors make by lottery.

A header is checked by BABE's rules against the epoch that its parent's state names, before its
block is looked at; then the client executes it. The state holds all that the check needs (ruling
A3), so a node that came by warp sync checks like any other. A second header of one author for one
slot is let in as well, because the chain may need it, and told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from btt_chain.chain.client import Client, Made
from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.babe.sightings import Sightings
from btt_chain.consensus.babe.verify import Reason, Refused, Verified, slot_of, verify
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from runtime.pallets.babe import Babe, Engine
from runtime.pallets.session import Session
from storage.database import Proof

REMEMBERED_SLOTS: Final = 1_000
"""How far back a second header for a slot is noticed. Source: Substrate's `sc_consensus_slots`."""

CHECKED: Final = 64
"""Headers remembered as holding, from their announce to their import."""

_VRF: Final = SchnorrkelVrf()


@dataclass(frozen=True, slots=True)
class Slots:
    """What a block's state says of the slots after it."""

    engine: Engine
    current: int
    """The slot of the block itself, 0 for genesis."""
    length_ms: int
    epoch: Epoch | None
    """That of the slot asked for; None under manual seal, and for slots not after the block's."""
    disabled: Sequence[int] = ()
    """Authorities, by index, whose blocks of that slot are refused for an offence."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A block that was taken in."""

    ref: BlockRef
    verified: Verified | None
    """What its header claims; None for a block that was known, or is sealed by hand."""
    equivocation: EquivocationProof | None
    """What its header proves, or that of a block before it which was refused."""


class Importer:
    """Checks headers and hands blocks to the client."""

    def __init__(self, client: Client, *, vrf: Vrf = _VRF) -> None:
        self.client = client
        self._vrf = vrf
        self._sightings = Sightings(REMEMBERED_SLOTS)
        self._found: EquivocationProof | None = None
        self._checked: OrderedDict[bytes, Verified] = OrderedDict()

    def slots(self, parent: bytes, slot: int) -> Slots:
        """Return what the state of `parent` says of a slot.

        Raises UnknownBlock, StateUnavailable, NoLaw.
        """
        law, overlay = self.client.law(parent), self.client.overlay(parent)
        runtime = law.queries.runtime
        runtime.enter(overlay)
        babe = runtime.pallet(Babe)
        engine, current = babe.engine.value, int(babe.current_slot.value)
        # The state knows no epoch that is over: a slot of one may stand in any header.
        is_ahead = engine is Engine.Babe and slot > current
        epoch = babe.epoch_at(slot) if is_ahead else None
        # The first block of an epoch turns the session, and nobody is out of it yet.
        turns = epoch is not None and epoch.begins(current)
        disabled = [] if turns else runtime.pallet(Session).disabled_validators.value
        return Slots(
            engine,
            current,
            int(babe.expected_block_time),
            epoch,
            [int(index) for index in disabled],
        )

    def check(self, header: Header, now_ms: int) -> Verified | None:
        """Return what a header claims, once it holds; None under manual seal.

        Raises Refused with the reason; UnknownBlock, StateUnavailable or NoLaw for its parent.
        """
        hash = bytes(header.hash())
        if hash in self._checked:
            return self._checked[hash]  # it was announced: what held then holds now
        slot = slot_of(header)
        slots = self.slots(header.parent_hash, slot)
        if slots.engine is Engine.Manual:
            return None
        if slots.epoch is None:
            raise Refused(Reason.SLOT_NOT_AFTER_PARENT, f"{slot} is not after {slots.current}")
        latest = now_ms // slots.length_ms + 1  # ruling E: blocks up to slot_now + 1
        verified = verify(header, slots.epoch, slots.current, latest, self._vrf)
        self.remember(hash, verified)
        return verified

    def remembers(self, hash: bytes) -> bool:
        """Tell whether a header was found to hold of late: it is not looked at again."""
        return hash in self._checked

    def remember(self, hash: bytes, verified: Verified) -> None:
        """Take a header as one that holds."""
        self._checked[hash] = verified
        if len(self._checked) > CHECKED:
            self._checked.popitem(last=False)

    def import_block(
        self,
        header: Header,
        body: Sequence[bytes],
        *,
        now_ms: int,
        made: Made | None = None,
        justifications: Sequence[Proof] = (),
        is_built_on: bool = False,
    ) -> Imported:
        """Check a block and take it in; known ones are passed over.

        `is_built_on` as for the client: another block stands on it.
        Raises Refused or InvalidBlock with the reason, UnknownBlock for a missing parent,
        StateUnavailable for one whose state is gone, NotCarried if the block moves the chain on to
        a law that is not here, StorageError when the store cannot take it.
        """
        if self.client.header(header.hash()) is not None:
            return Imported(BlockRef(int(header.number), bytes(header.hash())), None, None)
        verified = self.check(header, now_ms)
        if verified is not None:
            # Before the execution: whether the block is any good is another matter. If it is not,
            # the proof goes with the next one that is.
            found = self._sightings.see(header, verified.author, verified.slot)
            self._found = found or self._found
        ref = self.client.import_block(
            header, body, made=made, justifications=justifications, is_built_on=is_built_on
        )
        found, self._found = self._found, None
        return Imported(ref, verified, found)
