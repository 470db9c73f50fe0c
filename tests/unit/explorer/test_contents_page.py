"""The page of a pallet without pages of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeAlias
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.errors import RpcError
from btt_chain.client.jsonrpc import Json
from btt_chain.crypto.hashing import twox_128
from btt_chain.explorer.context import Shared
from btt_chain.explorer.pages.contents import ENTRIES, MAX_CELL
from support.chain import ALICE, address
from support.explorer import ChainConnection, pages_of

Client = TestClient[web.Request, web.Application]
Params: TypeAlias = tuple[Json, ...]


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
        "name": "TotalIssuance", "docs": "", "columns": ["value"], "isMore": False, "error": None,
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


async def test_the_node_is_asked_once_a_block_for_all_visitors(
    economy: ChainConnection, economy_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(method: str, params: Params, answer: Json) -> Json:
        asked.append(method)
        return answer

    monkeypatch.setattr(economy, "lie", counted)
    async with pages_of(economy, economy_index, burst=1e9) as (client, _):
        path = "/contents/Identity.json"
        answers = await asyncio.gather(*(client.get(path) for _ in range(5)))
        count = asked.count("state_queryStorageAt")
        first = await answers[0].json()
        assert [await answer.json() for answer in answers] == [first] * 5
        assert count <= len(first["items"])
        assert (await client.get(path)).status == 200
        assert asked.count("state_queryStorageAt") == count


async def test_a_shared_answer_is_that_of_its_block_and_an_error_is_not_kept() -> None:
    shared: Shared[int] = Shared()
    make = AsyncMock(side_effect=[1, ZeroDivisionError, 2, 3])
    assert [await shared.get(b"a", "one", make) for _ in range(2)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        await shared.get(b"a", "two", make)
    assert await shared.get(b"a", "two", make) == 2
    assert await shared.get(b"b", "one", make) == 3


async def test_values_that_cannot_be_shown_take_no_others_from_the_page(
    economy: ChainConnection, economy_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = "0x" + (twox_128(b"System") + twox_128(b"Account")).hex()
    number = "0x" + (twox_128(b"System") + twox_128(b"Number")).hex()

    def refusing(method: str, params: Params, answer: Json) -> Json:
        keys = params[0] if params and isinstance(params[0], list) else []
        if method == "state_queryStorageAt" and str(keys[0]).startswith(accounts):
            raise RpcError(method, -32_008, "Response is too big", None)
        if method == "state_queryStorageAt" and keys == [number]:
            return [{"block": "0x00", "changes": [[number, "0x01"]]}]
        return answer

    monkeypatch.setattr(economy, "lie", refusing)
    async with pages_of(economy, economy_index, burst=1e9) as (client, _):
        page = await (await client.get("/contents/System.json")).json()
        items = {item["name"]: item for item in page["items"]}
        assert "Response is too big" in items["Account"]["error"]
        assert items["Account"]["rows"] == []
        assert "not of its type" in items["Number"]["error"]
        others = [item for name, item in items.items() if name not in {"Account", "Number"}]
        assert all(item["error"] is None for item in others)
        assert any(item["rows"] for item in others)
        assert all(len(cell) <= MAX_CELL + 1 for i in others for row in i["rows"] for cell in row)
        html = await (await client.get("/contents/System")).text()
        assert "Response is too big" in html
