"""Chambers: governance by four chambers, each with its own weight."""

from runtime.pallets.chambers.formulas import Chamber, Mode
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import (
    LOCK_ID,
    RESERVE_ID,
    SEAT_POWER,
    Approvals,
    Candidate,
    ChamberRecord,
    ChamberView,
    Counted,
    ElectionView,
    Institution,
    PollRecord,
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
    "ChamberRecord",
    "ChamberView",
    "Chambers",
    "Counted",
    "ElectionView",
    "Institution",
    "Mode",
    "PollRecord",
    "Seat",
    "SeatView",
    "Share",
    "StateView",
]
