"""Limits of the hooks: how many batches, disputes, holds and records a block processes by itself.

The hooks of the pallet take at most `hook_weight` of a block, whatever the length of a slot. Each
step has a part of it, and the removal of old records takes what the other steps leave. Steps are
counted with their measured weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from runtime.pallets.payfi import weights

SETTLING_PERCENT: Final = 60
"""Percentage of the hooks' weight in which batches settle."""
DISPUTES_PERCENT: Final = 20
"""Percentage in which disputes leave a phase."""
HOLDS_PERCENT: Final = 15
"""Percentage in which expired authorisations are voided."""
CARDS_PERCENT: Final = 5
"""Percentage in which dropped cards are forgotten."""

END_DISPUTES: Final = (weights.end_phases, weights.end_answers, weights.end_judgements)


def weight_of(steps: Sequence[Callable[[int], int]], count: int) -> int:
    """Return the weight of `count` steps, whichever of `steps` they are.

    The first one costs more than the others; without any, `NOTHING_DUE` has the cost of looking.
    """
    return max(each(count) for each in steps) if count else 0


def end_weight(disputes: int) -> int:
    """Return the weight of so many disputes that leave a phase, whichever it is."""
    return weight_of(END_DISPUTES, disputes)


class PruneCosts(NamedTuple):
    """Weights of the removal of old payments, in picoseconds."""

    first: int
    """Difference between the first one and the others."""
    payment: int
    """A payment that was not disputed."""
    disputed: int
    """A payment with the record of its dispute."""


PRUNE_COSTS: Final = PruneCosts(
    weights.prune(0, 0),
    weights.prune(1, 0) - weights.prune(0, 0),
    weights.prune(0, 1) - weights.prune(0, 0),
)
IDLE: Final = weights.SHARED_KEYS + weights.NOTHING_DUE
"""Weight of the hooks in a block in which nothing is due."""


class HookLimits(NamedTuple):
    """Maximum numbers of one block, at least one of each."""

    batches: int
    """Batches that settle."""
    disputes: int
    """Disputes whose phase ends."""
    holds: int
    """Authorisations that expire."""
    cards: int
    """Dropped cards that are forgotten."""


def hook_limits(hook_weight: int) -> HookLimits:
    """Return the limits of a block whose hooks may take so many picoseconds."""
    room = hook_weight - IDLE - PRUNE_COSTS.first

    def limit(percent: int, *steps: Callable[[int], int]) -> int:
        first = weight_of(steps, 1)
        each = max(step(2) - step(1) for step in steps)
        return 1 + max(0, room * percent // 100 - first) // each

    return HookLimits(
        batches=limit(SETTLING_PERCENT, weights.settle_due),
        disputes=limit(DISPUTES_PERCENT, *END_DISPUTES),
        holds=limit(HOLDS_PERCENT, weights.void_expired),
        cards=limit(CARDS_PERCENT, weights.end_retired),
    )
