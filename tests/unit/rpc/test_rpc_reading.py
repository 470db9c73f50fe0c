"""Calls on a fork, a part of whose state is read from another node first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

import pytest

from btt_chain.chain.reading import MAX_REPEATS, ReadingGivenUp
from storage.fork import NotRead
from storage.state import StateUnavailable
from support.rpc_backend import ModelBackend, ModelState
from support.rpc_client import CallFailed, HttpClient, WsClient

Dial = Callable[[], Awaitable[WsClient]]

KEYS = [b"far%d" % number for number in range(5)]


class Far:
    """The part of the state that lies at the other node."""

    def __init__(self) -> None:
        self.here: set[bytes] = set()
        self.open = asyncio.Event()
        self.asked: list[bytes] = []
        self.problem: StateUnavailable | None = None
        self.keeps = True

    def check(self, keys: Sequence[bytes]) -> None:
        """Raise NotRead for the first of these keys that is not here."""
        for key in keys:
            if key.startswith(b"far") and key not in self.here:
                if self.problem is not None:
                    raise self.problem
                raise NotRead(str(key), partial(self.read, key))

    async def read(self, key: bytes) -> None:
        self.asked.append(key)
        await self.open.wait()
        if self.keeps:
            self.here.add(key)


@pytest.fixture
def far(backend: ModelBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    far = Far()
    backend.chain.block(changes=dict.fromkeys(KEYS, b"value"))
    get, keys = ModelState.get, ModelState.keys

    def far_get(state: ModelState, key: bytes) -> bytes | None:
        far.check([key])
        return get(state, key)

    def far_keys(state: ModelState, prefix: bytes, start: bytes | None, limit: int) -> list[bytes]:
        found = keys(state, prefix, start, limit)
        far.check(found)
        return found

    monkeypatch.setattr(ModelState, "get", far_get)
    monkeypatch.setattr(ModelState, "keys", far_keys)
    yield far
    far.open.set()


def hexed(key: bytes) -> str:
    return "0x" + key.hex()


VALUE = hexed(b"value")


async def test_a_call_waits_for_its_parts_while_others_are_answered(
    far: Far, ws: WsClient, dial: Dial
) -> None:
    slow = asyncio.create_task(ws.call("state_queryStorageAt", [hexed(key) for key in KEYS]))
    while not far.asked:
        await asyncio.sleep(0)
    other = await dial()
    assert await other.call("system_chain")
    assert not slow.done()
    far.open.set()
    assert (await slow)[0]["changes"] == [[hexed(key), VALUE] for key in KEYS]
    assert far.asked == KEYS


async def test_calls_over_http_wait_and_those_of_a_batch(far: Far, http: HttpClient) -> None:
    far.open.set()
    assert await http.call("state_getPairs", hexed(b"far")) == [[hexed(k), VALUE] for k in KEYS]
    far.here.clear()
    call = {"jsonrpc": "2.0", "id": 1, "method": "state_getStorage", "params": [hexed(KEYS[0])]}
    answers = await http.send([call, call])
    assert [answer["result"] for answer in answers] == [VALUE, VALUE]


async def test_a_part_that_cannot_be_read_is_an_error_with_the_reason(
    far: Far, http: HttpClient
) -> None:
    far.problem = ReadingGivenUp("the other node is gone")
    with pytest.raises(CallFailed, match="the other node is gone"):
        await http.call("state_getStorage", hexed(KEYS[0]))


async def test_a_part_that_does_not_stay_is_given_up(far: Far, http: HttpClient) -> None:
    far.open.set()
    far.keeps = False
    with pytest.raises(CallFailed, match="larger --fork-cache"):
        await http.call("state_getStorage", hexed(KEYS[0]))
    assert len(far.asked) == MAX_REPEATS


async def test_subscribers_receive_values_that_are_read_after_a_block(
    far: Far, ws: WsClient, backend: ModelBackend
) -> None:
    far.open.set()
    id = await ws.call("state_subscribeStorage", [hexed(KEYS[0])])
    assert (await ws.result(id))["changes"] == [[hexed(KEYS[0]), VALUE]]
    far.here.clear()
    backend.chain.block(changes={KEYS[0]: b"new"})
    assert (await ws.result(id))["changes"] == [[hexed(KEYS[0]), hexed(b"new")]]


async def test_streams_and_operations_have_each_item_once(
    far: Far, ws: WsClient, backend: ModelBackend
) -> None:
    far.open.set()
    hash = hexed(backend.chain.best_hash)
    queries = [{"key": hexed(key), "type": "value"} for key in KEYS[:2]]
    queries.append({"key": hexed(b"far"), "type": "descendantsValues"})
    wanted = [hexed(key) for key in (*KEYS[:2], *KEYS)]

    stream = await ws.call("archive_v1_storage", hash, queries)
    events = [await ws.result(stream) for _ in range(len(wanted) + 1)]
    assert [event.get("key") for event in events] == [*wanted, None]

    far.here.clear()
    follow = await ws.call("chainHead_v1_follow", False)
    await ws.call("chainHead_v1_storage", follow, hash, queries, None)
    found: list[str] = []
    while (event := await ws.result(follow))["event"] != "operationStorageDone":
        found += [item["key"] for item in event.get("items", [])]
    assert found == wanted
