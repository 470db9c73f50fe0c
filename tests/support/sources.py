"""Web sources of prices that are slow, lie, never end, redirect or break, on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def good(_: web.Request) -> web.StreamResponse:
    return web.json_response({"btt": {"cny": {"last": 0.41}}})


async def lying(_: web.Request) -> web.StreamResponse:
    return web.json_response({"btt": {"cny": {"last": 999}}})


async def slow(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response(text="0.41")


async def dripping(request: web.Request) -> web.StreamResponse:
    """Answer at once, a byte at a time, and never end."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b"1")
        await asyncio.sleep(0.05)


async def huge(request: web.Request) -> web.StreamResponse:
    """Answer with more than was requested."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(10_000):
        await answer.write(b"1" * 65_536)
    return answer


async def bomb(_: web.Request) -> web.StreamResponse:
    """Answer with a little that unpacks to a lot."""
    import gzip

    packed = gzip.compress(b" " * (50 << 20))
    return web.Response(body=packed, headers={"Content-Encoding": "gzip"})


async def deep(_: web.Request) -> web.StreamResponse:
    return web.Response(text="[" * 30_000)


async def redirect(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/good")


async def broken(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="0.41")


async def cut(request: web.Request) -> web.StreamResponse:
    """Promise a length, and hang up before it."""
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b"0.41")
    assert request.transport is not None
    request.transport.close()
    return answer


HANDLERS: dict[str, Handler] = {
    "good": good,
    "lying": lying,
    "slow": slow,
    "dripping": dripping,
    "huge": huge,
    "bomb": bomb,
    "deep": deep,
    "redirect": redirect,
    "broken": broken,
    "cut": cut,
}


@asynccontextmanager
async def web_sources() -> AsyncIterator[str]:
    """Serve all of them; yield the address before their names, as http://127.0.0.1:1/."""
    app = web.Application()
    for name, handler in HANDLERS.items():
        app.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
