"""Promised amounts by month and by year, as printed by `btt-chain tokenomics` without a node.

`schedule` returns the released part of each row, `emission` the emission of mining, `release`
compares all of it with the documents' table. The numbers come from the runtime's own functions:
this module only iterates over months and rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from genesis.allocation import Kind, Row, Table, slots
from genesis.catalogue import chain_named
from genesis.holders import table
from genesis.presets import ALIASES, CHAINS, Chain
from genesis.spec import SpecError
from runtime.constants import MONTH_MS
from runtime.emission import emitted
from runtime.pallets.tokenomics.formulas import (
    FIRST_YEAR,
    RELEASE_TABLE,
    ceiling,
    table_part,
    time_cap,
)

MONTHS: Final = 96
MONTHS_OF_YEAR: Final = 12
LAST_YEAR: Final = FIRST_YEAR + len(RELEASE_TABLE) - 1
"""Year of the table's last entry, which also covers all later years."""


class Vested(NamedTuple):
    """The released amount of a row after a number of months."""

    preset: str
    key: str
    month: int
    vested_planck: int


class Emitted(NamedTuple):
    """The emitted amount of the mining pool after a number of months."""

    preset: str
    month: int
    cumulative_planck: int


class Release(NamedTuple):
    """A year of the release table, compared with the rows' releases. All amounts in planck.

    `rows` is the release by contract: vesting, mining, immediate rows, and the Foundation's
    programmes at their time cap; `gap` is the table's share less that, and may be negative.
    `headroom` is the rest of the ceiling at the end of the year for discretionary releases,
    including the Foundation's programmes; `headroom_after_foundation` is the rest when these
    programmes have taken all that time allows. Both are cumulative, never negative.
    """

    preset: str
    year: str
    table_planck: int
    vesting_planck: int
    mining_planck: int
    immediate_planck: int
    foundation_cap_planck: int
    rows_planck: int
    gap_planck: int
    cumulative_table_planck: int
    cumulative_rows_planck: int
    headroom_planck: int
    headroom_after_foundation_planck: int


def chain_of(preset: str) -> Chain:
    """Return the chain of that name. SpecError, with the known names, if there is none."""
    chain = chain_named(preset)
    if chain is None:
        raise SpecError(f"{preset}: no preset; there are {', '.join((*CHAINS, *ALIASES))}")
    return chain


# --- by the month ---------------------------------------------------------------


def schedule(preset: str) -> Iterator[Vested]:
    """Yield every row released by time, month by month from 0 to 96, by the runtime's functions.

    Linear rows as they vest, milestone rows at their time cap (the most that milestones on time
    release), the mining row as it is emitted. SpecError if there is no such preset.
    """
    chain = chain_of(preset)
    rows = table(chain.document)
    for row in timed(rows):
        for month in range(MONTHS + 1):
            yield Vested(chain.preset, row.key, month, free_after(rows, row, month, chain.slot_ms))


def timed(rows: Table) -> Iterator[Row]:
    """Return the rows released by time: linear, milestone and mining, in the table's order."""
    return (row for row in rows.rows if row.kind in {Kind.LINEAR, Kind.MILESTONE, Kind.MINING})


def free_after(rows: Table, row: Row, month: int, slot_ms: int) -> int:
    """Return the maximum released amount of a row after a number of months, in planck."""
    return free_at(rows, row, slots(month, slot_ms), slot_ms)


def free_at(rows: Table, row: Row, slot: int, slot_ms: int) -> int:
    """Return the maximum released amount of a row in a slot since genesis, in planck.

    Zero for rows that only decisions release; everything for rows that are free from genesis.
    """
    match row.kind:
        case Kind.LINEAR:
            return int(rows.schedule(row, slot_ms).vested(slot))
        case Kind.MILESTONE:
            if row.months is None:
                raise SpecError(f"row {row.key}: a {row.kind} row without an end")
            return time_cap(row.amount, row.months, slot * slot_ms)
        case Kind.MINING:
            return int(emitted(row.amount, slot * slot_ms))
        case Kind.IMMEDIATE:
            return row.amount
        case Kind.DISCRETIONARY | Kind.RESERVE | Kind.TREASURY:
            return 0


def emission(preset: str) -> Iterator[Emitted]:
    """Yield the maximum emission of mining, monthly from 0 to 96. SpecError if no preset."""
    chain = chain_of(preset)
    pool = table(chain.document).row_of(Kind.MINING)
    amount = 0 if pool is None else pool.amount
    for month in range(MONTHS + 1):
        yield Emitted(chain.preset, month, int(emitted(amount, month * MONTH_MS)))


# --- by the year ----------------------------------------------------------------


def release(preset: str) -> Iterator[Release]:
    """Yield the release table, compared with the rows, by year. SpecError if no preset.

    A year is twelve months of protocol time from genesis, labelled 2025, 2026, ... whenever the
    chain starts; the last entry is 2030 and all later years. Releases in the very slot in which a
    year ends belong to that year, so that its sum is `schedule`'s after twelve months.
    """
    chain = chain_of(preset)
    rows = table(chain.document)
    before = dict.fromkeys(Kind, 0)
    rows_so_far = foundation_so_far = 0
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        is_last = year == LAST_YEAR
        month = _end(rows) if is_last else MONTHS_OF_YEAR * (year - FIRST_YEAR + 1)
        now = dict.fromkeys(Kind, 0)
        for row in rows.rows:
            now[row.kind] += free_after(rows, row, month, chain.slot_ms)
        part = {kind: now[kind] - before[kind] for kind in Kind}
        before = now
        given, share = sum(part.values()), table_part(rows.supply, RELEASE_TABLE, year)
        limit = ceiling(rows.supply, RELEASE_TABLE, year)
        rows_so_far += given
        foundation_so_far += part[Kind.MILESTONE]
        yield Release(
            preset=chain.preset,
            year=f"{year}+" if is_last else str(year),
            table_planck=share,
            vesting_planck=part[Kind.LINEAR],
            mining_planck=part[Kind.MINING],
            immediate_planck=part[Kind.IMMEDIATE],
            foundation_cap_planck=part[Kind.MILESTONE],
            rows_planck=given,
            gap_planck=share - given,
            cumulative_table_planck=limit,
            cumulative_rows_planck=rows_so_far,
            headroom_planck=max(0, limit - rows_so_far + foundation_so_far),
            headroom_after_foundation_planck=max(0, limit - rows_so_far),
        )


def year_named(text: str) -> str | None:
    """Return the entry of the release table for a year; None for texts outside of it."""
    digits = text.removesuffix("+")
    if not (digits.isascii() and digits.isdecimal() and len(digits) == len(str(FIRST_YEAR))):
        return None
    year = int(digits)
    if year < FIRST_YEAR or (text != digits and year != LAST_YEAR):
        return None
    return str(year) if year < LAST_YEAR else f"{LAST_YEAR}+"


def _end(rows: Table) -> int:
    """Return the month after which time releases nothing more."""
    ends = ((row.lock_months or 0) + (row.months or 0) for row in rows.rows)
    return max(MONTHS, *ends)


# --- as text --------------------------------------------------------------------


def as_csv(rows: Iterable[NamedTuple], fields: Iterable[str]) -> str:
    """Return rows of one kind as CSV, with a header line of their fields."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    return text.getvalue()


def schedule_csv(preset: str) -> str:
    """Return the schedule as CSV with a header line; SpecError if there is no such preset."""
    return as_csv(schedule(preset), Vested._fields)


def emission_csv(preset: str) -> str:
    """Return the emission as CSV with a header line; SpecError if there is no such preset."""
    return as_csv(emission(preset), Emitted._fields)


def release_csv(preset: str, year: str | None = None) -> str:
    """Return the release table as CSV, of one year if given; SpecError if no such preset."""
    rows = (row for row in release(preset) if year is None or row.year == year)
    return as_csv(rows, Release._fields)
