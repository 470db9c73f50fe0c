"""The lottery: exact thresholds, fair shares."""

from __future__ import annotations

import hashlib
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from btt_chain.primitives.lottery import (
    SecondaryRule,
    beacon_of,
    randomness_of,
    secondary_author,
    slot_input,
    threshold,
    wins,
)
from unit.consensus.babe.babe_world import PAIRS, REAL, SIMULATED

WHOLE = 1 << 128

# (c, weight, total, threshold); by a calculator with 120 digits.
THRESHOLDS = [
    ((1, 4), 1, 1, 0x40000000000000000000000000000000),
    ((1, 4), 1, 4, 0x11C3E144A8653503BDF6EB15C444DA65),
    ((1, 2), 1, 3, 0x34D00AD6148E1BEA7D3332A5E11D9087),
    ((1, 4), 1, 1000, 0x12D9CF61CC8FD69780EE4CE349A6BE),
    ((1, 4), 1, 2**40, 0x49A58844D363B1F78F94EF),
    ((3, 4), 1, 2, 0x80000000000000000000000000000000),
    ((19, 27), 1, 3, 0x55555555555555555555555555555555),
    ((2**64 - 2, 2**64 - 1), 1, 3, 0xFFFFF9A68056B0A470DF51CBC45CBF3F),
    ((0, 1), 1, 2, 0),
    ((1, 1), 1, 2, WHOLE),
]

fractions = st.tuples(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1)).map(
    lambda pair: (min(pair), max(pair))
)
shares = st.tuples(st.integers(1, 2**62), st.integers(1, 2**62)).map(
    lambda pair: (min(pair), max(pair))
)


@pytest.mark.parametrize(("c", "weight", "total", "expected"), THRESHOLDS)
def test_thresholds_are_exact(c: tuple[int, int], weight: int, total: int, expected: int) -> None:
    assert threshold(c, weight, total) == expected


@given(fractions, shares)
@settings(max_examples=100, deadline=None)
def test_thresholds_agree_with_a_calculator_of_many_digits(
    c: tuple[int, int], share: tuple[int, int]
) -> None:
    assume(c[0] < c[1])
    with localcontext() as context:
        context.prec = 150
        base = Decimal(c[1] - c[0]) / Decimal(c[1])
        exact = WHOLE * (1 - base ** (Decimal(share[0]) / Decimal(share[1])))

        assert threshold(c, *share) == int(exact)


@pytest.mark.parametrize(("weight", "total"), [(1, 1), (1, 4), (3, 4), (1, 97), (5, 1000)])
def test_thresholds_are_those_of_substrate_as_far_as_its_floats_reach(
    weight: int, total: int
) -> None:
    by_floats = int(WHOLE * Fraction(1 - (1 - 1 / 4) ** (weight / total)))

    assert abs(threshold((1, 4), weight, total) - by_floats) <= WHOLE >> 52


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_splitting_weight_gains_nothing(one: int, other: int, rest: int) -> None:
    total = one + other + rest
    misses = (WHOLE - threshold((1, 4), one, total)) * (WHOLE - threshold((1, 4), other, total))

    whole = WHOLE - threshold((1, 4), one + other, total)

    assert abs(misses // WHOLE - whole) <= 2


@given(shares)
@settings(max_examples=50, deadline=None)
def test_more_weight_never_lowers_the_threshold(share: tuple[int, int]) -> None:
    weight, total = share
    assume(weight < total)

    assert threshold((1, 4), weight, total) <= threshold((1, 4), weight + 1, total)


@pytest.mark.parametrize("c", [(1, 0), (2, 1), (-1, 4), (0, -1)])
def test_c_is_a_fraction_from_0_to_1(c: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a fraction"):
        threshold(c, 1, 2)


@pytest.mark.parametrize("weight", [0, -1, 3])
def test_a_weight_is_a_part_of_the_total(weight: int) -> None:
    with pytest.raises(ValueError, match="not a weight"):
        threshold((1, 4), weight, 2)


def test_no_authority_wins_with_c_0_and_all_win_with_c_1() -> None:
    outputs = [SIMULATED.evaluate(PAIRS[0], slot_input(bytes(32), slot, 0)) for slot in range(50)]

    assert not any(wins(output, threshold((0, 1), 1, 2)) for output in outputs)
    assert all(wins(output, threshold((1, 1), 1, 2)) for output in outputs)


def test_the_secondary_author_is_the_one_computed_by_hand() -> None:
    randomness, slot = bytes(range(32)), 0x0102030405060708
    raw = randomness + bytes([8, 7, 6, 5, 4, 3, 2, 1])
    number = int.from_bytes(hashlib.blake2b(raw, digest_size=32).digest(), "big")
    weights = (3, 1, 4, 1, 5)

    by_weight = [index for index, weight in enumerate(weights) for _ in range(weight)][number % 14]

    cumulated = list(accumulate(weights))
    weighted = secondary_author(SecondaryRule.Weighted, randomness, slot, cumulated)
    assert weighted == by_weight
    assert secondary_author(SecondaryRule.Uniform, randomness, slot, cumulated) == number % 5


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None)
def test_with_equal_weights_of_one_both_rules_are_one(weights: list[int], slot: int) -> None:
    even = list(range(1, len(weights) + 1))

    by_weight = secondary_author(SecondaryRule.Weighted, bytes(32), slot, even)

    assert by_weight == secondary_author(SecondaryRule.Uniform, bytes(32), slot, even)


def test_score_randomness_and_beacon_are_independent() -> None:
    output = REAL.evaluate(PAIRS[0], slot_input(bytes(32), 5, 1))

    assert randomness_of(output) == output.make_bytes(b"BabeVRFInOutContext", 32)
    assert beacon_of(output) == output.make_bytes(b"BTTBeacon", 32)
    score = int.from_bytes(output.make_bytes(b"substrate-babe-vrf", 16), "little")
    assert wins(output, score + 1)
    assert not wins(output, score)


def test_a_vrf_input_is_of_one_slot_epoch_and_randomness() -> None:
    inputs = [
        slot_input(bytes(32), 5, 1),
        slot_input(bytes(32), 6, 1),
        slot_input(bytes(32), 5, 2),
        slot_input(bytes([1]) * 32, 5, 1),
    ]

    outputs = {REAL.evaluate(PAIRS[0], each).pre_output for each in inputs}

    assert len(outputs) == 4
