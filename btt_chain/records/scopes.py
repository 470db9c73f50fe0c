"""Scopes of SMART on FHIR, version 2: `patient/Observation.rs?category=laboratory`.

    scope    = context "/" type "." permissions ["?" parameters]
    context  = patient | user | system
    type     = a resource type or *
    permissions = some of c r u d s, in this order

A consent grants reading only: r (read one resource) and s (search). A parameter restricts the
resources to those whose codes have the value, as a token search does: `category=laboratory` or
`category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory`.

Source: https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote

from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import RecordsError

MAX_LENGTH: Final = 512
MAX_SCOPES: Final = 32
ANY: Final = "*"
READ: Final = "r"
SEARCH: Final = "s"
PARAMETERS: Final = ("category", "code", "status", "type", "_security")
"""Search parameters of type token that restrict a scope."""
_SCOPE: Final = re.compile(
    r"(patient|user|system)/([A-Z][A-Za-z]{1,63}|\*)\.(c?r?u?d?s?)(?:\?(.+))?"
)


class BadScope(RecordsError):
    """A text is not a scope of SMART on FHIR v2, or grants more than reading."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that grants reading."""

    kind: str
    """Type of the resources, or `*`."""
    permissions: str
    """`r`, `s` or `rs`."""
    filters: tuple[tuple[str, str], ...] = ()
    """Names and values of parameters; a resource must have all."""
    context: str = "patient"

    def __str__(self) -> str:
        more = "&".join(f"{name}={quote(value, safe=':/|')}" for name, value in self.filters)
        text = f"{self.context}/{self.kind}.{self.permissions}"
        return f"{text}?{more}" if more else text

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Return the scope of a text. Raises BadScope."""
        found = _SCOPE.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if found is None or not found[3]:
            raise BadScope(f"{text[:80]!r} is not a scope such as patient/Observation.rs")
        if set(found[3]) - {READ, SEARCH}:
            raise BadScope(f"{text!r} grants more than reading: only .r, .s and .rs are given")
        try:
            text_of = found[4] or ""
            pairs = parse_qsl(
                text_of, keep_blank_values=True, strict_parsing=bool(text_of), max_num_fields=8
            )
        except ValueError:
            raise BadScope(f"{text!r}: the parameters are malformed") from None
        for name, value in pairs:
            if name not in PARAMETERS or not value:
                raise BadScope(f"{text!r}: {name!r} is not one of {', '.join(PARAMETERS)}")
        return cls(found[2], found[3], tuple(pairs), found[1])

    def covers(self, resource: Resource, permission: str) -> bool:
        """Return True if the scope grants a permission for a resource."""
        if (
            self.kind not in (ANY, resource.get("resourceType"))
            or permission not in self.permissions
        ):
            return False
        return all(has_token(resource, name, value) for name, value in self.filters)


def parse_scopes(texts: Iterable[str]) -> tuple[Scope, ...]:
    """Return the scopes of texts, which may hold several between spaces. Raises BadScope."""
    found = tuple(Scope.parse(word) for text in texts for word in text.split())
    if not 0 < len(found) <= MAX_SCOPES:
        raise BadScope(f"a grant has between 1 and {MAX_SCOPES} scopes, not {len(found)}")
    return found


def covered(scopes: Sequence[Scope], resource: Resource, permission: str) -> bool:
    """Return True if one of the scopes grants a permission for a resource."""
    return any(scope.covers(resource, permission) for scope in scopes)


def has_token(resource: Resource, name: str, value: str) -> bool:
    """Return True if an element has the code of a token search: `code` or `system|code`."""
    system, bar, code = value.rpartition("|")
    for found_system, found_code in _tokens(_element(resource, name)):
        if code in ("", found_code) and (not bar or system == found_system):
            return True
    return False


def _element(resource: Resource, name: str) -> Json:
    if name == "_security":
        meta = resource.get("meta")
        return meta.get("security") if isinstance(meta, Mapping) else None
    return resource.get(name)


def _tokens(value: Json) -> Iterator[tuple[str, str]]:
    """Yield system and code of a code, a Coding, a CodeableConcept, or lists of them."""
    if isinstance(value, str):
        yield "", value
    elif isinstance(value, Mapping):
        if isinstance(value.get("coding"), Sequence):
            yield from _tokens(value["coding"])
        elif isinstance(value.get("code"), str):
            yield str(value.get("system", "")), str(value["code"])
    elif isinstance(value, Sequence):
        for member in value:
            yield from _tokens(member)
