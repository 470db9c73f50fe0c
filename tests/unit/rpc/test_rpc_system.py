"""system_*, payment_*, chainSpec_v1_* and engine_*."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from btt_chain.primitives import ss58
from btt_chain.primitives.extrinsic import opaque
from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.api import RpcService
from btt_chain.rpc.protocol import METHOD_NOT_FOUND
from btt_chain.rpc.server import RpcConfig
from support.rpc_backend import ALICE, ModelBackend, transfer
from support.rpc_client import CallFailed, HttpClient

UNKNOWN = "0x" + "11" * 32


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


async def test_the_node_describes_itself(http: HttpClient, backend: ModelBackend) -> None:
    assert await http.call("system_name") == "model node"
    assert await http.call("system_version") == "0.0.0"
    assert await http.call("system_chain") == "Model"
    assert await http.call("system_chainType") == "Development"
    assert await http.call("system_properties") == {
        "ss58Format": 42,
        "tokenDecimals": 18,
        "tokenSymbol": "BTT",
    }
    assert await http.call("system_health") == {
        "peers": 0,
        "isSyncing": False,
        "shouldHavePeers": False,
    }
    assert await http.call("system_localPeerId") == "12D3KooWModel"
    assert (await http.call("system_localListenAddresses"))[0].endswith("/p2p/12D3KooWModel")
    assert await http.call("system_nodeRoles") == ["Authority"]
    backend.chain.block()
    assert await http.call("system_syncState") == {
        "startingBlock": 0,
        "currentBlock": 1,
        "highestBlock": 1,
    }
    assert await http.call("system_peers") == [
        {
            "peerId": "12D3KooWOther",
            "roles": "FULL",
            "bestHash": hx(backend.chain.best_hash),
            "bestNumber": 1,
        }
    ]


async def test_the_methods_are_those_of_the_runtime_of_the_best_block(
    http: HttpClient, backend: ModelBackend
) -> None:
    async def names() -> set[str]:
        return set((await http.call("rpc_methods"))["methods"])

    before = await names()
    chain = backend.chain
    parent = chain.block()
    chain.upgrade(2, without=("GovernanceApi", "OracleApi"))
    lost = before - await names()
    assert {name.partition("_")[0] for name in lost} == {"gov", "oracle"}
    for name in ("gov_tracks", "oracle_prices"):
        assert name in lost
        with pytest.raises(CallFailed) as failed:
            await http.call(name)
        assert failed.value.code == METHOD_NOT_FOUND
        message = f"Method not found: this chain's runtime, model, has no {name}"
        assert failed.value.message == message
    chain.upgrade(3, without=("OracleApi",))
    assert {name.partition("_")[0] for name in before - await names()} == {"oracle"}
    # A longer fork without the upgrades replaces their blocks.
    chain.set_best(chain.block(parent, changes={b"fork": b""}, best=False))
    assert await names() == before


async def test_a_type_of_its_own_is_a_custom_type(http: HttpClient, backend: ModelBackend) -> None:
    backend.node.chain_type = "Rehearsal"
    assert await http.call("system_chainType") == {"Custom": "Rehearsal"}


async def test_the_next_index_counts_what_waits_in_the_pool(
    http: HttpClient, backend: ModelBackend
) -> None:
    alice = ss58.encode(ALICE)
    assert await http.call("system_accountNextIndex", alice) == 0
    for nonce in (0, 1, 3):
        await http.call("author_submitExtrinsic", hx(opaque(transfer(nonce=nonce))))
    assert await http.call("account_nextIndex", alice) == 2


@pytest.mark.parametrize(
    "address", ["", "nonsense", ss58.encode(ALICE)[:-1], "5Grw", ss58.encode(b"\x01")]
)
async def test_an_address_that_is_none_is_refused(http: HttpClient, address: str) -> None:
    with pytest.raises(CallFailed) as caught:
        await http.call("system_accountNextIndex", address)
    assert caught.value.code == -32602
    assert caught.value.message.startswith("Invalid params: `account`: ")


async def test_a_dry_run_gives_the_result_and_changes_nothing(
    http: HttpClient, backend: ModelBackend
) -> None:
    assert await http.call("system_dryRun", hx(opaque(transfer()))) == "0x0000"
    bad = hx(opaque(transfer(good=False)))
    assert await http.call("system_dryRunAt", bad, None) == "0x010004"
    with pytest.raises(CallFailed) as caught:
        await http.call("system_dryRun", bad, UNKNOWN)
    assert (caught.value.code, caught.value.message) == (1, "Unable to dry run extrinsic.")


async def test_a_fee_is_a_decimal_string(http: HttpClient) -> None:
    assert await http.call("payment_queryInfo", hx(opaque(transfer()))) == {
        "weight": {"ref_time": 7_000, "proof_size": 13},
        "class": "normal",
        "partialFee": "18446744073709551621",
    }


async def test_the_parts_of_a_fee_are_hex_and_null_for_what_pays_none(http: HttpClient) -> None:
    assert await http.call("payment_queryFeeDetails", hx(opaque(transfer()))) == {
        "inclusionFee": {
            "baseFee": "0x1",
            "lenFee": "0x10",
            "adjustedWeightFee": "0x400000000000000000",
        }
    }
    free = hx(opaque(transfer(more=b"free")))
    assert await http.call("payment_queryFeeDetails", free) == {"inclusionFee": None}


async def test_a_fee_of_what_is_no_extrinsic_or_at_no_block_is_an_error(http: HttpClient) -> None:
    for extrinsic, at, code in (("0x0c00", None, 2), ("", None, 2), ("0x0400", UNKNOWN, 1)):
        with pytest.raises(CallFailed) as caught:
            await http.call("payment_queryInfo", extrinsic, at)
        assert (caught.value.code, caught.value.message) == (code, "Unable to query dispatch info.")


async def test_the_chain_spec_of_the_new_api(http: HttpClient, backend: ModelBackend) -> None:
    assert await http.call("chainSpec_v1_chainName") == "Model"
    assert await http.call("chainSpec_v1_genesisHash") == hx(backend.chain.genesis_hash)
    assert (await http.call("chainSpec_v1_properties"))["tokenSymbol"] == "BTT"


async def test_blocks_are_made_and_finalized_on_demand(
    http: HttpClient, backend: ModelBackend
) -> None:
    made = await http.call("engine_createBlock", True, False)
    assert made["hash"] == hx(backend.chain.best_hash)
    assert sorted(made) == ["aux", "hash", "proof_size"]
    assert backend.chain.finalized().number == 0
    assert await http.call("engine_finalizeBlock", made["hash"], "0x01") is True
    assert backend.chain.finalized().number == 1
    await http.call("engine_createBlock", True, True, made["hash"])
    assert backend.chain.finalized().number == 2


async def test_what_cannot_be_sealed_is_an_error(http: HttpClient) -> None:
    with pytest.raises(CallFailed, match="Transaction pool is empty") as caught:
        await http.call("engine_createBlock", False, False)
    assert caught.value.code == 20_000
    for method, params in (
        ("engine_createBlock", [True, True, UNKNOWN]),
        ("engine_finalizeBlock", [UNKNOWN]),
    ):
        with pytest.raises(CallFailed) as caught:
            await http.call(method, *params)
        assert caught.value.code == 13_000


PEER = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"


async def test_peers_are_reserved_and_let_go(http: HttpClient) -> None:
    assert await http.call("system_reservedPeers") == []
    address = f"/ip4/10.0.0.7/tcp/30333/p2p/{PEER}"
    assert await http.call("system_addReservedPeer", address) is None
    assert await http.call("system_reservedPeers") == [PEER]
    assert await http.call("system_removeReservedPeer", PEER) is None
    assert await http.call("system_reservedPeers") == []


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("system_addReservedPeer", "/ip4/10.0.0.7/tcp/30333"),
        ("system_addReservedPeer", PEER),
        ("system_removeReservedPeer", "no peer id"),
    ],
)
async def test_a_reserved_peer_that_is_none_is_refused(
    http: HttpClient, method: str, value: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        await http.call(method, value)
    assert caught.value.code == 4006
    assert value in caught.value.message


async def test_the_peers_of_a_node_can_be_limited(http: HttpClient, backend: ModelBackend) -> None:
    assert await http.call("btt_setAllowedPeers", [PEER]) is None
    assert backend.node.allowed == [PEER]
    assert await http.call("btt_setAllowedPeers", []) is None
    assert backend.node.allowed == []
    assert await http.call("btt_setAllowedPeers", None) is None
    assert backend.node.allowed is None
    with pytest.raises(CallFailed) as caught:
        await http.call("btt_setAllowedPeers", [PEER, "no peer id"])
    assert caught.value.code == -32602
    assert caught.value.message.startswith("Invalid params: `peer_ids`: ")


async def test_the_peers_of_a_node_cannot_be_limited_by_safe_callers(
    backend: ModelBackend, session: ClientSession
) -> None:
    service = RpcService(backend, RpcConfig(port=0, methods=MethodPolicy.SAFE))
    await service.start()
    try:
        client = HttpClient(session, service.port)
        assert await client.call("system_reservedPeers") == []
        for method in (
            "system_addReservedPeer",
            "system_removeReservedPeer",
            "btt_setAllowedPeers",
        ):
            with pytest.raises(CallFailed) as caught:
                await client.call(method, PEER)
            assert caught.value.code == -32601
    finally:
        await service.stop()
