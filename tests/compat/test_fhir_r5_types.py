"""Our exports in R5 have the types of HL7's definitions, by the npm package `@types/fhir`.

The validator `fhir` has the definitions of R4 only. These typings are generated from those of R5:
names, shapes, cardinalities and required codes. TypeScript checks literals strictly: a field that
R5 does not have is an error.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from btt_chain.records import library
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, Resource, read_document
from btt_chain.records.fhir.validation import FhirVersion
from btt_chain.records.keys import VaultKeys
from btt_chain.records.shapes import items, member, objects
from btt_chain.records.vault.index import Anchor
from btt_chain.records.vault.store import with_anchor
from compat.client import HERE
from compat.test_fhir_validator import accesses
from support.records import NOW_MS, filled, grant, new_vault

pytestmark = [pytest.mark.compat, pytest.mark.full]
MODULES = HERE / "node_modules"
TYPES = MODULES / "@types" / "fhir" / "r5"
TSC = MODULES / "typescript" / "lib" / "tsc.js"
EXAMPLES = Path(__file__).resolve().parents[1] / "vectors" / "fhir"
KINDS = ("Consent", "AuditEvent", "Provenance", "Bundle")


def errors(folder: Path, resources: Sequence[Resource]) -> list[str]:
    """Return the complaints of TypeScript about resources as literals of their types."""
    if not TYPES.with_suffix(".d.ts").exists() or not TSC.exists():
        pytest.skip("@types/fhir or typescript is missing, `make compat-setup`: nothing is checked")
    lines = [f'import type * as r5 from "{TYPES}";']
    for number, each in enumerate(resources):
        text = canonical(each).decode()
        lines.append(f"export const one{number}: r5.{each['resourceType']} = {text};")
    source = folder / "resources.ts"
    source.write_text("\n".join(lines))
    done = subprocess.run(
        ["node", str(TSC), "--noEmit", "--strict", "--target", "es2022", "--module",
         "nodenext", str(source)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    """The R5 export of a vault: the bundle, consents, accesses and proofs."""
    with new_vault(tmp_path_factory.mktemp("vault") / "vault") as vault:
        filled(vault)
        reader = VaultKeys.generate()
        for scopes in ("patient/*.rs", "patient/Observation.r?category=laboratory&status=final"):
            library.add_grant(vault, grant(vault.id, reader.id, reader.id, scopes), NOW_MS, scopes)
        accesses(vault, reader, ["Observation/o1", "Observation?category=x", "Patient"])
        anchor = Anchor("ab" * 32, "records", 499_000, 64, 3, ("cd" * 32,) * 6, 3_600_000)
        vault.update([with_anchor(each, anchor) for each in vault.entries()])
        bundle = library.export(vault, FhirVersion.R5, with_salts=True).bundle
    inside = [objects(member(each, "resource")) for each in items(bundle["entry"])]
    # The typings know an entry's resource as any resource: those of our kinds are checked alone.
    alone: Resource = {**bundle, "entry": [{"fullUrl": each} for each in urls_of(bundle)]}
    return [alone, *(each for each in inside if each["resourceType"] in KINDS)]


def urls_of(bundle: Resource) -> list[Json]:
    """Return the addresses of the entries of a bundle."""
    return [member(each, "fullUrl") for each in items(bundle["entry"])]


def test_every_export_in_r5_has_the_types_of_the_definitions(
    exported: list[Resource], tmp_path: Path
) -> None:
    assert {str(each["resourceType"]) for each in exported} == set(KINDS)
    assert errors(tmp_path, exported) == []


def test_documents_have_these_types_and_wrong_ones_have_not(
    exported: list[Resource], tmp_path: Path
) -> None:
    examples = [read_document(path) for path in sorted(EXAMPLES.glob("*.json"))]
    assert {"AuditEvent", "Consent", "Provenance"} <= {each["resourceType"] for each in examples}
    assert errors(tmp_path, examples) == []
    consent = next(each for each in exported if each["resourceType"] == "Consent")
    event = next(each for each in exported if each["resourceType"] == "AuditEvent")
    wrong = [
        {**consent, "status": "yes"},
        {**consent, "policyRule": {"text": "a field of R4"}},
        {**event, "agent": event["source"]},
        {name: value for name, value in event.items() if name != "code"},
    ]
    found = "\n".join(errors(tmp_path, wrong))
    assert all(f"resources.ts({line}," in found for line in range(2, 6)), found
