"""Checks of async-substrate-interface: metadata, blocks, storage, subscriptions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from async_substrate_interface.async_substrate import AsyncSubstrateInterface

from compat.py.asynchronous_client import BTT, plain
from compat.py.checks import check, need
from compat.py.keys import new_account

if TYPE_CHECKING:
    from compat.py.asynchronous_client import Asynchronous


# ---- the node and its words


@need
async def connects_and_loads_the_metadata_version_15(client: Asynchronous) -> None:
    client.node = AsyncSubstrateInterface(client.clocked_url, ws_shutdown_timer=None)
    await client.node.initialize()
    runtime = await client.node.init_runtime()
    assert (runtime.runtime_version, runtime.transaction_version) == (100, 1)
    assert runtime.metadata_v15 is not None


@check
async def names_the_chain_and_the_program(client: Asynchronous) -> None:
    node = client.node
    assert node.chain == "BTT Development (sealed by hand)", node.chain
    assert await node.name
    assert await node.version
    assert (await node.token_decimals, await node.token_symbol) == (18, "BTT")
    properties = await node.properties
    assert properties["ss58Format"] == 42


@check
async def reads_constants_calls_and_errors(client: Asynchronous) -> None:
    node = client.node
    assert plain(await node.get_constant("Balances", "ExistentialDeposit")) == 10**15
    assert plain(await node.get_constant("System", "SS58Prefix")) == 42
    assert await node.get_metadata_call_function("Utility", "batch_all")
    error = await node.get_metadata_error("Sudo", "RequireSudo")
    assert error.docs
    apis = await node.get_metadata_runtime_call_functions()
    assert apis
    assert len(await node.get_type_registry()) > 50


# ---- blocks and storage


@check
async def reads_a_block_with_its_extrinsics(client: Asynchronous) -> None:
    block_hash = await client.node.get_block_hash(2)
    block = await client.node.get_block(block_hash=block_hash)
    assert block["header"]["number"] == 2
    assert await client.node.get_block_number(block_hash) == 2
    call = plain(block["extrinsics"][0])["call"]
    assert (call["call_module"], call["call_function"]) == ("Timestamp", "set"), call
    header = await client.node.get_block_header(block_hash=block_hash)
    assert header["header"]["parentHash"] == await client.node.get_block_hash(1)


@check
async def queries_accounts_and_what_they_were_in_the_past(client: Asynchronous) -> None:
    past = await client.node.get_chain_finalised_head()
    before = await client.free(client.bob)
    await client.succeeds(await client.transfer(client.bob, 3 * BTT))
    assert await client.free(client.bob) - before == 3 * BTT
    assert await client.free(client.bob, past) == before
    genesis = await client.node.get_block_hash(0)
    assert await client.free(client.bob, genesis) == 40_000 * BTT


@check
async def pages_through_a_map_and_finds_everything(client: Asynchronous) -> None:
    head = await client.node.get_chain_finalised_head()
    found = {}
    for size in (3, 100):
        result = await client.node.query_map("System", "Account", page_size=size, block_hash=head)
        found[size] = {plain(key): plain(value) async for key, value in result}
    whole = await client.node.query_map(
        "System", "Account", page_size=4, block_hash=head, fully_exhaust=True
    )
    exhausted = {plain(key): plain(value) for key, value in whole.records}
    assert found[3] == found[100] == exhausted
    assert len(exhausted) > 8
    issuance = plain(await client.node.query("Balances", "TotalIssuance", block_hash=head))
    held = sum(v["data"]["free"] + v["data"]["reserved"] for v in exhausted.values())
    assert held == issuance, (held, issuance)


@check
async def queries_many_keys_at_once(client: Asynchronous) -> None:
    create = client.node.create_storage_key
    keys = [
        await create("System", "Account", [client.bob.ss58_address]),
        await create("Timestamp", "Now"),
        await create("System", "Account", [new_account().ss58_address]),
    ]
    found = [plain(value) for _, value in await client.node.query_multi(keys)]
    assert len(found) == 3
    assert found[0]["data"]["free"] == await client.free(client.bob)
    assert found[1] > 1.6e12


# ---- subscriptions


@check
async def receives_new_heads_in_order(client: Asynchronous) -> None:
    numbers = await client.heads(finalized=False)
    assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers


@check
async def receives_every_finalized_head(client: Asynchronous) -> None:
    numbers = await client.heads(finalized=True)
    assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers


@check
async def receives_changes_of_a_balance(client: Asynchronous) -> None:
    # The client cannot subscribe to an account that does not exist yet.
    watched = new_account()
    await client.succeeds(await client.transfer(watched, BTT))
    key = await client.node.create_storage_key("System", "Account", [watched.ss58_address])
    seen: list[int] = []
    first = asyncio.Event()

    async def receive(_key: Any, account: Any, _subscription: str) -> list[int] | None:
        seen.append(plain(account)["data"]["free"])
        first.set()
        return seen if len(seen) == 2 else None

    listening = asyncio.create_task(client.node.subscribe_storage([key], receive))
    await asyncio.wait(
        [listening, asyncio.create_task(first.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    await client.succeeds(await client.transfer(watched, 5 * BTT))
    # It stumbles over its own way of ending a subscription.
    with suppress(TypeError):
        await listening
    assert seen == [BTT, 6 * BTT], seen
