"""Another Substrate chain: recorded blocks of Westend are indexed, decoded and shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.explorer.index.driver import Indexer, Progress
from btt_chain.explorer.index.store import Writer
from support.document import Document
from support.explorer import pages_of
from support.vectors import vectors_dir
from support.westend import Westend

Client = TestClient[web.Request, web.Application]
LAST = 96


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    connection, file = Westend(vectors_dir()), tmp_path / "index.db"
    writer = Writer(file)
    await Indexer(writer, Progress()).follow(connection, until=LAST)
    writer.close()
    async with pages_of(connection, file, burst=1e9) as (made, _):
        yield made


async def json_of(client: Client, path: str) -> Document:
    page, _, query = path.partition("?")
    answer = await client.get(f"{page}.json?{query}")
    assert answer.status == 200, await answer.text()
    return Document.of(await answer.text())


async def test_all_calls_of_westends_first_blocks_are_decoded_and_shown(client: Client) -> None:
    names: Counter[str] = Counter()
    for number in range(1, LAST + 1):
        block = await json_of(client, f"/block/{number}")
        assert block["claim"]["slot"] == block["slot"]
        for each in block["extrinsicList"]:
            names[str(each["call"])] += 1
    for kind in names:
        for row in (await json_of(client, f"/txs?all&call={kind}"))["extrinsics"]:
            one = await json_of(client, f"/tx/{row['place']}")
            assert one["undecoded"].value is None
            assert one["arguments"]
    assert names == {
        "Timestamp.set": 96, "Parachains.set_heads": 96, "FinalityTracker.final_hint": 61,
        "ImOnline.heartbeat": 3,
    }  # fmt: skip
    beats = [await json_of(client, f"/tx/2-{at}") for at in (2, 3, 4)]
    authorities = [int(each["arguments"][0]["value"]["authority_index"]) for each in beats]
    assert sorted(authorities) == [1, 2, 3]


async def test_the_balances_of_westends_block_zero_are_in_the_index(client: Client) -> None:
    assert (await json_of(client, "/index"))["chain"] == "Westend"
    found = await json_of(client, "/accounts")
    held = [int(each["total"]) for each in found["accounts"]]
    assert len(held) == 5
    assert sum(held) == int(found["issuance"]) == 1_000_400 * 10**12
    page = await (await client.get("/accounts")).text()
    assert "WND" in page
