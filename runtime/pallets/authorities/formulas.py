"""Arithmetic of bonds and weights; amounts in planck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64

PLANCK_PER_VOTE: Final = 10**12
"""Planck of bond per unit of weight in GRANDPA."""

BABE_UNIT: Final = 10**9
WORK_PART: Final = 8 * 10**8
BOND_PART: Final = 2 * 10**8
"""Total weight shared out in BABE, and its parts by work and by bond."""
OMEGA: Final = 4
"""Cap of the work that counts for a validator, as a multiple of its share of all bonds."""
OPERATOR_CAP: Final = BABE_UNIT * 20 // 100
SHARED_CAP: Final = BABE_UNIT * 150 // 100
"""An operator's cap: the first, or the second divided by the number of operators, if greater."""


def bond_weights(bonds: Sequence[int]) -> list[u64]:
    """Return the weights in GRANDPA of bonds, each at least 1.

    Raises Overflow if their sum exceeds 64 bits, which bonds within their bounds cannot.
    """
    weights = [u64(max(1, bond // PLANCK_PER_VOTE)) for bond in bonds]
    u64(sum(map(int, weights)))
    return weights


def shared_weights(bonds: Sequence[int], scores: Sequence[int]) -> list[int]:
    """Return the weights in BABE before the cap; each is at least 1.

    Four fifths go by work, of which a validator's counts up to `OMEGA` times its share of the
    bonds, and one fifth by bond; without work, all of it goes by bond. `bonds` are in planck.
    """
    all_bonds, all_scores = sum(bonds), sum(scores)
    if not all_bonds:
        return [1] * len(bonds)
    pairs = list(zip(bonds, scores, strict=True))
    counted = [min(score, OMEGA * all_scores * bond // all_bonds) for bond, score in pairs]
    work = sum(counted)
    if not work:
        return [max(1, BABE_UNIT * bond // all_bonds) for bond in bonds]
    return [
        max(1, WORK_PART * part // work + BOND_PART * bond // all_bonds)
        for bond, part in zip(bonds, counted, strict=True)
    ]


def capped_weights(weights: Sequence[int], operators: Sequence[AccountId]) -> list[int]:
    """Return `weights` with each operator's sum clipped once; the excess is not redistributed.

    The cap is a fifth of `BABE_UNIT`, or one and a half of it divided by the number of operators,
    if that is more. An operator's validators are cut in proportion; each keeps at least 1.
    """
    sums: dict[AccountId, int] = {}
    for operator, weight in zip(operators, weights, strict=True):
        sums[operator] = sums.get(operator, 0) + weight
    cap = max(OPERATOR_CAP, SHARED_CAP // max(1, len(sums)))
    return [
        weight if sums[operator] <= cap else max(1, weight * cap // sums[operator])
        for operator, weight in zip(operators, weights, strict=True)
    ]
