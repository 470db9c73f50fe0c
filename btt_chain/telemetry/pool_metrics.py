"""Metrics of the transaction pool."""

from __future__ import annotations

from btt_chain.telemetry.registry import Registry


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
