"""Conduct: a provider's record in an era, and its result when the era is over.

No hook is needed: an ended era is settled when the provider's record is next changed, which always
happens before a receipt of its work is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Bounded, TypeName, path, u8, u32
from runtime.splits import PPM

ERAS_WATCHED: Final = 24
"""A constant of `Providers`."""
MAX_TIMES: Final = 240

Count = u32


@path("pallet_providers::Timed")
@dataclass(slots=True)
class Timed:
    """Number of jobs of about one duration: their times share the three bits after the first."""

    step: u8
    jobs: Count


@path("pallet_providers::Conduct")
@dataclass(slots=True)
class Conduct:
    """A provider's offers and jobs in `era`, and its heartbeats in the eras before."""

    era: Annotated[u32, TypeName("EraIndex")] = u32(0)
    offers: Count = u32(0)
    declines: Count = u32(0)
    good: Count = u32(0)
    done: Count = u32(0)
    times: Annotated[Bounded[list[Timed], MAX_TIMES], TypeName("BoundedVec<Timed, MaxTimes>")] = (
        field(default_factory=list)
    )
    answered: Count = u32(0)
    """One bit for each ended era, the last one the lowest: set if a heartbeat came."""
    expected: Count = u32(0)
    """The same: set if a heartbeat was expected."""

    def heartbeats(self) -> tuple[int, int]:
        """Return the number of heartbeats that came and the number that was expected."""
        expected = int(self.expected)
        return (int(self.answered) & expected).bit_count(), expected.bit_count()


def next_era(conduct: Conduct, era: int, heartbeat: int, awake: Sequence[bool]) -> Conduct:
    """Return the record at the beginning of `era`.

    `heartbeat` is the era of the last heartbeat; `awake` has a bool for each of the last eras, the
    oldest first: True if one was expected. It covers all eras since `conduct.era`, or the last
    `ERAS_WATCHED`.
    """
    answered, expected, mask = int(conduct.answered), int(conduct.expected), (1 << ERAS_WATCHED) - 1
    for place, due in enumerate(awake):
        answered = (answered << 1 | (era - len(awake) + place == heartbeat)) & mask
        expected = (expected << 1 | due) & mask
    return Conduct(u32(era), answered=u32(answered), expected=u32(expected))


def free_declines(offers: int, quota: int) -> int:
    """Return the number of `offers` that may be declined at no cost; `quota` is in ppm."""
    return -(-offers * quota // PPM)


# ---- times that 95 of 100 jobs took, relative to the given time, to an eighth, in bounded space


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
    """Return a time that 95 of 100 jobs did not exceed, rounded up to its step."""
    left = -(-sum(int(row.jobs) for row in times) * 95 // 100)
    for row in times:
        left -= int(row.jobs)
        if left <= 0:
            return upper_edge(int(row.step))
    return 0
