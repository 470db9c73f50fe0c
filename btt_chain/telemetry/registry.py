"""A registry of metrics, with Substrate's buckets for durations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of durations; Substrate's."""


class Registry:
    """Creates metrics in one registry."""

    def __init__(self, collectors: CollectorRegistry) -> None:
        self._collectors: Final = collectors

    def add(self, collector: Collector) -> None:
        """Add series that are read at each scrape."""
        self._collectors.register(collector)

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Return a new gauge."""
        return Gauge(name, text, labels, registry=self._collectors)

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Return a new counter."""
        return Counter(name, text, labels, registry=self._collectors)

    def histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = SECONDS,
    ) -> Histogram:
        """Return a new histogram, of seconds unless `buckets` are given."""
        return Histogram(name, text, labels, buckets=buckets, registry=self._collectors)
