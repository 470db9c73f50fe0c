"""chainHead_v1_*: following, pinning, operations."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.rpc import chain_head
from btt_chain.rpc.backend import Finalized, NewBest, NewBlock
from runtime import VERSION
from support.rpc_backend import ModelBackend, transfer
from support.rpc_client import CallFailed, Json, WsClient
from unit.rpc.conftest import Dial

UNKNOWN = "0x" + "11" * 32
LIMIT_REACHED = {"result": "limitReached"}


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


@pytest.fixture
def backend() -> ModelBackend:
    many = {b"many" + i.to_bytes(2, "big"): bytes([i % 251]) * 8 for i in range(1_200)}
    return ModelBackend({b"key": b"value"} | many)


class Client:
    """A follow and its events."""

    def __init__(self, ws: WsClient, id: str) -> None:
        self.ws = ws
        self.id = id

    async def event(self) -> Json:
        message = await self.ws.notification()
        assert message["method"] == "chainHead_v1_followEvent"
        assert message["params"]["subscription"] == self.id
        return message["params"]["result"]

    async def call(self, method: str, *params: Json) -> Json:
        return await self.ws.call(f"chainHead_v1_{method}", self.id, *params)

    async def start(self, method: str, *params: Json) -> str:
        answer = await self.call(method, *params)
        assert answer["result"] == "started", answer
        operation: str = answer["operationId"]
        return operation

    async def error(self, method: str, *params: Json) -> int:
        with pytest.raises(CallFailed) as caught:
            await self.call(method, *params)
        return int(caught.value.code)


async def follow(ws: WsClient, with_runtime: bool = False) -> Client:
    return Client(ws, await ws.call("chainHead_v1_follow", with_runtime))


async def follow_quietly(ws: WsClient, with_runtime: bool = False) -> Client:
    """A follow whose first two events are read."""
    client = await follow(ws, with_runtime)
    assert (await client.event())["event"] == "initialized"
    assert (await client.event())["event"] == "bestBlockChanged"
    return client


# ---- blocks


async def test_a_follow_begins_with_the_final_blocks_then_all_above_then_the_best(
    ws: WsClient, backend: ModelBackend
) -> None:
    chain = backend.chain
    final = [chain.genesis_hash, chain.block(), chain.block()]
    chain.finalize(final[-1])
    fork = chain.block(best=False)
    best = chain.block()
    top = chain.block(best)
    client = await follow(ws)
    assert await client.event() == {
        "event": "initialized",
        "finalizedBlockHashes": [hx(hash) for hash in final],
    }
    events = [await client.event() for _ in range(3)]
    assert {event["blockHash"] for event in events} == {hx(fork), hx(best), hx(top)}
    assert all(set(event) == {"event", "blockHash", "parentBlockHash"} for event in events)
    known = {hx(final[-1])}
    for event in events:
        assert event["parentBlockHash"] in known
        known.add(event["blockHash"])
    assert await client.event() == {"event": "bestBlockChanged", "bestBlockHash": hx(top)}


async def test_only_the_last_final_blocks_are_reported(ws: WsClient, backend: ModelBackend) -> None:
    made = [backend.chain.block() for _ in range(30)]
    backend.chain.finalize(made[-1])
    client = await follow(ws)
    hashes = (await client.event())["finalizedBlockHashes"]
    assert hashes == [hx(hash) for hash in made[-chain_head.FINALIZED_REPORTED :]]


async def test_with_runtime_the_runtime_is_reported_first_and_then_when_it_changes(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow(ws, with_runtime=True)
    first = await client.event()
    spec: dict[str, object] = {
        "specName": "model",
        "implName": "model-impl",
        "specVersion": 1,
        "implVersion": 0,
        "transactionVersion": 1,
        "apis": {hx(api): int(number) for api, number in VERSION.apis.value},
    }
    runtime = {
        "type": "valid",
        "spec": spec,
    }
    assert first["finalizedBlockRuntime"] == runtime
    await client.event()
    backend.chain.block()
    assert (await client.event())["newRuntime"] is None
    await client.event()
    backend.chain.upgrade(2)
    spec["specVersion"] = 2
    assert (await client.event())["newRuntime"] == runtime


async def test_a_runtime_that_cannot_be_read_is_reported_as_invalid(
    ws: WsClient, backend: ModelBackend
) -> None:
    backend.chain.blocks[backend.chain.genesis_hash].state = None
    client = await follow(ws, with_runtime=True)
    runtime = (await client.event())["finalizedBlockRuntime"]
    assert runtime["type"] == "invalid"
    assert "already discarded" in runtime["error"]


async def test_live_blocks_come_as_new_best_and_final(ws: WsClient, backend: ModelBackend) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    one = chain.block()
    two = chain.block()
    chain.finalize(two)
    assert await client.event() == {
        "event": "newBlock",
        "blockHash": hx(one),
        "parentBlockHash": hx(chain.genesis_hash),
    }
    assert await client.event() == {"event": "bestBlockChanged", "bestBlockHash": hx(one)}
    assert (await client.event())["blockHash"] == hx(two)
    assert await client.event() == {"event": "bestBlockChanged", "bestBlockHash": hx(two)}
    assert await client.event() == {
        "event": "finalized",
        "finalizedBlockHashes": [hx(one), hx(two)],
        "prunedBlockHashes": [],
    }


async def test_dead_forks_are_pruned_and_the_best_moves_away_first(
    ws: WsClient, backend: ModelBackend
) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    loser, winner = chain.block(chain.genesis_hash), chain.block(chain.genesis_hash, best=False)
    child = chain.block(loser)
    for _ in range(5):
        await client.event()
    chain.finalize(winner)
    assert await client.event() == {"event": "bestBlockChanged", "bestBlockHash": hx(winner)}
    event = await client.event()
    assert event["finalizedBlockHashes"] == [hx(winner)]
    assert sorted(event["prunedBlockHashes"]) == sorted([hx(loser), hx(child)])


async def test_even_if_the_node_forgets_to_move_its_best_the_follow_does_not(
    ws: WsClient, backend: ModelBackend
) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    loser, winner = chain.block(chain.genesis_hash), chain.block(chain.genesis_hash, best=False)
    for _ in range(3):
        await client.event()
    chain.final_hash = winner
    chain.emit(Finalized((winner,), (loser,)))
    assert await client.event() == {"event": "bestBlockChanged", "bestBlockHash": hx(winner)}
    assert (await client.event())["event"] == "finalized"


async def test_a_gap_in_the_chain_stops_the_follow(ws: WsClient, backend: ModelBackend) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    listeners, chain.listeners = chain.listeners, []
    chain.block()
    chain.listeners = listeners
    chain.block()
    assert await client.event() == {"event": "stop"}
    assert await ws.silence()
    assert not chain.pins
    assert await client.call("header", hx(chain.genesis_hash)) is None


@pytest.mark.parametrize(
    "event",
    [
        NewBlock(b"\x01" * 32, b"\x02" * 32, 9, True),
        NewBest(b"\x01" * 32, (), ()),
        Finalized((b"\x01" * 32,), ()),
    ],
)
async def test_a_block_that_was_not_reported_stops_the_follow(
    ws: WsClient, backend: ModelBackend, event: NewBlock | NewBest | Finalized
) -> None:
    client = await follow_quietly(ws)
    for listener in backend.chain.listeners[1:]:
        listener(event)
    assert await client.event() == {"event": "stop"}


async def test_a_follow_can_be_ended(ws: WsClient, backend: ModelBackend) -> None:
    client = await follow_quietly(ws)
    assert await client.call("unfollow") is None
    assert await client.call("unfollow") is None
    backend.chain.block()
    assert await ws.silence()
    assert not backend.chain.pins


async def test_a_connection_has_room_for_some_follows_and_no_more(ws: WsClient) -> None:
    clients = [await follow_quietly(ws) for _ in range(chain_head.MAX_FOLLOWS)]
    with pytest.raises(CallFailed) as caught:
        await follow(ws)
    assert caught.value.code == -32800
    await clients[0].call("unfollow")
    await follow(ws)


async def test_a_connection_cannot_use_the_follow_of_another(
    ws: WsClient, dial: Dial, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws)
    thief = Client(await dial(), client.id)
    hash = hx(backend.chain.genesis_hash)
    assert await thief.call("header", hash) is None
    assert await thief.call("body", hash) == LIMIT_REACHED
    assert await thief.call("unpin", hash) is None
    await thief.ws.socket.close()
    assert await client.call("header", hash) is not None


# ---- pins


async def test_a_pinned_header_comes_in_scale(ws: WsClient, backend: ModelBackend) -> None:
    client = await follow_quietly(ws)
    raw = await client.call("header", hx(backend.chain.genesis_hash))
    assert Header.decode(bytes.fromhex(raw[2:])).hash() == backend.chain.genesis_hash


async def test_blocks_are_pinned_until_unpinned(ws: WsClient, backend: ModelBackend) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    one, two = chain.block(), chain.block()
    hashes = [hx(one), hx(two)]
    assert await client.error("header", UNKNOWN) == -32801
    assert await client.error("unpin", [*hashes, hashes[0]]) == -32804
    assert await client.error("unpin", [*hashes, UNKNOWN]) == -32801
    for hash in hashes:
        assert await client.call("header", hash) is not None
    assert await client.call("unpin", hashes) is None
    assert await client.call("unpin", hx(chain.genesis_hash)) is None
    for method, params in (
        ("header", []),
        ("body", []),
        ("call", ["Core_version", ""]),
        ("storage", [[]]),
        ("unpin", []),
    ):
        expected = -32802 if method == "call" else -32801
        assert await client.error(method, hashes[0], *params) in {-32801, expected}
    assert not chain.pins


async def test_a_pruned_block_stays_pinned(ws: WsClient, backend: ModelBackend) -> None:
    chain = backend.chain
    client = await follow_quietly(ws)
    loser, winner = chain.block(chain.genesis_hash), chain.block(chain.genesis_hash, best=False)
    chain.finalize(winner)
    assert chain.pins[loser] == 1
    assert await client.call("header", hx(loser)) is not None


async def test_who_pins_too_many_final_blocks_is_stopped(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_head, "MAX_SETTLED_PINS", 5)
    client = await follow_quietly(ws)
    for _ in range(5):
        backend.chain.finalize(backend.chain.block())
    events = [(await client.event())["event"] for _ in range(16)]
    assert events[-2:] == ["finalized", "stop"]
    assert not backend.chain.pins


async def test_who_holds_on_to_the_past_is_stopped(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_head, "MAX_PIN_AGE", 3)
    client = await follow_quietly(ws)
    for _ in range(4):
        hash = backend.chain.block()
        backend.chain.finalize(hash)
        assert await client.ws.silence() is False
        if backend.chain.finalized().number < 4:
            await client.call("unpin", hx(hash))
    events = [(await client.event())["event"] for _ in range(13)]
    assert events[-2:] == ["finalized", "stop"]


async def test_who_holds_on_to_a_fork_that_died_unnoticed_is_stopped(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_head, "MAX_PIN_AGE", 3)
    chain = backend.chain
    client = await follow_quietly(ws)
    fork = chain.block(best=False)
    await client.call("unpin", hx(chain.genesis_hash))
    for number in range(1, 6):
        hash = chain.block()
        chain.final_hash = hash
        chain.emit(Finalized((hash,), ()))
        if number < 5:
            await client.call("unpin", hx(hash))
            assert chain.pins == {fork: 1}
    events = [(await client.event())["event"] for _ in range(17)]
    assert events[-2:] == ["finalized", "stop"]
    assert not chain.pins


async def test_unfinalized_blocks_are_never_too_many(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_head, "MAX_SETTLED_PINS", 5)
    client = await follow_quietly(ws)
    for _ in range(20):
        backend.chain.block()
    events = {(await client.event())["event"] for _ in range(40)}
    assert events == {"newBlock", "bestBlockChanged"}


# ---- operations


async def test_a_body_follows_its_operation_id(ws: WsClient, backend: ModelBackend) -> None:
    hash = backend.chain.block(body=[transfer()])
    backend.chain.finalize(hash)
    client = await follow_quietly(ws)
    operation = await client.start("body", hx(hash))
    assert not ws.waiting
    assert await client.event() == {
        "event": "operationBodyDone",
        "operationId": operation,
        "value": [hx(opaque(transfer()))],
    }


async def test_a_call_gives_its_output_or_says_why_not(ws: WsClient, backend: ModelBackend) -> None:
    hash = hx(backend.chain.genesis_hash)
    client = await follow_quietly(ws, with_runtime=True)
    operation = await client.start("call", hash, "Echo_echo", "0xd435")
    assert await client.event() == {
        "event": "operationCallDone",
        "operationId": operation,
        "output": "0xd435",
    }
    operation = await client.start("call", hash, "No_such", "")
    assert await client.event() == {
        "event": "operationError",
        "operationId": operation,
        "error": "Execution failed: Other: Exported method No_such is not found",
    }
    backend.chain.blocks[backend.chain.genesis_hash].state = None
    operation = await client.start("call", hash, "Echo_echo", "")
    assert await client.event() == {"event": "operationInaccessible", "operationId": operation}


async def test_a_call_that_fails_unforeseen_is_an_error_and_the_connection_lives(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws, with_runtime=True)
    operation = await client.start("call", hx(backend.chain.genesis_hash), "Model_bug", "")
    assert await client.event() == {
        "event": "operationError",
        "operationId": operation,
        "error": "Internal error",
    }
    assert await ws.silence()


async def test_a_call_needs_a_follow_with_runtime(ws: WsClient, backend: ModelBackend) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    assert await client.error("call", hash, "Echo_echo", "") == -32802


async def test_storage_answers_what_is_there_and_nothing_for_the_rest(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws)
    hash = backend.chain.genesis_hash
    key, absent = hx(b"key"), hx(b"absent")
    queries = [
        {"key": key, "type": "value"},
        {"key": key, "type": "hash"},
        {"key": absent, "type": "value"},
        {"key": absent, "type": "closestDescendantMerkleValue"},
        {"key": hx(b"many"), "type": "closestDescendantMerkleValue"},
    ]
    answer = await client.call("storage", hx(hash), queries, None)
    assert answer == {"result": "started", "operationId": "1", "discardedItems": 0}
    event = await client.event()
    closest = backend.chain.state(hash).closest_descendant(b"many") or b""
    assert event == {
        "event": "operationStorageItems",
        "operationId": "1",
        "items": [
            {"key": key, "value": hx(b"value")},
            {"key": key, "hash": hx(blake2_256(b"value"))},
            {"key": hx(b"many"), "closestDescendantMerkleValue": hx(closest)},
        ],
    }
    assert await client.event() == {"event": "operationStorageDone", "operationId": "1"}


async def test_storage_with_no_answer_is_done_at_once(ws: WsClient, backend: ModelBackend) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    for items, child in (([], None), ([{"key": "0x00", "type": "value"}], None),
                         ([{"key": hx(b"key"), "type": "value"}], "0x00")):  # fmt: skip
        operation = await client.start("storage", hash, items, child)
        assert await client.event() == {
            "event": "operationStorageDone",
            "operationId": operation,
        }


@pytest.mark.parametrize(
    ("kind", "member"), [("descendantsValues", "value"), ("descendantsHashes", "hash")]
)
async def test_descendants_come_in_pages_that_wait_to_be_continued(
    ws: WsClient, backend: ModelBackend, kind: str, member: str
) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    operation = await client.start("storage", hash, [{"key": hx(b"many"), "type": kind}])
    found: list[Json] = []
    while True:
        event = await client.event()
        if event["event"] == "operationStorageDone":
            break
        assert event["event"] == "operationStorageItems"
        found += event["items"]
        if len(found) < 1_200:
            waiting = await client.event()
            assert waiting == {"event": "operationWaitingForContinue", "operationId": operation}
            assert await client.call("continue", operation) is None
    assert [item["key"] for item in found] == [
        hx(b"many" + i.to_bytes(2, "big")) for i in range(1_200)
    ]
    assert all(set(item) == {"key", member} for item in found)


async def test_pages_end_by_bytes_as_well(ws: WsClient, backend: ModelBackend) -> None:
    big = {b"big" + bytes([i]): bytes(300_000) for i in range(6)}
    backend.chain.finalize(backend.chain.block(changes=big))
    client = await follow_quietly(ws)
    query = {"key": hx(b"big"), "type": "descendantsValues"}
    operation = await client.start("storage", hx(backend.chain.best_hash), [query])
    assert len((await client.event())["items"]) < 6
    assert (await client.event())["event"] == "operationWaitingForContinue"
    assert await client.call("stopOperation", operation) is None
    assert await client.call("continue", operation) is None
    assert await ws.silence()


async def test_operations_are_limited_and_items_beyond_are_discarded(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    walk = {"key": hx(b"many"), "type": "descendantsValues"}
    answer = await client.call("storage", hash, [walk] * 20)
    assert answer["discardedItems"] == 20 - chain_head.MAX_OPERATIONS
    for method, params in (("body", []), ("storage", [[walk]])):
        assert await client.call(method, hash, *params) == LIMIT_REACHED
    await client.call("stopOperation", answer["operationId"])
    assert (await client.call("storage", hash, [walk]))["discardedItems"] == 0


async def test_continuing_what_does_not_wait_is_an_error_and_what_is_over_is_not(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    operation = await client.start("body", hash)
    assert await client.call("continue", operation) is None
    assert await client.call("continue", "no such") is None
    walk = {"key": hx(b"many"), "type": "descendantsValues"}
    request = '{"jsonrpc":"2.0","id":%d,"method":"chainHead_v1_%s","params":%s}'
    items = f'["{client.id}","{hash}",[{{"key":"{walk["key"]}","type":"{walk["type"]}"}}]]'
    going = f'["{client.id}","2"]'
    await ws.send_raw(
        "[" + request % (98, "storage", items) + "," + request % (99, "continue", going) + "]"
    )
    await client.event()
    answers = await ws.next()
    assert answers[0]["result"]["operationId"] == "2"
    assert answers[1]["error"]["code"] == -32803


async def test_an_operation_goes_on_though_its_block_is_unpinned(
    ws: WsClient, backend: ModelBackend
) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    walk = {"key": hx(b"many"), "type": "descendantsHashes"}
    operation = await client.start("storage", hash, [walk])
    await client.event()
    await client.event()
    await client.call("unpin", hash)
    await client.call("continue", operation)
    assert (await client.event())["event"] == "operationStorageItems"


async def test_a_dead_follow_answers_null_and_limit_reached(
    ws: WsClient, backend: ModelBackend
) -> None:
    dead = Client(ws, "no such follow")
    hash = hx(backend.chain.genesis_hash)
    assert await dead.call("header", hash) is None
    assert await dead.call("body", hash) == LIMIT_REACHED
    assert await dead.call("call", hash, "Core_version", "") == LIMIT_REACHED
    assert await dead.call("storage", hash, [], None) == LIMIT_REACHED
    assert await dead.call("unpin", [hash]) is None
    assert await dead.call("continue", "1") is None
    assert await dead.call("stopOperation", "1") is None
    assert await dead.call("unfollow") is None


async def test_wrong_parameters_are_32602(ws: WsClient, backend: ModelBackend) -> None:
    client = await follow_quietly(ws)
    hash = hx(backend.chain.genesis_hash)
    for method, params in (
        ("header", ["0x00"]),
        ("header", []),
        ("unpin", [7]),
        ("storage", [hash, [{"key": "0x00", "type": "values"}]]),
        ("storage", [hash, [{"key": "0x0", "type": "value"}]]),
        ("storage", [hash, [{"type": "value"}]]),
        ("storage", [hash, {}]),
        ("storage", [hash, [{"key": "0x", "type": "value", "paginationStartKey": "0x"}]]),
    ):
        assert await client.error(method, *params) == -32602
    with pytest.raises(CallFailed) as caught:
        await ws.call("chainHead_v1_follow")
    assert caught.value.code == -32602
