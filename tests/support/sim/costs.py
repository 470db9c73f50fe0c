"""Processor time in the simulator: the same figures on every machine.

Each kind of work has a price close to that measured on the reference machine. Everything else
costs READ_US whenever the meter is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
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

    def __call__(self) -> int:
        """Return the microseconds spent so far."""
        self._spent += READ_US
        return self._spent

    def of(self, price: int, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, at a price."""

        def priced(*args: P.args, **named: P.kwargs) -> R:
            self._spent += price
            return function(*args, **named)

        return priced
