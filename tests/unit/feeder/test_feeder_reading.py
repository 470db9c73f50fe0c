"""Sources are read within bounded time and size, from real servers of this machine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from btt_chain.client.errors import Disconnected, TransactionRefused
from btt_chain.feeder.chain import NotAdmitted, State
from btt_chain.feeder.daemon import Feeding, Reader, Settings
from btt_chain.feeder.machine import OnChain, Rule
from btt_chain.feeder.sources import ExchangeSource, FileSource, Source, WebSource
from btt_chain.feeder.values import ONE, BadValue, Trade
from support.sources import web_sources

POINTER = "/btt/cny/last"
KEY = "BTT/CNY"
MINUTE = 60_000
NEW = OnChain(Rule(20 * MINUTE, 50, 15 * MINUTE), is_waiting=False)


@dataclass
class ChainOfTests:
    """A chain with one key, which notes what is fed."""

    fed: list[list[tuple[str, int]]] = field(default_factory=list)
    refused: Exception | None = None
    missing: Exception | None = None
    batches: list[Trade] = field(default_factory=list)

    async def state(self) -> State:
        if self.missing is not None:
            raise self.missing
        return State(MINUTE, {KEY: NEW})

    async def trades(self, asset: int) -> tuple[list[Trade], int]:
        return self.batches, 30 * MINUTE

    async def feed(self, values: Sequence[tuple[str, int]]) -> int:
        if self.refused is not None:
            raise self.refused
        self.fed.append(list(values))
        return 7


async def read(source: Source, seconds: float = 5.0, max_age: float = 600) -> int:
    async with Reader(max_age=max_age, seconds=seconds) as reader:
        return await reader.read(source, ChainOfTests(batches=[Trade(29 * MINUTE, 10**18)]))


async def test_a_price_is_read_from_a_web_address() -> None:
    async with web_sources() as base:
        assert await read(WebSource(base + "good", POINTER)) == 41 * ONE // 100


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("slow", "no answer within 0.5 seconds"),
        ("dripping", "no answer within 0.5 seconds"),
        ("redirect", "status 302, expected 200"),
        ("broken", "status 500, expected 200"),
        ("missing", "status 404, expected 200"),
        ("cut", "cannot be reached"),
        ("good", "is not a price"),
    ],
)
async def test_a_source_that_fails_has_no_price(name: str, why: str) -> None:
    async with web_sources() as base:
        with pytest.raises(BadValue, match=why):
            await read(WebSource(base + name, None), seconds=0.5)


@pytest.mark.parametrize(
    ("name", "why"), [("huge", "longer than"), ("bomb", "not "), ("deep", "not JSON")]
)
async def test_an_answer_is_read_to_a_bound_and_not_unpacked(name: str, why: str) -> None:
    async with web_sources() as base:
        with pytest.raises(BadValue, match=why):
            await read(WebSource(base + name, "/p"))


async def test_an_address_where_nothing_listens_has_no_price() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BadValue, match="cannot be reached"):
            await read(WebSource(f"http://127.0.0.1:{port}/", None))


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example", "exa mple", "127.1"])
async def test_a_host_that_is_no_name_has_no_price(host: str) -> None:
    with pytest.raises(BadValue, match="cannot be reached"):
        await read(WebSource(f"http://{host}/", None))


async def test_a_price_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "price"
    path.write_text("0.39\n")
    assert await read(FileSource(path, None)) == 39 * ONE // 100
    path.write_text('{"btt": {"cny": {"last": "0.40"}}}')
    assert await read(FileSource(path, POINTER)) == 4 * ONE // 10


async def test_a_file_that_is_old_large_or_missing_has_no_price(tmp_path: Path) -> None:
    path = tmp_path / "price"
    with pytest.raises(BadValue, match="No such file"):
        await read(FileSource(path, None))
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadValue, match="not a regular file"):
            await read(FileSource(other, None))
    path.write_text("0.39")
    os.utime(path, (0, time.time() - 700))
    with pytest.raises(BadValue, match=r"was written 7.. seconds ago, more than 600"):
        await read(FileSource(path, None))
    assert await read(FileSource(path, None), max_age=0) == 39 * ONE // 100
    path.write_bytes(b"1" * (1 << 20))
    with pytest.raises(BadValue, match="longer than"):
        await read(FileSource(path, None))


async def test_a_price_is_read_from_the_exchange() -> None:
    assert await read(ExchangeSource(7, 2)) == ONE // 2


# ---- a whole poll


class Reports:
    """The reports of a feeder."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.facts: list[dict[str, object]] = []

    def __call__(self, text: str, facts: dict[str, object]) -> None:
        self.texts.append(text)
        self.facts.append(facts)


def feeding(sources: Sequence[Source], reports: Reports, *, dry: bool = False) -> Feeding:
    return Feeding(Settings({KEY: tuple(sources)}, is_dry_run=dry, report=reports))


def files(folder: Path, *prices: str) -> list[Source]:
    found: list[Source] = []
    for place, price in enumerate(prices):
        path = folder / str(place)
        path.write_text(price)
        found.append(FileSource(path, None))
    return found


async def test_one_lying_source_of_three_does_not_move_what_is_fed(tmp_path: Path) -> None:
    chain, reports = ChainOfTests(), Reports()
    async with web_sources() as base:
        sources = [*files(tmp_path, "0.40"), WebSource(base + "good", POINTER),
                   WebSource(base + "lying", POINTER)]  # fmt: skip
        assert await feeding(sources, reports).poll(chain)
    assert chain.fed == [[(KEY, 41 * ONE // 100)]]
    assert reports.texts == ["fed BTT/CNY 0.41 (first value) in block 7"]
    assert reports.facts[0]["values"] == {KEY: str(41 * ONE // 100)}


async def test_with_two_of_three_sources_nothing_is_fed(tmp_path: Path) -> None:
    chain, reports = ChainOfTests(), Reports()
    sources = [*files(tmp_path, "0.40", "0.41"), FileSource(tmp_path / "none", None)]
    machine = feeding(sources, reports)
    assert not await machine.poll(chain)
    assert not await machine.poll(chain)
    assert chain.fed == []
    assert reports.texts == [
        f"BTT/CNY: file:{tmp_path}/none: cannot be read: No such file or directory",
        "BTT/CNY: silent, 2 sources have a price, 3 are the least",
    ], "the same trouble is reported once"
    (tmp_path / "none").write_text("0.42")
    assert await machine.poll(chain)
    assert reports.texts[2] == f"BTT/CNY: file:{tmp_path}/none has a price again"
    assert chain.fed == [[(KEY, 41 * ONE // 100)]]


async def test_a_dry_run_feeds_nothing(tmp_path: Path) -> None:
    chain, reports = ChainOfTests(), Reports()
    assert await feeding(files(tmp_path, "1", "2", "3"), reports, dry=True).poll(chain)
    assert (chain.fed, reports.texts) == ([], ["would feed BTT/CNY 2 (first value)"])


async def test_a_refused_feed_is_reported_and_not_repeated_at_once(tmp_path: Path) -> None:
    chain, reports = ChainOfTests(refused=TransactionRefused("the pool is full")), Reports()
    machine = feeding(files(tmp_path, "1", "2", "3"), reports)
    assert not await machine.poll(chain)
    assert reports.texts == ["not fed: the pool is full"]
    chain.refused = None
    assert await machine.poll(chain)
    assert chain.fed == [], "the chain's time did not pass"


async def test_who_is_not_admitted_and_a_broken_connection_end_the_poll(tmp_path: Path) -> None:
    for error in (NotAdmitted("join first"), Disconnected("gone")):
        chain = ChainOfTests(missing=error)
        with pytest.raises(type(error)):
            await feeding(files(tmp_path, "1", "2", "3"), Reports()).poll(chain)
