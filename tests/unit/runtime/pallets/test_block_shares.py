"""Shares of blocks: caps of the result, the part by work, and what authors get of fees.

`test_no_history_...` plays self-paid work against fees with peaks that its payer foresees.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.block_shares import SHARE_UNIT
from btt_chain.scale import u64
from runtime.constants import BTT
from runtime.decay import AGE, DECAY_SUM, SCORE_UNIT, WINDOW, decayed
from runtime.pallets.authorities import formulas
from runtime.pallets.authorities.formulas import block_shares, work_part
from runtime.pallets.authorities.types import HIGHEST_FACTOR, LOWEST_FACTOR
from runtime.pallets.transaction_payment.pallet import FLOOR, author_limit
from support.block_shares import (
    BOND,
    FACTOR,
    equal_sets,
    exact_shares,
    parts_table,
    shares_table,
    value_of,
)
from support.stakes import stash
from support.tiers import amount

THOUSANDS = [pytest.param(block, marks=pytest.mark.full if block else ()) for block in range(20)]
PAGE = Path(__file__).parents[4] / "docs" / "staking.md"


class RandomSet(NamedTuple):
    """A random set of validators."""

    bonds: list[int]
    scores: list[int]
    operators: list[AccountId]
    limit: int

    def part(self, scores: Sequence[int] | None = None) -> int:
        scores = self.scores if scores is None else scores
        return work_part(sum(scores), sum(self.bonds), FACTOR, self.limit)


def random_set(seed: int) -> RandomSet:
    rng = Random(seed)
    count = rng.randint(1, 40)
    bonds = [rng.choice((1, 3, 10, 50)) * BOND + rng.randrange(int(BTT)) for _ in range(count)]
    digits = rng.randint(10, 20)
    scores = [rng.choice((0, 0, 1, 7, 900)) * 10**digits * SCORE_UNIT for _ in range(count)]
    operators = [stash(rng.randrange(max(1, count * 2 // 3))) for _ in range(count)]
    return RandomSet(bonds, scores, operators, rng.randrange(1, 100) * int(BTT))


def by_operator(shares: Sequence[int], operators: Sequence[AccountId]) -> dict[AccountId, int]:
    sums: dict[AccountId, int] = {}
    for share, operator in zip(shares, operators, strict=True):
        sums[operator] = sums.get(operator, 0) + share
    return sums


# ---- shares


def check_sets(seeds: range) -> None:
    """Check the shares of random sets of validators."""
    for seed in seeds:
        check_set(seed)


def check_set(seed: int) -> None:
    bonds, scores, operators, _ = chosen = random_set(seed)
    count, part = len(bonds), chosen.part()
    shares, capped = block_shares(bonds, scores, operators, part)
    sums = by_operator(shares, operators)
    cap = max(SHARE_UNIT // 5, 3 * SHARE_UNIT // (2 * len(sums)))
    assert max(sums.values()) <= cap + count
    assert SHARE_UNIT - 4 * count <= sum(shares) <= SHARE_UNIT + count
    assert all(1 <= share <= u64.MAX for share in shares)
    if capped:
        return
    # By work no more than four times the bond's part: the rest goes by bond.
    own = by_operator(bonds, operators)
    for operator, share in sums.items():
        assert share <= (SHARE_UNIT + 4 * part) * own[operator] // sum(bonds) + count


@pytest.mark.parametrize("block", THOUSANDS)
def test_no_operator_of_a_random_set_is_above_its_cap_and_shares_add_up(block: int) -> None:
    check_sets(range(block * 1_000, block * 1_000 + 1_000))


def test_a_cap_before_the_shares_are_made_to_add_up_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule of earlier versions: limited first, then divided by the sum."""

    def clip(groups: Sequence[formulas.OperatorShare]) -> int:
        cap = max(formulas.OPERATOR_CAP, formulas.SHARED_CAP // len(groups))
        limited = [min(group.share, cap) for group in groups]
        for group, share in zip(groups, limited, strict=True):
            group.share = SHARE_UNIT * share // sum(limited)
        return sum(share == cap for share in limited)

    monkeypatch.setattr(formulas, "cap_operators", clip)
    with pytest.raises(AssertionError):
        check_sets(range(20))


def test_shares_are_those_of_the_formula_in_fractions() -> None:
    for seed in range(150):
        bonds, scores, operators, _ = chosen = random_set(seed)
        part = chosen.part()
        shares, _ = block_shares(bonds, scores, operators, part)
        exact = exact_shares(bonds, scores, operators, Fraction(part, SHARE_UNIT))
        for share, fraction in zip(shares, exact, strict=True):
            assert abs(share - fraction * SHARE_UNIT) <= 8 * len(bonds)


def test_work_pays_at_most_four_times_the_part_of_the_bonds_and_the_rest_goes_by_bond() -> None:
    for seed in range(600):
        bonds, scores, _, _ = chosen = random_set(seed)
        operators = [stash(number) for number in range(len(bonds))]
        shares, capped = block_shares(bonds, scores, operators, part := chosen.part())
        idle = [(share, bond) for share, bond, score in zip(shares, bonds, scores, strict=True)
                if not score]  # fmt: skip
        if capped or not idle:
            continue
        share, bond = max(idle)
        for own, mine, score in zip(shares, bonds, scores, strict=True):
            by_work = own - Fraction(share + 1, bond) * mine
            assert by_work <= Fraction(4 * part * mine, sum(bonds)) + 1
            if not score:
                assert by_work <= 1


@pytest.mark.parametrize("block", THOUSANDS)
def test_at_the_same_part_by_work_a_stash_that_gains_work_loses_nothing(block: int) -> None:
    for seed in range(block * 1_000, block * 1_000 + 1_000):
        bonds, scores, _, _ = chosen = random_set(seed)
        place = seed % len(bonds)
        more = [*scores]
        more[place] += 10 ** (10 + seed % 11) * SCORE_UNIT
        operators = [stash(number) for number in range(len(bonds))]
        for part in (chosen.part(), 8 * 10**8):
            before, after = (
                block_shares(bonds, work, operators, part).shares for work in (scores, more)
            )
            assert after[place] >= before[place]


def test_a_part_by_work_that_grows_may_take_more_from_a_large_bond_than_its_work_brings() -> None:
    """It lifts the limit of another one's work, too; so work is not free for a majority."""
    names, bonds = [stash(0), stash(1)], [10 * BOND, 50 * BOND]
    shares = []
    for own in (0, 10):
        scores = [90 * int(BTT) * SCORE_UNIT, own * int(BTT) * SCORE_UNIT]
        part = work_part(sum(scores), 60 * BOND, FACTOR, int(BTT))
        shares.append(block_shares(bonds, scores, names, part).shares[1])
    assert 0 < shares[0] - shares[1] < SHARE_UNIT // 100


def test_the_excess_of_a_giant_goes_to_the_others_by_bond() -> None:
    names = [stash(number) for number in range(10)]
    shares, capped = block_shares([91 * BOND, *[BOND] * 9], [0] * 10, names, 0)
    assert (shares[0], capped) == (200_000_000, 1)
    assert shares[1:] == [88_888_888] * 9
    # What a first giant leaves may lift a second operator above the cap.
    shares, capped = block_shares([80 * BOND, 15 * BOND, *[BOND] * 8], [0] * 10, names, 0)
    assert (shares[:2], capped) == ([200_000_000] * 2, 2)
    assert shares[2:] == [75_000_000] * 8


def test_keys_of_one_operator_share_its_part_equally() -> None:
    names = [stash(0), stash(0), *(stash(number) for number in range(1, 11))]
    shares, capped = block_shares([30 * BOND, 10 * BOND, *[6 * BOND] * 10], [0] * 12, names, 0)
    assert (shares[:2], capped) == ([100_000_000, 100_000_000], 1)
    assert shares[2:] == [80_000_000] * 10


def test_without_work_shares_are_by_bond_and_without_bonds_equal() -> None:
    names = [stash(number) for number in range(3)]
    assert block_shares([3 * BOND, 2 * BOND, BOND], [0] * 3, names, 0).shares == [
        500_000_000, 333_333_333, 166_666_666,
    ]  # fmt: skip
    assert block_shares([0] * 3, [0] * 3, names, 0).shares == [1] * 3
    assert block_shares([0] * 3, [5] * 3, names, 10**8).shares == [1] * 3
    assert block_shares([BOND], [SCORE_UNIT], [names[0]], 8 * 10**8) == ([10**9], 0)
    # All others were slashed: nothing can be shared by bond.
    assert block_shares([BOND, 0, 0], [0] * 3, names, 0) == ([500_000_000, 1, 1], 1)


def test_stashes_that_hide_their_operator_gain_what_the_page_says() -> None:
    """Work by itself brings a small bond at most 1 + 4 L times its part of the bonds."""
    names = [stash(number) for number in range(100)]
    for part in (10**8, 4 * 10**8, 8 * 10**8):
        shares, _ = block_shares([BOND] * 100, [SCORE_UNIT, *[0] * 99], names, part)
        most = Fraction(SHARE_UNIT + 4 * part, 100)
        assert most * 96 / 100 < shares[0] <= most
        # Where the whole part by work is given, it is 1 + 3 L: here 4 % of the work is its own.
        scores = [396 * SCORE_UNIT, *[96 * SCORE_UNIT] * 99]
        shares, _ = block_shares([BOND] * 100, scores, names, part)
        assert shares[0] == (SHARE_UNIT + 3 * part) // 100


# ---- the part by work


def test_a_fiftieth_of_a_btt_moves_no_share_by_a_hundredth_of_a_point() -> None:
    for count in (4, 16, 100):
        scores = [value_of(int(BTT) // 50) * SCORE_UNIT, *[0] * (count - 1)]
        names = [stash(number) for number in range(count)]
        part = work_part(scores[0], count * BOND, FACTOR, int(FLOOR))
        assert part > 0
        shares, _ = block_shares([BOND] * count, scores, names, part)
        for share in shares:
            assert abs(Fraction(share, SHARE_UNIT) - Fraction(1, count)) < Fraction(1, 10_000)


def test_the_part_by_work_grows_with_work_and_falls_with_bonds_and_fees() -> None:
    score = 10 * int(BTT) * DECAY_SUM
    part = work_part(score, 16 * BOND, FACTOR, int(BTT))
    assert 0 < part < 4 * 10**8
    assert work_part(2 * score, 16 * BOND, FACTOR, int(BTT)) > part
    assert work_part(score, 17 * BOND, FACTOR, int(BTT)) < part
    assert work_part(score, 16 * BOND, LOWEST_FACTOR, int(BTT)) < part
    assert work_part(score, 16 * BOND, FACTOR, 90 * int(BTT)) == SHARE_UNIT // 10
    assert work_part(10**9 * score, BOND, HIGHEST_FACTOR, int(BTT)) == 8 * 10**8
    assert work_part(0, BOND, FACTOR, int(BTT)) == 0
    assert work_part(score, 0, FACTOR, 0) == 8 * 10**8


# ---- tables of the page


def test_the_tables_of_the_page_are_computed_by_the_runtime() -> None:
    text = PAGE.read_text()
    for row in (*shares_table(), *parts_table()):
        assert row in text, f"write this row to docs/staking.md:\n{row}"


def test_the_shares_of_equal_bonds_are_within_a_millionth() -> None:
    for count, working, part, shares in equal_sets():
        names = [stash(number) for number in range(count)]
        scores = [1 if number < working else 0 for number in range(count)]
        exact = exact_shares([1] * count, scores, names, part)
        for share, fraction in zip(shares, exact, strict=True):
            assert abs(Fraction(share, SHARE_UNIT) - fraction) < Fraction(1, 10**6)


# ---- histories


class History:
    """Fees of authors with peaks, work of others, and own work with knowledge of the peaks."""

    def __init__(self, seed: int) -> None:
        rng, eras = Random(seed), 120
        base = rng.choice((1, 20, 200)) * int(BTT) // 10
        self.fees = [base * rng.randint(50, 150) // 100 for _ in range(eras)]
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(20, eras)
            for era in range(at, min(eras, at + rng.choice((1, 3, 14)))):
                self.fees[era] *= rng.choice((10, 100, 1_000))
        self.others = [
            rng.choice((0, 0, 1, 20)) * int(BTT) * rng.randint(0, 100) // 100 for _ in range(eras)
        ]
        self.own = [0] * eras
        kind = rng.randrange(3)
        for era in range(eras):
            soon = self.fees[min(eras - 1, era + AGE + 1) : era + AGE + 4]
            foreseen = max(soon, default=0) > 5 * base
            if kind == 0:
                self.own[era] = rng.choice((1, 10)) * int(BTT)
            elif foreseen if kind == 1 else rng.random() < 0.1:
                self.own[era] = rng.choice((1, 10, 100)) * int(BTT)

    def income(self, *, limited: bool) -> int:
        """Return the income from blocks by the own work, in planck.

        Shares of blocks in force were planned in the era before, by its snapshot. Without the
        limit, the part by work is compared with the mean of authors' income alone.
        """
        got: list[int] = []
        earned = 0
        for era, fees in enumerate(self.fees):
            snapshot = era - 1 - AGE
            eras = range(max(0, snapshot - WINDOW + 1), snapshot + 1)
            own, others, before = (
                [(past, amounts[past]) for past in eras] for amounts in (self.own, self.others, got)
            )
            score = (own_score := decayed(own, snapshot)) + decayed(others, snapshot)
            limit = author_limit(before, snapshot)
            if limited:
                income, compared = min(fees, limit), limit
            else:
                income, compared = fees, decayed(before, snapshot) // DECAY_SUM
            got.append(income)
            if score:
                part = work_part(score, 16 * BOND, FACTOR, compared)
                earned += income * part * own_score // (SHARE_UNIT * score)
        return earned


@pytest.mark.hypothesis
def test_no_history_brings_work_more_by_blocks_than_its_value() -> None:
    most = Fraction(0)
    for seed in range(amount(120, 2_000)):
        history = History(seed)
        value = sum(history.own)
        if value:
            most = max(most, Fraction(history.income(limited=True), value))
    assert 0 < most < 1


def test_without_the_limit_of_an_era_foreseen_peaks_pay_for_work() -> None:
    gains = 0
    for seed in range(120):
        history = History(seed)
        gains += history.income(limited=False) >= sum(history.own) > 0
    assert gains > 20
