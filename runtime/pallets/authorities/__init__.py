"""Authorities: selection of the validators, which make and finalize blocks, by bonded stake."""

from runtime.pallets.authorities.formulas import block_shares, work_part
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
    "block_shares",
    "work_part",
]
