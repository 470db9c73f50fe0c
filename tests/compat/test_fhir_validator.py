"""The npm package `fhir`, an independent validator, accepts every resource that we export."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from carebundle import PROFILES, generate_bundle, to_json

from btt_chain.primitives.access_promise import CONTEXT, AccessPromise, sign
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.records import library
from btt_chain.records.accesses import Access, LoggedAccess
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Resource, parse, read_document
from btt_chain.records.fhir.bundle import open_document
from btt_chain.records.fhir.validation import FhirVersion, validate
from btt_chain.records.keys import VaultKeys, new_secret
from btt_chain.records.shapes import items, member, objects
from btt_chain.records.vault.index import Anchor
from btt_chain.records.vault.store import Vault, with_anchor
from btt_chain.scale import u32
from compat.client import node_script
from support.records import NOW_MS, filled, grant, new_vault

pytestmark = pytest.mark.compat
PATIENTS = 5
EXAMPLES = Path(__file__).resolve().parents[1] / "vectors" / "fhir" / "r4b"


def examples() -> list[Path]:
    """Our own documents of Consent and Provenance in R4B."""
    return sorted(EXAMPLES.glob("*.json"))


def synthetic(seed: int) -> list[Resource]:
    """The resources of a synthetic patient."""
    profile = sorted(PROFILES)[seed % len(PROFILES)]
    bundle = parse(to_json(generate_bundle(profile=profile, seed=seed)).encode())
    return [record.resource for record in open_document(bundle).records]


def verdicts(resources: Iterable[Resource]) -> list[Resource]:
    """The validator's verdicts, by a process of its own."""
    script = node_script("fhir_validator")
    lines = b"\n".join(canonical(each) for each in resources)
    done = subprocess.run(
        list(script.command), input=lines, capture_output=True, check=False, timeout=120
    )
    if b"Cannot find module 'fhir'" in done.stderr:
        pytest.skip("the package fhir is missing, `make compat-setup`: it did NOT validate")
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def accesses(vault: Vault, reader: VaultKeys, queries: Sequence[str]) -> None:
    """Entries of the log, with and without a consent."""
    for number, query in enumerate(queries):
        request = H256(bytes([number]) * 32)
        handle = "" if number == 0 else "ab" * 32
        access = Access(request, vault.id, reader.id, vault.id, "TREAT", handle, query,
                        ("Observation/o1",) * number, NOW_MS + number)  # fmt: skip
        promise = AccessPromise(
            CONTEXT, H256(bytes(32)), AccountId(bytes(32)), request, request, u32(1)
        )
        signed = sign(promise, new_secret())
        library.store_access(vault, LoggedAccess(access.encode(), new_secret(), signed), query)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Resource:
    """The export of a vault with synthetic patients, our documents, consents, and anchors."""
    with new_vault(tmp_path_factory.mktemp("vault") / "vault") as vault:
        filled(vault)
        library.import_resources(vault, [read_document(each) for each in examples()], NOW_MS)
        for seed in range(PATIENTS):
            library.import_resources(vault, synthetic(seed), NOW_MS, version=FhirVersion.R4B)
        reader = VaultKeys.generate()
        for scopes in ("patient/*.rs", "patient/Observation.r?category=laboratory&status=final"):
            library.add_grant(vault, grant(vault.id, reader.id, reader.id, scopes), NOW_MS, scopes)
        accesses(vault, reader, ["Observation/o1", "Observation?category=x", "Patient"])
        anchor = Anchor("ab" * 32, "records", 499_000, 64, 3, ("cd" * 32,) * 6, 3_600_000)
        vault.update([with_anchor(each, anchor) for each in vault.entries()])
        done = library.export(vault, FhirVersion.R4B, with_salts=True)
        assert done.left_out == []
        return done.bundle


def test_the_validator_accepts_every_export(exported: Resource) -> None:
    resources = [objects(member(each, "resource")) for each in items(exported["entry"])]
    kinds = {str(each["resourceType"]) for each in resources}
    assert {"Patient", "Observation", "Condition", "Consent", "AuditEvent", "Provenance"} <= kinds
    assert all(read_document(each) in resources for each in examples())
    found = verdicts([exported, *resources])
    refused = [
        (each["resourceType"], verdict["errors"])
        for each, verdict in zip([exported, *resources], found, strict=True)
        if not verdict["valid"]
    ]
    assert refused == []


def test_the_validator_refuses_what_is_wrong(exported: Resource) -> None:
    consent = next(
        objects(member(each, "resource")) for each in items(exported["entry"])
        if member(member(each, "resource"), "resourceType") == "Consent"
    )  # fmt: skip
    wrong = [
        {**consent, "status": "yes"},
        {**consent, "decision": "deny"},
        {name: value for name, value in consent.items() if name != "scope"},
    ]
    assert [each["valid"] for each in verdicts(wrong)] == [False] * 3


def test_synthetic_patients_are_valid_in_our_judgement_too() -> None:
    for seed in range(PATIENTS):
        assert {validate(each, FhirVersion.R4B) for each in synthetic(seed)} == {FhirVersion.R4B}


def test_the_validator_is_of_the_locked_version() -> None:
    lock = json.loads((Path(__file__).parent / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/fhir"]["version"] == "4.12.0"
