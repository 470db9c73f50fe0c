"""Over many slots each authority wins its share of the lottery and of other slots (4 sigma)."""

from __future__ import annotations

from math import sqrt

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.lottery import SecondaryRule, wins
from btt_chain.scale import u64
from genesis.accounts import dev_path
from support.simulated_vrf import SimulatedVrf

SLOTS = 10_000
SIGMAS = 4

PAIRS = [KeyPair.from_uri(dev_path(index), Scheme.SR25519) for index in range(7)]
VRF = SimulatedVrf(PAIRS)

WEIGHTS = {
    "even": [250_000_000] * 4,
    "one holder has 60 percent": [600_000_000, 200_000_000, 100_000_000, 100_000_000],
    "very uneven": [900_000_000, 90_000_000, 9_000_000, 900_000, 90_000, 10_000, 1],
    "clamped to one": [1, 1, 1, 999_999_997],
}


def epoch_of(weights: list[int], rule: SecondaryRule, randomness: bytes) -> Epoch:
    """Return one long epoch of such authorities."""
    return Epoch(
        index=1,
        start=1,
        length=SLOTS,
        authorities=tuple(
            (pair.public, weight) for pair, weight in zip(PAIRS, weights, strict=False)
        ),
        randomness=randomness,
        config=EpochConfig((u64(1), u64(2)), AllowedSlots.PrimaryAndSecondaryVRFSlots),
        secondary_rule=rule,
    )


def is_near(count: int, trials: int, share: float) -> bool:
    """Return True if a count is within `SIGMAS` of the expected one, or within one."""
    return abs(count - trials * share) <= max(1.0, SIGMAS * sqrt(trials * share * (1 - share)))


@pytest.mark.parametrize("name", WEIGHTS)
def test_wins_come_by_weight_and_turns_by_the_rule(name: str) -> None:
    weights = WEIGHTS[name]
    epochs = {rule: epoch_of(weights, rule, name.encode().ljust(32)[:32]) for rule in SecondaryRule}
    epoch = epochs[SecondaryRule.Uniform]  # the rule has no part in a win
    total, count = sum(weights), len(weights)
    thresholds = [epoch.threshold(index) for index in range(count)]
    won, idle = [0] * count, 0
    turns = {rule: [0] * count for rule in SecondaryRule}
    for slot in range(epoch.start, epoch.end):
        message = epoch.input(slot)
        winners = [
            index
            for index in range(count)
            if wins(VRF.evaluate(PAIRS[index], message), thresholds[index])
        ]
        for index in winners:
            won[index] += 1
        if not winners:
            idle += 1
            for rule in SecondaryRule:
                turns[rule][epochs[rule].secondary_author(slot)] += 1
    for index, weight in enumerate(weights):
        chance = 1 - (1 / 2) ** (weight / total)
        assert is_near(won[index], SLOTS, chance), f"authority {index} won {won[index]}"
        for rule in SecondaryRule:
            turn = 1 / count if rule is SecondaryRule.Uniform else weight / total
            counted = turns[rule][index]
            assert is_near(counted, idle, turn), f"authority {index}: {counted}, {rule}"
    # In all cases half of all slots is won, c = 1/2.
    assert is_near(SLOTS - idle, SLOTS, 1 / 2)
