"""Mining: shares of many receipts, and self-dealing."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32
from runtime.constants import BTT
from runtime.pallets.mining.shares import (
    MAX_SINGLE,
    MAX_STEPS,
    Step,
    added,
    earned,
    edge_of,
    part,
    score_of,
    upper_edge,
)
from runtime.pallets.mining.types import PARTS
from runtime.splits import split_compute
from support.mining import ALICE, BOB, PRICE, Works, budget_of, cap, fresh


@pytest.fixture
def works() -> Works:
    return fresh()


RECEIPT = st.tuples(
    st.one_of(st.integers(1, 50), st.integers(1, 10**15)),
    st.one_of(st.integers(0, 2_000), st.integers(0, 10**24)),
)
FEW = st.lists(RECEIPT, min_size=1, max_size=MAX_SINGLE)
# Lists with a maximum alone are nearly always short: so many receipts are summed.
SUMMED = st.lists(RECEIPT, min_size=MAX_SINGLE + 1, max_size=MAX_SINGLE + 8)
RECEIPTS = st.one_of(FEW, SUMMED)
OCTAVES = st.one_of(
    st.lists(st.integers(0, 60), min_size=1, max_size=200),
    # More steps than there may be.
    st.lists(st.integers(0, 60), min_size=MAX_STEPS + 16, max_size=MAX_STEPS + 32),
)


def collected(receipts: list[tuple[int, int]]) -> list[Step]:
    steps: list[Step] = []
    for weighed, most in receipts:
        steps = added(steps, weighed, most)
    return steps


@given(RECEIPTS, st.integers(0, 10**24), st.integers(0, 10**16))
def test_receipts_earn_together_what_each_would_but_for_a_sixteenth_of_one_step(
    receipts: list[tuple[int, int]], budget: int, others: int
) -> None:
    steps = collected(receipts)
    mine = sum(weighed for weighed, _ in receipts)
    total = mine + others
    price = Fraction(budget, total)
    fair = sum((min(Fraction(most), price * weighed) for weighed, most in receipts), Fraction(0))
    got = earned(steps, budget, total)

    assert score_of(steps) == mine
    assert got <= fair
    assert got <= part(budget, mine, total) <= budget
    edge = edge_of(int(price))
    width = upper_edge(edge) - edge
    lost = sum(width * weighed for weighed, most in receipts if edge_of(most // weighed) == edge)
    assert got >= fair - lost - len(steps)


@given(FEW, st.integers(0, 10**24), st.integers(0, 10**16))
def test_the_first_receipts_earn_exactly_the_lesser_of_cap_and_part(
    receipts: list[tuple[int, int]], budget: int, others: int
) -> None:
    total = sum(weighed for weighed, _ in receipts) + others
    each = [min(most, budget * weighed // total) for weighed, most in receipts]
    assert earned(collected(receipts), budget, total) == sum(each)


@given(st.integers(0, 2**130))
def test_a_ratio_lies_in_a_step_no_wider_than_a_sixteenth(ratio: int) -> None:
    edge = edge_of(ratio)
    assert edge <= ratio < upper_edge(edge)
    assert upper_edge(edge) - edge <= max(edge // 16, 1)
    assert edge_of(edge) == edge


@given(OCTAVES, st.data())
def test_steps_are_bounded_in_order_and_never_pay_more(
    octaves: list[int], data: st.DataObject
) -> None:
    receipts = [
        (1 + place % 7, (1 << octave) * (1 + place % 31)) for place, octave in enumerate(octaves)
    ]
    steps = collected(receipts)
    assert len(steps) <= MAX_STEPS
    assert all(left.edge <= right.edge for left, right in pairwise(steps))
    assert all(step.edge * step.score <= step.cap for step in steps)
    total = score_of(steps)
    assert total == sum(weighed for weighed, _ in receipts)
    budget = data.draw(st.integers(0, 2**66)) * total
    fair = sum(min(most, budget // total * weighed) for weighed, most in receipts)
    assert earned(steps, budget, total) <= fair


def test_a_spare_cap_is_not_used_up_by_another_receipt(works: Works) -> None:
    works.balances.credit(ALICE, BTT)
    works.work(BOB, 10**12)
    works.work(ALICE, 1_000, fees=10**6 * PRICE)  # earns far less than its fees would allow
    works.work(ALICE, 10**6, fees=10**6 * PRICE)
    works.next_era()
    budget, total = budget_of(works), int(works.mining.eras.eras[u32(0)].score)
    assert works.claim(ALICE, 0) <= budget * 800 * PARTS // total + min(
        cap(10**6 * PRICE), budget * 800_000 * PARTS // total
    )


@given(
    gross=st.integers(1, 10**6).map(lambda value: value * int(BTT)),
    units=st.integers(1, 2**60),
    staked=st.integers(0, 10_000),
    repeats=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_paying_oneself_loses_money_even_alone_and_with_all_the_stake(
    gross: int, units: int, staked: int, repeats: int
) -> None:
    works = fresh()
    works.registry.join(ALICE)
    spent = back = 0
    for _ in range(repeats):
        split = split_compute(gross, 10_000 * int(BTT))
        fees = gross - int(split.contributors)
        works.work(ALICE, units, fees)
        spent += gross
        dividend = int(split.development) * 20 // 100 * staked // 10_000
        back += int(split.contributors) + dividend
    works.next_era()
    earned_ = works.mining.estimate(ALICE, 0)
    reward = 0 if earned_ is None else int(earned_.reward)
    assert reward <= cap(repeats * (gross - int(split.contributors)))
    assert back + reward < spent
    # As the Foundation and the development fund, too.
    insider = back + reward + repeats * int(split.development + split.foundation)
    insider -= dividend * repeats
    assert insider < spent


WORK = st.lists(
    st.tuples(st.sampled_from((ALICE, BOB)), st.integers(0, 10**9), st.integers(0, 10**24)),
    max_size=8,
)


@given(honest=WORK, dealt=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 10**24))))
@settings(max_examples=60, deadline=None)
def test_receipts_that_one_pays_oneself_add_less_than_their_fees_whatever_else_one_did(
    honest: list[tuple[AccountId, int, int]], dealt: list[tuple[int, int]]
) -> None:
    rewards = []
    for extra in ([], dealt):
        works = fresh()
        for who, units, fees in honest:
            works.work(who, units, fees)
        for units, fees in extra:
            works.work(ALICE, units, fees)
        works.next_era()
        row = works.mining.estimate(ALICE, 0)
        rewards.append(0 if row is None else int(row.reward))
    assert rewards[1] - rewards[0] <= sum(cap(fees) for _, fees in dealt)


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_splitting_an_identity_gains_nothing(pieces: list[int]) -> None:
    names = [AccountId(bytes([50 + number]) * 32) for number in range(len(pieces))]
    gained, scores = [], []
    for workers in ([ALICE] * len(pieces), names):
        works = fresh()
        works.registry.join(*names)
        works.work(BOB, 10**9)
        for who, units in zip(workers, pieces, strict=True):
            works.work(who, units)
        scores.append(works.mining.eras.running.value.score)
        works.next_era()
        rows = [works.mining.estimate(who, 0) for who in dict.fromkeys(workers)]
        gained.append(sum(int(row.reward) for row in rows if row is not None))
    assert scores[1] <= scores[0]
    assert gained[1] <= gained[0]
