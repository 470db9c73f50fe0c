"""Selection by weight: a random order in which each name's chance is its share of the weight.

Whole numbers only: all machines compute the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

LOG_BITS: Final = 48


def raced(seed: bytes, names: Sequence[bytes], weights: Sequence[int]) -> list[int]:
    """Return the places of `names` in a random order by weight; those of weight zero are left out.

    Each is first with a probability of its share of the total weight, among the rest as well,
    however a weight is split among names. The random number of each depends on its name alone, and
    a smaller weight only moves a name back: a party that learns the seed early, such as the author
    of its block, gains nothing by small changes to the weights of its own names, as it would with
    selection by cumulative weights, where that shifts all others.

    A name's sort key is exponentially distributed: -log2 of its random number, divided by its
    weight.
    """
    times = [
        ((minus_log2(int.from_bytes(sha256(seed + name).digest()[:16], "little")) << 128) // weight)
        if weight
        else None
        for name, weight in zip(names, map(int, weights), strict=True)
    ]
    ranked = sorted((time, names[at], at) for at, time in enumerate(times) if time is not None)
    return [at for _, _, at in ranked]


def minus_log2(randomness: int) -> int:
    """Return -log2((`randomness` + 1) / 2^128) in units of 2^-48, rounded up; `randomness` has 128
    bits.

    By squaring: each step yields the next binary digit, the same on all machines.
    """
    whole = (randomness + 1).bit_length() - 1
    part, digits = (randomness + 1) << 128 - whole, 0  # from 2^128 to below 2^129
    for _ in range(LOG_BITS):
        part = part * part >> 128
        over = part >> 129
        part >>= over
        digits = digits << 1 | over
    return (128 - whole << LOG_BITS) - digits
