"""Deliveries to a real web server: each event arrives, and no private address is reached."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import standardwebhooks
from aiohttp import web

from btt_chain.payments.delivery.courier import Answer, Closed, GivenUp, Postponed
from btt_chain.payments.delivery.driver import Deliveries, GoneError, Report
from btt_chain.payments.delivery.events import EventType, MerchantEvent
from btt_chain.payments.delivery.journal import Cursor, Journal
from btt_chain.payments.delivery.transport import Transport, checked_url
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.webhook import headers

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
CHAIN, MERCHANT = b"\1" * 32, b"\2" * 32
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def clock_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Run a web server on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def events(count: int) -> list[MerchantEvent]:
    return [
        MerchantEvent(
            at.to_bytes(16, "big") + bytes(16), at % 7, 1_800_000_000_000 + at,
            EventType.PAID if at % 2 == 0 else EventType.REFUNDED, at // 2,
            1 if at % 2 == 0 else None, {"payment": at // 2, "gross": "5"},
        )
        for at in range(count)
    ]  # fmt: skip


@asynccontextmanager
async def filled(path: Path, count: int) -> AsyncIterator[Journal]:
    with Journal.open(path, CHAIN, MERCHANT) as journal:
        if journal.cursor is None:
            journal.begin(Cursor(0, bytes(32)))
            journal.enable_webhook()
            journal.append(Cursor(1, b"\1" * 32), events(count))
        yield journal


class HalfBroken:
    """A receiver that answers each delivery with an error half of the time."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.order: list[tuple[int, str]] = []
        self.calls = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls += 1
        # The independent library checks signature and time of every delivery.
        event = standardwebhooks.Webhook(SECRET).verify(body, dict(request.headers))
        assert event["id"] == request.headers["webhook-id"]
        if self.calls % 2:
            return web.Response(status=(500, 503, 302, 404)[self.calls // 2 % 4])
        self.arrived[event["id"]] += 1
        self.order.append((event["data"]["payment"], event["type"]))
        return web.Response(status=204)


async def test_each_event_arrives_at_a_receiver_that_fails_half_of_the_time(
    tmp_path: Path,
) -> None:
    receiver = HalfBroken()
    async with serving(receiver.answer) as port, filled(tmp_path / "j", 60) as journal:
        async with Transport.open(f"http://127.0.0.1:{port}/hook", allow_private=True) as post:
            await Deliveries(journal, post, SECRET, clock_ms, retries_s=[0] * 60).run(
                until_empty=True
            )
        assert receiver.arrived == Counter(event.id for event in events(60))
        assert journal.counts().delivered == 60
    for payment in range(30):
        own = [type for found, type in receiver.order if found == payment]
        assert own == ["payment.paid", "payment.refunded"]


async def test_a_stop_in_the_middle_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    receiver = HalfBroken()
    async with serving(receiver.answer) as port:
        for _ in range(40):
            async with (
                filled(tmp_path / "j", 40) as journal,
                Transport.open(f"http://127.0.0.1:{port}/", allow_private=True) as post,
            ):
                deliveries = Deliveries(journal, post, SECRET, clock_ms, retries_s=[0] * 60)
                task = asyncio.create_task(deliveries.run(until_empty=True))
                before = receiver.calls
                while receiver.calls < before + 12 and not task.done():
                    await asyncio.sleep(0.001)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if not journal.counts().waiting:
                    break
        assert journal_is_done(tmp_path / "j")
    assert set(receiver.arrived) == {event.id for event in events(40)}
    assert sum(receiver.arrived.values()) <= 40 + 8 * 40


async def test_what_was_in_flight_at_a_stop_is_sent_by_the_next_run(tmp_path: Path) -> None:
    calls = 0

    async def slow_at_first(_request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        if calls <= 2:
            await asyncio.sleep(30)
        return web.Response()

    async with serving(slow_at_first) as port, filled(tmp_path / "j", 4) as journal:
        async with Transport.open(f"http://127.0.0.1:{port}/", allow_private=True) as post:
            deliveries = Deliveries(journal, post, SECRET, clock_ms)
            task = asyncio.create_task(deliveries.run())
            while calls < 2:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # The same object goes on, as after a lost connection to the node.
            await asyncio.wait_for(deliveries.run(until_empty=True), 30)
        assert journal.counts().delivered == 4


def journal_is_done(path: Path) -> bool:
    with Journal.open(path, CHAIN, MERCHANT) as journal:
        return journal.counts().delivered == 40


async def test_a_slow_receiver_is_an_attempt_that_failed(tmp_path: Path) -> None:
    reports: list[Report] = []

    async def slow(request: web.Request) -> web.Response:
        if json.loads(await request.read())["data"]["payment"] == 0:
            await asyncio.sleep(30)
        return web.Response()

    async with serving(slow) as port, filled(tmp_path / "j", 6) as journal:
        async with Transport.open(
            f"http://127.0.0.1:{port}/", allow_private=True, timeout_s=0.3
        ) as post:
            deliveries = Deliveries(journal, post, SECRET, clock_ms, reports.append)
            task = asyncio.create_task(deliveries.run())
            while len(reports) < 5:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert journal.counts().delivered == 4
    (late,) = [report for report in reports if report.result.answer is Answer.FAILED]
    assert (late.result.reason, type(late.decision)) == ("no answer in time", Postponed)


async def test_a_receiver_that_is_gone_stops_deliveries_and_keeps_the_events(
    tmp_path: Path,
) -> None:
    reports: list[Report] = []

    async def gone(_request: web.Request) -> web.Response:
        return web.Response(status=410)

    async with serving(gone) as port, filled(tmp_path / "j", 4) as journal:
        async with Transport.open(f"http://127.0.0.1:{port}/", allow_private=True) as post:
            with pytest.raises(GoneError, match="410 Gone"):
                await Deliveries(journal, post, SECRET, clock_ms, reports.append).run()
        assert journal.counts().waiting == 4
    assert isinstance(reports[0].decision, Closed)


async def test_an_event_that_always_fails_is_given_up_and_those_behind_it_go_on(
    tmp_path: Path,
) -> None:
    reports: list[Report] = []

    async def picky(request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        return web.Response(status=500 if event["type"] == "payment.paid" else 200)

    async with serving(picky) as port, filled(tmp_path / "j", 2) as journal:
        async with Transport.open(f"http://127.0.0.1:{port}/", allow_private=True) as post:
            await Deliveries(
                journal, post, SECRET, clock_ms, reports.append, retries_s=[0, 0, 0]
            ).run(until_empty=True)
        assert (journal.counts().given_up, journal.counts().delivered) == (1, 1)
    assert [type(each.decision) for each in reports[:3]] == [Postponed, Postponed, GivenUp]
    assert reports[0].result.reason == "status 500"


# ---- addresses


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("https://[::1]/", "not on the public internet"),
        ("https://[::ffff:10.0.0.1]/", "not on the public internet"),
        ("https://[fe80::1%25eth0]/", "not on the public internet"),
        ("https://10.0.0.1:8443/", "not on the public internet"),
        ("http://shop.example/", "use https"),
        ("ftp://shop.example/", "not a URL of https"),
        ("file:///etc/passwd", "not a URL of https"),
        ("https://", "not a URL"),
        ("shop.example", "not a URL"),
        ("https://me:word@shop.example/", "a user or a password"),
        ("https://shop.example/" + "a" * 2_100, "at most 2048"),
        ("https://[::1/", "not a URL"),
        ("https://127.1/", "neither a name nor an address"),
        ("https://2130706433/", "neither a name nor an address"),
        ("https://0x7f000001/", "neither a name nor an address"),
        ("https://0177.0.0.1/", "neither a name nor an address"),
        ("https://127.0.0.1./", "neither a name nor an address"),
    ],
)
def test_urls_to_which_nothing_is_sent_are_refused(url: str, reason: str) -> None:
    with pytest.raises(PaymentError, match=reason):
        checked_url(url, allow_private=False)


async def attempt(url: str, *found: list[str], allow_private: bool = False) -> tuple[str, int]:
    """Send one delivery to a name with these addresses; the failure, and the calls that arrived."""
    answers, calls = iter(found), 0

    async def lookup(_host: str, _port: int) -> list[str]:
        return next(answers)

    async def count(_request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return web.Response()

    async with serving(count) as port:
        place = url.replace("PORT", str(port))
        async with Transport.open(
            place, allow_private=allow_private, timeout_s=0.4, lookup=lookup
        ) as post:
            reason = ""
            for _ in found:
                result = await post.post(headers(SECRET, "evt_1", 1_800_000_000, b"{}"), b"{}")
                reason = result.reason
    return reason, calls


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "fd00::1"]
)
async def test_a_name_of_a_private_address_is_refused(address: str) -> None:
    reason, calls = await attempt("https://shop.example:PORT/", [address])
    assert f"shop.example is at {address}, which is not on the public internet" in reason
    assert calls == 0


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    reason, calls = await attempt("https://shop.example:PORT/", ["1.1.1.1", "127.0.0.1"])
    assert (calls, "is at 127.0.0.1" in reason) == (0, True)


async def test_a_name_that_changes_to_a_private_address_is_refused_at_the_next_delivery() -> None:
    # 192.0.2.0/24 is for documentation: nothing answers there. The first lookup is what is used.
    reason, calls = await attempt("https://shop.example:PORT/", ["1.1.1.1"], ["127.0.0.1"])
    assert (calls, "is at 127.0.0.1" in reason) == (0, True)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    # The name exists nowhere: only the checked lookup leads to the server.
    assert await attempt("http://shop.invalid:PORT/", ["127.0.0.1"], allow_private=True) == ("", 1)


async def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    seen: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with (
        serving(redirect) as port,
        Transport.open(f"http://127.0.0.1:{port}/hook", allow_private=True) as post,
    ):
        result = await post.post({}, b"{}")
    assert (result.answer, result.reason, seen) == (Answer.FAILED, "status 307", ["/hook"])


async def test_a_name_without_an_address_is_a_failure() -> None:
    reason, _ = await attempt("https://shop.example:PORT/", [])
    assert "has no address" in reason
