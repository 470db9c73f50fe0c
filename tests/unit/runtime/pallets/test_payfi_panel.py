"""P11: panels of arbiters; how they are selected, and what their answers decide."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from runtime.pallets.payfi.panel import SEATS, decision, final_decision, seed_of, select

ARBITERS = [AccountId(bytes([n]) * 32) for n in range(1, 13)]
BEACON = H256(bytes(range(32)))


def itself(account: AccountId) -> AccountId:
    return account


def in_pairs(account: AccountId) -> AccountId:
    return AccountId(bytes([(account[0] + 1) // 2]) * 32)


@given(st.binary(min_size=32, max_size=32), st.sets(st.integers(0, 11), max_size=12))
def test_a_panel_has_three_operators_and_none_of_a_party(seed: bytes, barred: set[int]) -> None:
    out = [ARBITERS[place] for place in sorted(barred)]
    found = select(seed, ARBITERS, in_pairs, barred=[in_pairs(one) for one in out], wanted=SEATS)
    operators = [in_pairs(one) for one in found]
    assert len(set(operators)) == len(operators)
    assert not set(operators) & {in_pairs(one) for one in out}
    left = {in_pairs(one) for one in ARBITERS} - {in_pairs(one) for one in out}
    assert len(found) == min(SEATS, len(left))


def test_the_order_of_the_list_does_not_matter() -> None:
    seed = seed_of(BEACON, 7, 0)
    first = select(seed, ARBITERS, itself, barred=[], wanted=SEATS)
    assert select(seed, ARBITERS[::-1], itself, barred=[], wanted=SEATS) == first


def test_each_dispute_and_round_has_a_selection_of_its_own() -> None:
    seeds = {seed_of(BEACON, payment, round_) for payment in range(50) for round_ in range(2)}
    assert len(seeds) == 100
    panels = {tuple(select(seed, ARBITERS, itself, barred=[], wanted=SEATS)) for seed in seeds}
    assert len(panels) > 80


def test_each_arbiter_is_selected_about_equally_often() -> None:
    seats = dict.fromkeys(ARBITERS, 0)
    for payment in range(2_000):
        for one in select(seed_of(BEACON, payment, 0), ARBITERS, itself, barred=[], wanted=SEATS):
            seats[one] += 1
    assert all(400 < count < 600 for count in seats.values())  # 500 expected, deviation 19


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((), None),
        ((5,), None),
        ((5, 6), None),
        ((5, 5), 5),
        ((0, 0), 0),
        ((1, 9, 9), 9),
        ((1, 5, 9), 5),
        ((1, 1, 9), 1),
    ],
)
def test_two_equal_answers_decide_and_else_the_median(
    answers: tuple[int, ...], expected: int | None
) -> None:
    for order in permutations(answers):
        assert decision(order) == expected


@pytest.mark.parametrize(
    ("answers", "expected"), [((), 0), ((9,), 0), ((5, 9), 5), ((9, 9), 9), ((1, 5, 9), 5)]
)
def test_missing_answers_count_as_nothing_for_the_payer(
    answers: tuple[int, ...], expected: int
) -> None:
    for order in permutations(answers):
        assert final_decision(order) == expected


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_one_bribed_arbiter_never_moves_the_result_beyond_the_honest_answers(
    bribed: int, one: int, other: int
) -> None:
    result = decision([bribed, one, other])
    assert result is not None
    assert min(one, other) <= result <= max(one, other)
