"""referral_* and records_*, over block zero of a development chain."""

from __future__ import annotations

import pytest

from btt_chain.crypto import ed25519
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import consent_handle
from btt_chain.scale import u32, u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.health_records.types import (
    Batch,
    BatchKind,
    Custodian,
    Demand,
    Log,
    LogId,
    OldRoot,
    epoch_key,
    old_root_leaf,
)
from runtime.pallets.jobs.types import JobFees
from support.rpc_client import HttpClient

pytestmark = pytest.mark.usefixtures("runtime")

ALICE, BOB, CHARLIE = (dev_account(f"//{name}") for name in ("Alice", "Bob", "Charlie"))
KEY = ed25519.public_from_seed(bytes(range(1, 33)))
ROOT_HASH = H256(b"\x07" * 32)


async def test_a_referral_is_returned_with_what_it_earns(
    http: HttpClient, runtime: BttRuntime
) -> None:
    runtime.referral.refer(signed(ALICE), Id(BOB))
    offers = await http.call("referral_offers", address(BOB))
    assert offers == [
        {"referee": address(BOB), "referrer": address(ALICE), "deposit": str(int(BTT))}
    ]
    assert await http.call("referral_get", address(BOB)) is None
    runtime.referral.accept(signed(BOB), Id(ALICE))
    runtime.referral.attest_implementation(ROOT, Id(BOB))
    fees = JobFees(100 * int(BTT), 31 * int(BTT), 5 * int(BTT), 3 * int(BTT))
    runtime.referral.count_job(BOB, fees)
    found = await http.call("referral_get", address(BOB))
    assert found["referee"]["referrer"] == address(ALICE)
    assert found["referee"]["usage"]["jobs"] == 1
    assert found["reached"] == str(50 * int(BTT))
    assert found["returnable"] == found["payable"] == str(23 * int(BTT) // 2)
    assert await http.call("referral_list") == [found]
    assert await http.call("referral_list", address(BOB)) == []
    quota = await http.call("referral_quota", address(ALICE))
    assert quota["operator"] == address(ALICE)
    assert (quota["refereesLeft"], quota["amountLeft"]) == (19, str(8_000 * int(BTT)))
    terms = await http.call("referral_terms")
    assert (terms["jobs"], terms["spent"]) == (100, str(1_000 * int(BTT)))


async def test_roots_custodians_and_revocations_are_returned(
    http: HttpClient, runtime: BttRuntime
) -> None:
    records = runtime.health_records
    records.custodians.custodians[BOB] = Custodian(u128(5), KEY, u64(0))
    log = LogId(BOB, BatchKind.Accesses)
    records.anchors.batches[log, epoch_key(7)] = Batch(ROOT_HASH, u32(64), u64(3))
    records.schemas[u32(1)] = ROOT_HASH
    records.promises.demands[BOB, ROOT_HASH] = Demand(ROOT_HASH, u32(7), ALICE, u128(1), u32(9))
    records.revoke(signed(ALICE), b"\x05" * 32)

    custodian = await http.call("records_custodian", address(BOB))
    assert custodian["custodian"]["key"] == "0x" + KEY.hex()
    assert custodian["mayAnchor"] is False
    assert await http.call("records_custodians") == [custodian]
    assert await http.call("records_custodian", address(CHARLIE)) is None
    batch = await http.call("records_batch", address(BOB), "accesses", 7)
    assert batch == {"root": str(ROOT_HASH), "leaves": 64, "at": "3"}
    assert await http.call("records_batch", address(BOB), "consents", 7) is None
    empty = await http.call("records_log", address(BOB), "accesses")
    assert empty == {"last": 0, "count": 0, "peaks": []}
    old = OldRoot(u32(3), ROOT_HASH, u32(64))
    peak = old_root_leaf(old)
    records.anchors.logs[log] = Log(u32(7), u32(1), [peak])
    proof = (address(BOB), "accesses", 3, str(ROOT_HASH), 64, 0)
    assert await http.call("records_isProven", *proof, []) is True
    assert await http.call("records_isProven", *proof, [str(ROOT_HASH)]) is False
    assert await http.call("records_isProven", address(CHARLIE), *proof[1:], []) is False
    handle = consent_handle(b"\x05" * 32)
    assert int(await http.call("records_revoked", str(handle))) > 0
    assert await http.call("records_revoked", str(ROOT_HASH)) is None
    assert await http.call("records_schema", 1) == str(ROOT_HASH)
    (demand,) = await http.call("records_demands", address(BOB))
    assert (demand["id"], demand["demand"]["due"]) == (str(ROOT_HASH), 9)
    epochs = await http.call("records_epochs")
    assert epochs["genesis"].startswith("0x")
    assert epochs["terms"]["penalty"] == str(500 * int(BTT))
