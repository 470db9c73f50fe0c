"""Mining: the emission for verified work."""

from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import (
    Emission,
    Estimate,
    NoProviders,
    OperatorView,
    Params,
    Providers,
    Recorded,
)

__all__ = [
    "Emission",
    "Estimate",
    "Mining",
    "NoProviders",
    "OperatorView",
    "Params",
    "Providers",
    "Recorded",
]
