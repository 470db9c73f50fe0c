"""The CapabilityStatement of the facade: reading and searching of some types of resources."""

from __future__ import annotations

from typing import Final

from btt_chain.records.documents import Json, Resource
from btt_chain.records.fhir.consent import concept

SECURITY: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"
TYPES: Final = (
    "AllergyIntolerance", "CarePlan", "Condition", "Device", "DiagnosticReport",
    "DocumentReference", "Encounter", "ImagingStudy", "Immunization", "MedicationRequest",
    "MedicationStatement", "Observation", "Patient", "Procedure", "ServiceRequest", "Specimen",
)  # fmt: skip
PARAMETERS: Final = {
    "_id": "token", "category": "token", "code": "token", "status": "token", "type": "token",
    "patient": "reference",
}  # fmt: skip


def capability_statement() -> Resource:
    """Return the statement."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "fhirVersion": "5.0.0",
        "format": ["json"],
        "implementation": {"description": "Read-only facade of a custodian's vault"},
        "rest": [
            {
                "mode": "server",
                "security": {
                    "cors": False,
                    "service": [concept(SECURITY, "SMART-on-FHIR")],
                    "description": "A session of the custodian gives the bearer token.",
                },
                "resource": [_resource(kind) for kind in TYPES],
            }
        ],
    }


def _resource(kind: str) -> Json:
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": of} for name, of in PARAMETERS.items()],
    }
