"""Checks of JSON-RPC frames that no client sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat.py.asynchronous_client import NOWHERE, TIMESTAMP_NOW, Wire
from compat.py.checks import check

if TYPE_CHECKING:
    from compat.py.asynchronous_client import Asynchronous


@check
async def answers_any_id_unchanged(client: Asynchronous) -> None:
    for given in ("text", 7, 0, -3, 2**53 + 1, "", None):
        request = {"jsonrpc": "2.0", "id": given, "method": "system_chain"}
        answer = await client.wire.exchange(request)
        expected = {"jsonrpc": "2.0", "id": given, "result": "BTT Development (sealed by hand)"}
        assert answer == expected, (given, answer)


@check
async def takes_parameters_that_are_missing_null_or_too_many_nulls(client: Asynchronous) -> None:
    ways: list[dict[str, object]] = [
        {},
        {"params": []},
        {"params": {}},
        {"params": None},
        {"params": [None, None]},
    ]
    for params in ways:
        request = {"jsonrpc": "2.0", "id": 1, "method": "chain_getBlockHash", **params}
        answer = await client.wire.exchange(request)
        assert answer["result"].startswith("0x"), answer
    assert await client.wire.call("chain_getHeader", None, None)


@check
async def takes_hex_with_and_without_its_prefix(client: Asynchronous) -> None:
    bare = await client.wire.call("state_call", "Metadata_metadata_versions", "")
    assert bare == await client.wire.call("state_call", "Metadata_metadata_versions", "0x")
    head = await client.wire.call("chain_getFinalizedHead")
    with_prefix = await client.wire.call("state_getStorage", "0x" + TIMESTAMP_NOW, head)
    assert with_prefix
    without = await client.wire.call("state_getStorage", TIMESTAMP_NOW, head[2:])
    assert without == with_prefix


@check
async def answers_a_batch_in_one_frame(client: Asynchronous) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "system_chain"},
        {"jsonrpc": "2.0", "id": 2, "method": "no_such_method"},
        {"jsonrpc": "2.0", "method": "system_name"},
        7,
        {"jsonrpc": "2.0", "id": None, "method": "chain_getBlockHash", "params": [0]},
    ]
    answers = await client.wire.exchange(batch)
    assert [answer["id"] for answer in answers] == ["a", 2, None, None], answers
    assert answers[0]["result"] == "BTT Development (sealed by hand)"
    assert answers[1]["error"] == {"code": -32601, "message": "Method not found"}
    assert answers[2]["error"]["code"] == -32600, answers
    assert answers[3]["result"].startswith("0x")


@check
async def refuses_what_is_no_request(client: Asynchronous) -> None:
    for frame, code in (
        ("no json", -32700),
        ('{"jsonrpc":"2.0","id":1,"method"', -32700),
        ("[]", -32600),
        ("7", -32600),
        ('{"id":1,"method":"system_chain"}', -32600),
        ('{"jsonrpc":"2.0","id":1}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"system_chain","params":7}', -32602),
    ):
        answer = await client.wire.exchange_text(frame)
        assert answer["error"]["code"] == code, (frame, answer)
        assert "result" not in answer


@check
async def names_a_subscription_before_it_speaks(client: Asynchronous) -> None:
    for method in (
        "chain_subscribeNewHeads",
        "chain_subscribeNewHead",
        "subscribe_newHead",
        "chain_subscribeAllHeads",
        "chain_subscribeFinalizedHeads",
        "chain_subscribeFinalisedHeads",
        "state_subscribeRuntimeVersion",
        "chain_subscribeRuntimeVersion",
    ):
        wire = await Wire.open(client.clocked_url)
        await wire.send({"jsonrpc": "2.0", "id": "s", "method": method})
        answer = await wire.receive()
        assert answer.get("id") == "s", (method, answer)
        notification = await wire.receive()
        assert notification["params"]["subscription"] == answer["result"], (method, answer)
        await wire.socket.close()


@check
async def explains_errors_of_calls(client: Asynchronous) -> None:
    for method, params, code, words in (
        ("chain_makeCoffee", [], -32601, "Method not found"),
        ("state_getStorage", ["no hex"], -32602, "Invalid params"),
        ("state_getKeysPaged", ["0x", 1001], 4002, "value: 1001, max: 1000"),
        (
            "state_call",
            ["Unknown_method", "0x"],
            4003,
            "Exported method Unknown_method is not found",
        ),
        ("state_queryStorage", [[], NOWHERE], 4001, "Cannot resolve a block range"),
    ):
        error = await client.wire.error(method, *params)
        assert error["code"] == code, (method, error)
        assert words in error["message"], (method, error)
