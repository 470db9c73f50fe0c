"""Conduct: what is noted of a provider while an era runs, and what it comes to when it is over.

Nothing of it needs a hook: an era that is over is settled when the provider is next touched,
which it always is before a receipt of its work is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from btt_chain.scale import Bounded, TypeName, path, u8, u32
from runtime.splits import PPM

ERAS_WATCHED: Final = 24
"""A constant of `Providers`."""
MAX_TIMES: Final = 240

Count = Annotated[u32, TypeName("u32")]


@path("pallet_providers::Timed")
@dataclass(slots=True)
class Timed:
    """How many jobs took about as long: their times share the three bits after the first."""

    step: Annotated[u8, TypeName("u8")]
    jobs: Count


@path("pallet_providers::Conduct")
@dataclass(slots=True)
class Conduct:
    """What a provider was asked for and did in `era`, and how it answered in the eras before."""

    era: Annotated[u32, TypeName("EraIndex")] = u32(0)
    offers: Count = u32(0)
    declines: Count = u32(0)
    good: Count = u32(0)
    done: Count = u32(0)
    times: Annotated[Bounded[list[Timed], MAX_TIMES], TypeName("BoundedVec<Timed, MaxTimes>")] = (
        field(default_factory=list)
    )
    answered: Count = u32(0)
    """A bit for each era that is over, the last one the lowest: whether it was heard."""
    expected: Count = u32(0)
    """And whether it was to be."""

    def heard_of(self) -> tuple[int, int]:
        """Return how many heartbeats came and how many were expected."""
        expected = int(self.expected)
        return (int(self.answered) & expected).bit_count(), expected.bit_count()


def next_era(conduct: Conduct, era: int, heard: int, awake: Sequence[bool]) -> Conduct:
    """Return what is left of it at the beginning of `era`.

    `heard` is the era of the last heartbeat; `awake` tells of each of the last eras, the oldest
    first, whether one was expected in it: of all that are over since, or of `ERAS_WATCHED`.
    """
    answered, expected, mask = int(conduct.answered), int(conduct.expected), (1 << ERAS_WATCHED) - 1
    for place, due in enumerate(awake):
        answered = (answered << 1 | (era - len(awake) + place == heard)) & mask
        expected = (expected << 1 | due) & mask
    return Conduct(u32(era), answered=u32(answered), expected=u32(expected))


def free_declines(offers: int, quota: int) -> int:
    """Return how many of so many offers may be declined at no cost; `quota` is in ppm."""
    return -(-offers * quota // PPM)


# ---- times: what 95 of 100 jobs took of what they were given, to an eighth, in bounded room


def step_of(time: int) -> int:
    """Return the step in which a time lies; each is at most an eighth wide."""
    most = min(time, int(u32.MAX))
    shift = max(most.bit_length() - 4, 0)
    return 8 * shift + (most >> shift)


def upper_edge(step: int) -> int:
    """Return the longest time of a step."""
    shift = max(step // 8 - 1, 0)
    return ((step - 8 * shift + 1) << shift) - 1


def timed(times: Sequence[Timed], time: int) -> list[Timed]:
    """Return the counts with one job more, in the order of time."""
    step, rows = step_of(time), {int(row.step): int(row.jobs) for row in times}
    rows[step] = rows.get(step, 0) + 1
    return [Timed(u8(at), u32(rows[at])) for at in sorted(rows)]


def p95(times: Sequence[Timed]) -> int:
    """Return a time that 95 of 100 jobs kept to, rounded up to its step."""
    left = -(-sum(int(row.jobs) for row in times) * 95 // 100)
    for row in times:
        left -= int(row.jobs)
        if left <= 0:
            return upper_edge(int(row.step))
    return 0
