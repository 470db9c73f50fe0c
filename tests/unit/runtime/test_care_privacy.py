"""I46: the pallets of care store and take no text, and no field for a person.

A new type that an item of storage, a call or an event of these pallets reaches has to be added to
the list here: a decision. Byte strings without a fixed length are refused in any field.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from btt_chain.scale import u64
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    MapEntry,
    PalletMetadata,
    PortableField,
    PortableType,
    PrimitiveDef,
    RuntimeMetadata,
    SequenceDef,
    TupleDef,
    VariantDef,
    decode_metadata,
)
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams

NUMBERS = {"bool", "u8", "u16", "u32", "u64", "u128"}
MAX_ARRAY = 256
"""Bytes of the longest array: a signature of RSA."""
SHARED = {
    "sp_core::crypto::AccountId32",
    "sp_runtime::multiaddress::MultiAddress",
    "primitive_types::H256",
    "Option",
    "bounded_collections::bounded_vec::BoundedVec",
    "btt_runtime::DueKey",
    "btt_runtime::Ahead",
}
TYPES = {
    "Facilities": {"Kind", "Size", "Facility", "FacilityState", "Bonds", "HospitalEntry",
                   "HospitalTally"},
    "Incentives": {
        "Audit", "AuditPhase", "AuditorEntry", "Credential", "EligibleAuditor", "Epoch",
        "EpochState", "Expiring", "Group", "GroupTally", "Month", "MonthPhase", "Offer",
        "PointsAccount", "Progress", "Reselection", "Seat", "Totals", "Verdict",
        "btt_primitives::ActivityRule", "btt_primitives::Denomination",
        "btt_primitives::PointVoucher", "pallet_facilities::Kind", "pallet_facilities::Size",
    },
    "Referral": {"Referee", "Usage", "Quota", "Terms"},
    "HealthRecords": {"Custodian", "LogId", "Log", "Batch", "BatchKind", "EpochKey", "Demand",
                      "Terms", "btt_primitives::AccessPromise", "btt_primitives::SignedPromise",
                      "btt_primitives::Opening"},
}  # fmt: skip
"""Types that the pallets may have besides `SHARED`; those without a path are of the pallet."""
LISTS = {
    "primitive_types::H256",
    "u32",
    "btt_primitives::Opening",
    "btt_primitives::PointVoucher",
    "bounded_collections::bounded_vec::BoundedVec",
    "pallet_incentives::AuditorEntry",
    "pallet_incentives::EligibleAuditor",
    "pallet_incentives::Expiring",
    "pallet_incentives::Offer",
    "pallet_incentives::Seat",
}
"""Types that lists may have."""
PERSONAL = {
    "name", "patient", "person", "birth", "diagnosis", "disease", "condition", "activity", "record",
    "purpose", "grantee", "consent", "text", "note", "memo", "comment", "description", "title",
    "visit", "doctor", "insured", "rule",
}  # fmt: skip
"""Words that the name of no field of these pallets has, except for `PUBLIC` ones."""
PUBLIC = {
    "set_rule.rule": "a decision about an activity, for all patients",
    "RuleSet.rule": "the same",
    "RuleSet.rule.Some.None.per_patient_month": "a limit of the rule",
    "contribute_savings.memo": "the hash of an insurer's report",
    "SavingsContributed.memo": "the same",
}


@cache
def described() -> RuntimeMetadata:
    _, found = decode_metadata(metadata(BttRuntime(RuntimeParams(u64(6_000))), 15))
    return found


def type_of(number: int) -> PortableType:
    return described().types[number]


def pallet_of(name: str) -> PalletMetadata:
    (found,) = [pallet for pallet in described().pallets if pallet.name == name]
    return found


def roots(pallet: PalletMetadata) -> Iterator[tuple[str, int]]:
    """Yield all types of storage items and of the fields of calls and events."""
    assert pallet.storage is not None
    for entry in pallet.storage.entries:
        if isinstance(entry.type, MapEntry):
            yield f"{entry.name} key", int(entry.type.key)
        yield entry.name, int(entry.type.value)
    for enum in (pallet.calls, pallet.event):
        assert enum is not None
        definition = type_of(int(enum.type)).definition
        assert isinstance(definition, VariantDef)
        for variant in definition.variants:
            yield from named(variant.name, variant.fields)


def named(where: str, fields: list[PortableField]) -> Iterator[tuple[str, int]]:
    for field in fields:
        yield f"{where}.{field.name}", int(field.type)


def parts(where: str, number: int) -> Iterator[tuple[str, int]]:
    """Yield the types directly below one."""
    match type_of(number).definition:
        case CompositeDef(fields):
            yield from named(where, fields)
        case VariantDef(variants):
            for variant in variants:
                yield from named(f"{where}.{variant.name}", variant.fields)
        case SequenceDef(item) | ArrayDef(item=item):
            yield f"{where}[]", int(item)
        case TupleDef(items):
            yield from ((where, int(item)) for item in items)
        case CompactDef(inner):
            yield where, int(inner)
        case PrimitiveDef():
            return
        case other:
            raise AssertionError(f"{where}: {other}")


def reached(pallet: PalletMetadata) -> dict[int, str]:
    """Return all types that a pallet reaches, each with a place."""
    found: dict[int, str] = {}
    waiting = list(roots(pallet))
    while waiting:
        where, number = waiting.pop()
        path = "::".join(type_of(number).path)
        if number in found:
            continue
        found[number] = where
        if path != "sp_runtime::multiaddress::MultiAddress":
            waiting += parts(where, number)
    return found


def label(number: int) -> str:
    """Return the path of a type, or the name of a primitive."""
    kind = type_of(number)
    if kind.path:
        return "::".join(kind.path)
    definition = kind.definition
    return definition.kind.name.lower() if isinstance(definition, PrimitiveDef) else ""


@pytest.mark.parametrize("name", TYPES)
def test_pallets_of_care_have_only_types_of_the_list(name: str) -> None:
    pallet = pallet_of(name)
    prefix = f"pallet_{''.join('_' + c.lower() if c.isupper() else c for c in name)[1:]}::"
    allowed = SHARED | {kind if "::" in kind else prefix + kind for kind in TYPES[name]}
    for number, where in reached(pallet).items():
        kind, found = type_of(number), label(number)
        if kind.path:
            assert found in allowed, f"{where}: {found}"
        elif isinstance(kind.definition, PrimitiveDef):
            assert found in NUMBERS, f"{where}: {found}"


@pytest.mark.parametrize("name", TYPES)
def test_pallets_of_care_take_no_text_and_no_bytes_of_any_length(name: str) -> None:
    for number, where in reached(pallet_of(name)).items():
        match type_of(number).definition:
            case SequenceDef(item):
                assert label(int(item)) in LISTS, f"{where}: a list of {label(int(item))}"
            case ArrayDef(size):
                assert size <= MAX_ARRAY, where


@pytest.mark.parametrize("name", TYPES)
def test_no_field_of_the_pallets_of_care_is_about_a_person(name: str) -> None:
    for where in dict.fromkeys(where for _, where in all_places(pallet_of(name))):
        field = where.rsplit(".", 1)[-1].lower()
        if where in PUBLIC:
            continue
        assert not PERSONAL.intersection(field.split("_")), where


def all_places(pallet: PalletMetadata) -> Iterator[tuple[int, str]]:
    """Yield each field of each type that a pallet reaches."""
    yield from ((number, where) for where, number in roots(pallet))
    for number, where in reached(pallet).items():
        yield from ((inner, place) for place, inner in parts(where, number))
