"""Shares of the blocks and the weights in BABE that make them, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.block_shares import SHARE_UNIT, shares_of, weights_for
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import u64

UNIFORM, WEIGHTED = SecondaryRule.Uniform, SecondaryRule.Weighted
HALF = EpochConfig((u64(1), u64(2)), AllowedSlots.PrimaryAndSecondaryVRFSlots)
NO_SECONDARY = EpochConfig((u64(1), u64(2)), AllowedSlots.PrimarySlots)

CHANCES = st.sampled_from([(0, 1), (1, 4), (1, 2), (2, 3), (1, 1)])
SHARES = st.lists(st.integers(1, 10**9), min_size=1, max_size=100)


def config_of(chance: tuple[int, int]) -> EpochConfig:
    return EpochConfig((u64(chance[0]), u64(chance[1])), AllowedSlots.PrimaryAndSecondaryPlainSlots)


def exact(shares: list[int], chance: tuple[int, int]) -> list[Fraction]:
    """Return the weights as parts of one, in exact fractions."""
    base = (1 - Fraction(*chance)) / len(shares)
    parts = [max(Fraction(0), Fraction(share, sum(shares)) - base) for share in shares]
    whole = sum(parts)
    return [part / whole if whole else Fraction(1, len(shares)) for part in parts]


@given(SHARES, CHANCES)
def test_weights_are_the_shares_less_the_uniform_part(
    shares: list[int], chance: tuple[int, int]
) -> None:
    weights = weights_for(shares, config_of(chance), UNIFORM)
    assert min(weights) >= 1
    whole = sum(weights)
    if chance == (0, 1):
        return
    slack = Fraction(6 * len(shares), SHARE_UNIT) / Fraction(*chance)
    for weight, part in zip(weights, exact(shares, chance), strict=True):
        assert abs(Fraction(weight, whole) - part) <= slack


@given(SHARES, CHANCES)
def test_the_shares_of_such_weights_are_those_wanted_or_the_uniform_part(
    shares: list[int], chance: tuple[int, int]
) -> None:
    config, count = config_of(chance), len(shares)
    made = shares_of(weights_for(shares, config, UNIFORM), config, UNIFORM)
    base = SHARE_UNIT * (chance[1] - chance[0]) // (chance[1] * count)
    assert SHARE_UNIT - count <= sum(made) <= SHARE_UNIT
    for share, got in zip(shares, made, strict=True):
        wanted = SHARE_UNIT * share // sum(shares)
        assert base <= got <= max(wanted, base) + 10 * (count + 1)


def test_shares_that_do_not_add_up_to_a_unit_are_scaled() -> None:
    shares = [375_000_000, 208_333_333, 208_333_333, 208_333_333]
    whole = weights_for(shares, HALF, UNIFORM)
    assert whole == [500_000_001, 166_666_666, 166_666_666, 166_666_666]
    tenth = weights_for([share // 10 for share in shares], HALF, UNIFORM)
    assert all(abs(one - other) <= 20 for one, other in zip(whole, tenth, strict=True))


def test_equal_shares_have_equal_weights() -> None:
    for shares in ([1] * 7, [142_857_142] * 7):
        assert len(set(weights_for(shares, HALF, UNIFORM))) == 1


def test_a_share_below_the_uniform_part_has_the_least_weight() -> None:
    # Each of two makes a quarter of the blocks by the uniform rule, whatever its weight.
    assert weights_for([900_000_000, 100_000_000], HALF, UNIFORM) == [SHARE_UNIT, 1]


def test_shares_are_weights_where_no_slot_is_assigned_uniformly() -> None:
    shares = [700, 200, 100, 1]
    assert weights_for(shares, HALF, WEIGHTED) == shares
    assert weights_for(shares, NO_SECONDARY, UNIFORM) == shares
    assert shares_of(shares, HALF, WEIGHTED) == [SHARE_UNIT * one // 1_001 for one in shares]


def test_without_a_lottery_weights_do_not_matter_and_are_valid() -> None:
    never = config_of((0, 1))
    assert weights_for([5, 5], never, UNIFORM) == [1, 1]
    assert shares_of([9, 1], never, UNIFORM) == [SHARE_UNIT // 2] * 2


@pytest.mark.parametrize("rule", list(SecondaryRule))
def test_no_authorities_have_no_weights(rule: SecondaryRule) -> None:
    assert weights_for([], HALF, rule) == []
    assert shares_of([], HALF, rule) == []
