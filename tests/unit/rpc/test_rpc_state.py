"""state_*: storage, proofs, runtime calls, metadata."""

from __future__ import annotations

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.rpc import state as state_api
from runtime import VERSION
from runtime.frame.version import CODE_KEY
from storage.trie import verify_proof
from support.rpc_backend import METADATA, ModelBackend, ModelState
from support.rpc_client import CallFailed, HttpClient, WsClient
from unit.rpc.conftest import Dial

UNKNOWN = "0x" + "11" * 32
CODE = "0x3a636f6465"


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


@pytest.fixture
def backend() -> ModelBackend:
    many = {b"many" + bytes([i // 256, i % 256]): bytes([i % 251]) * (i % 60) for i in range(1_500)}
    return ModelBackend({b"key": b"value", b"empty": b""} | many)


async def error(http: HttpClient, method: str, *params: object) -> tuple[int, str]:
    with pytest.raises(CallFailed) as caught:
        await http.call(method, *params)
    return caught.value.code, caught.value.message


async def test_metadata_is_the_bare_v14(http: HttpClient) -> None:
    assert await http.call("state_getMetadata") == hx(METADATA)


async def test_the_runtime_version_has_apis_in_a_list_and_both_last_members(
    http: HttpClient,
) -> None:
    version = await http.call("state_getRuntimeVersion")
    assert version == await http.call("chain_getRuntimeVersion", None)
    assert version == {
        "specName": "model",
        "implName": "model-impl",
        "authoringVersion": 1,
        "specVersion": 1,
        "implVersion": 0,
        "apis": [[hx(api), int(number)] for api, number in VERSION.apis.value],
        "transactionVersion": 1,
        "systemVersion": 1,
        "stateVersion": 1,
    }
    assert version["apis"][:2] == [["0xdf6acb689907609b", 5], ["0x37e397fc7c91f5e4", 2]]


async def test_an_upgrade_shows_at_its_block_and_not_before(
    http: HttpClient, backend: ModelBackend
) -> None:
    before = backend.chain.best_hash
    code = await http.call("state_getStorageHash", CODE)
    after = backend.chain.upgrade(2)
    assert (await http.call("state_getRuntimeVersion"))["specVersion"] == 2
    assert (await http.call("state_getRuntimeVersion", hx(after)))["specVersion"] == 2
    assert (await http.call("state_getRuntimeVersion", hx(before)))["specVersion"] == 1
    assert await http.call("state_getStorageHash", CODE) != code


async def test_values_their_hashes_and_sizes(http: HttpClient) -> None:
    key = b"key".hex()
    assert await http.call("state_getStorage", key) == hx(b"value")
    assert await http.call("state_getStorageAt", "0x" + key) == hx(b"value")
    assert await http.call("state_getStorage", hx(b"empty")) == "0x"
    assert await http.call("state_getStorage", hx(b"none")) is None
    assert await http.call("state_getStorageHash", key) == hx(blake2_256(b"value"))
    assert await http.call("state_getStorageHash", hx(b"none")) is None
    assert await http.call("state_getStorageSize", key) == 5
    assert await http.call("state_getStorageSize", hx(b"none")) is None
    assert await http.call("state_getStorageSize", hx(b"many")) == sum(i % 60 for i in range(1_500))


async def test_the_past_can_be_asked(http: HttpClient, backend: ModelBackend) -> None:
    before = backend.chain.best_hash
    backend.chain.block(changes={b"key": b"other"})
    assert await http.call("state_getStorage", hx(b"key")) == hx(b"other")
    assert await http.call("state_getStorage", hx(b"key"), hx(before)) == hx(b"value")


async def test_an_unknown_block_is_error_4003(http: HttpClient) -> None:
    reason = f"Header was not found in the database: {UNKNOWN}"
    expected = (4003, f"Client error: UnknownBlock: {reason}")
    for method, params in (
        ("state_getStorage", ["0x00"]),
        ("state_getKeysPaged", ["0x00", 1, None]),
        ("state_getKeys", ["0x00"]),
        ("state_queryStorageAt", [["0x00"]]),
        ("state_getReadProof", [["0x00"]]),
        ("state_call", ["Core_version", ""]),
    ):
        assert await error(http, method, *params, UNKNOWN) == expected
    expected = (4003, f"Client error: Api called for an unknown Block: {reason}")
    assert await error(http, "state_getRuntimeVersion", UNKNOWN) == expected
    assert await error(http, "state_getMetadata", UNKNOWN) == expected


async def test_a_pruned_state_is_error_4003_in_words_that_clients_know(
    http: HttpClient, backend: ModelBackend
) -> None:
    old = backend.chain.best_hash
    backend.chain.block()
    backend.chain.blocks[old].state = None
    assert await error(http, "state_getStorage", "0x00", hx(old)) == (
        4003,
        f"Client error: UnknownBlock: State already discarded for {hx(old)}",
    )
    assert await error(http, "state_getRuntimeVersion", hx(old)) == (
        4003,
        f"Client error: Api called for an unknown Block: State already discarded for {hx(old)}",
    )


async def test_keys_come_in_pages_strictly_after_the_start(http: HttpClient) -> None:
    prefix, found, start = hx(b"many"), list[str](), None
    while page := await http.call("state_getKeysPaged", prefix, 400, start):
        found += page
        start = page[-1]
    assert len(found) == 1_500
    assert found == sorted(found)
    assert found == await http.call("state_getKeys", prefix)
    assert await http.call("state_getKeysPagedAt", None, 2) == await http.call(
        "state_getKeysPaged", "", 2, ""
    )


async def test_a_page_has_at_most_a_thousand_keys(http: HttpClient) -> None:
    assert len(await http.call("state_getKeysPaged", "0x", 1_000)) == 1_000
    assert await error(http, "state_getKeysPaged", "0x", 1_001) == (
        4002,
        "count exceeds maximum value. value: 1001, max: 1000",
    )


async def test_pairs_are_keys_with_values(http: HttpClient) -> None:
    assert await http.call("state_getPairs", hx(b"k")) == [[hx(b"key"), hx(b"value")]]
    assert len(await http.call("state_getPairs", hx(b"many"))) == 1_500


async def test_several_keys_are_read_in_one_change_set(
    http: HttpClient, backend: ModelBackend
) -> None:
    keys = [hx(b"none"), hx(b"key")]
    assert await http.call("state_queryStorageAt", keys) == [
        {
            "block": hx(backend.chain.best_hash),
            "changes": [[hx(b"none"), None], [hx(b"key"), hx(b"value")]],
        }
    ]
    assert await http.call("state_queryStorageAt", []) == []


async def test_a_range_of_blocks_gives_only_what_changed(
    http: HttpClient, backend: ModelBackend
) -> None:
    zero = backend.chain.best_hash
    backend.chain.block()
    two = backend.chain.block(changes={b"key": b"other"})
    last = backend.chain.block(changes={b"key": None})
    sets = await http.call("state_queryStorage", [hx(b"key")], hx(zero), hx(last))
    assert [(one["block"], one["changes"]) for one in sets] == [
        (hx(zero), [[hx(b"key"), hx(b"value")]]),
        (hx(two), [[hx(b"key"), hx(b"other")]]),
        (hx(last), [[hx(b"key"), None]]),
    ]


async def test_a_range_across_forks_or_from_nowhere_is_error_4001(
    http: HttpClient, backend: ModelBackend
) -> None:
    base = backend.chain.best_hash
    one, other = backend.chain.block(base), backend.chain.block(base, best=False)
    for first, last in ((one, other), (one, base)):
        code, text = await error(http, "state_queryStorage", ["0x00"], hx(first), hx(last))
        assert code == 4001
        assert text.endswith("from and to are on different forks")
    code, text = await error(http, "state_queryStorage", ["0x00"], UNKNOWN, hx(one))
    assert code == 4001
    assert "not found" in text


async def test_a_read_proof_shows_values_and_absences_under_the_state_root(
    http: HttpClient, backend: ModelBackend
) -> None:
    keys = [b"key", b"absent", b"many\x00\x37"]
    proof = await http.call("state_getReadProof", [hx(key) for key in keys])
    header = await http.call("chain_getHeader", proof["at"])
    nodes = [bytes.fromhex(node[2:]) for node in proof["proof"]]
    shown = verify_proof(bytes.fromhex(header["stateRoot"][2:]), nodes, keys)
    assert shown == {key: backend.chain.state(backend.chain.best_hash).get(key) for key in keys}


async def test_a_runtime_call_returns_bytes_or_says_that_there_is_no_such_function(
    http: HttpClient, backend: ModelBackend
) -> None:
    assert await http.call("state_call", "Echo_echo", "0x0f000000") == "0x0f000000"
    assert await http.call("state_callAt", "Echo_echo", "", None) == "0x"
    hash = hx(backend.chain.best_hash)
    assert await http.call("state_call", "Echo_echo", "d435", hash) == "0xd435"
    assert await error(http, "state_call", "No_such", "0x") == (
        4003,
        "Client error: Execution failed: Other: Exported method No_such is not found",
    )


async def test_too_many_keys_are_refused(http: HttpClient) -> None:
    code, text = await error(http, "state_queryStorageAt", ["0x00"] * 4_097)
    assert (code, text) == (
        -32602,
        "Invalid params: 4097 keys, at most 4096 are answered at once",
    )


async def test_a_storage_subscription_sends_all_keys_first_and_then_what_changes(
    ws: WsClient, backend: ModelBackend
) -> None:
    keys = [hx(b"key"), hx(b"none"), hx(b"empty")]
    subscription = await ws.call("state_subscribeStorage", keys)
    first = await ws.notification()
    assert first["method"] == "state_storage"
    assert first["params"]["result"] == {
        "block": hx(backend.chain.best_hash),
        "changes": [[hx(b"key"), hx(b"value")], [hx(b"none"), None], [hx(b"empty"), "0x"]],
    }
    backend.chain.block()
    backend.chain.block(changes={b"unrelated": b"1"})
    assert await ws.silence()
    block = backend.chain.block(changes={b"none": b"now", b"empty": None, b"other": b"1"})
    assert await ws.result(subscription) == {
        "block": hx(block),
        "changes": [[hx(b"none"), hx(b"now")], [hx(b"empty"), None]],
    }


async def test_a_reorganisation_sends_the_values_of_the_new_branch(
    ws: WsClient, backend: ModelBackend
) -> None:
    base = backend.chain.best_hash
    subscription = await ws.call("state_subscribeStorage", [hx(b"key")])
    await ws.notification()
    backend.chain.block(base, changes={b"key": b"A" * 100})
    fork = backend.chain.block(base, changes={b"key": b"B" * 100}, best=False)
    backend.chain.set_best(fork)
    values = [(await ws.result(subscription))["changes"][0][1] for _ in range(2)]
    assert values == [hx(b"A" * 100), hx(b"B" * 100)]


async def subscribe_refused(ws: WsClient, keys: list[str]) -> str:
    with pytest.raises(CallFailed) as caught:
        await ws.call("state_subscribeStorage", keys)
    assert caught.value.code == -32006
    return str(caught.value.message)


async def test_one_connection_watches_so_many_keys_over_all_its_subscriptions(
    ws: WsClient, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_api, "MAX_WATCHED", 5)
    first = await ws.call("state_subscribeStorage", [hx(b"a"), hx(b"b"), hx(b"c"), hx(b"a")])
    refused = "Too many storage keys are watched on the connection"
    assert await subscribe_refused(ws, [hx(b"a"), hx(b"b"), hx(b"d")]) == refused
    # A key of many bytes counts as several.
    assert await subscribe_refused(ws, ["0x" + "00" * 600]) == refused
    await ws.call("state_subscribeStorage", [hx(b"d"), hx(b"e")])
    assert await subscribe_refused(ws, [hx(b"f")]) == refused
    other = await dial()
    await other.call("state_subscribeStorage", [hx(b"f")])
    await other.socket.close()
    await ws.call("state_unsubscribeStorage", first)
    await ws.call("state_subscribeStorage", [hx(b"g")])


async def test_all_connections_together_watch_so_many_keys_and_a_closed_one_gives_its_back(
    ws: WsClient, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_api, "MAX_WATCHED_BY_ALL", 5)
    other = await dial()
    held = await other.call("state_subscribeStorage", [hx(b"a"), hx(b"b"), hx(b"c")])
    keys = [hx(b"d"), hx(b"e"), hx(b"f")]
    refused = "Too many storage keys are watched on the node"
    assert await subscribe_refused(ws, keys) == refused
    assert await other.call("state_unsubscribeStorage", held) is True
    await ws.call("state_subscribeStorage", keys)
    await other.socket.close()


async def test_a_key_that_many_watch_is_read_once_a_block_and_sent_to_each(
    ws: WsClient, backend: ModelBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [hx(b"key"), hx(b"none")]
    subscriptions = [await ws.call("state_subscribeStorage", keys) for _ in range(3)]
    for _ in subscriptions:
        await ws.notification()
    read: list[bytes] = []
    get = ModelState.get

    def counted(state: ModelState, key: bytes) -> bytes | None:
        if key != CODE_KEY:  # read once a block, for the methods of its runtime
            read.append(key)
        return get(state, key)

    monkeypatch.setattr(ModelState, "get", counted)
    block = backend.chain.block(changes={b"key": b"other"})
    assert sorted(read) == [b"key", b"none"]
    changed = {"block": hx(block), "changes": [[hx(b"key"), hx(b"other")]]}
    for subscription in subscriptions:
        assert await ws.result(subscription) == changed
    await ws.call("state_unsubscribeStorage", subscriptions[0])
    backend.chain.block(changes={b"key": b"again"})
    assert {(await ws.notification())["params"]["subscription"] for _ in range(2)} == set(
        subscriptions[1:]
    )
    for subscription in subscriptions[1:]:
        await ws.call("state_unsubscribeStorage", subscription)
    read.clear()
    backend.chain.block(changes={b"key": b"unheard"})
    assert not read


async def test_a_version_subscription_sends_the_present_and_then_only_upgrades(
    ws: WsClient, backend: ModelBackend
) -> None:
    subscription = await ws.call("chain_subscribeRuntimeVersion")
    first = await ws.notification()
    assert first["method"] == "state_runtimeVersion"
    assert first["params"]["result"]["specVersion"] == 1
    backend.chain.block()
    assert await ws.silence()
    backend.chain.upgrade(2)
    backend.chain.block()
    assert (await ws.result(subscription))["specVersion"] == 2
    assert await ws.silence()
