"""Metrics of JSON-RPC."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from itertools import accumulate
from typing import Final, cast

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from btt_chain.lazyclass import dataclass
from btt_chain.telemetry.registry import SECONDS, Registry

OTHER_METHODS: Final = "other"
"""The label of JSON-RPC methods that were not announced."""

BOUNDS: Final = tuple(seconds * 1e6 for seconds in SECONDS)
"""Upper bounds of durations in microseconds."""

_label: Final = cast("Callable[[float], str]", floatToGoString)  # the library has no type for it
LABELS: Final = tuple(map(_label, (*BOUNDS, float("inf"))))
"""The bounds as they are written in the text format."""


@dataclass(slots=True)
class Calls:
    """Calls of one method."""

    total: float = 0.0
    """Sum of their durations, in microseconds."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """Number of calls up to each bound and above the one before; the last has no bound."""


class CallSeries(Collector):
    """Number and duration of calls, by method.

    A counter and a histogram of prometheus_client take two locks and ten function calls for each
    call, a tenth of the processor time of a small one. All calls and scrapes are made by the thread
    of the event loop, so plain numbers do.
    """

    def __init__(self) -> None:
        self._calls: dict[str, Calls] = {}

    def of(self, method: str) -> Calls:
        """Return the calls of a method, to count another one."""
        return self._calls.setdefault(method, Calls())

    def collect(self) -> Iterator[Metric]:
        """Yield the series, for a scrape."""
        number = CounterMetricFamily(
            "substrate_rpc_calls_finished", "JSON-RPC calls answered", labels=("method",)
        )
        duration = HistogramMetricFamily(
            "substrate_rpc_calls_time", "Microseconds of JSON-RPC calls", labels=("method",)
        )
        for method, calls in self._calls.items():
            number.add_metric((method,), sum(calls.buckets))
            rows = list(zip(LABELS, map(float, accumulate(calls.buckets)), strict=True))
            duration.add_metric((method,), rows, calls.total)
        yield number
        yield duration


class RpcMetrics:
    """Metrics of JSON-RPC."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.calls = CallSeries()
        registry.add(self.calls)
        self._methods: frozenset[str] = frozenset()
        self._calls_by_name: dict[str, Calls] = {}
        self.sessions = registry.gauge("btt_rpc_sessions", "Open WebSocket connections")

    def on_call(self, method: str, seconds: float) -> None:
        """Record a call of a JSON-RPC method (by its registered name), answered after `seconds`."""
        calls = self._calls_by_name.get(method)
        if calls is None:
            calls = self._calls_of(method)
        microseconds = seconds * 1e6  # as Substrate's
        calls.total += microseconds
        calls.buckets[bisect_left(BOUNDS, microseconds)] += 1

    def on_sessions(self, count: int) -> None:
        """Set the number of open WebSocket connections."""
        self.sessions.set(count)

    def know_methods(self, names: Iterable[str]) -> None:
        """Count calls of each of these methods by its name, and of all others together."""
        self._methods = frozenset(names)

    def _calls_of(self, method: str) -> Calls:
        if method not in self._methods:
            return self.calls.of(OTHER_METHODS)
        calls = self._calls_by_name[method] = self.calls.of(method)
        return calls
