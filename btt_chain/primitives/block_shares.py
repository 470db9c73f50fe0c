"""Shares of the blocks, and the weights in BABE by which authorities make them.

A slot has a winner of the lottery with probability c, else it belongs to its secondary author. By
the uniform rule each of n authorities is the secondary author of (1 - c) / n of all slots, whatever
its weight, so its weight stands for the rest of its share alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.lottery import SecondaryRule

SHARE_UNIT: Final = 10**9
"""Sum of all shares of the blocks."""


def weights_for(shares: Sequence[int], config: EpochConfig, rule: SecondaryRule) -> list[int]:
    """Return the weights in BABE of authorities that shall make these shares of the blocks.

    Each is at least 1. The shares need not add up to `SHARE_UNIT`. An authority whose secondary
    slots alone are more than its share makes those, at the cost of the others.
    """
    base = _secondary_part(len(shares), config, rule)
    if not base:
        return list(shares)
    total = max(1, sum(shares))
    parts = [max(0, SHARE_UNIT * share // total - base) for share in shares]
    whole = sum(parts)
    return [max(1, SHARE_UNIT * part // whole) if whole else 1 for part in parts]


def shares_of(weights: Sequence[int], config: EpochConfig, rule: SecondaryRule) -> list[int]:
    """Return the shares of the blocks that authorities of these weights make, rounded down."""
    base = _secondary_part(len(weights), config, rule)
    by_weight, total = SHARE_UNIT - base * len(weights), max(1, sum(weights))
    return [by_weight * weight // total + base for weight in weights]


def _secondary_part(authorities: int, config: EpochConfig, rule: SecondaryRule) -> int:
    """Return the share of the blocks that each authority makes whatever its weight."""
    if rule is SecondaryRule.Weighted or config.allowed_slots is AllowedSlots.PrimarySlots:
        return 0
    won, of = map(int, config.c)
    return SHARE_UNIT * (of - won) // (of * max(1, authorities))
