"""Shares of blocks: the formula in exact fractions, and the tables of docs/staking.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.block_shares import SHARE_UNIT
from runtime.constants import BTT
from runtime.decay import DECAY_SUM, SCORE_UNIT
from runtime.pallets.authorities.formulas import block_shares, work_part
from runtime.pallets.authorities.types import WORK_FACTOR
from runtime.pallets.jobs.types import JobFees
from runtime.pallets.mining.types import Params
from runtime.splits import split_compute
from support.stakes import stash

BOND = 10_000 * int(BTT)
FACTOR = int(WORK_FACTOR)
MONTH_ERAS = Fraction(8_766, 12)
"""Eras of an hour in a month."""


def value_of(price: int) -> int:
    """Return the value of work of a price, as Jobs and Mining compute it at genesis; in planck."""
    split = split_compute(price, 10_000 * int(BTT))
    lost = price - int(split.contributors)
    mining = lost * int(Params().kappa) // 10**6
    return JobFees(price, lost, mining, int(split.development) * 2_000 // 10_000).value


def exact_shares(
    bonds: Sequence[int], scores: Sequence[int], operators: Sequence[AccountId], part: Fraction
) -> list[Fraction]:
    """Return the shares of blocks of docs/staking.md, in exact fractions of one."""
    all_bonds, all_scores = Fraction(sum(bonds)), Fraction(sum(scores))
    by_bond = [bond / all_bonds for bond in bonds]
    by_work = [
        min(part * score / all_scores, 4 * part * bond) if all_scores else Fraction(0)
        for score, bond in zip(scores, by_bond, strict=True)
    ]
    rest = 1 - sum(by_work)
    first = [work + rest * bond for work, bond in zip(by_work, by_bond, strict=True)]
    names = list(dict.fromkeys(operators))

    def whole(parts: Sequence[Fraction], name: AccountId) -> Fraction:
        return sum(
            (one for one, own in zip(parts, operators, strict=True) if own == name), Fraction(0)
        )

    cap = max(Fraction(1, 5), Fraction(3, 2) / len(names))
    share, capped = {name: whole(first, name) for name in names}, list[AccountId]()
    while over := [name for name in names if name not in capped and share[name] > cap]:
        capped += over
        free = [name for name in names if name not in capped]
        left = 1 - cap * len(capped) - sum(whole(by_work, name) for name in free)
        bonded = sum(whole(by_bond, name) for name in free)
        for name in free:
            share[name] = whole(by_work, name) + left * whole(by_bond, name) / bonded
        for name in capped:
            share[name] = cap
    return [share[name] / operators.count(name) for name in operators]


def equal_sets() -> Iterator[tuple[int, int, Fraction, list[int]]]:
    """Yield validators, how many of them work, the part by work, and the shares of blocks."""
    for count, working in (
        (4, 1),
        (4, 2),
        (16, 1),
        (16, 2),
        (16, 8),
        (100, 1),
        (100, 2),
        (100, 50),
    ):
        for part in (Fraction(4, 5), Fraction(1, 5)):
            scores = [SCORE_UNIT if number < working else 0 for number in range(count)]
            operators = [stash(number) for number in range(count)]
            parts = int(part * SHARE_UNIT)
            yield (
                count,
                working,
                part,
                block_shares([BOND] * count, scores, operators, parts).shares,
            )


def percent(share: Fraction | int, digits: int = 1) -> str:
    """Return a part of `SHARE_UNIT` as a percentage."""
    return f"{float(Fraction(share) * 100 / SHARE_UNIT):.{digits}f}"


def shares_table() -> list[str]:
    """Return the rows of the table of shares: a validator that works, and an idle one."""
    cells: dict[tuple[int, int], list[str]] = {}
    for count, working, _, shares in equal_sets():
        pair = f"{percent(shares[0], 2)} / {percent(shares[-1], 2)}"
        cells.setdefault((count, working), []).append(pair)
    return [f"| {n} | {k} | {' | '.join(pairs)} |" for (n, k), pairs in cells.items()]


def planned_part(price: int, validators: int, authors: int) -> int:
    """Return the part by work for a month's `price` of jobs and authors' income of an era.

    All in BTT, both the same in all eras.
    """
    job = int(BTT) // 50  # small ones: the burn is at its lowest
    value = price * 50 * value_of(job) / MONTH_ERAS
    score, limit = int(value * DECAY_SUM), (4 * authors + 1) * int(BTT)
    return work_part(score, validators * BOND, FACTOR, limit)


def parts_table() -> list[str]:
    """Return the rows of the table of parts by work, for the price of a month's jobs."""
    prices = (1_000, 10_000, 100_000, 1_000_000)
    return [
        f"| {count} | {' | '.join(percent(planned_part(price, count, 2)) for price in prices)} |"
        for count in (4, 16, 100)
    ]
