"""HealthRecords: roots of health records, consents and accesses, and their custodians."""

from runtime.pallets.health_records.pallet import HealthRecords
from runtime.pallets.health_records.types import (
    Batch,
    BatchKind,
    Custodian,
    Demand,
    EpochKey,
    Log,
    LogId,
    OldRoot,
    Terms,
    epoch_key,
    old_root_leaf,
)

__all__ = [
    "Batch",
    "BatchKind",
    "Custodian",
    "Demand",
    "EpochKey",
    "HealthRecords",
    "Log",
    "LogId",
    "OldRoot",
    "Terms",
    "epoch_key",
    "old_root_leaf",
]
