"""The lottery of blocks in two ways: played over many slots, and computed.

Of several winners of a slot one is best by its pre-output (`btt_chain/chain/client.py`), which
does not depend on its chance to win. A slot without a winner belongs to its secondary author.
Thresholds and secondary authors are those of the chain.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.block_shares import SHARE_UNIT, weights_for
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.lottery import SCORE_BITS, SecondaryRule
from btt_chain.scale import u64

CAPPED = [20, *[80 / 15] * 15]
OPERATOR = [*[1.0] * 20, *[1.0] * 80]
SMALL = [*[10.0] * 20, *[50.0] * 40]
FOUR = [37.5, *[62.5 / 3] * 3]
UNEVEN = [100.0, 40.0, 40.0, 40.0]

GROUPS = {
    "16 equal bonds, one works, cap 20 %": (CAPPED, 1),
    "20 small bonds beside 40 large": (SMALL, 20),
    "one operator with 20 of 100 places": (OPERATOR, 20),
    "4 equal bonds, one works, cap 37.5 %": (FOUR, 1),
    "bonds 100:40:40:40": (UNEVEN, 1),
}
"""Wanted shares, and the size of the group of which the part is counted."""
WAYS = (((1, 4), False), ((1, 2), False), ((1, 2), True))
"""Values of c, and whether the weights are compensated; else they are the shares."""
STEPS = 40
"""Steps of an integral."""


class Played(NamedTuple):
    """Blocks of each authority, and slots with several winners, as parts of all slots."""

    made: list[float]
    contested: float


def epoch_of(
    shares: Sequence[int],
    *,
    chance: tuple[int, int] = (1, 2),
    rule: SecondaryRule = SecondaryRule.Uniform,
    is_compensated: bool = True,
    seed: int = 1,
) -> Epoch:
    """Return an epoch of authorities that shall make these shares of the blocks.

    Without compensation the shares are the weights.
    """
    config = EpochConfig((u64(chance[0]), u64(chance[1])), AllowedSlots.PrimaryAndSecondaryVRFSlots)
    weights = weights_for(shares, config, rule) if is_compensated else shares
    return Epoch(
        index=1,
        start=0,
        length=10**9,
        authorities=tuple((i.to_bytes(32, "big"), weight) for i, weight in enumerate(weights)),
        randomness=seed.to_bytes(32, "big"),
        config=config,
        secondary_rule=rule,
    )


def shares_of(parts: Sequence[float]) -> list[int]:
    """Return parts of anything as shares of the blocks."""
    return [int(SHARE_UNIT * part / sum(parts)) for part in parts]


def chances(epoch: Epoch) -> list[float]:
    """Return the chance of each authority to win a slot."""
    return [epoch.threshold(index) / 2**SCORE_BITS for index in range(len(epoch.authorities))]


def play(epoch: Epoch, slots: int, rng: random.Random, *, by_score: bool = False) -> Played:
    """Play that many slots; `by_score`: the smaller score is best, as a chain might have it."""
    best: dict[int, tuple[float, int]] = {}
    contested: set[int] = set()
    for index, chance in enumerate(chances(epoch)):
        slot = -1
        while True:
            # The slots to the next win, instead of a number for each slot.
            slot += 1 + int(math.log(1.0 - rng.random()) / math.log1p(-chance))
            if slot >= slots:
                break
            output = rng.random() * (chance if by_score else 1.0), index
            if slot in best:
                contested.add(slot)
            best[slot] = min(output, best.get(slot, output))
    made = [0] * len(epoch.authorities)
    for slot in range(slots):
        won = best.get(slot)
        made[epoch.secondary_author(slot) if won is None else won[1]] += 1
    return Played([count / slots for count in made], len(contested) / slots)


def computed(epoch: Epoch) -> list[float]:
    """Return the part of all slots that each authority makes by the uniform rule.

    With k other winners it is best in one of k + 1 cases: the integral of x^k from 0 to 1.
    """
    won = chances(epoch)
    made = [math.prod(1 - chance for chance in won) / len(won)] * len(won)
    for step in range(STEPS + 1):
        x = step / STEPS
        simpson = 1 if step in {0, STEPS} else 4 if step % 2 else 2
        every = math.prod(1 - chance + chance * x for chance in won)
        for index, chance in enumerate(won):
            made[index] += simpson * chance * every / (1 - chance + chance * x) / (3 * STEPS)
    return made
