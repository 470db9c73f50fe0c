"""The description for programs: every path of the server, and the form of every answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.explorer import openapi
from btt_chain.explorer.render import Records, Typed
from btt_chain.explorer.routes import PAGES, PARTS
from btt_chain.explorer.server import GUESSED, LISTS
from btt_chain.explorer.site import json_context
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, members
from btt_chain.primitives.meaning import FLAT, MONEY
from btt_chain.scale import u32, u128
from support.document import Document
from support.explorer import ChainConnection, pages_of
from support.explorer_economy import JOBS, MODEL, RECEIPT
from support.json_schema import conform

Client = TestClient[web.Request, web.Application]

JOB = [f"0x{bytes(id).hex()}" for id in JOBS]
ASKED = {
    "/block/{block}": ["/block/0", "/block/3"],
    "/txs": ["/txs", "/txs?all=1", "/txs?below=1-0"],
    "/tx/{tx}": ["/tx/1-0", "/tx/1-1"],
    "/events/{event}": ["/events/Balances.Transfer"],
    "/account/{account}": ["/account/Alice", "/account/0x" + "77" * 32],
    "/validator/{account}": ["/validator/Alice"],
    "/pallet/{pallet}": ["/pallet/Balances"],
    "/contents/{pallet}": ["/contents/Balances"],
    "/storage/{item}": ["/storage/System.Number", "/storage/System.Account"],
    "/referendum/{index}": ["/referendum/0"],
    "/job/{job}": [f"/job/{each}" for each in JOB],
    "/receipt/{job}": [f"/receipt/0x{bytes(RECEIPT).hex()}"],
    "/provider/{account}": ["/provider/Bob"],
    "/model/{model}": [f"/model/0x{bytes(MODEL).hex()}"],
    "/staking": ["/staking", "/staking?amount=1", "/staking?amount=1000"],
    "/market/{asset}": ["/market/0"],
    "/order/{order}": ["/order/7"],
    "/asset/{asset}": ["/asset/0"],
    "/merchant/{account}": ["/merchant/Bob"],
}
"""Requests of pages that need parts of a path, or have several forms of answers."""
FORMS = {
    "/index.json": {"height": "integer", "issuance": "string", "perSecond": "number"},
    "/block/{block}.json": {"hash": "string", "fees": "string", "isFinal": "boolean"},
    "/market/{asset}.json": {"id": "integer", "units": "string", "registered": "integer"},
    "/job/{job}.json": {"id": "string", "price": "string", "work": "integer", "posted": "integer"},
    "/payfi.json": {"batches": "integer", "now": "integer"},
}
"""Members of some answers by their types, which programs rely on."""


async def answer_of(client: Client, path: str) -> object:
    answer = await client.get(path, headers={"Accept": "application/json"})
    assert answer.status == 200, (path, await answer.text())
    return await answer.json()


async def described(client: Client) -> Document:
    return Document.of(await (await client.get("/openapi.json")).text())


async def test_each_answer_has_the_described_form(economy_client: Client) -> None:
    paths = (await described(economy_client))["paths"]
    for page in PAGES:
        path = "/index.json" if page.path == "/" else f"{page.path}.json"
        answers = paths[path]["get"]["responses"]["200"]["content"]
        schema = answers["application/json"]["schema"].value
        assert isinstance(schema, dict)
        assert schema["properties"], path
        for asked in ASKED.get(page.path, [page.path]):
            conform(await answer_of(economy_client, asked), schema, asked)
    search = paths["/search"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for asked in ("/search?q=Alice", "/search?q=script", "/search?q=no%20such"):
        conform(await answer_of(economy_client, asked), search.value, asked)


async def test_members_that_programs_rely_on_have_their_names_and_types(
    economy_client: Client,
) -> None:
    paths = (await described(economy_client))["paths"]
    for path, members_of in FORMS.items():
        answers = paths[path]["get"]["responses"]["200"]["content"]
        parts = answers["application/json"]["schema"]["properties"]
        for name, kind in members_of.items():
            kinds = parts[name]["anyOf"] if "anyOf" in parts[name] else [parts[name]]
            assert kind in [each["type"] for each in kinds], (path, name)


async def test_references_and_parameters_of_the_description_are_complete(
    economy_client: Client,
) -> None:
    text = await (await economy_client.get("/openapi.json")).text()
    document = json.loads(text)
    assert document["openapi"] == "3.1.0"
    assert document["info"].keys() >= {"title", "version"}
    schemas = document["components"]["schemas"]
    assert {*re.findall(r'"#/components/schemas/(\w+)"', text)} == schemas.keys()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert method in {"get", "post"}
            assert operation["summary"], path
            assert "200" in operation["responses"], path
            parameters = operation.get("parameters", [])
            in_path = {each["name"] for each in parameters if each["in"] == "path"}
            is_form = method == "post" or path.startswith("/tx/status/")
            assert is_form or in_path == {*re.findall(r"{(\w+)}", path)}, path


async def test_every_path_of_the_server_is_described(
    economy_index: Path, economy: ChainConnection
) -> None:
    async with pages_of(economy, economy_index) as (_, server):
        routes = {
            (each.method, each.resource.canonical)
            for each in server.application().router.routes()
            if each.resource is not None
        }
        paths = openapi.describe(json_context(server.context.data))["paths"]
    assert isinstance(paths, dict)
    own = {"/static/{name}", "/lang/{code}", "/robots.txt", "/openapi.json"}
    for method, path in routes:
        first = path.split("/")[1]
        is_moved = first in LISTS or (first in GUESSED and path.endswith("{what}"))
        # What pages post to sign is bound to their session: no interface of programs.
        is_form = method == "POST" and not path.startswith("/api/")
        is_form |= path.startswith("/tx/") and not path.startswith("/tx/{tx}")
        if method == "HEAD" or path in own or is_moved or is_form:
            continue
        if path.startswith("/export/{"):
            assert "/export/blocks.csv" in paths
            continue
        is_page = any(path == page.path for page in PAGES)
        key = ("/index.json" if path == "/" else path + ".json") if is_page else path
        operations = paths[key]
        assert isinstance(operations, dict)
        assert method.lower() in operations, (method, path)
    assert len(paths) > len(PAGES)


def test_every_part_of_a_path_has_a_meaning() -> None:
    for page in PAGES:
        for name in re.findall(r"{(\w+)}", page.path):
            assert name in PARTS


# ---- a record with a further field


@dataclass(frozen=True, slots=True)
class Bid:
    """A record of the runtime."""

    price: Annotated[u128, MONEY]


@dataclass(frozen=True, slots=True)
class BidWithUnits:
    """The same with a further field."""

    price: Annotated[u128, MONEY]
    half_units: u32


class Row(TypedDict):
    """A row of a list, with a member of the page."""

    bid: Annotated[Bid, FLAT]
    price: str
    isLast: NotRequired[bool]


class Before(TypedDict):
    """The data of a page."""

    bids: list[Bid]
    rows: list[Row]


class After(TypedDict):
    """The same with the other record."""

    bids: list[BidWithUnits]
    rows: list[Row]


@pytest.mark.parametrize(
    ("kind", "bid", "cells"),
    [
        (Before, Bid(u128(7)), ["7 planck"]),
        (After, BidWithUnits(u128(7), u32(5_000)), ["7 planck", "5\u202f000"]),
    ],
)
def test_a_new_field_of_a_record_is_in_the_json_the_page_and_the_description(
    kind: type, bid: object, cells: list[str]
) -> None:
    form, answer = members(kind), {"bids": [bid], "rows": []}
    written = form.json(answer, Context())["bids"]
    listing = Records(Typed(form, answer), Context()).rows("bids")
    assert listing["rows"] == [cells]
    assert [heading for heading, _ in listing["columns"]] == ["price", "half units"][: len(cells)]
    assert written == [dict(zip(["price", "halfUnits"], ["7", 5_000][: len(cells)], strict=False))]
    conform(form.json(answer, Context()), form.schema(Context()))
    with pytest.raises(AssertionError, match="more"):
        conform({"bids": [{"price": "7", "halfUnits": 1, "more": 1}], "rows": []},
                form.schema(Context()))  # fmt: skip


def test_fields_of_a_flat_record_have_its_place_and_members_of_the_page_replace_them() -> None:
    form = members(Row)
    row: Row = {"bid": Bid(u128(7)), "price": "seven"}
    assert form.json(row, Context()) == {"price": "seven"}
    assert form.json({**row, "isLast": True}, Context()) == {"price": "seven", "isLast": True}
    assert form.schema(Context())["required"] == ["price"]
    fields = Records(Typed(members(Before), {"bids": [], "rows": [row]}), Context()).rows("rows")
    assert fields["rows"] == [["7 planck"]]
