"""Facilities: hospitals and other registered institutions of health care."""

from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import (
    REQUESTERS,
    Bonds,
    Facility,
    FacilityState,
    HospitalEntry,
    HospitalTally,
    Kind,
    Size,
)

__all__ = [
    "REQUESTERS",
    "Bonds",
    "Facilities",
    "Facility",
    "FacilityState",
    "HospitalEntry",
    "HospitalTally",
    "Kind",
    "Size",
]
