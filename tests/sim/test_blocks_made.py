"""Parts of the blocks that validators make, played over many slots with the chain's thresholds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.pallets.authorities.formulas import block_shares
from support.block_lottery import (
    CAPPED,
    FOUR,
    GROUPS,
    OPERATOR,
    SMALL,
    WAYS,
    computed,
    epoch_of,
    play,
    shares_of,
)
from support.block_shares import BOND
from support.stakes import stash

POINT = 0.01
SLOTS = [200_000, pytest.param(1_000_000, marks=pytest.mark.full)]
"""Slots of a lottery: four standard deviations of a part of a fifth are less than half a POINT."""
# The part of each group in per cent, in the order of `WAYS`. Once as the chain chooses among
# winners, once by their scores.
MADE = {
    "16 equal bonds, one works, cap 20 %": ((9.7, 13.1, 19.9), (9.1, 11.3, 16.7)),
    "20 small bonds beside 40 large": ((27.3, 21.2, 16.7), (27.6, 22.3, 16.4)),
    "one operator with 20 of 100 places": ((20.0, 20.0, 20.0), (20.0, 20.0, 20.0)),
    "4 equal bonds, one works, cap 37.5 %": ((28.1, 31.2, 37.3), (27.7, 29.4, 34.8)),
    "bonds 100:40:40:40": ((30.1, 35.1, 45.2), (29.5, 32.8, 42.4)),
}


@pytest.mark.parametrize("by_score", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", GROUPS)
def test_each_group_makes_its_part_of_the_blocks(name: str, by_score: bool) -> None:
    parts, group = GROUPS[name]
    for (chance, is_compensated), percent in zip(WAYS, MADE[name][by_score], strict=True):
        epoch = epoch_of(shares_of(parts), chance=chance, is_compensated=is_compensated)
        played = play(epoch, 50_000, random.Random(7), by_score=by_score)
        made = sum(played.made[:group])
        assert made == pytest.approx(percent / 100, abs=POINT)
        if not by_score:
            assert sum(computed(epoch)[:group]) == pytest.approx(made, abs=0.005)
        way = "compensated" if is_compensated else "plain"
        print(f"{name:38} c {chance[0]}/{chance[1]} {way:11} {made:6.1%} {played.contested:6.1%}")


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize(
    ("parts", "group", "most"),
    [
        (CAPPED, 1, 0.20 + POINT),
        pytest.param(SMALL, 20, 0.17, marks=pytest.mark.full),
        pytest.param(OPERATOR, 20, 0.20 + POINT, marks=pytest.mark.full),
        pytest.param(FOUR, 1, 0.375 + POINT, marks=pytest.mark.full),
        # Two operators with one place each and one with 20 places, all at their cap.
        ([*[1.0] * 20, 20.0, 20.0, *[0.5] * 80], 20, 0.20 + POINT),
        pytest.param(
            [*[5.0] * 4, 20.0, 20.0, *[2.0] * 20], 4, 0.20 + POINT, marks=pytest.mark.full
        ),
    ],
)
def test_no_operator_makes_more_than_its_cap_in_many_slots(
    parts: list[float], group: int, most: float, slots: int
) -> None:
    made = play(epoch_of(shares_of(parts)), slots, random.Random(11)).made
    assert sum(made[:group]) <= most
    assert max(made) <= max(parts) / sum(parts) + POINT


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize(
    ("own", "others", "most", "least"),
    [
        (4, 16, 5.0, 0.3),
        pytest.param(4, 12, 4.0, 0.35, marks=pytest.mark.full),
        pytest.param(20, 80, 20.0, 0.325, marks=pytest.mark.full),
    ],
)
def test_small_stashes_bring_an_operator_no_blocks_beyond_its_cap(
    own: int, others: int, most: float, least: float, slots: int
) -> None:
    """By secondary slots each of them makes half of an equal part at least."""
    bonds = [most, *[least] * (own - 1), *[1.0] * others]
    operators = [stash(0)] * own + [stash(number) for number in range(1, others + 1)]
    planck = [int(bond * BOND) for bond in bonds]
    shares, capped = block_shares(planck, [0] * len(planck), operators, 0)
    assert capped == 1
    made = play(epoch_of(shares), slots, random.Random(12)).made
    assert sum(made[:own]) <= 0.20 + POINT


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=40))
def test_no_validator_makes_more_than_its_share_or_its_secondary_slots(parts: list[int]) -> None:
    shares = [part / sum(parts) for part in parts]
    made = computed(epoch_of(shares_of(parts)))
    assert sum(made) == pytest.approx(1, abs=1e-6)
    floor = 0.5 / len(parts)
    for share, part in zip(shares, made, strict=True):
        assert floor - 1e-6 <= part <= max(share, floor) + POINT
