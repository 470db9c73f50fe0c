"""Checks of substrate-interface: metadata, blocks, storage, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from substrateinterface import SubstrateInterface

from compat.py.checks import check, fact, need
from compat.py.classic_client import BTT, NOWHERE, refused
from compat.py.keys import blake2_256, new_account

if TYPE_CHECKING:
    from compat.py.classic_client import Classic


# ---- the node and its words


@need
def connects_and_loads_the_metadata(client: Classic) -> None:
    client.node = SubstrateInterface(url=client.clocked_url, cache_region=client.decoded)
    client.node.init_runtime()
    assert client.node.runtime_version == 100
    assert client.node.transaction_version == 1
    assert client.node.implements_scaleinfo()


@check
def names_the_chain_and_the_program(client: Classic) -> None:
    node = client.node
    assert node.chain == "BTT Development (sealed by hand)", node.chain
    assert node.name
    assert node.version
    assert (node.ss58_format, node.token_decimals, node.token_symbol) == (42, 18, "BTT")
    health = node.rpc_request("system_health", [])["result"]
    assert health == {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


@check
def lists_the_methods_that_it_answers(client: Classic) -> None:
    for method in ("chain_getHead", "state_getStorageAt", "account_nextIndex", "state_call"):
        assert client.node.supports_rpc_method(method), method


@check
def reads_calls_events_and_errors_of_the_metadata(client: Classic) -> None:
    node = client.node
    assert node.metadata.value[1].keys() == {"V14"}
    calls = {(c["module_name"], c["call_name"]) for c in node.get_metadata_call_functions()}
    assert ("Balances", "transfer_keep_alive") in calls
    assert node.get_metadata_call_function("Utility", "batch_all") is not None
    assert node.get_metadata_event("Balances", "Transfer") is not None
    assert node.get_metadata_error("Sudo", "RequireSudo").docs
    assert node.get_metadata_storage_function("System", "Account") is not None
    assert len(node.get_type_registry()) > 50


@check
def reads_constants(client: Classic) -> None:
    assert client.node.get_constant("Balances", "ExistentialDeposit").value == 10**15
    assert client.node.get_constant("System", "SS58Prefix").value == 42
    assert client.node.get_constant("System", "Version").value["spec_name"] == "btt"
    assert client.node.get_constant("System", "BlockHashCount").value == 2400


# ---- blocks


@check
def computes_the_hash_of_every_header_as_the_node_does(client: Classic) -> None:
    best = client.node.get_block_number(client.node.get_chain_head())
    for number in (0, 1, best):
        block_hash = client.node.get_block_hash(number)
        header = client.node.rpc_request("chain_getHeader", [block_hash])["result"]
        assert "0x" + blake2_256(client.encoded(header)).hex() == block_hash, number


@check
def reads_a_block_with_its_digest_and_extrinsics(client: Classic) -> None:
    block = client.node.get_block(block_number=2, include_author=True)
    assert block["author"] == client.alice.ss58_address, block["author"]
    assert block["header"]["number"] == 2
    assert block["header"]["hash"] == client.node.get_block_hash(2)
    call = block["extrinsics"][0].value["call"]
    assert (call["call_module"], call["call_function"]) == ("Timestamp", "set")
    log = block["header"]["digest"]["logs"][0].value
    assert "PreRuntime" in log, log


@check
def finds_no_block_where_there_is_none(client: Classic) -> None:
    assert client.node.get_block(block_hash=NOWHERE) is None
    assert client.node.get_block_hash(4_000_000_000) is None
    with refused(4003, "UnknownBlock"):
        client.call("state_getStorage", "0x00", NOWHERE)


# ---- storage


@check
def queries_accounts_and_what_they_were_in_the_past(client: Classic) -> None:
    past = client.node.get_chain_finalised_head()
    before = client.free(client.bob)
    client.succeeds(client.transfer(client.bob, 3 * BTT))
    assert client.free(client.bob) - before == 3 * BTT
    assert client.free(client.bob, past) == before
    assert client.free(client.bob, client.node.get_block_hash(0)) == 40_000 * BTT


@check
def finds_an_account_that_does_not_exist_to_be_empty(client: Classic) -> None:
    account = client.node.query("System", "Account", [new_account().ss58_address]).value
    assert (account["nonce"], account["data"]["free"]) == (0, 0)


@check
def pages_through_a_map_and_finds_everything(client: Classic) -> None:
    head = client.node.get_chain_finalised_head()
    small = list(client.node.query_map("System", "Account", page_size=3, block_hash=head))
    large = list(client.node.query_map("System", "Account", page_size=100, block_hash=head))
    assert [key.value for key, _ in small] == [key.value for key, _ in large]
    assert len(small) > 8
    issuance = client.node.query("Balances", "TotalIssuance", block_hash=head).value
    held = sum(v["data"]["free"].value + v["data"]["reserved"].value for _, v in large)
    assert held == issuance, (held, issuance)


@check
def queries_many_keys_at_once(client: Classic) -> None:
    create = client.node.create_storage_key
    keys = [
        create("System", "Account", [client.bob.ss58_address]),
        create("Timestamp", "Now"),
        create("System", "Account", [new_account().ss58_address]),
    ]
    found = {key.to_hex(): value.value for key, value in client.node.query_multi(keys)}
    assert found[keys[0].to_hex()]["data"]["free"] == client.free(client.bob)
    assert found[keys[1].to_hex()] > 1.6e12
    assert len(found) == 3


@check
def reads_proofs_of_what_is_there_and_of_what_is_not(client: Classic) -> None:
    head = client.node.get_chain_finalised_head()
    create = client.node.create_storage_key
    keys = [
        create("System", "Account", [client.bob.ss58_address]).to_hex(),
        create("System", "Account", [new_account().ss58_address]).to_hex(),
        create("System", "Digest").to_hex(),
    ]
    proof = client.call("state_getReadProof", keys, head)
    values = [client.call("state_getStorage", key, head) for key in keys]
    assert values[1] is None
    root = client.call("chain_getHeader", head)["stateRoot"]
    fact("read proof", {"root": root, "proof": proof["proof"], "keys": keys, "values": values})


# ---- subscriptions


@check
def receives_new_heads_in_order(client: Classic) -> None:
    numbers = client.heads(finalized=False)
    assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers


@check
def receives_every_finalized_head(client: Classic) -> None:
    numbers = client.heads(finalized=True)
    assert numbers == list(range(numbers[0], numbers[0] + 4)), numbers


@check
def receives_changes_of_a_balance(client: Classic) -> None:
    watched = new_account()
    seen: list[int] = []

    def receive(account: Any, _number: int, _subscription: str) -> list[int] | None:
        seen.append(account.value["data"]["free"])
        if len(seen) == 1:
            # The client blocks in this call: another client has to pay.
            with SubstrateInterface(url=client.clocked_url, cache_region=client.decoded) as other:
                call = client.transfer(watched, 5 * BTT)
                other.submit_extrinsic(other.create_signed_extrinsic(call, client.alice))
        return seen if len(seen) == 2 else None

    client.node.query("System", "Account", [watched.ss58_address], subscription_handler=receive)
    assert seen == [0, 5 * BTT], seen
    client.settle()
