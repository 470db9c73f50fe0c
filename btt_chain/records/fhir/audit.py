"""Accesses as FHIR AuditEvent, by the pattern "Privacy Disclosure/Read" of IHE BALP.

| access | AuditEvent R5 | AuditEvent R4B |
|---|---|---|
| reading or searching | category rest, code, action | type rest, subtype, action |
| purpose, emergency | authorization | purposeOfEvent |
| custodian | agent "source", source.observer | the same |
| reader | agent "destination", requestor | the same |
| patient | patient, entity | entity |
| records | entities | the same |
| query | entity with `query` | the same |
| request's hash | entity with identifier | the same |

Source: IHE Basic Audit Log Patterns (https://profiles.ihe.net/ITI/BALP/).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Final

from btt_chain.records.accesses import Access
from btt_chain.records.documents import Json, Resource
from btt_chain.records.fhir.consent import ACT_REASON, concept, vault_reference
from btt_chain.records.fhir.validation import FhirVersion
from btt_chain.records.grants import EMERGENCY

AUDIT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
OUTCOME: Final = "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
REQUEST: Final = "urn:btt:request"
SOURCE_ROLE: Final = "110153"
DESTINATION_ROLE: Final = "110152"
"""DICOM codes of the agents."""


def audit_event_of(access: Access, id: str, version: FhirVersion = FhirVersion.R5) -> Resource:
    """Return the AuditEvent of an access."""
    return _r5(access, id) if version is FhirVersion.R5 else _r4b(access, id)


def _r5(access: Access, id: str) -> Resource:
    return {
        "resourceType": "AuditEvent",
        "id": id,
        "category": [concept(AUDIT_TYPE, "rest")],
        "code": concept(INTERACTION, _interaction(access)),
        "action": _action(access),
        "recorded": _recorded(access),
        "outcome": {"code": {"system": OUTCOME, "code": "success"}},
        "authorization": [concept(ACT_REASON, _purpose(access))],
        "patient": vault_reference(access.patient),
        "agent": _agents(access),
        "source": {"observer": vault_reference(access.custodian)},
        "entity": [
            {"what": vault_reference(access.patient), "role": concept(OBJECT_ROLE, "1")},
            *({"what": {"reference": each}, "role": concept(OBJECT_ROLE, "4")}
              for each in access.records),
            {"query": _query(access), "role": concept(OBJECT_ROLE, "24")},
            {"what": _request(access), "role": concept(OBJECT_ROLE, "21")},
        ],
    }  # fmt: skip


def _r4b(access: Access, id: str) -> Resource:
    person = {"system": ENTITY_TYPE, "code": "1"}
    system = {"system": ENTITY_TYPE, "code": "2"}
    return {
        "resourceType": "AuditEvent",
        "id": id,
        "type": {"system": AUDIT_TYPE, "code": "rest"},
        "subtype": [{"system": INTERACTION, "code": _interaction(access)}],
        "action": _action(access),
        "recorded": _recorded(access),
        "outcome": "0",
        "purposeOfEvent": [concept(ACT_REASON, _purpose(access))],
        "agent": _agents(access),
        "source": {"observer": vault_reference(access.custodian)},
        "entity": [
            {"what": vault_reference(access.patient), "type": person, "role": _role("1")},
            *({"what": {"reference": each}, "type": system, "role": _role("4")}
              for each in access.records),
            {"type": system, "role": _role("24"), "query": _query(access)},
            {"what": _request(access), "type": system, "role": _role("21")},
        ],
    }  # fmt: skip


def _agents(access: Access) -> list[Json]:
    return [
        {
            "type": concept(DICOM, SOURCE_ROLE),
            "who": vault_reference(access.custodian),
            "requestor": False,
        },
        {
            "type": concept(DICOM, DESTINATION_ROLE),
            "who": vault_reference(access.reader),
            "requestor": True,
        },
    ]


def _role(code: str) -> Resource:
    return {"system": OBJECT_ROLE, "code": code}


def _interaction(access: Access) -> str:
    return "read" if "/" in access.query.partition("?")[0] else "search"


def _action(access: Access) -> str:
    return "R" if _interaction(access) == "read" else "E"


def _purpose(access: Access) -> str:
    return EMERGENCY if access.is_emergency else access.purpose


def _recorded(access: Access) -> str:
    moment = datetime.fromtimestamp(access.time_ms // 1_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{access.time_ms % 1_000:03}Z"


def _query(access: Access) -> str:
    return base64.b64encode(access.query.encode()).decode()


def _request(access: Access) -> Resource:
    return {"identifier": {"system": REQUEST, "value": access.request.hex()}}
