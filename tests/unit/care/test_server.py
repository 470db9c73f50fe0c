"""The endpoint of a facility: what it answers, and its bounds."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from btt_chain.care import fetch, vault
from btt_chain.care.blind import PrivateKey
from btt_chain.care.errors import CareError, Refusal
from btt_chain.care.facility import FacilityFolder
from btt_chain.care.messages import MAX_BYTES, Answer, Request, Wanted
from btt_chain.care.server import LIMITS, serving
from btt_chain.care.wallet import Wallet
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.point_voucher import Denomination
from support.care_programs import CALENDAR, CLINIC, GENESIS, SECRET, activity, rule, some_key

AUDITOR = b"\x0a" * 32


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "SCRYPT_N", 2)
    numbers = iter(range(1_000))
    monkeypatch.setattr(PrivateKey, "generate", lambda: some_key(next(numbers) % 4))


async def test_a_wallet_collects_over_http_and_an_auditor_fetches(tmp_path: Path) -> None:
    with (
        FacilityFolder.open(tmp_path / "clinic", SECRET, GENESIS, CLINIC) as clinic,
        Wallet.open(tmp_path / "wallet", KeyPair.from_uri("//Patient"), GENESIS) as wallet,
    ):
        keys = clinic.make_keys(2)
        clinic.keep_opening(2, AUDITOR, b"sealed")
        async with serving(clinic, "127.0.0.1", 0, time.monotonic) as (host, port):
            url = f"http://{host}:{port}"
            claim = clinic.confirm(activity(), rule(), url)
            request = wallet.request(claim, keys, CALENDAR, 65 * CALENDAR.day_slots)
            answer = await fetch.signed_by(claim.url, request)
            assert wallet.accept(claim, answer, keys) == 40
            assert await fetch.opening_of(url, 2, AUDITOR) == b"sealed"
            with pytest.raises(Refusal, match="nothing is sealed"):
                await fetch.opening_of(url, 3, AUDITOR)
            unknown = Request(bytes(32), [Wanted(Denomination.One, bytes(256))])
            with pytest.raises(Refusal, match="issued no such claim"):
                await fetch.signed_by(url, unknown)


async def test_malformed_and_large_bodies_are_refused(tmp_path: Path) -> None:
    with FacilityFolder.open(tmp_path / "clinic", SECRET, GENESIS, CLINIC) as clinic:
        async with (
            serving(clinic, "127.0.0.1", 0, time.monotonic) as (host, port),
            aiohttp.ClientSession(f"http://{host}:{port}") as session,
        ):
            large = io.BytesIO(b"0" * (MAX_BYTES + 1))
            for body, status in ((b"", 409), (b"[1", 409), (large, 413)):
                async with session.post("/sign", data=body) as response:
                    assert response.status == status
            for path in ("/audit/x/1", f"/audit/2/{'g' * 64}", f"/audit/{'9' * 10}/{'0' * 64}"):
                async with session.get(path) as response:
                    assert response.status == 409
            async with session.get("/elsewhere") as response:
                assert response.status == 404


async def test_a_request_whose_caller_gave_up_is_still_the_only_one() -> None:
    """A thread does not end with its caller: two at once would share one transaction."""
    limits = replace(LIMITS, request_seconds=0.05)
    at_once: list[int] = [0]

    class Slow:
        def sign(self, request: Request) -> Answer:
            at_once.append(at_once[-1] + 1)
            time.sleep(0.3)
            at_once.append(at_once[-1] - 1)
            return Answer([bytes(256) for _ in request.wanted])

        def opening(self, month: int, auditor: bytes) -> bytes | None:
            raise NotImplementedError

    request = Request(bytes(32), [Wanted(Denomination.One, bytes(256))])
    async with serving(Slow(), "127.0.0.1", 0, time.monotonic, limits) as (host, port):
        for _ in range(3):
            with pytest.raises(Refusal, match="too long"):
                await fetch.signed_by(f"http://{host}:{port}", request)
    assert max(at_once) == 1


@pytest.mark.parametrize(
    "url", ["http://clinic.example", "ftp://127.0.0.1", "clinic", "http://[", ""]
)
async def test_a_claim_is_never_sent_in_clear_to_another_machine(url: str) -> None:
    request = Request(bytes(32), [Wanted(Denomination.One, bytes(256))])
    with pytest.raises(CareError, match=r"https|not a URL"):
        await fetch.signed_by(url, request)


async def test_an_endless_answer_and_a_dead_port_are_errors() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        writer.close()

    listener = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    request = Request(bytes(32), [Wanted(Denomination.One, bytes(256))])
    async with listener:
        with pytest.raises(CareError, match="more than"):
            await fetch.signed_by(f"http://127.0.0.1:{port}", request)
    with pytest.raises(CareError, match=r"127\.0\.0\.1"):
        await fetch.signed_by(f"http://127.0.0.1:{port}", request)
