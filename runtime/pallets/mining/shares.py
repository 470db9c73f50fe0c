"""An operator's earnings in an era, without storing every receipt.

A receipt earns the lesser of two amounts: its cap, known when it comes in, and its part of the
era's budget by score, known when the era is over. Written with the era's price `u` of one unit of
score, that is min(cap, u * score): the cap if its own ratio, cap per score, is below `u`, else the
part. An operator's first receipts of an era are stored one by one, and earn exactly that. If there
are many, those of about one ratio are added up and settled together: ratios are rounded down
to their first five binary digits, so that receipts of one *step* differ by less than a sixteenth
(below 16 planck per part of a unit by less than a planck).

Such a step earns exactly what its receipts would one by one, unless `u` itself falls into it: there
each receipt earns the step's lower edge, at most a sixteenth less. No receipt ever earns more than
the lesser of its two amounts, regardless of the others: spare cap of one cannot be used up by
another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import path, u128
from runtime.frame.aliases import Balance

STEP_BITS: Final = 5
MAX_SINGLE: Final = 16
"""Receipts of one operator and era that are stored one by one; one more, and they are summed."""
MAX_STEPS: Final = 64
"""Maximum number of steps of one operator and era: four doublings of a unit's pay."""


@path("pallet_mining::Step", params={"Balance": u128})
@dataclass(slots=True)
class Step:
    """One receipt, or several whose cap per score is about the same: then all here are sums."""

    edge: Balance
    """Lower edge, in planck per part of a unit; the next step's begins above it."""
    score: u128
    """Score in parts of a unit (`types.PARTS`)."""
    cap: Balance
    """Invariant: `edge * score <= cap < width of the step's upper edge * score`."""
    is_single: bool

    def folded(self, edge: int) -> Step:
        """Return the step with another, lower edge, and the caps that its receipts have there."""
        return Step(u128(edge), self.score, u128(edge * int(self.score)), self.is_single)


def edge_of(ratio: int) -> int:
    """Return the lower edge of the step in which `ratio` lies."""
    shift = max(ratio.bit_length() - STEP_BITS, 0)
    return ratio >> shift << shift


def upper_edge(edge: int) -> int:
    """Return the first ratio above the step that begins at `edge`."""
    return edge + (1 << max(edge.bit_length() - STEP_BITS, 0))


def added(steps: Sequence[Step], score: int, cap: int) -> list[Step]:
    """Return `steps`, in order of their edges, with one more receipt. `score` is above zero."""
    edge = u128(min(edge_of(cap // score), u128.MAX))
    single = Step(edge, u128(score), u128(cap), is_single=True)
    if sum(step.is_single for step in steps) < MAX_SINGLE and len(steps) < MAX_STEPS:
        result = list(steps)
        result.insert(bisect_left(result, edge, key=edge_in), single)
        return result
    result = []
    for step in steps:
        put(result, step)
    put(result, single)
    return result


def put(steps: list[Step], more: Step) -> None:
    """Add a step to `steps`, in order of their edges; merge it with a step of the same edge.

    If there are `MAX_STEPS` already, it is merged into the step below its own (or the lowest is
    merged into it) as if it had that step's ratio, which is less than its own.
    """
    place = bisect_left(steps, more.edge, key=edge_in)
    if place < len(steps) and steps[place].edge == more.edge:
        steps[place] = both(steps[place], more)
    elif len(steps) < MAX_STEPS:
        steps.insert(place, more)
    elif place:
        lower = steps[place - 1]
        steps[place - 1] = both(lower, more.folded(int(lower.edge)))
    else:
        steps[0] = both(steps[0].folded(int(more.edge)), more)


def both(one: Step, other: Step) -> Step:
    """Return the merged step of two that have one edge."""
    return Step(one.edge, one.score + other.score, one.cap + other.cap, is_single=False)


def edge_in(step: Step) -> u128:
    """Return the lower edge of a step."""
    return step.edge


def score_of(steps: Sequence[Step]) -> int:
    """Return the score of all receipts."""
    return sum(int(step.score) for step in steps)


def part(budget: int, score: int, total: int) -> int:
    """Return the part of `budget` for `score` of `total`, rounded down; 0 if `total` is 0."""
    return budget * score // total if total else 0


def earned(steps: Sequence[Step], budget: int, total: int) -> int:
    """Return the earnings from an era's `budget`, shared by a score of `total`, in planck.

    At most `part(budget, score_of(steps), total)`, and at most the caps.
    """
    return sum(earned_by(step, budget, total) for step in steps)


def earned_by(step: Step, budget: int, total: int) -> int:
    """Return the earnings of the receipts of one step."""
    edge, score = int(step.edge), int(step.score)
    if step.is_single:
        return min(int(step.cap), part(budget, score, total))
    if budget <= edge * total:
        return part(budget, score, total)
    if budget >= upper_edge(edge) * total:
        return int(step.cap)
    return edge * score
