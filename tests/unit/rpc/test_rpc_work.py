"""work_*, over block zero of a development chain with registrations and a posted job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.jobs.types import Check, JobState, Outcome, Tier, Urgency
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.types import Phase, Receipt, Seat, Wrong
from support.market import net
from support.rpc_client import CallFailed, HttpClient

ALICE, BOB = dev_account("//Alice"), dev_account("//Bob")
SOMEWHERE = "/ip4/127.0.0.1/tcp/4711/p2p/12D3KooWPeer"
NO_ID = "0x" + "00" * 32
ROOT = H256(b"\x05" * 32)
RECEIPT = H256(b"\x06" * 32)


@pytest.fixture
def model(runtime: BttRuntime) -> str:
    """A registered model; its id."""
    runtime.models.register(
        signed(ALICE), net().manifest, u16(0), b"net", CheckMode.Vectors, SOMEWHERE.encode()
    )
    return "0x" + next(iter(runtime.models.models.items()))[0].hex()


@pytest.fixture
def provider(runtime: BttRuntime, model: str) -> None:
    """Bob computes."""
    info = ProviderInfo(
        ProviderKind.Clinic, None, [u16(0)], u32(2), b"\x01" * 32, b"\x02" * 32,
        SOMEWHERE.encode(),
    )  # fmt: skip
    runtime.providers.register(signed(BOB), info, u128(1_000 * BTT))


@pytest.fixture
def job(runtime: BttRuntime, model: str) -> H256:
    """A job of Alice's."""
    runtime.jobs.post(
        signed(ALICE), H256(bytes.fromhex(model[2:])), u32(20), ROOT, Tier.Open, Check.Sampled,
        Urgency.Urgent, u128(100 * BTT), u64(4_000), u32(50), b"\x03" * 32,
        f"{SOMEWHERE}\n{SOMEWHERE}".encode(),
    )  # fmt: skip
    return next(iter(runtime.jobs.store.jobs.items()))[0]


def hex_of(id: H256) -> str:
    return "0x" + id.hex()


async def test_a_model_is_returned_with_its_name(http: HttpClient, model: str) -> None:
    found = await http.call("work_model", model)

    assert found == {
        "id": model,
        "owner": address(ALICE),
        "name": "net",
        "modelClass": 0,
        "macs": str(int(net().manifest.macs)),
        "check": "vectors",
        "endpoints": [SOMEWHERE],
        "openJobs": 0,
        "suspended": False,
        "retired": False,
    }
    assert await http.call("work_models") == [found]
    assert await http.call("work_models", model) == []
    assert await http.call("work_model", NO_ID) is None


async def test_a_quote_names_what_is_held(http: HttpClient, model: str) -> None:
    plain = await http.call("work_quote", model, 20)
    urgent = await http.call("work_quote", model, 20, "emergency", "full", "open", 1 << 40)

    parts = ("price", "verification", "deposit")
    assert int(plain["total"]) == sum(int(plain[part]) for part in parts)
    assert int(urgent["total"]) > int(plain["total"])
    assert await http.call("work_quote", NO_ID, 20) is None
    confidential = await http.call("work_quote", model, 20, None, None, "confidential")
    assert confidential["verification"] == "0"


async def test_a_job_is_found_by_each_of_its_parties(
    http: HttpClient, runtime: BttRuntime, job: H256
) -> None:
    found = await http.call("work_job", hex_of(job))

    assert (found["state"], found["outcome"], found["urgency"]) == ("posted", None, "urgent")
    assert (found["tier"], found["check"], found["items"]) == ("open", "sampled", 20)
    assert found["endpoints"] == [SOMEWHERE, SOMEWHERE]
    assert found["inputRoot"] == hex_of(ROOT)
    assert found["requester"] == address(ALICE)
    assert isinstance(found["price"], str)
    assert await http.call("work_jobs", address(ALICE)) == [found]
    assert await http.call("work_jobs", address(BOB)) == []
    assert await http.call("work_jobs", None, True) == [found]
    assert await http.call("work_jobs", None, True, hex_of(job), 5) == []

    runtime.jobs.cancel(signed(ALICE), job)

    found = await http.call("work_job", hex_of(job))
    assert (found["state"], found["outcome"]) == ("refunded", "cancelled")
    assert await http.call("work_jobs", address(ALICE), True) == []


async def test_a_receipt_is_returned_with_its_votes(
    http: HttpClient, runtime: BttRuntime, provider: None, job: H256
) -> None:
    stored = runtime.jobs.store.jobs[job]
    stored.state, stored.provider, stored.receipt = JobState.Slashed, BOB, RECEIPT
    stored.outcome = Outcome.Fraud
    runtime.jobs.store.jobs[job] = stored
    seat = Seat(ALICE, bytes(32), u8(0), ROOT, Wrong(u32(3), u16(1), u32(7)), ROOT, ROOT)
    runtime.receipts.receipts[RECEIPT] = replace(
        Receipt(job, BOB, u8(0), ROOT, ROOT, ROOT, u32(1), u32(2), u32(3)),
        phase=Phase.Ended, beacons=[ROOT], seats=[seat],
    )  # fmt: skip

    found = await http.call("work_receipt", hex_of(RECEIPT))

    assert found == await http.call("work_job", hex_of(job))
    assert (found["state"], found["outcome"]) == ("slashed", "fraud")
    assert found["providerInfo"]["kind"] == "clinic"
    receipt = found["receipt"]
    assert (receipt["id"], receipt["phase"], receipt["sampleCount"]) == (
        hex_of(RECEIPT),
        "ended",
        2,
    )
    assert receipt["seats"] == [
        {
            "verifier": address(ALICE),
            "key": "0x" + "00" * 32,
            "beacon": hex_of(ROOT),
            "committed": True,
            "verdict": {"kind": "wrong", "item": 3, "node": 1, "element": 7},
            "digest": hex_of(ROOT),
            "rho": hex_of(ROOT),
            "missed": [],
        }
    ]
    assert await http.call("work_receipt", NO_ID) is None


async def test_a_provider_is_returned_with_its_bond(
    http: HttpClient, runtime: BttRuntime, provider: None
) -> None:
    found = await http.call("work_provider", address(BOB))

    assert found["active"] == str(1_000 * int(BTT))
    assert found["info"]["endpoints"] == [SOMEWHERE]
    assert (found["capacity"], found["busy"], found["chilled"]) == (2, 0, False)
    assert await http.call("work_providers") == [found]
    assert await http.call("work_provider", address(ALICE)) is None
    assert await http.call("work_assignments", address(BOB)) == []


async def test_verifiers_and_weights_are_returned(http: HttpClient, runtime: BttRuntime) -> None:
    verifier = await http.call("work_verifier", address(ALICE))
    weight = await http.call("work_weight", address(ALICE))

    assert verifier is None or int(verifier["bond"]) >= 5_000 * int(BTT)
    assert weight == {"snapshot": weight["snapshot"], "own": "0", "delegated": [], "total": "0"}
    assert await http.call("work_duties", address(ALICE)) == []


async def test_prices_and_rules_are_returned(http: HttpClient, runtime: BttRuntime) -> None:
    prices = await http.call("work_prices")
    rules = await http.call("work_rules")

    assert [price["name"] for price in prices] == ["cpu", "cpu-large", "gpu"]
    assert int(prices[0]["least"]) <= int(prices[0]["base"]) <= int(prices[0]["most"])
    assert rules["quorum"] <= rules["committee"]
    assert rules["slotMs"] == str(int(runtime.jobs.slot_ms))


async def test_wrong_questions_about_work_are_refused(http: HttpClient, model: str) -> None:
    for method, params, why in (
        ("work_job", ["0x12"], "`job`: expected a hash"),
        ("work_jobs", ["no account"], "`account`"),
        ("work_quote", [model, 1, "soon"], "`urgency`: expected one of routine, urgent"),
        ("work_quote", [model, -1], "`items`"),
        ("work_weight", [], "validator"),
    ):
        with pytest.raises(CallFailed) as refusal:
            await http.call(method, *params)
        assert refusal.value.code == -32602
        assert why in str(refusal.value)
