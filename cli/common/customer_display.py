"""A page for the customer's screen beside a till: the QR code, the amount, and the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web

from btt_chain.web.access import LOCAL_HOSTS, HostCheck
from btt_chain.web.bounds import RequestBounds, application_server
from btt_chain.web.limits import HttpLimits
from cli.common.errors import Refused

_LIMITS: Final = HttpLimits(rate=50.0, burst=200.0)
"""The page asks three times a second."""
_GRACE: Final = 0.5
"""Seconds for requests in progress at the end."""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Payment</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { --ground: #f3f4f6; --card: #fff; --text: #14171c; --quiet: #59616d;
        --wait: #e8eaee; --seen: #ffe39a; --good: #b7edc5; --bad: #f8c3c3; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #101216; --card: #1b1f26; --text: #eceef2; --quiet: #a0a8b5;
          --wait: #2b313b; --seen: #5f4a0b; --good: #14532a; --bad: #6e1f22; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
       font-family: system-ui, sans-serif; background: var(--ground); color: var(--text); }
main { width: 100%; max-width: 560px; background: var(--card); border-radius: 20px;
       padding: clamp(16px, 4vw, 32px); display: grid; gap: 16px; justify-items: center;
       text-align: center; overflow-wrap: anywhere; text-wrap: balance; }
p, h1 { margin: 0; }
p:empty, div:empty { display: none; }
#head, #foot { display: grid; gap: 8px; width: 100%; justify-items: center; }
#name { font-size: 1.25rem; font-weight: 600; }
#address { font: 0.8rem/1.4 ui-monospace, monospace; color: var(--quiet); }
h1 { font-size: clamp(1.5rem, 8vw, 2.75rem); line-height: 1.15; }
h1.long { font-size: clamp(1.1rem, 5vw, 1.75rem); }
#now, #left, #note { color: var(--quiet); }
#code { background: #fff; border-radius: 12px; padding: 8px; line-height: 0;
        width: min(100%, 58vh, 420px); }
#code svg { width: 100%; height: auto; }
#state { font-size: 1.2rem; padding: 12px 20px; border-radius: 12px; background: var(--wait); }
#state.seen { background: var(--seen); } #state.final { background: var(--good); }
#state.expired, #state.undecided, #state.ended { background: var(--bad); }
#state.final { font-size: 1.6rem; font-weight: 600; } #state.final::before { content: "\\2713  "; }
@media (min-width: 800px) and (max-height: 620px) {
  main { max-width: 900px; grid-template-columns: auto 1fr; column-gap: 32px; }
  #code { grid-row: 1 / span 2; width: min(80vh, 420px); }
  #head { align-self: end; } #foot { align-self: start; }
  main:has(#code:empty) { max-width: 560px; grid-template-columns: 1fr; }
}
</style></head><body><main>
<div id="code"></div>
<div id="head"><p id="name"></p><h1 id="amount"></h1><p id="now"></p><p id="address"></p></div>
<div id="foot"><p id="state" role="status"></p><p id="left"></p><p id="note"></p></div>
</main><script>
const part = (id) => document.getElementById(id);
const LONG = 16;
let shown = "";
function say(stage, words) {
  const line = part("state");
  if (line.textContent !== words) line.textContent = words;
  line.className = stage;
}
function left(state) {
  if (state.stage !== "waiting") return "";
  const seconds = Math.max(0, Math.floor((Number(state.expires) - Date.now()) / 1000));
  return Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0") + " left";
}
async function refresh() {
  try {
    const state = await (await fetch("state", {cache: "no-store"})).json();
    for (const id of ["name", "address", "amount", "now", "note"]) part(id).textContent = state[id];
    part("amount").className = state.amount.length > LONG ? "long" : "";
    const svg = ["waiting", "seen"].includes(state.stage) ? state.svg : "";
    if (shown !== svg) {
      shown = svg;
      part("code").innerHTML = svg;
    }
    part("left").textContent = left(state);
    say(state.stage, state.words);
  } catch (error) {
    part("code").innerHTML = part("left").textContent = "";
    if (part("state").className !== "final") say("ended", "the till has ended");
    return;
  }
  setTimeout(refresh, 300);
}
refresh();
</script></body></html>
"""
_FIELDS: Final = (
    "name", "address", "amount", "now", "svg", "stage", "words", "note", "expires",
)  # fmt: skip
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
        """Change what the page shows: the fields of `_FIELDS`."""
        self._state.update(changes)


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
