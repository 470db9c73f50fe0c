"""Bundles of FHIR: what is a record is stored by its name, all else is noted or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from btt_chain.records import library
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import BadDocument
from btt_chain.records.fhir import bundle as bundles
from btt_chain.records.fhir.bundle import open_document
from btt_chain.records.fhir.validation import FhirVersion, validate
from btt_chain.records.shapes import items, objects
from btt_chain.records.vault.store import Vault
from support.records import NOW_MS, new_vault

A, B = (f"urn:uuid:5f0c8a70-3a52-4a50-9a0b-8a7e1f2b000{n}" for n in (1, 2))


def patient(**more: Json) -> Resource:
    return {"resourceType": "Patient", "name": [{"family": "Probe"}], **more}


def observation(**more: Json) -> Resource:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, **more,
    }  # fmt: skip


def bundle(kind: Json, *entries: Json, **more: Json) -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": [*entries], **more}


def entry(resource: Resource, url: str = "", **more: Json) -> Resource:
    return {**({"fullUrl": url} if url else {}), "resource": resource, **more}


def post(resource: Resource, url: str = "") -> Resource:
    request = {"method": "POST", "url": str(resource["resourceType"])}
    return entry(resource, url, request=request)


def stored(vault: Vault, document: Resource) -> tuple[int, int]:
    done = library.import_document(vault, document, NOW_MS)
    return len(done.added), done.unchanged


@pytest.mark.parametrize(
    "id", [{}, {"id": "p1"}, {"id": "5f0c8a70-3a52-4a50-9a0b-8a7e1f2b0001"}], ids=str
)
def test_references_find_their_resources_after_an_export(
    id: dict[str, Json], tmp_path: Path
) -> None:
    given = bundle(
        "transaction", post(patient(**id), A), post(observation(subject={"reference": A}), B)
    )
    with new_vault(tmp_path / "vault") as vault:
        assert stored(vault, given) == (2, 0)
        assert stored(vault, given) == (0, 2)
        out = library.export(vault).bundle
        exported = {str(objects(each)["fullUrl"]) for each in items(out["entry"])}
        assert exported == {A, B}
        # What this program exports, it reads again.
        assert stored(vault, out) == (0, 2)


def test_one_id_on_two_servers_is_of_two_records_and_on_one_of_one(tmp_path: Path) -> None:
    one, other = (f"https://{name}.example/fhir/Patient/1" for name in ("a", "b"))
    with new_vault(tmp_path / "vault") as vault:
        both = bundle(
            "collection", entry(patient(id="1"), one), entry(patient(id="1", gender="male"), other)
        )
        assert stored(vault, both) == (2, 0)
        assert stored(vault, both) == (0, 2)
        changed = patient(id="1", gender="female")
        assert stored(vault, bundle("collection", entry(changed, other))) == (1, 0)
        assert {each.version for each in vault.entries()} == {1, 2}


def test_a_record_without_a_url_is_that_of_a_bundle_by_its_id(tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        assert stored(vault, patient(id="1")) == (1, 0)
        url = "https://a.example/Patient/1"
        assert stored(vault, bundle("searchset", entry(patient(id="1"), url))) == (0, 1)
        assert stored(vault, patient(id="1", gender="male")) == (1, 0)


def test_resources_without_any_name_are_each_a_record(tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        assert stored(vault, bundle("collection", entry(observation()), entry(patient()))) == (2, 0)


OUTCOME: Resource = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
NOTED = {
    "an outcome of a search": (
        bundle("searchset", entry(observation(), search={"mode": "match"}),
               entry(OUTCOME, search={"mode": "outcome"})), "OperationOutcome is a server's"),
    "a next page": (
        bundle("searchset", entry(observation()), link=[{"relation": "next", "url": "x"}]),
        "next page"),
    "a total": (bundle("searchset", entry(observation()), total=500), "1 of 500"),
    "a signature": (bundle("collection", entry(observation()), signature={}), "signature"),
    "an answer without a record": (
        bundle("transaction-response", entry(observation()),
               {"response": {"status": "201 Created"}}), "only the answer '201 Created'"),
    "an outcome beside a record": (
        bundle("batch-response", entry(observation(), response={"status": "200", "outcome": {}})),
        "outcome of a server"),
    "a query": (
        bundle("batch", entry(observation()), {"request": {"method": "GET", "url": "Patient"}}),
        "no resource"),
    "parameters": (
        bundle("collection", entry(observation()), entry({"resourceType": "Parameters"})),
        "Parameters is a server's answer"),
    "a status of a subscription": (
        bundle("subscription-notification", entry({"resourceType": "SubscriptionStatus"}),
               entry(observation())), "SubscriptionStatus"),
    "one record twice": (
        bundle("collection", entry(observation(id="o")), entry(observation(id="o"))), "twice"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "words"), NOTED.values(), ids=NOTED)
def test_what_is_no_record_is_noted(given: Resource, words: str) -> None:
    opened = open_document(given)
    assert [each.resource["resourceType"] for each in opened.records] == ["Observation"]
    assert any(words in note for note in opened.notes), opened.notes


INNER = bundle("collection", entry(patient()))
REFUSED = {
    "no type": ({"resourceType": "Bundle", "entry": []}, "Bundle.type"),
    "another type": (bundle("collections"), "Bundle.type"),
    "a type that is not a text": (bundle(["collection"]), "Bundle.type"),
    "a deletion": (bundle("transaction", {"request": {"method": "DELETE", "url": "Patient/1"}}),
                   "DELETE Patient/1"),
    "a patch": (bundle("batch", entry(patient(), request={"method": "PATCH"})), "PATCH"),
    "a request of no method": (bundle("batch", entry(patient(), request={})), "None"),
    "a read with a resource": (bundle("batch", entry(patient(), request={"method": "GET"})), "GET"),
    "a bundle in a bundle": (bundle("collection", entry(INNER)), "Bundle in a Bundle"),
    "a member of the Bundle": (bundle("collection", implicitRules="x"), "Bundle.implicitRules"),
    "a member of an entry": (bundle("collection", {"unheard": patient()}), "unheard: not known"),
    "a modifier": (bundle("collection", entry(patient(), modifierExtension=[])), "modifierExt"),
    "a mode": (bundle("searchset", entry(patient(), search={"mode": "maybe"})), "search.mode"),
    "entries as an object": ({**bundle("collection"), "entry": {}}, "a list is missing"),
    "entries as null": ({**bundle("collection"), "entry": None}, "a list is missing"),
    "an entry as a text": (bundle("collection", "x"), "an object is missing"),
    "a resource as a list": (bundle("collection", {"resource": []}), "an object is missing"),
    "a URL as a number": (bundle("collection", {"fullUrl": 5, "resource": patient()}), "fullUrl"),
    "a URL without a scheme": (bundle("collection", entry(patient(), "Patient/1")), "absolute URL"),
    "a URL of another id": (
        bundle("collection", entry(patient(id="2"), "http://a.example/Patient/1")), "its id"),
    "a document without a composition": (bundle("document", entry(patient())), "Composition"),
    "a message without a header": (bundle("message", entry(patient())), "MessageHeader"),
    "two contents": (
        bundle("collection", entry(patient(id="1")), entry(patient(id="1", gender="male"))),
        "stands 2 times"),
    "an outcome alone": (OUTCOME, "a server's answer"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_change_the_meaning_of_records_is_refused(given: Resource, words: str) -> None:
    with pytest.raises(BadDocument, match=words):
        open_document(given)


@pytest.mark.parametrize("kind", sorted({*bundles.TYPES} - {"document", "message"}))
def test_bundles_of_every_type_are_opened(kind: str) -> None:
    opened = open_document(bundle(kind, entry(patient(), A)))
    assert [each.url for each in opened.records] == [A]
    assert opened.notes == []


def version(number: int, **more: Json) -> Resource:
    return patient(id="1", gender=("male", "female")[number % 2], meta=more)


@pytest.mark.parametrize(
    ("kind", "given", "newest"),
    [
        ("history", [version(3), version(2)], 0),
        ("collection", [version(9, versionId="9"), version(10, versionId="10")], 1),
        ("collection", [version(10, versionId="10"), version(9, versionId="9")], 0),
        ("collection", [version(1, lastUpdated="2026-01-02T00:00:00+09:00"),
                        version(2, lastUpdated="2026-01-01T16:00:00Z")], 1),
        ("history", [version(1, versionId="1"), version(2, versionId="2")], 1),
    ],
)  # fmt: skip
def test_of_versions_the_newest_is_the_record(
    kind: str, given: list[Resource], newest: int
) -> None:
    opened = open_document(bundle(kind, *map(entry, given)))
    assert [each.resource for each in opened.records] == [given[newest]]
    assert opened.notes == ["an older version of a record is not stored"]


WRONG = {
    "a number for a boolean": {"active": 1},
    "null": {"active": None},
    "an empty list": {"name": []},
    "an empty object": {"maritalStatus": {}},
    "an empty text": {"language": ""},
    "null in a list": {"name": [{"given": ["a", None]}]},
    "a boolean for a number": {"multipleBirthInteger": True},
    "a decimal for an integer": {"multipleBirthInteger": 1.0},
    "a number for a time": {"deceasedDateTime": 1_700_000_000},
    "a number in an extension": {"extension": [{"url": "http://x.y", "valueBoolean": 1}]},
    "a contained resource without id": {"contained": [patient()]},
    "two contained ones of an id": {"contained": [patient(id="a"), patient(id="a")]},
    "a contained one in another": {"contained": [patient(id="a", contained=[patient(id="b")])]},
    "a wrong contained one": {"contained": [patient(id="a", active=1)]},
    "a reference to no contained one": {"managingOrganization": {"reference": "#a"}},
}


@pytest.mark.parametrize("more", WRONG.values(), ids=WRONG)
def test_values_of_other_json_types_are_refused(more: dict[str, Json]) -> None:
    with pytest.raises(BadDocument):
        validate(parse(_json(more)))


def _json(more: dict[str, Json]) -> bytes:
    return json.dumps(patient(**more)).encode()


def test_what_fhir_has_of_lists_with_null_and_long_integers_is_valid() -> None:
    pair: Json = {"given": ["a", None], "_given": [None, {"id": "x"}]}
    inner: Json = {"resourceType": "Organization", "id": "a", "name": "x"}
    local: dict[str, Json] = {"managingOrganization": {"reference": "#a"}, "contained": [inner]}
    lists: dict[str, Json] = {"name": [pair]}
    for more in (lists, local):
        assert validate(parse(_json(more))) is FhirVersion.R5
