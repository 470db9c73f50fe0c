"""Hostile clients of a custodian's server: bytes, paths, tokens, repetitions, races."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from btt_chain.records import library
from btt_chain.records.canonical import canonical
from btt_chain.records.custodian.machine import (
    BUSY,
    MAX_SESSIONS_OF_CONSENT,
    NO_SESSION,
    REVOKED,
    SESSION_MS,
)
from btt_chain.records.custodian.service import MAX_DEPOSIT, PATIENTS
from btt_chain.records.documents import MAX_DEPTH, Json, Resource, parse
from btt_chain.records.errors import AccessDenied, VaultError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.messages import CONTEXT, WINDOW_MS, BadMessage, receive, send
from btt_chain.records.searching import Search
from btt_chain.records.shapes import items
from btt_chain.records.signed_grants import CONTEXT as GRANT_CONTEXT
from btt_chain.records.signed_grants import SignedGrant
from support.records import SECRET_WORD, observation, records_of_a_patient
from support.records_chain import GENESIS, HOUR_MS
from support.records_custodian import Hospital, a_hospital, ask

PROMPT = 20.0
"""Seconds within which everything here ends, on a busy machine."""


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    async with a_hospital(tmp_path) as found:
        client = await found.client(found.patient)
        await client.ask("deposit", {"resources": records_of_a_patient()})
        yield found


@pytest.fixture(autouse=True)
def _no_fault_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No caller finds an error that the program does not expect, and none fills the log."""
    caplog.set_level(logging.WARNING)
    yield
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


async def raw(hospital: Hospital, head: str, body: bytes = b"") -> bytes:
    """Return the answer to the bytes of a request."""
    port = int(hospital.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = f"{head}\r\nConnection: close\r\n\r\n"
    writer.write(lines.encode("latin-1") + body)
    async with asyncio.timeout(PROMPT):
        answer = await reader.read()
    writer.close()
    return answer


def is_plain_refusal(answer: bytes) -> bool:
    """Return True if an answer is a refusal without anything of the program or of a record."""
    status = int(answer[9:12])
    inner = (b"Traceback", b"site-packages", b".py", b"/hospital", SECRET_WORD.encode(), b"root:")
    return 400 <= status < 500 and not any(each in answer for each in inner)


def sealed(hospital: Hospital, message: bytes, by: VaultKeys | None = None) -> bytes:
    """Return any bytes as a message that is signed and sealed."""
    signer = by or hospital.reader
    return hospital.vault.id.wrap(signer.sign(CONTEXT + message) + message)


# ---- bytes


async def test_bodies_of_any_bytes_and_types_are_refused(hospital: Hospital) -> None:
    deep = b"[" * 100_000
    body, _ = send(hospital.reader, hospital.vault.id, GENESIS, "log", {}, hospital.now_ms())
    tail = b',"from":"%s"}' % str(hospital.reader.id).encode()
    bodies = [
        b"", b"\0", b"{}", deep, b"x" * (1 << 20), body[:-1], body[1:], body[:48], body + b"\0",
        sealed(hospital, b""), sealed(hospital, b"{}"), sealed(hospital, deep + tail),
        sealed(hospital, b'{"a":' * (MAX_DEPTH + 1) + tail),
        sealed(hospital, b'{"a":1e99999' + tail), sealed(hospital, b'{"a":NaN' + tail),
        sealed(hospital, b'{"from":1' + tail), sealed(hospital, b'{"a":"\xff"' + tail),
        sealed(hospital, b'{"a":' + b"9" * 5_000 + tail),
        sealed(hospital, tail, by=hospital.patient),
    ]  # fmt: skip
    for number, each in enumerate(bodies):
        for kind in ("application/octet-stream", "text/html", "multipart/form-data; boundary=",
                     "application/json; charset=utf-7", "\xff"):  # fmt: skip
            head = f"POST /vault HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            answer = await raw(hospital, f"{head}Content-Length: {len(each)}", each)
            assert is_plain_refusal(answer), (number, kind, answer[:300])
            if number > 8:
                break  # The type is never read.
    for coding in ("gzip", "deflate", "br, gzip"):
        packed = gzip.compress(bytes(1 << 20))
        head = f"POST /vault HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\n"
        answer = await raw(hospital, f"{head}Content-Length: {len(packed)}", packed)
        assert answer[9:12] == b"415"


END = "9999-12-31"
HOSTILE_DATES = (
    END, f"{END}T23:59:59Z", "0001-01-01", "0001-01-01T00:00:00+23:59", "", "2026-02-30",
    "2027-W01", "-1", "99999-01-01", "2027-01-01T00:00:00+99:00",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["access", "session"])
async def test_consents_with_hostile_members_are_refused_in_words(
    hospital: Hospital, kind: str
) -> None:
    """A date at the end of the calendar was an error that the server did not expect."""
    client = await hospital.client(hospital.reader)
    good = hospital.grant()
    consent = parse(good.consent)
    changes: list[dict[str, Json]] = [
        {"period": {"start": start, "end": end}}
        for start, end in ((each, END) for each in HOSTILE_DATES)
    ]
    changes += [
        {"period": {"start": "2027-01-01T00:00:00Z", "end": each}} for each in HOSTILE_DATES
    ]
    junk: tuple[Json, ...] = (None, True, 0, "", "x" * 5_000, [], {}, [[]], [{}], [None], {"a": []})
    for name in consent:
        changes += [{name: each} for each in junk]
    for change in changes:
        document = {**consent, **change}
        # Signed by its patient, as a hostile patient would.
        raw_consent = canonical(document)
        message = GRANT_CONTEXT + good.handle + good.salt + raw_consent
        signature = hospital.patient.sign(message)
        signed = SignedGrant(raw_consent, good.salt, good.handle, signature)
        with pytest.raises(AccessDenied):
            await client.ask(kind, ask(signed))
    bodies: list[Resource] = [
        {}, {"grant": 1}, {"grant": {}}, {"grant": [], "purpose": {}}, {"purpose": "TREAT"},
        {**ask(good), "purpose": "T" * 9_000}, {**ask(good), "grant": {"consent": [[]]}},
    ]  # fmt: skip
    if kind == "access":
        queries: tuple[Json, ...] = (7, "\U0010ffff", "Observation?" + "\ud7ff" * 900)
        bodies += [{**ask(good), "query": each} for each in queries]
    for body in bodies:
        with pytest.raises(AccessDenied):
            await client.ask(kind, body)
    assert not hospital.vault.entries(library.ACCESS)


async def test_questions_with_hostile_members_are_refused_in_words(hospital: Hospital) -> None:
    client = await hospital.client(hospital.patient)
    many: list[Json] = [{"kind": "records", "leaf": "00" * 32}] * 1_001
    lists: tuple[Json, ...] = (
        7, "x", {}, [7], [[]], [{}], [{"kind": 7}], [{"kind": "records", "leaf": "zz"}], many,
    )  # fmt: skip
    questions: list[tuple[str, Resource]] = [("anchors", {"leaves": each}) for each in lists]
    lists = ([7], [[]], {}, "x", [None], [{"resourceType": "Observation"}], ["00"])
    names = "resources", "grants", "leaves"
    questions += [("deposit", {name: each}) for name in names for each in lists]
    bad: tuple[Json, ...] = ("Nothing", "../Patient", 7, None, "Bundle" * 99)
    questions += [("deposit", {"resources": [{"resourceType": each}]}) for each in bad]
    questions += [("emergency\n", {}), ("", {}), ("log-answer", {}), ("\u202e" * 99, {})]
    before = len(hospital.vault.entries())
    for kind, body in questions:
        with pytest.raises(AccessDenied):
            await client.ask(kind, body)
    assert len(hospital.vault.entries()) == before


async def test_a_deposit_is_bounded_before_anything_of_it_is_validated(hospital: Hospital) -> None:
    """32 MiB of the smallest resources would have kept the server busy for many minutes."""
    client = await hospital.client(hospital.patient)
    small: Json = {"resourceType": "Basic", "code": {"text": "x"}}
    before = len(hospital.vault.entries())
    body: Resource
    for body in ({"resources": [small] * (MAX_DEPOSIT + 1)}, {"grants": [{}] * (MAX_DEPOSIT + 1)}):
        with pytest.raises(AccessDenied, match=f"at most {MAX_DEPOSIT} resources"):
            await client.ask("deposit", body)
    assert len(hospital.vault.entries()) == before


async def test_a_sender_to_whom_nothing_can_be_sealed_is_no_vault(hospital: Hospital) -> None:
    """The access was recorded, and sealing the answer failed with an unexpected error."""
    weak = VaultKeys.generate()
    for seal in (bytes(32), b"\1" + bytes(31)):
        weak.id = VaultId(seal, weak.id.sign)
        with pytest.raises(VaultError, match="sealing key is weak"):
            VaultId.parse(str(weak.id))
        message, _ = send(weak, hospital.vault.id, GENESIS, "log", {}, hospital.now_ms())
        with pytest.raises(BadMessage, match="sealing key is weak"):
            await hospital.custodian.answer(message)


# ---- paths and tokens


PATHS = (
    "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/fhir/../../owner.key", "//vault",
    "/fhir/..%2f..%2fowner.key", "/fhir/Observation/..%2f..%2findex", "/fhir/Observation/%00",
    "/fhir/%ff%fe", "/fhir/Observation/o1/_history/1", "/fhir/Observation/o1%0d%0aX: y", "/fhir/",
    "/fhir/Observation?_count=%ff", "/fhir/Observation?_id=%00&x=../x", "/owner.key",
    "/fhir/Observation?" + "code=1&" * 900, "/custodian/", "/vault?x=1", "/fhir/$export", "/.git",
    "/fhir/Observation/" + "o" * 4_000, "/fhir/Observation?_offset=-1", "/fhir/Patient/*",
)  # fmt: skip


async def test_no_path_leads_to_a_file_or_to_a_fault(hospital: Hospital) -> None:
    client = await hospital.client(hospital.reader)
    token = str((await client.ask("session", ask(hospital.grant())))["access_token"])
    for more in ("", f"Authorization: Bearer {token}\r\n"):
        for path in PATHS:
            answer = await raw(hospital, f"GET {path} HTTP/1.1\r\n{more}Host: x")
            assert is_plain_refusal(answer), (path, answer[:300])
            assert b"\r\nX: y" not in answer
    for host in ("\xff\xfe", "x\u00e9:99999", "[", "a" * 5_000):
        head = f"GET /fhir/Observation?_count=1 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
        answer = await raw(hospital, f"{head}Host: {host}")
        assert answer[9:12] in (b"200", b"400"), (host, answer[:300])


async def test_forged_and_ended_tokens_open_nothing(hospital: Hospital) -> None:
    client = await hospital.client(hospital.reader)
    signed = hospital.grant()
    token = str((await client.ask("session", ask(signed)))["access_token"])
    url = hospital.url + "/fhir/Observation"
    forged = (
        "", "x", token[:-1], token + "A", token.swapcase(), token[::-1], "\u00e9", "." * 7_000,
        f"{token} {token}", f"{token},{token}", "null", "undefined", "%00", "../" + token,
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:

        async def status(value: str) -> int:
            async with session.get(url, headers={"Authorization": value}) as answer:
                text = await answer.text()
                assert answer.status == 200 or SECRET_WORD not in text
                assert answer.status == 200 or "OperationOutcome" in text
                assert answer.headers["Cache-Control"] == "no-store"
                return answer.status

        assert await status(f"Bearer {token}") == 200
        for each in forged:
            assert await status(f"Bearer {each}") == 401, each
        for scheme in ("Basic", "Token", "Bearer:", "Bearer" * 9, ""):
            assert await status(f"{scheme} {token}") == 401, scheme
        async with session.get(f"{url}?access_token={token}") as answer:
            assert answer.status == 401
        # The session ends by its own time, also without a request meanwhile.
        hospital.chain.now_ms += SESSION_MS + 1
        await hospital.block()
        assert await status(f"Bearer {token}") == 401
    hospital.chain.now_ms += 40 * 24 * HOUR_MS
    await hospital.block()
    for kind in ("access", "session"):
        with pytest.raises(AccessDenied, match="has ended"):
            await client.ask(kind, ask(signed))


async def test_a_message_counts_once_also_sealed_again(hospital: Hospital) -> None:
    body = ask(hospital.grant())
    now = hospital.now_ms()
    message, _ = send(hospital.reader, hospital.vault.id, GENESIS, "access", body, now)
    again = [hospital.custodian.answer(message) for _ in range(20)]
    results = await asyncio.gather(*again, return_exceptions=True)
    assert sum(isinstance(each, bytes) for each in results) == 1
    assert {str(each) for each in results if not isinstance(each, bytes)} == {
        "the message came before"
    }
    # Sealed again by a party that could open it: the signed bytes are the same ones.
    resealed = hospital.vault.id.wrap(hospital.vault.keys.unwrap(message))
    with pytest.raises(BadMessage, match="came before"):
        await hospital.custodian.answer(resealed)
    for wrong in (now - WINDOW_MS - 1, now + WINDOW_MS + 1, 0, 2**53 - 1):
        late, _ = send(hospital.reader, hospital.vault.id, GENESIS, "access", body, wrong)
        with pytest.raises(BadMessage, match="older than two minutes"):
            await hospital.custodian.answer(late)
    assert len(hospital.vault.entries(library.ACCESS)) == 1


# ---- races


def delayed(
    is_revoked: Callable[[bytes, bytes], Awaitable[bool]],
) -> Callable[[bytes, bytes], Awaitable[bool]]:
    """Return the node's answer, some turns of the loop later, as a node's is."""

    async def answer(handle: bytes, at: bytes) -> bool:
        for _ in range(3):
            await asyncio.sleep(0)
        return await is_revoked(handle, at)

    return answer


async def test_openings_at_once_are_no_more_than_sessions_of_a_consent(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Openings that waited for the node were not counted: 256 could open together."""
    monkeypatch.setattr(hospital.chain, "is_revoked", delayed(hospital.chain.is_revoked))
    signed, client = hospital.grant(), await hospital.client(hospital.reader)
    openings = [client.ask("session", ask(signed)) for _ in range(3 * MAX_SESSIONS_OF_CONSENT)]
    found = await asyncio.gather(*openings, return_exceptions=True)
    assert sum(isinstance(each, Mapping) for each in found) == MAX_SESSIONS_OF_CONSENT
    assert {str(each) for each in found if not isinstance(each, Mapping)} == {BUSY}


async def test_reads_at_once_are_served_across_a_new_block(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of their answers about the replaced block counted against all of them."""
    monkeypatch.setattr(hospital.chain, "is_revoked", delayed(hospital.chain.is_revoked))
    signed, client = hospital.grant(), await hospital.client(hospital.reader)
    token = str((await client.ask("session", ask(signed)))["access_token"])
    search = Search.parse("Observation")
    reads = [asyncio.create_task(hospital.custodian.read(token, search)) for _ in range(30)]
    for _ in range(4):
        await asyncio.sleep(0)
    await hospital.block()
    assert {total for _, total in await asyncio.gather(*reads)} == {3}


@pytest.mark.parametrize("turns", range(0, 14, 2))
async def test_no_read_or_session_outlives_a_revocation(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Reads and openings are under way while the secret is published."""
    custodian, chain, signed = hospital.custodian, hospital.chain, hospital.grant()
    monkeypatch.setattr(chain, "is_revoked", delayed(chain.is_revoked))
    client = await hospital.client(hospital.reader)
    token = str((await client.ask("session", ask(signed)))["access_token"])

    async def opening() -> str | None:
        sealed, _ = send(hospital.reader, hospital.vault.id, GENESIS, "session", ask(signed),
                         hospital.now_ms())  # fmt: skip
        answer = receive(
            await custodian.answer(sealed), hospital.reader, GENESIS, hospital.now_ms()
        )
        return str(answer.body["access_token"]) if answer.kind == "session-answer" else None

    search = Search.parse("Observation")
    reads = [asyncio.create_task(custodian.read(token, search)) for _ in range(10)]
    openings = [asyncio.create_task(opening()) for _ in range(10)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await hospital.block(signed.handle)
    tokens = [each for each in await asyncio.gather(*openings) if each is not None]
    found = await asyncio.gather(*reads, return_exceptions=True)
    refusals = [str(each) for each in found if isinstance(each, AccessDenied)]
    assert set(refusals) <= {REVOKED, NO_SESSION}
    assert all(isinstance(each, tuple | AccessDenied) for each in found)
    # Each read that was served has its entry; nothing of the sessions stays.
    assert len(hospital.vault.entries(library.ACCESS)) == len(found) - len(refusals)
    await hospital.block()
    for each in (token, *tokens):
        assert custodian.session(each) is None
        with pytest.raises(AccessDenied, match=NO_SESSION):
            await custodian.read(each, search)
    with pytest.raises(AccessDenied, match=REVOKED):
        await client.ask("access", ask(signed))


async def test_refused_messages_leave_no_task_and_no_entry(hospital: Hospital) -> None:
    client = await hospital.client(hospital.reader)
    hospital.chain.extend(hospital.grant().handle)
    await hospital.custodian.poll()
    before = len(hospital.vault.entries()), len(asyncio.all_tasks())
    for number in range(50):
        sender = VaultKeys.generate()
        with pytest.raises(AccessDenied):
            await client.ask("access", {"grant": {"consent": {}}, "number": number})
        message = canonical({"from": str(sender.id), "number": number})
        with pytest.raises(BadMessage):
            await hospital.custodian.answer(sealed(hospital, message, by=sender))
    await hospital.custodian.settle()
    assert (len(hospital.vault.entries()), len(asyncio.all_tasks())) == before


async def test_a_patient_cannot_replace_the_records_of_another(hospital: Hospital) -> None:
    other = VaultKeys.generate()
    hospital.vault.index.facts[PATIENTS] += f" {other.id}"
    client = await hospital.client(other)
    await client.ask("deposit", {"resources": [observation(1, value="99.9")]})
    reader = await hospital.client(hospital.reader)
    found = await reader.ask("access", ask(hospital.grant(), "Observation/o1"))
    (resource,) = items(found["resources"])
    assert b'"value":6.30' in canonical(resource)
