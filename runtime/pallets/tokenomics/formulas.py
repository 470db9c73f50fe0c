"""Stateless formulas of releases. Amounts in planck, times in milliseconds or slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from runtime.constants import MONTH_MS, YEAR_MS
from runtime.pallets.tokenomics.types import ContractualRow, Milestone, MilestoneStatus
from runtime.schedules import vested
from runtime.splits import BPS

FIRST_YEAR: Final = 2025
"""Label of the chain's first year, independent of the calendar."""
RELEASE_TABLE: Final = (2_200, 1_800, 1_500, 1_200, 1_000, 2_300)
"""The documents' table: hundredths of a percent of the supply, for 2025 to 2030 and later."""


def label_year(time_ms: int) -> int:
    """Return the label year that contains `time_ms` since genesis."""
    return FIRST_YEAR + time_ms // YEAR_MS


def year_begin(year: int, slot_ms: int) -> int:
    """Return the first slot of a label year."""
    return (year - FIRST_YEAR) * (YEAR_MS // slot_ms)


def table_part(supply: int, table: Sequence[int], year: int) -> int:
    """Return the amount of the table for one year; zero for years outside of it."""
    place = year - FIRST_YEAR
    return supply * int(table[place]) // BPS if 0 <= place < len(table) else 0


def ceiling(supply: int, table: Sequence[int], year: int) -> int:
    """Return the amount of the table for a year and all before it."""
    years = max(0, year - FIRST_YEAR + 1)
    return supply * sum(map(int, table[:years])) // BPS


def contractual(rows: Sequence[ContractualRow], now: int) -> int:
    """Return the amount released by contract until slot `now`."""
    return sum(
        vested(int(row.amount), int(row.start), int(row.length), int(row.cliff), now)
        for row in rows
    )


def time_cap(amount: int, months: int, time_ms: int) -> int:
    """Return the part of a programme released by time: an equal part after each full month."""
    return int(amount) * min(time_ms // MONTH_MS, int(months)) // int(months)


def milestone_cap(amount: int, done_bps: int) -> int:
    """Return the part of a programme released by the milestones that are done."""
    return int(amount) * int(done_bps) // BPS


def settled(milestones: Sequence[Milestone], now: int, window: int) -> list[int]:
    """Return the places of items whose objection window has passed without an objection."""
    return [
        place
        for place, item in enumerate(milestones)
        if item.status is MilestoneStatus.Attested and not is_open(item, now, window)
    ]


def is_open(item: Milestone, now: int, window: int) -> bool:
    """Return True if an attested item can still be objected to in slot `now`."""
    return now < int(item.since) + window
