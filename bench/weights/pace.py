"""Processor time of the reference machine, whatever machine measures.

The reference machine is the one where checking an sr25519 signature takes 50 us: halfway between
the two kinds of machines on which the project was measured, 38 to 43 and 61 us. So weights of
pallets that were measured on different machines, or on one machine under different clock rates, can
stand beside each other. Calls take about what they declare on the slower kind, because of the
margin of the weights.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.signature import verify

REFERENCE_NS: Final = 50_000
"""Time of one check of an sr25519 signature on the reference machine."""
CHECKS: Final = 50
ROUNDS: Final = 40
MESSAGE: Final = bytes(120)


@cache
def check_ns() -> float:
    """Return the nanoseconds of one check of a signature here, the least of several rounds."""
    pair = KeyPair.from_seed(bytes(32), Scheme.SR25519)
    signature, spent = pair.sign(MESSAGE), []
    for _ in range(ROUNDS):
        begun = time.thread_time_ns()
        for _ in range(CHECKS):
            assert verify(Scheme.SR25519, pair.account_id, MESSAGE, signature)
        spent.append(time.thread_time_ns() - begun)
    return min(spent) / CHECKS


def picos(spent_ns: int) -> int:
    """Return nanoseconds of processor time here as picoseconds of the reference machine."""
    return round(spent_ns * 1_000 * REFERENCE_NS / check_ns())
