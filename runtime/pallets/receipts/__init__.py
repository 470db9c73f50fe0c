"""Receipts: what providers say that they computed, and how the chain finds out whether it is so."""

from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.types import (
    Challenge,
    LeafProof,
    Missing,
    Phase,
    Receipt,
    Seat,
    Valid,
    Verdict,
    Verifier,
    Wrong,
    WrongEdge,
)

__all__ = [
    "Challenge",
    "LeafProof",
    "Missing",
    "Phase",
    "Receipt",
    "Receipts",
    "Seat",
    "Valid",
    "Verdict",
    "Verifier",
    "Wrong",
    "WrongEdge",
]
