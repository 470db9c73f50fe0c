"""Grants: bounded, signed, and the same as FHIR Consent in both directions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.record_leaves import consent_handle
from btt_chain.records import library
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Json, parse
from btt_chain.records.errors import VaultError
from btt_chain.records.fhir.consent import consent_of, grant_of
from btt_chain.records.fhir.validation import FhirVersion, validate
from btt_chain.records.grants import PURPOSES, BadGrant, Grant, instant
from btt_chain.records.keys import VaultKeys, new_secret
from btt_chain.records.scopes import Scope
from btt_chain.records.signed_grants import SignedGrant, sign_grant
from support.records import NOW, NOW_MS, grant, new_vault, observation

PATIENT, GRANTEE, CUSTODIAN = (VaultKeys(bytes((i * 37 + j * j * 11 + 5) % 251 for j in range(32)))
                               for i in range(3))  # fmt: skip
GRANT = grant(PATIENT.id, GRANTEE.id, CUSTODIAN.id)
SCOPES = st.lists(
    st.builds(
        Scope,
        st.sampled_from(["Observation", "Condition", "*"]),
        st.sampled_from(["r", "s", "rs"]),
        st.lists(st.tuples(st.sampled_from(["category", "code"]),
                           st.text("abcxyz0-9/|:&=? %#é", min_size=1, max_size=12)),
                 max_size=2).map(tuple),
    ), min_size=1, max_size=3,
).map(tuple)  # fmt: skip


@given(
    SCOPES,
    st.lists(st.sampled_from(sorted(PURPOSES)), min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(), st.integers(0, 10**8), st.integers(1, 10**8),
)  # fmt: skip
def test_a_grant_and_its_consent_say_the_same(
    scopes: tuple[Scope, ...], purposes: tuple[str, ...], has_custodian: bool, begin: int,
    seconds: int,
) -> None:  # fmt: skip
    since = NOW + timedelta(seconds=begin)
    found = replace(
        GRANT, scopes=scopes, purposes=purposes, since=since,
        custodian=CUSTODIAN.id if has_custodian else None, until=since + timedelta(seconds=seconds),
    )  # fmt: skip
    assert grant_of(consent_of(found)) == found


def test_consents_are_valid_fhir_in_both_versions() -> None:
    for each in (GRANT, replace(GRANT, custodian=None)):
        assert validate(consent_of(each), FhirVersion.R5) is FhirVersion.R5
        assert validate(consent_of(each, FhirVersion.R4B), FhirVersion.R4B) is FhirVersion.R4B


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decision": "permit"}, "permits by default"),
        ({"status": "inactive"}, "not an active"),
        ({"resourceType": "Contract"}, "not an active"),
        ({"provision": []}, "not the consent of a vault|out of range"),
        ({"subject": {"reference": "Patient/1"}}, "identifier"),
        ({"text": {"status": "generated", "div": "<div>and all else</div>"}}, "says more"),
        ({"grantee": [{"identifier": {"system": "urn:x", "value": "y"}}]}, "not urn:btt:vault"),
        ({"period": {"start": "2027-01-01T00:00:00Z", "end": "2040-01-01T00:00:00Z"}},
         "five years"),
        ({"period": {"start": "2027-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}},
         "before it begins"),
    ],
)  # fmt: skip
def test_a_consent_that_differs_from_its_provisions_is_refused(
    change: dict[str, Json], words: str
) -> None:
    changed = dict(parse(sign_grant(GRANT, PATIENT)[0].consent)) | change
    with pytest.raises(BadGrant, match=words):
        grant_of(changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (replace(GRANT, until=NOW + timedelta(days=5 * 365 + 1)), "five years"),
        (replace(GRANT, until=NOW), "before it begins"),
        (replace(GRANT, purposes=()), "a scope and a purpose"),
        (replace(GRANT, purposes=("ETREAT",)), "'ETREAT' is not one of"),
        (replace(GRANT, grantee=PATIENT.id), "needs no grant"),
        (replace(GRANT, patient=GRANTEE.id, grantee=PATIENT.id), "only the patient"),
    ],
)
def test_a_grant_that_cannot_be_is_not_signed(changed: Grant, words: str) -> None:
    with pytest.raises(BadGrant, match=words):
        sign_grant(changed, PATIENT)


def test_a_signed_grant_is_read_back_and_bound_to_its_bytes() -> None:
    signed, secret = sign_grant(GRANT, PATIENT)
    assert signed.handle == consent_handle(secret)
    assert SignedGrant.from_document(parse(canonical(signed.document()))) == signed
    assert signed.grant() == GRANT
    other = replace(signed, consent=canonical(consent_of(replace(GRANT, id="x"))))
    for changed in (other, replace(signed, salt=new_secret()),
                    replace(signed, handle=consent_handle(new_secret())),
                    replace(signed, signature=bytes(64))):  # fmt: skip
        with pytest.raises(BadGrant, match="not signed by its patient"):
            changed.grant()


def test_a_secret_of_low_entropy_signs_no_grant() -> None:
    for secret in (bytes(32), b"my dog is called Rex. It is 2027"):
        with pytest.raises(VaultError, match="can be guessed"):
            sign_grant(GRANT, PATIENT, secret)


@pytest.mark.parametrize(
    ("reader", "custodian", "purpose", "after", "reason"),
    [
        (GRANTEE, CUSTODIAN, "TREAT", timedelta(0), None),
        (GRANTEE, CUSTODIAN, "TREAT", timedelta(days=30), "has ended"),
        (GRANTEE, CUSTODIAN, "TREAT", timedelta(minutes=-3), "not begun"),
        (GRANTEE, CUSTODIAN, "HRESCH", timedelta(0), "not for the purpose"),
        (CUSTODIAN, CUSTODIAN, "TREAT", timedelta(0), "another reader"),
        (GRANTEE, GRANTEE, "TREAT", timedelta(0), "another custodian"),
    ],
)
def test_a_grant_is_for_one_reader_custodian_purpose_and_time(
    reader: VaultKeys, custodian: VaultKeys, purpose: str, after: timedelta, reason: str | None
) -> None:
    found = GRANT.refusal(reader.id, custodian.id, purpose, NOW + after)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_a_grant_covers_its_scopes() -> None:
    assert GRANT.covers(observation(1), "r")
    assert not GRANT.covers(observation(2, "vital-signs"), "r")


def test_a_date_means_its_end() -> None:
    assert instant("2027-01-01") == NOW + timedelta(days=1)
    assert instant("2027-01-01T00:00:00Z") == NOW
    assert instant("2027-01-01T01:00:00+01:00") == NOW
    with pytest.raises(BadGrant, match="not a date"):
        instant("tomorrow")


def test_a_vault_keeps_a_grant_with_its_secret(tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        wanted: Grant = replace(GRANT, patient=vault.id)
        entry, signed = library.add_grant(vault, wanted, NOW_MS, "Dr. Who")
        found, secret = library.read_grant(vault, entry)
        assert found == signed
        assert secret is not None
        assert consent_handle(secret) == signed.handle
        assert library.store_grant(vault, signed, NOW_MS, "again") == entry
