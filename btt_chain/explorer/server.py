"""The HTTP server of the pages: routes, languages, JSON twins, limits and headers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from time import monotonic, thread_time
from typing import Final, TypeVar
from urllib.parse import quote

from aiohttp import hdrs, web
from jinja2 import TemplateError

from btt_chain.client.names import use_names
from btt_chain.explorer import economy, openapi, subscan
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.exporting import Exports
from btt_chain.explorer.language import LANGUAGES, Language, chosen, language
from btt_chain.explorer.live import MAX_LISTENERS, MAX_OF_CALLER, Hub, no_place
from btt_chain.explorer.pages.audit import index_state
from btt_chain.explorer.pages.forms import BadRequest, Fields, NoSuchPage
from btt_chain.explorer.pages.home import SearchPage, search
from btt_chain.explorer.pages.proofs import account_proof, storage_proof
from btt_chain.explorer.render import STATIC, Renderer, Typed, static
from btt_chain.explorer.routes import MAX_KEYS, PAGES, Asked, Page
from btt_chain.explorer.signing.routes import Signing
from btt_chain.explorer.site import json_context
from btt_chain.present import members
from btt_chain.present.scalars import GROUP
from btt_chain.present.visible import shown
from btt_chain.store import TooSlow
from btt_chain.web.access import LOCAL_HOSTS, HostCheck
from btt_chain.web.bounds import Handler, RequestBounds, RequestRefused
from btt_chain.web.budget import EXTERNAL, Accounts, CostAccount
from btt_chain.web.limits import HttpLimits
from btt_chain.web.places import Places
from btt_chain.web.proxies import Proxies
from btt_chain.web.quiet import LIMIT
from btt_chain.web.turns import TurnQueue

log = logging.getLogger("explorer.pages")
log.addFilter(LIMIT)

LIMITS: Final = HttpLimits(connections=512, connections_per_address=64, addresses=10_000)
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
    403: "This is not permitted here",
    404: "There is no such page",
    500: "The page cannot be shown",
    503: "Not available now",
}

NO_JSON: Final = ("error.html", "search.html", "prepared.html")
"""Templates of pages without a twin in JSON."""

GUESSED: Final = {
    "extrinsic": "tx", "transaction": "tx", "address": "account", "addr": "account",
    "blocks": "block", "event": "events", "validators": "validator", "providers": "provider",
    "referenda": "referendum", "token": "asset", "assets": "asset",
}  # fmt: skip
"""First parts of addresses as other explorers have them, and ours."""

LISTS: Final = {
    "extrinsics": "txs", "transactions": "txs", "txns": "txs", "tokens": "exchange",
    "gov": "governance", "referenda": "governance", "runtime": "upgrades",
}  # fmt: skip
"""Lists as other explorers have them, and ours."""

SEARCH: Final = members(SearchPage)

Made = TypeVar("Made")


class Server:
    """The pages of one index."""

    def __init__(
        self,
        context: Context,
        limits: HttpLimits = LIMITS,
        proxies: Proxies | None = None,
        hosts: Collection[str] = (),
    ) -> None:
        """`hosts` are further names of this machine, under which pages are asked for."""
        self.context = context
        self.hub = Hub()
        self.listeners: Final = Places(MAX_LISTENERS, MAX_OF_CALLER)
        """Places of the streams of new blocks."""
        self._renderer = Renderer(context.data)
        self._json = json_context(context.data)
        names = LOCAL_HOSTS | {name.lower() for name in hosts}
        check = HostCheck(None if context.is_public else names)
        self.bounds = RequestBounds(limits, proxies=proxies, hosts=check)
        read, self._caller = self.bounds.read, self.bounds.caller
        self.signing = Signing(context, self._made, _language, read, self._caller)
        self._exports = Exports(context, HEADERS, self._caller)
        self.bounds.streams = self._live, self._exports.handle, *self.signing.streams
        self._turns = TurnQueue()
        self.accounts = Accounts(EXTERNAL)
        """Processor time of each address: what a page costs is decided by who put it there."""
        context.progress.changed.append(self.announce)

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(
            client_max_size=self.bounds.limits.body_bytes,
            middlewares=[self._guard, self.bounds.middleware],
        )
        self.signing.add_routes(app.router)
        for page in PAGES:
            # First the longer form: `{block}` would take `12.json`, too.
            if page.path != "/":
                app.router.add_get(page.path + ".json", self._shown(page, as_json=True))
            app.router.add_get(page.path, self._shown(page))
        app.router.add_get("/index.json", self._shown(PAGES[0], as_json=True))
        app.router.add_get("/search", self._search)
        app.router.add_get("/live", self._live)
        app.router.add_get("/static/{name}", self._static)
        app.router.add_get("/lang/{code}", self._choose_language)
        app.router.add_get("/proof/account/{account}.json", self._prove_account)
        app.router.add_get("/proof/storage/{item}.json", self._prove_storage)
        app.router.add_get("/export/{table}.{form:csv|ndjson}", self._exports.handle)
        for name in subscan.METHODS:
            app.router.add_post(f"/api/{name}", self._subscan(name))
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_get("/robots.txt", self._robots)
        for old, new in GUESSED.items():
            app.router.add_get(f"/{old}/{{what}}", _moved(new))
        for old, new in LISTS.items():
            app.router.add_get(f"/{old}", _listed(new))
        return app

    # ---- every request

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn errors into pages, add the headers."""
        use_names(None)  # those of the operator's wallet are not for visitors
        try:
            response = await handler(request)
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
        except (ValueError, LookupError, TypeError, ArithmeticError, TemplateError) as error:
            # What a node sends decides what pages are made of: its operator finds the place here.
            log.exception("%s cannot be shown", request.path)
            reason = f"The data of this page have an unexpected form ({type(error).__name__})."
            response = self._error(request, 500, reason)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _error(self, request: web.Request, status: int, reason: str) -> web.Response:
        text = shown(reason, 400)
        if _wants_json(request):
            return _json({"error": text}, status)
        spoken = _language(request)
        fields: Fields = {"title": TITLES.get(status, "Error"), "message": text}
        body = self._html("error.html", fields, request, spoken)
        return web.Response(text=body, content_type="text/html", status=status)

    def _account(self, request: web.Request) -> CostAccount:
        """Return the account of a caller that owes nothing. Raises RequestRefused."""
        account = self.accounts.of(self._caller(request), monotonic())
        _ensure_paid(account)
        return account

    async def _beside(
        self, account: CostAccount, work: Callable[[], Made], *, is_new: bool = False
    ) -> Made:
        """Return the result of some work at an account's cost, beside the index and the streams.

        One thread works for all pages, so that the loop has its share of the time; who spent least
        is first. New work is begun for an account that owes nothing. Raises RequestRefused.
        """

        def charged() -> Made:
            with _charged(account):
                return work()

        if is_new:
            _ensure_paid(account)
        await self._turns.turn(lambda: account.spent(monotonic()))
        try:
            if is_new:
                _ensure_paid(account)
            return await asyncio.to_thread(charged)
        finally:
            self._turns.spent()

    # ---- pages

    def _shown(self, page: Page[Mapping[str, object]], *, as_json: bool = False) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            in_json = as_json or _wants_json(request)
            spoken = language("en") if in_json else _language(request)
            account = self.accounts.of(self._caller(request), monotonic())

            def view() -> Mapping[str, object] | Awaitable[Mapping[str, object]]:
                return page.view(self.context, _asked(request), spoken)

            def shown_as() -> web.Response:
                fields = page.form.json(answer, self._json)
                if in_json:
                    return self._cached(request, json.dumps(fields).encode(), "application/json")
                typed = Typed(page.form, answer)
                body = self._html(page.template, fields, request, spoken, typed)
                return self._cached(request, body.encode(), "text/html")

            made = await self._beside(account, view, is_new=True)
            answer = await made if isinstance(made, Awaitable) else made
            return await self._beside(account, shown_as)

        return handle

    def _html(
        self,
        template: str,
        fields: Fields,
        request: web.Request,
        spoken: Language,
        typed: Typed | None = None,
    ) -> str:
        path, asked = request.path, request.rel_url.raw_query_string
        frame: dict[str, object] = {
            **index_state(self.context),
            "chain": shown(self.context.data.names.name),
            "path": path,
            "here": path + (f"?{asked}" if asked else ""),
            "query": shown(request.query.get("q", ""), 128),
            "economy": economy.links(self.context),
            "signing": self.signing.state(request),
            "json": None if template in NO_JSON else _json_path(request),
        }
        return self._renderer.page(template, fields, spoken, frame, typed)

    def _made(self, template: str, fields: Fields, request: web.Request) -> web.Response:
        """Return a page that answers one request only."""
        body = self._html(template, fields, request, _language(request))
        return web.Response(
            text=body, content_type="text/html", headers={"Cache-Control": "no-store"}
        )

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
        account = self._account(request)
        answer = await search(self.context, request.query.get("q", ""))
        fields, to = SEARCH.json(answer, self._json), answer["to"]
        with _charged(account):
            if _wants_json(request):
                return _json(fields)
            if to is not None:
                raise web.HTTPFound(to)
            spoken = _language(request)
            body = self._html("search.html", fields, request, spoken)
            return web.Response(text=body, content_type="text/html")

    async def _prove_account(self, request: web.Request) -> web.StreamResponse:
        asked = _asked(request)
        fields = await account_proof(self.context, asked.part("account"), asked.get("checkpoint"))
        return _json(fields)

    async def _prove_storage(self, request: web.Request) -> web.StreamResponse:
        asked = _asked(request)
        keys = asked.all("key", MAX_KEYS)
        return _json(
            await storage_proof(self.context, asked.part("item"), keys, asked.get("checkpoint"))
        )

    def _subscan(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await self.bounds.read(request)

            def answer() -> web.Response:
                status, fields = subscan.answer(self.context, name, body)
                return _json(fields, status)

            account = self.accounts.of(self._caller(request), monotonic())
            return await self._beside(account, answer, is_new=True)

        return handle

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        return self._cached(request, openapi.text(self._json), "application/json")

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
        path, question, query = to.partition("?")
        found = quote(path, safe="/-_.~") + question + quote(query, safe="=&+-_.~%")
        response = web.HTTPFound(found if is_own else "/")
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
        with self.listeners.place(self._caller(request)) as is_free:
            box = self.hub.join() if is_free else None
            if box is None:
                return no_place(self.listeners, is_full=is_free or self.listeners.is_full)
            return await self._follow(request, box)

    async def _follow(
        self, request: web.Request, box: asyncio.Queue[bytes | None]
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **HEADERS}
        )
        try:
            await response.prepare(request)
            while (line := await self.hub.line(box)) is not None:
                await response.write(line)
        except ConnectionError:
            pass  # the reader has left
        finally:
            self.hub.leave(box)
        return response


def _ensure_paid(account: CostAccount) -> None:
    wait = ceil(account.wait(monotonic()))
    if wait:
        reason = f"this address used up its processor time: wait {wait} seconds"
        raise RequestRefused(429, reason, wait)


@contextmanager
def _charged(account: CostAccount) -> Iterator[None]:
    """Charge an account for the processor time of the block, which does not wait."""
    begun = thread_time()
    try:
        yield
    finally:
        account.charge(thread_time() - begun, monotonic())


def _listed(new: str) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently(f"/{new}")

    return handle


def _moved(new: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently(f"/{new}/{quote(request.match_info['what'], safe='')}")

    return handle


def _language(request: web.Request) -> Language:
    return language(chosen(request.cookies.get("lang"), request.headers.get("Accept-Language", "")))


def _asked(request: web.Request) -> Asked:
    return Asked(request.match_info, request.query)


def _wants_json(request: web.Request) -> bool:
    return request.path.endswith(".json") or request.headers.get("Accept") == "application/json"


def _json_path(request: web.Request) -> str:
    path = "/index" if request.path == "/" else request.path
    return f"{path}.json" + (f"?{request.query_string}" if request.query_string else "")


def _json(fields: Fields, status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(fields, indent=2), content_type="application/json", status=status
    )
