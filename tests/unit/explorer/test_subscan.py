"""Lists in Subscan's form: an envelope, rows with its names, and refusals in words."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.primitives import ss58
from support.chain import ALICE, BOB
from support.document import Document

Client = TestClient[web.Request, web.Application]

ALICE_ADDRESS, BOB_ADDRESS = (ss58.encode(pair.account_id) for pair in (ALICE, BOB))


async def post(client: Client, path: str, status: int = 200, **asked: object) -> Document:
    answer = await client.post(f"/api/{path}", json=asked)
    found = await answer.json()
    assert answer.status == status, found
    assert {*found} == {"code", "message", "generated_at", "data"}
    return Document(found)


async def test_blocks_are_paged_from_the_newest(economy_client: Client) -> None:
    first = await post(economy_client, "scan/blocks", row=2, page=0)
    assert first.pick("code", "message") == (0, "Success")
    assert first["data"]["count"] == 4
    second = await post(economy_client, "v2/scan/blocks", row=2, page=1)
    numbers = [block["block_num"] for each in (first, second) for block in each["data"]["blocks"]]
    assert numbers == [3, 2, 1, 0]
    assert first["data"]["blocks"][0]["validator"] == ALICE_ADDRESS
    assert (await post(economy_client, "scan/blocks", row=2, page=9))["data"]["blocks"] == []


async def test_extrinsics_are_filtered_by_signer_and_call(economy_client: Client) -> None:
    found = (await post(economy_client, "scan/extrinsics", row=100, page=0))["data"]
    assert found["count"] == len(found["extrinsics"]) == 6
    assert str(found["extrinsics"][0]["extrinsic_hash"]).startswith("0x")
    own = (await post(economy_client, "scan/extrinsics", address=BOB_ADDRESS))["data"]
    assert [each["call_module_function"] for each in own["extrinsics"]] == ["submit"]
    votes = await post(economy_client, "scan/extrinsics", module="convictionvoting", call="vote")
    assert votes["data"]["count"] == 3
    assert {each["call_module"] for each in votes["data"]["extrinsics"]} == {"convictionvoting"}
    every = (await post(economy_client, "scan/extrinsics", signed="all"))["data"]
    assert int(every["count"]) > 6


async def test_transfers_have_amounts_in_whole_units_and_in_planck(economy_client: Client) -> None:
    found = (await post(economy_client, "scan/transfers", row=10, address=ALICE_ADDRESS))["data"]
    (transfer,) = (each for each in found["transfers"] if each["from"] == ALICE_ADDRESS)
    assert transfer.pick("amount", "amount_v2") == ("10", str(10 * 10**18))
    assert transfer["asset_symbol"] == "BTT"
    none = (await post(economy_client, "scan/transfers", address="0x" + "77" * 32))["data"]
    assert none == {"count": 0, "transfers": []}


async def test_events_of_a_kind_have_their_place(economy_client: Client) -> None:
    found = await post(economy_client, "scan/events", module="referenda", event_id="Submitted")
    (event,) = found["data"]["events"]
    assert event.pick("module_id", "event_id") == ("referenda", "Submitted")
    assert event["event_index"] == f"2-{int(event['id']) % 100_000}"
    assert event["extrinsic_index"] == "2-1"


async def test_a_search_leads_to_one_thing(economy_client: Client) -> None:
    found = (await post(economy_client, "v2/scan/search", key="2"))["data"]
    assert found == {"type": "block", "key": "2", "path": "/block/2"}
    found = (await post(economy_client, "v2/scan/search", key=ALICE_ADDRESS))["data"]
    assert found["type"] == "account"
    missing = await post(economy_client, "v2/scan/search", key="nothing at all")
    assert missing.pick("code", "data") == (10_004, None)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("scan/blocks", {"row": 101}), ("scan/blocks", {"row": 0}),
        ("scan/blocks", {"row": "x"}), ("scan/blocks", {"row": 100, "page": 10**9}),
        ("scan/blocks", {"page": -1}), ("scan/extrinsics", {"address": "5Grw"}),
        ("scan/extrinsics", {"address": 7}), ("scan/extrinsics", {"module": "balances"}),
        ("scan/events", {}), ("scan/events", {"module": "x" * 200, "event_id": "y"}),
        ("v2/scan/search", {}),
    ],
)  # fmt: skip
async def test_what_cannot_be_understood_is_refused_in_words(
    economy_client: Client, path: str, asked: dict[str, object]
) -> None:
    found = await post(economy_client, path, 400, **asked)
    assert found["code"] == 10_001
    assert str(found["message"]).endswith((".", "…", "x…"))


async def test_bodies_that_are_no_object_are_refused(economy_client: Client) -> None:
    for raw in (b"[]", b"{", b"\xff", b"[" * 5_000):
        answer = await economy_client.post("/api/scan/blocks", data=raw)
        assert answer.status == 400
        assert (await answer.json())["code"] == 10_001
    too_long = await economy_client.post("/api/scan/blocks", data=b" " * 70_000)
    assert too_long.status == 413
    unknown = await post(economy_client, "scan/events", module="nopallet", event_id="E")
    assert unknown["code"] == 10_004
