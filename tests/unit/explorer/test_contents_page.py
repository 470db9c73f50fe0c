"""The page of a pallet without pages of its own."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.explorer.pages.contents import ENTRIES
from support.chain import ALICE, address

Client = TestClient[web.Request, web.Application]


async def test_the_values_are_shown_by_the_rules_of_their_types(economy_client: Client) -> None:
    page = await (await economy_client.get("/contents/System.json")).json()
    assert page["name"] == "System"
    items = {item["name"]: item for item in page["items"]}
    accounts = items["Account"]
    assert accounts["columns"][:2] == ["account", "nonce"]
    assert len(accounts["rows"]) == ENTRIES
    assert accounts["isMore"]
    assert "BTT" in accounts["rows"][0][-1]
    assert items["Number"]["columns"] == ["value"]
    assert len(items["Number"]["rows"]) == 1
    balances = await (await economy_client.get("/contents/Balances.json")).json()
    assert balances["items"][0] | {"docs": ""} == {
        "name": "TotalIssuance", "docs": "", "columns": ["value"], "isMore": False,
        "rows": balances["items"][0]["rows"],
    }  # fmt: skip
    assert balances["items"][0]["rows"][0][0].endswith(" BTT")
    assert next(item for item in balances["items"] if item["name"] == "Account")["rows"] == []


async def test_the_page_links_to_accounts_and_from_the_pallet(economy_client: Client) -> None:
    page = await (await economy_client.get("/contents/Authorities")).text()
    assert f'href="/account/{address(ALICE)}"' in page or ">Alice</a>" in page
    assert 'href="/contents/System"' in await (await economy_client.get("/pallet/System")).text()


@pytest.mark.parametrize("name", ["PayFi", "Incentives", "Referral", "NoSuchPallet"])
async def test_pallets_with_pages_and_lists_of_people_have_none(
    economy_client: Client, name: str
) -> None:
    assert (await economy_client.get(f"/contents/{name}")).status == 404
    pallet = await (await economy_client.get(f"/pallet/{name}")).text()
    assert f"/contents/{name}" not in pallet
