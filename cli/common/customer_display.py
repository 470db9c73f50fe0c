"""A page for the customer's screen beside a till: the QR code, the amount, and the result."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from cli.common.errors import Refused

if TYPE_CHECKING:
    from aiohttp import web

_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""Host headers of this machine; browsers leave out port 80."""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Payment</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: 0; font-family: system-ui, sans-serif; text-align: center; background: #fff;
       color: #111; }
main { padding: 2vh 4vw; }
h1 { font-size: 8vh; margin: 1vh 0; }
#code svg { width: min(60vh, 90vw); height: auto; }
#state { font-size: 5vh; padding: 1vh; border-radius: 1vh; display: inline-block; }
.seen { background: #ffe9a8; } .final { background: #b9efc4; }
.expired, .wrong { background: #f6c1c1; }
</style></head><body><main>
<p id="name"></p><h1 id="amount"></h1><div id="code"></div><p id="state"></p><p id="note"></p>
</main><script>
let shown = "";
async function refresh() {
  try {
    const state = await (await fetch("state", {cache: "no-store"})).json();
    document.getElementById("name").textContent = state.name;
    document.getElementById("amount").textContent = state.amount;
    if (shown !== state.svg) {
      shown = state.svg;
      document.getElementById("code").innerHTML = state.svg;
    }
    const line = document.getElementById("state");
    line.textContent = state.words;
    line.className = state.stage;
    document.getElementById("note").textContent = state.note;
  } catch (error) {
    document.getElementById("state").textContent = "the till has ended";
    return;
  }
  setTimeout(refresh, 300);
}
refresh();
</script></body></html>
"""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class CustomerDisplay:
    """The state that the page shows; made by `serving`."""

    def __init__(self, url: str, state: dict[str, str]) -> None:
        self.url = url
        self._state = state

    def show(self, **changes: str) -> None:
        """Change what the page shows: name, amount, svg, stage, words, note."""
        self._state.update(changes)


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[CustomerDisplay]:
    """Serve the page on this machine only; 0 takes a free port. Refused if the port is taken."""
    from aiohttp import web

    state = dict.fromkeys(("name", "amount", "svg", "stage", "words", "note"), "")

    def is_here(request: web.Request) -> bool:
        # Another page's name that resolves to this machine must not read the till.
        return _HOST.fullmatch(request.host) is not None

    async def page(request: web.Request) -> web.Response:
        if not is_here(request):
            raise web.HTTPForbidden(text="open http://localhost on the machine of the till")
        return web.Response(text=_PAGE, content_type="text/html", headers=_HEADERS)

    async def current(request: web.Request) -> web.Response:
        if not is_here(request):
            raise web.HTTPForbidden
        return web.Response(
            text=json.dumps(state), content_type="application/json", headers=_HEADERS
        )

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/state", current)
    # Any program of this machine can send what is no HTTP; the till's terminal shows none of it.
    silent = logging.getLogger(__name__)
    silent.setLevel(logging.CRITICAL + 1)
    runner = web.AppRunner(app, access_log=None, logger=silent, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            raise Refused(
                f"port {port} is taken: give another --display, or --no-display"
            ) from None
        (address, *_) = runner.addresses
        yield CustomerDisplay(f"http://localhost:{address[1]}/", state)
        # The page asks three times a second: it shows the last state before the till ends.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.7)
    finally:
        await runner.cleanup()
