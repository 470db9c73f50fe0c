"""chain_*: blocks and heads."""

from __future__ import annotations

import pytest

from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from support.rpc_backend import ModelBackend, transfer
from support.rpc_client import CallFailed, HttpClient, WsClient

UNKNOWN = "0x" + "11" * 32


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


async def test_a_header_gives_back_its_hash(http: HttpClient, backend: ModelBackend) -> None:
    best = backend.chain.block()
    header = await http.call("chain_getHeader")
    assert sorted(header) == ["digest", "extrinsicsRoot", "number", "parentHash", "stateRoot"]
    assert header["number"] == "0x1"
    assert Header.from_json(header).hash() == best
    assert await http.call("chain_getHeader", hx(best)) == header
    assert await http.call("chain_getHeader", best.hex(), None) == header


async def test_an_unknown_block_is_null(http: HttpClient) -> None:
    assert await http.call("chain_getHeader", UNKNOWN) is None
    assert await http.call("chain_getBlock", UNKNOWN) is None
    assert await http.call("chain_getBlockHash", 99) is None


async def test_block_zero_has_an_all_zero_parent(http: HttpClient, backend: ModelBackend) -> None:
    header = await http.call("chain_getHeader", hx(backend.chain.genesis_hash))
    assert (header["number"], header["parentHash"]) == ("0x0", "0x" + "00" * 32)


async def test_a_block_carries_extrinsics_with_their_lengths_and_justifications(
    http: HttpClient, backend: ModelBackend
) -> None:
    inner = transfer()
    hash = backend.chain.block(body=[inner])
    block = await http.call("chain_getBlock", hx(hash))
    assert block["block"]["extrinsics"] == [hx(opaque(inner))]
    assert block["block"]["header"] == await http.call("chain_getHeader", hx(hash))
    assert block["justifications"] is None
    backend.chain.blocks[hash].justifications = [(b"FRNK", b"\x01\x02")]
    block = await http.call("chain_getBlock")
    assert block["justifications"] == [[[70, 82, 78, 75], [1, 2]]]


async def test_hashes_come_by_number_by_hex_and_in_lists(
    http: HttpClient, backend: ModelBackend
) -> None:
    zero = hx(backend.chain.genesis_hash)
    one, two = hx(backend.chain.block()), hx(backend.chain.block())
    assert await http.call("chain_getBlockHash") == two
    assert await http.call("chain_getHead", None) == two
    assert await http.call("chain_getBlockHash", 0) == zero
    assert await http.call("chain_getBlockHash", "0x1") == one
    assert await http.call("chain_getBlockHash", [0, "0x2", 9]) == [zero, two, None]
    assert await http.call("chain_getBlockHash", []) == []
    with pytest.raises(CallFailed, match="block number") as caught:
        await http.call("chain_getBlockHash", "0x1ffffffff")
    assert caught.value.code == -32602


async def test_the_finalized_head_follows_finality(http: HttpClient, backend: ModelBackend) -> None:
    one = backend.chain.block()
    backend.chain.block()
    backend.chain.finalize(one)
    assert await http.call("chain_getFinalizedHead") == hx(one)
    assert await http.call("chain_getFinalisedHead") == hx(one)


@pytest.mark.parametrize(
    "name", ["chain_subscribeNewHeads", "chain_subscribeNewHead", "subscribe_newHead"]
)
async def test_new_heads_begin_with_the_present_and_skip_forks(
    name: str, ws: WsClient, backend: ModelBackend
) -> None:
    base = backend.chain.block()
    subscription = await ws.call(name)
    first = await ws.notification()
    assert first["method"] == "chain_newHead"
    assert first["params"]["result"]["number"] == "0x1"
    backend.chain.block(base)
    fork = backend.chain.block(base, best=False)
    assert (await ws.result(subscription))["number"] == "0x2"
    assert await ws.silence()
    backend.chain.set_best(fork)
    assert Header.from_json(await ws.result(subscription)).hash() == fork


async def test_all_heads_include_forks(ws: WsClient, backend: ModelBackend) -> None:
    subscription = await ws.call("chain_subscribeAllHeads")
    assert (await ws.result(subscription))["number"] == "0x0"
    made = [backend.chain.block(backend.chain.genesis_hash, best=best) for best in (True, False)]
    heads = [Header.from_json(await ws.result(subscription)).hash() for _ in made]
    assert heads == made


async def test_finalized_heads_come_in_order_and_none_is_left_out(
    ws: WsClient, backend: ModelBackend
) -> None:
    subscription = await ws.call("chain_subscribeFinalisedHeads")
    assert (await ws.result(subscription))["number"] == "0x0"
    made = [backend.chain.block() for _ in range(5)]
    backend.chain.finalize(made[0])
    backend.chain.finalize(made[4])
    numbers = [(await ws.result(subscription))["number"] for _ in made]
    assert numbers == ["0x1", "0x2", "0x3", "0x4", "0x5"]


async def test_so_many_hashes_are_answered_at_once(http: HttpClient, backend: ModelBackend) -> None:
    zero = hx(backend.chain.genesis_hash)
    assert await http.call("chain_getBlockHash", [0] * 1_000) == [zero] * 1_000
    with pytest.raises(CallFailed, match="1001 items, at most 1000") as caught:
        await http.call("chain_getBlockHash", [0] * 1_001)
    assert caught.value.code == -32602
