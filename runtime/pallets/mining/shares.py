"""What an operator earns in an era, without keeping every receipt.

A receipt earns the lesser of two amounts: its cap, known when it comes in, and its part of the
era's budget by score, known when the era is over. Written with the era's price `u` of one unit of
score, that is min(cap, u * score): the cap if its own ratio, cap per score, is below `u`, else the
part. So receipts of about one ratio can be added up and decided about together. Ratios are rounded
down to their first five binary digits: receipts of one *step* differ by less than a sixteenth
(below 16 planck per unit of score by less than a planck).

Every step earns exactly what its receipts would one by one, but for the one step in which `u`
itself falls: there each receipt earns the step's lower edge, at most a sixteenth less. No receipt
ever earns more than the lesser of its two amounts, whatever others came with it: spare cap of one
cannot be used up by another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from btt_chain.scale import TypeName, path, u128

STEP_BITS: Final = 5
MAX_STEPS: Final = 64
"""Steps kept of one operator and era: four doublings of what a unit of work pays."""


@path("pallet_mining::Step", params={"Balance": u128})
@dataclass(slots=True)
class Step:
    """Receipts whose cap per score is about the same. All that is here is a sum."""

    edge: Annotated[u128, TypeName("Balance")]
    """The lower edge, in planck per unit of score; the next step's begins above it."""
    score: u128
    cap: Annotated[u128, TypeName("Balance")]
    """Always: `edge * score <= cap < width of the step's upper edge * score`."""

    def folded(self, edge: int) -> Step:
        """Return the step with another, lower edge, and the caps that its receipts have there."""
        return Step(u128(edge), self.score, u128(edge * int(self.score)))


def edge_of(ratio: int) -> int:
    """Return the lower edge of the step in which `ratio` lies."""
    shift = max(ratio.bit_length() - STEP_BITS, 0)
    return ratio >> shift << shift


def upper_edge(edge: int) -> int:
    """Return the first ratio above the step that begins at `edge`."""
    return edge + (1 << max(edge.bit_length() - STEP_BITS, 0))


def added(steps: Sequence[Step], score: int, cap: int) -> list[Step]:
    """Return `steps`, in order of their edges, with one more receipt. `score` is above zero.

    Where there are `MAX_STEPS` already, the receipt counts with the step below its own (or the
    lowest with it) as if it had that step's ratio, which is less than its own.
    """
    result = list(steps)
    edge = min(edge_of(cap // score), u128.MAX)
    place = bisect_left(result, edge, key=lambda step: int(step.edge))
    if place < len(result) and result[place].edge == edge:
        return with_receipt(result, place, score, cap)
    if len(result) < MAX_STEPS:
        result.insert(place, Step(u128(edge), u128(score), u128(cap)))
        return result
    if place:
        lower = int(result[place - 1].edge)
        return with_receipt(result, place - 1, score, lower * score)
    result[0] = result[0].folded(edge)
    return with_receipt(result, 0, score, cap)


def with_receipt(steps: list[Step], place: int, score: int, cap: int) -> list[Step]:
    """Return `steps` with a receipt added to the one at `place`."""
    old = steps[place]
    steps[place] = Step(old.edge, old.score + score, old.cap + cap)
    return steps


def score_of(steps: Sequence[Step]) -> int:
    """Return the score of all receipts."""
    return sum(int(step.score) for step in steps)


def part(budget: int, score: int, total: int) -> int:
    """Return the part of `budget` that `score` of `total` is, rounded down; 0 of nothing."""
    return budget * score // total if total else 0


def earned(steps: Sequence[Step], budget: int, total: int) -> int:
    """Return what the receipts earn of an era's `budget`, shared by a score of `total`, in planck.

    At most `part(budget, score_of(steps), total)`, and at most the caps.
    """
    return sum(earned_by(step, budget, total) for step in steps)


def earned_by(step: Step, budget: int, total: int) -> int:
    """Return what the receipts of one step earn."""
    edge, score = int(step.edge), int(step.score)
    if budget <= edge * total:
        return part(budget, score, total)
    if budget >= upper_edge(edge) * total:
        return int(step.cap)
    return edge * score
