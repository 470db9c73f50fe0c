"""Entries of the access log, as both sides keep them, and their check against the chain.

The custodian writes an entry for each access, in canonical JSON, and gives it to the reader with
the salt of its leaf and a promise. The patient gets the custodian's entries and the readers'
copies, and finds what is missing in either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from btt_chain.primitives.access_promise import PROMISE, AccessPromise, SignedPromise, is_signed
from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import access_leaf
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import BadDocument
from btt_chain.records.keys import VaultId
from btt_chain.records.shapes import items, member, number, octets, text
from btt_chain.scale import DecodeError

TYPE: Final = "btt-access-1"
KEPT_EPOCHS: Final = 720
"""Epochs for which the chain stores roots."""


@dataclass(frozen=True, slots=True)
class Access:
    """An access that was served."""

    request: H256
    patient: VaultId
    reader: VaultId
    custodian: VaultId
    purpose: str
    handle: str
    """Of the consent, in hex; empty in an emergency."""
    query: str
    """As `Observation?category=laboratory`."""
    records: tuple[str, ...]
    """References to the resources that were sent, as `Observation/a1`."""
    time_ms: int

    @property
    def is_emergency(self) -> bool:
        """True if no consent was needed."""
        return not self.handle

    def encode(self) -> bytes:
        """Return the canonical bytes of the entry."""
        return canonical(
            {
                "type": TYPE,
                "request": self.request.hex(),
                "patient": str(self.patient),
                "reader": str(self.reader),
                "custodian": str(self.custodian),
                "purpose": self.purpose,
                "handle": self.handle,
                "query": self.query,
                "records": list(self.records),
                "time_ms": self.time_ms,
            }
        )

    @classmethod
    def decode(cls, raw: bytes) -> Access:
        """Return the access of an entry. Raises BadDocument, VaultError."""
        found = parse(raw)
        if text(found, "type") != TYPE:
            raise BadDocument("the entry is of another kind")
        return cls(
            H256(octets(found, "request", 32)),
            VaultId.parse(text(found, "patient")),
            VaultId.parse(text(found, "reader")),
            VaultId.parse(text(found, "custodian")),
            text(found, "purpose"),
            text(found, "handle"),
            text(found, "query"),
            tuple(str(each) for each in items(member(found, "records"))),
            number(found, "time_ms"),
        )


@dataclass(frozen=True, slots=True)
class LoggedAccess:
    """An entry with the salt of its leaf, and the custodian's promise."""

    entry: bytes
    salt: bytes
    promise: SignedPromise

    @property
    def access(self) -> Access:
        """The content of the entry. Raises BadDocument, VaultError."""
        return Access.decode(self.entry)

    @property
    def leaf(self) -> H256:
        """The leaf that the custodian anchors."""
        return access_leaf(self.salt, self.entry, self.access.request)

    def document(self) -> Resource:
        """Return it as a JSON object."""
        return {
            "entry": parse(self.entry),
            "salt": self.salt.hex(),
            "promise": PROMISE.encode(self.promise.promise).hex(),
            "signature": bytes(self.promise.signature).hex(),
        }

    @classmethod
    def from_document(cls, found: Json) -> LoggedAccess:
        """Return the entry of a JSON object, unchecked. Raises BadDocument."""
        try:
            promise: AccessPromise = PROMISE.decode_all(octets(found, "promise"))
        except DecodeError:
            raise BadDocument("the promise is malformed") from None
        signed = SignedPromise(promise, octets(found, "signature", 64))
        return cls(canonical(member(found, "entry")), octets(found, "salt", 32), signed)

    def is_promised(self, key: bytes, chain: bytes) -> bool:
        """Return True if the holder of a promise key promised this entry on this chain."""
        promise = self.promise.promise
        return (
            promise.leaf == self.leaf
            and promise.genesis == chain
            and promise.request == self.access.request
            and is_signed(self.promise, key)
        )


class Status(Enum):
    """The state of an entry of the log after its check."""

    ANCHORED = "anchored"
    PENDING = "pending"
    """Promised; its epoch is not over, or the delay has not passed."""
    OMITTED = "omitted"
    """The promised delay has passed, and no root has it."""
    UNPROMISED = "no valid promise"
    PRUNED = "older than 30 days"
    """Its root is no longer stored on the chain, and no report of it is accepted."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a patient's log."""

    access: Access
    status: Status
    in_custodians_log: bool
    in_readers_log: bool


def status_of(
    *, is_promised: bool, is_anchored: bool, promised: int, delay: int, epoch: int
) -> Status:
    """Return the state of an entry; `promised` is the promise's epoch, `epoch` the present one.

    A promise for a later epoch is none: nothing could be demanded before that epoch.
    """
    if is_anchored:
        return Status.ANCHORED
    if not is_promised or promised > epoch + 1:
        return Status.UNPROMISED
    if epoch > promised + KEPT_EPOCHS:
        return Status.PRUNED
    # The root of an epoch comes in the epoch after it.
    return Status.OMITTED if epoch > promised + delay + 1 else Status.PENDING


def compare(
    custodians: Iterable[LoggedAccess], readers: Iterable[LoggedAccess]
) -> Sequence[tuple[LoggedAccess, bool, bool]]:
    """Return all entries by time, each with whether custodian and reader have it."""
    by_request: dict[H256, tuple[LoggedAccess, bool, bool]] = {}
    for each in custodians:
        by_request[each.access.request] = (each, True, False)
    for each in readers:
        request = each.access.request
        known = by_request.get(request)
        same = known is not None and known[0].entry == each.entry
        by_request[request] = (each, same, True)
    return sorted(by_request.values(), key=lambda row: row[0].access.time_ms)
