"""Checks of async-substrate-interface: transfers, nested calls, runtime APIs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from compat.py.asynchronous_client import BTT, event_of, name_of, plain, sorted_accounts
from compat.py.checks import check
from compat.py.keys import ecdsa_key, ed25519_key, new_account

if TYPE_CHECKING:
    from compat.py.asynchronous_client import Asynchronous


# ---- fees and transfers


@check
async def estimates_the_fee_that_is_then_paid(client: Asynchronous) -> None:
    call = await client.transfer(client.charlie, 12 * BTT)
    info = await client.node.get_payment_info(call, client.alice)
    receipt = await client.succeeds(call)
    paid = await receipt.total_fee_amount
    assert abs(info["partial_fee"] - paid) * 100 <= paid, (info, paid)


@check
async def moves_money_with_an_sr25519_signature_to_finality(client: Asynchronous) -> None:
    to = new_account()
    receipt = await client.succeeds(await client.transfer(to, 2 * BTT))
    assert receipt.finalized
    assert await client.free(to) == 2 * BTT
    names = [name_of(event) for event in await receipt.triggered_events]
    assert names[-1] == "System.ExtrinsicSuccess", names
    assert {"Balances.Transfer", "System.NewAccount", "Balances.Endowed"} < set(names), names


@check
async def moves_money_with_an_ed25519_signature_to_finality(client: Asynchronous) -> None:
    await client.pays_as(new_account(ed25519_key))


@check
async def moves_money_with_an_ecdsa_signature_to_finality(client: Asynchronous) -> None:
    await client.pays_as(new_account(ecdsa_key))


@check
async def sends_several_transactions_at_once_with_nonces_of_its_own(client: Asynchronous) -> None:
    receivers = [new_account() for _ in range(4)]
    client.node.clear_nonce_cache_for_account(client.alice.ss58_address)
    calls = [await client.transfer(to, BTT) for to in receivers]
    receipts = await asyncio.gather(*(client.send(call) for call in calls))
    assert all([await receipt.is_success for receipt in receipts])
    assert [await client.free(to) for to in receivers] == [BTT] * 4
    client.node.clear_nonce_cache_for_account(client.alice.ss58_address)


# ---- calls that carry calls


@check
async def sends_batches_and_sees_what_failed_in_them(client: Asynchronous) -> None:
    one, two = new_account(), new_account()
    calls = [
        await client.transfer(one, BTT),
        await client.transfer(client.bob, 10**30),
        await client.transfer(two, BTT),
    ]
    plain_batch = await client.succeeds(await client.compose("Utility", "batch", calls=calls))
    stopped = await event_of(plain_batch, "Utility.BatchInterrupted")
    assert stopped["index"] == 1, stopped
    assert stopped["error"] == {"Token": "FundsUnavailable"}, stopped
    whole = await client.send(await client.compose("Utility", "batch_all", calls=calls))
    assert not await whole.is_success
    forced = await client.succeeds(await client.compose("Utility", "force_batch", calls=calls))
    failed = await event_of(forced, "Utility.ItemFailed")
    assert failed["error"] == {"Token": "FundsUnavailable"}, failed
    assert (await client.free(one), await client.free(two)) == (2 * BTT, BTT)


@check
async def spends_from_a_multisig_of_two_in_three(client: Asynchronous) -> None:
    members = [client.alice, client.bob, client.charlie]
    fund = client.node.generate_multisig_account([m.ss58_address for m in members], 2)
    await client.succeeds(await client.transfer(fund.ss58_address, 10 * BTT))
    to = new_account()
    call = await client.transfer(to, 4 * BTT)
    info = await client.node.get_payment_info(call, client.alice)
    # The client's own way fails for the first of the members.
    approval = await client.compose(
        "Multisig",
        "approve_as_multi",
        threshold=2,
        other_signatories=sorted_accounts(client.bob, client.charlie),
        maybe_timepoint=None,
        call_hash=call.call_hash,
        max_weight=info["weight"],
    )
    first = await client.succeeds(approval)
    opened = await event_of(first, "Multisig.NewMultisig")
    assert opened["multisig"] == fund.ss58_address, opened
    create = client.node.create_multisig_extrinsic
    second = await client.submit(await create(call, client.bob, fund))
    assert await second.is_success, await second.error_message
    await event_of(second, "Multisig.MultisigExecuted")
    assert await client.free(to) == 4 * BTT


@check
async def acts_through_a_proxy_and_no_longer_once_it_is_removed(client: Asynchronous) -> None:
    definition = {"delegate": client.eve.ss58_address, "proxy_type": "Any", "delay": 0}
    await client.succeeds(await client.compose("Proxy", "add_proxy", **definition), client.dave)
    to = new_account()
    act = await client.compose(
        "Proxy",
        "proxy",
        real=client.dave.ss58_address,
        force_proxy_type=None,
        call=await client.transfer(to, BTT),
    )
    await client.succeeds(act, client.eve)
    assert await client.free(to) == BTT
    await client.succeeds(await client.compose("Proxy", "remove_proxy", **definition), client.dave)
    receipt = await client.send(act, client.eve)
    error = await receipt.error_message
    assert error["name"] == "NotProxy", error


@check
async def vests_by_the_block_and_pays_out_what_is_free(client: Asynchronous) -> None:
    holder = new_account()
    await client.succeeds(await client.transfer(holder, 10 * BTT))
    schedule = {"locked": 1000 * BTT, "per_block": BTT, "starting_block": 0}
    target = holder.ss58_address
    give = await client.compose("Vesting", "vested_transfer", target=target, schedule=schedule)
    await client.succeeds(give)
    [info] = plain(await client.node.query("Vesting", "Vesting", [target]))
    assert info == schedule, info
    vested = await client.succeeds(await client.compose("Vesting", "vest"), holder)
    assert (await event_of(vested, "Vesting.VestingUpdated"))["account"] == target


@check
async def explains_failed_calls(client: Asynchronous) -> None:
    remark = await client.compose("System", "remark", remark="0x00")
    receipt = await client.send(await client.compose("Sudo", "sudo", call=remark), client.bob)
    error = await receipt.error_message
    assert (error["type"], error["name"]) == ("Module", "RequireSudo"), error
    assert error["docs"], error
    broke = await client.send(await client.transfer(client.bob, 10**30))
    assert not await broke.is_success
    assert await broke.total_fee_amount > 0
    failed = await event_of(broke, "System.ExtrinsicFailed")
    assert failed["dispatch_error"] == {"Token": "FundsUnavailable"}, failed


@check
async def acts_as_root_through_sudo(client: Asynchronous) -> None:
    one, two = new_account(), new_account()
    await client.succeeds(await client.transfer(one, 5 * BTT))
    forced = await client.compose(
        "Balances",
        "force_transfer",
        source=one.ss58_address,
        dest=two.ss58_address,
        value=2 * BTT,
    )
    await client.succeeds(await client.compose("Sudo", "sudo", call=forced))
    assert await client.free(two) == 2 * BTT


@check
async def sends_a_transaction_with_a_short_life(client: Asynchronous) -> None:
    await client.succeeds(await client.transfer(client.bob, BTT), era={"period": 32})


# ---- runtime calls


@check
async def asks_the_runtime(client: Asynchronous) -> None:
    address = client.alice.ss58_address
    nonce = await client.node.runtime_call("AccountNonceApi", "account_nonce", [address])
    assert nonce == await client.node.get_account_nonce(address)
    version = await client.node.runtime_call("Core", "version")
    assert version["spec_version"] == 100, version


@check
async def asks_the_runtime_several_things_in_one_frame(client: Asynchronous) -> None:
    people = [client.alice, client.bob, new_account()]
    calls = [("AccountNonceApi", "account_nonce", [who.ss58_address]) for who in people]
    nonces = await client.node.runtime_calls([*calls, ("Core", "version", None)])
    assert nonces[0] > 0
    assert nonces[2] == 0
    assert nonces[3]["spec_name"] == "btt", nonces
