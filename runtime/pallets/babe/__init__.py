"""Babe: the chain's clock, block authors, epochs and randomness."""

from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.reports import by_headers
from runtime.pallets.babe.types import BEACONS, Beacon, BeaconClock, Bytes32, Engine

__all__ = ["BEACONS", "Babe", "Beacon", "BeaconClock", "Bytes32", "Engine", "by_headers"]
