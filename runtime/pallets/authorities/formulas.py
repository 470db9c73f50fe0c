"""Arithmetic of bonds, shares of blocks and weights; amounts in planck.

The shares of blocks of a set of validators, in parts of `SHARE_UNIT`, are made in two steps. First
each validator gets its part by work, limited by its bond, and its bond's part of all that is not
given by work. Then the cap of operators holds for the result: what an operator has above it goes to
the others by bond, until none is above. The validators of an operator get equal parts of its share:
secondary slots would bring a small one more than its part by bond, and its operator more than the
cap. (docs/staking.md)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.block_shares import SHARE_UNIT
from btt_chain.scale import u64
from runtime.decay import DECAY_SUM, SCORE_UNIT

PLANCK_PER_VOTE: Final = 10**12
"""Planck of bond per unit of weight in GRANDPA."""

MAX_WORK_PART: Final = 8 * 10**8
"""Maximum part of blocks that goes by work."""
OMEGA: Final = 4
"""Limit of a validator's part by work, as a multiple of its bond's part of that by work."""
OPERATOR_CAP: Final = SHARE_UNIT * 20 // 100
SHARED_CAP: Final = SHARE_UNIT * 150 // 100
"""An operator's cap: the first, or the second divided by the number of operators, if greater."""


def bond_weights(bonds: Sequence[int]) -> list[u64]:
    """Return the weights in GRANDPA of bonds, each at least 1.

    Raises Overflow if their sum exceeds 64 bits, which bonds within their bounds cannot.
    """
    weights = [u64(max(1, bond // PLANCK_PER_VOTE)) for bond in bonds]
    u64(sum(map(int, weights)))
    return weights


def work_part(score: int, bonds: int, factor: int, author_limit: int) -> int:
    """Return the part of blocks that goes by work, in parts of `SHARE_UNIT`.

    `score` is the decayed value of all work, in planck times `SCORE_UNIT`; `bonds` are the bonds of
    all validators. The part is half where the score times `factor` equals the bonds. And it is so
    small that authors, who get at most `author_limit` of fees in an era, pay for work less than its
    value.
    """
    if not score:
        return 0
    weighed = factor * score
    return min(
        MAX_WORK_PART,
        SHARE_UNIT * weighed // (bonds * SCORE_UNIT + weighed),
        SHARE_UNIT * score // (score + DECAY_SUM * author_limit),
    )


class BlockShares(NamedTuple):
    """The shares of blocks of all validators, each at least 1, and the number of capped operators.

    In parts of `SHARE_UNIT`.
    """

    shares: list[int]
    capped: int


@dataclass(slots=True)
class OperatorShare:
    """The validators of one operator together."""

    validators: int = 0
    bond: int = 0
    by_work: int = 0
    share: int = 0


def block_shares(
    bonds: Sequence[int], scores: Sequence[int], operators: Sequence[AccountId], part: int
) -> BlockShares:
    """Return the shares of blocks of validators with these bonds, scores and operators.

    `part` goes by score, of which a validator gets up to `OMEGA` times its bond's part; what that
    cuts goes by bond, like all the rest. Then the operators' cap is applied to the result. Without
    bonds each share is 1.
    """
    all_bonds, all_scores = sum(bonds), sum(scores)
    if not all_bonds:
        return BlockShares([1] * len(bonds), 0)
    by_work = [
        min(part * score // all_scores, part * OMEGA * bond // all_bonds) if all_scores else 0
        for bond, score in zip(bonds, scores, strict=True)
    ]
    rest = SHARE_UNIT - sum(by_work)
    first = [work + rest * bond // all_bonds for work, bond in zip(by_work, bonds, strict=True)]
    groups: dict[AccountId, OperatorShare] = {}
    for operator, bond, work, share in zip(operators, bonds, by_work, first, strict=True):
        group = groups.setdefault(operator, OperatorShare())
        group.validators += 1
        group.bond += bond
        group.by_work += work
        group.share += share
    capped = cap_operators(list(groups.values()))
    shares = [
        max(1, groups[operator].share // groups[operator].validators) for operator in operators
    ]
    return BlockShares(shares, capped)


def cap_operators(groups: Sequence[OperatorShare]) -> int:
    """Limit the shares of operators to their cap; return the number of operators at the cap.

    Each round limits those above it and gives their excess to the others by bond, which may lift
    further ones above it. Some are never limited: all caps together are one and a half of
    `SHARE_UNIT` or more.
    """
    cap = max(OPERATOR_CAP, SHARED_CAP // len(groups))
    free = groups
    while any(group.share > cap for group in free):
        others = [group for group in free if group.share <= cap]
        for group in free:
            group.share = min(group.share, cap)
        capped = len(groups) - len(others)
        left = SHARE_UNIT - cap * capped - sum(group.by_work for group in others)
        bonds = sum(group.bond for group in others)
        for group in others:
            group.share = group.by_work + left * group.bond // max(bonds, 1)
        free = others
    return len(groups) - len(free)
