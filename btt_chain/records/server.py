"""The web server of a custodian: messages of vaults, and a read-only FHIR facade.

| path | |
|---|---|
| `GET /custodian` | public: vault, account, chain, promise key |
| `POST /vault` | a sealed message (`messages`), answered by one |
| `GET /fhir/metadata` | CapabilityStatement |
| `GET /fhir/TYPE?...`, `GET /fhir/TYPE/ID` | with the bearer token of a session |

The facade sends records in the open: it listens on the loopback by default, and belongs
behind a proxy with TLS. Messages are sealed, and need none. Limits: `MAX_MESSAGE` bytes of a
message, `MAX_OPEN` requests at once, `RATE` requests a second of an address, `READ_SECONDS` for a
body; `MAX_CONNECTIONS` for `CONNECTION_SECONDS` each, of another machine `MAX_OF_ADDRESS`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.records.canonical import canonical
from btt_chain.records.custodian.service import Custodian
from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import AccessDenied, RecordsError
from btt_chain.records.fhir.capability import capability_statement
from btt_chain.records.messages import BadMessage
from btt_chain.records.searching import BadSearch, Search

MAX_MESSAGE: Final = 32 << 20
MAX_OPEN: Final = 64
RATE: Final = 20.0
BURST: Final = 100
MAX_ADDRESSES: Final = 10_000
READ_SECONDS: Final = 30.0
MAX_CONNECTIONS: Final = 256
MAX_OF_ADDRESS: Final = 16
"""Connections of one address; a proxy on this machine may have all."""
CONNECTION_SECONDS = 120.0
"""Maximum seconds of a connection, with all its requests."""
FHIR: Final = "application/fhir+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RecordsServer:
    """The server of one custodian."""

    def __init__(self, custodian: Custodian, chain: bytes) -> None:
        self._custodian = custodian
        self._chain = chain
        self._open = 0
        self._buckets: dict[str, TokenBucket] = {}
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError."""
        app = web.Application(client_max_size=MAX_MESSAGE, middlewares=[self._guard])
        app.router.add_get("/custodian", self._describe)
        app.router.add_post("/vault", self._message)
        app.router.add_get("/fhir/metadata", self._metadata)
        app.router.add_get("/fhir/{type}", self._search)
        app.router.add_get("/fhir/{type}/{id}", self._search)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=15)
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is set up")
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Arrival(server), host, port, backlog=MAX_OPEN
        )
        found: int = self._listener.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Close all connections."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # ---- limits

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._may_ask(request.remote or ""):
            return _outcome(429, "throttled", "too many requests: wait a second")
        if self._open >= MAX_OPEN:
            return _outcome(503, "transient", "too many requests at once: try again")
        self._open += 1
        try:
            return await handler(request)
        except AccessDenied as error:
            return _outcome(403, "forbidden", str(error))
        except BadSearch as error:
            return _outcome(400, "invalid", str(error))
        except RecordsError as error:
            return _outcome(500, "exception", str(error))
        except web.HTTPNotFound:
            return _outcome(404, "not-found", "there is nothing at this path")
        except web.HTTPMethodNotAllowed:
            return _outcome(405, "not-supported", "the facade is read-only")
        finally:
            self._open -= 1

    def _may_ask(self, address: str) -> bool:
        """Return True if an address has not sent more than its share."""
        now = time.monotonic()
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= MAX_ADDRESSES:
                self._buckets = {each: found for each, found in self._buckets.items()
                                 if found.refill(now) < BURST}  # fmt: skip
            bucket = self._buckets[address] = TokenBucket(RATE, BURST, now)
        return bucket.take(now)

    # ---- paths

    async def _describe(self, _request: web.Request) -> web.Response:
        custodian = self._custodian
        return _json(
            {
                "vault": str(custodian.vault.id),
                "account": custodian.account.hex(),
                "chain": self._chain.hex(),
                "promiseKey": custodian.promise_key.hex(),
                "fhir": "/fhir",
            }
        )

    async def _message(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(READ_SECONDS):
                sealed = await request.read()
        except TimeoutError:
            return _outcome(408, "timeout", "the message did not come in time")
        except web.HTTPRequestEntityTooLarge:
            return _outcome(413, "too-long", f"a message has at most {MAX_MESSAGE >> 20} MiB")
        try:
            answer = await self._custodian.answer(sealed)
        except BadMessage as error:
            return _outcome(400, "invalid", str(error))
        return web.Response(body=answer, content_type="application/octet-stream")

    async def _metadata(self, _request: web.Request) -> web.Response:
        return _json(capability_statement())

    async def _search(self, request: web.Request) -> web.Response:
        token = _token(request)
        if token is None or self._custodian.session(token) is None:
            return _outcome(401, "login", "open a session, and send its token as Bearer")
        kind, id = request.match_info["type"], request.match_info.get("id")
        query = request.rel_url.raw_query_string
        text = kind + (f"/{id}" if id else "") + (f"?{query}" if query else "")
        search = Search.parse(text)
        page, total = await self._custodian.read(token, search)
        if not search.is_read:
            return _json(_bundle(request, search, page, total))
        if not page:
            # The same answer for what is not there and for what no consent covers.
            raise AccessDenied(f"no consent of this session covers {kind}/{id}")
        return _json(page[0])


class _Arrival(asyncio.Protocol):
    """A new connection: handed to the web server, or closed if there are too many."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport) or self._is_full(_peer(transport)):
            transport.close()
            return
        handler = self._server()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        # A silent connection has its place no longer than this.
        asyncio.get_running_loop().call_later(CONNECTION_SECONDS, handler.force_close)

    def _is_full(self, address: str) -> bool:
        open_ones = self._server.connections
        of_address = sum(_peer(each.transport) == address for each in open_ones)
        is_local = address in ("127.0.0.1", "::1")
        return len(open_ones) >= MAX_CONNECTIONS or (not is_local and of_address >= MAX_OF_ADDRESS)


def _peer(transport: asyncio.BaseTransport | None) -> str:
    name = None if transport is None else transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def _bundle(request: web.Request, search: Search, page: list[Resource], total: int) -> Resource:
    base = f"{request.scheme}://{request.host}"
    links: list[Json] = [{"relation": "self", "url": f"{base}{request.rel_url}"}]
    end = search.offset + len(page)
    if page and end < total:
        rest = [(name, value) for name, value in request.rel_url.query.items()
                if name not in ("_offset", "_count")]  # fmt: skip
        query = urlencode([*rest, ("_count", search.count), ("_offset", end)])
        links.append({"relation": "next", "url": f"{base}/fhir/{search.kind}?{query}"})
    entries: list[Json] = [
        {
            "fullUrl": f"{base}/fhir/{each['resourceType']}/{each['id']}",
            "resource": each,
            "search": {"mode": "match"},
        }
        for each in page
    ]
    found: dict[str, Json] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": links,
    }
    return {**found, "entry": entries} if entries else found


def _token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _json(value: Resource) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=canonical(value), content_type=FHIR, headers=headers)


def _outcome(status: int, code: str, words: str) -> web.Response:
    """Return an OperationOutcome."""
    found: Resource = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": words}],
    }
    headers = {"Cache-Control": "no-store"}
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(status=status, body=canonical(found), content_type=FHIR, headers=headers)
