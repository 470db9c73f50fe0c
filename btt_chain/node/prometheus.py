"""The HTTP server of the metrics: `GET /metrics` only."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import hdrs, web

from btt_chain.rpc.access import LOCAL_HOSTS, HostCheck
from btt_chain.telemetry.metrics import CONTENT_TYPE, Metrics
from btt_chain.web.limits import HttpLimits
from btt_chain.web.server import HttpServer, RequestBounds

log = logging.getLogger(__name__)

DEFAULT_PORT: Final = 9615

LIMITS: Final = HttpLimits(connections=32, connections_per_address=8, addresses=256)
"""Without them, callers could take the files that a node may open."""
PATIENCE: Final = 1.0
"""Seconds for open requests to finish when the node stops."""


class PrometheusServer:
    """Serves the metrics of one node until stopped."""

    def __init__(
        self, metrics: Metrics, port: int = DEFAULT_PORT, *, external: bool = False
    ) -> None:
        """Prepare; nothing is opened before `start`. Port 0 picks a free one."""
        self.port = port
        self._metrics = metrics
        self._external = external
        # As for the RPC: a web page must not get here by a name that resolves to 127.0.0.1.
        self._hosts = HostCheck(None if external else LOCAL_HOSTS)
        self._bounds = RequestBounds(LIMITS)
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Open the port on 127.0.0.1, or on all interfaces if `external`.

        Raises:
            OSError: if the port is taken.

        """
        app = web.Application(middlewares=[self._bounds.middleware])
        app.router.add_get("/metrics", self._answer)
        server = HttpServer(app, self._bounds, shutdown_seconds=PATIENCE)
        host = "0.0.0.0" if self._external else "127.0.0.1"  # noqa: S104
        _, self.port = await server.start(host, self.port)
        self._server = server
        log.info("Prometheus metrics on %s:%d/metrics", host, self.port)

    async def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def _answer(self, request: web.Request) -> web.Response:
        if not self._hosts.allows(request.headers.get(hdrs.HOST)):
            return web.Response(status=403, text="Provided Host header is not whitelisted.\n")
        # The whole header: aiohttp's `content_type` takes no parameters.
        return web.Response(body=self._metrics.text(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
