"""Checks of substrate-interface: nonces, the pool, refusals, runtime APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from substrateinterface import SubstrateInterface

from compat.py.checks import check, need
from compat.py.classic_client import BTT, prefix_length, refused
from compat.py.keys import new_account

if TYPE_CHECKING:
    from compat.py.classic_client import Classic


# ---- mortality and nonces


@check
def sends_a_transaction_with_a_short_life(client: Classic) -> None:
    client.succeeds(client.transfer(client.bob, BTT), era={"period": 64})
    client.succeeds(client.transfer(client.bob, BTT), era={"period": 16})


@need
def connects_to_a_node_that_seals_on_demand(client: Classic) -> None:
    client.manual = SubstrateInterface(url=client.manual_url, cache_region=client.decoded)
    client.seal()


@check
def is_refused_when_the_life_is_over_or_has_not_begun(client: Classic) -> None:
    for _ in range(8):
        client.seal()
    best = client.manual.get_block_number(None)
    over = client.manual.create_signed_extrinsic(
        client.transfer(client.bob, BTT), client.alice, era={"period": 4, "current": best - 6}
    )
    with refused(1010, "Transaction has a bad signature"):
        client.manual.submit_extrinsic(over)
    # The client looks for the block of birth, and there is none: it cannot even sign.
    era = client.manual.runtime_config.create_scale_object("Era")
    era.encode({"period": 65_536, "current": best + 30_000})
    raw = bytearray(bytes(over.data.data))
    at = prefix_length(raw) + 1 + 33 + 65
    raw[at : at + 2] = bytes(era.data.data)
    with refused(1010, "Transaction has an ancient birth block"):
        client.ask("author_submitExtrinsic", "0x" + raw.hex())


@check
def counts_transactions_in_the_pool_into_the_next_nonce(client: Classic) -> None:
    address = client.alice.ss58_address
    nonce = client.next_nonce()
    assert client.ask("system_accountNextIndex", address) == nonce
    client.offer(nonce)
    client.offer(nonce + 1)
    assert client.ask("system_accountNextIndex", address) == nonce + 2
    assert client.ask("account_nextIndex", address) == nonce + 2
    assert client.manual.get_account_nonce(address) == nonce
    pending = client.manual.retrieve_pending_extrinsics()
    assert [extrinsic.value["nonce"] for extrinsic in pending] == [nonce, nonce + 1]
    client.seal()
    assert client.manual.get_account_nonce(address) == nonce + 2
    assert client.manual.retrieve_pending_extrinsics() == []


@check
def keeps_a_transaction_from_the_future_until_its_turn_comes(client: Classic) -> None:
    nonce = client.next_nonce()
    filler = client.signed(nonce)

    def fill(statuses: list[Any]) -> None:
        with SubstrateInterface(url=client.manual_url) as other:
            if statuses == ["future"]:
                other.rpc_request("author_submitExtrinsic", [str(filler.data)])
            elif statuses == ["future", "ready"]:
                other.rpc_request("engine_createBlock", [True, True, None])

    statuses = client.watch(client.signed(nonce + 1), fill)
    names = [s if isinstance(s, str) else next(iter(s)) for s in statuses]
    assert names == ["future", "ready", "inBlock", "finalized"], statuses


@check
def replaces_a_transaction_by_one_with_a_higher_tip(client: Classic) -> None:
    nonce = client.next_nonce()
    better = client.signed(nonce, tip=10**12)

    def outbid(statuses: list[Any]) -> None:
        if statuses == ["ready"]:
            with SubstrateInterface(url=client.manual_url) as other:
                other.rpc_request("author_submitExtrinsic", [str(better.data)])

    statuses = client.watch(client.signed(nonce), outbid)
    assert statuses[-1] == {"usurped": "0x" + better.extrinsic_hash.hex()}, statuses
    with refused(1014, "Priority is too low: ("):
        client.manual.submit_extrinsic(client.signed(nonce, tip=10**11))


# ---- refusals


@check
def is_refused_with_a_code_and_words(client: Classic) -> None:
    nonce = client.next_nonce()
    once = client.signed(nonce)
    client.manual.submit_extrinsic(once)
    with refused(1013, "Transaction Already Imported", "0x" + once.extrinsic_hash.hex()):
        client.manual.submit_extrinsic(once)
    client.seal()
    with refused(1010, "Invalid Transaction", "Transaction is outdated"):
        client.manual.submit_extrinsic(client.signed(nonce, tip=1))
    forged = bytearray(bytes(client.signed(nonce + 1).data.data))
    forged[60] ^= 1
    hexed = "0x" + forged.hex()
    for _ in range(2):  # the pool of a chain that is sealed by hand bans nothing
        with refused(1010, "Invalid Transaction", "Transaction has a bad signature"):
            client.ask("author_submitExtrinsic", hexed)
    broke = client.manual.create_signed_extrinsic(
        client.transfer(client.bob, 1), new_account(), nonce=0
    )
    words = "Inability to pay some fees (e.g. account balance too low)"
    with refused(1010, "Invalid Transaction", words):
        client.manual.submit_extrinsic(broke)
    heavy = client.compose(
        "Sudo",
        "sudo_unchecked_weight",
        call=client.compose("System", "remark", remark="0x00"),
        weight={"ref_time": 10**13, "proof_size": 0},
    )
    with refused(1010, "Invalid Transaction", "Transaction would exhaust the block limits"):
        client.manual.submit_extrinsic(
            client.manual.create_signed_extrinsic(heavy, client.alice, nonce=nonce + 1)
        )
    with refused(1001, "Extrinsic has invalid format"):
        client.ask("author_submitExtrinsic", "0x1284ff00")


@check
def is_refused_wrong_calls_of_the_api(client: Classic) -> None:
    with refused(-32601, "Method not found"):
        client.call("chain_makeCoffee")
    with refused(-32602, "Invalid params"):
        client.call("state_getStorage", "no hex")
    with refused(4002, "count exceeds maximum value. value: 1001, max: 1000"):
        client.call("state_getKeysPaged", "0x", 1001)
    with refused(4003, "Exported method Unknown_method is not found"):
        client.call("state_call", "Unknown_method", "0x")


# ---- runtime calls


@check
def asks_the_runtime(client: Classic) -> None:
    address = client.alice.ss58_address
    nonce = client.node.runtime_call("AccountNonceApi", "account_nonce", [address])
    assert nonce.value == client.node.get_account_nonce(address)
    version = client.node.runtime_call("Core", "version").value
    assert (version["spec_name"], version["spec_version"]) == ("btt", 100)
    extrinsic = client.node.create_signed_extrinsic(
        client.transfer(client.bob, BTT), client.alice, tip=7
    )
    length = len(extrinsic.data)
    asked = [extrinsic, length]
    details = client.node.runtime_call("TransactionPaymentApi", "query_fee_details", asked).value
    info = client.node.runtime_call("TransactionPaymentApi", "query_info", asked).value
    assert sum(details["inclusion_fee"].values()) == info["partialFee"], (details, info)


@check
def finds_a_transaction_again_by_block_and_index(client: Classic) -> None:
    receipt = client.succeeds(client.transfer(client.bob, BTT))
    again = client.node.retrieve_extrinsic_by_identifier(receipt.get_extrinsic_identifier())
    assert "0x" + again.extrinsic.extrinsic_hash.hex() == receipt.extrinsic_hash
    assert again.is_success
    by_hash = client.node.retrieve_extrinsic_by_hash(receipt.block_hash, receipt.extrinsic_hash)
    assert by_hash.extrinsic.value["address"] == client.alice.ss58_address
    events = client.node.get_events(receipt.block_hash)
    assert len(events) > len(receipt.triggered_events)


@check
def works_over_http_on_the_same_port(client: Classic) -> None:
    url = client.clocked_url.replace("ws://", "http://")
    with SubstrateInterface(url=url, cache_region=client.decoded) as node:
        assert node.chain == "BTT Development (sealed by hand)"
        account = node.query("System", "Account", [client.bob.ss58_address]).value
        assert account["data"]["free"] == client.free(client.bob)
