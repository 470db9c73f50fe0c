"""Tables of functions that are part of the runtime, made by integer series: no libm has a say.

All are in fixed point with FUNCTION_BITS fraction bits. Computed at first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from math import isqrt
from typing import Final

from btt_chain.scale import path
from btt_chain.work.arithmetic import shifted

FUNCTION_BITS: Final = 12
"""Fraction bits of arguments and results."""
STEP_BITS: Final = 9
"""The tables have 2^9 steps for each unit of the argument."""
HALF_STEPS: Final = 8 << STEP_BITS
"""Steps from -8 to 0, and from 0 to 8."""

_BITS: Final = 160
"""Fraction bits of the series."""
_ONE: Final = 1 << _BITS
_PI: Final = (31415926535897932384626433832795028841971693993751 << _BITS) // 10**49
_ROOT_OF_TWO_PI: Final = isqrt(2 * _PI << _BITS)


@path("btt_work::Function")
class Function(IntEnum):
    """A function of the results of a product."""

    IDENTITY = 0
    GELU = 1
    """x times the normal distribution of x, the exact form."""
    SILU = 2
    """x over 1 + e^-x."""


def applied(function: Function, number: int) -> int:
    """Return a function of a number, both with FUNCTION_BITS fraction bits.

    The table has [-8, 8); above is the number itself, below is 0.
    """
    if function is Function.IDENTITY:
        return number
    step = shifted(number, FUNCTION_BITS - STEP_BITS)
    if step >= HALF_STEPS:
        return number
    return 0 if step < -HALF_STEPS else table_of(function)[step + HALF_STEPS]


def table_of(function: Function) -> Sequence[int]:
    """Return the values at all steps from -8 on; ValueError for the identity."""
    if function is Function.IDENTITY:
        raise ValueError("the identity has no table")
    return _gelu() if function is Function.GELU else _silu()


@cache
def attention_weights() -> Sequence[int]:
    """Return 255 * 2^(-t / 16), rounded, for t from 0 to 254: weights of keys by their distance.

    A number w is the rounded one if it is the largest with w - 1/2 <= 255 * 2^(-t / 16); the 16th
    powers of both sides are integers.
    """
    weights: list[int] = []
    weight = 255
    for distance in range(255):
        while weight and (2 * weight - 1) ** 16 << distance > 510**16:
            weight -= 1
        weights.append(weight)
    return weights


@cache
def _silu() -> Sequence[int]:
    power, base = _ONE, _exponential(_ONE >> STEP_BITS)
    above: list[int] = []
    below: list[int] = []
    for step in range(HALF_STEPS + 1):
        above.append(_value(step, _ONE, _ONE + power))
        below.append(_value(-step, power, _ONE + power))
        power = power * base >> _BITS
    return [*reversed(below[1:]), *above[:-1]]


@cache
def _gelu() -> Sequence[int]:
    """Add to 1/2 the density times the sum of x^(2n + 1) / (1 * 3 * ... * (2n + 1))."""
    density, ratio = _ONE, _exponential(_ONE >> 2 * STEP_BITS + 1)
    change = ratio * ratio >> _BITS
    above: list[int] = []
    below: list[int] = []
    for step in range(HALF_STEPS + 1):
        term = total = step << _BITS - STEP_BITS
        square = step * step
        odd = 3
        while term:
            term = (term * square >> 2 * STEP_BITS) // odd
            total += term
            odd += 2
        part = (density * total >> _BITS) * _ONE // _ROOT_OF_TWO_PI
        above.append(_value(step, _ONE // 2 + part, _ONE))
        below.append(_value(-step, _ONE // 2 - part, _ONE))
        density = density * ratio >> _BITS
        ratio = ratio * change >> _BITS
    return [*reversed(below[1:]), *above[:-1]]


def _exponential(number: int) -> int:
    """Return e^-x of a fraction between 0 and 1."""
    term, total, count = _ONE, 0, 0
    while term:
        total += -term if count & 1 else term
        count += 1
        term = term * number // (count << _BITS)
    return total


def _value(step: int, part: int, whole: int) -> int:
    """Return step * part / whole with FUNCTION_BITS fraction bits, rounded."""
    number = step * part << FUNCTION_BITS - STEP_BITS
    return (2 * number + whole) // (2 * whole)
