"""Conditions on weights that are paid as work: a product with fewer of them must not give the same.

The bounds are far from published models: of five, the node with the fewest weights that are not
zero has 60 %, and at most 0.2 % of records are copies.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btt_chain.work.errors import ModelRefused
from btt_chain.work.model import Float64s, Int8s

MIN_DENSITY_PERCENT: Final = 10
"""Minimum percentage of a node's weights that are not zero: a transposed convolution of volumes
with kernels of 1 and steps of 2 has 12.5."""
MAX_COPIED_PERCENT: Final = 10
"""Maximum percentage of records that are copies of another one and not zero."""
MIN_LENGTH: Final = 16
"""Minimum length of records that are compared: short ones may be equal, or small, by chance."""
MAX_CONSTANT_PERCENT: Final = 50
"""Maximum percentage of channels that hardly depend on the input."""
SAMPLED: Final = 64
MIN_RANK: Final = 60
"""Minimum rank of `SAMPLED` records, if there are so many and they are as long."""
_PRIME: Final = (1 << 31) - 1


def check_weights(name: str, columns: Int8s) -> None:
    """Raise ModelRefused if most weights are zero, or if records repeat or combine each other."""
    filled = int(np.count_nonzero(columns)) * 100
    if filled < MIN_DENSITY_PERCENT * columns.size:
        raise ModelRefused.at(
            name,
            f"{filled // columns.size} % of its weights are not zero, "
            f"at least {MIN_DENSITY_PERCENT} % must be",
        )
    count, length = columns.shape
    if length < MIN_LENGTH:
        return
    used = columns[columns.any(axis=1)]
    digests = [blake2b(record.tobytes(), digest_size=16).digest() for record in used]
    copied = len(digests) - len(frozenset(digests))
    if copied * 100 > MAX_COPIED_PERCENT * count:
        raise ModelRefused.at(
            name,
            f"{copied} of {count} records are copies, at most {MAX_COPIED_PERCENT} % may be",
        )
    if min(len(used), length) < SAMPLED:
        return
    # The weights choose the sample: good records for known places would pass otherwise.
    rng = np.random.default_rng(list(blake2b(b"".join(digests)).digest()))
    sample = used[rng.choice(len(used), SAMPLED, replace=False)].astype(np.int64)
    rank = _rank(sample @ rng.integers(0, _PRIME, (length, SAMPLED)) % _PRIME)
    if rank < MIN_RANK:
        raise ModelRefused.at(
            name,
            f"{SAMPLED} of its records have rank {rank}, at least {MIN_RANK} is needed: "
            "write it as two smaller products",
        )


def check_channels(name: str, reaches: Float64s, length: int) -> None:
    """Raise ModelRefused if most channels hardly depend on the input.

    `reaches`: each channel's maximum change from 0, in elements; `length`: weights of a channel.
    """
    count = int(np.count_nonzero(reaches < 1))
    if length >= MIN_LENGTH and count * 100 > MAX_CONSTANT_PERCENT * len(reaches):
        raise ModelRefused.at(
            name,
            f"{count} of {len(reaches)} channels hardly depend on the input, at most "
            f"{MAX_CONSTANT_PERCENT} % may: are its scales too small?",
        )


def _rank(matrix: NDArray[np.int64]) -> int:
    """Return the rank of a matrix of numbers below the prime, modulo the prime."""
    rest, rank = matrix.copy(), 0
    for column in range(rest.shape[1]):
        filled = np.flatnonzero(rest[rank:, column])
        if not len(filled):
            continue
        rest[[rank, rank + filled[0]]] = rest[[rank + filled[0], rank]]
        rest[rank] = rest[rank] * pow(int(rest[rank, column]), -1, _PRIME) % _PRIME
        below = rest[rank + 1 :]
        below -= below[:, column, None] * rest[rank] % _PRIME
        below %= _PRIME
        rank += 1
        if rank == len(rest):
            break
    return rank
