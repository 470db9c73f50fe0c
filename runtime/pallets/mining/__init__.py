"""Mining: what is issued to those who compute."""

from runtime.pallets.mining.pallet import Mining
from runtime.pallets.mining.types import (
    Emission,
    Estimate,
    NoProviders,
    OperatorView,
    Params,
    Providers,
)

__all__ = [
    "Emission",
    "Estimate",
    "Mining",
    "NoProviders",
    "OperatorView",
    "Params",
    "Providers",
]
