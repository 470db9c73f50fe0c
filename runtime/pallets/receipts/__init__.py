"""Receipts: commitments of providers to computed results, and their verification."""

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
