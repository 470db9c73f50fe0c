"""Reading of blocks for the index, by the metadata of the runtime that executed them.

A block is split, not decoded: the signer, nonce, tip and call of each extrinsic; pallet, event and
accounts of each event; fees from their events. Whatever the metadata do not describe is kept as
bytes and counted as undecoded: an index never stops at a block because of its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from btt_chain.client.errors import MALFORMED
from btt_chain.client.metadata import ChainMetadata
from btt_chain.crypto.hashing import blake2_256
from btt_chain.explorer.index.layout import Layout, Walk
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from btt_chain.scale.compact import compact_decode
from btt_chain.scale.errors import DecodeError
from btt_chain.scale.metadata import CompositeDef, PortableField, SequenceDef, VariantDef

NONCE: Final = "CheckNonce"
TIP: Final = "ChargeTransactionPayment"
FEE_PAID: Final = ("TransactionPayment", "TransactionFeePaid")
SUCCESS: Final = ("System", "ExtrinsicSuccess")
FAILED: Final = ("System", "ExtrinsicFailed")
OF_BLOCK: Final = -1
"""Index of the extrinsic of an event that belongs to none: of the block itself."""


class Role(IntFlag):
    """The part that an account has in an extrinsic or its events."""

    SIGNER = 1
    FROM = 2
    TO = 4
    OTHER = 8


_ROLES: Final = {
    "from": Role.FROM, "from_": Role.FROM, "source": Role.FROM, "sender": Role.FROM,
    "to": Role.TO, "dest": Role.TO, "target": Role.TO, "recipient": Role.TO,
    "beneficiary": Role.TO,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as a node gives it, with the values of its state that the index needs."""

    hash: bytes
    header: Header
    extrinsics: list[bytes]
    """In their form on the wire, with their length in front."""
    justified: bool
    events: bytes
    """Value of `System.Events` after the block; empty if there is none."""
    event_count: int
    """Value of `System.EventCount` after the block."""
    spec: int
    """Version of the runtime that executed the block."""
    ms: int
    """Time of the block in milliseconds since 1970; 0 if it has none."""
    issuance: int
    author: bytes | None

    @property
    def number(self) -> int:
        """Height of the block."""
        return int(self.header.number)

    @property
    def parent(self) -> bytes:
        """Hash of the parent."""
        return bytes(self.header.parent_hash)


@dataclass(slots=True)
class ExtrinsicRow:
    """An extrinsic in the index; pallet and call are -1 if it cannot be decoded."""

    hash: bytes
    signer: bytes | None = None
    nonce: int | None = None
    pallet: int = -1
    call: int = -1
    ok: bool | None = None
    fee: int = 0
    tip: int = 0


@dataclass(frozen=True, slots=True)
class EventPart:
    """An event in the encoded list of a block: bytes `start` to `end` of it are the event."""

    extrinsic: int
    pallet: int
    event: int
    start: int
    end: int


@dataclass(slots=True)
class BlockRows:
    """The rows of a block in the index."""

    block: RawBlock
    slot: int | None
    extrinsics: list[ExtrinsicRow] = field(default_factory=list)
    events: list[EventPart] = field(default_factory=list)
    touched: dict[tuple[bytes, int], int] = field(default_factory=dict)
    """Roles of each account in each extrinsic."""
    complaint: str = ""
    """Reason why events could not be decoded."""


class SpecReader:
    """A reader of the blocks of one version of a runtime."""

    def __init__(self, metadata: ChainMetadata) -> None:
        self.metadata = metadata
        self.balances = AccountReader(metadata)
        self._types = metadata.items.types
        self._layout = Layout(self._types)
        runtime = metadata.items.runtime
        self.pallets = {int(pallet.index): pallet for pallet in runtime.pallets}
        self._by_name = {pallet.name: int(pallet.index) for pallet in runtime.pallets}
        self._extensions = [(each.identifier, each.type) for each in runtime.extrinsic.extensions]
        self._event_type, self._topics = self._event_record()
        self._event_walks: dict[tuple[int, int], list[tuple[Role, Walk]]] = {}
        self._split: tuple[bytes, list[EventPart]] | None = None
        self._fee_paid = self._event_index(*FEE_PAID)
        self._success = self._event_index(*SUCCESS)
        self._failed = self._event_index(*FAILED)

    def read(self, block: RawBlock) -> BlockRows:
        """Split a block."""
        rows = BlockRows(block, _slot(block.header))
        for at, wire in enumerate(block.extrinsics):
            row = self.extrinsic(wire)
            rows.extrinsics.append(row)
            if row.signer is not None:
                rows.touched[row.signer, at] = int(Role.SIGNER)
        try:
            rows.events = self._read_events(block.events, rows.touched, rows.extrinsics)
        except MALFORMED as error:
            rows.complaint = f"{type(error).__name__}: {error}"[:200]
        return rows

    def extrinsic(self, wire: bytes) -> ExtrinsicRow:
        """Split an extrinsic; without signer and call if the metadata do not describe it."""
        row = ExtrinsicRow(blake2_256(wire))
        try:
            self._read_extrinsic(wire, row)
        except MALFORMED:
            return ExtrinsicRow(row.hash)
        return row

    def _read_extrinsic(self, wire: bytes, row: ExtrinsicRow) -> None:
        inner = unwrap(wire)
        at, head = 1, inner[0]
        if head in {0x84, 0x45}:
            at = self._read_signer(inner, row) if head == 0x84 else 2
            for name, kind in self._extensions:
                end = self._layout.walk(kind)(inner, at, [])
                if name == NONCE:
                    row.nonce = compact_decode(inner, at)[0]
                elif name == TIP:
                    row.tip = compact_decode(inner, at)[0]
                at = end
        elif head not in {0x04, 0x05}:
            raise DecodeError("an extrinsic", 0, f"there is no version {head:#04x}")
        pallet, call = inner[at], inner[at + 1]
        if pallet not in self.pallets:
            raise DecodeError("an extrinsic", at, f"there is no pallet {pallet}")
        row.pallet, row.call = pallet, call

    def _read_signer(self, inner: bytes, row: ExtrinsicRow) -> int:
        items = self.metadata.items
        if items.address is None or items.signature is None:
            raise LookupError("the metadata do not say how extrinsics are signed")
        found: list[bytes] = []
        at = self._layout.walk(items.address)(inner, 1, found)
        if found:
            row.signer = found[0]
        return self._layout.walk(items.signature)(inner, at, found)

    def split_events(self, raw: bytes) -> list[EventPart]:
        """Return the events of a block with their places in its list. DecodeError if malformed.

        Those of the last block are kept: lists ask for them with each of their rows.
        """
        split = self._split
        if split is None or split[0] != raw:
            split = self._split = raw, self._read_events(raw, {}, [])
        return split[1]

    def _read_events(
        self, raw: bytes, touched: dict[tuple[bytes, int], int], extrinsics: list[ExtrinsicRow]
    ) -> list[EventPart]:
        """Return the events; add the accounts in them, and the outcomes of the extrinsics."""
        parts: list[EventPart] = []
        if not raw:
            return parts
        count, at = compact_decode(raw, 0)
        topics = self._layout.walk(self._topics)
        for _ in range(count):
            whose = OF_BLOCK
            if raw[at] == 0:
                whose, at = int.from_bytes(raw[at + 1 : at + 5], "little"), at + 5
            else:
                at += 1
            start, key = at, (raw[at], raw[at + 1])
            at += 2
            for role, walk in self._event_walks.get(key) or self._walks_of(key):
                found: list[bytes] = []
                at = walk(raw, at, found)
                for account in found:
                    place = (account, whose)
                    touched[place] = touched.get(place, 0) | role
            parts.append(EventPart(whose, key[0], key[1], start, at))
            if 0 <= whose < len(extrinsics):
                self._note_outcome(raw, key, at, extrinsics[whose])
            at = topics(raw, at, [])
        if at != len(raw):
            raise DecodeError("events", at, f"{len(raw) - at} bytes too many")
        return parts

    def _note_outcome(self, raw: bytes, key: tuple[int, int], end: int, row: ExtrinsicRow) -> None:
        if key == self._success:
            row.ok = True
        elif key == self._failed:
            row.ok = False
        elif key == self._fee_paid:
            # who, actual_fee, tip
            row.fee = int.from_bytes(raw[end - 32 : end - 16], "little")

    def _walks_of(self, key: tuple[int, int]) -> list[tuple[Role, Walk]]:
        variant = self._variant(key)
        walks = [
            (_ROLES.get(each.name or "", Role.OTHER), self._layout.walk(each.type))
            for each in variant
        ]
        if all(self._layout.size(each.type) is not None for each in variant):
            walks = [(Role.OTHER, self._layout.fields([each.type for each in variant]))]
        self._event_walks[key] = walks
        return walks

    def _variant(self, key: tuple[int, int]) -> list[PortableField]:
        definition = self._types.type(self._event_type).definition
        if isinstance(definition, VariantDef):
            for pallet in definition.variants:
                if pallet.index == key[0] and pallet.fields:
                    inner = self._types.type(pallet.fields[0].type).definition
                    if isinstance(inner, VariantDef):
                        for variant in inner.variants:
                            if variant.index == key[1]:
                                return variant.fields
        raise LookupError(f"the metadata have no event {key[1]} of pallet {key[0]}")

    def _event_record(self) -> tuple[int, int]:
        """Return the types of an event and of its topics."""
        _, entry = self.metadata.items.storage("System.Events")
        listed = self._types.type(entry.type.value).definition
        if isinstance(listed, SequenceDef):
            record = self._types.type(listed.item).definition
            if isinstance(record, CompositeDef) and len(record.fields) == 3:
                return record.fields[1].type, record.fields[2].type
        raise LookupError("System.Events is not a list of events")

    def _event_index(self, pallet: str, name: str) -> tuple[int, int]:
        index = self._by_name.get(pallet)
        if index is not None:
            for variant in self.metadata.items.events(self.pallets[index]):
                if variant.name == name:
                    return index, variant.index
        return -1, -1


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of an account."""

    free: int = 0
    reserved: int = 0
    frozen: int = 0

    @property
    def total(self) -> int:
        """All that the account has."""
        return self.free + self.reserved


class AccountReader:
    """Reads balances from values of `System.Account`, by the offsets of their fields."""

    def __init__(self, metadata: ChainMetadata) -> None:
        """Find the offsets; the balances of a chain that has none there are zero."""
        self._offsets: dict[str, int] = {}
        types = metadata.items.types
        layout = Layout(types)
        _, entry = metadata.items.storage("System.Account")

        def note(type_id: int, at: int) -> None:
            definition = types.type(type_id).definition
            if not isinstance(definition, CompositeDef):
                return
            for part in definition.fields:
                size = layout.size(part.type)
                if size is None:
                    return
                if part.name is not None and size == 16:
                    self._offsets.setdefault(part.name, at)
                note(part.type, at)
                at += size

        note(entry.type.value, 0)

    def read(self, raw: bytes | None) -> Balance:
        """Return the balance in a value; zero if there is none."""
        if raw is None:
            return Balance()
        frozen = [self._part(raw, n) for n in ("frozen", "misc_frozen", "fee_frozen")]
        return Balance(self._part(raw, "free"), self._part(raw, "reserved"), max(frozen))

    def _part(self, raw: bytes, name: str) -> int:
        at = self._offsets.get(name)
        return 0 if at is None else int.from_bytes(raw[at : at + 16], "little")


def _slot(header: Header) -> int | None:
    try:
        return int(pre_digest(header.digest.logs).claim.slot)
    except NoPreDigest:
        return None
