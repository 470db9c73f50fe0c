"""The records in a FHIR document: a Bundle of any type, or one resource.

What a Bundle has beside records is noted, so that no import hides it, or refused, where it would
change what the records mean. `Opened.notes` has a line for each kind of it.

| in the Bundle | here |
|---|---|
| resources, of requests POST and PUT, of matches and included ones | records |
| DELETE, PATCH and other requests; a Bundle in a Bundle; a member that is not known | refused |
| answers without a record, outcomes, a further page, a signature | noted |
| older versions of a record | noted; the newest one is the record |
| one record twice | one record; refused if they differ and no version says which is newer |

A resource is named by its `fullUrl`, by which others of the Bundle refer to it. Source: FHIR R5,
Bundle, "Resource URL & Uniqueness rules in a bundle".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import BadDocument
from btt_chain.records.fhir.validation import type_of
from btt_chain.records.shapes import items, objects

MAX_ENTRIES: Final = 20_000
MAX_URL: Final = 2_048
TYPES: Final = (
    "document", "message", "transaction", "transaction-response", "batch", "batch-response",
    "history", "searchset", "collection", "subscription-notification",
)  # fmt: skip
_FIRST: Final = {"document": "Composition", "message": "MessageHeader"}
"""Types of the first resource, by the type of the Bundle."""
_RECORDS: Final = ("POST", "PUT")
"""Methods whose resource is a record."""
_NO_RECORDS: Final = ("OperationOutcome", "Parameters", "SubscriptionStatus")
"""Resources that servers answer with, and do not keep."""
_MEMBERS: Final = frozenset(
    {"resourceType", "id", "meta", "language", "identifier", "type", "timestamp", "total", "link",
     "entry", "signature", "issues"}
)  # fmt: skip
_ENTRY: Final = frozenset(
    {"id", "extension", "link", "fullUrl", "resource", "search", "request", "response"}
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource and its URL, which is empty if the document gives none."""

    resource: Resource
    url: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The records of a document, and notes about what else it has."""

    records: list[Listed]
    notes: list[str]


def open_document(document: Resource) -> Opened:
    """Return the records of a Bundle, or the one resource. Raises BadDocument."""
    kind = type_of(document)
    if kind in _NO_RECORDS:
        raise BadDocument(f"the document is a {kind}: a server's answer, and not a record")
    if kind != "Bundle":
        return Opened([Listed(document)], [])
    return _Reader(document).read()


class _Reader:
    def __init__(self, bundle: Resource) -> None:
        self._bundle = bundle
        self._kind = bundle.get("type")
        self._counts: dict[str, int] = {}

    def read(self) -> Opened:
        if self._kind not in TYPES:
            raise BadDocument(f"Bundle.type: one of {', '.join(TYPES)} was expected")
        _check_members(self._bundle, _MEMBERS, "Bundle")
        entries = items(self._bundle.get("entry", []), "Bundle.entry")
        if len(entries) > MAX_ENTRIES:
            raise BadDocument(f"the Bundle has {len(entries)} entries, {MAX_ENTRIES} are the most")
        found: list[Listed] = []
        for number, each in enumerate(entries):
            listed = self._entry(objects(each, "Bundle.entry"), f"Bundle.entry[{number}]")
            found += [] if listed is None else [listed]
        first = _FIRST.get(str(self._kind))
        if first is not None and (not found or type_of(found[0].resource) != first):
            raise BadDocument(f"a Bundle of the type {self._kind} begins with a {first}")
        self._note_rest(len(found))
        return Opened(
            self._newest(found),
            [text if count == 1 else f"{text} ({count} times)"
             for text, count in self._counts.items()],
        )  # fmt: skip

    def _note(self, text: str) -> None:
        self._counts[text] = self._counts.get(text, 0) + 1

    def _note_rest(self, count: int) -> None:
        for link in items(self._bundle.get("link", []), "Bundle.link"):
            if objects(link, "Bundle.link").get("relation") == "next":
                self._note("the Bundle is one page: it names a next page, which is not imported")
        total = self._bundle.get("total")
        if isinstance(total, int) and total > count:
            self._note(f"the Bundle has {count} of {total} records: the others are not imported")
        for name in ("signature", "issues"):
            if name in self._bundle:
                self._note(f"the {name} of the Bundle is not stored")

    def _entry(self, entry: Resource, where: str) -> Listed | None:
        """Return the record of an entry; None if it has none, which is noted."""
        _check_members(entry, _ENTRY, where)
        resource = entry.get("resource")
        method = self._method(entry, where)
        mode = objects(entry.get("search", {}), f"{where}.search").get("mode", "match")
        if mode not in ("match", "include", "outcome"):
            raise BadDocument(f"{where}.search.mode: match, include or outcome was expected")
        answer = objects(entry.get("response", {}), f"{where}.response")
        if "outcome" in answer:
            self._note("an entry has an outcome of a server, which is not stored")
        if resource is None:
            status = answer.get("status")
            said = f", only the answer {str(status)[:40]!r}" if status is not None else ""
            self._note(f"an entry has no resource{said}")
            return None
        found = objects(resource, f"{where}.resource")
        kind = type_of(found)
        if kind == "Bundle":
            raise BadDocument(f"{where}: a Bundle in a Bundle: import it as a file of its own")
        if kind in _NO_RECORDS or mode == "outcome":
            self._note(f"a resource {kind} is a server's answer, and not a record")
            return None
        if method not in (None, *_RECORDS):
            raise BadDocument(f"{where}: a request {method} has no resource")
        return Listed(found, _url(entry, found, kind, where))

    def _method(self, entry: Resource, where: str) -> str | None:
        """Return the method of an entry's request; None without one."""
        if "request" not in entry:
            return None
        request = objects(entry["request"], f"{where}.request")
        method = request.get("method")
        if method not in ("GET", "HEAD", *_RECORDS):
            raise BadDocument(
                f"{where}: a request {str(method)[:10]} {str(request.get('url'))[:80]} for a "
                "server, and not a record: `btt-chain records erase` deletes"
            )
        return str(method)

    def _newest(self, found: list[Listed]) -> list[Listed]:
        """Return one version of each record, in the order of the Bundle."""
        versions: dict[tuple[str, str], list[Listed]] = {}
        for each in found:
            id = each.resource.get("id")
            name = each.url or (str(id) if id is not None else "")
            # Without any name each is a record of its own.
            key = (type_of(each.resource), name or f"#{len(versions)}")
            versions.setdefault(key, []).append(each)
        return [self._one(name, same) for (_, name), same in versions.items()]

    def _one(self, name: str, same: list[Listed]) -> Listed:
        contents = {canonical(each.resource): each for each in reversed(same)}
        if len(contents) == 1:
            if len(same) > 1:
                self._note("a record stands twice, with one content")
            return same[0]
        different = list(contents.values())
        self._note("an older version of a record is not stored")
        for order in (_version, _updated):
            places = [order(each.resource) for each in different]
            if None not in places and len(set(places)) == len(places):
                return max(different, key=lambda each: order(each.resource) or "")
        if self._kind == "history":  # the newest first
            return same[0]
        raise BadDocument(
            f"{type_of(same[0].resource)} {name[:80]} stands {len(different)} times in the Bundle, "
            "with different contents, and neither meta.versionId nor meta.lastUpdated says which "
            "is the newest"
        )


def _check_members(found: Resource, known: frozenset[str], where: str) -> None:
    unknown = next((name for name in found if name.removeprefix("_") not in known), None)
    if unknown is not None:
        raise BadDocument(f"{where}.{unknown[:40]}: not known here, so it is not ignored")


def _url(entry: Resource, resource: Resource, kind: str, where: str) -> str:
    url = entry.get("fullUrl", "")
    if not isinstance(url, str) or len(url) > MAX_URL or not url.isprintable():
        raise BadDocument(f"{where}.fullUrl: a URL was expected")
    if "fullUrl" in entry and ":" not in url:
        raise BadDocument(f"{where}.fullUrl: an absolute URL was expected")
    id = resource.get("id")
    is_of_server = url.startswith(("http:", "https:")) and isinstance(id, str)
    if is_of_server and not url.endswith(f"/{kind}/{id}"):
        raise BadDocument(f"{where}: the fullUrl does not end with {kind}/{str(id)[:64]}, its id")
    return url


def _meta(resource: Resource, name: str) -> str | None:
    meta: Json = resource.get("meta")
    found = meta.get(name) if isinstance(meta, Mapping) else None
    return found if isinstance(found, str) else None


def _version(resource: Resource) -> str | None:
    """Return the version of a resource in a form that sorts; None if it is not a number."""
    found = _meta(resource, "versionId")
    is_number = found is not None and found.isascii() and found.isdecimal() and len(found) <= 20
    return found.zfill(20) if found is not None and is_number else None


def _updated(resource: Resource) -> str | None:
    """Return the moment of a resource's last change in a form that sorts; None if it has none."""
    try:
        moment = datetime.fromisoformat(_meta(resource, "lastUpdated") or "")
    except ValueError:
        return None
    return moment.astimezone(UTC).isoformat() if moment.tzinfo else None
