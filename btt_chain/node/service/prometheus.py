"""The HTTP server of the metrics: `GET /metrics` only."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import hdrs, web

from btt_chain.telemetry.metrics import CONTENT_TYPE, Metrics
from btt_chain.web.access import LOCAL_HOSTS, HostCheck
from btt_chain.web.bounds import RequestBounds, application_server
from btt_chain.web.limits import HttpLimits

log = logging.getLogger(__name__)

DEFAULT_PORT: Final = 9615

LIMITS: Final = HttpLimits(connections=32, connections_per_address=8, addresses=256)
"""Without them, callers could take the files that a node may open."""


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
        bounds = RequestBounds(LIMITS, hosts=HostCheck(None if external else LOCAL_HOSTS))
        app = web.Application(middlewares=[bounds.middleware])
        app.router.add_get("/metrics", self._answer)
        self._server = application_server(app, bounds)

    async def start(self) -> None:
        """Open the port on 127.0.0.1, or on all interfaces if `external`.

        Raises OSError if the port is taken.
        """
        host = "0.0.0.0" if self._external else "127.0.0.1"  # noqa: S104
        _, self.port = await self._server.start(host, self.port)
        log.info("Prometheus metrics on %s:%d/metrics", host, self.port)

    async def stop(self) -> None:
        """Close the port."""
        await self._server.stop()

    async def _answer(self, _request: web.Request) -> web.Response:
        # The whole header: aiohttp's `content_type` takes no parameters.
        return web.Response(body=self._metrics.text(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
