"""archive_v1_*: any block, any state."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.rpc import archive
from btt_chain.rpc.backend import StateReader
from btt_chain.rpc.connection import Connection
from btt_chain.rpc.storage_query import Item, Query, look_up
from support.rpc_backend import ModelBackend, transfer
from support.rpc_client import CallFailed, HttpClient, Json, WsClient

UNKNOWN = "0x" + "11" * 32


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


@pytest.fixture
def backend() -> ModelBackend:
    many = {b"many" + i.to_bytes(2, "big"): bytes([i % 251]) * 8 for i in range(1_200)}
    return ModelBackend({b"key": b"value"} | many)


async def stream(ws: WsClient, method: str, *params: Json) -> list[Json]:
    """Every event of a stream; the last one ends it."""
    subscription = await ws.call(method, *params)
    events: list[Json] = []
    while not events or events[-1]["event"] in {"storage", "storageDiff"}:
        events.append(await ws.result(subscription))
    assert await ws.silence()
    return events


async def test_blocks_by_hash_and_height(http: HttpClient, backend: ModelBackend) -> None:
    chain = backend.chain
    zero = chain.genesis_hash
    one = chain.block(body=[transfer()])
    chain.finalize(one)
    above = [chain.block(one), chain.block(one, best=False)]
    assert await http.call("archive_v1_genesisHash") == hx(zero)
    assert await http.call("archive_v1_finalizedHeight") == 1
    assert await http.call("archive_v1_hashByHeight", 1) == [hx(one)]
    assert sorted(await http.call("archive_v1_hashByHeight", 2)) == sorted(map(hx, above))
    assert await http.call("archive_v1_hashByHeight", 9) == []
    assert await http.call("archive_v1_body", hx(one)) == [hx(opaque(transfer()))]
    raw = await http.call("archive_v1_header", hx(one))
    assert Header.decode(bytes.fromhex(raw[2:])).hash() == one
    for method in ("archive_v1_body", "archive_v1_header"):
        assert await http.call(method, UNKNOWN) is None


async def test_a_call_succeeds_fails_or_has_no_block(
    http: HttpClient, backend: ModelBackend
) -> None:
    hash = hx(backend.chain.genesis_hash)
    call = "archive_v1_call"
    assert await http.call(call, hash, "Echo_echo", "0x01") == {"success": True, "value": "0x01"}
    failed = await http.call(call, hash, "No_such", "")
    assert failed["success"] is False
    assert "Exported method No_such is not found" in failed["error"]
    assert await http.call(call, UNKNOWN, "Echo_echo", "") is None
    backend.chain.blocks[backend.chain.genesis_hash].state = None
    assert (await http.call(call, hash, "Echo_echo", ""))["success"] is False


async def test_storage_is_streamed_item_by_item(ws: WsClient, backend: ModelBackend) -> None:
    hash = backend.chain.genesis_hash
    key = hx(b"key")
    items = [
        {"key": key, "type": "value"},
        {"key": hx(b"absent"), "type": "value"},
        {"key": key, "type": "hash"},
        {"key": key, "type": "closestDescendantMerkleValue"},
    ]
    closest = backend.chain.state(hash).closest_descendant(b"key") or b""
    assert await stream(ws, "archive_v1_storage", hx(hash), items, None) == [
        {"event": "storage", "key": key, "value": hx(b"value")},
        {"event": "storage", "key": key, "hash": hx(blake2_256(b"value"))},
        {"event": "storage", "key": key, "closestDescendantMerkleValue": hx(closest)},
        {"event": "storageDone"},
    ]


async def test_all_descendants_come_without_asking_again(
    ws: WsClient, backend: ModelBackend
) -> None:
    hash = hx(backend.chain.genesis_hash)
    walk = {"key": hx(b"many"), "type": "descendantsValues"}
    events = await stream(ws, "archive_v1_storage", hash, [walk])
    assert len(events) == 1_201
    keys = [event["key"] for event in events[:-1]]
    assert keys == sorted(set(keys))
    walk["paginationStartKey"] = keys[1_100]
    events = await stream(ws, "archive_v1_storage", hash, [walk])
    assert [event["key"] for event in events[:-1]] == keys[1_101:]


async def test_child_tries_hold_nothing(ws: WsClient, backend: ModelBackend) -> None:
    item = {"key": hx(b"key"), "type": "value"}
    events = await stream(ws, "archive_v1_storage", hx(backend.chain.genesis_hash), [item], "0x01")
    assert events == [{"event": "storageDone"}]


async def test_storage_of_an_unknown_block_is_an_error_event(ws: WsClient) -> None:
    events = await stream(ws, "archive_v1_storage", UNKNOWN, [{"key": "0x", "type": "value"}])
    assert [event["event"] for event in events] == ["storageError"]
    assert UNKNOWN in events[0]["error"]


async def test_a_stream_can_be_stopped(ws: WsClient, backend: ModelBackend) -> None:
    hash = hx(backend.chain.genesis_hash)
    walk = {"key": "0x", "type": "descendantsValues"}
    subscription = await ws.call("archive_v1_storage", hash, [walk] * 3)
    assert await ws.call("archive_v1_stopStorage", subscription) is None
    assert await ws.call("archive_v1_stopStorage", subscription) is None
    ws.waiting.clear()
    assert await ws.silence()


@pytest.mark.parametrize(
    ("method", "item"),
    [
        ("archive_v1_storage", {"key": "0x", "type": "value"}),
        ("archive_v1_storageDiff", {"key": "0x01", "returnType": "value"}),
    ],
)
async def test_a_stream_takes_so_many_items(
    ws: WsClient, backend: ModelBackend, method: str, item: Json
) -> None:
    hash = hx(backend.chain.block())
    events = await stream(ws, method, hash, [item] * 1_024)
    assert [event["event"][-4:] for event in events] == ["Done"]
    with pytest.raises(CallFailed, match="1025 items, at most 1024") as caught:
        await ws.call(method, hash, [item] * 1_025)
    assert caught.value.code == -32602


async def test_look_ups_leave_others_their_turn_and_end_with_the_subscription(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Query] = []

    def counted(state: StateReader, query: Query) -> Item | None:
        looked.append(query)
        return look_up(state, query)

    monkeypatch.setattr(archive, "look_up", counted)
    flush = Connection.flush

    async def gone(connection: Connection) -> None:
        if looked:
            connection.wire.cut()
            connection.closed = True
        await flush(connection)

    monkeypatch.setattr(Connection, "flush", gone)
    items = [{"key": "0x", "type": "value"}] * 1_000
    await ws.call("archive_v1_storage", hx(backend.chain.genesis_hash), items)
    await ws.closed()
    assert len(looked) == archive.LOOK_UPS


async def test_streams_are_limited(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_STREAMS", 0)
    hash = hx(backend.chain.genesis_hash)
    for method in ("archive_v1_storage", "archive_v1_storageDiff"):
        with pytest.raises(CallFailed) as caught:
            await ws.call(method, hash, [])
        assert caught.value.code == -32006


async def test_a_difference_names_what_was_added_modified_and_deleted(
    ws: WsClient, backend: ModelBackend
) -> None:
    many = {b"many" + i.to_bytes(2, "big"): b"new" for i in range(0, 1_200, 100)}
    changes = {b"key": None, b"added": b"1", b"zz": b"2"} | many
    hash = backend.chain.block(changes=changes)
    events = await stream(ws, "archive_v1_storageDiff", hx(hash))
    assert events[-1] == {"event": "storageDiffDone"}
    by_key = {event["key"]: event for event in events[:-1]}
    assert len(by_key) == len(events) - 1 == len(changes)
    assert by_key[hx(b"key")] == {"event": "storageDiff", "key": hx(b"key"), "type": "deleted"}
    assert by_key[hx(b"added")]["type"] == "added"
    assert by_key[hx(b"added")]["value"] == hx(b"1")
    assert all(by_key[hx(key)]["type"] == "modified" for key in many)


async def test_a_difference_under_prefixes_as_values_or_hashes_from_an_ancestor(
    ws: WsClient, backend: ModelBackend
) -> None:
    zero = backend.chain.genesis_hash
    backend.chain.block(changes={b"key": b"1"})
    hash = backend.chain.block(changes={b"other": b"2"})
    items = [
        {"key": hx(b"key"), "returnType": "hash"},
        {"key": hx(b"none"), "returnType": "value"},
        {"key": hx(b"o"), "returnType": "value", "childTrieKey": "0x01"},
    ]
    events = await stream(ws, "archive_v1_storageDiff", hx(hash), items, hx(zero))
    assert events == [
        {
            "event": "storageDiff",
            "key": hx(b"key"),
            "type": "modified",
            "hash": hx(blake2_256(b"1")),
        },
        {"event": "storageDiffDone"},
    ]


async def test_a_difference_needs_an_ancestor_and_states_that_exist(
    ws: WsClient, backend: ModelBackend
) -> None:
    zero = backend.chain.genesis_hash
    one, other = backend.chain.block(zero), backend.chain.block(zero, best=False)
    child = backend.chain.block(other, best=False)
    for hash, previous in ((one, other), (child, one), (zero, one)):
        with pytest.raises(CallFailed, match="not an ancestor") as caught:
            await ws.call("archive_v1_storageDiff", hx(hash), None, hx(previous))
        assert caught.value.code == -32602
    events = await stream(ws, "archive_v1_storageDiff", hx(child), [], hx(other))
    assert events == [{"event": "storageDiffDone"}]
    events = await stream(ws, "archive_v1_storageDiff", UNKNOWN)
    assert [event["event"] for event in events] == ["storageDiffError"]
    with pytest.raises(CallFailed, match="genesis has no parent") as caught:
        await ws.call("archive_v1_storageDiff", hx(zero))
    assert caught.value.code == -32602
    events = await stream(ws, "archive_v1_storageDiff", hx(zero), None, hx(zero))
    assert events == [{"event": "storageDiffDone"}]
    with pytest.raises(CallFailed, match="returnType"):
        await ws.call("archive_v1_storageDiff", hx(one), [{"key": "0x"}])
