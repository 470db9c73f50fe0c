"""Metrics of JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import Counter, Histogram

from btt_chain.telemetry.registry import SECONDS, Registry

OTHER_METHODS: Final = "other"
"""The label of JSON-RPC methods that were not announced."""


class RpcMetrics:
    """Metrics of JSON-RPC."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.calls = registry.counter(
            "substrate_rpc_calls_finished_total", "JSON-RPC calls answered", ("method",)
        )
        self.call_time = registry.histogram(
            "substrate_rpc_calls_time",
            "Microseconds of JSON-RPC calls",
            ("method",),
            buckets=tuple(seconds * 1e6 for seconds in SECONDS),
        )
        self._methods: frozenset[str] = frozenset()
        self._call_series: dict[str, tuple[Counter, Histogram]] = {}
        self.sessions = registry.gauge("btt_rpc_sessions", "Open WebSocket connections")

    def on_call(self, method: str, seconds: float) -> None:
        """Record a call of a JSON-RPC method (by its registered name), answered after `seconds`."""
        series = self._call_series.get(method)
        if series is None:
            series = self._series_of(method)
        series[0].inc()
        # In microseconds, as Substrate's.
        series[1].observe(seconds * 1e6)

    def on_sessions(self, count: int) -> None:
        """Set the number of open WebSocket connections."""
        self.sessions.set(count)

    def know_methods(self, names: Iterable[str]) -> None:
        """Count calls of each of these methods by its name, and of all others together."""
        self._methods = frozenset(names)

    def _series_of(self, method: str) -> tuple[Counter, Histogram]:
        """Return counter and histogram of a method; created at its first call, because the labels
        cost more than most calls, and most methods are never called.
        """
        name = method if method in self._methods else OTHER_METHODS
        series = self._call_series.get(name)
        if series is None:
            series = self.calls.labels(method=name), self.call_time.labels(method=name)
            self._call_series[name] = series
        return series
