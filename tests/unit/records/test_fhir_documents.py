"""Examples of HL7, own documents and synthetic patients are kept without a change."""

from __future__ import annotations

from pathlib import Path

import pytest
from carebundle import PROFILES, generate_bundle, to_json

from btt_chain.primitives.digest import H256
from btt_chain.records import library
from btt_chain.records.accesses import Access
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Resource, parse, read_document
from btt_chain.records.errors import RecordsError
from btt_chain.records.fhir import bundle, validation
from btt_chain.records.fhir.audit import audit_event_of
from btt_chain.records.fhir.capability import capability_statement
from btt_chain.records.fhir.consent import grant_of
from btt_chain.records.fhir.validation import FhirVersion, validate
from btt_chain.records.grants import BadGrant
from btt_chain.records.keys import VaultKeys
from btt_chain.records.shapes import items, objects
from btt_chain.records.vault.index import Anchor
from btt_chain.records.vault.store import with_anchor
from support.records import NOW_MS, filled, grant, new_vault

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "fhir"
EXAMPLES = sorted(VECTORS.glob("*.json"))
OLDER = sorted((VECTORS / "r4b").glob("*.json"))
CASES = [(path, FhirVersion.R5) for path in EXAMPLES] + [(path, FhirVersion.R4B) for path in OLDER]
names = pytest.mark.parametrize(
    ("path", "version"), CASES, ids=[f"{path.stem}-{version.value}" for path, version in CASES]
)


@names
def test_documents_are_stored_and_exported_as_they_are(
    path: Path, version: FhirVersion, tmp_path: Path
) -> None:
    example = read_document(path)
    assert validate(example, version) is version
    with new_vault(tmp_path / "vault") as vault:
        library.import_resources(vault, [example], NOW_MS)
        assert [each for _, each in library.resources(vault)] == [example]
        done = library.export(vault, version)
        assert done.left_out == []
        assert [objects(each)["resource"] for each in items(done.bundle["entry"])] == [example]


def test_consents_and_proofs_are_read_in_the_version_they_were_written_for() -> None:
    found = {
        (path.parent.name, path.stem): validate(read_document(path)) for path in EXAMPLES + OLDER
    }
    # A Provenance without a reason is the same in both versions, and R5 is read first.
    older = {stem for (folder, stem), version in found.items() if version is FhirVersion.R4B}
    assert older == {
        "consent-one-pharmacy", "consent-smart-app-and-labels", "provenance-letter-checked"
    }  # fmt: skip
    kinds = {str(read_document(path)["resourceType"]) for path in EXAMPLES}
    assert kinds == {"AuditEvent", "Consent", "Observation", "Patient", "Provenance"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("consent-granted-by-daughter", "it has no 'period'"),
        ("consent-all-but-one-stay", "permits by default"),
        ("consent-smart-app-and-labels", "permits by default"),
        ("r4b/consent-one-pharmacy", "permits by default"),
        ("r4b/consent-smart-app-and-labels", "permits by default"),
    ],
)
def test_a_consent_of_no_vault_is_a_record_and_no_grant(name: str, reason: str) -> None:
    with pytest.raises(BadGrant, match=reason):
        grant_of(read_document(VECTORS / f"{name}.json"))


@pytest.mark.parametrize("profile", sorted(PROFILES)[:4])
def test_synthetic_patients_are_stored_byte_for_byte(profile: str, tmp_path: Path) -> None:
    document = parse(to_json(generate_bundle(profile=profile, seed=7)).encode())
    resources = [record.resource for record in bundle.open_document(document).records]
    with new_vault(tmp_path / "vault") as vault:
        done = library.import_resources(vault, resources, NOW_MS)
        assert len(done.added) == len(resources) > 5
        stored = {canonical(each) for _, each in library.resources(vault)}
    assert stored == {canonical(each) for each in resources}


@pytest.mark.parametrize("version", FhirVersion)
def test_every_exported_resource_is_valid(version: FhirVersion, tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        filled(vault)
        wanted = grant(vault.id, VaultKeys.generate().id)
        library.add_grant(vault, wanted, NOW_MS, "consent")
        anchor = Anchor("ab" * 32, "records", 499_000, 64, 3, ("cd" * 32,) * 6, 3_600_000)
        vault.update([with_anchor(each, anchor) for each in vault.entries()])
        done = library.export(vault, version, with_salts=True)
    entries = [objects(objects(each)["resource"]) for each in items(done.bundle["entry"])]
    assert {validate(each, version) for each in (done.bundle, *entries)} == {version}
    provenances = [each for each in entries if each["resourceType"] == "Provenance"]
    assert {each["recorded"] for each in provenances} == {"2026-12-04T17:00:00Z"}


@pytest.mark.parametrize("version", FhirVersion)
@pytest.mark.parametrize("query", ["Observation/o1", "Observation?code=x"])
def test_accesses_are_valid_audit_events(version: FhirVersion, query: str, tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        access = Access(
            H256(bytes(32)), vault.id, vault.id, vault.id, "TREAT", "", query,
            ("Observation/o1",), NOW_MS + 5,
        )  # fmt: skip
    event = audit_event_of(access, "a1", version)
    assert validate(event, version) is version
    assert event["recorded"] == "2027-01-01T00:00:00.005Z"
    assert event["action"] == ("R" if "/" in query else "E")
    assert b"ETREAT" in canonical(event)


def test_the_capability_statement_is_valid() -> None:
    assert validate(capability_statement()) is FhirVersion.R5


def test_a_record_of_r5_alone_is_left_out_of_an_export_in_r4b(tmp_path: Path) -> None:
    event = read_document(next(path for path in EXAMPLES if "auditevent" in path.name))
    with new_vault(tmp_path / "vault") as vault:
        library.import_resources(filled(vault), [event], NOW_MS)
        done = library.export(vault, FhirVersion.R4B)
    assert done.left_out == ["AuditEvent/example-consent-permit-authz"]
    assert len(items(done.bundle["entry"])) == 6


def test_a_bundle_is_bounded_and_has_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    entry: Resource = {"request": {"method": "GET", "url": "x"}}
    batch: Resource = {"resourceType": "Bundle", "type": "batch"}
    assert bundle.open_document({**batch, "entry": [entry]}).records == []
    monkeypatch.setattr(bundle, "MAX_ENTRIES", 1)
    with pytest.raises(RecordsError, match="1 are the most"):
        bundle.open_document({**batch, "entry": [entry, entry]})


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(validation, "import_module", missing)
    with pytest.raises(RecordsError, match=r"the extra `records`: pip install .*\[records\]"):
        validate({"resourceType": "Patient"})


def test_one_module_imports_the_packages_of_fhir() -> None:
    found = {
        str(path.relative_to(ROOT)) for folder in ("btt_chain", "cli", "runtime")
        for path in (ROOT / folder).rglob("*.py")
        if any(word in path.read_text() for word in ("fhir.resources", "import pydantic"))
    }  # fmt: skip
    assert found == {"btt_chain/records/fhir/validation.py"}
