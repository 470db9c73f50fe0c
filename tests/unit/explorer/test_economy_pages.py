"""The pages of the economy: what the chain's runtime APIs say, in words, tables and pictures."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.client.errors import Disconnected
from btt_chain.client.jsonrpc import Json
from btt_chain.explorer import apis
from btt_chain.explorer.economy import GLOBALS, LINKS
from btt_chain.explorer.pages.jobs import COURSE, STATES, steps
from btt_chain.explorer.pages.payments import histogram
from btt_chain.explorer.render import STATIC, static
from btt_chain.present import Members
from btt_chain.present.composites import camel_case
from btt_chain.scale import encode, u32, u128
from runtime.constants import BTT
from runtime.pallets.conviction_voting.types import Standard, vote_of
from runtime.pallets.exchange.types import Order
from runtime.pallets.incentives.stats import Statistics
from support.chain import BOB, DevChain
from support.document import Document
from support.explorer import ChainConnection, index_chain, pages_of
from support.explorer_economy import JOBS, MODEL, RECEIPT, propose_remark, statistics

Client = TestClient[web.Request, web.Application]

JOB, PAID, FRAUD = (f"0x{bytes(id).hex()}" for id in JOBS)
PATHS = [
    "/governance", "/referendum/0", "/jobs", "/jobs?open=1", f"/job/{JOB}", f"/job/{PAID}",
    f"/job/{FRAUD}", "/providers", "/tokenomics", "/exchange", "/market/0", "/order/7", "/payfi",
    "/facilities", "/oracle", f"/receipt/0x{bytes(RECEIPT).hex()}", "/models",
    f"/model/0x{bytes(MODEL).hex()}", "/provider/Bob", "/validator/Alice", "/chambers",
    "/merchant/Bob", "/asset/0", "/staking", "/staking?amount=1000&tier=4", "/vesting",
    "/upgrades", "/doctor", "/statistics",
]  # fmt: skip
BUDGET = 20 * 1_024


@pytest.fixture
def connection(economy: ChainConnection) -> ChainConnection:
    return economy


@pytest.fixture
def index(economy_index: Path) -> Path:
    return economy_index


@pytest.fixture
def client(economy_client: Client) -> Client:
    return economy_client


async def text(client: Client, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    body = await answer.text()
    assert answer.status == 200, (path, body)
    return body


async def data(client: Client, path: str) -> dict[str, object]:
    found = json.loads(await text(client, path, Accept="application/json"))
    assert isinstance(found, dict)
    return found


def words(page: str) -> str:
    """Return the text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


async def test_every_page_is_there_in_both_languages_within_its_budget(client: Client) -> None:
    files = sum(len(gzip.compress(static(name)[0])) for name in STATIC)
    for path in PATHS:
        english = await text(client, path)
        chinese = await text(client, path, **{"Accept-Language": "zh"})
        assert '<html lang="en">' in english
        assert '<html lang="zh">' in chinese
        assert len(gzip.compress(english.encode())) + files <= BUDGET, path
        assert not re.search(r" style=|<style|<script>", english), path
        assert await data(client, path)
    for path, name, _ in LINKS:
        assert f'<a href="{path}">{name}</a>' in await text(client, "/blocks")


async def test_a_referendum_shows_its_votes_as_a_picture_and_as_the_same_numbers(
    client: Client,
) -> None:
    page = await text(client, "/referendum/0")
    found = await data(client, "/referendum/0")
    assert found["call"] == "System.remark"
    poll = found["poll"]
    assert isinstance(poll, dict)
    sides = {each["name"]: each for each in poll["chambers"]}
    assert [*sides] == ["institutions", "compute", "holders", "community"]
    assert sides["institutions"]["ayes"] == sides["institutions"]["share"]
    assert sides["holders"]["ayes"] == sides["holders"]["nays"] > 0
    assert not sides["compute"]["takesPart"]
    picture = page[page.index("<svg") : page.index("</svg>")]
    table = page[page.index("</figure>") :]
    for side in poll["chambers"]:
        for name in ("share", "ayes", "nays"):
            shown = f"{side[name] / 10_000:.2f}\u00a0%"
            assert shown in picture
            assert shown in table
    assert "<desc" in picture
    assert "institutions: weight" in picture
    assert "&lt;b&gt;" in page or "0x3c623e" in page
    # Its deposit is placed: the page does not ask for it.
    assert (found["stage"], found["hasDeposit"]) == ("Preparing", True)
    assert "It waits for the end of the preparation." in page


async def test_a_referendum_without_counted_votes_has_no_approval(tmp_path: Path) -> None:
    chain = DevChain()
    propose_remark(chain)
    choice = Standard(vote_of(aye=True), u128(BTT))
    chain.run(BOB, chain.call("ConvictionVoting", "vote", poll_index=u32(0), vote=choice))
    connection = ChainConnection(chain, kind="Development")
    await index_chain(connection, tmp_path / "index.db")
    async with pages_of(connection, tmp_path / "index.db") as (client, _):
        page = await text(client, "/referendum/0")
    assert "It waits for its decision deposit" in page
    assert '<td>Approval</td><td class="n">-</td>' in page
    assert "Approval -" in page[page.index("<svg") : page.index("</svg>")]


async def test_the_list_of_referenda_has_stages_tracks_and_chambers(client: Client) -> None:
    page = words(await text(client, "/governance"))
    assert "System. remark" in page
    assert "institutions" in page
    found = await data(client, "/governance")
    assert isinstance(found["chambers"], list)
    assert sum(each["share"] for each in found["chambers"]) == pytest.approx(10**6, abs=4)
    assert "No referendum yet" in await text(client, "/governance?below=0")


async def test_a_job_shows_its_course_and_its_end_in_words(client: Client) -> None:
    posted = await text(client, f"/job/{JOB}")
    assert re.search(r'aria-current="step">● Posted', posted)
    assert "○ Assigned" in posted
    assert "No provider is assigned yet." in posted
    paid = await text(client, f"/job/{PAID}")
    assert "✓ Posted" in paid
    assert "● Finalized" in paid
    fraud = await text(client, f"/job/{FRAUD}")
    assert "● Slashed" in fraud
    assert "The result was proven wrong." in fraud
    assert "item 3, node 5: element 7 is wrong" in fraud
    assert "not revealed yet" in fraud
    by_receipt = await data(client, f"/job/0x{bytes(RECEIPT).hex()}")
    assert by_receipt["id"] == FRAUD
    jobs = await data(client, "/jobs")
    assert isinstance(jobs["jobs"], list)
    assert {each["id"] for each in jobs["jobs"]} >= {JOB, PAID, FRAUD}
    still = await data(client, "/jobs?open=1")
    assert isinstance(still["jobs"], list)
    assert [each["id"] for each in still["jobs"]] == [JOB]


def test_every_state_of_a_job_has_a_course() -> None:
    for state in STATES:
        course = steps(state)
        assert [step["part"] for step in course].count("now") == 1
        assert len(course) == (len(COURSE) if state in COURSE else 2)


def test_bytes_that_are_no_text_are_shown_in_hex() -> None:
    assert apis.words("0x4d5249") == "MRI"
    assert apis.words("0xff00") == "0xff00"
    assert apis.words("0xzz") == "0xzz"
    assert apis.words(None) == "?"


async def test_providers_have_their_bond_and_load(client: Client) -> None:
    page = words(await text(client, "/providers"))
    assert "Bob" in page
    assert "1 / 4" in page
    assert "500 BTT" in page


async def test_tokenomics_adds_up(client: Client) -> None:
    found = await data(client, "/tokenomics")
    supply, rows = found["supply"], found["allocation"]
    assert isinstance(supply, dict)
    assert isinstance(rows, list)
    assert sum(int(row["amount"]) for row in rows) == int(supply["genesis"])
    assert int(supply["issuance"]) + int(supply["burned"]) == int(supply["genesis"])
    burned = found["burned"]
    assert isinstance(burned, list)
    assert sum(int(row["amount"]) for row in burned) == int(supply["burned"])
    page = await text(client, "/tokenomics")
    assert "<svg" in page
    assert "of 100 hospitals" in words(page)
    assert re.search(r"burned</span> <time title=\"slot \d+\">\d{4}-", page)
    years = found["years"]
    assert isinstance(years, list)
    assert len(years) == len({row["year"] for row in years}) > 3


async def test_a_market_shows_its_book_and_its_asset(client: Client) -> None:
    page = await text(client, "/market/0")
    assert "bids 120" in page
    assert "asks 50" in page
    assert "last 50 BTT" in page
    assert "&lt;script&gt;{who}" in page
    assert page.count("<script") == page.count('<script src="/static/')
    found = await data(client, "/market/0")
    assert isinstance(found["bids"], list)
    assert [each["units"] for each in found["bids"]] == ["20", "100"]
    assert "traded" in await text(client, "/exchange")
    assert "No assets are registered yet." in await text(client, "/exchange?from=7")


async def test_an_order_has_all_fields_of_its_record(client: Client) -> None:
    found = await data(client, "/order/7")
    page = words(await text(client, "/order/7"))
    for field in fields(Order):
        assert camel_case(field.name) in found
    for heading, value in (
        ("Owner", "Alice"), ("Side", "sell"), ("Price", "60 BTT"), ("Units", "40"),
        ("Taker", "1 %"), ("Until", "-"),
    ):  # fmt: skip
        assert f"{heading} {value}" in page
    assert "卖出" in await text(client, "/order/7", **{"Accept-Language": "zh"})


async def test_a_field_of_a_record_may_have_a_name_of_the_templates_own(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [*GLOBALS, "t", "amount", "asset", "frame", "records", "lang", "ago", "named", "page"]
    write = Members.json
    monkeypatch.setattr(
        Members, "json", lambda *args: dict.fromkeys(own, "a new field") | write(*args)
    )
    for path in ("/order/7", "/referendum/0", "/tokenomics"):
        assert await text(client, path)


async def test_payments_that_wait_are_in_the_histogram_without_their_payers(
    client: Client,
) -> None:
    found = await data(client, "/payfi")
    ages = found["ages"]
    assert isinstance(ages, list)
    assert sum(each["batches"] for each in ages) == found["batches"] == 1
    page = await text(client, "/payfi")
    assert "70 BTT" in page
    assert "Batches that wait for settlement: 1" in page
    assert "Alice" not in re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL)


def test_the_last_column_of_the_histogram_has_the_rest() -> None:
    counts = [age["batches"] for age in histogram([(0, 2), (69, 3), (10_000, 5)])]
    assert (counts[0], counts[6], counts[-1], sum(counts)) == (2, 3, 5, 10)


async def test_facilities_and_oracle_have_words_where_they_have_no_rows(client: Client) -> None:
    facilities = await text(client, "/facilities")
    assert "hospital" in facilities
    assert "756" in facilities
    assert "No month is published yet." in facilities
    oracle = await text(client, "/oracle")
    assert "Feeders" in oracle


async def test_small_cells_of_the_statistics_of_points_are_hidden(
    index: Path, connection: ChainConnection
) -> None:
    def publish(method: str, params: tuple[Json, ...], answer: Json) -> Json:
        if method == "state_call" and params[0] == "IncentivesApi_stats":
            return "0x01" + encode(Statistics, statistics()).hex()
        return answer

    one = ChainConnection(connection.chain, lie=publish)
    async with pages_of(one, index) as (client, _):
        page = words(await text(client, "/facilities"))
        found = (await data(client, "/facilities"))["statistics"]
    assert isinstance(found, dict)
    cells = {
        row["regions"][0]: {each["kind"]: each["points"] for each in row["cells"]}
        for row in found["rows"]
    }
    assert cells[756]["Hospital"] == 110
    assert cells[756]["Clinic"] is None
    assert [*cells[756].values()].count(None) >= 2
    assert [*cells[276].values()].count(None) >= 2
    assert page.count("hidden") >= 4 + 1  # the cells, and the rule
    assert "112" not in page
    assert "Sum of the shown cells" in page


FORGED = [
    ("/referendum/7", 404), ("/referendum/x", 400), ("/referendum/4294967296", 400),
    ("/job/0x12", 400), (f"/job/0x{'9' * 64}", 404), ("/jobs?after=x", 400),
    ("/providers?after=5Grw", 400), ("/market/9", 404), ("/market/-1", 400),
    ("/order/8", 404), ("/order/x", 400),
    ("/exchange?from=x", 400), ("/governance?below=x", 400), ("/facilities?after=x", 400),
]  # fmt: skip


async def test_forged_numbers_are_refused_in_words(client: Client) -> None:
    for path, status in FORGED:
        answer = await client.get(path)
        assert answer.status == status, path
        assert "Traceback" not in await answer.text()
        twin = await client.get(path, headers={"Accept": "application/json"})
        assert (await twin.json())["error"]


async def test_a_chain_without_the_runtime_api_says_so(
    index: Path, connection: ChainConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pages_of(connection, index) as (client, server):
        chain = await server.context.node.chain(server.context.index.specs()[0][0])
        monkeypatch.setattr(chain.metadata.items.runtime, "apis", [])
        answer = await client.get("/governance")
        assert answer.status == 404
        assert "This chain has no runtime API ChambersApi." in await answer.text()


def gone(method: str, answer: Json) -> Json:
    """Raise for a runtime API."""
    if method == "state_call":
        raise Disconnected("the line is cut")
    return answer


async def test_a_node_that_is_gone_is_said_in_words(
    index: Path, connection: ChainConnection
) -> None:
    mute = ChainConnection(connection.chain, lie=lambda method, _, answer: gone(method, answer))
    async with pages_of(mute, index) as (client, _):
        answer = await client.get("/jobs")
        assert answer.status == 503
        assert "the line is cut" in await answer.text()


async def test_the_search_leads_to_jobs_receipts_models_and_referenda(
    economy_client: Client,
) -> None:
    async def found(text: str) -> Document:
        answer = await economy_client.get(
            "/search", params={"q": text}, headers={"Accept": "application/json"}
        )
        return Document.of(await answer.text())

    for id, page in ((JOBS[0], "job"), (RECEIPT, "receipt"), (MODEL, "model")):
        number = "0x" + bytes(id).hex()
        assert (await found(number))["to"] == f"/{page}/{number}"
    assert (await found("0x" + "99" * 32))["to"].value is None
    [only] = [each for each in (await found("decided"))["found"] if each["kind"] == "referendum"]
    assert only["to"] == "/referendum/0"
    assert "System.remark" in only["name"]
