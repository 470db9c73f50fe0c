"""Grants as FHIR Consent and back.

| grant | Consent R5 | Consent R4B |
|---|---|---|
| patient | subject, grantor | patient, performer |
| grantee | grantee; provision.actor (IRCP) | provision.actor (IRCP) |
| custodian | controller | organization |
| since, until | period; provision.period | dateTime; provision.period |
| purposes | provision.purpose | provision.purpose |
| each scope | provision: action, resourceType, expression | provision: action, class, extension |

All is denied but what a provision permits: `decision` is deny in R5, and the policy rule OPTOUT in
R4B. A vault is an identifier with the system `urn:btt:vault`; a Consent names no patient otherwise.
"""

from __future__ import annotations

from typing import Final

from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import BadDocument, VaultError
from btt_chain.records.fhir.validation import FhirVersion
from btt_chain.records.grants import BadGrant, Grant, instant, instant_text
from btt_chain.records.keys import VaultId
from btt_chain.records.scopes import ANY, BadScope, Scope, parse_scopes
from btt_chain.records.shapes import items, objects

VAULT: Final = "urn:btt:vault"
SCOPE_URL: Final = "urn:btt:fhir:smart-scope"
SCOPE_LANGUAGE: Final = "application/x-smart-scope"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ACTION: Final = "http://terminology.hl7.org/CodeSystem/consentaction"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
TYPES: Final = "http://hl7.org/fhir/fhir-types"
RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"
CATEGORY: Final = {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}
"""LOINC: patient consent."""


def consent_of(grant: Grant, version: FhirVersion = FhirVersion.R5) -> Resource:
    """Return the Consent of a grant."""
    return _r5(grant) if version is FhirVersion.R5 else _r4b(grant)


def grant_of(consent: Resource) -> Grant:
    """Return the grant of a Consent in R5 that this program wrote. Raises BadGrant."""
    try:
        if consent.get("resourceType") != "Consent" or consent.get("status") != "active":
            raise BadGrant("the consent is not an active FHIR Consent")
        if consent.get("decision") != "deny":
            raise BadGrant("the consent permits by default: only listed provisions may permit")
        provisions = [objects(each) for each in items(consent["provision"])]
        period = objects(consent["period"])
        controllers = items(consent.get("controller", []))
        found = Grant(
            id=str(consent["id"]),
            patient=vault_of(consent["subject"]),
            grantee=vault_of(items(consent["grantee"])[0]),
            custodian=vault_of(controllers[0]) if controllers else None,
            scopes=parse_scopes(
                str(objects(each["expression"])["expression"]) for each in provisions
            ),
            purposes=tuple(str(objects(each)["code"]) for each in items(provisions[0]["purpose"])),
            since=instant(str(period["start"])),
            until=instant(str(period["end"])),
        )
    except KeyError as error:
        raise BadGrant(f"not the consent of a vault: it has no {error}") from None
    except (IndexError, BadDocument, VaultError, BadScope) as error:
        raise BadGrant(f"not the consent of a vault: {error}") from None
    found.check()
    if consent_of(found) != consent:
        raise BadGrant("the consent says more than its provisions: it is not read in part")
    return found


def vault_reference(vault: VaultId) -> Resource:
    """Return the reference to a vault."""
    return {"identifier": {"system": VAULT, "value": str(vault)}}


def vault_of(reference: Json) -> VaultId:
    """Return the vault of a reference. Raises KeyError, VaultError, BadGrant."""
    identifier = objects(objects(reference)["identifier"])
    if identifier["system"] != VAULT:
        raise BadGrant(f"the identifier has the system {identifier['system']!r}, not {VAULT}")
    return VaultId.parse(str(identifier["value"]))


def concept(system: str, code: str) -> Resource:
    """Return a CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


# ---- R5


def _r5(grant: Grant) -> Resource:
    start = instant_text(grant.since)
    period: Resource = {"start": start, "end": instant_text(grant.until)}
    found: dict[str, Json] = {
        "resourceType": "Consent",
        "id": grant.id,
        "status": "active",
        "category": [CATEGORY],
        "subject": vault_reference(grant.patient),
        "date": start[:10],
        "period": period,
        "grantor": [vault_reference(grant.patient)],
        "grantee": [vault_reference(grant.grantee)],
        "decision": "deny",
        "provision": [_provision_r5(grant, scope, period) for scope in grant.scopes],
    }
    if grant.custodian is not None:
        found["controller"] = [vault_reference(grant.custodian)]
    return found


def _provision_r5(grant: Grant, scope: Scope, period: Resource) -> Resource:
    found = _provision(grant, period)
    found["expression"] = {"language": SCOPE_LANGUAGE, "expression": str(scope)}
    if scope.kind != ANY:
        found["resourceType"] = [{"system": TYPES, "code": scope.kind}]
    return found


# ---- R4B


def _r4b(grant: Grant) -> Resource:
    start = instant_text(grant.since)
    period: Resource = {"start": start, "end": instant_text(grant.until)}
    found: dict[str, Json] = {
        "resourceType": "Consent",
        "id": grant.id,
        "status": "active",
        "scope": concept(CONSENT_SCOPE, "patient-privacy"),
        "category": [CATEGORY],
        "patient": vault_reference(grant.patient),
        "dateTime": start,
        "performer": [vault_reference(grant.patient)],
        "policyRule": concept(ACT_CODE, "OPTOUT"),
        "provision": {
            "type": "deny",
            "period": period,
            "provision": [_provision_r4b(grant, scope, period) for scope in grant.scopes],
        },
    }
    if grant.custodian is not None:
        found["organization"] = [vault_reference(grant.custodian)]
    return found


def _provision_r4b(grant: Grant, scope: Scope, period: Resource) -> Resource:
    found = _provision(grant, period)
    found["type"] = "permit"
    found["extension"] = [{"url": SCOPE_URL, "valueString": str(scope)}]
    if scope.kind != ANY:
        found["class"] = [{"system": RESOURCE_TYPES, "code": scope.kind}]
    return found


def _provision(grant: Grant, period: Resource) -> dict[str, Json]:
    return {
        "period": period,
        "actor": [
            {
                "role": concept(PARTICIPATION, "IRCP"),
                "reference": vault_reference(grant.grantee),
            }
        ],
        "action": [concept(ACTION, "access")],
        "purpose": [{"system": ACT_REASON, "code": purpose} for purpose in grant.purposes],
    }
