"""The importer: checks and imports all blocks of a chain with BABE authors.

A header is checked by BABE's rules against the epoch in its parent's state, before its block is;
then the client executes the block. The state holds all that the check needs, so a node that came by
warp sync checks like any other. A second header of one author for one slot is imported as well,
because the chain may need it, and reported.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from btt_chain.chain.client import Client, Made, UnknownBlock
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.prechecks.store import PrecheckedStore
from btt_chain.consensus.babe.verify import Reason, Refused, Verified, slot_of, verify
from btt_chain.crypto import sr25519
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf, VrfInput, VrfOutput, note_input_point
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import NoPreDigest, Slot, pre_digest
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from runtime.frame import Runtime
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.types import Engine
from runtime.pallets.session.pallet import Session
from runtime.pallets.timestamp.pallet import Timestamp
from storage.blocks import Proof
from storage.state import StateUnavailable

REMEMBERED_SLOTS: Final = 1_000
"""Slots for which a second header is detected. Source: Substrate's `sc_consensus_slots`."""

CHECKED: Final = 64
"""Verified headers remembered, from their announcement to their import."""

_VRF: Final = SchnorrkelVrf()


@dataclass(frozen=True, slots=True)
class Slots:
    """Data in a block's state about a later slot."""

    engine: Engine
    current: int
    """The slot of the block itself, 0 for genesis."""
    length_ms: int
    earliest_ms: int
    """The earliest time that a child of the block may set."""
    epoch: Epoch | None
    """The epoch of the requested slot; None under manual seal, and up to the block's slot."""
    disabled: Sequence[int] = ()
    """Authorities, by index, whose blocks of that slot are refused for an offence."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported block."""

    ref: BlockRef
    verified: Verified | None
    """The claim of its header; None for a known block, or one sealed by hand."""
    equivocation: EquivocationProof | None
    """The equivocation that its header proves, or that of an earlier block that was refused."""


class Prechecked:
    """Checks of headers that are looked up first among the verdicts of sync's helper."""

    def __init__(self, store: PrecheckedStore, vrf: Vrf) -> None:
        self._store = store
        self._vrf = vrf

    def is_signed(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Return True if an sr25519 key signed `message`."""
        return (
            bool(self._store)
            and self._store.has_signature(Scheme.SR25519, public, message, signature)
        ) or sr25519.verify(public, message, signature)

    def verify(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> VrfOutput | None:
        """Return the output of a VRF if the proof is valid, else None."""
        point = None
        if self._store:
            point = self._store.point_of(public, message, pre_output, proof)
        if point is None:
            return self._vrf.verify(public, message, pre_output, proof)
        note_input_point(public, message, point)
        return self._vrf.attach(public, message, pre_output)


class NotTrusted(Exception):
    """The block contradicts a trusted one: it is of another chain."""


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


class Importer:
    """Checks headers and passes blocks to the client."""

    def __init__(
        self, client: Client, *, vrf: Vrf = _VRF, trusted: Mapping[int, bytes] | None = None
    ) -> None:
        """`trusted` are the hashes of trusted blocks by height: no other block of these heights is
        imported.
        """
        self.client = client
        self._trusted = trusted or {}
        self._checks = Prechecked(client.runtimes.verdicts.prechecked, vrf)
        self._equivocations = EquivocationTracker(REMEMBERED_SLOTS)
        self._found: EquivocationProof | None = None
        self._checked: OrderedDict[bytes, Verified] = OrderedDict()

    def slots(self, parent: bytes, slot: int) -> Slots:
        """Return the data of `parent`'s state about a slot.

        Raises UnknownBlock, StateUnavailable, UnsupportedRuntime.
        """
        runtime = self._enter(parent)
        babe = runtime.pallet(Babe)
        engine, current = babe.engine.value, int(babe.current_slot.value)
        # The state has no epoch that is over, but a header may claim a slot of one.
        is_ahead = engine is Engine.Babe and slot > current
        epoch = babe.epochs.at(slot) if is_ahead else None
        # The first block of an epoch rotates the session, and no authority is disabled in it yet.
        turns = epoch is not None and epoch.begins(current)
        disabled = [] if turns else runtime.pallet(Session).disabled_validators.peek()
        return Slots(
            engine,
            current,
            int(babe.expected_block_time),
            int(runtime.pallet(Timestamp).earliest()),
            epoch,
            [int(index) for index in disabled],
        )

    def next_epoch(self, parent: bytes) -> Epoch | None:
        """Return the epoch that is announced in the state of `parent`; None if none is.

        Raises as `slots` does.
        """
        runtime = self._enter(parent)
        babe = runtime.pallet(Babe)
        try:
            return babe.epochs.next() if babe.current_slot.value else None
        except ValueError:  # there are no authorities
            return None

    def _enter(self, block: bytes) -> Runtime:
        """Return the runtime for queries, with the state after a block. Raises as `slots` does."""
        overlay = self.client.overlay(block)
        runtime = self.client.runtimes.of(overlay.get).queries.runtime
        runtime.enter(overlay)
        return runtime

    def check(self, header: Header, now_ms: int) -> Verified | None:
        """Return the verified claim of a header; None under manual seal.

        Raises Refused with the reason; NotTrusted; UnknownBlock, StateUnavailable or
        UnsupportedRuntime for its parent.
        """
        hash = bytes(header.hash())
        trusted = self._trusted.get(int(header.number), hash)
        if hash != trusted:
            raise NotTrusted(f"its block {header.number} is not the trusted 0x{trusted.hex()}")
        if hash in self._checked:
            return self._checked[hash]  # it was announced, and what was valid then is valid now
        slot = slot_of(header)
        slots = self.slots(header.parent_hash, slot)
        if slots.engine is Engine.Manual:
            return None
        if slots.epoch is None:
            raise Refused(Reason.SLOT_NOT_AFTER_PARENT, f"{slot} is not after {slots.current}")
        latest = now_ms // slots.length_ms + 1  # blocks up to slot_now + 1
        verified = verify(
            header, slots.epoch, slots.current, latest, self._checks, self._checks.is_signed
        )
        self.remember(hash, verified)
        return verified

    def prove(self, header: Header, now_ms: int) -> EquivocationProof | None:
        """Return the proof if a header, whose block is not needed, is its author's second one for a
        slot; None if it is not, or its parent's state is gone. Raises Refused.

        A header that claims no slot of a known one is not verified.
        """
        if not self._equivocations.may_prove(header):
            return None
        try:
            verified = self.check(header, now_ms)
        except (NotTrusted, UnknownBlock, StateUnavailable):
            return None
        if verified is None:
            return None
        return self._equivocations.see(header, verified.author, verified.slot)

    def see(self, header: Header, verified: Verified) -> None:
        """Record a verified header; if it is its author's second one for a slot, `take_found`
        returns the proof.
        """
        found = self._equivocations.see(header, verified.author, verified.slot)
        self._found = found or self._found

    def take_found(self) -> EquivocationProof | None:
        """Remove and return the proof of the last equivocation, if one was found."""
        found, self._found = self._found, None
        return found

    def remembers(self, hash: bytes) -> bool:
        """Return True if a header was verified recently: it is not checked again."""
        return hash in self._checked

    def remember(self, hash: bytes, verified: Verified) -> None:
        """Record a header as verified."""
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
        """Check and import a block; a known block is not imported again.

        `is_built_on` as for the client: another block stands on it. Raises Refused, NotTrusted or
        InvalidBlock with the reason, UnknownBlock for a missing parent, StateUnavailable for one
        whose state is gone, UnsupportedUpgrade if the block moves the chain to a runtime version
        that this node does not carry, StorageError when the store fails.
        """
        if self.client.header(header.hash()) is not None:
            return Imported(BlockRef(int(header.number), bytes(header.hash())), None, None)
        verified = self.check(header, now_ms)
        if verified is not None:
            # Before the execution: an equivocation counts even if the block is invalid. Then the
            # proof is returned with the next valid block.
            self.see(header, verified)
        ref = self.client.import_block(
            header, body, made=made, justifications=justifications, is_built_on=is_built_on
        )
        return Imported(ref, verified, self.take_found())
