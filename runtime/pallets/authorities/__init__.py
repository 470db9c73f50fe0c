"""Authorities: selection of the validators, which make and finalize blocks, by bonded stake."""

from runtime.pallets.authorities.formulas import (
    BABE_UNIT,
    capped_weights,
    shared_weights,
)
from runtime.pallets.authorities.pallet import Authorities
from runtime.pallets.authorities.types import (
    HIGHEST_MINIMUM,
    LOWEST_MINIMUM,
    MAX_BOND,
    MAX_CHUNKS,
    Exposure,
    Ledger,
    NoAbsences,
    NoKeys,
    NoWork,
    WorkScores,
)

__all__ = [
    "BABE_UNIT",
    "HIGHEST_MINIMUM",
    "LOWEST_MINIMUM",
    "MAX_BOND",
    "MAX_CHUNKS",
    "Authorities",
    "Exposure",
    "Ledger",
    "NoAbsences",
    "NoKeys",
    "NoWork",
    "WorkScores",
    "capped_weights",
    "shared_weights",
]
