"""Validation of FHIR resources by the models of `fhir.resources`; R5 first, R4B otherwise.

The one module that imports the package, when it is needed: it takes a third of a second and 34 MB.
It is of the extra `[records]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from btt_chain.extras import needs_extra
from btt_chain.records.documents import Json, Resource, check_narratives
from btt_chain.records.errors import BadDocument, RecordsError
from btt_chain.records.shapes import items, objects

if TYPE_CHECKING:
    from collections.abc import Callable

_INTEGER64: Final = (".valueInteger64", ".size")
"""Ends of the paths of integers that JSON has as texts (R5)."""
MAX_ISSUES: Final = 5
"""Issues in the message of an invalid resource."""


class FhirVersion(Enum):
    """A version of FHIR, by the name that the standard gives it."""

    R5 = "R5"
    R4B = "R4B"


class _Instance(Protocol):
    def model_dump(self) -> dict[str, object]: ...


class _Model(Protocol):
    def model_validate(self, value: object) -> _Instance: ...


def validate(resource: Resource, version: FhirVersion | None = None) -> FhirVersion:
    """Return the version of FHIR that a resource is valid in: R5 if in both.

    With `version` only that one is tried. Raises BadDocument, which says why it is none;
    RecordsError without the package.
    """
    kind = type_of(resource)
    check_narratives(resource)
    _check_form(resource, kind)
    _check_contained(resource, kind)
    reasons: list[str] = []
    for each in FhirVersion if version is None else (version,):
        reason = _invalid(resource, kind, each)
        if reason is None:
            return each
        reasons.append(f"{each.value}: {reason}")
    raise BadDocument(f"{kind} is not valid; " + "; ".join(reasons))


def type_of(resource: Resource) -> str:
    """Return the type of a resource. Raises BadDocument."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not (kind.isascii() and kind.isalpha() and len(kind) <= 64):
        raise BadDocument("the document is not a FHIR resource: resourceType is missing")
    return kind


def _invalid(resource: Resource, kind: str, version: FhirVersion) -> str | None:
    """Return why a resource is not valid in a version, None if it is."""
    package = "fhir.resources" if version is FhirVersion.R5 else "fhir.resources.R4B"
    try:
        model_of: Callable[[str], _Model] = import_module(package).get_fhir_model_class
        invalid: type[Exception] = import_module("pydantic").ValidationError
    except ModuleNotFoundError:
        raise RecordsError(needs_extra("validating FHIR needs", "records")) from None
    try:
        model = model_of(kind)
    except (ValueError, KeyError, LookupError, AttributeError):
        return f"there is no type {kind}"
    try:
        found = model.model_validate(resource).model_dump()
    except invalid as error:
        return _issues(error)
    except (ValueError, TypeError, AssertionError) as error:
        return str(error)[:200]
    for inner in _contained(resource):
        reason = _invalid(inner, type_of(inner), version)
        if reason is not None:
            return f"contained {reason}"
    return _coerced(resource, found, kind)


def _contained(resource: Resource) -> list[Resource]:
    return [objects(each, "contained") for each in items(resource.get("contained", []))]


def _check_form(value: Json, path: str) -> None:
    """Refuse what FHIR's JSON does not have: null but in lists beside extensions, and empty parts.

    Raises BadDocument.
    """
    if isinstance(value, Mapping):
        for name, part in value.items():
            beside = value.get(name[1:] if name.startswith("_") else f"_{name}")
            given: Json = part
            if isinstance(part, list) and isinstance(beside, list):
                given = [each for each in part if each is not None]
            _check_form(given, f"{path}.{name}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for at, part in enumerate(value):
            _check_form(part, f"{path}.{at}")
    if value is None or (not isinstance(value, bool | int | float | Decimal) and not value):
        raise BadDocument(f"{path}: an empty value, which FHIR leaves out")


def _check_contained(resource: Resource, kind: str) -> None:
    """Refuse references to contained resources that are missing, and what they cannot have.

    Raises BadDocument.
    """
    ids = set()
    for each in _contained(resource):
        if "contained" in each:
            raise BadDocument(f"{kind}.contained: a contained resource contains another one")
        if not isinstance(each.get("id"), str) or each["id"] in ids:
            raise BadDocument(f"{kind}.contained: a resource has no id, or that of another one")
        ids.add(each["id"])
    for name in _local_references(resource):
        if name and name not in ids:
            raise BadDocument(f"{kind}: the reference #{name[:64]} finds no contained resource")


def _local_references(value: Json) -> Iterator[str]:
    if isinstance(value, Mapping):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("#"):
            yield reference[1:]
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _local_references(each)


def _coerced(given: Json, found: object, path: str) -> str | None:
    """Return the place where the model took a value for one of another type, None if nowhere.

    FHIR's JSON has types of its own: a validator that is as lenient as the model is of no use.
    """
    if isinstance(given, Mapping) and isinstance(found, Mapping):
        parts = ((found.get(name), value, name) for name, value in given.items())
    elif isinstance(given, bool):
        is_other = found is not None and not isinstance(found, bool)
        return f"{path}: a boolean stands for another value" if is_other else None
    elif isinstance(given, int | Decimal):
        wanted = (int, float, Decimal) if isinstance(given, int) else (float, Decimal)
        is_other = found is not None and (isinstance(found, bool) or not isinstance(found, wanted))
        return f"{path}: a number stands for another value" if is_other else None
    elif isinstance(given, str):
        is_other = isinstance(found, bool | int | float | Decimal)
        is_long = path.endswith(_INTEGER64) and given.removeprefix("-").isdecimal()
        return (
            f"{path}: a text stands for a number or a boolean" if is_other and not is_long else None
        )
    elif isinstance(given, Sequence) and isinstance(found, Sequence):
        pairs = enumerate(zip(given, found, strict=False))
        parts = ((each, value, str(at)) for at, (value, each) in pairs)
    else:
        return None
    reasons = (_coerced(value, each, f"{path}.{name}") for each, value, name in parts)
    return next((reason for reason in reasons if reason is not None), None)


def _issues(error: Exception) -> str:
    """Return the places of an error, without the values: they are health data."""
    listed: Callable[..., list[dict[str, object]]] = getattr(error, "errors")  # noqa: B009 - pydantic's
    found = []
    for issue in listed(include_url=False, include_input=False, include_context=False)[:MAX_ISSUES]:
        place = issue["loc"]
        path = ".".join(map(str, place)) if isinstance(place, tuple) else ""
        found.append(f"{path}: {issue['type']}" if path else str(issue["type"]))
    return ", ".join(found)
