"""Babe: the chain's clock, block authors, epochs and randomness."""

from runtime.pallets.babe.pallet import Babe
from runtime.pallets.babe.reports import by_headers
from runtime.pallets.babe.types import BEACONS, Bytes32, Drawn, Engine

__all__ = ["BEACONS", "Babe", "Bytes32", "Drawn", "Engine", "by_headers"]
