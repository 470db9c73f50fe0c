"""Checks of async-substrate-interface: nonces and the pool of a node that seals on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from async_substrate_interface.async_substrate import AsyncSubstrateInterface
from async_substrate_interface.errors import SubstrateRequestException

from compat.py.checks import check, need

if TYPE_CHECKING:
    from compat.py.asynchronous_client import Asynchronous


# ---- a node that seals on demand


@need
async def connects_to_a_node_that_seals_on_demand(client: Asynchronous) -> None:
    client.manual = AsyncSubstrateInterface(client.manual_url, ws_shutdown_timer=None)
    await client.manual.initialize()


@check
async def counts_transactions_in_the_pool_into_the_next_nonce(client: Asynchronous) -> None:
    address = client.alice.ss58_address
    nonce = await client.next_nonce()
    for ahead in range(2):
        await client.manual.submit_extrinsic(await client.signed(nonce + ahead))
    index = await client.manual.get_account_next_index(address, use_cache=False)
    assert index == nonce + 2, (index, nonce)
    assert len(await client.manual.retrieve_pending_extrinsics()) == 2
    await client.seal()
    assert await client.manual.retrieve_pending_extrinsics() == []


@check
async def is_refused_a_replacement_by_the_client(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    waiting = asyncio.create_task(
        client.manual.submit_extrinsic(await client.signed(nonce), wait_for_inclusion=True)
    )
    while not await client.manual.retrieve_pending_extrinsics():
        await asyncio.sleep(0.02)
    await client.manual.submit_extrinsic(await client.signed(nonce, tip=10**12))
    outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(outcome, SubstrateRequestException), outcome
    assert "usurped" in str(outcome), outcome
