"""The web server of a custodian: messages of vaults, and a read-only FHIR facade.

| path | |
|---|---|
| `GET /custodian` | public: vault, account, chain, promise key |
| `POST /vault` | a sealed message (`messages`), answered by one; a large one needs an upload |
| `GET /fhir/metadata` | CapabilityStatement |
| `GET /fhir/TYPE?...`, `GET /fhir/TYPE/ID` | with the bearer token of a session |

The facade sends records in the open: it listens on the loopback by default, and belongs
behind a proxy with TLS. Messages are sealed, and need none. `LIMITS` bounds what callers use up.
A message of kind `upload` is answered with a token; one request with `Authorization: Upload TOKEN`
may then be large.
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from btt_chain.records.canonical import canonical
from btt_chain.records.custodian.service import MAX_QUESTION, Custodian
from btt_chain.records.documents import Json, Resource
from btt_chain.records.errors import AccessDenied, RecordsError
from btt_chain.records.fhir.capability import capability_statement
from btt_chain.records.messages import BadMessage
from btt_chain.records.searching import BadSearch, Search
from btt_chain.web.bodies import Bodies
from btt_chain.web.bounds import Handler, RequestBounds, application_server
from btt_chain.web.limits import HttpLimits
from btt_chain.web.memory import return_large_blocks
from btt_chain.web.quiet import LIMIT

log = logging.getLogger(__name__)
log.addFilter(LIMIT)

MAX_MESSAGE: Final = 32 << 20
"""Bytes of a message of a patient, who has asked for the upload before."""
MAX_UPLOADS: Final = 2 * MAX_MESSAGE
"""Bytes of all such messages."""
LIMITS: Final = HttpLimits(
    # Any caller may send a message; its sender is known once its seal is checked.
    body_bytes=MAX_QUESTION,
    all_body_bytes=16 * MAX_QUESTION,
    addresses=10_000,
    request_seconds=60.0,
)
FHIR: Final = "application/fhir+json"
CODES: Final = {408: "timeout", 413: "too-long", 429: "throttled", 503: "transient"}
"""Codes of FHIR for the statuses of requests that exceed a limit."""


class RecordsServer:
    """The server of one custodian."""

    def __init__(self, custodian: Custodian, chain: bytes) -> None:
        self._custodian = custodian
        self._chain = chain
        self._bounds = RequestBounds(LIMITS, _refused)
        self._uploads = Bodies(MAX_UPLOADS)
        app = web.Application(middlewares=[self._bounds.middleware, _explained])
        app.router.add_get("/custodian", self._describe)
        app.router.add_post("/vault", self._message)
        app.router.add_get("/fhir/metadata", self._metadata)
        app.router.add_get("/fhir/{type}", self._search)
        app.router.add_get("/fhir/{type}/{id}", self._search)
        self._server = application_server(app, self._bounds)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError."""
        return_large_blocks()
        return (await self._server.start(host, port))[1]

    async def stop(self) -> None:
        """Close all connections."""
        await self._server.stop()

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
        token = _token(request, "upload")
        if token is None:
            sealed = await self._bounds.read(request)
        elif self._custodian.begin_upload(token):
            sealed = await self._bounds.read(request, MAX_MESSAGE, self._uploads)
        else:
            return _outcome(401, "login", "no upload is open with this token: ask for one again")
        try:
            answer = await self._custodian.answer(sealed)
        except BadMessage as error:
            return _outcome(400, "invalid", str(error))
        return web.Response(body=answer, content_type="application/octet-stream")

    async def _metadata(self, _request: web.Request) -> web.Response:
        return _json(capability_statement())

    async def _search(self, request: web.Request) -> web.Response:
        if not request.host.isascii():
            return _outcome(400, "invalid", "the header Host is malformed")
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


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors of the custodian in the form of FHIR."""
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
    except (ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, OSError):
        # The operator finds the place in the log; the caller gets no part of it.
        log.exception("%s %s cannot be answered", request.method, request.rel_url.path)
        return _outcome(500, "exception", "the custodian cannot answer this now")


def _refused(status: int, reason: str) -> web.Response:
    return _outcome(status, CODES.get(status, "invalid"), reason)


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


def _token(request: web.Request, wanted: str = "bearer") -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == wanted else None


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
