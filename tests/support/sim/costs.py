"""Processor time in the simulator: the same figures on every machine.

Each kind of work has a price close to that measured on the reference machine. Everything else
costs READ_US whenever the meter is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

READ_US: Final = 15
SUBMIT_US: Final = 250
"""Handing a transaction to the pool: decoding, signature, balance."""
CHECK_US: Final = 2_500
"""Checking a header: seal and VRF proof."""
SIGNATURE_US: Final = 90


class Costs:
    """The meter of one node."""

    def __init__(self) -> None:
        self._spent = 0

    def read(self) -> int:
        """Return the microseconds spent so far."""
        self._spent += READ_US
        return self._spent

    def of(self, price: int, function: Callable[[*Ts], R]) -> Callable[[*Ts], R]:
        """Return `function`, at a price."""

        def priced(*args: *Ts) -> R:
            self._spent += price
            return function(*args)

        return priced
