"""The HTTP server of the pages: routes, languages, JSON twins, limits and headers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote

from aiohttp import hdrs, web

from btt_chain.explorer import economy
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.export import TABLES, csv_text, ndjson_text, rows_of
from btt_chain.explorer.index.queries import TooSlow
from btt_chain.explorer.language import LANGUAGES, Language, chosen, language
from btt_chain.explorer.live import Hub
from btt_chain.explorer.pages.accounts import account_page, account_proof, accounts_page
from btt_chain.explorer.pages.audit import audit_page, index_state
from btt_chain.explorer.pages.blocks import block_page, blocks_page, events_page
from btt_chain.explorer.pages.forms import BadRequest, Fields, Json, NoSuchPage, number_of
from btt_chain.explorer.pages.home import home_page, search, validators_page
from btt_chain.explorer.pages.runtime import calls_page, pallet_page, storage_page
from btt_chain.explorer.pages.transactions import transaction_page, transactions_page
from btt_chain.explorer.render import GROUP, STATIC, Renderer, static
from btt_chain.explorer.text import shown
from btt_chain.primitives.token_bucket import TokenBucket

log = logging.getLogger("explorer")

RATE: Final = 20.0
"""Requests a second of one address."""
BURST: Final = 100.0
MAX_ADDRESSES: Final = 10_000
"""Maximum number of addresses whose rates are kept."""
BODY: Final = 64 << 10
MAX_EXPORTS: Final = 8
"""Maximum number of exports at once."""
EXPORT_BYTES: Final = 5 << 20
"""Bytes a second of one export."""
YEAR: Final = 31_536_000

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

TITLES: Final = {
    400: "The request cannot be understood",
    404: "There is no such page",
    503: "Not available now",
}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
View: TypeAlias = Callable[[web.Request, Language], "Fields | Awaitable[Fields]"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, its template and its data."""

    path: str
    template: str
    view: View


class Server:
    """The pages of one index."""

    def __init__(self, context: Context, rate: float = RATE, burst: float = BURST) -> None:
        """`rate` is in requests a second of one address."""
        self.context = context
        self._rate, self._burst = rate, burst
        self.hub = Hub()
        self._renderer = Renderer(context.data)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._exports = 0
        context.progress.changed.append(self.announce)

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=BODY, middlewares=[self._guard])
        for page in self._pages():
            # First the longer form: `{block}` would take `12.json`, too.
            if page.path != "/":
                app.router.add_get(page.path + ".json", self._shown(page, as_json=True))
            app.router.add_get(page.path, self._shown(page))
        app.router.add_get("/index.json", self._shown(self._pages()[0], as_json=True))
        app.router.add_get("/search", self._search)
        app.router.add_get("/live", self._live)
        app.router.add_get("/static/{name}", self._static)
        app.router.add_get("/lang/{code}", self._choose_language)
        app.router.add_get("/proof/account/{account}.json", self._proof)
        app.router.add_get("/export/{table}.{form:csv|ndjson}", self._export)
        app.router.add_get("/robots.txt", self._robots)
        for old, new in (("extrinsic", "tx"), ("address", "account"), ("transaction", "tx")):
            app.router.add_get(f"/{old}/{{what}}", _moved(new))
        return app

    def _pages(self) -> list[Page]:
        context = self.context
        return [
            Page("/", "home.html", lambda _r, _l: home_page(context)),
            Page("/blocks", "blocks.html", lambda r, _: blocks_page(context, r.query.get("below"))),
            Page(
                "/block/{block}",
                "block.html",
                lambda r, _: block_page(context, r.match_info["block"], _start(r)),
            ),
            Page(
                "/txs",
                "txs.html",
                lambda r, _: transactions_page(
                    context, r.query.get("below"), r.query.get("call"), every="all" in r.query
                ),
            ),
            Page(
                "/tx/{tx}",
                "tx.html",
                lambda r, spoken: transaction_page(context, r.match_info["tx"], spoken),
            ),
            Page(
                "/events/{event}",
                "events.html",
                lambda r, _: events_page(context, r.match_info["event"], r.query.get("below")),
            ),
            Page(
                "/accounts",
                "accounts.html",
                lambda r, _: accounts_page(context, r.query.get("below")),
            ),
            Page(
                "/account/{account}",
                "account.html",
                lambda r, _: account_page(context, r.match_info["account"], r.query.get("below")),
            ),
            Page("/validators", "validators.html", lambda _r, _l: validators_page(context)),
            Page("/calls", "calls.html", lambda _r, _l: calls_page(context)),
            Page(
                "/pallet/{pallet}",
                "pallet.html",
                lambda r, _: pallet_page(context, r.match_info["pallet"]),
            ),
            Page(
                "/storage/{item}",
                "storage.html",
                lambda r, _: storage_page(
                    context, r.match_info["item"], r.query.getall("key", [])[:8]
                ),
            ),
            Page("/audit", "audit.html", lambda _r, _l: audit_page(context)),
            Page("/export", "export.html", lambda _r, _l: {"tables": _tables()}),
            *(Page(*each) for each in economy.pages(context)),
        ]

    # ---- every request

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Bound the rate, turn errors into pages, add the headers."""
        wait = self._wait(request.remote or "")
        try:
            response = _too_many(wait) if wait else await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                error.headers.update(HEADERS)
                raise
            response = self._error(request, error.status, error.reason)
        except NoSuchPage as error:
            response = self._error(request, 404, str(error))
        except BadRequest as error:
            response = self._error(request, 400, str(error))
        except (NodeGone, TooSlow) as error:
            response = self._error(request, 503, str(error))
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _wait(self, address: str) -> int:
        """Return the seconds that an address has to wait; 0 if it may go on."""
        now = time.monotonic()
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_ADDRESSES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        return 0 if bucket.take(now) else 1

    def _error(self, request: web.Request, status: int, reason: str) -> web.Response:
        text = shown(reason, 400)
        if _wants_json(request):
            return _json({"error": text}, status)
        spoken = _language(request)
        fields: Fields = {"title": TITLES.get(status, "Error"), "message": text}
        body = self._html("error.html", fields, request, spoken)
        return web.Response(text=body, content_type="text/html", status=status)

    # ---- pages

    def _shown(self, page: Page, *, as_json: bool = False) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            in_json = as_json or _wants_json(request)
            spoken = language("en") if in_json else _language(request)
            made = page.view(request, spoken)
            fields = made if isinstance(made, dict) else await made
            if in_json:
                return self._cached(request, json.dumps(fields).encode(), "application/json")
            body = self._html(page.template, fields, request, spoken)
            return self._cached(request, body.encode(), "text/html")

        return handle

    def _html(self, template: str, fields: Fields, request: web.Request, spoken: Language) -> str:
        path = request.path
        frame: Fields = {
            **index_state(self.context),
            "chain": shown(self.context.data.names.name),
            "path": path,
            "query": shown(request.query.get("q", ""), 128),
            "economy": economy.links(self.context),
            "json": None if template in {"error.html", "search.html"} else _json_path(request),
        }
        return self._renderer.page(template, fields, spoken, frame)

    def _cached(self, request: web.Request, body: bytes, kind: str) -> web.Response:
        """Return a response with its tag, or only that nothing has changed."""
        tag = f'"{hashlib.blake2s(body, digest_size=10).hexdigest()}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "no-cache",
            "Vary": "Accept, Accept-Language, Cookie",
        }
        if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
            return web.Response(status=304, headers=headers)
        response = web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)
        response.enable_compression()
        return response

    async def _search(self, request: web.Request) -> web.StreamResponse:
        fields = search(self.context, request.query.get("q", ""))
        to = fields["to"]
        if _wants_json(request):
            return _json(fields)
        if isinstance(to, str):
            raise web.HTTPFound(to)
        spoken = _language(request)
        body = self._html("search.html", fields, request, spoken)
        return web.Response(text=body, content_type="text/html")

    async def _proof(self, request: web.Request) -> web.StreamResponse:
        return _json(await account_proof(self.context, request.match_info["account"]))

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in STATIC:
            raise NoSuchPage("There is no such file.")
        response = web.Response(
            body=static(name)[0],
            content_type=STATIC[name],
            charset="utf-8",
            headers={"Cache-Control": f"public, max-age={YEAR}, immutable"},
        )
        response.enable_compression()
        return response

    async def _robots(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="User-agent: *\nDisallow: /export/\nDisallow: /storage/\n")

    async def _choose_language(self, request: web.Request) -> web.StreamResponse:
        code, to = request.match_info["code"], request.query.get("to", "/")
        if code not in LANGUAGES:
            raise NoSuchPage("There is no such language.")
        # Only a path of this site: `//host` and `/\host` would be another one.
        is_own = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
        response = web.HTTPFound(quote(to, safe="/-_.~") if is_own else "/")
        response.set_cookie("lang", code, max_age=YEAR, samesite="Lax", httponly=True)
        raise response

    # ---- streams

    def announce(self) -> None:
        """Report to open pages that the index has changed."""
        progress = self.context.progress
        self.hub.publish(
            {
                "best": f"{progress.tip:_}".replace("_", GROUP),
                "final": f"{progress.final:_}".replace("_", GROUP),
            }
        )

    async def _live(self, request: web.Request) -> web.StreamResponse:
        box = self.hub.join()
        if box is None:
            return web.Response(
                status=503, text="too many listeners", headers={"Retry-After": "30"}
            )
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **HEADERS}
        )
        try:
            await response.prepare(request)
            while (line := await box.get()) is not None:
                await response.write(line)
        except ConnectionError:
            pass  # the reader has left
        finally:
            self.hub.leave(box)
        return response

    async def _export(self, request: web.Request) -> web.StreamResponse:
        name, form = request.match_info["table"], request.match_info["form"]
        table = TABLES.get(name)
        if table is None:
            raise NoSuchPage(f"There is no table {shown(name)}.")
        if self._exports >= MAX_EXPORTS:
            return _too_many(30)
        pages = rows_of(
            self.context, table, request.query.get("after"), request.query.get("account")
        )
        rows = next(pages, [])
        kind = "text/csv" if form == "csv" else "application/x-ndjson"
        response = web.StreamResponse(
            headers={
                "Content-Type": f"{kind}; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{name}.{form}"',
                **HEADERS,
            }
        )
        response.enable_compression()
        self._exports += 1
        try:
            await response.prepare(request)
            head = "after" not in request.query
            while True:
                raw = (
                    csv_text(table.columns, rows, head=head) if form == "csv" else ndjson_text(rows)
                )
                head = False
                await response.write(raw)
                await asyncio.sleep(len(raw) / EXPORT_BYTES)
                found = next(pages, None)
                if found is None:
                    break
                rows = found
            await response.write_eof()
        except ConnectionError:
            pass  # the reader has left
        finally:
            self._exports -= 1
        return response


def _moved(new: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently(f"/{new}/{quote(request.match_info['what'], safe='')}")

    return handle


def _tables() -> list[Json]:
    return [name for name in TABLES if name != "history"]


def _start(request: web.Request) -> int:
    text = request.query.get("from", "0")
    found = number_of(text)
    if found is None:
        raise BadRequest(f"{shown(text)} is no index of an extrinsic")
    return found


def _language(request: web.Request) -> Language:
    return language(chosen(request.cookies.get("lang"), request.headers.get("Accept-Language", "")))


def _wants_json(request: web.Request) -> bool:
    return request.path.endswith(".json") or request.headers.get("Accept") == "application/json"


def _json_path(request: web.Request) -> str:
    path = "/index" if request.path == "/" else request.path
    return f"{path}.json" + (f"?{request.query_string}" if request.query_string else "")


def _json(fields: Fields, status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(fields, indent=2), content_type="application/json", status=status
    )


def _too_many(seconds: int) -> web.Response:
    return web.Response(
        status=429, text="too many requests\n", headers={"Retry-After": str(seconds)}
    )
