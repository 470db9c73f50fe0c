"""The exports over HTTP: streamed at a bounded rate, few at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Final

from aiohttp import hdrs, web
from multidict import MultiDict

from btt_chain.explorer.context import Context
from btt_chain.explorer.export import (
    HISTORY,
    TABLES,
    csv_text,
    is_of_others,
    ndjson_text,
    rows_of,
)
from btt_chain.explorer.language import language
from btt_chain.explorer.listed import LISTED, Listed
from btt_chain.explorer.pages.forms import Fields, NoSuchPage, account_of
from btt_chain.explorer.pages.merchants import hides_payers
from btt_chain.explorer.routes import PAGES, Asked
from btt_chain.explorer.site import json_context
from btt_chain.present.visible import shown
from btt_chain.web.places import Places

MAX_EXPORTS: Final = 8
"""Maximum number of exports at once."""
MAX_OF_CALLER: Final = 2
"""Maximum number of exports of one address at once."""
SLOWEST: Final = 4 << 10
"""Bytes a second that a reader takes at least, after the time it has for a first answer."""
SLOW_SECONDS: Final = 60.0
"""Seconds before readers that are too slow are cut."""
EXPORT_BYTES: Final = 5 << 20
"""Bytes a second of one export."""
MAX_PAGES: Final = 20_000
"""Maximum number of pages of a list, which a node could continue for ever."""

_PAGES: Final = {page.path: page for page in PAGES}


class Reader:
    """The reader of one export."""

    def __init__(self, response: web.StreamResponse, clock: Callable[[], float]) -> None:
        self._response = response
        self._clock = clock
        self._sent = 0
        self._waited = 0.0
        """Seconds in which the reader left what it was sent unread."""

    async def send(self, raw: bytes) -> None:
        """Send bytes, not faster than an export may be. ConnectionError for a slow reader."""
        began = self._clock()
        await self._response.write(raw)
        self._waited += self._clock() - began
        self._sent += len(raw)
        if self._waited > SLOW_SECONDS and self._sent < SLOWEST * self._waited:
            raise ConnectionAbortedError("the reader is too slow")
        await asyncio.sleep(len(raw) / EXPORT_BYTES)


class Exports:
    """The exports of one index."""

    def __init__(
        self,
        context: Context,
        headers: Mapping[str, str],
        caller: Callable[[web.Request], str],
    ) -> None:
        """`headers` are those of every answer; `caller` returns the address that asks."""
        self._context = context
        self._headers = headers
        self._caller = caller
        self._places = Places(MAX_EXPORTS, MAX_OF_CALLER)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return a table as a file. Raises NoSuchPage, BadRequest, NodeGone."""
        with self._places.place(self._caller(request)) as is_free:
            if not is_free:
                headers = {hdrs.RETRY_AFTER: "30"}
                return web.Response(status=429, text="too many exports at once\n", headers=headers)
            return await self._export(request)

    async def _export(self, request: web.Request) -> web.StreamResponse:
        name, form = request.match_info["table"], request.match_info["form"]
        columns, pages = self._table(name, request)
        first: list[Fields] = await anext(pages, [])
        kind = "text/csv" if form == "csv" else "application/x-ndjson"
        response = web.StreamResponse(
            headers={
                "Content-Type": f"{kind}; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{name}.{form}"',
                **self._headers,
            }
        )
        response.enable_compression()
        reader = Reader(response, time.monotonic)
        head = "after" not in request.query
        try:
            await response.prepare(request)
            await reader.send(_encoded(columns, first, form, head=head))
            async for rows in pages:
                await reader.send(_encoded(columns, rows, form, head=False))
            await response.write_eof()
        except ConnectionError:
            _cut(request)  # the reader has left, or is too slow
        except Exception:
            # Half of a file was sent: its end must not look like that of the table.
            _cut(request)
            raise
        return response

    def _table(
        self, name: str, request: web.Request
    ) -> tuple[tuple[str, ...], AsyncIterator[list[Fields]]]:
        """Return the columns of a table, and its rows by pages."""
        query = request.query
        table, listed = TABLES.get(name), LISTED.get(name)
        if table is not None:
            account = query.get("account")
            stored = rows_of(self._context, table, query.get("after"), account)
            return table.columns, self._each(stored, account if name == HISTORY else None)
        if listed is not None:
            return listed.columns, self._rows(listed, query.get("of"), query.get("after"))
        raise NoSuchPage(f"There is no table {shown(name)}.")

    async def _each(
        self, pages: Iterator[list[Fields]], account: str | None
    ) -> AsyncIterator[list[Fields]]:
        """Yield the pages of a table; `account` is that of a history.

        The history of a health service is without the transactions of others.
        """
        is_partial = account is not None and await hides_payers(
            self._context, account_of(self._context.data, account)
        )
        for rows in pages:
            yield [row for row in rows if not (is_partial and is_of_others(row))]

    async def _rows(
        self, table: Listed, of: str | None, after: str | None
    ) -> AsyncIterator[list[Fields]]:
        page, spoken = _PAGES[table.page], language("en")
        written = json_context(self._context.data)

        async def fetch(parts: dict[str, str], query: dict[str, str]) -> Fields:
            made = page.view(self._context, Asked(parts, MultiDict(query)), spoken)
            return page.form.json(await made if isinstance(made, Awaitable) else made, written)

        is_next = False
        for _ in range(MAX_PAGES):
            rows, after = await table.read(self._context, fetch, of, after, is_next=is_next)
            yield rows
            if after is None:
                return
            is_next = True


def _encoded(columns: tuple[str, ...], rows: list[Fields], form: str, *, head: bool) -> bytes:
    return csv_text(columns, rows, head=head) if form == "csv" else ndjson_text(rows)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
