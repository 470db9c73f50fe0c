"""Transactions as they are submitted: decoded, validated, taken into the pool or refused."""

from __future__ import annotations

from contextlib import suppress

from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import DecodeError
from btt_chain.txpool import PoolError
from fuzz.target import Target
from fuzz.wires import CHAIN, WIRES


def run(raw: bytes) -> None:
    """Submit bytes, with their length in front or without."""
    for wire in (raw, opaque(raw)):
        with suppress(PoolError, DecodeError):
            CHAIN.pool.submit(wire)


TARGET = Target(
    run=run,
    seeds=lambda: WIRES,
    instrument=("btt_chain.scale", "btt_chain.primitives", "btt_chain.txpool", "runtime"),
)
