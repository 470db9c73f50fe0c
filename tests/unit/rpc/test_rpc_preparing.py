"""The first call for metadata waits for its preparation, and other calls do not wait for it."""

from __future__ import annotations

import asyncio

import pytest

from btt_chain.rpc.api import RpcService
from support.rpc_backend import ModelBackend
from support.rpc_client import HttpClient, WsClient

STEPS = 2_000


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("state_getMetadata", []),
        ("state_call", ["Metadata_metadata", "0x"]),
        ("state_call", {"method": "Metadata_metadata_at_version", "data": "0x0e000000"}),
    ],
)
async def test_others_are_answered_between_the_steps_of_the_preparation(
    backend: ModelBackend,
    service: RpcService,
    ws: WsClient,
    http: HttpClient,
    method: str,
    params: object,
) -> None:
    backend.chain.steps_to_metadata = STEPS
    body = [{"jsonrpc": "2.0", "id": 1, "method": method, "params": params}]
    first = asyncio.create_task(http.send(body))
    while backend.chain.steps_to_metadata == STEPS:
        await asyncio.sleep(0)
    assert await ws.call("system_name") == "model node"
    assert 0 < backend.chain.steps_to_metadata < STEPS
    (answer,) = await first
    assert backend.chain.steps_to_metadata == 0
    assert service.server.dispatcher.preparation.is_done
    assert "result" in answer or "is not found" in answer["error"]["message"]


async def test_nothing_is_prepared_for_other_calls(
    backend: ModelBackend, service: RpcService, http: HttpClient
) -> None:
    backend.chain.steps_to_metadata = STEPS
    await http.call("system_name")
    await http.call("state_call", "Core_version", "0x")
    assert backend.chain.steps_to_metadata == STEPS


async def test_a_caller_that_leaves_does_not_stop_the_next_one(
    backend: ModelBackend, service: RpcService, ws: WsClient, http: HttpClient
) -> None:
    backend.chain.steps_to_metadata = STEPS
    await ws.send_raw('{"jsonrpc":"2.0","id":1,"method":"state_getMetadata"}')
    while backend.chain.steps_to_metadata == STEPS:
        await asyncio.sleep(0)
    await ws.socket.close()
    assert str(await http.call("state_getMetadata")).startswith("0x")
    assert backend.chain.steps_to_metadata == 0
