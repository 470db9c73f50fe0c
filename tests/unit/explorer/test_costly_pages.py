"""Pages whose cost others decide: they are cut before decoding, and paid by their readers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.decoding import EventView
from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.index.reading import EventPart, SpecReader
from btt_chain.explorer.pages.forms import PAGE
from btt_chain.explorer.server import Server
from btt_chain.web.budget import CostAccount
from btt_chain.web.proxies import HEADER, Proxies
from support.chain import ALICE, DevChain
from support.explorer import ChainConnection, index_chain, pages_of

EVENTS: Final = 3 * PAGE


@dataclass
class Explorer:
    """The pages of a chain with a batch of many events in block 1."""

    client: TestClient[web.Request, web.Application]
    server: Server


@pytest_asyncio.fixture
async def explorer(tmp_path: Path) -> AsyncIterator[Explorer]:
    chain = DevChain(shared=True)
    remark = chain.call("System", "remark_with_event", remark=b"")
    chain.send(ALICE, chain.call("Utility", "batch", calls=[remark] * EVENTS))
    chain.seal(finalize=True)
    connection, file = ChainConnection(chain), tmp_path / "index.db"
    await index_chain(connection, file)
    async with pages_of(connection, file, proxies=Proxies(["127.0.0.1"])) as (client, server):
        yield Explorer(client, server)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[EventPart]:
    """Return the events that are decoded from now on."""
    found: list[EventPart] = []
    event = ChainData.event

    def counted(self: ChainData, version: int, raw: bytes, part: EventPart) -> EventView:
        found.append(part)
        return event(self, version, raw, part)

    monkeypatch.setattr(ChainData, "event", counted)
    return found


@pytest.mark.parametrize("path", ["/tx/1-1", "/tx/1-1.json", "/block/1", "/events/System.Remarked"])
async def test_a_page_decodes_no_more_events_than_it_shows(
    path: str, explorer: Explorer, decoded: list[EventPart]
) -> None:
    assert (await explorer.client.get(path)).status == 200
    assert len(decoded) <= PAGE
    if path.endswith(".json"):
        shown = await (await explorer.client.get(path)).json()
        assert (len(shown["events"]), shown["eventCount"] > EVENTS) == (PAGE, True)


async def test_a_list_reads_the_events_of_a_block_once(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    events = SpecReader._read_events

    def counted(self: SpecReader, raw: bytes, *more: Any) -> list[EventPart]:
        read.append(raw)
        return events(self, raw, *more)

    monkeypatch.setattr(SpecReader, "_read_events", counted)
    asked = {"row": 20, "page": 0, "module": "system", "event_id": "Remarked"}
    answer = await explorer.client.post("/api/v2/scan/events", json=asked)
    assert len((await answer.json())["data"]["events"]) == 20
    assert len(read) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/tx/1-1"), ("GET", "/index.json"), ("GET", "/search?q=Alice"),
     ("POST", "/api/v2/scan/blocks")],
)  # fmt: skip
async def test_an_address_that_used_up_its_time_waits_and_others_do_not(
    method: str, path: str, explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged: list[CostAccount] = []
    charge = CostAccount.charge

    def counted(self: CostAccount, seconds: float, now: float) -> None:
        charged.append(self)
        charge(self, seconds, now)

    monkeypatch.setattr(CostAccount, "charge", counted)
    one, other = {HEADER: "203.0.113.9"}, {HEADER: "203.0.113.77"}
    ask = explorer.client.request
    assert (await ask(method, path, headers=one, json={})).status == 200
    account = explorer.server.accounts.of("203.0.113.9", monotonic())
    assert set(charged) == {account}
    account.charge(100.0, monotonic())
    refused = await ask(method, path, headers=one, json={})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 1
    assert "processor time" in await refused.text()
    assert (await ask(method, path, headers=other, json={})).status == 200
