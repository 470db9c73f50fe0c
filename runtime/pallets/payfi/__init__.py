"""PayFi: merchants, payments, their settlement, refunds, disputes and cards."""

from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import (
    ANALYTICS,
    Batch,
    DayReport,
    DayVolume,
    Legs,
    Merchant,
    Payment,
    PaymentState,
    Queue,
    Rates,
    Report,
    Terms,
    Volume,
)

__all__ = [
    "ANALYTICS",
    "Batch",
    "DayReport",
    "DayVolume",
    "Legs",
    "Merchant",
    "PayFi",
    "Payment",
    "PaymentState",
    "Queue",
    "Rates",
    "Report",
    "Terms",
    "Volume",
]
