"""Operations of an owner on a vault: import, search, grant, export."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from btt_chain.primitives.record_leaves import record_leaf
from btt_chain.records.accesses import LoggedAccess
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import BadDocument
from btt_chain.records.fhir.audit import audit_event_of
from btt_chain.records.fhir.bundle import open_document
from btt_chain.records.fhir.consent import consent_of
from btt_chain.records.fhir.provenance import provenance_of
from btt_chain.records.fhir.validation import FhirVersion, type_of, validate
from btt_chain.records.grants import Grant
from btt_chain.records.keys import VaultId, new_secret
from btt_chain.records.shapes import octets
from btt_chain.records.signed_grants import SignedGrant, sign_grant
from btt_chain.records.vault.index import Entry
from btt_chain.records.vault.store import Content, New, Vault, new_id

RECORD: Final = "record"
CONSENT: Final = "consent"
ACCESS: Final = "access"
RECEIVED: Final = "received"
"""Kinds of entries."""
MAX_TITLE: Final = 100
_DATES: Final = ("effectiveDateTime", "authoredOn", "recordedDate", "occurrenceDateTime", "date")


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import."""

    added: list[Entry]
    unchanged: int
    notes: list[str] = field(default_factory=list)
    """Lines about what the document had beside records."""


def import_document(
    vault: Vault,
    document: Resource,
    now_ms: int,
    *,
    version: FhirVersion | None = None,
    subject: VaultId | None = None,
) -> Imported:
    """Store the records of a document as `import_resources` does, with their URLs."""
    opened = open_document(document)
    done = import_resources(
        vault,
        [each.resource for each in opened.records],
        now_ms,
        version=version,
        subject=subject,
        urls=[each.url for each in opened.records],
    )
    return replace(done, notes=opened.notes)


def import_resources(
    vault: Vault,
    resources: Sequence[Resource],
    now_ms: int,
    *,
    version: FhirVersion | None = None,
    subject: VaultId | None = None,
    kind: str = RECORD,
    urls: Sequence[str] = (),
) -> Imported:
    """Validate and store resources, all of them or none. Raises BadDocument for the first bad one.

    A resource that the vault has with another content becomes its next version. `urls` are the
    names of the resources in a Bundle, empty for those without one.
    """
    patient = "" if subject is None or subject == vault.id else str(subject)
    known = _Known(vault.entries(kind))
    news: dict[tuple[str, str, str], New] = {}
    unchanged = 0
    names = [*urls, *([""] * (len(resources) - len(urls)))]
    for number, (resource, url) in enumerate(zip(resources, names, strict=True)):
        try:
            found = validate(resource, version)
            data = canonical(resource)
        except BadDocument as error:
            raise BadDocument(f"resource {number}: {error}") from None
        entry = replace(_new_entry(resource, found, kind, patient, now_ms), url=url)
        before = known.take(entry)
        if before is not None:
            if vault.read(before).data == data:
                unchanged += 1
                continue
            known_url = entry.url or before.url
            entry = replace(entry, id=before.id, version=before.version + 1, url=known_url)
        salt = new_secret()
        entry = replace(entry, leaf=record_leaf(salt, data, entry.version).hex())
        name = entry.url or entry.logical
        key = (entry.subject, entry.type, name) if name else ("", "", entry.id)
        news[key] = New(entry, Content(data, salt))
    vault.add(list(news.values()))
    return Imported([new.entry for new in news.values()], unchanged)


def resources(vault: Vault, kind: str = RECORD) -> Iterator[tuple[Entry, Resource]]:
    """Yield the resources of a vault."""
    for entry in vault.entries(kind):
        yield entry, parse(vault.read(entry).data)


# ---- consents


def add_grant(vault: Vault, grant: Grant, now_ms: int, title: str) -> tuple[Entry, SignedGrant]:
    """Sign a grant, store it with its secret, and return it. Raises BadGrant."""
    signed, secret = sign_grant(grant, vault.keys)
    return store_grant(vault, signed, now_ms, title, secret), signed


def store_grant(
    vault: Vault, signed: SignedGrant, now_ms: int, title: str, secret: bytes | None = None
) -> Entry:
    """Store a grant; one that the vault has already stays. Raises BadGrant."""
    grant = signed.grant()
    for entry in vault.entries(CONSENT):
        if entry.leaf == signed.leaf.hex():
            return entry
    content = dict(signed.document())
    if secret is not None:
        content["secret"] = secret.hex()
    patient = "" if grant.patient == vault.id else str(grant.patient)
    entry = Entry(
        new_id(), 1, CONSENT, "Consent", FhirVersion.R5.value, grant.id, title[:MAX_TITLE], now_ms,
        signed.leaf.hex(), patient,
    )  # fmt: skip
    vault.add([New(entry, Content(canonical(content), signed.salt))])
    return entry


def read_grant(vault: Vault, entry: Entry) -> tuple[SignedGrant, bytes | None]:
    """Return a grant of the vault, and its secret if this is the patient's vault."""
    found = parse(vault.read(entry).data)
    secret = octets(found, "secret", 32) if "secret" in found else None
    return SignedGrant.from_document(found), secret


# ---- accesses


def store_access(vault: Vault, logged: LoggedAccess, title: str) -> Entry:
    """Store an entry of the access log."""
    access = logged.access
    entry = Entry(
        new_id(), 1, ACCESS, "AuditEvent", FhirVersion.R5.value, access.request.hex(),
        title[:MAX_TITLE], access.time_ms, logged.leaf.hex(),
        "" if access.patient == vault.id else str(access.patient),
    )  # fmt: skip
    vault.add([New(entry, Content(canonical(logged.document()), logged.salt))])
    return entry


def read_access(vault: Vault, entry: Entry) -> LoggedAccess:
    """Return an entry of the access log."""
    return LoggedAccess.from_document(parse(vault.read(entry).data))


# ---- export


@dataclass(frozen=True, slots=True)
class Exported:
    """A Bundle, and the titles of entries that are not valid in its version of FHIR."""

    bundle: Resource
    left_out: list[str]


def export(
    vault: Vault, version: FhirVersion = FhirVersion.R5, *, with_salts: bool = False
) -> Exported:
    """Return all that the vault has as one Bundle of FHIR."""
    found: list[Resource] = []
    urls: list[str] = []
    left_out: list[str] = []
    for entry in vault.entries():
        content = vault.read(entry)
        if entry.kind == CONSENT:
            grant = SignedGrant.from_document(parse(content.data)).grant()
            resource = consent_of(grant, version)
        elif entry.kind == ACCESS:
            logged = LoggedAccess.from_document(parse(content.data))
            resource = audit_event_of(logged.access, entry.id, version)
        else:
            resource = parse(content.data)
            if entry.fhir != version.value and not _is_valid(resource, version):
                left_out.append(f"{entry.type}/{entry.logical or entry.id}")
                continue
        salt = content.salt if with_salts else None
        proofs = [provenance_of(entry, each, salt, version) for each in entry.anchors]
        found += [resource, *proofs]
        urls += [entry.url, *("" for _ in proofs)]
    # References within what was imported as one Bundle find their resources by its URLs.
    names = {url: at for at, url in reversed([*enumerate(urls)]) if url}
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": urls[at] if names.get(urls[at]) == at else f"urn:uuid:{uuid.uuid4()}",
                "resource": each,
            }
            for at, each in enumerate(found)
        ],
    }
    return Exported(bundle, left_out)


# ---- internals


def title_of(resource: Resource) -> str:
    """Return a text by which the owner recognises a resource."""
    words = [type_of(resource)]
    for name in ("code", "vaccineCode", "medicationCodeableConcept", "type", "name"):
        found = _label(resource.get(name))
        if found:
            words.append(found)
            break
    dates = (resource.get(name) for name in _DATES)
    words += [each[:10] for each in dates if isinstance(each, str)][:1]
    return " ".join(words)[:MAX_TITLE]


def _label(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        for name in ("text", "display", "family"):
            if isinstance(value.get(name), str):
                return str(value[name])
        return _label(value.get("coding"))
    return _label(value[0]) if isinstance(value, Sequence) and value else ""


class _Known:
    """Entries of a vault by their names: a URL is of one resource, an id of one on its server."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._by_url = {(each.subject, each.type, each.url): each for each in entries if each.url}
        self._by_id: dict[tuple[str, str, str], list[Entry]] = {}
        for each in entries:
            self._by_id.setdefault((each.subject, each.type, each.logical), []).append(each)
        self._taken: set[str] = set()

    def take(self, new: Entry) -> Entry | None:
        """Return the entry of the same resource, once; None if the vault does not have it."""
        before = self._find(new)
        if before is not None:
            self._taken.add(before.id)
        return before

    def _find(self, new: Entry) -> Entry | None:
        before = self._by_url.get((new.subject, new.type, new.url))
        if before is not None or not new.logical:
            return before
        same = [
            each
            for each in self._by_id.get((new.subject, new.type, new.logical), [])
            if each.id not in self._taken and not (_server(each) and _server(new))
        ]
        return same[0] if len(same) == 1 else None


def _server(entry: Entry) -> bool:
    """Return True if an entry's URL is that of a server: its id is of this server alone."""
    return entry.url.startswith(("http:", "https:"))


def _new_entry(
    resource: Resource, version: FhirVersion, kind: str, subject: str, now_ms: int
) -> Entry:
    logical = resource.get("id")
    return Entry(
        new_id(), 1, kind, type_of(resource), version.value,
        logical if isinstance(logical, str) else "", title_of(resource), now_ms, "", subject,
    )  # fmt: skip


def _is_valid(resource: Resource, version: FhirVersion) -> bool:
    """Return True if a resource is valid in a version of FHIR."""
    try:
        validate(resource, version)
    except BadDocument:
        return False
    return True
