"""Hostile requests over a socket: heads, paths, ranges, floods of streams and downloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
from aiohttp import web

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.names import use_names
from btt_chain.explorer.exporting import MAX_EXPORTS, SLOW_SECONDS, SLOWEST, Reader
from btt_chain.explorer.exporting import MAX_OF_CALLER as EXPORTS_OF_CALLER
from btt_chain.explorer.live import MAX_LISTENERS, MAX_OF_CALLER, PING
from btt_chain.web.bounds import application_server
from btt_chain.web.places import Places
from btt_chain.web.proxies import HEADER, Proxies
from support.explorer import ChainConnection, pages_of

PATIENCE = 120
FOREIGN = "203.0.113.9"


class Explorer:
    """The pages behind the server that the program runs."""

    def __init__(self, port: int, server: SimpleNamespace) -> None:
        self.port = port
        self.server = server

    async def ask(self, raw: bytes) -> bytes:
        """Send bytes, and return what comes until the server ends the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            async with asyncio.timeout(PATIENCE):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def status(self, target: str, *more: str, method: str = "GET") -> int:
        """Return the status of one request."""
        head = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *more]
        answer = await self.ask("\r\n".join([*head, "", ""]).encode("latin-1"))
        assert answer.startswith(b"HTTP/1."), (target, answer[:80])
        return int(answer[9:12])


@pytest_asyncio.fixture
async def explorer(economy_index: Path, economy: ChainConnection) -> AsyncIterator[Explorer]:
    async with pages_of(economy, economy_index, burst=1e9) as (_, server):
        http = application_server(server.application(), server.bounds)
        _, port = await http.start("127.0.0.1", 0)
        try:
            yield Explorer(port, SimpleNamespace(pages=server))
        finally:
            await http.stop()


async def test_a_head_has_few_and_short_lines(explorer: Explorer) -> None:
    start = b"GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for more in (
        b"X: " + b"a" * 20_000 + b"\r\n", b"X: a\r\n" * 50_000,
        b"".join(b"X%d: a\r\n" % number for number in range(1_000)),
        b"Cookie: lang=" + b"b" * 9_000 + b"\r\n", b"A" * 70_000 + b": x\r\n",
    ):  # fmt: skip
        answer = await explorer.ask(start + more + b"\r\n")
        assert answer[9:12] in (b"400", b"431", b""), answer[:90]
    assert await explorer.status("/" + "a" * 20_000) == 400
    assert await explorer.status("/robots.txt") == 200


async def test_a_head_without_an_end_takes_no_memory(explorer: Explorer) -> None:
    """The parser refuses it long before the time limit ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", explorer.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    sent = 0
    try:
        async with asyncio.timeout(PATIENCE):
            while not reader.at_eof() and sent < 64 << 20:
                writer.write(b"".join(b"A%d: b\r\n" % number for number in range(2_000)))
                await writer.drain()
                await asyncio.sleep(0)
                sent += 18_000
                if writer.is_closing():
                    break
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert sent < 4 << 20, "the server took megabytes of a head"


TRICKS = [
    "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e%2f%2e%2e%2fserver.py",
    "/static/style.css/../../x", "/static/style.css%00.png", "/static/....//style.css",
    "/static//etc/passwd", "/static/C:%5Cwindows", "/static/..%5cserver.py", "/%2e%2e/%2e%2e/etc",
    "//evil.example/blocks", "/block/%ff%fe", "/account/%00", "/block/-1", "/block/1e9",
    "/block/0x", "/block/99999999999999999999999", "/tx/1-99999999999999999999",
    "/tx/0x" + "f" * 63,
    "/tx/1-1%0d%0aSet-Cookie:x=y", "/pallet/%3Cscript%3E",
    "/storage/Sys%00tem.Account?key=" + "9" * 7_000, "/storage/..", "/events/.",
    "/events/%F0%9F%92", "/proof/account/..%2f..%2fetc.json",
    "/proof/storage/System.Account.json?key=%00",
    "/proof/account/Alice.json?checkpoint=-1", "/export/..%2findex.db.csv", "/export/accounts.db",
    "/export/blocks.csv.ndjson", "/lang/..", "/lang/%2e%2e?to=//x", "/index.db", "/.git/config",
    "/referendum/-1", "/referendum/4294967296", "/job/0x" + "0" * 64, "/market/1e3", "/asset/-0",
    "/merchant/%E2%80%AE", "/payfi?after=zzz", "/jobs?after=%00", "/validator/" + "1" * 48,
    "/staking?amount=" + "9" * 400 + "&tier=99999999999999999999", "/statistics?month=-1",
    "/model/0x" + "zz" * 32, "/provider/..", "/receipt/0", "/tx/status/..", "/search/..",
]  # fmt: skip


@pytest.mark.parametrize("form", ["", ".json"])
async def test_no_trick_in_a_path_finds_a_file_or_breaks_a_page(
    explorer: Explorer, form: str
) -> None:
    for target in TRICKS:
        path, question, query = target.partition("?")
        asked = f"{path}{form if '.json' not in path else ''}{question}{query}"
        sent = [f"GET {asked} HTTP/1.1", "Host: localhost", "Connection: close", "", ""]
        answer = await explorer.ask("\r\n".join(sent).encode("latin-1"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head[9:12] in (b"301", b"302", b"400", b"404"), (asked, head[:200])
        assert b"Set-Cookie: x" not in head
        assert b"root:" not in body
        for line in head.splitlines():
            if line.lower().startswith(b"location:"):
                assert line[10:].strip().startswith(b"/"), (asked, line)
                assert not line[10:].strip().startswith((b"//", b"/\\")), (asked, line)


async def test_searches_for_anything_have_an_answer(explorer: Explorer) -> None:
    for words in (
        "", "%00", "%ff", "'", "%22%3E%3Cscript%3E", "1-1-1", "0x", "0x" + "g" * 64, "%25",
        "a" * 8_000, "%E2%80%AE", "../..", "%0d%0aX:%20y", "5" * 48, "%5B%5D", "*", "_%25", "-1",
    ):  # fmt: skip
        assert await explorer.status(f"/search?q={words}") in (200, 302, 400), words


async def test_ranges_and_methods_give_whole_pages_or_a_refusal(explorer: Explorer) -> None:
    many = "Range: bytes=" + ",".join(f"{number}-{number}" for number in range(1_000))
    assert await explorer.status("/static/style.css", many) == 200
    assert await explorer.status("/export/blocks.csv", "Range: bytes=5-1") == 200
    assert await explorer.status("/blocks", "Range: bytes=-99999999999999999999") == 200
    for method in ("POST", "PUT", "DELETE", "TRACE", "PROPFIND", "OPTIONS"):
        assert await explorer.status("/blocks", "Content-Length: 0", method=method) == 405, method
    assert await explorer.status("http://evil.example/blocks") in (200, 400, 404)
    for more in (
        ("Content-Length: 1", "Content-Length: 2"), ("Content-Length: -1",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: x, chunked",),
    ):  # fmt: skip
        assert await explorer.status("/tx/prepare", *more, method="POST") in (400, 403), more
    assert await explorer.status("/blocks", "Upgrade: websocket", "Accept: text/html;q=x") == 200


def test_one_address_has_few_of_the_places_and_this_machine_all() -> None:
    places = Places(8, 2)
    with places.place(FOREIGN) as first, places.place(FOREIGN) as second:
        with places.place(FOREIGN) as third, places.place("203.0.113.10") as other:
            assert (first, second, third, other) == (True, True, False, True)
        assert places.total == 2
    with places.place("2001:db8::1") as one, places.place("2001:db8::2") as two:
        with places.place("2001:db8::3") as three:
            assert (one, two, three) == (True, True, False)
        own = [places.place("127.0.0.1") for _ in range(7)]
        assert [each.__enter__() for each in own] == [True] * 6 + [False]
        with places.place("203.0.113.11") as late:
            assert not late
        for each in own:
            each.__exit__(None, None, None)
    assert places.total == 0


async def test_open_streams_of_one_address_leave_places_for_others(
    economy_index: Path, economy: ChainConnection
) -> None:
    """Eight addresses with all their connections on `/live` would have ended the explorer."""
    proxies = Proxies(["127.0.0.1"])
    async with pages_of(economy, economy_index, burst=1e9, proxies=proxies) as (client, server):
        assert server.bounds.limits.connections // 2 >= MAX_LISTENERS
        assert server.bounds.limits.connections_per_address > MAX_OF_CALLER
        assert EXPORTS_OF_CALLER < MAX_EXPORTS
        one = {HEADER: FOREIGN}
        streams = [await client.get("/live", headers=one) for _ in range(MAX_OF_CALLER + 3)]
        assert [each.status for each in streams] == [200] * MAX_OF_CALLER + [429] * 3
        assert int(streams[-1].headers["Retry-After"]) > 0
        assert "16 streams of this address are open" in await streams[-1].text()
        async with client.get("/live", headers={HEADER: "203.0.113.77"}) as other:
            assert other.status == 200
        assert (await client.get("/blocks", headers=one)).status == 200
        with ExitStack() as taken:
            # Other addresses take all places: then the refusal is another one.
            while not server.listeners.is_full:
                taken.enter_context(server.listeners.place(f"198.51.100.{server.listeners.total}"))
            refused = await client.get("/live", headers={HEADER: "203.0.113.78"})
            assert refused.status == 503
            assert "all 256 streams are in use" in await refused.text()
            assert int(refused.headers["Retry-After"]) > 0
        for each in streams:
            each.close()


async def test_a_listener_that_left_is_found_without_a_block(
    economy_index: Path, economy: ChainConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise open and closed connections take all places of a chain that stands still."""
    monkeypatch.setattr("btt_chain.explorer.live.PING_SECONDS", 0.01)
    async with pages_of(economy, economy_index) as (client, server):
        async with client.get("/live") as stream:
            assert await stream.content.readline() == PING[:-1]
            assert len(server.hub) == 1
        async with asyncio.timeout(PATIENCE):
            while len(server.hub):
                await asyncio.sleep(0.01)


class SlowResponse(web.StreamResponse):
    """A response whose reader takes some seconds for each part."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.now = 0.0

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        self.now += self.seconds


async def test_a_reader_that_takes_a_download_a_byte_at_a_time_is_cut() -> None:
    part = bytes(1_000)

    async def download(response: SlowResponse) -> None:
        reader = Reader(response, lambda: response.now)
        for _ in range(600):
            await reader.send(part)

    slow = SlowResponse(seconds=2 * len(part) / SLOWEST)
    with pytest.raises(ConnectionError, match="too slow"):
        await download(slow)
    assert SLOW_SECONDS < slow.now < SLOW_SECONDS + 1
    usual = SlowResponse(seconds=0.5 * len(part) / SLOWEST)
    await download(usual)
    assert usual.now > SLOW_SECONDS


async def test_a_visitor_learns_neither_names_of_the_wallet_nor_folders_of_the_machine(
    economy_index: Path, economy: ChainConnection
) -> None:
    asked: list[str] = []

    def wallet(name: str) -> bytes:
        asked.append(name)
        return b"\x07" * 32

    use_names(wallet)
    try:
        # What the one who starts the program types is checked: /bin is a folder.
        with pytest.raises(AccountError, match="looks like the path of a file"):
            read_account("//bin//x")
        async with pages_of(economy, economy_index, burst=1e9) as (client, _):
            assert (await client.get("/account/savings.json")).status == 400
            path = "/storage/System.Account.json"
            errors = [
                (await (await client.get(path, params={"key": text})).json())["error"]
                for text in ("savings", "//bin//x", "//no-such-folder//x")
            ]
    finally:
        use_names(None)
    assert "is not an address" in errors[0]
    assert errors[1:] == [None, None]
    assert asked == []
