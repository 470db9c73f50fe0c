"""Metrics of our slots and blocks."""

from __future__ import annotations

from typing import Literal

from btt_chain.telemetry.registry import Registry


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
