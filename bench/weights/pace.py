"""Processor time of the reference machine, whatever machine measures.

The reference machine is the one where checking an sr25519 signature takes 50 us: halfway between
the two kinds of machines on which the project was measured, 38 to 43 and 61 us. So weights of
pallets that were measured on different machines, or on one machine under different clock rates, can
stand beside each other. Calls take about what they declare on the slower kind, because of the
margin of the weights.

The pace of a shared machine changes by a third within minutes. So it is measured again for each
measurement, a second of processor time after the last time or later, and holds until its end.
"""

from __future__ import annotations

import time
from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.signature import verify

REFERENCE_NS: Final = 50_000
"""Time of one check of an sr25519 signature on the reference machine."""
CHECKS: Final = 25
ROUNDS: Final = 20
MESSAGE: Final = bytes(120)
FRESH_NS: Final = 10**9
"""Processor time for which a measured pace holds."""


class Pace:
    """The pace of this machine, measured again when it is no longer fresh."""

    def __init__(self) -> None:
        self._pair = KeyPair.from_seed(bytes(32), Scheme.SR25519)
        self._signature = self._pair.sign(MESSAGE)
        self._check_ns = 0.0
        self._measured_at = 0

    def check_ns(self) -> float:
        """Return the nanoseconds of one check of a signature here, as last measured."""
        if not self._check_ns:
            self.renew()
        return self._check_ns

    def renew(self) -> None:
        """Measure again what is no longer fresh, at the start of a measurement."""
        if not self._check_ns or time.thread_time_ns() - self._measured_at > FRESH_NS:
            self._check_ns = self._measure()
            self._measured_at = time.thread_time_ns()

    def _measure(self) -> float:
        """Return the least of several rounds."""
        spent = []
        for _ in range(ROUNDS):
            begun = time.thread_time_ns()
            for _ in range(CHECKS):
                assert verify(Scheme.SR25519, self._pair.account_id, MESSAGE, self._signature)
            spent.append(time.thread_time_ns() - begun)
        return min(spent) / CHECKS


PACE: Final = Pace()


def check_ns() -> float:
    """Return the nanoseconds of one check of a signature on this machine."""
    return PACE.check_ns()


def picos(spent_ns: int) -> int:
    """Return nanoseconds of processor time here as picoseconds of the reference machine."""
    return round(spent_ns * 1_000 * REFERENCE_NS / check_ns())
