"""Anchors as FHIR Provenance: that a version of a resource existed, and under which root.

    target      the resource
    activity    "preserve": the record was committed to
    agent       the custodian's account
    signature   data: canonical JSON of the proof { leaf, salt?, epoch, kind, leaves, index, path }
                sigFormat application/json, type 1.2.840.10065.1.12.1.17 (timestamp signature)

The proof is not a signature of a key: it leads from the leaf to a root on the chain, which is what
gives the time. The salt is part of it only in the owner's own export: with it the leaf can be
computed from the resource.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Final

from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource
from btt_chain.records.fhir.consent import concept
from btt_chain.records.fhir.validation import FhirVersion
from btt_chain.records.vault.index import Anchor, Entry

ACCOUNT: Final = "urn:btt:account"
LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
PROVENANCE_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
SIGNATURE_TYPE: Final = "urn:iso-astm:E1762-95:2013"
TIMESTAMP: Final = "1.2.840.10065.1.12.1.17"


def provenance_of(
    entry: Entry, anchor: Anchor, salt: bytes | None, version: FhirVersion = FhirVersion.R5
) -> Resource:
    """Return the Provenance of an entry under an anchor."""
    end = datetime.fromtimestamp((anchor.epoch + 1) * anchor.hour_ms // 1_000, UTC)
    when = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    custodian: Resource = {"identifier": {"system": ACCOUNT, "value": anchor.custodian}}
    signature: dict[str, Json] = {
        "type": [{"system": SIGNATURE_TYPE, "code": TIMESTAMP}],
        "when": when,
        "who": custodian,
        "sigFormat": "application/json",
        "data": base64.b64encode(canonical(_proof(entry, anchor, salt))).decode(),
    }
    found: dict[str, Json] = {
        "resourceType": "Provenance",
        "id": f"{entry.id}-{anchor.epoch}",
        "target": [{"reference": f"{entry.type}/{entry.logical or entry.id}"}],
        "recorded": when,
        "activity": concept(LIFECYCLE, "preserve"),
        "agent": [{"type": concept(PROVENANCE_AGENT, "custodian"), "who": custodian}],
        "signature": [signature],
    }
    if version is FhirVersion.R4B:
        signature["targetFormat"] = "application/fhir+json"
    return found


def _proof(entry: Entry, anchor: Anchor, salt: bytes | None) -> Resource:
    found: dict[str, Json] = {
        "type": "btt-anchor-1",
        "leaf": entry.leaf,
        "version": entry.version,
        "custodian": anchor.custodian,
        "kind": anchor.kind,
        "epoch": anchor.epoch,
        "leaves": anchor.leaves,
        "index": anchor.index,
        "path": list(anchor.path),
    }
    if salt is not None:
        found["salt"] = salt.hex()
    return found
