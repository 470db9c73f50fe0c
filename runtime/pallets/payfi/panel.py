"""Panels: three arbiters of a dispute, and what their answers decide.

An answer is the part of the disputed amount that the payer gets, in planck. Two equal answers
decide; otherwise the median of three does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.work.race import raced

SEATS: Final = 3
QUORUM: Final = 2
"""Number of equal answers that decide without the third."""


def seed_of(beacon: H256, payment: int, round_: int) -> bytes:
    """Return the seed of a selection: another one for each dispute and each round of it."""
    return b"payfi panel" + bytes(beacon) + payment.to_bytes(8, "little") + bytes((round_,))


def select(
    seed: bytes,
    arbiters: Sequence[AccountId],
    operator_of: Callable[[AccountId], AccountId],
    *,
    barred: Sequence[AccountId],
    wanted: int,
) -> list[AccountId]:
    """Return up to `wanted` arbiters at random, each with the same probability.

    None has an operator in `barred`, and no two have the same operator: otherwise one operator
    could have two of three answers.
    """
    seen, found = list(barred), list[AccountId]()
    for place in raced(seed, arbiters, [1] * len(arbiters)):
        if len(found) == wanted:
            break
        operator = operator_of(arbiters[place])
        if operator not in seen:
            seen.append(operator)
            found.append(arbiters[place])
    return found


def decision(answers: Sequence[int]) -> int | None:
    """Return the decision of up to three answers; None as long as another answer may matter."""
    if len(answers) >= SEATS:
        return sorted(answers)[SEATS // 2]
    equal = [answer for answer in answers if answers.count(answer) >= QUORUM]
    return equal[0] if equal else None


def final_decision(answers: Sequence[int]) -> int:
    """Return the decision at the end of the time: a missing answer counts as nothing for the payer.

    So without answers, or with a single one, the merchant wins, and of two different answers the
    lower one counts.
    """
    return sorted([*answers, *(0 for _ in range(SEATS - len(answers)))])[SEATS // 2]
