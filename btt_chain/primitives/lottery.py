"""The slot lottery: an authority wins a slot if its VRF output is below its threshold.

An authority with a share s of the total weight wins with probability 1 - (1 - c)^s, so splitting
weight among keys gains nothing. Thresholds are part of consensus and therefore computed exactly, in
integers, so that all machines agree. A slot without a winner is assigned to one authority.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from math import gcd
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.vrf import VrfInput, VrfOutput
from btt_chain.scale import path

SCORE_BITS: Final = 128
_SCORE_CONTEXT: Final = b"substrate-babe-vrf"
_RANDOMNESS_CONTEXT: Final = b"BabeVRFInOutContext"
_BEACON_CONTEXT: Final = b"BTTBeacon"
_START_PRECISION: Final = 192


@path("pallet_babe::SecondaryRule")
class SecondaryRule(IntEnum):
    """The assignment of slots without a winner."""

    Weighted = 0
    """By weight: the share of all slots equals the share of the total weight."""
    Uniform = 1
    """Each authority equally: Substrate's rule."""


def slot_input(randomness: bytes, slot: int, epoch_index: int) -> VrfInput:
    """Return the VRF input of a slot."""
    return VrfInput(
        b"BABE",
        (
            (b"slot number", slot.to_bytes(8, "little")),
            (b"current epoch", epoch_index.to_bytes(8, "little")),
            (b"chain randomness", randomness),
        ),
    )


def wins(output: VrfOutput, threshold: int) -> bool:
    """Return True if a VRF output wins its slot."""
    score = int.from_bytes(output.make_bytes(_SCORE_CONTEXT, SCORE_BITS // 8), "little")
    return score < threshold


def randomness_of(output: VrfOutput) -> bytes:
    """Return a primary claim's contribution to the randomness of a later epoch, 32 bytes."""
    return output.make_bytes(_RANDOMNESS_CONTEXT, 32)


def beacon_of(output: VrfOutput) -> bytes:
    """Return the contribution of a claim with a VRF output to the beacon, 32 bytes."""
    return output.make_bytes(_BEACON_CONTEXT, 32)


@lru_cache(maxsize=4096)
def threshold(c: tuple[int, int], weight: int, total: int) -> int:
    """Return floor(2^128 * (1 - (1 - c)^(weight / total))), exactly.

    `c` is a fraction from 0 to 1 and 0 < weight <= total; ValueError otherwise. The result is
    cached: it is needed in each slot of the epoch.

    The power is enclosed between two fixed-point numbers, each step of which is rounded outwards;
    the precision is doubled until both ends give the same whole number. That terminates because the
    power is irrational, or else is computed as a fraction.
    """
    if c[1] <= 0 or not 0 <= c[0] <= c[1]:
        raise ValueError(f"{c[0]}/{c[1]} is not a fraction from 0 to 1")
    if not 0 < weight <= total:
        raise ValueError(f"{weight} of {total} is not a weight")
    common = gcd(c[1] - c[0], c[1])
    base = ((c[1] - c[0]) // common, c[1] // common)
    common = gcd(weight, total)
    exponent = (weight // common, total // common)
    if base[0] == 0:
        return 1 << SCORE_BITS
    rational = _rational_power(base, exponent)
    if rational is not None:
        return (1 << SCORE_BITS) - _ceil((rational[0] << SCORE_BITS), rational[1])
    precision = _START_PRECISION
    while True:
        low, high = _growth(base, exponent, precision)
        scale = 1 << (SCORE_BITS + precision)
        least, most = _ceil(scale, high), _ceil(scale, low)
        if least == most:
            return (1 << SCORE_BITS) - least
        precision *= 2


def secondary_author(
    rule: SecondaryRule, randomness: bytes, slot: int, cumulated: Sequence[int]
) -> int:
    """Return the index of the authority to whom a slot without a winner is assigned.

    `cumulated` holds, for each authority, the sum of its weight and of all weights before it.
    """
    number = int.from_bytes(blake2_256(randomness + slot.to_bytes(8, "little")), "big")
    if rule is SecondaryRule.Uniform:
        return number % len(cumulated)
    return bisect_right(cumulated, number % cumulated[-1])


# ---- powers of fractions


def _rational_power(base: tuple[int, int], exponent: tuple[int, int]) -> tuple[int, int] | None:
    """Return base^exponent if that is a fraction, else None; both are in lowest terms.

    It is one only if numerator and denominator are perfect powers of the root that is taken.
    """
    power, root = exponent
    if base[0] == base[1]:
        return 1, 1
    if root > base[1].bit_length():  # no integers but 0 and 1 have such a root
        return None
    roots = [_whole_root(part, root) for part in base]
    if roots[0] is None or roots[1] is None:
        return None
    return roots[0] ** power, roots[1] ** power


def _whole_root(number: int, degree: int) -> int | None:
    """Return the root of a positive number if it is an integer."""
    low, high = 1, 1 << -(-number.bit_length() // degree)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
    return low if low**degree == number else None


def _growth(base: tuple[int, int], exponent: tuple[int, int], precision: int) -> tuple[int, int]:
    """Enclose base^-exponent, a number >= 1, as multiples of 2^-precision.

    The result is exp(y) with y = exponent * ln(1 / base) < 45. The series is summed for y / 64,
    which is below 1, and the sum squared six times.
    """
    halvings = 6
    bounds: list[int] = []
    for up in (False, True):
        power, root = exponent
        logarithm = _logarithm(base, precision, up=up)
        y = _divided(logarithm * power, root << halvings, up=up)
        value = _exponential(y, precision, up=up)
        for _ in range(halvings):
            value = _divided(value * value, 1 << precision, up=up)
        bounds.append(value)
    return bounds[0], bounds[1]


def _logarithm(base: tuple[int, int], precision: int, *, up: bool) -> int:
    """Bound ln(q / p) for base = p / q < 1 from below or above, in units of 2^-precision.

    q / p = 2^k * m with 1 <= m < 2, and ln(m) = 2 * artanh((m - 1) / (m + 1)).
    """
    p, q = base
    k = q.bit_length() - p.bit_length()
    if p << k > q:
        k -= 1
    p <<= k
    return 2 * (_artanh(q - p, q + p, precision, up=up) + k * _artanh(1, 3, precision, up=up))


def _artanh(numerator: int, denominator: int, precision: int, *, up: bool) -> int:
    """Bound artanh of a fraction in [0, 1/3] by its series z + z^3/3 + z^5/5 + ..."""
    z = _divided(numerator << precision, denominator, up=up)
    squared = _divided(z * z, 1 << precision, up=up)
    total, power, n = 0, z, 1
    while power > 1:
        total += _divided(power, n, up=up)
        power = _divided(power * squared, 1 << precision, up=up)
        n += 2
    # The rest: powers of at most 1 unit, each at most a ninth of the one before.
    return total + 2 if up else total


def _exponential(y: int, precision: int, *, up: bool) -> int:
    """Bound exp of a number in [0, 1] by its series 1 + y + y^2/2 + ..."""
    total, term, n = 0, 1 << precision, 0
    while term > 1:
        total += term
        n += 1
        term = _divided(term * y, n << precision, up=up)
    # The rest: a term of at most 1 unit, each after it less than half the one before.
    return total + 2 if up else total


def _divided(numerator: int, denominator: int, *, up: bool) -> int:
    return _ceil(numerator, denominator) if up else numerator // denominator


def _ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
