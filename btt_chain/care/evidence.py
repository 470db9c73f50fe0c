"""Evidence of activities: leaves, tags, statements, and the commitment of a facility's month.

    tag         HMAC-SHA256(facility's key, "BTT-TAG-1" || year || patient): one patient, one year
    leaf        `evidence_tree.leaf_hash` of the SCALE encoding of `Leaf`
    table       a row for each leaf of the sorted tree: points u32 || member u16 || mark of the tag
    member      place of the leaf's facility among the subtotals, from 1; 0 for the facility itself
    mark        blake2_256(key of the month || tag), cut to 16 bytes; padding has 0 points, member 0
                and a random mark
    subtotals   SCALE list of the facilities behind an issuer, with the points of each; empty for
                other facilities
    commitment  blake2_256(0x03 || root of the tree || blake2_256(table) || blake2_256(subtotals))

The commitment is what `close_month` stores. The table is part of it because a tree by itself says
nothing about leaves that are not opened: with the table, an auditor adds up all points, in all and
by facility, and finds all leaves of a tag. A facility that wants to count more points, or to hide
an activity of a tag, has to write a wrong row before it knows which leaves are selected.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Final, NamedTuple

from btt_chain.care.errors import Damaged
from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import EvidenceTree, leaf_hash
from btt_chain.scale import Fixed, MaxLen, codec, u16, u32, u64

TAG_CONTEXT: Final = b"BTT-TAG-1"
DEVICE_CONTEXT: Final = b"BTT-DEV-1"
COMMITMENT: Final = b"\x03"
MARK_LENGTH: Final = 16
MARK_START: Final = 4 + 2
ROW_LENGTH: Final = MARK_START + MARK_LENGTH
NO_MEMBER: Final = bytes(32)
"""Member of a leaf that the facility itself confirmed."""
MAX_MEMBERS: Final = 1_024
"""Maximum number of facilities behind an issuer."""
MONTH_DAYS: Final = 30
YEAR_MONTHS: Final = 12
MAX_STATEMENT: Final = 64 << 10
"""Maximum bytes of a statement."""

Bytes32 = Annotated[bytes, Fixed(32)]


@dataclass(frozen=True, slots=True)
class Leaf:
    """The content of a leaf: an activity, without a name."""

    salt: Bytes32
    rule: u16
    tag: Bytes32
    evidence: Bytes32
    """SHA-256 hash of the statement."""
    points: u32
    day: u16
    """Day of the chain, counted from genesis."""
    member: Bytes32 = NO_MEMBER
    """Account of the facility that confirmed it, if an issuer signs for it."""

    @property
    def hash(self) -> H256:
        """The leaf in the tree."""
        return leaf_hash(LEAF.encode(self))


LEAF: Final = codec(Leaf)


class Row(NamedTuple):
    """A row of the table."""

    points: int
    member: int
    mark: bytes


@dataclass(frozen=True, slots=True)
class Subtotal:
    """The points of a facility behind an issuer."""

    facility: Bytes32
    points: u64


Subtotals = Annotated[list[Subtotal], MaxLen(MAX_MEMBERS)]
SUBTOTALS: Final = codec(Subtotals)


def tag_of(key: bytes, patient: str, month: int) -> bytes:
    """Return the tag of a patient in the year of a month."""
    year = month // YEAR_MONTHS
    text = TAG_CONTEXT + year.to_bytes(4, "little") + patient.encode()
    return hmac.new(key, text, sha256).digest()


def mark_of(month_key: bytes, tag: bytes) -> bytes:
    """Return the mark of a tag in the table of one month."""
    return blake2_256(month_key + tag)[:MARK_LENGTH]


class MonthEvidence:
    """The leaves of a month with their tree, their table and their commitment."""

    def __init__(
        self,
        leaves: Sequence[Leaf],
        tree_salt: bytes,
        month_key: bytes,
        members: Sequence[bytes] = (),
    ) -> None:
        """Build the tree; `members` are the facilities behind an issuer.

        ValueError if a leaf is given twice, has no points, or is of no member.
        """
        if any(not leaf.points for leaf in leaves):
            raise ValueError("a leaf without points is not evidence")
        self._places = {account: place for place, account in enumerate((NO_MEMBER, *members))}
        if any(leaf.member not in self._places for leaf in leaves):
            raise ValueError("a leaf is of no member")
        self.subtotals = [
            Subtotal(
                account, u64(sum(int(leaf.points) for leaf in leaves if leaf.member == account))
            )
            for account in members
        ]
        self.leaves = {leaf.hash: leaf for leaf in leaves}
        self.month_key = month_key
        self.tree = EvidenceTree([leaf.hash for leaf in leaves], tree_salt)
        self.table = b"".join(self._row(found) for found in self.tree.leaves)

    @property
    def commitment(self) -> H256:
        """The root that `close_month` stores."""
        return commitment_of(self.tree.root, self.table, self.subtotals)

    @property
    def points(self) -> int:
        """Sum of the points of all leaves."""
        return sum(int(leaf.points) for leaf in self.leaves.values())

    def leaf_at(self, index: int) -> Leaf | None:
        """Return the content of the leaf at an index; None for padding."""
        return self.leaves.get(self.tree.leaves[index])

    def _row(self, found: H256) -> bytes:
        leaf = self.leaves.get(found)
        if leaf is None:
            mark = blake2_256(self.month_key + b"padding" + found)[:MARK_LENGTH]
            return bytes(MARK_START) + mark
        member = self._places[leaf.member].to_bytes(2, "little")
        points = int(leaf.points).to_bytes(4, "little")
        return points + member + mark_of(self.month_key, leaf.tag)


def commitment_of(root: bytes, table: bytes, subtotals: list[Subtotal]) -> H256:
    """Return the commitment of a tree, its table and its subtotals."""
    parts = blake2_256(table) + blake2_256(SUBTOTALS.encode(subtotals))
    return H256(blake2_256(COMMITMENT + root + parts))


def rows_of(table: bytes) -> list[Row]:
    """Return the rows of a table. Damaged if its length is not that of whole rows."""
    if len(table) % ROW_LENGTH:
        raise Damaged("the table of points has no whole rows")
    starts = range(0, len(table), ROW_LENGTH)
    return [
        Row(
            int.from_bytes(table[at : at + 4], "little"),
            int.from_bytes(table[at + 4 : at + MARK_START], "little"),
            table[at + MARK_START : at + ROW_LENGTH],
        )
        for at in starts
    ]


# ---- statements


class DeviceProof(NamedTuple):
    """The signature of a registered device over a counter and an observation."""

    key: bytes
    counter: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """An activity's evidence, as it is kept and opened: the patient's name is never part of it."""

    kind: str
    """`oracle`, `provider` or `device`."""
    quality_ppm: int
    document: Mapping[str, object]
    """The observation or confirmation, such as a FHIR resource without the patient's name."""
    device: DeviceProof | None = None

    def encode(self) -> bytes:
        """Return the canonical bytes, whose hash is in the leaf.

        ValueError for a number that is not finite, or text that is not Unicode.
        """
        fields: dict[str, object] = {
            "kind": self.kind,
            "quality_ppm": self.quality_ppm,
            "document": self.document,
        }
        if self.device is not None:
            key, counter, signature = self.device
            fields["device"] = {"key": key.hex(), "counter": counter, "signature": signature.hex()}
        return canonical(fields)

    @classmethod
    def decode(cls, raw: bytes) -> Statement:
        """Return a statement. Damaged if the text is not one in its canonical form."""
        if len(raw) > MAX_STATEMENT:
            raise Damaged(f"a statement has at most {MAX_STATEMENT} bytes")
        try:
            fields = json.loads(raw)
            device = fields.get("device")
            made = cls(
                str(fields["kind"]),
                int(fields["quality_ppm"]),
                dict(fields["document"]),
                None
                if device is None
                else DeviceProof(
                    bytes.fromhex(device["key"]),
                    int(device["counter"]),
                    bytes.fromhex(device["signature"]),
                ),
            )
            # JSON in Python reads numbers and letters that it does not write.
            encoded = made.encode()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Damaged(f"a statement cannot be read: {type(error).__name__}") from None
        if encoded != raw:
            raise Damaged("a statement is not in its canonical form")
        return made


def canonical(fields: object) -> bytes:
    """Return JSON with sorted names and without spaces."""
    return json.dumps(
        fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def device_message(counter: int, document: Mapping[str, object]) -> bytes:
    """Return the bytes that a device signs."""
    return DEVICE_CONTEXT + counter.to_bytes(8, "little") + sha256(canonical(document)).digest()


def is_by_device(statement: Statement) -> bool:
    """Return True if the device of a statement signed its counter and its document."""
    proof = statement.device
    if proof is None or not 0 <= proof.counter < 1 << 64:
        return False
    if len(proof.key) != 32 or len(proof.signature) != 64:
        return False
    message = device_message(proof.counter, statement.document)
    return ed25519.verify(proof.key, message, proof.signature)
