"""Searches of FHIR in a vault: `Observation?category=laboratory&_count=50`, `Observation/o1`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from btt_chain.records.documents import Resource
from btt_chain.records.errors import RecordsError
from btt_chain.records.scopes import PARAMETERS, READ, SEARCH, has_token
from btt_chain.records.vault.index import Entry

MAX_COUNT: Final = 200
COUNT: Final = 50
"""Resources of a page: at most, and by default."""
MAX_OFFSET: Final = 1_000_000
MAX_LENGTH: Final = 1_024
COMPARTMENT: Final = ("patient", "subject")
_PATH: Final = re.compile(r"([A-Z][A-Za-z]{1,63})(?:/([A-Za-z0-9.-]{1,64}))?(?:\?(.*))?")


class BadSearch(RecordsError):
    """A search has an unknown or malformed parameter."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search, or the reading of one resource."""

    text: str
    kind: str
    id: str | None = None
    tokens: tuple[tuple[str, str], ...] = ()
    patient: str | None = None
    count: int = COUNT
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> Search:
        """Return the search of a relative URL. Raises BadSearch: no parameter is ignored."""
        found = _PATH.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if found is None:
            raise BadSearch(f"{text[:80]!r} is not a search like Observation?category=laboratory")
        kind, id, rest = found.groups()
        values: dict[str, int] = {"_count": COUNT, "_offset": 0}
        tokens, patient = [], None
        try:
            pairs = parse_qsl(rest or "", keep_blank_values=True, max_num_fields=16)
        except ValueError:
            raise BadSearch("the search has too many parameters") from None
        for name, value in pairs:
            if name in values:
                values[name] = _number(name, value)
            elif name in PARAMETERS and value:
                tokens.append((name, value))
            elif name == "_id":
                id = value
            elif name in COMPARTMENT and value:
                patient = value.rpartition("/")[2]
            elif name != "_format":
                raise BadSearch(f"the parameter {name[:40]!r} is unknown, or has no value")
        count = min(values["_count"], MAX_COUNT)
        return cls(text, kind, id, tuple(tokens), patient, count, values["_offset"])

    @property
    def is_read(self) -> bool:
        """True if one resource is read by its id."""
        return "/" in self.text.partition("?")[0]

    @property
    def permission(self) -> str:
        """The permission that it needs: `r` or `s`."""
        return READ if self.is_read else SEARCH

    def may_have(self, entry: Entry) -> bool:
        """Return True if an entry can match, before it is decrypted."""
        return entry.type == self.kind and self.id in (None, entry.logical, entry.id)

    def matches(self, resource: Resource) -> bool:
        """Return True if a resource matches."""
        if self.patient is not None and self.patient not in _patients(resource):
            return False
        return all(has_token(resource, name, value) for name, value in self.tokens)


def _patients(resource: Resource) -> Iterator[str]:
    if resource.get("resourceType") == "Patient":
        yield str(resource.get("id", ""))
    for name in COMPARTMENT:
        reference = resource.get(name)
        if isinstance(reference, Mapping):
            yield str(reference.get("reference", "")).rpartition("/")[2]


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or int(value[:9]) > MAX_OFFSET or len(value) > 7:
        raise BadSearch(f"{name} is a number up to {MAX_OFFSET:,}")
    return int(value)
