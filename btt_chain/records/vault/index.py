"""The index of a vault: its entries, encrypted under a key that changes with each write.

    file   = wrapped key 80 || nonce 12 || ChaCha20-Poly1305(key, JSON, aad = vault id || "index")
    wrapped key: 32 random bytes, encrypted under the vault's index key

A new key for each write makes an old index useless once its first 92 bytes are overwritten.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import BadDocument, VaultError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.shapes import items, member, number, objects, text

VERSION: Final = 1
KEY: Final = 32
NONCE: Final = 12
TAG: Final = 16
_WRAPPED: Final = NONCE + KEY + TAG


@dataclass(frozen=True, slots=True)
class Anchor:
    """A leaf of an entry under a root on the chain."""

    custodian: str
    """Account, in hex."""
    kind: str
    """`records`, `consents` or `accesses`."""
    epoch: int
    leaves: int
    index: int
    path: tuple[str, ...]
    """Hashes of the siblings, in hex."""
    hour_ms: int
    """Length of an epoch of the chain."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a record, a consent, or an entry of the access log."""

    id: str
    """Of the file; random, 16 bytes in hex."""
    version: int
    kind: str
    """`record`, `consent`, `access` or `received`."""
    type: str
    """Type of the FHIR resource."""
    fhir: str
    """Version of FHIR: `R5` or `R4B`."""
    logical: str
    """The resource's own id, or the grant's."""
    title: str
    """Text for the owner."""
    added_ms: int
    leaf: str
    """In hex."""
    subject: str = ""
    """The patient's vault, where it is another one than this."""
    anchors: tuple[Anchor, ...] = ()
    revoked: bool = False
    """True once the owner published a consent's secret."""
    url: str = ""
    """The resource's `fullUrl` in the Bundle that it came in; empty if it had none."""


@dataclass(slots=True)
class Index:
    """The list of a vault's files."""

    entries: dict[str, Entry] = field(default_factory=dict)
    """By id: the newest version. Older versions are in `older`."""
    older: dict[str, list[Entry]] = field(default_factory=dict)
    backups: list[str] = field(default_factory=list)
    """Folders with copies of this vault."""
    pending: list[list[str]] = field(default_factory=list)
    """Backup folder and id of erased records that could not be erased there."""
    facts: dict[str, str] = field(default_factory=dict)
    """Values of programs that use the vault, by name."""

    def all(self) -> list[Entry]:
        """Return all versions of all entries."""
        return [*self.entries.values(), *(each for old in self.older.values() for each in old)]

    def versions(self, id: str) -> list[Entry]:
        """Return all versions of an entry, the oldest first."""
        newest = self.entries.get(id)
        return [*self.older.get(id, []), *([] if newest is None else [newest])]


def encode(index: Index, keys: VaultKeys) -> bytes:
    """Return the encrypted index."""
    plain = canonical(
        {
            "version": VERSION,
            "entries": [_plain(each) for each in index.all()],
            "backups": index.backups,
            "pending": index.pending,
            "facts": index.facts,
        }
    )
    key, outer, inner = (secrets.token_bytes(length) for length in (KEY, NONCE, NONCE))
    wrapped = outer + ChaCha20Poly1305(keys.index_key).encrypt(outer, key, _aad(keys.id, b"key"))
    return wrapped + inner + ChaCha20Poly1305(key).encrypt(inner, plain, _aad(keys.id, b"index"))


def decode(raw: bytes, keys: VaultKeys) -> Index:
    """Return the index. Raises VaultError if it is damaged or of another vault."""
    wrapped, inner, rest = raw[:_WRAPPED], raw[_WRAPPED : _WRAPPED + NONCE], raw[_WRAPPED + NONCE :]
    try:
        outer = ChaCha20Poly1305(keys.index_key)
        key = outer.decrypt(wrapped[:NONCE], wrapped[NONCE:], _aad(keys.id, b"key"))
        plain = ChaCha20Poly1305(key).decrypt(inner, rest, _aad(keys.id, b"index"))
        # Authenticated: this vault wrote it, so the limits of foreign documents do not apply.
        return _index(json.loads(plain))
    except (InvalidTag, ValueError, BadDocument):
        raise VaultError("the index of the vault is damaged, or of another vault") from None


def _index(found: Json) -> Index:
    if number(found, "version") != VERSION:
        raise VaultError(f"the index has version {number(found, 'version')}: use a newer program")
    index = Index(
        backups=[str(each) for each in items(member(found, "backups"))],
        pending=[[str(word) for word in items(each)] for each in items(member(found, "pending"))],
        facts={name: str(value) for name, value in objects(member(found, "facts")).items()},
    )
    entries = [_entry(each) for each in items(member(found, "entries"))]
    for each in sorted(entries, key=lambda entry: entry.version):
        put(index, each)
    return index


def put(index: Index, entry: Entry) -> None:
    """Add an entry, or replace the same version of it; an earlier version is kept."""
    before = index.entries.get(entry.id)
    if before is not None and before.version < entry.version:
        index.older.setdefault(entry.id, []).append(before)
    if before is not None and before.version > entry.version:
        older = index.older.setdefault(entry.id, [])
        older[:] = [each if each.version != entry.version else entry for each in older]
        return
    index.entries[entry.id] = entry


def drop(index: Index, id: str) -> None:
    """Remove all versions of an entry."""
    index.entries.pop(id, None)
    index.older.pop(id, None)


def _plain(entry: Entry) -> Resource:
    found: dict[str, Json] = asdict(entry)
    return found


def _entry(value: Json) -> Entry:
    anchors = tuple(_anchor(each) for each in items(member(value, "anchors")))
    names = ("id", "kind", "type", "fhir", "logical", "title", "leaf", "subject")
    texts = {name: text(value, name) for name in names}
    url = text(value, "url") if "url" in objects(value) else ""  # since version 0.1 had none
    return Entry(
        version=number(value, "version"), added_ms=number(value, "added_ms"),
        revoked=member(value, "revoked") is True, anchors=anchors, url=url, **texts,
    )  # fmt: skip


def _anchor(value: Json) -> Anchor:
    path = tuple(str(each) for each in items(member(value, "path")))
    epoch, leaves, index, hour_ms = (
        number(value, name) for name in ("epoch", "leaves", "index", "hour_ms")
    )
    return Anchor(
        text(value, "custodian"), text(value, "kind"), epoch, leaves, index, path, hour_ms
    )


def _aad(vault: VaultId, what: bytes) -> bytes:
    return vault.seal + vault.sign + what
