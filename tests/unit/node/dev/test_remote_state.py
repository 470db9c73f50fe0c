"""The state of a fork: what is read at once, what is kept, and who waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from btt_chain.chain.reading import MAX_REPEATS, ReadingGivenUp, when_read
from btt_chain.node.dev.cache import ForkCache, MemoryStore
from btt_chain.node.dev.errors import AnswerTooLarge, RemoteAway, WrongAnswer
from btt_chain.node.dev.proven import Page, ProvenState
from btt_chain.node.dev.remote_state import FIRST_PAGE, GROUP, Part, RemoteState
from storage.fork import NotRead

SMALL = b"small pallet...."
LARGE = b"large pallet...."
ITEM = LARGE + b"its first item.."


def state() -> dict[bytes, bytes]:
    few = {SMALL + bytes([number]) * 20: bytes([number]) for number in range(5)}
    many = {ITEM + number.to_bytes(2, "big"): b"%d" % number for number in range(2 * GROUP)}
    return few | many | {b":code": b"version"}


class Source(ProvenState):
    """A state that counts its reads, and may be held up or fail."""

    def __init__(self) -> None:
        self.state = state()
        self.parts: list[Part] = []
        self.open = threading.Event()
        self.open.set()
        self.problem: Exception | None = None

    def value(self, key: bytes) -> bytes | None:
        self._read(Part(key))
        return self.state.get(key)

    def page(self, prefix: bytes, after: bytes | None, size: int) -> Page:
        self._read(Part(prefix, after, size))
        found = [
            (key, value)
            for key, value in sorted(self.state.items())
            if key.startswith(prefix) and (after is None or key > after)
        ]
        return Page(found[:size], len(found) < size)

    def _read(self, part: Part) -> None:
        self.parts.append(part)
        assert self.open.wait(120)
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def waiting(source: Source) -> RemoteState:
    """A state whose reads wait."""
    return RemoteState(source, ForkCache(MemoryStore()))


@pytest.fixture
async def beside(source: Source) -> AsyncIterator[RemoteState]:
    """A state that is read beside the event loop."""
    remote = RemoteState(source, ForkCache(MemoryStore()))
    remote.serve_beside()
    yield remote
    source.open.set()
    await asyncio.to_thread(remote.close)


def test_a_small_pallet_is_read_at_once(source: Source, waiting: RemoteState) -> None:
    for number in range(5):
        assert waiting.get(SMALL + bytes([number]) * 20) == bytes([number])
    assert waiting.get(SMALL + b"absent") is None
    assert list(waiting.keys(SMALL, None)) == sorted(k for k in source.state if SMALL in k)
    assert source.parts == [Part(SMALL, None, GROUP)]
    assert (waiting.reads, waiting.misses) == (1, 1)


def test_values_of_a_large_item_are_read_one_by_one(source: Source, waiting: RemoteState) -> None:
    last = ITEM + (2 * GROUP - 1).to_bytes(2, "big")
    assert waiting.get(last) == b"%d" % (2 * GROUP - 1)
    assert waiting.get(last) == b"%d" % (2 * GROUP - 1)
    assert waiting.get(ITEM + b"\0\0") == b"0"
    assert source.parts == [Part(LARGE, None, GROUP), Part(ITEM, None, GROUP), Part(last)]
    assert waiting.get(b":code") == b"version"
    assert waiting.get(b":none") is None
    assert waiting.get(b":none") is None
    assert len(source.parts) == 5


def test_a_walk_is_read_in_growing_pages_once(source: Source, waiting: RemoteState) -> None:
    keys = list(waiting.keys(b"", None))
    assert keys == sorted(source.state)
    sizes = [part.size for part in source.parts]
    assert sizes[:2] == [FIRST_PAGE, 4 * FIRST_PAGE]
    assert list(waiting.keys(b"", None)) == keys
    assert list(waiting.keys(b"", keys[FIRST_PAGE - 1])) == keys[FIRST_PAGE:]
    assert len(source.parts) == len(sizes)
    for key in keys:
        waiting.get(key)
    assert all(part.size for part in source.parts)


def test_pages_too_large_for_an_answer_are_not_asked_for_again(
    source: Source, waiting: RemoteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = source.page

    def page(prefix: bytes, after: bytes | None, size: int) -> Page:
        if size == GROUP:
            raise AnswerTooLarge("too large")
        return real(prefix, after, size)

    monkeypatch.setattr(source, "page", page)
    assert waiting.get(SMALL + b"\0" * 20) == b"\0"
    assert waiting.get(SMALL + b"\1" * 20) == b"\1"
    assert source.parts == [Part(SMALL + b"\0" * 20), Part(SMALL + b"\1" * 20)]
    assert len(list(waiting.keys(SMALL, None))) == 5


async def test_the_event_loop_goes_on_while_a_part_is_read(
    source: Source, beside: RemoteState
) -> None:
    key = SMALL + b"\1" * 20
    source.open.clear()
    first = asyncio.create_task(when_read(lambda: beside.get(key)))
    second = asyncio.create_task(when_read(lambda: beside.get(SMALL + b"\2" * 20)))
    while not source.parts:
        await asyncio.sleep(0)
    assert not first.done()
    with pytest.raises(NotRead):
        beside.get(key)
    source.open.set()
    assert (await first, await second) == (b"\1", b"\2")
    assert source.parts == [Part(SMALL, None, GROUP)]


async def test_a_part_that_no_caller_waits_for_is_read_all_the_same(
    source: Source, beside: RemoteState
) -> None:
    with pytest.raises(NotRead):
        beside.get(b":code")
    while not beside.reads:
        await asyncio.sleep(0)
    assert beside.get(b":code") == b"version"


async def test_while_the_other_node_is_away_reads_fail_at_once(
    source: Source, beside: RemoteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("btt_chain.node.dev.remote_state.monotonic", lambda: now)
    source.problem = RemoteAway("gone")
    with pytest.raises(RemoteAway, match="gone"):
        await when_read(lambda: beside.get(b":code"))
    with pytest.raises(RemoteAway, match="gone"):
        beside.get(b"another")
    assert len(source.parts) == 1
    now += 60
    source.problem = None
    assert await when_read(lambda: beside.get(b":code")) == b"version"
    assert beside.status()["failures"] == 1


async def test_a_wrong_answer_stops_its_own_part_only(source: Source, beside: RemoteState) -> None:
    source.problem = WrongAnswer("not proven")
    with pytest.raises(WrongAnswer):
        await when_read(lambda: beside.get(b":code"))
    source.problem = None
    assert await when_read(lambda: beside.get(SMALL + b"\1" * 20)) == b"\1"


async def test_a_cache_too_small_for_a_piece_of_work_is_reported(source: Source) -> None:
    remote = RemoteState(source, ForkCache(MemoryStore(), 1))
    remote.serve_beside()
    with pytest.raises(ReadingGivenUp, match="larger --fork-cache"):
        await when_read(lambda: remote.get(b":code"))
    assert len(source.parts) == MAX_REPEATS
    remote.close()


async def test_another_thread_reads_through_the_event_loop(
    source: Source, beside: RemoteState
) -> None:
    apart = beside.apart()
    value = await asyncio.to_thread(apart.get, SMALL + b"\1" * 20)
    keys = await asyncio.to_thread(lambda: list(apart.keys(LARGE, None)))
    assert (value, len(keys)) == (b"\1", 2 * GROUP)
