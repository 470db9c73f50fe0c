"""Oracle: prices by bonded feeders."""

from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.oracle.types import (
    EnergyClass,
    Feeder,
    FeederState,
    Rule,
    TimestampedValue,
    Waiting,
)

__all__ = [
    "EnergyClass",
    "Feeder",
    "FeederState",
    "Oracle",
    "Rule",
    "TimestampedValue",
    "Waiting",
]
