"""The HTTP endpoint of `facility serve`: wallets collect vouchers, auditors fetch what is sealed.

    POST /sign                       a `Request` in JSON; answers an `Answer`
    GET  /audit/<month>/<account>    what is sealed to an auditor

Every input is bounded (`LIMITS`). One thread reads and writes the folder: one request is signed at
a time, also if its caller is gone. Only the reason of a refusal is answered; nothing is logged
about callers. TLS, and an address without a patient's name in its logs, are the work of the proxy
in front of it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from aiohttp import web

from btt_chain.care.errors import CareError, Refusal
from btt_chain.care.messages import MAX_BYTES, Answer, Request
from btt_chain.web.bounds import Handler, RequestBounds, application_server
from btt_chain.web.limits import HttpLimits
from btt_chain.web.memory import return_large_blocks

LIMITS: Final = HttpLimits(
    connections=64,
    rate=4.0,
    burst=16.0,
    body_bytes=MAX_BYTES,
    all_body_bytes=8 * MAX_BYTES,
    idle_seconds=20.0,
    request_seconds=20.0,
)
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MONTH: Final = re.compile("[0-9]{1,9}")
_ACCOUNT: Final = re.compile("[0-9a-f]{64}")


Result = TypeVar("Result")


class Signer(Protocol):
    """The service of the endpoint; `FacilityFolder` implements it."""

    def sign(self, request: Request) -> Answer:
        """Sign a request. Raises Refusal."""

    def opening(self, month: int, auditor: bytes) -> bytes | None:
        """Return the disclosure sealed to an auditor; None if there is none."""


class Endpoint:
    """The handlers of one facility."""

    def __init__(self, signer: Signer, bounds: RequestBounds, worker: ThreadPoolExecutor) -> None:
        self._signer = signer
        self._bounds = bounds
        self._worker = worker

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[self._bounds.middleware, _explained])
        app.router.add_post("/sign", self._sign)
        app.router.add_get("/audit/{month}/{account}", self._opening)
        return app

    async def _sign(self, request: web.Request) -> web.StreamResponse:
        asked = Request.decode(await self._bounds.read(request))
        answer = await self._in_order(lambda: self._signer.sign(asked))
        return web.Response(text=answer.encode(), content_type="application/json", headers=HEADERS)

    async def _opening(self, request: web.Request) -> web.StreamResponse:
        month, account = request.match_info["month"], request.match_info["account"]
        if not _MONTH.fullmatch(month) or not _ACCOUNT.fullmatch(account):
            raise Refusal("write the month as a number and the account as 64 hex digits")
        place = int(month), bytes.fromhex(account)
        sealed = await self._in_order(lambda: self._signer.opening(*place))
        if sealed is None:
            return _refused(404, "nothing is sealed to this auditor")
        return web.Response(body=sealed, content_type="application/octet-stream", headers=HEADERS)

    async def _in_order(self, work: Callable[[], Result]) -> Result:
        """Return the result of some work in the thread; one whose caller gave up is not begun."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


@asynccontextmanager
async def serving(
    signer: Signer,
    host: str,
    port: int,
    clock: Callable[[], float],
    limits: HttpLimits = LIMITS,
) -> AsyncIterator[tuple[str, int]]:
    """Serve on an address; yield it with its port (0 takes a free one). CareError if taken."""
    return_large_blocks()
    worker = ThreadPoolExecutor(1, "facility-serve")
    bounds = RequestBounds(limits, _refused, clock=clock)
    server = application_server(Endpoint(signer, bounds, worker).app(), bounds)
    try:
        try:
            found = await server.start(host, port)
        except OSError as error:
            raise CareError(f"{host}:{port} cannot be served: {error.strerror}") from None
        yield found
    finally:
        await server.stop()
        # The folder is closed next: what is being signed is recorded before.
        await asyncio.to_thread(worker.shutdown, cancel_futures=True)


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error of the folder with its reason."""
    try:
        return await handler(request)
    except CareError as error:
        return _refused(409, str(error))


def _refused(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=HEADERS)
