"""A page for the customer's screen beside a till: the QR code, the amount, and the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from btt_chain.web.access import LOCAL_HOSTS, HostCheck
from btt_chain.web.bounds import RequestBounds, application_server
from btt_chain.web.limits import HttpLimits
from cli.common.errors import Refused
from cli.common.files import read_text_file

_LIMITS: Final = HttpLimits(rate=50.0, burst=200.0)
"""The page asks three times a second."""
_GRACE: Final = 0.5
"""Seconds for requests in progress at the end."""
_PAGE: Final = read_text_file(Path(__file__).with_suffix(".html"))
_FIELDS: Final = (
    "name", "address", "amount", "now", "svg", "stage", "words", "note", "expires",
)  # fmt: skip
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class CustomerDisplay(NamedTuple):
    """A page that is served."""

    url: str
    state: dict[str, str]
    """Texts that it shows, by the names of `_FIELDS`."""


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[CustomerDisplay]:
    """Serve the page on this machine only; 0 takes a free port. Refused if the port is taken."""
    state = dict.fromkeys(_FIELDS, "")

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html", headers=_HEADERS)

    async def current(_request: web.Request) -> web.Response:
        return web.json_response(state, headers=_HEADERS)

    # Another page's name that resolves to this machine must not read the till.
    bounds = RequestBounds(_LIMITS, _refused, hosts=HostCheck(LOCAL_HOSTS))
    app = web.Application(middlewares=[bounds.middleware])
    app.router.add_get("/", page)
    app.router.add_get("/state", current)
    server = application_server(app, bounds, _GRACE)
    try:
        try:
            _, port = await server.start("127.0.0.1", port)
        except OSError:
            raise Refused(
                f"port {port} is taken: give another --display, or --no-display"
            ) from None
        yield CustomerDisplay(f"http://localhost:{port}/", state)
        # The page asks three times a second: it shows the last state before the till ends.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.7)
    finally:
        await server.stop()


def _refused(status: int, reason: str) -> web.Response:
    is_elsewhere = status == web.HTTPForbidden.status_code
    text = "open http://localhost on the machine of the till" if is_elsewhere else reason
    return web.Response(status=status, text=text)
