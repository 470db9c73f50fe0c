"""Chambers: governance by four chambers, each with its own weight."""

from runtime.pallets.chambers.formulas import Chamber, Mode
from runtime.pallets.chambers.pallet import LOCK_ID, RESERVE_ID, SEAT_POWER, Chambers
from runtime.pallets.chambers.types import (
    Approvals,
    Candidate,
    ChamberBooks,
    ChamberView,
    Counted,
    ElectionView,
    Institution,
    PollBooks,
    Seat,
    SeatView,
    Share,
    StateView,
)

__all__ = [
    "LOCK_ID",
    "RESERVE_ID",
    "SEAT_POWER",
    "Approvals",
    "Candidate",
    "Chamber",
    "ChamberBooks",
    "ChamberView",
    "Chambers",
    "Counted",
    "ElectionView",
    "Institution",
    "Mode",
    "PollBooks",
    "Seat",
    "SeatView",
    "Share",
    "StateView",
]
