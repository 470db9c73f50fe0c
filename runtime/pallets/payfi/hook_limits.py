"""Limits of the hooks: how many batches, disputes, holds and records a block processes by itself.

The hooks of the pallet take at most `hook_weight` of a block, whatever the length of a slot. Each
step has a part of it, and the removal of old records takes what the other steps leave. Steps are
counted with their measured weights.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from runtime.weights import pay_fi as weights

SETTLING_PERCENT: Final = 60
"""Percentage of the hooks' weight in which batches settle."""
DISPUTES_PERCENT: Final = 20
"""Percentage in which disputes leave a phase."""
HOLDS_PERCENT: Final = 15
"""Percentage in which expired authorisations are voided."""
CARDS_PERCENT: Final = 5
"""Percentage in which dropped cards are forgotten."""

EACH_BATCH: Final = weights.settle_due(1) - weights.settle_due(0)
EACH_DISPUTE: Final = max(
    each(1) - each(0) for each in (weights.end_phases, weights.end_answers, weights.end_judgements)
)
EACH_HOLD: Final = weights.void_expired(1) - weights.void_expired(0)
EACH_CARD: Final = weights.end_retired(1) - weights.end_retired(0)


class PruneCosts(NamedTuple):
    """Weights of the removal of old payments, in picoseconds."""

    payment: int
    """A payment that was not disputed."""
    disputed: int
    """A payment with the record of its dispute."""


PRUNE_COSTS: Final = PruneCosts(
    weights.prune(1, 0) - weights.prune(0, 0), weights.prune(0, 1) - weights.prune(0, 0)
)


def end_weight(disputes: int) -> int:
    """Return the weight of so many disputes that leave a phase, whichever it is."""
    return max(
        weights.end_phases(disputes),
        weights.end_answers(disputes),
        weights.end_judgements(disputes),
    )


IDLE: Final = (
    weights.SHARED_KEYS
    + weights.settle_due(0)
    + end_weight(0)
    + weights.void_expired(0)
    + weights.end_retired(0)
    + weights.prune(0, 0)
)
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
    room = hook_weight - IDLE

    def limit(percent: int, each: int) -> int:
        return max(1, room * percent // 100 // each)

    return HookLimits(
        batches=limit(SETTLING_PERCENT, EACH_BATCH),
        disputes=limit(DISPUTES_PERCENT, EACH_DISPUTE),
        holds=limit(HOLDS_PERCENT, EACH_HOLD),
        cards=limit(CARDS_PERCENT, EACH_CARD),
    )
