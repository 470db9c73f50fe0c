"""Public statistics of points: no small number, and none that follows from others.

1. Countries with fewer than five facilities are merged into one row; if that row has fewer than
   five, the smallest other country joins it. With fewer than five facilities in all there is no
   table.
2. A cell of 1 to 10 points is hidden.
3. Where exactly one cell of a row or column is hidden, the next smallest one is hidden, too.
4. Shown numbers are rounded down to a multiple of five; totals are sums of shown cells.

A month is published once it can no longer be closed; then nothing of it changes.
Source: the cell size suppression policy of the US Centers for Medicare and Medicaid Services.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import TypeName, path, u16, u32, u64
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives.types import PROVIDERS, Group, GroupTally

THRESHOLD: Final = 11
"""Smallest number that is shown, besides zero."""
MIN_FACILITIES: Final = 5
"""Minimum number of facilities of a row."""
STEP: Final = 5
"""Shown numbers are multiples of it."""


@path("btt_runtime::incentives::StatisticsCell")
@dataclass(frozen=True, slots=True)
class StatisticsCell:
    """The points of facilities of one kind."""

    kind: Kind
    points: Annotated[u64 | None, TypeName("Option<u64>")]
    """Rounded down to a multiple of five; none where the number is hidden."""


@path("btt_runtime::incentives::StatisticsRow")
@dataclass(frozen=True, slots=True)
class StatisticsRow:
    """The points of one country, or of several small ones together."""

    regions: list[u16]
    """Numbers of the countries by ISO 3166-1."""
    facilities: u32
    """Number of facilities that closed the month, rounded down to a multiple of five."""
    cells: list[StatisticsCell]


@path("btt_runtime::incentives::Statistics")
@dataclass(frozen=True, slots=True)
class Statistics:
    """The points with which facilities closed a month."""

    month: u32
    rows: list[StatisticsRow]
    shown: u64
    """Sum of the shown cells."""


@dataclass(slots=True)
class Row:
    """A row before it is published."""

    regions: list[int]
    facilities: int
    points: list[int]
    """By kind, in the order of `PROVIDERS`."""


def publish(month: int, tallies: Sequence[tuple[Group, GroupTally]]) -> Statistics:
    """Return the published table of a month."""
    rows = merged(rows_of(tallies))
    hidden = suppressed([row.points for row in rows])
    table = [
        StatisticsRow(
            [u16(region) for region in row.regions],
            u32(rounded(row.facilities)),
            [
                StatisticsCell(kind, None if (at, place) in hidden else u64(rounded(points)))
                for place, (kind, points) in enumerate(zip(PROVIDERS, row.points, strict=True))
            ],
        )
        for at, row in enumerate(rows)
    ]
    shown = sum(int(cell.points or 0) for row in table for cell in row.cells)
    return Statistics(u32(month), table, u64(shown))


def rows_of(tallies: Sequence[tuple[Group, GroupTally]]) -> list[Row]:
    """Return one row for each country, in the order of their numbers."""
    found: dict[int, Row] = {}
    for group, tally in tallies:
        region = int(group.region)
        row = found.setdefault(region, Row([region], 0, [0] * len(PROVIDERS)))
        row.facilities += int(tally.facilities)
        row.points[PROVIDERS.index(group.kind)] += int(tally.points)
    return [found[region] for region in sorted(found)]


def merged(rows: Sequence[Row]) -> list[Row]:
    """Return rows of at least five facilities each; small ones are one row, the last."""
    large = [row for row in rows if row.facilities >= MIN_FACILITIES]
    small = [row for row in rows if row.facilities < MIN_FACILITIES]
    while small and sum(row.facilities for row in small) < MIN_FACILITIES:
        if not large:
            return []
        least = min(large, key=lambda row: row.facilities)
        large.remove(least)
        small.append(least)
    if not small:
        return large
    joined = Row(
        sorted(region for row in small for region in row.regions),
        sum(row.facilities for row in small),
        [sum(column) for column in zip(*(row.points for row in small), strict=True)],
    )
    return [*large, joined]


def suppressed(table: Sequence[Sequence[int]]) -> dict[tuple[int, int], None]:
    """Return the places of hidden cells: rows and columns have none of them, or at least two.

    A single row has no columns to compare.
    """
    places = [(at, place) for at, row in enumerate(table) for place in range(len(row))]
    hidden = {each: None for each in places if 0 < table[each[0]][each[1]] < THRESHOLD}
    lines = [[each for each in places if each[0] == at] for at in range(len(table))]
    if len(table) > 1:
        lines += [[each for each in places if each[1] == at] for at in range(len(table[0]))]
    changed = True
    while changed:
        changed = False
        for line in lines:
            if sum(each in hidden for each in line) == 1:
                rest = [each for each in line if each not in hidden]
                hidden[min(rest, key=lambda at: (not table[at[0]][at[1]], table[at[0]][at[1]]))] = (
                    None
                )
                changed = True
    return hidden


def rounded(number: int) -> int:
    """Return a number rounded down to a multiple of five."""
    return number - number % STEP
