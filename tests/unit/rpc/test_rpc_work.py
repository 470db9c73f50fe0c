"""work_*: the defaults of a quote and of lists, and refused questions, over block zero of a chain.

The values come from the runtime API (`tests/unit/runtime/test_work_api.py`), their JSON is in
`tests/golden/rpc-records.json`.
"""

from __future__ import annotations

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from genesis.accounts import address, dev_account
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import signed
from runtime.pallets.jobs.types import Check, Tier, Urgency
from runtime.pallets.models.types import CheckMode
from support.market import net
from support.models import stated
from support.rpc_client import CallFailed, HttpClient

ALICE, BOB = dev_account("//Alice"), dev_account("//Bob")
SOMEWHERE = "/ip4/127.0.0.1/tcp/4711/p2p/12D3KooWPeer"
NO_ID = "0x" + "00" * 32


@pytest.fixture
def model(runtime: BttRuntime) -> str:
    """A registered model; its id."""
    runtime.models.register(
        signed(ALICE),
        net().manifest,
        u16(0),
        b"net",
        CheckMode.Vectors,
        SOMEWHERE.encode(),
        **stated(),
    )
    return "0x" + next(iter(runtime.models.models.items()))[0].hex()


@pytest.fixture
def job(runtime: BttRuntime, model: str) -> H256:
    """A job of Alice's."""
    runtime.jobs.post(
        signed(ALICE), H256(bytes.fromhex(model[2:])), u32(20), H256(b"\x05" * 32), Tier.Open,
        Check.Sampled, Urgency.Urgent, u128(100 * BTT), u64(4_000), u32(50), b"\x03" * 32,
        SOMEWHERE.encode(),
    )  # fmt: skip
    return next(iter(runtime.jobs.store.jobs.items()))[0]


async def test_a_quote_is_for_a_routine_open_job_unless_said(http: HttpClient, model: str) -> None:
    plain = await http.call("work_quote", model, 20)
    assert plain == await http.call("work_quote", model, 20, "routine", "sampled", "open", 0)
    urgent = await http.call("work_quote", model, 20, "emergency", "full", "open", 1 << 40)
    assert int(urgent["total"]) > int(plain["total"])
    confidential = await http.call("work_quote", model, 20, None, None, "confidential")
    assert confidential["verification"] == "0"
    assert await http.call("work_quote", NO_ID, 20) is None


async def test_a_list_has_all_jobs_of_all_accounts_unless_said(
    http: HttpClient, runtime: BttRuntime, job: H256
) -> None:
    id = "0x" + job.hex()
    view = await http.call("work_job", id)
    assert await http.call("work_jobs") == await http.call("work_jobs", address(ALICE)) == [view]
    assert await http.call("work_jobs", address(BOB)) == []
    assert await http.call("work_jobs", None, True) == [view]
    assert await http.call("work_jobs", None, True, id, 5) == []
    runtime.jobs.cancel(signed(ALICE), job)
    assert await http.call("work_jobs", address(ALICE), True) == []
    (cancelled,) = await http.call("work_jobs")
    assert (cancelled["state"], cancelled["outcome"]) == ("refunded", "cancelled")


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
