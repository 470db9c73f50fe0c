"""Providers: the registry of providers and their bonds."""

from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.types import (
    DelegatedScore,
    Ledger,
    Params,
    ProviderInfo,
    ProviderKind,
    ScoreView,
)

__all__ = [
    "DelegatedScore",
    "Ledger",
    "Params",
    "ProviderInfo",
    "ProviderKind",
    "Providers",
    "ScoreView",
]
