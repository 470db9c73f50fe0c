"""Prometheus metrics of one node, under the names that dashboards for Substrate use.

One `Metrics` per node, with a registry of its own: several nodes in a process do not mix. The node
reports events (`metrics.chain.on_imported`, ...); nothing here queries it. Metrics without a name
in Substrate begin with `btt_`.

Names: Substrate's `sc-service`, `sc-network`, `sc-consensus-grandpa`, `sc-basic-authorship`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)

from btt_chain.telemetry.chain_metrics import ChainMetrics
from btt_chain.telemetry.finality_metrics import FinalityMetrics
from btt_chain.telemetry.network_metrics import NetworkMetrics
from btt_chain.telemetry.registry import Registry
from btt_chain.telemetry.rpc_metrics import RpcMetrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""Content type of `Metrics.text`, for HTTP."""

ROLE_FULL: Final = 1
ROLE_AUTHORITY: Final = 4

_ENDINGS: Final = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
"""Suffixes that the text format appends to the name of a metric, by its kind."""
KEY_TYPES: Final = ("babe", "gran")
KEY_STATES: Final = ("signs", "barred", "watches", "launches", "waits", "clock", "no_record")
"""The values of `btt_chain.keystore.states.State`."""


class AuthoringMetrics:
    """Metrics of our slots and blocks."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.constructed = registry.histogram(
            "substrate_proposer_block_constructed", "Seconds to make a block"
        )
        self.proposed_transactions = registry.gauge(
            "substrate_proposer_number_of_transactions", "Transactions in the last block we made"
        )
        self.slots = registry.counter("btt_slots_total", "Slots that were ours", ("outcome",))

    def on_proposed(self, seconds: float, transactions: int) -> None:
        """Record a block that we made of `transactions` signed extrinsics in `seconds`."""
        self.constructed.observe(seconds)
        self.proposed_transactions.set(transactions)

    def on_slot(self, outcome: Literal["claimed", "missed", "refused"]) -> None:
        """Record a slot of ours: claimed, missed (too late), or refused by the signing record."""
        self.slots.labels(outcome=outcome).inc()


class PoolMetrics:
    """Metrics of the transaction pool."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.ready = registry.gauge(
            "substrate_ready_transactions_number", "Transactions in the pool that are ready"
        )
        self.future = registry.gauge(
            "btt_future_transactions_number", "Transactions in the pool that wait for a nonce"
        )

    def on_pool(self, ready: int, future: int = 0) -> None:
        """Set the number of `ready` transactions, and of `future` ones that wait for a nonce."""
        self.ready.set(ready)
        self.future.set(future)


class WorkMetrics:
    """Metrics of checks of receipts."""

    def __init__(self, registry: Registry) -> None:
        """Register the metrics."""
        self.receipts_checked = registry.counter(
            "btt_work_receipts_checked_total", "Receipts of useful work checked", ("verdict",)
        )
        self.receipt_time = registry.histogram(
            "btt_work_receipt_check_seconds", "Seconds to fetch, compute and compare a receipt"
        )

    def on_receipt_checked(self, verdict: str, seconds: float) -> None:
        """Record a check of a receipt: `valid`, `wrong` or `withheld`, after `seconds`."""
        self.receipts_checked.labels(verdict=verdict).inc()
        self.receipt_time.observe(seconds)


class KeyMetrics:
    """The states of session keys."""

    def __init__(self, registry: Registry) -> None:
        """Register the gauge, with every label at zero."""
        self._keys: Final = registry.gauge(
            "btt_session_keys", "Session keys here, by type and by what they may do",
            ("type", "state"),
        )  # fmt: skip
        self.on_keys(())

    def on_keys(self, keys: Iterable[tuple[str, str]]) -> None:
        """Set the gauge from the type and the state of each key."""
        counts = Counter(keys)
        for kind in KEY_TYPES:
            for state in KEY_STATES:
                self._keys.labels(type=kind, state=state).set(counts[kind, state])


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
        "substrate_build_info", "Always 1; the labels say what runs", ("name", "version", "chain")
    ).labels(name=name, version=version, chain=chain).set(1)
    registry.gauge("substrate_node_roles", "1 full node, 4 authority").set(
        ROLE_AUTHORITY if is_authority else ROLE_FULL
    )
    registry.gauge(
        "substrate_process_start_time_seconds", "Unix time at which the process started"
    ).set(int(time.time()))
