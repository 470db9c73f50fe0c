"""The lists of all pages as CSV and NDJSON, with the columns that are declared."""

from __future__ import annotations

import csv
import io
import json

from aiohttp import web
from aiohttp.test_utils import TestClient

from btt_chain.explorer.listed import LISTED, Listed
from btt_chain.explorer.routes import PAGES
from support.document import Document

Client = TestClient[web.Request, web.Application]
OF = {"asset": "0", "account": "Bob"}
EMPTY = {
    "decisions", "audits", "health", "representatives", "statistics", "earnings",
}  # fmt: skip
"""Tables without a row on this chain."""


async def fetched(client: Client, path: str) -> str:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == 200, (path, text)
    return text


async def test_each_list_is_a_table_with_the_declared_columns(economy_client: Client) -> None:
    for name, table in LISTED.items():
        await check_table(economy_client, name, table)


async def check_table(client: Client, name: str, table: Listed) -> None:
    page, query = table.page, ""
    if table.part is not None:
        page, query = page.replace(f"{{{table.part}}}", OF[table.part]), f"?of={OF[table.part]}"
    rows = Document.of(await fetched(client, f"{page}.json"))[table.name]
    assert bool(rows) == (name not in EMPTY)
    for field in table.fields.split():
        for row in rows:
            for part in field.rstrip("@$").split("."):
                assert part in row, (name, field)
                row = row[part]  # noqa: PLW2901 - a step down
    raw = await fetched(client, f"/export/{name}.csv{query}")
    read = list(csv.DictReader(io.StringIO(raw)))
    assert raw.splitlines()[0] == ",".join(table.columns)
    assert len(read) == len(rows)
    lines = (await fetched(client, f"/export/{name}.ndjson{query}")).splitlines()
    assert [list(json.loads(line)) for line in lines] == [[*table.columns]] * len(rows)


def test_every_list_belongs_to_a_page() -> None:
    assert {table.page for table in LISTED.values()} <= {page.path for page in PAGES}


REFUSED = {
    "/export/bids.csv": 400, "/export/bids.csv?of=99": 404, "/export/tiers.csv?after=1": 400,
    "/export/assets.csv?after=x": 400, "/export/jobs.csv?after=x": 400,
    "/export/no.ndjson": 404,
}  # fmt: skip


async def test_wrong_requests_for_tables_are_refused(economy_client: Client) -> None:
    for path, status in REFUSED.items():
        answer = await economy_client.get(path)
        assert answer.status == status, await answer.text()


async def test_a_table_goes_on_after_a_row(economy_client: Client) -> None:
    lines = (await fetched(economy_client, "/export/jobs.ndjson")).splitlines()
    first = json.loads(lines[0])["id"]
    rest = await fetched(economy_client, f"/export/jobs.ndjson?after={first}")
    assert rest.splitlines() == lines[1:]
    assert not await fetched(economy_client, "/export/assets.ndjson?after=0")
    assert not await fetched(economy_client, "/export/providers.ndjson?after=Bob")
