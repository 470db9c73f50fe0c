"""Metrics of checks of receipts."""

from __future__ import annotations

from btt_chain.telemetry.registry import Registry


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
