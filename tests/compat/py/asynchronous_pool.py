"""Checks of async-substrate-interface: nonces and the pool of a node that seals on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from async_substrate_interface.async_substrate import AsyncSubstrateInterface
from async_substrate_interface.errors import SubstrateRequestException

from compat.py.asynchronous_client import Wire
from compat.py.checks import check, need
from compat.py.keys import new_account

if TYPE_CHECKING:
    from compat.py.asynchronous_client import Asynchronous


# ---- a node that seals on demand


@need
async def connects_to_a_node_that_seals_on_demand(client: Asynchronous) -> None:
    client.manual = AsyncSubstrateInterface(client.manual_url, ws_shutdown_timer=None)
    await client.manual.initialize()
    client.manual_wire = await Wire.open(client.manual_url)


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
async def keeps_a_transaction_from_the_future_until_its_turn_comes(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    async with client.watching(await client.signed(nonce + 1)) as later:
        assert await later.next() == "future"
        await client.manual.submit_extrinsic(await client.signed(nonce))
        assert await later.next() == "ready"
        await client.seal()
        assert [*await later.next()] == ["inBlock"]
        assert [*await later.next()] == ["finalized"]


@check
async def replaces_a_transaction_by_one_with_a_higher_tip(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    better = await client.signed(nonce, tip=10**12)
    async with client.watching(await client.signed(nonce)) as first:
        assert await first.next() == "ready"
        await client.manual.submit_extrinsic(better)
        assert await first.next() == {"usurped": "0x" + better.extrinsic_hash.hex()}
    await client.refused(await client.signed(nonce, tip=10**11), 1014, "Priority is too low: (")


@check
async def is_refused_a_replacement_by_the_client(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    waiting = asyncio.create_task(
        client.manual.submit_extrinsic(await client.signed(nonce), wait_for_inclusion=True)
    )
    while not await client.manual_wire.call("author_pendingExtrinsics"):
        await asyncio.sleep(0.02)
    await client.manual.submit_extrinsic(await client.signed(nonce, tip=10**12))
    outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(outcome, SubstrateRequestException), outcome
    assert "usurped" in str(outcome), outcome


@check
async def refuses_transactions_with_a_code_and_words(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    once = await client.signed(nonce)
    await client.manual.submit_extrinsic(once)
    mark = "0x" + once.extrinsic_hash.hex()
    await client.refused(once, 1013, "Transaction Already Imported", mark)
    await client.seal()
    invalid = "Invalid Transaction"
    await client.refused(
        await client.signed(nonce, tip=1), 1010, invalid, "Transaction is outdated"
    )
    forged = await client.signed(nonce + 1)
    data = bytearray(forged.data.data)
    data[60] ^= 1
    bad = "0x" + data.hex()
    for _ in range(2):  # the pool of a chain that is sealed by hand bans nothing
        await client.refused(bad, 1010, invalid, "Transaction has a bad signature")
    broke = await client.manual.create_signed_extrinsic(
        await client.transfer(client.bob, 1), new_account(), nonce=0
    )
    words = "Inability to pay some fees (e.g. account balance too low)"
    await client.refused(broke, 1010, invalid, words)
    await client.refused("0x1284ff00", 1001, "Extrinsic has invalid format")


@check
async def stops_to_watch_a_transaction(client: Asynchronous) -> None:
    nonce = await client.next_nonce()
    async with client.watching(await client.signed(nonce)) as first:
        assert await first.next() == "ready"
        assert await client.manual_wire.call("author_unwatchExtrinsic", first.id) is True
        assert await client.manual_wire.call("author_unwatchExtrinsic", first.id) is False
        await client.seal()
        await client.manual_wire.call("system_chain")
        assert first.empty()
