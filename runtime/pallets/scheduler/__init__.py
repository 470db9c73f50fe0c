"""Scheduler: calls dispatched at a later time."""

from runtime.pallets.scheduler.pallet import Scheduler
from runtime.pallets.scheduler.types import (
    MAX_SCHEDULED,
    Address,
    After,
    At,
    DispatchTime,
    RetryConfig,
    Task,
)

__all__ = [
    "MAX_SCHEDULED",
    "Address",
    "After",
    "At",
    "DispatchTime",
    "RetryConfig",
    "Scheduler",
    "Task",
]
