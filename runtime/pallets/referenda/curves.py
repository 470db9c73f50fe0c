"""Curves: thresholds of a referendum over the time of its decision.

`x` is the elapsed part of the decision period, `y` the part of the votes; both are parts of a
billion. No curve rises. Rounding is Substrate's (pallet_referenda, `Curve`), so that wallets show
the same thresholds as the chain.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import Path, Variant, i64

WHOLE: Final = Perbill.WHOLE

Part = Perbill


class FixedI64(i64, path="sp_arithmetic::fixed_point::FixedI64"):
    """A signed number with nine decimals."""

    __slots__ = ()


class LinearDecreasing(Variant, index=0):
    """A straight line from `ceil` to `floor` over `length`, then constant."""

    length: Part
    floor: Part
    ceil: Part

    def threshold(self, x: int) -> int:
        """Return the part needed at `x`."""
        length = int(self.length)
        done = min(x, length) * WHOLE // length
        return int(self.ceil) - done * (int(self.ceil) - int(self.floor)) // WHOLE


class SteppedDecreasing(Variant, index=1):
    """Steps from `begin` down to `end`, by `step` after each `period`."""

    begin: Part
    end: Part
    step: Part
    period: Part

    def threshold(self, x: int) -> int:
        """Return the part needed at `x`."""
        steps = x // int(self.period)
        return max(int(self.begin) - int(self.step) * steps, int(self.end))


class Reciprocal(Variant, index=2):
    """`factor / (x + x_offset) + y_offset`, limited to 0 to 100 %."""

    factor: FixedI64
    x_offset: FixedI64
    y_offset: FixedI64

    def threshold(self, x: int) -> int:
        """Return the part needed at `x`; 100 % where the curve has no value."""
        below = x + int(self.x_offset)
        if below <= 0:
            return WHOLE
        value = int(self.factor) * WHOLE // below + int(self.y_offset)
        return min(max(value, 0), WHOLE)


Curve = Annotated[
    LinearDecreasing | SteppedDecreasing | Reciprocal, Path("pallet_referenda::types::Curve")
]
AnyCurve = LinearDecreasing | SteppedDecreasing | Reciprocal


def flat(percent: int) -> LinearDecreasing:
    """Return the curve with the constant threshold `percent`."""
    level = Perbill(percent * WHOLE // 100)
    return LinearDecreasing(Perbill(WHOLE), level, level)


def passing(curve: AnyCurve, x: int, y: int) -> bool:
    """Return True if `y` meets the threshold at `x`."""
    return y >= curve.threshold(x)


def delay(curve: AnyCurve, y: int) -> int:
    """Return the first `x` at which `y` meets the threshold; the whole period if there is none."""
    low, high = 0, WHOLE
    while low < high:  # no curve rises: a threshold once met stays met
        middle = (low + high) // 2
        if passing(curve, middle, y):
            high = middle
        else:
            low = middle + 1
    return low
