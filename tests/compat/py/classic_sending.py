"""Checks of substrate-interface: transfers, nested calls, calls that fail."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from substrateinterface import Keypair, KeypairType

from compat.py.checks import check
from compat.py.classic_client import BTT
from compat.py.keys import ecdsa_key, new_account

if TYPE_CHECKING:
    from compat.py.classic_client import Classic


# ---- fees and transfers


@check
def estimates_the_fee_that_is_then_paid(client: Classic) -> None:
    call = client.transfer(client.charlie, 12 * BTT)
    info = client.node.get_payment_info(call, client.alice)
    assert str(info["class"]).lower() == "normal", info
    paid = client.succeeds(call).total_fee_amount
    assert abs(info["partialFee"] - paid) * 100 <= paid, (info, paid)
    details = client.node.create_signed_extrinsic(call, client.alice)
    hexed = str(details.data)
    answer = client.call("payment_queryInfo", hexed)
    parts = client.call("payment_queryFeeDetails", hexed)["inclusionFee"]
    assert sum(int(part, 16) for part in parts.values()) == int(answer["partialFee"])


@check
def moves_money_with_an_sr25519_signature_to_finality(client: Classic) -> None:
    to = new_account()
    receipt = client.succeeds(client.transfer(to, 2 * BTT))
    assert receipt.finalized
    assert client.free(to) == 2 * BTT
    assert receipt.extrinsic_idx == 1
    names = [f"{e.value['module_id']}.{e.value['event_id']}" for e in receipt.triggered_events]
    assert names[-1] == "System.ExtrinsicSuccess", names
    assert {"Balances.Transfer", "System.NewAccount", "Balances.Endowed"} < set(names), names


@check
def moves_money_with_an_ed25519_signature_to_finality(client: Classic) -> None:
    seed = new_account().public_key
    client.pays_as(Keypair.create_from_seed(seed, crypto_type=KeypairType.ED25519, ss58_format=42))


@check
def moves_money_with_an_ecdsa_signature_to_finality(client: Classic) -> None:
    # The client's own ECDSA keys are Ethereum's.
    client.pays_as(new_account(ecdsa_key))


# ---- calls that carry calls


@check
def sends_batches_and_sees_what_failed_in_them(client: Classic) -> None:
    one, two = new_account(), new_account()
    calls = [
        client.transfer(one, BTT),
        client.transfer(client.bob, 10**30),
        client.transfer(two, BTT),
    ]
    plain = client.succeeds(client.compose("Utility", "batch", calls=calls))
    stopped = client.event(plain, "Utility", "BatchInterrupted")
    assert stopped["index"] == 1
    assert stopped["error"] == {"Token": "FundsUnavailable"}, stopped
    whole = client.send(client.compose("Utility", "batch_all", calls=calls))
    assert client.failure(whole) == {"Token": "FundsUnavailable"}
    forced = client.succeeds(client.compose("Utility", "force_batch", calls=calls))
    assert client.event(forced, "Utility", "ItemFailed")["error"] == {"Token": "FundsUnavailable"}
    assert (client.free(one), client.free(two)) == (2 * BTT, BTT)


@check
def spends_from_a_multisig_of_two_in_three(client: Classic) -> None:
    members = [client.alice, client.bob, client.charlie]
    fund = client.node.generate_multisig_account([m.ss58_address for m in members], 2)
    client.succeeds(client.transfer(fund.ss58_address, 10 * BTT))
    to = new_account()
    call = client.transfer(to, 4 * BTT)
    create = client.node.create_multisig_extrinsic
    first = client.submit(create(call, client.alice, fund))
    assert first.is_success, first.error_message
    assert client.event(first, "Multisig", "NewMultisig")["multisig"] == fund.ss58_address
    second = client.submit(create(call, client.bob, fund))
    assert second.is_success, second.error_message
    assert client.event(second, "Multisig", "MultisigExecuted")["result"] == {"Ok": ()}
    assert client.free(to) == 4 * BTT


@check
def acts_through_a_proxy_and_no_longer_once_it_is_removed(client: Classic) -> None:
    definition = {"delegate": client.eve.ss58_address, "proxy_type": "Any", "delay": 0}
    client.succeeds(client.compose("Proxy", "add_proxy", **definition), client.dave)
    to = new_account()
    act = client.compose(
        "Proxy",
        "proxy",
        real=client.dave.ss58_address,
        force_proxy_type=None,
        call=client.transfer(to, BTT),
    )
    used = client.succeeds(act, client.eve)
    assert client.event(used, "Proxy", "ProxyExecuted")["result"] == {"Ok": ()}
    assert client.free(to) == BTT
    client.succeeds(client.compose("Proxy", "remove_proxy", **definition), client.dave)
    error = client.send(act, client.eve).error_message
    assert error["name"] == "NotProxy", error


@check
def vests_by_the_block_and_pays_out_what_is_free(client: Classic) -> None:
    holder = Keypair.create_from_uri(f"//Holder//{time.time_ns()}", ss58_format=42)
    client.succeeds(client.transfer(holder, 10 * BTT))
    schedule = {"locked": 1000 * BTT, "per_block": BTT, "starting_block": 0}
    give = client.compose(
        "Vesting", "vested_transfer", target=holder.ss58_address, schedule=schedule
    )
    client.succeeds(give)
    [info] = client.node.query("Vesting", "Vesting", [holder.ss58_address]).value
    assert info == schedule, info
    locked = client.send(client.transfer(client.bob, 990 * BTT), holder)
    assert client.failure(locked) == {"Token": "Frozen"}
    vested = client.succeeds(client.compose("Vesting", "vest"), holder)
    assert client.event(vested, "Vesting", "VestingUpdated")["account"] == holder.ss58_address


@check
def acts_as_root_through_sudo(client: Classic) -> None:
    one, two = new_account(), new_account()
    client.succeeds(client.transfer(one, 5 * BTT))
    forced = client.compose(
        "Balances",
        "force_transfer",
        source=one.ss58_address,
        dest=two.ss58_address,
        value=2 * BTT,
    )
    outcome = client.succeeds(client.compose("Sudo", "sudo", call=forced))
    assert client.event(outcome, "Sudo", "Sudid")["sudo_result"] == {"Ok": ()}
    assert client.free(two) == 2 * BTT


# ---- calls that fail


@check
def explains_a_failed_call(client: Classic) -> None:
    remark = client.compose("System", "remark", remark="0x00")
    error = client.send(client.compose("Sudo", "sudo", call=remark), client.bob).error_message
    assert (error["type"], error["name"]) == ("Module", "RequireSudo"), error
    assert error["docs"], error
    broke = client.send(client.transfer(client.bob, 10**30))
    assert client.failure(broke) == {"Token": "FundsUnavailable"}
    assert broke.total_fee_amount > 0
    assert broke.weight["ref_time"] > 0
