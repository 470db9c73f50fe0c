"""Providers: the registry of providers and their bonds."""

from runtime.pallets.providers.pallet import Providers
from runtime.pallets.providers.scores import SCORE_UNIT, WINDOW
from runtime.pallets.providers.types import (
    DelegatedScore,
    Ledger,
    Params,
    ProviderInfo,
    ProviderKind,
    ScoreView,
)

__all__ = [
    "SCORE_UNIT",
    "WINDOW",
    "DelegatedScore",
    "Ledger",
    "Params",
    "ProviderInfo",
    "ProviderKind",
    "Providers",
    "ScoreView",
]
