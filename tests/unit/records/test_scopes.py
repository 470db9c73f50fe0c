"""Scopes of SMART on FHIR v2: reading only, restricted by tokens."""

from __future__ import annotations

import pytest

from btt_chain.records.documents import Resource
from btt_chain.records.scopes import BadScope, Scope, covered, has_token, parse_scopes
from support.records import CATEGORIES, observation, patient

LABORATORY = observation(1)
VITAL = observation(2, "vital-signs")


@pytest.mark.parametrize(
    "text",
    [
        "patient/Observation.rs",
        "patient/*.r",
        "patient/Observation.s?category=laboratory",
        f"patient/Observation.rs?category={CATEGORIES}|laboratory&status=final",
        "user/Condition.rs",
    ],
)
def test_a_scope_is_written_as_it_was_read(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient/Observation.cruds", "only .r, .s and .rs"),
        ("patient/Observation.u", "only .r, .s and .rs"),
        ("patient/Observation.sr", "not a scope such as"),
        ("patient/Observation.read", "not a scope such as"),
        ("patient/Observation.", "not a scope such as"),
        ("patient/observation.rs", "not a scope such as"),
        ("patient/Observation.rs?name=x", "not one of category"),
        ("patient/Observation.rs?category", "malformed"),
        ("patient/Observation.rs?category=", "malformed|not one of"),
        ("openid", "not a scope such as"),
        ("x" * 600, "not a scope such as"),
    ],
)
def test_other_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadScope, match=words):
        Scope.parse(text)


def test_a_scope_covers_the_resources_with_its_tokens() -> None:
    scopes = parse_scopes(["patient/Observation.r?category=laboratory patient/Patient.rs"])
    assert covered(scopes, LABORATORY, "r")
    assert not covered(scopes, LABORATORY, "s")
    assert not covered(scopes, VITAL, "r")
    assert covered(scopes, patient(), "s")
    assert not covered(scopes, {"resourceType": "Condition"}, "r")


def test_a_token_may_name_its_system() -> None:
    assert has_token(LABORATORY, "category", f"{CATEGORIES}|laboratory")
    assert has_token(LABORATORY, "code", "http://loinc.org|")
    assert not has_token(LABORATORY, "category", "http://other|laboratory")
    assert not has_token(LABORATORY, "category", "|laboratory")
    secret: Resource = {"resourceType": "Observation", "meta": {"security": [{"code": "R"}]}}
    assert has_token(secret, "_security", "R")
    assert not has_token(LABORATORY, "_security", "R")


def test_a_grant_has_a_bounded_number_of_scopes() -> None:
    with pytest.raises(BadScope, match="between 1 and 32"):
        parse_scopes([])
    with pytest.raises(BadScope, match="between 1 and 32"):
        parse_scopes(["patient/*.r"] * 33)
