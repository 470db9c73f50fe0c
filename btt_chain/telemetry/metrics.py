"""Prometheus metrics of one node, under the names that dashboards for Substrate use.

One `Metrics` per node, with a registry of its own: several nodes in a process do not mix. The node
reports events (`metrics.chain.on_imported`, ...); nothing here queries it. Metrics without a name
in Substrate begin with `btt_`.

Names: Substrate's `sc-service`, `sc-network`, `sc-consensus-grandpa`, `sc-basic-authorship`.
"""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)

from btt_chain.telemetry.authoring_metrics import AuthoringMetrics
from btt_chain.telemetry.chain_metrics import ChainMetrics
from btt_chain.telemetry.finality_metrics import FinalityMetrics
from btt_chain.telemetry.key_metrics import KeyMetrics
from btt_chain.telemetry.network_metrics import NetworkMetrics
from btt_chain.telemetry.pool_metrics import PoolMetrics
from btt_chain.telemetry.registry import Registry
from btt_chain.telemetry.rpc_metrics import RpcMetrics
from btt_chain.telemetry.work_metrics import WorkMetrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""Content type of `Metrics.text`, for HTTP."""

ROLE_FULL: Final = 1
ROLE_AUTHORITY: Final = 4

_ENDINGS: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
"""Suffixes that the text format appends to the name of a metric, by its kind."""


class Metrics:
    """The metrics of one node, by subject; every method is cheap and never fails."""

    def __init__(self, name: str, version: str, *, is_authority: bool, chain: str = "") -> None:
        """Create a registry for node `name` of program `version` on the chain with id `chain`."""
        self.registry: Final = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        registry = Registry(self.registry)
        _identify(registry, name, version, chain, is_authority=is_authority)
        self.chain: Final = ChainMetrics(registry)
        self.pool: Final = PoolMetrics(registry)
        self.network: Final = NetworkMetrics(registry)
        self.authoring: Final = AuthoringMetrics(registry)
        self.finality: Final = FinalityMetrics(registry)
        self.rpc: Final = RpcMetrics(registry)
        self.work: Final = WorkMetrics(registry)
        self.keys: Final = KeyMetrics(registry)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus, to be sent as CONTENT_TYPE."""
        return generate_latest(self.registry)

    def names(self) -> list[str]:
        """Return the names of all series, sorted, for dashboards."""
        found = {
            metric.name + ending
            for metric in self.registry.collect()
            for ending in _ENDINGS.get(metric.type, ("",))
        }
        return sorted(found)


def _identify(
    registry: Registry, name: str, version: str, chain: str, *, is_authority: bool
) -> None:
    registry.gauge(
        "substrate_build_info",
        "Always 1; the labels say what runs",
        ("name", "version", "chain"),
    ).labels(name=name, version=version, chain=chain).set(1)
    registry.gauge("substrate_node_roles", "1 full node, 4 authority").set(
        ROLE_AUTHORITY if is_authority else ROLE_FULL
    )
    registry.gauge(
        "substrate_process_start_time_seconds", "Unix time at which the process started"
    ).set(int(time.time()))
