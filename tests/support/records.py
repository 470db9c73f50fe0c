"""Vaults with synthetic records, for tests: no text of a real person is in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from btt_chain.records import library
from btt_chain.records.documents import Json, Resource
from btt_chain.records.grants import Grant
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.scopes import parse_scopes
from btt_chain.records.vault import store
from btt_chain.records.vault.store import Vault

NOW_MS = 1_798_761_600_000
"""2027-01-01."""
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
SECRET_WORD = "Zyzzyva-Quagmire"
"""A text that stands in records only: no file of a vault may hold it."""


def observation(
    number: int, category: str = "laboratory", value: str = "6.30", **more: Json
) -> dict[str, Json]:
    """An Observation of a patient, with a decimal whose zero counts."""
    found: dict[str, Json] = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORIES, "code": category}]}],
        "code": {"text": f"{SECRET_WORD} {number}",
                 "coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-11-02T08:30:00Z",
        "valueQuantity": {"value": Decimal(value), "unit": "mmol/l"},
    }  # fmt: skip
    return found | more


def patient(number: int = 1) -> dict[str, Json]:
    """A Patient."""
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": [{"family": f"Doe{number}", "given": ["Jo"]}],
        "birthDate": "1980-02-29",
    }


def bundle(*resources: Resource) -> Resource:
    """A collection."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in resources],
    }


def records_of_a_patient(count: int = 6) -> list[Resource]:
    """A patient with observations, half of them of the laboratory."""
    found = [
        observation(number, "laboratory" if number % 2 else "vital-signs")
        for number in range(1, count)
    ]
    return [patient(), *found]


def plausible(seed: int) -> Iterator[Resource]:
    """Endless resources as an attacker who guesses would write them."""
    rng = random.Random(seed)
    while True:
        day = rng.randrange(1, 29)
        when = f"20{rng.randrange(16, 27)}-{rng.randrange(1, 13):02}-{day:02}T08:30:00Z"
        value = f"{rng.randrange(300, 1_200) / 100:.2f}"
        yield observation(rng.randrange(1, 50), value=value, effectiveDateTime=when)


@contextmanager
def new_vault(folder: Path, keys: VaultKeys | None = None) -> Iterator[Vault]:
    """A vault without a password, open."""
    store.create(folder, keys or VaultKeys.generate(), None)
    with Vault.open(folder) as vault:
        yield vault


def filled(vault: Vault, count: int = 6, subject: VaultId | None = None) -> Vault:
    """The vault, with the records of a patient."""
    library.import_resources(vault, records_of_a_patient(count), NOW_MS, subject=subject)
    return vault


def grant(
    patient: VaultId, grantee: VaultId, custodian: VaultId | None = None,
    scopes: str = "patient/Observation.rs?category=laboratory", days: int = 30,
) -> Grant:  # fmt: skip
    """A grant for treatment."""
    return Grant(
        "5b0fd5e4-64d5-4b5e-a5e6-6a1d7b6a0d11", patient, grantee, custodian,
        parse_scopes([scopes]), ("TREAT",), NOW, NOW + timedelta(days=days),
    )  # fmt: skip
