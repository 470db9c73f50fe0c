"""A custodian over HTTP: deposits, accesses, promises, the facade, revocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from fhirclient.models.bundle import Bundle
from fhirclient.models.capabilitystatement import CapabilityStatement
from fhirclient.server import FHIRPermissionDeniedException, FHIRServer, FHIRUnauthorizedException
from requests import HTTPError

from btt_chain.primitives.access_promise import AccessPromise, is_signed, sign
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.evidence_tree import EvidenceTree
from btt_chain.records import library
from btt_chain.records.accesses import LoggedAccess, Status, status_of
from btt_chain.records.canonical import canonical
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.custodian.machine import MAX_AGE_MS, REVOKED, STALE
from btt_chain.records.custodian.service import (
    EMERGENCY_READERS,
    MAX_QUESTION,
    UPLOAD_MS,
)
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import AccessDenied, VaultError
from btt_chain.records.keys import VaultKeys
from btt_chain.records.messages import WINDOW_MS, BadMessage, receive, send
from btt_chain.records.remote import (
    anchor_of,
    check_log,
    ensure_promised,
    is_anchored,
    promise_problem,
)
from btt_chain.records.searching import BadSearch, Search
from btt_chain.records.server import LIMITS
from btt_chain.records.shapes import items, member, objects
from btt_chain.records.signed_grants import SignedGrant, sign_grant
from btt_chain.scale import u32
from btt_chain.store import StoreError
from support.records import NOW_MS, grant, records_of_a_patient
from support.records_chain import GENESIS, HOUR_MS
from support.records_custodian import Hospital, a_hospital, ask, restarted


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    async with a_hospital(tmp_path) as found:
        client = await found.client(found.patient)
        await client.ask("deposit", {"resources": records_of_a_patient()})
        yield found


async def test_a_deposit_is_kept_for_its_patient_and_anchored(hospital: Hospital) -> None:
    assert {each.subject for each in hospital.vault.entries()} == {str(hospital.patient.id)}
    client = await hospital.client(hospital.patient)
    again = await client.ask("deposit", {"resources": records_of_a_patient()})
    assert (again["added"], again["unchanged"]) == (0, 6)
    leaf = hospital.vault.entry("o1").leaf
    asked: Resource = {"leaves": [{"kind": "records", "leaf": leaf}]}
    assert items((await client.ask("anchors", asked))["anchors"]) == [None]
    await hospital.advance()
    assert {each.kind for each in hospital.chain.roots} == set(Kind)
    anchor = anchor_of(items((await client.ask("anchors", asked))["anchors"])[0])
    assert anchor is not None
    assert await is_anchored(hospital.chain, bytes.fromhex(leaf), anchor)
    assert not await is_anchored(hospital.chain, bytes(32), anchor)
    assert not await is_anchored(hospital.chain, bytes.fromhex(leaf), replace(anchor, leaves=128))


async def test_a_tree_is_built_once_for_all_leaves_of_an_answer(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.advance()
    built: list[Batch] = []
    tree = Ledger.tree

    def counted(self: Ledger, batch: Batch) -> EvidenceTree | None:
        built.append(batch)
        return tree(self, batch)

    monkeypatch.setattr(Ledger, "tree", counted)
    leaves: list[Json] = [
        {"kind": "records", "leaf": each.leaf} for each in hospital.vault.entries(library.RECORD)
    ]
    unknown: Json = {"kind": "records", "leaf": "00" * 32}
    client = await hospital.client(hospital.patient)
    found = items((await client.ask("anchors", {"leaves": [unknown, *leaves]}))["anchors"])
    assert [each is None for each in found] == [True, *(False for _ in leaves)]
    assert len(leaves) > 1
    assert len(built) == 1


async def test_a_vault_that_is_not_admitted_deposits_nothing(hospital: Hospital) -> None:
    client = await hospital.client(hospital.reader)
    with pytest.raises(AccessDenied, match="does not belong to a patient"):
        await client.ask("deposit", {"resources": records_of_a_patient()})


async def test_a_patient_announces_a_large_message_and_no_other_vault_can(
    hospital: Hospital,
) -> None:
    note = {
        **records_of_a_patient()[0],
        "id": "large",
        "address": [{"text": "x" * 2 * MAX_QUESTION}],
    }
    large: Resource = {"resources": [note]}
    patient = await hospital.client(hospital.patient)
    assert (await patient.ask("deposit", large))["added"] == 1
    other = await hospital.client(hospital.reader)
    with pytest.raises(AccessDenied, match="does not belong to a patient"):
        await other.ask("deposit", large)
    token = str((await patient.ask("upload", {}))["token"])
    hospital.chain.now_ms += UPLOAD_MS + 1
    assert not hospital.custodian.begin_upload(token)
    token = str((await patient.ask("upload", {}))["token"])
    sealed, _ = send(hospital.reader, hospital.vault.id, GENESIS, "log", large, hospital.now_ms())
    async with aiohttp.ClientSession() as client:
        for header, status, reason in (
            ({}, 413, "at most 1048576 bytes"),
            ({"Authorization": f"Upload {token}"}, 400, "of this sender has at most"),
            ({"Authorization": f"Upload {token}"}, 401, "no upload is open"),
        ):
            post = client.post(hospital.url + "/vault", data=BytesIO(sealed), headers=header)
            async with post as answer:
                assert (answer.status, reason in await answer.text()) == (status, True)


async def test_a_reader_gets_what_the_consent_covers_with_a_promise(hospital: Hospital) -> None:
    reader = await hospital.client(hospital.reader)
    found = await reader.ask("access", ask(hospital.grant()))
    names = [objects(each)["id"] for each in items(found["resources"])]
    assert names == ["o1", "o3", "o5"]
    logged = LoggedAccess.from_document(found["access"])
    assert logged.is_promised(hospital.custodian.promise_key, GENESIS)
    assert is_signed(logged.promise, reader.facts.promise_key)
    assert logged.access.records == ("Observation/o1", "Observation/o3", "Observation/o5")
    assert b'"value":6.30' in canonical(items(found["resources"])[0])


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("Observation/o1", 1),
        ("Observation/o2", 0),
        ("Observation?category=vital-signs", 0),
        ("Observation?_count=2", 2),
        ("Observation?_count=2&_offset=2", 1),
        ("Observation?patient=p1", 3),
        ("Observation?patient=Patient/p2", 0),
        ("Patient", 0),
    ],
)
async def test_a_search_finds_within_the_consent(
    hospital: Hospital, query: str, count: int
) -> None:
    reader = await hospital.client(hospital.reader)
    found = await reader.ask("access", ask(hospital.grant(), query))
    assert len(items(found["resources"])) == count


async def test_a_consent_is_for_its_reader_purpose_and_time(hospital: Hospital) -> None:
    reader = await hospital.client(hospital.reader)
    other = await hospital.client(VaultKeys.generate())
    signed = hospital.grant()
    for client, asked, words in (
        (other, ask(signed), "another reader"),
        (reader, ask(signed, purpose="HRESCH"), "not for the purpose"),
        (reader, ask(signed, "observation"), "not a search"),
        (reader, ask(replace(signed, signature=bytes(64))), "not signed by its patient"),
        (reader, {"purpose": "TREAT", "query": "Observation"}, "grant is missing"),
        (reader, ask(signed, purpose="ETREAT"), "may not read in an emergency"),
    ):
        with pytest.raises(AccessDenied, match=words):
            await client.ask("access", asked)
    hospital.chain.now_ms += 40 * 24 * HOUR_MS
    with pytest.raises(AccessDenied, match="has ended"):
        await reader.ask("access", ask(signed))


async def test_a_published_secret_ends_access_at_once(hospital: Hospital) -> None:
    reader = await hospital.client(hospital.reader)
    signed = hospital.grant()
    await reader.ask("access", ask(signed))
    # The block is neither final nor seen by the custodian's last poll.
    fork = hospital.chain.best
    hospital.chain.extend(signed.handle)
    with pytest.raises(AccessDenied, match=REVOKED):
        await reader.ask("access", ask(signed))
    # Its block is reverted: the secret is public for ever.
    hospital.chain.extend(on=fork)
    hospital.chain.extend()
    with pytest.raises(AccessDenied, match=REVOKED):
        await reader.ask("access", ask(signed))


async def test_a_stale_or_silent_node_serves_nothing(hospital: Hospital) -> None:
    reader = await hospital.client(hospital.reader)
    signed = hospital.grant()
    hospital.chain.now_ms += MAX_AGE_MS + 1
    with pytest.raises(AccessDenied, match=STALE):
        await reader.ask("access", ask(signed))
    await hospital.block()
    hospital.chain.is_down = True
    with pytest.raises(AccessDenied, match=STALE):
        await reader.ask("access", ask(signed))


async def test_an_emergency_is_served_without_consent_marked_and_logged(
    hospital: Hospital,
) -> None:
    hospital.vault.index.facts[EMERGENCY_READERS] = str(hospital.reader.id)
    reader = await hospital.client(hospital.reader)
    hospital.chain.is_down = True
    found = await reader.ask("access", {
        "purpose": "ETREAT", "query": "Observation", "patient": str(hospital.patient.id),
    })  # fmt: skip
    assert len(items(found["resources"])) == 5
    hospital.chain.is_down = False
    patient = await hospital.client(hospital.patient)
    rows = await check_log(
        hospital.chain, patient.facts, items((await patient.ask("log", {}))["entries"]), []
    )
    assert [(row.access.purpose, row.access.is_emergency) for row in rows] == [("ETREAT", True)]


async def test_the_patients_log_has_all_accesses_and_finds_omissions(hospital: Hospital) -> None:
    reader, patient = (
        await hospital.client(hospital.reader),
        await hospital.client(hospital.patient),
    )
    signed = hospital.grant()
    copies = []
    for query in ("Observation", "Observation/o1"):
        answer = await reader.ask("access", ask(signed, query))
        copies.append(LoggedAccess.from_document(answer["access"]))
    entries = items((await patient.ask("log", {}))["entries"])
    rows = await check_log(hospital.chain, patient.facts, entries, copies)
    assert [(row.status, row.in_custodians_log, row.in_readers_log) for row in rows] == [
        (Status.PENDING, True, True)
    ] * 2
    await hospital.advance()
    entries = items((await patient.ask("log", {}))["entries"])
    rows = await check_log(hospital.chain, patient.facts, entries, copies)
    assert [row.status for row in rows] == [Status.ANCHORED] * 2
    # The custodian hides one from the patient, and has another root: the reader's copy shows it.
    hospital.chain.roots = {
        each: replace(root, root=bytes(32)) for each, root in hospital.chain.roots.items()
    }
    await hospital.advance(4)
    rows = await check_log(hospital.chain, patient.facts, entries[:1], copies)
    assert [(row.status, row.in_custodians_log) for row in rows] == [
        (Status.OMITTED, True), (Status.OMITTED, False),
    ]  # fmt: skip
    hospital.chain.key = bytes(32)
    rows = await check_log(hospital.chain, patient.facts, entries, [])
    assert {row.status for row in rows} == {Status.UNPROMISED}
    # No other vault sees the log.
    other = await hospital.client(VaultKeys.generate())
    assert items((await other.ask("log", {}))["entries"]) == []


async def test_promises_that_cannot_be_demanded_are_refused(hospital: Hospital) -> None:
    reader, patient = (
        await hospital.client(hospital.reader),
        await hospital.client(hospital.patient),
    )
    answer = await reader.ask("access", ask(hospital.grant()))
    logged = LoggedAccess.from_document(answer["access"])
    request, who, given = logged.access.request, hospital.reader.id, logged.promise.promise
    ensure_promised(logged, reader.facts, request, who)
    assert await promise_problem(hospital.chain, logged) is None

    def promised(wrong: AccessPromise) -> LoggedAccess:
        return replace(logged, promise=sign(wrong, hospital.vault.keys.promise_seed))

    # Of another account, to another request, or about another reader.
    for each, of, by in (
        (promised(replace(given, custodian=AccountId(bytes(32)))), request, who),
        (logged, bytes(32), who),
        (logged, request, hospital.patient.id),
    ):
        with pytest.raises(AccessDenied, match="report it"):
            ensure_promised(each, reader.facts, of, by)
    # For an epoch that is far away: the chain takes no demand before it, and the log says so.
    late = promised(replace(given, epoch=u32(2**31)))
    ensure_promised(late, reader.facts, request, who)
    assert "later epoch" in str(await promise_problem(hospital.chain, late))
    (row,) = await check_log(hospital.chain, patient.facts, [], [late])
    assert row.status is Status.UNPROMISED
    hospital.chain.leaves = True
    assert "leaves" in str(await promise_problem(hospital.chain, logged))
    hospital.chain.key = bytes(32)
    assert "not registered" in str(await promise_problem(hospital.chain, logged))


@pytest.mark.parametrize(
    ("epoch", "status"),
    [
        (10, Status.PENDING), (13, Status.PENDING), (14, Status.OMITTED), (730, Status.OMITTED),
        (731, Status.PRUNED), (8, Status.UNPROMISED),
    ],
)  # fmt: skip
def test_an_entry_without_its_root_is_pending_omitted_or_too_old_to_say(
    epoch: int, status: Status
) -> None:
    found = status_of(is_promised=True, is_anchored=False, promised=10, delay=2, epoch=epoch)
    assert found is status


async def test_a_leaf_below_another_root_than_the_promised_one_is_not_anchored(
    hospital: Hospital,
) -> None:
    reader, patient = (
        await hospital.client(hospital.reader),
        await hospital.client(hospital.patient),
    )
    await reader.ask("access", ask(hospital.grant()))
    await hospital.advance()
    (entry,) = items((await patient.ask("log", {}))["entries"])
    anchor = objects(member(entry, "anchor"))
    for wrong in ({"kind": "records"}, {"custodian": "00" * 32}, {"epoch": 2**31}):
        shown: Resource = {**objects(entry), "anchor": {**anchor, **wrong}}
        (row,) = await check_log(hospital.chain, patient.facts, [shown], [])
        assert row.status is Status.PENDING


async def test_a_request_gets_one_promise_also_after_a_restart(hospital: Hospital) -> None:
    body = ask(hospital.grant())
    for kind in ("access", "session"):
        sealed, _ = send(hospital.reader, hospital.vault.id, GENESIS, kind, body, hospital.now_ms())
        tokens: list[str] = []
        for is_first in (True, False):
            custodian = hospital.custodian if is_first else restarted(hospital)
            await custodian.poll()
            raw = await custodian.answer(sealed)
            found = receive(raw, hospital.reader, GENESIS, hospital.now_ms())
            if kind == "access":
                assert (found.kind == "access-answer") == is_first
                continue
            tokens.append(str(found.body["access_token"]))
            search = Search.parse("Observation")
            if is_first:
                await custodian.read(tokens[-1], search)
            else:
                with pytest.raises(AccessDenied, match="answered before"):
                    await custodian.read(tokens[-1], search)
    requests = [each.logical for each in hospital.vault.entries(library.ACCESS)]
    assert len(requests) == len(set(requests)) == 2


async def test_consents_of_unknown_patients_leave_nothing(hospital: Hospital) -> None:
    unknown, reader = VaultKeys.generate(), await hospital.client(hospital.reader)
    signed, _ = sign_grant(grant(unknown.id, hospital.reader.id), unknown)
    before = len(hospital.vault.entries())
    for kind in ("access", "session"):
        with pytest.raises(AccessDenied, match="no such patient"):
            await reader.ask(kind, ask(signed))
    assert len(hospital.vault.entries()) == before


async def test_a_page_is_bounded(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    from btt_chain.records.custodian import service

    reader = await hospital.client(hospital.reader)
    whole = await reader.ask("access", ask(hospital.grant()))
    assert len(items(whole["resources"])) == 3
    monkeypatch.setattr(service, "MAX_PAGE", 1_000)
    with pytest.raises(AccessDenied, match="lower its _count"):
        await reader.ask("access", ask(hospital.grant()))
    one = await reader.ask("access", ask(hospital.grant(), "Observation?_count=1&_offset=2"))
    assert items(one["resources"]) == items(whole["resources"])[2:]


async def test_messages_are_checked_before_they_are_parsed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from btt_chain.records import messages

    monkeypatch.setattr(messages, "parse", None)
    body: Resource = {"x": "y" * MAX_QUESTION}
    large = send(hospital.reader, hospital.vault.id, GENESIS, "log", body, hospital.now_ms())[0]
    with pytest.raises(BadMessage, match="at most"):
        await hospital.custodian.answer(large)
    forged = (
        bytes(64)
        + b'{"body":'
        + b"[" * 10**6
        + b',"from":"%s"}' % str(hospital.patient.id).encode()
    )
    with pytest.raises(BadMessage, match="not signed"):
        await hospital.custodian.answer(hospital.vault.id.wrap(forged))


async def test_messages_are_for_one_recipient_once_and_now(hospital: Hospital) -> None:
    now, keys = hospital.now_ms(), hospital.reader
    sealed, _ = send(keys, hospital.vault.id, GENESIS, "log", {}, now)
    await hospital.custodian.answer(sealed)
    with pytest.raises(BadMessage, match="came before"):
        await hospital.custodian.answer(sealed)
    other = VaultKeys.generate()
    for raw, words in (
        (send(keys, other.id, GENESIS, "log", {}, now)[0], "does not open"),
        (send(keys, hospital.vault.id, b"\1" * 32, "log", {}, now)[0], "another chain"),
        (send(keys, hospital.vault.id, GENESIS, "log", {}, now - WINDOW_MS - 1)[0], "two minutes"),
        (hospital.vault.id.wrap(bytes(64) + b"[]"), "malformed"),
        (b"", "does not open"),
    ):
        with pytest.raises(BadMessage, match=words):
            await hospital.custodian.answer(raw)
    with pytest.raises(BadMessage, match="another sender"):
        receive(send(keys, other.id, GENESIS, "x", {}, now)[0], other, GENESIS, now,
                sender=other.id)  # fmt: skip


# ---- the facade


async def session(hospital: Hospital, scopes: str) -> tuple[FHIRServer, SignedGrant]:
    reader = await hospital.client(hospital.reader)
    signed = hospital.grant(scopes)
    found = await reader.ask("session", {"grant": signed.document(), "purpose": "TREAT"})
    server = FHIRServer(None, hospital.url + "/fhir")
    server.session.headers["Authorization"] = f"Bearer {found['access_token']}"
    assert found["scope"] == scopes
    return server, signed


async def fetch(server: FHIRServer, path: str) -> Resource:
    def get() -> Resource:
        return parse(server._get(path).content)

    return await asyncio.to_thread(get)


async def test_an_unmodified_smart_client_reads_from_the_facade(hospital: Hospital) -> None:
    server, _ = await session(hospital, "patient/Observation.rs?category=laboratory")
    statement = await asyncio.to_thread(CapabilityStatement.read_from, "metadata", server)
    assert statement.fhirVersion == "5.0.0"
    bundle = await asyncio.to_thread(Bundle.read_from, "Observation?_count=2", server)
    assert (bundle.total, [each.resource.id for each in bundle.entry]) == (3, ["o1", "o3"])
    following = next(each.url for each in bundle.link if each.relation == "next")
    rest = await asyncio.to_thread(Bundle.read_from, following, server)
    assert [each.resource.id for each in rest.entry] == ["o5"]
    one = bundle.entry[0].resource
    assert (one.valueQuantity.value, one.code.coding[0].code) == (6.3, "2345-7")
    # Each of them is an entry of the log.
    assert len(hospital.vault.entries(library.ACCESS)) == 2


async def test_the_facade_refuses_with_an_operation_outcome(hospital: Hospital) -> None:
    server, _ = await session(hospital, "patient/Observation.r?category=laboratory")
    with pytest.raises(FHIRPermissionDeniedException) as denied:
        await fetch(server, "Observation/o2")
    outcome = denied.value.response.json()
    assert (denied.value.response.status_code, outcome["resourceType"]) == (403, "OperationOutcome")
    assert outcome["issue"][0]["code"] == "forbidden"
    # The same words for a record that does not exist: which do stays secret.
    with pytest.raises(FHIRPermissionDeniedException) as missing:
        await fetch(server, "Observation/o99")
    words = missing.value.response.json()["issue"][0]["diagnostics"]
    assert words == outcome["issue"][0]["diagnostics"].replace("o2", "o99")
    assert (await fetch(server, "Observation"))["total"] == 0  # .r only: no search
    with pytest.raises(HTTPError, match="400"):
        await fetch(server, "Observation?name=x")
    del server.session.headers["Authorization"]
    with pytest.raises(FHIRUnauthorizedException):
        await fetch(server, "Observation/o1")


async def test_a_session_ends_with_the_revocation_of_its_consent(hospital: Hospital) -> None:
    server, signed = await session(hospital, "patient/*.rs")
    assert (await fetch(server, "Patient"))["total"] == 1
    await hospital.block(signed.handle)
    with pytest.raises(FHIRUnauthorizedException):
        await fetch(server, "Patient")


async def test_the_server_is_bounded(hospital: Hospital) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.delete(hospital.url + "/fhir/Observation/o1") as answer:
            assert answer.status == 405
        async with client.get(hospital.url + "/other") as answer:
            assert answer.status == 404
        async with client.post(hospital.url + "/vault", data=b"x" * 100) as answer:
            assert (answer.status, "does not open" in await answer.text()) == (400, True)
        async with client.post(hospital.url + "/vault", data=BytesIO(bytes(33 << 20))) as answer:
            assert answer.status == 413

        async def ask() -> tuple[int, dict[str, list[dict[str, str]]]]:
            async with client.get(hospital.url + "/custodian") as answer:
                return answer.status, await answer.json(content_type=None)

        # At once: the limit grows again while they are sent, and a busy machine sends slowly.
        answers = await asyncio.gather(*(ask() for _ in range(2 * int(LIMITS.burst))))
        refused = [document for status, document in answers if status == 429]
        assert refused
        assert {document["issue"][0]["code"] for document in refused} == {"throttled"}


@pytest.mark.parametrize(
    "text",
    ["", "observation", "Observation/", "Observation?x=1", "Observation?_count=-1",
     "Observation?_offset=99999999", "Observation?category=", "Observation/../x",
     "Observation?" + "&".join(["code=1"] * 17), "Observation?code=" + "x" * 2_000],
)  # fmt: skip
def test_a_malformed_search_is_refused(text: str) -> None:
    with pytest.raises(BadSearch):
        Search.parse(text)


# ---- the ledger


def test_a_frozen_batch_keeps_its_root(tmp_path: Path) -> None:
    batch = Batch(Kind.RECORDS, 7)
    with Ledger.open(tmp_path / "db") as ledger:
        ledger.add(Kind.RECORDS, b"\1" * 32, 7)
        ledger.add(Kind.RECORDS, b"\1" * 32, 8)  # Known: it stays.
        assert ledger.tree(batch) is None
        root = ledger.freeze(batch).root
        with pytest.raises(VaultError, match="are closed"):
            ledger.add(Kind.RECORDS, b"\2" * 32, 7)
        assert ledger.unanchored() == [batch]
    with Ledger.open(tmp_path / "db") as ledger:
        assert ledger.freeze(batch).root == root
        ledger.mark_anchored(batch)
        assert (ledger.unanchored(), ledger.is_anchored(batch)) == ([], True)
        ledger.move(batch, 9)
        assert ledger.epoch_of(Kind.RECORDS, b"\1" * 32) == 9
    (tmp_path / "bad").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError), Ledger.open(tmp_path / "bad"):
        pass


def test_a_batch_that_the_chain_did_not_take_moves_with_its_leaves(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "db") as ledger:
        ledger.add(Kind.ACCESSES, b"\1" * 32, 7)
        ledger.freeze(Batch(Kind.ACCESSES, 7))
        ledger.move(Batch(Kind.ACCESSES, 7), 9)
        tree = ledger.freeze(Batch(Kind.ACCESSES, 9))
        assert tree.index_of(b"\1" * 32) is not None
        assert len(tree) == 64
        with pytest.raises(VaultError, match="are closed"):
            ledger.move(Batch(Kind.ACCESSES, 7), 9)


def test_documents_of_a_message_have_members() -> None:
    with pytest.raises(Exception, match="member x is missing"):
        member({}, "x")


def test_test_vaults_are_of_this_time() -> None:
    assert NOW_MS % HOUR_MS == 0
