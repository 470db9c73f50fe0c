"""The description for programs: every path of the server, and the form of every answer."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.jsonrpc import Json
from btt_chain.explorer import openapi
from btt_chain.explorer.routes import PAGES, PARTS
from btt_chain.explorer.server import GUESSED, LISTS
from support.explorer import ChainConnection, pages_of
from support.explorer_economy import JOBS, MODEL, RECEIPT

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
    "/asset/{asset}": ["/asset/0"],
    "/merchant/{account}": ["/merchant/Bob"],
}
"""Requests of pages that need parts of a path, or have several forms of answers."""


async def described(client: Client) -> dict[str, Json]:
    samples: dict[str, list[Json]] = {}
    for page in PAGES:
        for path in ASKED.get(page.path, [page.path]):
            answer = await client.get(path, headers={"Accept": "application/json"})
            assert answer.status == 200, (path, await answer.text())
            samples.setdefault(page.path, []).append(await answer.json())
    return openapi.describe(samples)


async def test_the_description_is_that_of_the_answers(economy_client: Client) -> None:
    found = json.dumps(await described(economy_client), indent=1) + "\n"
    if os.environ.get("BTT_GOLDEN") == "write":
        Path(openapi.FILE).write_text(found, encoding="utf-8")
    assert found == openapi.FILE.read_text(encoding="utf-8"), "run with BTT_GOLDEN=write"
    openapi.text.cache_clear()
    served = await economy_client.get("/openapi.json")
    assert await served.json() == json.loads(found)


async def test_every_path_of_the_server_is_described(
    economy_index: Path, economy: ChainConnection
) -> None:
    paths = json.loads(openapi.FILE.read_text(encoding="utf-8"))["paths"]
    async with pages_of(economy, economy_index) as (_, server):
        routes = {
            (each.method, each.resource.canonical)
            for each in server.application().router.routes()
            if each.resource is not None
        }
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
        assert method.lower() in paths[key], (method, path)
    assert len(paths) > len(PAGES)


def test_a_schema_covers_all_its_samples() -> None:
    one = openapi.schema_of({"a": 1, "b": [None, "x"], "c": {"d": 1.5}})
    other = openapi.schema_of({"a": None, "b": [], "e": True})
    both = openapi.merged(one, other)
    assert both["required"] == ["a", "b"]
    parts = both["properties"]
    assert isinstance(parts, dict)
    assert parts["a"] == {"type": ["integer", "null"]}
    assert parts["b"] == {"type": ["array"], "items": {"type": ["null", "string"]}}
    assert openapi.merged({}, one) == one


def test_every_part_of_a_path_has_a_meaning() -> None:
    for page in PAGES:
        for name in re.findall(r"{(\w+)}", page.path):
            assert name in PARTS
